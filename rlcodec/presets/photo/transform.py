"""Pictures as blocks of transform coefficients and back: an orthonormal colour transform and a discrete cosine transform.

Both are orthonormal, so squared errors of coefficients are squared errors of the picture. They are computed in float, since no
probability depends on them: decoders render pictures from exact integers, and encoders may quantise as they like. The forward
transform is nevertheless the same on every machine, so that streams are.
"""

import numpy as np

from rlcodec.core.kernel import kernel
from rlcodec.parallel.threads import parts_of, side_by_side

BLOCK = 16
PLANES = 3
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
    pixels, half = np.empty((PLANES, BLOCK, BLOCK), np.float32), np.empty((BLOCK, BLOCK), np.float32)
    _forward(np.ascontiguousarray(picture), BASIS, np.ascontiguousarray(BASIS.T), COLORS, pixels, half, coefficients)
    return coefficients


@kernel
def _forward(picture, basis, across, colors, pixels, half, coefficients):
    """Transforms all blocks. Sums are in a fixed order, so that streams do not depend on a library's."""
    height, width, _ = picture.shape
    middle = np.float32(128)
    for y in range(coefficients.shape[1]):
        for x in range(coefficients.shape[2]):
            for i in range(BLOCK):
                line = min(y * BLOCK + i, height - 1)
                for j in range(BLOCK):
                    column = min(x * BLOCK + j, width - 1)
                    red, green, blue = picture[line, column, 0], picture[line, column, 1], picture[line, column, 2]
                    first, second, third = np.float32(red) - middle, np.float32(green) - middle, np.float32(blue) - middle
                    for plane in range(PLANES):
                        total = first * colors[plane, 0] + second * colors[plane, 1]
                        pixels[plane, i, j] = total + third * colors[plane, 2]
            for plane in range(PLANES):
                for i in range(BLOCK):
                    for v in range(BLOCK):
                        half[i, v] = np.float32(0)
                    for j in range(BLOCK):
                        amount = pixels[plane, i, j]
                        for v in range(BLOCK):
                            half[i, v] += amount * across[j, v]
                for u in range(BLOCK):
                    for v in range(BLOCK):
                        coefficients[plane, y, x, u, v] = np.float32(0)
                    for i in range(BLOCK):
                        amount = basis[u, i]
                        for v in range(BLOCK):
                            coefficients[plane, y, x, u, v] += amount * half[i, v]


def dequantised_planes(values: np.ndarray, centroids: np.ndarray, step: float) -> np.ndarray:
    """The colours of quantised coefficients before rounding, float32 (rows, columns, 3), about 0 to 255.

    Args:
        values: int16 (3, block rows, block columns, BLOCK, BLOCK).
        centroids: float32 (3, diagonals, 3), by how many steps the magnitudes 1, 2 and above shrink.
        step: of the quantiser.
    """
    _, rows, columns, _, _ = values.shape
    planes = np.empty((rows * BLOCK, columns * BLOCK, PLANES), np.float32)

    def run(part: slice) -> None:
        block, half, pixels = (
            np.zeros(shape, np.float32) for shape in ((BLOCK, BLOCK), (BLOCK, BLOCK), (PLANES, BLOCK, BLOCK))
        )
        lines = slice(part.start * BLOCK, part.stop * BLOCK)
        _inverse(values[:, part], centroids, np.float32(step), BASIS, COLORS, block, half, pixels, planes[lines])

    side_by_side(run, parts_of(rows, ROWS_AT_ONCE))
    return planes


@kernel
def _inverse(values, centroids, step, basis, colors, block, half, pixels, planes):
    """Dequantises and transforms some rows of blocks; frequencies beyond the last one that is not zero are skipped."""
    count, rows, columns = values.shape[:3]
    for y in range(rows):
        for x in range(columns):
            for plane in range(count):
                lowest, furthest = -1, -1
                for u in range(BLOCK):
                    for v in range(BLOCK):
                        value = values[plane, y, x, u, v]
                        size = np.float32(abs(value))
                        if value != 0:
                            size = (size - centroids[plane, u + v, min(np.int64(size), np.int64(3)) - 1]) * step
                            lowest, furthest = u, max(furthest, v)
                        block[u, v] = -size if value < 0 else size
                for u in range(lowest + 1):
                    for j in range(BLOCK):
                        half[u, j] = np.float32(0)
                    for v in range(furthest + 1):
                        amount = block[u, v]
                        for j in range(BLOCK):
                            half[u, j] += amount * basis[v, j]
                for i in range(BLOCK):
                    for j in range(BLOCK):
                        pixels[plane, i, j] = np.float32(0)
                    for u in range(lowest + 1):
                        amount = basis[u, i]
                        for j in range(BLOCK):
                            pixels[plane, i, j] += amount * half[u, j]
            for i in range(BLOCK):
                for j in range(BLOCK):
                    for c in range(count):
                        total = np.float32(128)
                        for plane in range(count):
                            total += pixels[plane, i, j] * colors[plane, c]
                        planes[y * BLOCK + i, x * BLOCK + j, c] = total


@kernel
def slice_errors(coefficients, values, centroids, slice_of, lost, errors):
    """Adds up squared errors of coefficients by slice, dequantised as `dequantised_planes` does and if they are not sent.

    Args:
        coefficients: float32 (3, block rows, block columns, BLOCK, BLOCK), in quantiser steps.
        values: int16, of the same shape, quantised.
        centroids: as `dequantised_planes` takes them.
        slice_of: int64 (BLOCK, BLOCK).
        lost: float64 (BLOCK, BLOCK), scratch buffer of zeros.
        errors: float64 (2, slices), in squared quantiser steps, receives the sums.
    """
    planes, rows, columns = values.shape[:3]
    for plane in range(planes):
        for y in range(rows):
            for x in range(columns):
                for u in range(BLOCK):
                    for v in range(BLOCK):
                        wanted = coefficients[plane, y, x, u, v]
                        lost[u, v] += wanted * wanted
                    for v in range(BLOCK):
                        size = np.int64(abs(values[plane, y, x, u, v]))
                        if size != 0:
                            wanted = abs(coefficients[plane, y, x, u, v])
                            rest = wanted - (np.float32(size) - centroids[plane, u + v, min(size, np.int64(3)) - 1])
                            errors[0, slice_of[u, v]] += rest * rest - wanted * wanted
    for u in range(BLOCK):
        for v in range(BLOCK):
            errors[0, slice_of[u, v]] += lost[u, v]
            errors[1, slice_of[u, v]] += lost[u, v]
