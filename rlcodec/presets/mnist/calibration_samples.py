"""Synthetic digits that `rlcodec calibrate` times the decoding of, in every tier."""

import functools
import itertools
from collections.abc import Iterable, Sequence

import numpy as np

from rlcodec.control.decode_time import DecodeSample
from rlcodec.core.segment_choice import CONTEXT, LM, TABLE
from rlcodec.images.synthetic import drawing
from rlcodec.presets.mnist.bilevel.coder import source_of
from rlcodec.presets.mnist.bilevel.geometry import BOX, WORDS, area_of_ink, grid, levels_of, set_pixel
from rlcodec.presets.mnist.decode_cost import decode_work
from rlcodec.presets.mnist.encoder import constant_choices, encode_with
from rlcodec.presets.mnist.session import decoded_pixels
from rlcodec.presets.mnist.weights import MnistWeights

SIDE, MARGIN = 28, 4
SOURCE_SIDES = (22, 31, 44)


def decode_samples(weights: MnistWeights) -> list[DecodeSample]:
    """Decodes to be timed."""
    small = [drawing(SIDE, SIDE, 1), _ring_image(1.5), _ring_image(4.0)]
    rendered, large = [_rendered_ring(side) for side in SOURCE_SIDES], [drawing(64, 64, 2), drawing(48, 64, 3) // 128 * 255]
    tiers_budgets_rows = [
        (tier, budget, rows) for tier in (TABLE, CONTEXT) for budget, rows in ((0, None), (49, 0), (196, 14), (588, 0))
    ]
    cases = [(image, *choices) for image in small + rendered + large for choices in tiers_budgets_rows]
    samples = []
    for image, tier, budget, rows in cases + [(image, LM, 0, rows) for image in rendered for rows in (14, None)]:
        encoded = encode_with(weights, image, budget, constant_choices(tier, rows))
        by_source = source_of(weights.source_tables, image) is not None
        work = decode_work(weights, image.shape, budget, encoded.segments, by_source)
        samples.append(DecodeSample(work, functools.partial(decoded_pixels, weights, encoded.data)))
    return samples


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
        set_pixel(rows[y], x)
    covered = resampling.single, resampling.start, resampling.stop
    areas = [[area_of_ink(rows, *covered, r, c) for c in range(BOX)] for r in range(BOX)]
    peak = max(itertools.chain.from_iterable(areas))
    return _padded([[levels_of(area, peak)[0] for area in line] for line in areas])


def _padded(levels: np.ndarray | Sequence[Iterable[int]]) -> np.ndarray:
    return np.pad(np.asarray(levels).astype(np.uint8), MARGIN)
