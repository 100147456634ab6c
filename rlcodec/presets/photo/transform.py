"""Pictures as blocks of transform coefficients and back: an orthonormal colour transform and a discrete cosine transform.

Both are orthonormal, so squared errors of coefficients are squared errors of the picture. They are computed in float, since no
probability depends on them: decoders render pictures from exact integers, and encoders may quantise as they like. The forward
transform is nevertheless the same on every machine, so that streams are.
"""

import numpy as np

from rlcodec.parallel.threads import parts_of, side_by_side
from rlcodec.presets.photo._transform import BLOCK, PLANES, forward, inverse
from rlcodec.presets.photo._transform import slice_errors as add_slice_errors

ROWS_AT_ONCE = 8
"""Rows of blocks that a thread transforms at a time."""


def _cosines(size: int) -> np.ndarray:
    """The orthonormal DCT-II, float32 (size, size); rows are basis functions."""
    k, n = np.mgrid[:size, :size]
    basis = np.cos(np.pi * (n + 0.5) * k / size) * np.sqrt(2 / size)
    basis[0] /= np.sqrt(2)
    return basis.astype(np.float32)


BASIS = _cosines(BLOCK)
COLORS = _cosines(PLANES)
"""The colour transform, the DCT of three samples: luma, red against blue, and green against both."""
TRANSFORM_MACS = PLANES * (2 * BLOCK + PLANES)
"""Multiply-accumulates of the inverse transforms per pixel."""


def padded_size(height: int, width: int) -> tuple[int, int]:
    """Height and width in pixels, rounded up to whole blocks."""
    return -(-height // BLOCK) * BLOCK, -(-width // BLOCK) * BLOCK


def to_coefficients(picture: np.ndarray) -> np.ndarray:
    """Coefficients of a picture.

    Args:
        picture: uint8 (height, width, 3); edges are repeated up to whole blocks.

    Returns:
        float32 (3, block rows, block columns, BLOCK, BLOCK), the lowest frequencies first.
    """
    rows, columns = (n // BLOCK for n in padded_size(*picture.shape[:2]))
    coefficients = np.empty((PLANES, rows, columns, BLOCK, BLOCK), np.float32)
    forward(np.ascontiguousarray(picture), BASIS, np.ascontiguousarray(BASIS.T), COLORS, coefficients)
    return coefficients


def dequantised_planes(values: np.ndarray, centroids: np.ndarray, step: float) -> np.ndarray:
    """The colours of quantised coefficients before rounding, float32 (rows, columns, 3), about 0 to 255.

    Args:
        values: int16 (3, block rows, block columns, BLOCK, BLOCK).
        centroids: float32 (3, diagonals, 3), by how many steps the magnitudes 1, 2 and above shrink.
        step: of the quantiser.
    """
    count, rows, columns, _, _ = values.shape
    blocks = values.reshape(count, rows, columns, -1)
    planes = np.empty((rows * BLOCK, columns * BLOCK, PLANES), np.float32)

    def run(part: slice) -> None:
        inverse(blocks[:, part], centroids, step, BASIS, COLORS, planes[part.start * BLOCK : part.stop * BLOCK])

    side_by_side(run, parts_of(rows, ROWS_AT_ONCE))
    return planes


def slice_errors(coefficients: np.ndarray, values: np.ndarray, centroids: np.ndarray, slice_of: np.ndarray) -> np.ndarray:
    """Squared errors of coefficients by slice, dequantised as `dequantised_planes` does and if they are not sent.

    Args:
        coefficients: float32 (3, block rows, block columns, BLOCK, BLOCK), in quantiser steps.
        values: int16, of the same shape, quantised.
        centroids: as `dequantised_planes` takes them.
        slice_of: int64 (BLOCK, BLOCK), from 0 on.

    Returns:
        float64 (2, slices), in squared quantiser steps.
    """
    errors = np.zeros((2, int(slice_of.max()) + 1))
    size = (*values.shape[:3], -1)
    add_slice_errors(coefficients.reshape(size), values.reshape(size), centroids, slice_of, errors)
    return errors
