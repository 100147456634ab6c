"""Checks what a run claims: its episodes again, through the codec itself, by their actions and by the policy.

Nothing is unpickled, so anybody's run may be checked: it is read as JSON and as an ONNX graph.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from rlcodec.agents.evaluate import contest_of, evaluate_policy, share_of_gap
from rlcodec.agents.reported_results import (
    Claims,
    EpisodeClaim,
    ObjectiveClaim,
    draw_episodes,
    file_sha256,
    images_sha256,
    make_claims,
    policy_path,
)
from rlcodec.api import decode
from rlcodec.control.objective import KINDS, LOSS, MEASURE_OF, Objective
from rlcodec.control.onnx_policy import Policy, load_policy
from rlcodec.core.container import unpack
from rlcodec.core.metrics import ms_ssim_loss
from rlcodec.core.preset_ids import COMPACT, MNIST, PHOTO
from rlcodec.core.range_coder import COST_UNIT
from rlcodec.core.segment_choice import LATENT_TIERS
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.envs.tasks import Task, task_of
from rlcodec.errors import DataError, OptionError
from rlcodec.presets.base import Encoded
from rlcodec.presets.compact import decisions as compact
from rlcodec.presets.mnist.observation import FIRST_TIER_ACTION, action_count
from rlcodec.presets.photo.decisions import ENDINGS, GAIN_CHOICES, GO_ACTION, STOP_ACTION, STOPS

LAST_DIGITS = 1e-9
"""Relative; powers and logarithms may differ by so much between machines' libraries."""
SYNTHESIS_MSE, SYNTHESIS_MS_SSIM = 1e-3, 1e-4
"""How far the mean squared error, relatively, and MS-SSIM of a picture of preset `photo` or `compact` may lie from what is
claimed: the last step of the synthesis is in float, and where it rounds, machines may differ by a level. Bits and compute are
exact."""
MEASURED_ANEW = 1e-3
"""How far shares, and relatively the table's means, may lie from what is claimed when all is measured anew: on another machine
a logit's last digit may tip a decision."""

Difference = str | None
"""What was claimed and what was found, None where they agree."""


@dataclass(frozen=True)
class Finding:
    """What came of checking one thing.

    Attributes:
        subject: what was checked.
        confirmed: it is as claimed.
        detail: what was confirmed; or what was claimed, and what was found.
    """

    subject: str
    confirmed: bool
    detail: str


def validate(
    claims: Claims,
    folder: Path,
    images: Sequence[np.ndarray],
    full: bool = False,
    report: Callable[[int, int], None] | None = None,
) -> list[Finding]:
    """Checks the claims of a run.

    Args:
        claims: as read from its folder.
        folder: of the run.
        images: those that the claims are about, uint8 (height, width) or (height, width, 3) each; more of them do no harm.
        full: also measures all images anew, and from that the share and its table.
        report: called with (episodes done, episodes in all).

    Raises:
        DataError: the claims are about another codec or other images, or name no policy.
        OptionError: there is no such preset, or no policy for it.
        PolicyError: the policy is missing, broken, or was trained for another codec.
    """
    task = task_of(claims.preset)
    if claims.codec_digest != task.model.digest:
        raise DataError(f"{folder}: claims of codec {claims.codec_digest[:8]} cannot be checked by {task.model.digest[:8]}")
    path = policy_path(folder, claims.policy, claims.preset)
    policy = load_policy(path, task.model)
    images = images[: claims.images]
    if len(images) < claims.images:
        raise DataError(f"{folder}: claims are about {claims.images} images; there are {len(images)}")
    if (found := images_sha256(images)) != claims.images_sha256:
        raise DataError(f"{folder}: claims are about other images ({claims.images_sha256[:8]}); these are {found[:8]}")
    findings = [
        Finding("images", True, f"{claims.images}, SHA-256 {found[:8]}"),
        _compare_hashes(claims, file_sha256(path)),
        _finding("share", _share_difference(claims), f"{claims.share:.4f}, as its table has it; only --full measures it anew"),
        _finding("draw", _draw_difference(claims, task), f"{len(claims.episodes)} episodes, as seed {claims.seed} has them"),
        *_replay(claims, task, policy, images, report),
    ]
    return findings + (_measure_anew(claims, task, policy, folder, images) if full else [])


def _finding(subject: str, difference: Difference, detail: str) -> Finding:
    return Finding(subject, difference is None, difference or detail)


def _compare_hashes(claims: Claims, found: str) -> Finding:
    different = f"claimed SHA-256 {claims.policy_sha256[:8]}, found {found[:8]}" if claims.policy_sha256 != found else None
    return _finding("policy", different, f"{claims.policy}, SHA-256 {found[:8]}")


def _share_difference(claims: Claims) -> Difference:
    fixed, policy, oracle = (np.array([getattr(r, k) for r in claims.table if r.counts]) for k in ("fixed", "policy", "oracle"))
    share = float(share_of_gap(fixed, policy, oracle).mean()) if len(fixed) else math.nan
    if not math.isclose(share, claims.share, rel_tol=LAST_DIGITS):
        return f"claimed {claims.share}, its table makes {share}"
    return None


def _draw_difference(claims: Claims, task: Task) -> Difference:
    drawn = draw_episodes(task, claims.images, len(claims.episodes), claims.seed)
    for number, (claim, (image, objective)) in enumerate(zip(claims.episodes, drawn, strict=True)):
        if claim.image != image or not _same_objective(claim.objective, objective):
            return f"episode {number}: claimed image {claim.image} under {claim.objective}, drawn {image} under {objective}"
    return None


def _same_objective(one: Objective, other: Objective) -> bool:
    weights = zip((one.lambda_rate, one.lambda_compute), (other.lambda_rate, other.lambda_compute), strict=True)
    return one.kind == other.kind and all(math.isclose(a, b, rel_tol=LAST_DIGITS) for a, b in weights)


def _replay(
    claims: Claims, task: Task, policy: Policy, images: Sequence[np.ndarray], report: Callable[[int, int], None] | None
) -> list[Finding]:
    """Every episode twice: its actions through the codec, and the policy through the encoder, to the same stream."""
    of_actions: list[str] = []
    of_policy: list[str] = []
    for number, claim in enumerate(claims.episodes):
        where = f"episode {number}: "
        try:
            if not 0 <= claim.image < len(images):
                raise OptionError(f"claimed image {claim.image}, there are {len(images)}")
            pixels = images[claim.image]
            real = _encode(task, pixels, claim.actions)
            of_actions += [where + d for d in _differences(claim, real, pixels, task.model.preset is not MNIST)][:1]
            chosen = task.under_policy(policy, pixels, claim.objective)
            if chosen != real.data:
                of_policy.append(f"{where}claimed actions make {len(real.data)} bytes, the policy makes {len(chosen)} others")
        except OptionError as error:
            of_actions.append(f"{where}{error}")
        if report:
            report(number + 1, len(claims.episodes))
    count = f"{len(claims.episodes)} episodes"
    return [
        _finding("actions", _first(of_actions), f"{count} through the codec and back: bits, decoder MACs, MSE, MS-SSIM and J"),
        _finding("decisions", _first(of_policy), f"{count} by the policy in the encoder: the same streams, byte for byte"),
    ]


def _first(differences: list[str]) -> Difference:
    if not differences:
        return None
    return differences[0] + (f"; and {len(differences) - 1} episodes more" if len(differences) > 1 else "")


def _encode(task: Task, pixels: np.ndarray, actions: tuple[int, ...]) -> Encoded:
    """The image as the actions say; OptionError where they are not exactly those of an episode."""
    refusal = OptionError(f"claimed actions {list(actions)}, which no episode takes")
    ends = {PHOTO: _ends_photo, COMPACT: _ends_compact}.get(task.model.preset)
    if ends:
        if not ends(actions):
            raise refusal
        return task.encode(pixels, actions)
    budgets = len(task.model.preset.budget_slices)
    if not actions or actions[0] not in range(budgets) or any(a not in range(action_count(budgets)) for a in actions):
        raise refusal
    real = task.encode(pixels, actions)
    if len(real.segments) != len(actions) - 1:
        raise refusal
    return real


def _ends_photo(actions: tuple[int, ...]) -> bool:
    """Whether these are an episode's of preset `photo`: a gain, how far to go on, and a width."""
    last = len(STOPS) - 1
    between = [(GO_ACTION,) * stop + ((STOP_ACTION,) if stop < last else ()) for stop in range(last + 1)]
    known = len(actions) > 1 and actions[0] in range(len(GAIN_CHOICES)) and actions[-1] in range(len(ENDINGS))
    return known and actions[1:-1] in between


def _ends_compact(actions: tuple[int, ...]) -> bool:
    """Whether these are an episode's of preset `compact`: a budget, then tiers for all groups, or for fewer and a stop."""
    if not actions or actions[0] not in range(compact.SETTINGS):
        return False
    later = actions[1:]
    sent = later[:-1] if later and later[-1] == compact.STOP_ACTION else later
    tiers = range(FIRST_TIER_ACTION, FIRST_TIER_ACTION + LATENT_TIERS)
    return all(a in tiers for a in sent) and len(sent) <= compact.GROUPS and (len(sent) == compact.GROUPS) == (sent == later)


def _differences(claim: EpisodeClaim, real: Encoded, pixels: np.ndarray, picture: bool) -> Iterator[str]:
    """What an episode claimed and did not come to; distortion is that of the picture which the stream decodes to."""
    bits = 8.0 * unpack(real.data).header.payload_bytes if picture else sum(s.cost for s in real.segments) / COST_UNIT
    shown = np.asarray(decode(real.data))
    mse, similar = float(np.square(shown.astype(np.int64) - pixels).mean()), 1 - float(ms_ssim_loss(shown, pixels))
    area = math.prod(pixels.shape[:2])
    in_loss = MEASURE_OF[KINDS.index(claim.objective.kind)] == LOSS
    error = 1 - claim.ms_ssim if in_loss else claim.mse
    value = float(claim.objective.value(error, bits / area, real.decoder_macs / MACS_PER_KMAC / area))
    for name, claimed, found, same in (
        ("bits", claim.bits, bits, claim.bits == bits),
        ("decoder MACs", claim.decoder_macs, real.decoder_macs, claim.decoder_macs == real.decoder_macs),
        ("MSE", claim.mse, mse, math.isclose(claim.mse, mse, rel_tol=SYNTHESIS_MSE if picture else 0)),
        ("MS-SSIM", claim.ms_ssim, similar, abs(claim.ms_ssim - similar) <= (SYNTHESIS_MS_SSIM if picture else LAST_DIGITS)),
        ("J", claim.value, value, math.isclose(claim.value, value, rel_tol=LAST_DIGITS, abs_tol=LAST_DIGITS)),
    ):
        if not same:
            yield f"claimed {name} {claimed}, found {found}"


def _measure_anew(claims: Claims, task: Task, policy: Policy, folder: Path, images: Sequence[np.ndarray]) -> list[Finding]:
    trace = task.trace(images, None)
    evaluation = evaluate_policy(contest_of(task, trace, policy.predictor), lambda seen: policy.logits(seen).argmax(1))
    found = make_claims(folder, task, trace, policy, claims.policy, evaluation, count=len(claims.episodes), seed=claims.seed)
    of_share = next(
        (
            f"claimed {name} {getattr(claims, name)}, found {getattr(found, name)}"
            for name in ("share", "low", "high")
            if abs(getattr(claims, name) - getattr(found, name)) > MEASURED_ANEW
        ),
        None,
    )
    of_table = None
    if len(claims.table) != len(found.table):
        of_table = f"claimed {len(claims.table)} objectives, there are {len(found.table)}"
    for row, other in zip(claims.table, found.table, strict=False):
        of_table = of_table or _row_difference(row, other)
    interval = f"{found.share:.4f} [{found.low:.4f}, {found.high:.4f}]"
    return [
        _finding("share measured anew", of_share, interval),
        _finding("table measured anew", of_table, f"{len(found.table)} objectives"),
    ]


def _row_difference(row: ObjectiveClaim, found: ObjectiveClaim) -> Difference:
    if not _same_objective(row.objective, found.objective) or row.counts != found.counts:
        return f"claimed {row}, found {found}"
    for name in (f.name for f in fields(row) if f.name not in ("objective", "counts")):
        claimed, other = getattr(row, name), getattr(found, name)
        if not math.isclose(claimed, other, rel_tol=MEASURED_ANEW, abs_tol=MEASURED_ANEW):
            return f"claimed {name} {claimed} under {row.objective}, found {other}"
    return None
