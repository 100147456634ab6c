"""Policies at runtime: an ONNX graph from observation to action logits, run by ONNX Runtime.

A policy file's metadata say for which codec it was trained, how the observation is laid out, what the actions mean and which
objectives it knows, and hold the predictions that the encoder makes for it. Nothing here knows what any preset decides.
"""

import functools
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rlcodec.control.decision_process import Predictor, ProcessSpec
from rlcodec.control.objective import COMPUTE_RANGE, Objective
from rlcodec.core.onnx_session import open_session
from rlcodec.errors import OptionError, PolicyError

FORMAT = 2
METADATA_KEY = "rlcodec"
MAX_POLICY_BYTES = 64 << 20


@dataclass(frozen=True)
class OnnxPolicy:
    """A policy from a file; an `rlcodec.control.actor.Actor`.

    Attributes:
        session: ONNX Runtime's inference session.
        predictor: predictions of the encoder that the policy was trained with.
        codec_digest: SHA-256 of the weights that it was trained for.
        macs: multiply-accumulates of one decision.
        metadata: everything the file says of itself.
    """

    session: Any
    predictor: Predictor
    codec_digest: str
    macs: int
    metadata: Mapping[str, Any]

    def logits(self, observation: np.ndarray) -> np.ndarray:
        """Action logits, float32 (B, actions), for observations float32 (B, size)."""
        return np.asarray(self.session.run(None, {"observation": observation})[0])


def description_of(spec: ProcessSpec) -> dict[str, Any]:
    """The metadata of a policy file that must agree with a decision process."""
    return {
        "format": FORMAT,
        "preset": spec.preset,
        "codec_digest": spec.codec_digest,
        "observation": [{"name": name, "length": length, "unit": unit} for name, length, unit in spec.layout],
        "actions": dict(spec.action_names),
        "objectives": {
            "kinds": list(spec.kinds),
            "log10_lambda_rate": {kind: list(spec.rate_range[kind]) for kind in spec.kinds},
            "log10_lambda_compute_over_lambda_rate": list(COMPUTE_RANGE),
        },
        **spec.extra,
    }


@dataclass(frozen=True)
class _PolicyFile:
    """A policy file as it is: its session, metadata, and the shapes of inputs and outputs without the batch."""

    session: Any
    metadata: dict[str, Any]
    shapes: list[list[int]]


@functools.lru_cache(maxsize=8)
def _read(path: Path, modified: float) -> _PolicyFile:
    try:
        content = path.read_bytes()
        if len(content) > MAX_POLICY_BYTES:
            raise PolicyError(f"{path}: is {len(content)} bytes, too large for a policy")
        session = open_session(content, threads=1)
        metadata = json.loads(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
        _names(metadata)
        str(metadata["preset"]), str(metadata["codec_digest"]), int(metadata["macs"]), metadata["predictor"]
        shapes = [i.shape[1:] for i in session.get_inputs()] + [o.shape[1:] for o in session.get_outputs()]
        return _PolicyFile(session, metadata, shapes)
    except PolicyError:
        raise
    except Exception as error:  # onnxruntime raises its own types, and anything may be wrong with a foreign file
        raise PolicyError(f"{path}: not a policy file ({type(error).__name__})") from error


@functools.lru_cache(maxsize=8)
def _read_predictor(path: Path, modified: float, read_predictor: Callable[[str], Predictor]) -> Predictor:
    """The predictor in a policy file, kept since its JSON takes longer to parse than an image takes to encode."""
    return read_predictor(json.dumps(_read(path, modified).metadata["predictor"]))


def _modified(path: Path) -> float:
    """When a policy file was last written; raises PolicyError if there is no such file."""
    try:
        return path.stat().st_mtime
    except OSError as error:
        raise PolicyError(f"{path}: no such policy file") from error


def metadata_of_policy(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Everything that a policy file says of itself.

    Raises:
        PolicyError: it is missing or broken.
    """
    return _read(Path(path), _modified(Path(path))).metadata


def preset_of_policy(path: str | os.PathLike[str]) -> str:
    """Name of the preset that a policy file was trained for; raises as `metadata_of_policy`."""
    return str(metadata_of_policy(path)["preset"])


def _names(description: Mapping[str, Any]) -> Any:
    """Fields and actions. The units of fields are for people; a change of meaning raises `FORMAT`."""
    return [(field["name"], field["length"]) for field in description["observation"]], description["actions"]


def load_policy(path: str | os.PathLike[str], spec: ProcessSpec, read_predictor: Callable[[str], Predictor]) -> OnnxPolicy:
    """Loads a policy file for a decision process.

    Args:
        path: of the file.
        spec: what the policy must agree with.
        read_predictor: reads a predictor from its JSON; raises ValueError, KeyError or TypeError on anything else.

    Raises:
        PolicyError: the file is missing or broken, or was trained for another codec, preset or version.
    """
    path = Path(path)
    modified = _modified(path)
    file = _read(path, modified)
    found = file.metadata
    if found["format"] != FORMAT:
        raise PolicyError(f"{path}: has policy format {found['format']}; this rlcodec reads {FORMAT}")
    if found["preset"] != spec.preset:
        raise PolicyError(f"{path}: is a policy for preset {found['preset']}, not for {spec.preset}")
    if found["codec_digest"] != spec.codec_digest:
        raise PolicyError(
            f"{path}: was trained for codec {str(found['codec_digest'])[:8]}; this codec is {spec.codec_digest[:8]}; "
            "train it again"
        )
    if _names(found) != _names(description_of(spec)):
        raise PolicyError(f"{path}: its observation or actions differ from this version's; export it again")
    if file.shapes[0] != [spec.observation_size] or len(file.shapes) != 2:
        raise PolicyError(f"{path}: takes {file.shapes[0]} values, not the {spec.observation_size} of its layout")
    try:
        predictor = _read_predictor(path, modified, read_predictor)
    except (ValueError, KeyError, TypeError) as error:
        raise PolicyError(f"{path}: not a policy file (its predictions: {type(error).__name__})") from error
    return OnnxPolicy(file.session, predictor, str(found["codec_digest"]), int(found["macs"]), found)


def check_objective(objective: Objective, spec: ProcessSpec) -> None:
    """Raises OptionError if policies are not trained for an objective; a lambda_compute below the range counts as 0."""
    spec.check_kind(objective.kind)
    low, high = spec.rate_range[objective.kind]
    if not 10**low * 0.999 <= objective.lambda_rate <= 10**high * 1.001:
        raise OptionError(
            f"lambda_rate is {objective.lambda_rate:g}; for {objective.kind} policies know {10**low:.3g} to {10**high:.3g}"
        )
    most = objective.lambda_rate * 10 ** COMPUTE_RANGE[1]
    if objective.lambda_compute > most * 1.001:
        raise OptionError(f"lambda_compute is {objective.lambda_compute:g}; at this lambda_rate policies know 0 to {most:.3g}")
