"""What a run claims of its policy: figures on held-out images, and episodes that anyone can replay, in one readable file.

Claims are made on trace tables; `rlcodec.agents.validation` checks them with the codec itself.
"""

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from rlcodec.agents.evaluate import Evaluation
from rlcodec.control.objective import KINDS, Objective
from rlcodec.control.onnx_policy import Policy
from rlcodec.core.files import make_folder, write_bytes
from rlcodec.core.range_coder import COST_UNIT
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.core.weights_file import WEIGHTS
from rlcodec.envs.batch import draw_objectives
from rlcodec.envs.tasks import Task
from rlcodec.errors import DataError, OptionError

RESULTS_FILE = "results.json"
POLICY_FILE = "policy.onnx"
SHIPPED = "shipped"
"""Stands for the file of a policy that comes with the package."""
FORMAT = 1
MAX_RESULTS_BYTES = 16 << 20


@dataclass(frozen=True)
class ObjectiveClaim:
    """A row of the table: means over all images under one objective.

    Attributes:
        objective: which.
        fixed: J of the best fixed action sequence.
        threshold: J of the tuned threshold rule.
        planner: J of the planner's advice.
        policy: J of the policy.
        oracle: J of the oracle.
        counts: there is a gap between `fixed` and `oracle`, so the share counts.
        distortion: D of the policy.
        rate_bpp: its bits per pixel.
        decoder_kmac_per_pixel: its compute.
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
class EpisodeClaim:
    """What the policy did with one image, and what came of it.

    Attributes:
        image: its index.
        objective: what was minimised.
        actions: from the first to the one that ended the episode.
        bits: code length of the segments; of presets `photo` and `compact` 8 times the payload's bytes.
        decoder_macs: multiply-accumulates of decoding.
        mse: mean squared error, on the scale 0 to 255.
        ms_ssim: MS-SSIM.
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
class Claims:
    """Everything that a run claims.

    Attributes:
        format: of the file.
        preset: whose policy.
        codec_digest: of the preset's weights.
        policy: `POLICY_FILE`, which lies beside the claims, or `SHIPPED`.
        policy_sha256: of the policy's file.
        images: how many held-out images.
        images_sha256: see `images_sha256`.
        share: of the gap from the best fixed sequence to the oracle, mean of the objectives that have one.
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
    table: tuple[ObjectiveClaim, ...]
    episodes: tuple[EpisodeClaim, ...]


def images_sha256(images: Iterable[np.ndarray]) -> str:
    """SHA-256 of pixels and shapes, uint8 (height, width) or (height, width, 3) each: the same for the same images."""
    digest = hashlib.sha256()
    for image in images:
        digest.update(repr(image.shape).encode())
        digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def policy_path(folder: Path, policy: str, preset: str) -> Path:
    """Where the policy that claims speak of lies.

    Raises:
        DataError: the claims name neither the shipped policy nor the one beside them.
    """
    if policy not in (SHIPPED, POLICY_FILE):
        raise DataError(f"{folder / RESULTS_FILE}: speaks of policy {policy!r}; there are: {SHIPPED}, {POLICY_FILE}")
    return WEIGHTS / f"{preset}-policy.onnx" if policy == SHIPPED else folder / POLICY_FILE


def file_sha256(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def draw_episodes(task: Task, images: int, count: int, seed: int) -> list[tuple[int, Objective]]:
    """The images and objectives of the episodes that are claimed: as a seed has it, so that nobody picks the best.

    Args:
        task: of the preset; objectives are log-uniform over what its policies are trained for.
        images: how many there are to draw from.
        count: episodes.
        seed: not negative.
    """
    rng = np.random.default_rng(seed)
    image = rng.integers(0, images, count)
    kind, rate, compute = draw_objectives(rng, count, task.describe()["objectives"]["log10_lambda_rate"])
    objectives = [Objective(KINDS[k], float(r), float(c)) for k, r, c in zip(kind, rate, compute, strict=True)]
    return list(zip(image.tolist(), objectives, strict=True))


def make_claims(
    folder: Path,
    task: Task,
    trace: Any,
    policy: Policy,
    named: str,
    evaluation: Evaluation,
    count: int,
    seed: int,
) -> Claims:
    """What a run may claim of its policy after an evaluation, with episodes run on the trace.

    Args:
        folder: of the run.
        task: of the preset.
        trace: of the held-out images that the policy was evaluated on.
        policy: the policy.
        named: `SHIPPED` or `POLICY_FILE`.
        evaluation: of the policy on the trace.
        count: episodes to claim.
        seed: to draw them with, not negative.

    Raises:
        DataError: there is no gap to claim a share of, or no interval: the images are too few.
    """
    if not np.isfinite([evaluation.share, evaluation.low, evaluation.high]).all():
        raise DataError("there is no share of the gap to claim with an interval; evaluate on more images")
    columns = {"objective", "counts"}
    rows = tuple(
        ObjectiveClaim(
            objective=Objective(row["kind"], row["lambda_rate"], row["lambda_compute"]),
            counts=bool(row["gap_counts"]),
            **{f.name: float(row.get(f"J_{f.name}", row.get(f.name))) for f in fields(ObjectiveClaim) if f.name not in columns},
        )
        for row in evaluation.table.to_dict("records")
    )
    return Claims(
        FORMAT,
        task.model.preset.name,
        task.model.digest,
        named,
        file_sha256(policy_path(folder, named, task.model.preset.name)),
        len(trace),
        images_sha256(task.image(trace, i) for i in range(len(trace))),
        evaluation.share,
        evaluation.low,
        evaluation.high,
        seed,
        rows,
        _run_drawn(task, trace, policy, draw_episodes(task, len(trace), count, seed)),
    )


def _run_drawn(task: Task, trace: Any, policy: Policy, drawn: list[tuple[int, Objective]]) -> tuple[EpisodeClaim, ...]:
    count = len(drawn)
    core = task.episodes(trace, policy.predictor, count)
    objectives = [objective for _, objective in drawn]
    core.reset(
        np.arange(count),
        np.array([image for image, _ in drawn]),
        np.array([KINDS.index(o.kind) for o in objectives]),
        np.array([o.lambda_rate for o in objectives]),
        np.array([o.lambda_compute for o in objectives]),
    )
    actions: list[list[int]] = [[] for _ in drawn]
    while not core.done.all():
        action = np.where(core.masks(), policy.logits(core.observe()), -np.inf).argmax(1)
        for i in np.nonzero(~core.done)[0]:
            actions[i].append(int(action[i]))
        core.step(action)
    spent, values = core.spent(), core.objective_values()
    pixels = [math.prod(task.image(trace, image).shape[:2]) for image, _ in drawn]
    return tuple(
        EpisodeClaim(
            image,
            objective,
            tuple(actions[i]),
            round(float(spent.bits[i]) * COST_UNIT) / COST_UNIT,
            round(float(spent.decoder_kmac_per_pixel[i]) * MACS_PER_KMAC * pixels[i]),
            float(spent.mse[i]),
            float(spent.ms_ssim[i]),
            float(values[i]),
        )
        for i, (image, objective) in enumerate(drawn)
    )


def write_claims(folder: Path, claims: Claims) -> Path:
    """Writes claims into a run's folder, a line for each objective and each episode; returns the file's path.

    Raises:
        OutputError: they cannot be written.
    """
    entries = []
    for name, value in asdict(claims).items():
        if isinstance(value, tuple):
            text = "[\n  " + ",\n  ".join(json.dumps(row) for row in value) + "\n ]"
        else:
            text = json.dumps(value)
        entries.append(f' "{name}": {text}')
    make_folder(folder)
    write_bytes(folder / RESULTS_FILE, ("{\n" + ",\n".join(entries) + "\n}\n").encode())
    return folder / RESULTS_FILE


def read_claims(folder: Path) -> Claims:
    """Reads the claims of a run; nothing in them is executed.

    Raises:
        DataError: there are none, they are broken, or another version of rlcodec made them.
    """
    path = folder / RESULTS_FILE
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_RESULTS_BYTES + 1)
        if len(content) > MAX_RESULTS_BYTES:
            raise DataError(f"{path}: is larger than {MAX_RESULTS_BYTES} bytes, too large for claims")
        claims = _read(Claims, json.loads(content))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); `rlcodec evaluate --run` writes it") from error
    except (ValueError, RecursionError, OptionError) as error:
        raise DataError(f"{path}: holds no usable claims ({error})") from error
    if claims.format != FORMAT:
        raise DataError(f"{path}: has format {claims.format}; this rlcodec reads {FORMAT}")
    if not claims.table or not claims.episodes or claims.images < 1 or claims.seed < 0:
        raise DataError(f"{path}: holds no usable claims (no table, no episodes, no images or a negative seed)")
    return claims


def _read(kind: Any, raw: Any) -> Any:
    """JSON as what a field is declared to be; ValueError where it is something else."""
    if is_dataclass(kind):
        names = [f.name for f in fields(kind)]
        if not isinstance(raw, dict) or sorted(raw) != sorted(names):
            raise ValueError(f"{kind.__name__} has {', '.join(names)}, and nothing else")
        hints = get_type_hints(kind)
        return kind(**{name: _read(hints[name], raw[name]) for name in names})
    if get_origin(kind) is tuple:
        if not isinstance(raw, list):
            raise ValueError(f"{str(raw)[:40]!r} is no list")
        return tuple(_read(get_args(kind)[0], one) for one in raw)
    if kind is float and type(raw) is int and abs(raw) < 1 << 53:
        return float(raw)
    if type(raw) is not kind or (kind is float and not math.isfinite(raw)):
        raise ValueError(f"{str(raw)[:40]!r} is no {kind.__name__}")
    return raw
