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

from rlcodec.control.objective import COMPUTE_RANGE, KINDS, RATE_RANGE, Objective
from rlcodec.core.preset_ids import COMPACT, MNIST, PHOTO, Preset, preset_by_name
from rlcodec.core.weights_file import WEIGHTS
from rlcodec.errors import OptionError, PolicyError
from rlcodec.presets.mnist.observation import (
    Predictor,
)

FORMAT = 2
METADATA_KEY = "rlcodec"
MAX_POLICY_BYTES = 64 << 20


class Codec(Protocol):
    """The weights of a preset, as `rlcodec.presets.mnist.weights.Model` or `rlcodec.presets.photo.weights.PhotoModel`."""

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
        from rlcodec.presets.external.decisions import OwnPredictor, OwnSpec, describe_own

        spec = OwnSpec.from_json(metadata["spec"])
        return lambda: describe_own(spec), lambda text: OwnPredictor.from_json(text, spec)
    if preset_by_name(name) is PHOTO:
        from rlcodec.presets.photo.decisions import PhotoPredictor
        from rlcodec.presets.photo.policy import describe_photo

        return describe_photo, PhotoPredictor.from_json
    if preset_by_name(name) is COMPACT:
        from rlcodec.presets.compact.decisions import CompactPredictor
        from rlcodec.presets.compact.policy import describe_compact

        return describe_compact, CompactPredictor.from_json
    from rlcodec.presets.mnist.policy import describe
    from rlcodec.presets.mnist.weights import load_model

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
