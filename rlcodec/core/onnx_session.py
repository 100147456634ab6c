"""Float networks in ONNX Runtime: policies, and transforms whose results are never context for the entropy coder."""

import functools
import os
from pathlib import Path
from typing import Any

from rlcodec.errors import ModelError

TELEMETRY_VARIABLE = "ORT_DISABLE_TELEMETRY"
"""Environment variable that ONNX Runtime reads when it is loaded. Without it, versions from 1.32 keep a device id in the user's
cache folder and contact a server."""


def onnx_runtime() -> Any:
    """The package `onnxruntime`, with its telemetry disabled unless the environment sets TELEMETRY_VARIABLE."""
    os.environ.setdefault(TELEMETRY_VARIABLE, "1")
    import onnxruntime

    return onnxruntime


def load_network(path: Path) -> Any:
    """The inference session of a file, loaded once.

    Raises:
        ModelError: the file is missing or broken.
    """
    try:
        return _load(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error


def open_session(content: bytes, threads: int = 0) -> Any:
    """An inference session of a network's file on the processor; raises whatever ONNX Runtime raises.

    Args:
        content: of the file.
        threads: that run the network; 0 for as many as there are cores.
    """
    onnxruntime = onnx_runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 4
    # Threads that spin while they wait would slow down the coder of the next picture.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


@functools.lru_cache(maxsize=8)
def _load(path: Path, modified: int) -> Any:
    try:
        return open_session(path.read_bytes())
    except Exception as error:  # onnxruntime raises its own types
        raise ModelError(f"{path}: not a usable network ({type(error).__name__})") from error
