"""The exceptions of rlcodec: every failure that callers should handle is an `RlcodecError`."""


class RlcodecError(Exception):
    """Base class of all exceptions that rlcodec raises on purpose."""


class ImageError(RlcodecError):
    """The input is no image, or the preset cannot code it."""


class StreamError(RlcodecError):
    """The data is no stream that this version can decode."""


class DamagedStreamError(StreamError):
    """The checksum does not match, or a value is impossible: a byte was changed, added or lost."""


class TruncatedStreamError(StreamError):
    """The stream is shorter than it declares."""


class TooLargeError(StreamError):
    """The stream declares more pixels than are allowed. No memory was allocated for them."""


class UnknownModelError(StreamError):
    """The stream needs a format version, a preset or weights that are not installed."""


class ModelError(RlcodecError):
    """A weights file is missing, broken or of another version, or fails a known-answer test."""


class PolicyError(RlcodecError):
    """A policy file is missing or broken, or was trained for another codec."""


class OptionError(RlcodecError):
    """An option is unknown, has an invalid value, or contradicts another option."""


class MisfitError(OptionError):
    """An option is valid, but not for this image or stream: for instance a constraint that the image cannot meet."""


class DataError(RlcodecError):
    """A data folder, trace, run or calibration is missing, empty or broken."""


class BackendError(RlcodecError):
    """The backend that runs the work failed; finished results are kept."""


class OutputError(RlcodecError):
    """A result could not be written. No incomplete file is left behind."""


class ImageWarning(UserWarning):
    """The codec cannot keep a property of the image, for instance transparency; the message says which."""


class TruncatedStreamWarning(UserWarning):
    """The stream was cut, and the image is the best one that its bytes allow."""


def failure_line(name: str, error: Exception | str) -> str:
    """An error about an image or a file as one line that contains its name."""
    message = " ".join(str(error).split())
    return message if name in message else f"{name}: {message}"
