"""Known answers: streams that weights carry along, with what they decode to.

A machine that computes something else is found out before it codes anything.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from rlcodec.errors import ModelError, StreamError

METADATA_KEY = "known_answers"
Decode = Callable[[bytes], np.ndarray]
"""From a stream to exact integers: pixels, quantised coefficients or latents."""


def known_answers(streams: Sequence[bytes], decode: Decode) -> dict[str, str]:
    """What goes into the metadata of a weights file, computed on this machine.

    Args:
        streams: coded with these weights, of every tier.
        decode: with these weights.
    """
    answers = [{"stream": base64.b64encode(data).decode(), "sha256": _digest(decode(data))} for data in streams]
    return {METADATA_KEY: json.dumps(answers)}


def check_known_answers(path: Path, decode: Decode) -> None:
    """Decodes the streams that a weights file carries; a file without any is taken as it is.

    Args:
        path: of the weights.
        decode: with these weights.

    Raises:
        ModelError: this machine computes something else, or the answers cannot be read.
    """
    try:
        with safe_open(path, "np") as file:
            answers = json.loads((file.metadata() or {}).get(METADATA_KEY, "[]"))
        pairs = [(base64.b64decode(answer["stream"]), answer["sha256"]) for answer in answers]
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: its known answers cannot be read ({error})") from error
    for number, (data, expected) in enumerate(pairs):
        try:
            found = _digest(decode(data))
        except StreamError as error:
            raise ModelError(f"{path}: known answer {number} cannot be decoded ({error})") from error
        if found != expected:
            raise ModelError(
                f"{path}: this machine decodes known answer {number} to something else, so its streams would be read nowhere, "
                "and it reads no other's; please report processor and the versions of numba, numpy and onnxruntime"
            )


def _digest(found: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(found).tobytes()).hexdigest()
