"""What a run reports of its policy: results on held-out images, and episodes that anyone can replay, in one readable file.

Results are computed on a trace; `rlcodec.agents.validation` checks them with the codec itself.
"""

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from rlcodec.agents.evaluate import Evaluation, run_to_end
from rlcodec.control.objective import Objective, Objectives
from rlcodec.control.onnx_policy import OnnxPolicy
from rlcodec.core.files import make_folder, write_bytes
from rlcodec.core.range_coder import COST_UNIT
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.envs.tasks import Task, Trace
from rlcodec.errors import DataError, OptionError

RESULTS_FILE = "results.json"
POLICY_FILE = "policy.onnx"
SHIPPED = "shipped"
"""Value of `policy` in results of the policy that is shipped with the package, in place of a file name."""
FORMAT = 1
MAX_RESULTS_BYTES = 16 << 20


@dataclass(frozen=True)
class ReportedObjective:
    """A row of the table: means over all images under one objective.

    Attributes:
        objective: what was minimised.
        fixed: J of the best fixed action sequence.
        threshold: J of the tuned threshold rule.
        planner: J of the planner's advice.
        policy: J of the policy.
        oracle: J of the oracle.
        counts: whether there is a gap between `fixed` and `oracle`, so that its share counts.
        distortion: D of the policy.
        rate_bpp: bits per pixel of the policy.
        decoder_kmac_per_pixel: compute of the policy.
    """

    objective: Objective
    fixed: float
    threshold: float
    planner: float
    policy: float
    oracle: float
    counts: bool
    distortion: float
    rate_bpp: float
    decoder_kmac_per_pixel: float


@dataclass(frozen=True)
class ReportedEpisode:
    """What the policy did with one image, and what came of it.

    Attributes:
        image: index of the image.
        objective: what was minimised.
        actions: from the first to the one that ended the episode.
        bits: code length of what was sent, as environments count it.
        decoder_macs: multiply-accumulates of decoding.
        mse: mean squared error, on the scale 0 to 255.
        ms_ssim: MS-SSIM; 0 if it was not measured, since the objective is in another kind.
        value: J.
    """

    image: int
    objective: Objective
    actions: tuple[int, ...]
    bits: float
    decoder_macs: int
    mse: float
    ms_ssim: float
    value: float


@dataclass(frozen=True)
class ReportedResults:
    """Everything that a run reports.

    Attributes:
        format: of the file.
        preset: whose policy it is.
        codec_digest: of the preset's weights.
        policy: `POLICY_FILE`, which lies beside the results, or `SHIPPED`.
        policy_sha256: of the policy's file.
        images: number of held-out images.
        images_sha256: as `images_sha256` computes it.
        share: of the gap from the best fixed sequence to the oracle, mean over the objectives that have a gap.
        low: lower end of its 95% bootstrap interval over images.
        high: upper end.
        seed: with which the episodes were drawn.
        table: a row for each objective of the grid.
        episodes: as `draw_episodes` draws them.
    """

    format: int
    preset: str
    codec_digest: str
    policy: str
    policy_sha256: str
    images: int
    images_sha256: str
    share: float
    low: float
    high: float
    seed: int
    table: tuple[ReportedObjective, ...]
    episodes: tuple[ReportedEpisode, ...]


def images_sha256(images: Iterable[np.ndarray]) -> str:
    """SHA-256 of pixels and shapes, uint8 (height, width) or (height, width, 3) each: the same for the same images."""
    digest = hashlib.sha256()
    for image in images:
        digest.update(repr(image.shape).encode())
        digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def draw_episodes(task: Task, image_count: int, count: int, seed: int) -> tuple[np.ndarray, Objectives]:
    """The images, int64 (count,), and objectives of the reported episodes: a seed draws them, so that nobody picks the best.

    Args:
        task: of the preset; objectives are log-uniform over what its policies are trained for.
        image_count: number of images to draw from.
        count: number of episodes.
        seed: not negative.
    """
    rng = np.random.default_rng(seed)
    return rng.integers(0, image_count, count), task.spec.draw_objectives(rng, count)


def make_results(
    task: Task, trace: Trace, policy_file: Path | None, evaluation: Evaluation, episodes: int = 100, seed: int = 0
) -> ReportedResults:
    """What a run may report of its policy after an evaluation, with episodes run on the trace.

    Args:
        task: of the preset.
        trace: of the held-out images that the policy was evaluated on.
        policy_file: the policy of the run; the shipped one if None.
        evaluation: of the policy on the trace.
        episodes: number of episodes that are reported.
        seed: of their images and objectives, not negative.

    Raises:
        DataError: there is no gap to take a share of, or no interval, because the images are too few.
        OptionError: the policy is the shipped one of a preset that has none.
    """
    if not np.isfinite([evaluation.share, evaluation.low, evaluation.high]).all():
        raise DataError("there is no share of the gap to report with an interval; evaluate on more images")
    return ReportedResults(
        FORMAT,
        task.spec.preset,
        task.spec.codec_digest,
        POLICY_FILE if policy_file else SHIPPED,
        file_sha256(task.policy_file(policy_file)),
        len(trace),
        images_sha256(task.image(trace, i) for i in range(len(trace))),
        evaluation.share,
        evaluation.low,
        evaluation.high,
        seed,
        tuple(_reported_objective(row) for row in evaluation.table.to_dict("records")),
        _run_drawn(task, trace, task.load_policy(policy_file), draw_episodes(task, len(trace), episodes, seed)),
    )


def _reported_objective(row: dict[str, Any]) -> ReportedObjective:
    """A row of an evaluation's table as it is reported."""
    names = [f.name for f in fields(ReportedObjective) if f.name not in ("objective", "counts")]
    return ReportedObjective(
        objective=Objective(row["kind"], row["lambda_rate"], row["lambda_compute"]),
        counts=bool(row["gap_counts"]),
        **{name: float(row[f"J_{name}"] if f"J_{name}" in row else row[name]) for name in names},
    )


def _run_drawn(
    task: Task, trace: Trace, policy: OnnxPolicy, drawn: tuple[np.ndarray, Objectives]
) -> tuple[ReportedEpisode, ...]:
    images, objectives = drawn
    process = task.process(trace, policy.predictor)
    state = process.initial(images, objectives)
    actions = run_to_end(process, state, policy)
    totals, values = process.totals(state), process.values(state)
    areas = [math.prod(task.image(trace, image).shape[:2]) for image in images]
    return tuple(
        ReportedEpisode(
            int(image),
            objectives.one(row, task.spec.kinds),
            actions[row],
            round(float(totals.bits[row]) * COST_UNIT) / COST_UNIT,
            round(float(totals.decoder_kmac_per_pixel[row]) * MACS_PER_KMAC * areas[row]),
            float(totals.mse[row]),
            float(totals.ms_ssim[row]),
            float(values[row]),
        )
        for row, image in enumerate(images)
    )


def write_results(folder: Path, results: ReportedResults) -> Path:
    """Writes results into a run's folder, a line for each objective and each episode; returns the file's path.

    Raises:
        OutputError: they cannot be written.
    """
    entries = []
    for name, value in asdict(results).items():
        if isinstance(value, tuple):
            text = "[\n  " + ",\n  ".join(json.dumps(row) for row in value) + "\n ]"
        else:
            text = json.dumps(value)
        entries.append(f' "{name}": {text}')
    make_folder(folder)
    write_bytes(folder / RESULTS_FILE, ("{\n" + ",\n".join(entries) + "\n}\n").encode())
    return folder / RESULTS_FILE


def read_results(folder: Path) -> ReportedResults:
    """Reads the results of a run; nothing in the file is executed.

    Raises:
        DataError: there are none, they are broken, or another version of rlcodec wrote them.
    """
    path = folder / RESULTS_FILE
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_RESULTS_BYTES + 1)
        if len(content) > MAX_RESULTS_BYTES:
            raise DataError(f"{path}: is larger than {MAX_RESULTS_BYTES} bytes, too large for results")
        results = _parse(ReportedResults, json.loads(content))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); `rlcodec evaluate --run` writes it") from error
    except (ValueError, RecursionError, OptionError) as error:
        raise DataError(f"{path}: holds no usable results ({error})") from error
    if results.format != FORMAT:
        raise DataError(f"{path}: has format {results.format}; this rlcodec reads {FORMAT}")
    if not results.table or not results.episodes or results.images < 1 or results.seed < 0:
        raise DataError(f"{path}: holds no usable results (no table, no episodes, no images or a negative seed)")
    return results


def _parse(expected: Any, raw: Any) -> Any:
    """JSON as the declared type of a field; raises ValueError if it is something else."""
    if isinstance(expected, type) and is_dataclass(expected):
        names = [f.name for f in fields(expected)]
        if not isinstance(raw, dict) or sorted(raw) != sorted(names):
            raise ValueError(f"{expected.__name__} has {', '.join(names)}, and nothing else")
        hints = get_type_hints(expected)
        return expected(**{name: _parse(hints[name], raw[name]) for name in names})
    if get_origin(expected) is tuple:
        if not isinstance(raw, list):
            raise ValueError(f"{str(raw)[:40]!r} is no list")
        return tuple(_parse(get_args(expected)[0], item) for item in raw)
    if expected is float and type(raw) is int and abs(raw) < 1 << 53:
        return float(raw)
    if type(raw) is not expected or (expected is float and not math.isfinite(raw)):
        raise ValueError(f"{str(raw)[:40]!r} is no {expected.__name__}")
    return raw
