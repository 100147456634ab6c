"""rlcodec: learned image compression whose encoder is driven by a policy.

`encode` and `decode` convert between images and streams, `inspect` describes a stream, `encode_many` and `decode_many` take
many images or streams at once. `CollectionWriter` and `Collection` keep many images in one file. Every failure that callers
should handle is an `RlcodecError`. `import rlcodec.envs` registers the environments with Gymnasium.

The names are loaded when they are first used, so that `import rlcodec` itself loads no library.
"""

import importlib as _importlib
import sys as _sys
from typing import TYPE_CHECKING, Any

from rlcodec.version import __version__

if TYPE_CHECKING:
    from rlcodec.api import Encoded, StreamInfo, decode, encode, encode_image, inspect, predicted_decode_ms
    from rlcodec.archive.reader import Collection, CollectionItem
    from rlcodec.archive.writer import CollectionWriter
    from rlcodec.batch.images import decode_many, encode_many
    from rlcodec.control.decode_time import Calibration, load_calibration, save_calibration
    from rlcodec.errors import (
        DamagedStreamError,
        DataError,
        ImageError,
        ImageWarning,
        MisfitError,
        ModelError,
        OptionError,
        OutputError,
        PolicyError,
        RlcodecError,
        StreamError,
        TooLargeError,
        TruncatedStreamError,
        TruncatedStreamWarning,
        UnknownModelError,
    )

__all__ = [
    "Calibration",
    "Collection",
    "CollectionItem",
    "CollectionWriter",
    "DamagedStreamError",
    "DataError",
    "Encoded",
    "ImageError",
    "ImageWarning",
    "MisfitError",
    "ModelError",
    "OptionError",
    "OutputError",
    "PolicyError",
    "RlcodecError",
    "StreamError",
    "StreamInfo",
    "TooLargeError",
    "TruncatedStreamError",
    "TruncatedStreamWarning",
    "UnknownModelError",
    "__version__",
    "decode",
    "decode_many",
    "encode",
    "encode_image",
    "encode_many",
    "inspect",
    "load_calibration",
    "predicted_decode_ms",
    "save_calibration",
]

_MODULES = ("errors", "control.decode_time", "api", "batch.images", "archive.reader", "archive.writer")
"""Where the names are defined, in the order in which the modules import each other."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in _MODULES:
            names = vars(_importlib.import_module(f"rlcodec.{module}"))
            if name in names:
                return globals().setdefault(name, names[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if "gymnasium" in _sys.modules:  # encoding and decoding do not import it
    _importlib.import_module("rlcodec.envs")
