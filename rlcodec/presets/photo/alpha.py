"""The alpha plane of a picture, which the raster-encoder codes exactly."""

import numpy as np

from rlcodec.presets.photo.layer import COLORS
from rlcodec.presets.raster.masked import decode_masked, encode_masked

OPAQUE = 255


def encode_alpha(alpha: np.ndarray, tier: int, workers: int | None = None) -> bytes:
    """Codes an alpha plane.

    Args:
        alpha: uint8 (height, width).
        tier: of the predictor.
        workers: threads; as many as there are cores if None.
    """
    planes = np.repeat(alpha[..., None], COLORS, 2)
    return encode_masked(planes, np.ones(alpha.shape, np.uint8), tier, workers=workers)[0]


def decode_alpha(data: np.ndarray, length: int, size: tuple[int, int], workers: int | None = None) -> np.ndarray:
    """Decodes an alpha plane as far as its bytes go; opaque if there are none.

    Args:
        data: uint8, the bytes that are there.
        length: of the whole plane in bytes.
        size: height and width in pixels.
        workers: threads; as many as there are cores if None.

    Returns:
        uint8 (height, width).

    Raises:
        DamagedStreamError: a value is impossible.
        UnknownModelError: it was coded with other weights.
    """
    if not len(data):
        return np.full(size, OPAQUE, np.uint8)
    return decode_masked(data, length, size, np.ones(size, np.uint8), workers)[..., 0]
