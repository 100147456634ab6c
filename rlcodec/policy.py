"""Running an exported policy: ONNX Runtime and numpy, no torch, no environment.

A policy file is one ONNX graph from observation to action logits. Its metadata say for which codec it was trained, how
the observation is laid out, what the actions mean, which objectives it knows, and hold the encoder's predictions.
"""

import functools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rlcodec.coder import COST_UNIT
from rlcodec.encoding import Encoded, finish_encoder, start_encoder
from rlcodec.errors import OptionError, PolicyError
from rlcodec.facts import budget_facts, image_facts, picture_error, stop_errors
from rlcodec.model import WEIGHTS, Model, load_model
from rlcodec.objective import COMPUTE_RANGE, KINDS, MEASURE_OF, RATE_RANGE, Objective
from rlcodec.observation import (
    FIRST_TIER_ACTION,
    LATENT_PHASE,
    PIXEL_PHASE,
    STOP_ACTION,
    Geometry,
    Goal,
    Known,
    Predictor,
    Standing,
    layout,
)
from rlcodec.planner import Planner
from rlcodec.presets import COMPACT, MNIST, PHOTO, Preset, preset_by_name
from rlcodec.segments import LATENT, MACS_PER_KMAC, synthesis_macs
from rlcodec.stream import CONTEXT, STOP, TIERS
from rlcodec.transform import analyse, keep_bits, latent_shape, synthesise

FORMAT = 2
METADATA_KEY = "rlcodec"
MAX_POLICY_BYTES = 64 << 20


class Codec(Protocol):
    """The weights of a preset, as `rlcodec.model.Model` or `rlcodec.photo.model.PhotoModel`."""

    @property
    def preset(self) -> Preset:
        """Whose."""
        ...

    @property
    def digest(self) -> str:
        """Of the weights."""
        ...


@dataclass(frozen=True)
class Policy:
    """A loaded policy.

    Attributes:
        session: ONNX Runtime's inference session.
        predictor: the encoder's predictions that go with it, of the preset's own class.
        codec_digest: of the model it was trained for.
        macs: multiply-accumulates of one decision.
        metadata: everything the file says of itself.
    """

    session: Any
    predictor: Any
    codec_digest: str
    macs: int
    metadata: dict[str, Any]

    def logits(self, observation: np.ndarray) -> np.ndarray:
        """Action logits, float32 (B, actions), for observations float32 (B, size)."""
        return np.asarray(self.session.run(None, {"observation": observation})[0])


def description(
    codec: Codec,
    fields: Sequence[tuple[str, int, str]],
    actions: dict[str, list[str]],
    rate_range: Mapping[str, tuple[float, float]],
) -> dict[str, Any]:
    """What a policy for a codec must agree with: layout, actions, objectives, digest."""
    return {
        "format": FORMAT,
        "preset": codec.preset.name,
        "codec_digest": codec.digest,
        "observation": [{"name": n, "length": k, "unit": unit} for n, k, unit in fields],
        "actions": actions,
        "objectives": {
            "kinds": list(KINDS),
            "log10_lambda_rate": {kind: list(rate_range[kind]) for kind in KINDS},
            "log10_lambda_compute_over_lambda_rate": list(COMPUTE_RANGE),
        },
    }


def describe(model: Model) -> dict[str, Any]:
    """The description of policies for preset `mnist`."""
    budgets = model.preset.budget_slices
    actions = {"first": [f"keep {slices} latent slices" for slices in budgets], "later": ["stop", *TIERS]}
    return description(model, layout(len(budgets)), actions, RATE_RANGE)


@functools.lru_cache(maxsize=8)
def _read(path: Path, modified: float) -> tuple[Policy, list[list[int]]]:
    """A policy as its file says, and the shapes of its inputs and outputs without the batch."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        content = path.read_bytes()
        if len(content) > MAX_POLICY_BYTES:
            raise PolicyError(f"{path}: is {len(content)} bytes, too large for a policy")
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        metadata = json.loads(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
        _, read_predictor = _preset_of(metadata)
        predictor = read_predictor(json.dumps(metadata["predictor"]))
        _names(metadata)
        shapes = [i.shape[1:] for i in session.get_inputs()] + [o.shape[1:] for o in session.get_outputs()]
        return Policy(session, predictor, str(metadata["codec_digest"]), int(metadata["macs"]), metadata), shapes
    except PolicyError:
        raise
    except Exception as error:  # onnxruntime raises its own types, and anything may be wrong with a foreign file
        raise PolicyError(f"{path}: not a policy file ({type(error).__name__})") from error


def _read_file(path: Path) -> tuple[Policy, list[list[int]]]:
    try:
        modified = path.stat().st_mtime
    except OSError as error:
        raise PolicyError(f"{path}: no such policy file") from error
    return _read(path, modified)


def metadata_of_policy(path: Path) -> dict[str, Any]:
    """Everything that a policy file says of itself.

    Raises:
        PolicyError: it is missing or broken.
    """
    return _read_file(path)[0].metadata


def preset_of_policy(path: Path) -> str:
    """The name of the preset that a policy file was trained for; errors as `metadata_of_policy`."""
    return str(metadata_of_policy(path)["preset"])


def _preset_of(metadata: dict[str, Any]) -> tuple[Callable[[], dict[str, Any]], Callable[[str], Any]]:
    """What describes the policies of a file's preset, and what reads their predictions."""
    name = metadata["preset"]
    if name == "own":
        from rlcodec.own import OwnPredictor, OwnSpec, describe_own

        spec = OwnSpec.from_json(metadata["spec"])
        return lambda: describe_own(spec), lambda text: OwnPredictor.from_json(text, spec)
    if preset_by_name(name) is PHOTO:
        from rlcodec.photo.planning import PhotoPredictor
        from rlcodec.photo.policy import describe_photo

        return describe_photo, PhotoPredictor.from_json
    if preset_by_name(name) is COMPACT:
        from rlcodec.compact.planning import CompactPredictor
        from rlcodec.compact.policy import describe_compact

        return describe_compact, CompactPredictor.from_json
    return lambda: describe(load_model(name)), Predictor.from_json


def _names(described: dict[str, Any]) -> Any:
    """Fields and actions; what the fields' units say is for people, a change of meaning raises `FORMAT`."""
    return [(field["name"], field["length"]) for field in described["observation"]], described["actions"]


def _check(policy: Policy, shapes: list[list[int]], digest: str, path: Path) -> None:
    found = policy.metadata
    if found["format"] != FORMAT:
        raise PolicyError(f"{path}: has policy format {found['format']}; this rlcodec reads {FORMAT}")
    expected = _preset_of(found)[0]()
    if policy.codec_digest != digest:
        raise PolicyError(
            f"{path}: was trained for codec {policy.codec_digest[:8]}; this codec is {digest[:8]}; train it again"
        )
    if _names(found) != _names(expected):
        raise PolicyError(f"{path}: its observation or actions differ from this version's; export it again")
    size = sum(field["length"] for field in expected["observation"])
    if shapes[0] != [size] or len(shapes) != 2:
        raise PolicyError(f"{path}: takes {shapes[0]} values, not the {size} of its layout")


def policy_file(path: str | os.PathLike[str] | None, preset: Preset) -> Path:
    """Where a policy is: at `path`, or the one that is shipped for a preset when that is None."""
    return Path(path) if path is not None else WEIGHTS / f"{preset.name}-policy.onnx"


def load_policy(path: str | os.PathLike[str] | None, model: Codec) -> Policy:
    """Loads a policy file, the shipped one when `path` is None.

    Raises:
        OptionError: `path` is None, and none is shipped for this preset.
        PolicyError: it is missing, broken, or was trained for another codec.
    """
    if path is None and model.preset not in (MNIST, PHOTO):
        raise OptionError(
            f"no policy is shipped for preset {model.preset.name}; name the file of one that `rlcodec export` wrote (--policy)"
        )
    file = policy_file(path, model.preset)
    policy, shapes = _read_file(file)
    _check(policy, shapes, model.digest, file)
    return policy


def geometry_of(model: Model, height: int, width: int) -> Geometry:
    """The planner's sizes for an image of this size."""
    rows, columns = latent_shape(height, width)
    kmac = synthesis_macs(model, height, width, 1) / MACS_PER_KMAC
    return Geometry(height, width, rows * columns, kmac, model.preset.budget_slices)


def encode_under_policy(policy: Policy, model: Model, pixels: np.ndarray, objective: Objective) -> Encoded:
    """Encodes an image as the policy chooses.

    Args:
        policy: a loaded policy.
        model: the codec it was trained for.
        pixels: uint8 (height, width).
        objective: what to minimise.

    Raises:
        OptionError: the objective lies outside what policies are trained for.
    """
    check_objective(objective)
    height, width = pixels.shape
    geometry = geometry_of(model, height, width)
    planner, measured_in = Planner(policy.predictor, geometry), int(MEASURE_OF[KINDS.index(objective.kind)])
    goal = Goal(
        np.array([KINDS.index(objective.kind)]),
        np.array([objective.lambda_rate], np.float64),
        np.array([objective.lambda_compute], np.float64),
    )
    latent = analyse(model.analysis, pixels)
    facts = image_facts(model, pixels, latent)
    known = Known(
        facts.statistics[None],
        facts.latent_cost[None] / COST_UNIT,
        facts.latent_macs[None] / MACS_PER_KMAC,
        facts.row_cost[None] / COST_UNIT,
        facts.row_macs[None] / MACS_PER_KMAC,
    )
    predicted = planner.predict(known)
    only = np.zeros(1, np.int64)
    error = planner.expect_errors(predicted, only, goal.kind, model.slices)
    probes = planner.probes(known, predicted, only, error, goal)[0]
    pictures = {model.slices // 2: facts.probe}

    def measure(slices: int) -> None:
        if slices not in pictures:
            kept = keep_bits(latent, slices * geometry.slice_symbols)
            pictures[slices] = synthesise(model.synthesis, kept, height, width)
        error[0, slices] = picture_error(pictures[slices], pixels, measured_in)

    measure(0)
    measure(model.slices // 2)
    for budget in probes:
        measure(geometry.budget_slices[budget])

    standing = Standing(only, only, only, np.full(1, CONTEXT), np.zeros(1), np.zeros(1))
    outlook = planner.no_outlook(1, model.slices)
    first = policy.logits(planner.observe(known, predicted, only, error, goal, standing, outlook, only))[0]
    slices = geometry.budget_slices[int(first[: len(geometry.budget_slices)].argmax())]
    measure(slices)
    bit_budget = slices * geometry.slice_symbols
    rows = budget_facts(model, pixels, pictures[slices], bit_budget)
    planner.fill_outlook(
        known, only, error, goal, np.array([slices]), rows.table.cost[None] / COST_UNIT, rows.busy[None].astype(np.float64),
        stop_errors(model, pixels, pictures[slices], bit_budget, measured_in)[None], only, outlook,
    )  # fmt: skip

    session = start_encoder(model, pixels, bit_budget, latent)
    session.use_reconstruction(pictures[slices])
    while not session.done:
        in_latents = session.next_segment.kind == LATENT
        standing = Standing(
            np.array([LATENT_PHASE if in_latents else PIXEL_PHASE]),
            np.array([slices]),
            np.array([len(session.coded)]),
            np.array([session.coded[-1].tier if session.coded else CONTEXT]),
            np.array([sum(c.cost for c in session.coded) / COST_UNIT]),
            np.array([session.macs / MACS_PER_KMAC]),
        )
        seen = planner.observe(known, predicted, only, error, goal, standing, outlook, only)
        logits = policy.logits(seen)[0]
        legal = seen[0, : FIRST_TIER_ACTION + len(TIERS)] > 0.5
        action = int(np.where(legal, logits[: len(legal)], -np.inf).argmax())
        session.code(STOP if action == STOP_ACTION else action - FIRST_TIER_ACTION)
    return finish_encoder(session)


def check_objective(objective: Objective, rate_range: Mapping[str, tuple[float, float]] = RATE_RANGE) -> None:
    """Raises OptionError where no policy was trained for an objective; a lambda_compute below the range counts as 0."""
    low, high = rate_range[objective.kind]
    if not 10**low * 0.999 <= objective.lambda_rate <= 10**high * 1.001:
        raise OptionError(
            f"lambda_rate is {objective.lambda_rate:g}; for {objective.kind} policies know {10**low:.3g} to {10**high:.3g}"
        )
    most = objective.lambda_rate * 10 ** COMPUTE_RANGE[1]
    if objective.lambda_compute > most * 1.001:
        raise OptionError(f"lambda_compute is {objective.lambda_compute:g}; at this lambda_rate policies know 0 to {most:.3g}")
