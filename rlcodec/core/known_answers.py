"""Known-answer tests: weights files hold streams and the digests of what they decode to.

The tests run when weights are loaded, and detect a machine whose arithmetic differs before it codes anything.
"""

import base64
import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from safetensors import SafetensorError, safe_open

from rlcodec.core.weights_file import load_arrays
from rlcodec.errors import ModelError, StreamError

W = TypeVar("W")
METADATA_KEY = "known_answers"
Decode = Callable[[bytes], np.ndarray]
"""From a stream to exact integers: pixels, quantised coefficients or latents."""


def known_answers(streams: Sequence[bytes], decode: Decode) -> dict[str, str]:
    """Metadata of a weights file, computed on this machine.

    Args:
        streams: coded with the weights, in every tier.
        decode: decodes them with the weights.
    """
    answers = [{"stream": base64.b64encode(data).decode(), "sha256": _digest(decode(data))} for data in streams]
    return {METADATA_KEY: json.dumps(answers)}


def check_known_answers(path: Path, decode: Decode) -> None:
    """Checks that the streams in a weights file decode to what they should; a file without any passes.

    Args:
        path: of the weights.
        decode: decodes a stream with the weights.

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
                f"{path}: this machine decodes known answer {number} to something else, so it cannot exchange streams with "
                "other machines; please report the processor and the versions of rlcodec and numpy"
            )


def load_checked(path: Path, build: Callable[[dict[str, np.ndarray]], W], decode: Callable[[W, bytes], np.ndarray]) -> W:
    """Loads a weights file, and checks it by its known answers.

    Args:
        path: of the file.
        build: makes weights of the file's arrays.
        decode: decodes a stream with weights, to exact integers.

    Raises:
        ModelError: the file is missing or broken, or this machine decodes its known answers differently.
    """
    weights = build(load_arrays(path))
    check_known_answers(path, functools.partial(decode, weights))
    return weights


def _digest(found: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(found).tobytes()).hexdigest()
