"""Float networks in ONNX Runtime, for transforms whose results are never context for the entropy coder."""

import functools
from pathlib import Path
from typing import Any

from rlcodec.errors import ModelError


def load_network(path: Path) -> Any:
    """The inference session of a file, loaded once.

    Raises:
        ModelError: the file is missing or broken.
    """
    try:
        return _load(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error


@functools.lru_cache(maxsize=8)
def _load(path: Path, modified: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # Threads that spin while they wait would slow down the coder of the next picture.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own types
        raise ModelError(f"{path}: not a usable network ({type(error).__name__})") from error
