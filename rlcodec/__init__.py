"""rlcodec: learned image compression whose encoder is driven by a policy.

`encode` and `decode` convert between images and streams, `inspect` describes a stream, `encode_many` and `decode_many` take
many images or streams at once. `CollectionWriter` and `Collection` keep many images in one file. Every failure that callers
should handle is an `RlcodecError`. Importing the package registers the environments `rlcodec/AdaptiveRate-v0` and
`rlcodec/AdaptiveRateFlat-v0` with Gymnasium.
"""

from rlcodec._registration import register as _register
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

__version__ = "0.1.0"

_register()

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
