"""Validates what a run reports: replays its episodes through the codec itself, once by their actions and once by the policy.

Nothing is unpickled, so the runs of strangers can be validated: a run is read as JSON and as an ONNX graph.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from rlcodec.agents.evaluate import evaluate_policy, share_of_gap
from rlcodec.agents.reported_results import (
    POLICY_FILE,
    RESULTS_FILE,
    SHIPPED,
    ReportedEpisode,
    ReportedObjective,
    ReportedResults,
    draw_episodes,
    file_sha256,
    images_sha256,
    make_results,
)
from rlcodec.api import decode
from rlcodec.control.objective import DISTORTIONS, KINDS, LOSS, MEASURE_OF, Objective, distortion
from rlcodec.control.onnx_policy import OnnxPolicy
from rlcodec.core.metrics import ms_ssim_loss
from rlcodec.core.progress import Report, with_progress
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.envs.tasks import Images, Task, task_of
from rlcodec.errors import DataError, OptionError
from rlcodec.presets.base import Encoded
from rlcodec.presets.registry import preset_by_name

LAST_DIGITS = 1e-9
"""Relative; powers and logarithms may differ by so much between the libraries of machines."""
SYNTHESIS_ERROR, SYNTHESIS_MS_SSIM = 1e-3, 1e-4
"""How far errors, relatively, and MS-SSIM may lie from what is reported if the preset's synthesis ends in float: rounded pixels
may then differ by a level between machines. Bits and compute are exact."""
MEASURED_ANEW = 1e-3
"""How far shares, and relatively the table's means, may lie from what is reported if everything is measured again: on another
machine the last digit of a logit may tip a decision."""

Differences = list[str]
"""What was reported and what was found instead, by episodes; empty if they agree."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        subject: what was checked.
        confirmed: whether it is as reported.
        detail: what was confirmed; or what was reported, and what was found.
    """

    subject: str
    confirmed: bool
    detail: str


@dataclass(frozen=True)
class _Case:
    """What is validated: results, the task and policy that they are about (None for the shipped one), and the images."""

    results: ReportedResults
    task: Task
    policy_file: Path | None
    images: Images

    @property
    def policy(self) -> OnnxPolicy:
        return self.task.load_policy(self.policy_file)


def validate(
    results: ReportedResults,
    folder: Path,
    images: Images,
    full: bool = False,
    report: Report | None = None,
) -> list[Finding]:
    """Validates the results of a run.

    Args:
        results: as read from its folder.
        folder: of the run.
        images: those that the results are about, uint8 (height, width) or (height, width, 3) each; further ones are ignored.
        full: also measure all images again, and compute the share and its table from that.
        report: called with (episodes done, episodes in all).

    Raises:
        DataError: the results are about another codec or other images, or name no policy.
        OptionError: there is no such preset, or no policy for it.
        PolicyError: the policy is missing, broken, or was trained for another codec.
    """
    task = task_of(results.preset)
    digest = task.spec.codec_digest
    if results.codec_digest != digest:
        raise DataError(f"{folder}: results of codec {results.codec_digest[:8]} cannot be validated with {digest[:8]}")
    if results.policy not in (SHIPPED, POLICY_FILE):
        raise DataError(f"{folder / RESULTS_FILE}: names policy {results.policy!r}; there are: {SHIPPED}, {POLICY_FILE}")
    policy_file = None if results.policy == SHIPPED else folder / POLICY_FILE
    task.load_policy(policy_file)
    images = images[: results.images]
    if len(images) < results.images:
        raise DataError(f"{folder}: results are about {results.images} images; there are {len(images)}")
    if (found := images_sha256(images)) != results.images_sha256:
        raise DataError(f"{folder}: results are about other images ({results.images_sha256[:8]}); these are {found[:8]}")
    case, policy_sha256 = _Case(results, task, policy_file, images), file_sha256(task.policy_file(policy_file))
    shas = f"reported SHA-256 {results.policy_sha256[:8]}, found {policy_sha256[:8]}"
    other_policy = [shas] if results.policy_sha256 != policy_sha256 else []
    findings = [
        Finding("images", True, f"{results.images}, SHA-256 {found[:8]}"),
        _finding("policy", other_policy, f"{results.policy}, SHA-256 {policy_sha256[:8]}"),
        _finding(
            "share", _share_difference(results), f"{results.share:.4f}, as its table has it; only --full measures it anew"
        ),
        _finding("draw", _draw_difference(case), f"{len(results.episodes)} episodes, as seed {results.seed} draws them"),
        *_replay(case, report),
    ]
    return findings + (_measure_anew(case) if full else [])


def _finding(subject: str, differences: Differences, detail: str) -> Finding:
    if not differences:
        return Finding(subject, True, detail)
    more = f"; and {len(differences) - 1} more episodes" if len(differences) > 1 else ""
    return Finding(subject, False, differences[0] + more)


def _share_difference(results: ReportedResults) -> Differences:
    rows = [row for row in results.table if row.counts]
    fixed, policy, oracle = (np.array([getattr(row, name) for row in rows]) for name in ("fixed", "policy", "oracle"))
    share = float(share_of_gap(fixed, policy, oracle).mean()) if rows else math.nan
    same = math.isclose(share, results.share, rel_tol=LAST_DIGITS)
    return [] if same else [f"reported {results.share}, its table makes {share}"]


def _draw_difference(case: _Case) -> Differences:
    episodes = case.results.episodes
    images, objectives = draw_episodes(case.task, case.results.images, len(episodes), case.results.seed)
    for number, (episode, image) in enumerate(zip(episodes, images, strict=True)):
        objective = objectives.one(number, case.task.spec.kinds)
        if episode.image != image or not _same_objective(episode.objective, objective):
            reported = f"reported image {episode.image} under {episode.objective}"
            return [f"episode {number}: {reported}, drawn {image} under {objective}"]
    return []


def _same_objective(first: Objective, second: Objective) -> bool:
    weights = zip((first.lambda_rate, first.lambda_compute), (second.lambda_rate, second.lambda_compute), strict=True)
    return first.kind == second.kind and all(math.isclose(a, b, rel_tol=LAST_DIGITS) for a, b in weights)


def _replay(case: _Case, report: Report | None) -> list[Finding]:
    """Every episode twice: its actions through the codec, and the policy through the encoder, to the same stream."""
    by_actions: Differences = []
    by_policy: Differences = []
    episodes, exact = case.results.episodes, preset_by_name(case.task.name).exact_pixels
    for number, episode in enumerate(with_progress(episodes, len(episodes), report)):
        where = f"episode {number}: "
        try:
            encoded = _encode(case, episode)
            by_actions += [where + d for d in _differences(episode, encoded, case.images[episode.image], exact)][:1]
            data = case.task.encode_under(case.policy_file, case.images[episode.image], episode.objective)
            if data != encoded.data:
                sizes = f"reported actions make {len(encoded.data)} bytes, the policy makes {len(data)} others"
                by_policy.append(where + sizes)
        except OptionError as error:
            by_actions.append(f"{where}{error}")
    count = f"{len(episodes)} episodes"
    return [
        _finding("actions", by_actions, f"{count} through the codec and back: bits, decoder MACs, MSE, MS-SSIM and J"),
        _finding("decisions", by_policy, f"{count} by the policy in the encoder: the same streams, byte for byte"),
    ]


def _encode(case: _Case, episode: ReportedEpisode) -> Encoded:
    """The image as the actions say; raises OptionError unless there is the image and the actions are those of an episode."""
    if not 0 <= episode.image < len(case.images):
        raise OptionError(f"reported image {episode.image}, there are {len(case.images)}")
    pixels = case.images[episode.image]
    case.task.live(pixels, case.policy.predictor).check_actions(episode.actions, episode.objective)
    return case.task.encode(pixels, episode.actions, episode.objective.kind)


def _differences(episode: ReportedEpisode, encoded: Encoded, pixels: np.ndarray, exact: bool) -> Iterator[str]:
    """What an episode reports and does not come to; distortion is that of the picture which the stream decodes to.

    Args:
        episode: as reported.
        encoded: its actions through the codec.
        pixels: of the image.
        exact: whether every machine decodes the same pixels.
    """
    shown = np.asarray(decode(encoded.data))
    mse, ms_ssim = DISTORTIONS["mse"](pixels, shown), 1 - float(ms_ssim_loss(shown, pixels))
    area = pixels.shape[0] * pixels.shape[1]
    rate_bpp, kmac_per_pixel = encoded.bits / area, encoded.decoder_macs / MACS_PER_KMAC / area
    kind = episode.objective.kind
    if kind in KINDS:  # J must then follow from the reported errors to the last digits
        error = 1 - episode.ms_ssim if MEASURE_OF[KINDS.index(kind)] == LOSS else episode.mse
        distortion_found, tolerance = float(distortion(kind, error)), LAST_DIGITS
    else:
        distortion_found, tolerance = DISTORTIONS[kind](pixels, shown), LAST_DIGITS if exact else SYNTHESIS_ERROR
    value = float(episode.objective.value(distortion_found, rate_bpp, kmac_per_pixel))
    left_out = episode.ms_ssim == 0 and kind != "ms-ssim"
    error_tolerance, similarity_tolerance = (0.0, LAST_DIGITS) if exact else (SYNTHESIS_ERROR, SYNTHESIS_MS_SSIM)
    for name, reported, found, same in (
        ("bits", episode.bits, encoded.bits, episode.bits == encoded.bits),
        ("decoder MACs", episode.decoder_macs, encoded.decoder_macs, episode.decoder_macs == encoded.decoder_macs),
        ("MSE", episode.mse, mse, math.isclose(episode.mse, mse, rel_tol=error_tolerance)),
        ("MS-SSIM", episode.ms_ssim, ms_ssim, left_out or abs(episode.ms_ssim - ms_ssim) <= similarity_tolerance),
        ("J", episode.value, value, math.isclose(episode.value, value, rel_tol=tolerance, abs_tol=tolerance)),
    ):
        if not same:
            yield f"reported {name} {reported}, found {found}"


def _measure_anew(case: _Case) -> list[Finding]:
    results, task = case.results, case.task
    trace = task.measure(case.images)
    evaluation = evaluate_policy(task.hindsight(trace, case.policy.predictor), case.policy)
    found = make_results(task, trace, case.policy_file, evaluation, len(results.episodes), results.seed)
    of_share = [
        f"reported {name} {getattr(results, name)}, found {getattr(found, name)}"
        for name in ("share", "low", "high")
        if abs(getattr(results, name) - getattr(found, name)) > MEASURED_ANEW
    ]
    rows = zip(results.table, found.table, strict=False)
    of_table = [difference for row, found_row in rows for difference in _row_differences(row, found_row)]
    if len(results.table) != len(found.table):
        of_table = [f"reported {len(results.table)} objectives, there are {len(found.table)}"]
    interval = f"{found.share:.4f} [{found.low:.4f}, {found.high:.4f}]"
    return [
        _finding("share measured anew", of_share[:1], interval),
        _finding("table measured anew", of_table[:1], f"{len(found.table)} objectives"),
    ]


def _row_differences(row: ReportedObjective, found_row: ReportedObjective) -> Differences:
    if not _same_objective(row.objective, found_row.objective) or row.counts != found_row.counts:
        return [f"reported {row}, found {found_row}"]
    names = [f.name for f in fields(row) if f.name not in ("objective", "counts")]
    pairs = [(name, getattr(row, name), getattr(found_row, name)) for name in names]
    return [
        f"reported {name} {reported} under {row.objective}, found {found}"
        for name, reported, found in pairs
        if not math.isclose(reported, found, rel_tol=MEASURED_ANEW, abs_tol=MEASURED_ANEW)
    ]
