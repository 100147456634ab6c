"""Pictures as blocks of transform coefficients and back: an orthonormal colour transform and a discrete cosine transform.

Both are orthonormal, so squared errors of coefficients are squared errors of the picture. Nothing here decides a bit: an
encoder may compute its coefficients as it likes, and what a decoder makes of them is the picture, not context.
"""

import numpy as np

BLOCK = 16
PLANES = 3


def _cosines(size: int) -> np.ndarray:
    """Orthonormal DCT-II, float32 (size, size): rows are basis functions."""
    k, n = np.mgrid[:size, :size]
    basis = np.cos(np.pi * (n + 0.5) * k / size) * np.sqrt(2 / size)
    basis[0] /= np.sqrt(2)
    return basis.astype(np.float32)


BASIS = _cosines(BLOCK)
COLORS = _cosines(PLANES)
"""Brightness, red against blue, and green against both: the DCT of three samples."""


TRANSFORM_MACS = PLANES * (2 * BLOCK + PLANES)
"""Multiply-accumulates of the inverse transforms, per pixel."""


def padded_size(height: int, width: int) -> tuple[int, int]:
    """Height and width in whole blocks, in pixels."""
    return -(-height // BLOCK) * BLOCK, -(-width // BLOCK) * BLOCK


def to_coefficients(picture: np.ndarray) -> np.ndarray:
    """Coefficients of a picture.

    Args:
        picture: uint8 (height, width, 3); edges are repeated up to whole blocks.

    Returns:
        float32 (3, block rows, block columns, BLOCK, BLOCK), the lowest frequencies first.
    """
    height, width = picture.shape[:2]
    rows, columns = padded_size(height, width)
    padded = np.pad(picture, ((0, rows - height), (0, columns - width), (0, 0)), mode="edge")
    planes = (padded.reshape(-1, PLANES).astype(np.float32) - 128) @ COLORS.T
    blocks = planes.reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK, PLANES).transpose(4, 0, 2, 1, 3)
    return BASIS @ (np.ascontiguousarray(blocks) @ BASIS.T)


def to_planes(coefficients: np.ndarray) -> np.ndarray:
    """Colours as the coefficients say, before rounding: float32 (rows, columns, 3), around 0 to 255."""
    _, rows, columns, _, _ = coefficients.shape
    blocks = BASIS.T @ (coefficients @ BASIS)
    planes = blocks.transpose(1, 3, 2, 4, 0).reshape(-1, PLANES)
    return (planes @ COLORS + 128).reshape(rows * BLOCK, columns * BLOCK, PLANES)
