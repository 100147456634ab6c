"""Synthetic digits that `rlcodec calibrate` times the decoding of, in every tier."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from rlcodec.images.synthetic import drawing
from rlcodec.presets.mnist.bilevel.geometry import BOX, WORDS, box_area, gray_level, grid, set_bit

SIDE, MARGIN = 28, 4
SOURCE_SIDES = (22, 31, 44)


def encode_samples(encode: Callable[[np.ndarray, dict[str, Any]], bytes]) -> list[bytes]:
    """Streams to be timed.

    Args:
        encode: encodes an image, uint8 (height, width), under options of the preset.
    """
    small = [drawing(SIDE, SIDE, 1), _ring_image(1.5), _ring_image(4.0)]
    rendered, large = [_rendered_ring(side) for side in SOURCE_SIDES], [drawing(64, 64, 2), drawing(48, 64, 3) // 128 * 255]
    options: list[dict[str, Any]] = [
        {"tier": tier, "bit_budget": budget, "rows": rows}
        for tier in ("table", "context")
        for budget, rows in ((0, None), (49, 0), (196, 14), (588, 0))
    ]
    streams = [encode(image, chosen) for image in small + rendered + large for chosen in options]
    return streams + [encode(image, {"tier": "lm", "rows": rows}) for image in rendered for rows in (14, None)]


def _ring(side: int, thickness: float) -> np.ndarray:
    """Distance inside a ring that touches all four edges, float64 (side, side); at least 0 where there is ink."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    distance = np.hypot(y, x)
    return np.minimum(side / 2 - distance, distance - side / 2 + thickness)


def _ring_image(thickness: float) -> np.ndarray:
    """A ring with soft edges, uint8 (SIDE, SIDE): a digit that has no bilevel source."""
    return _padded(np.clip(_ring(BOX, thickness) + 0.5, 0, 1) * 250)


def _rendered_ring(side: int) -> np.ndarray:
    """A ring in a bilevel source of some side, resampled as MNIST's digits are, uint8 (SIDE, SIDE)."""
    rows, resampling = np.zeros((side, WORDS), np.uint64), grid(side)
    for y, x in zip(*np.nonzero(_ring(side, side / 6) >= 0), strict=True):
        set_bit(rows[y], x)
    covered = resampling.single, resampling.start, resampling.stop
    areas = [[box_area(rows, 0, *covered, r, c) for c in range(BOX)] for r in range(BOX)]
    peak = max(itertools.chain.from_iterable(areas))
    return _padded([[gray_level(area, peak)[0] for area in line] for line in areas])


def _padded(levels: np.ndarray | Sequence[Iterable[int]]) -> np.ndarray:
    return np.pad(np.asarray(levels).astype(np.uint8), MARGIN)
