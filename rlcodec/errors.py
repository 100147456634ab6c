"""What can go wrong: every failure a caller should handle is an `RlcodecError`."""


class RlcodecError(Exception):
    """Base class of everything that rlcodec raises on purpose."""


class ImageError(RlcodecError):
    """The input is not an image, or not one that the preset can code."""


class StreamError(RlcodecError):
    """The data is not a stream that this version can decode."""


class DamagedStreamError(StreamError):
    """The stream's checksum does not match: a byte was changed, added or lost."""


class TruncatedStreamError(StreamError):
    """The stream ends before its declared end."""


class TooLargeError(StreamError):
    """The stream declares more pixels than are allowed; nothing was allocated for them."""


class UnknownModelError(StreamError):
    """The stream needs a format version or a model that is not installed."""


class ModelError(RlcodecError):
    """A weights file is missing, broken or of another version."""


class PolicyError(RlcodecError):
    """A policy file is broken or was trained for another codec."""


class OptionError(RlcodecError):
    """An option has a value that makes no sense, alone or beside the others."""


class MisfitError(OptionError):
    """An option makes sense, but not for this image or stream: a limit that it cannot meet, more rows than it has."""


class DataError(RlcodecError):
    """A data folder, trace or run is missing, empty or broken."""


class BackendError(RlcodecError):
    """The backend that runs the work failed; finished results are kept."""


class OutputError(RlcodecError):
    """A result could not be written; nothing is left half-written."""


class ImageWarning(UserWarning):
    """Something of an image could not be kept; the message says what."""


class TruncatedStreamWarning(UserWarning):
    """The stream was cut; what came back is the best image of the bytes that are there."""
