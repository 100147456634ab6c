"""Training of the model of preset `raster`: the states in which counters and mixing weights begin.

Counters and mixing weights are carried from picture to picture. Counters of contexts that never occurred take the probability
that their decision has in all contexts of the same level. Then the uses of counters are limited, so that they follow a new
picture fast enough, and the mixing weights are trained once more on pictures that each begin with these counters.

Photographs, coded as samples, and drawn screens, coded as pixels, train the states `picture`; small parts of photographs train
`small`, and small drawings, for instance digits, `sketch`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rich.progress import track

from rlcodec.core._range_coder import RangeCoder
from rlcodec.core.adaptive import MIXED, MOST_USES, STRETCH_LIMIT, STRETCHES, WEIGHT_LIMIT, Counters, Mixers
from rlcodec.presets.raster.model import (
    CONTEXT,
    COUNTER_GROUPS,
    COUNTERS,
    ENSEMBLE,
    MIXERS,
    PIXELS,
    PIXELS_OR_SAMPLES,
    SAMPLE_MIXERS,
    SAMPLES,
    SMALL_HASHED,
    TABLE,
)
from rlcodec.presets.raster.planes import ORDERS, TRIED_ORDERS, PlaneOrder
from rlcodec.presets.raster.strips import code_with
from rlcodec.presets.raster.weights import (
    BEGINNINGS,
    FIRST_PLANE,
    MEMORY,
    MIXER_UNIT,
    USES,
    RasterWeights,
    StripModel,
    packed_counters,
    unpacked_counters,
    weights_from_arrays,
)
from rlcodec.training.data import random_rescaled_crop
from rlcodec.training.raster.drawings import cut_small, draw_screen

CROP, SMALL_SIDE = 256, 28
SAMPLE_MIXING_WEIGHT, PIXEL_MIXING_WEIGHT, MIXED_COUNTERS = 0.15, 0.2, 4
"""First mixing weights, of the first inputs of a set."""
SMALL_SHARE, SKETCH_SHARE = 20, 40
"""Small pictures and sketches to each photograph: they are coded faster."""
ALL_METHODS = SAMPLES, PIXELS, PIXELS_OR_SAMPLES
CARRIED_USES, SMALL_CARRIED_USES = 24, 160
"""The most uses with which a counter begins, of pictures and of small ones."""
MIXING_SHARE = 0.4
"""Pictures that mixing weights are trained on last, as a share of those that train counters."""
TIER_SHARES = 0.2, 0.4, 0.4
"""Shares of the pictures that are coded in each tier."""


@dataclass(frozen=True)
class Example:
    """A training picture.

    Attributes:
        pixels: uint8 (rows, columns, channels).
        methods: by which it is coded.
        tiers: in which it is coded by each method. Coding it again would let the counters believe too much in what they saw.
        order: of its planes.
    """

    pixels: np.ndarray
    methods: tuple[int, ...]
    tiers: tuple[int, ...]
    order: PlaneOrder


def log_odds_tables() -> tuple[np.ndarray, np.ndarray]:
    """The tables `stretched` and `squashed` of `RasterWeights`."""
    probability = (np.arange(STRETCHES) + 0.5) / STRETCHES
    stretched = np.rint(256 * np.log(probability / (1 - probability)))
    squashed = 65536 / (1 + np.exp((STRETCHES / 2 - np.arange(STRETCHES)) / 256))
    return (
        np.clip(stretched, -STRETCH_LIMIT, STRETCH_LIMIT).astype(np.int16),
        np.clip(np.rint(squashed), 1, 65535).astype(np.uint16),
    )


def new_counters(count: int) -> np.ndarray:
    """States of counters that have learned nothing, uint16 (count, 2)."""
    states = np.zeros((count, 2), np.uint16)
    states[:, 0] = 1 << 15
    return states


def new_mixers() -> np.ndarray:
    """Mixing weights that have learned nothing, int32 (MIXERS, 8)."""
    mixers = np.zeros((MIXERS, MIXED), np.int32)
    mixers[:SAMPLE_MIXERS, :MIXED_COUNTERS] = round(65536 * SAMPLE_MIXING_WEIGHT)
    mixers[SAMPLE_MIXERS:, :MIXED_COUNTERS] = round(65536 * PIXEL_MIXING_WEIGHT)
    return mixers


def fill_unseen(states: np.ndarray, trained: np.ndarray) -> None:
    """Gives counters of samples that were never used the probability of their decision in all contexts of the same level.

    Args:
        states: uint16 (COUNTERS, 2), changed.
        trained: as `states`, with the uses since training began.
    """
    for first, shape in COUNTER_GROUPS:
        part = slice(first, first + int(np.prod(shape)))
        uses = trained[part, 1].reshape(shape).astype(np.float64)
        probability = states[part, 0].reshape(shape)
        counted = uses.sum(2, keepdims=True)
        mean = (uses * probability).sum(2, keepdims=True) / np.maximum(counted, 1)
        filled = np.where((uses == 0) & (counted > 0), mean, probability)
        states[part, 0] = np.rint(filled).astype(np.uint16).ravel()


def limited(states: np.ndarray, most_uses: int) -> np.ndarray:
    """States as a weights file holds them: with the uses that counters may begin with, of at most `most_uses`."""
    states = states.copy()
    states[:, 1] = np.minimum(states[:, 1], most_uses)
    states[:, 1] = np.array(USES)[np.searchsorted(np.array(USES), states[:, 1], side="right") - 1]
    return states


@dataclass(frozen=True)
class Beginning:
    """What the model of a kind of picture begins with, as one entry of the arrays of a weights file.

    Attributes:
        counters: uint8 (COUNTERS,).
        hashed: uint8 (SMALL_HASHED,).
        mixers: int16 (MIXERS, 8).
    """

    counters: np.ndarray
    hashed: np.ndarray
    mixers: np.ndarray


def train_beginning(draw: Callable[[int], Example], count: int, name: str, most_uses: int) -> Beginning:
    """Trains the states in which the model of a kind of picture begins.

    Args:
        draw: the picture of a number.
        count: of pictures that train the counters.
        name: of the kind, for the progress bar.
        most_uses: with which a counter begins; the fewer, the faster it follows a new picture.
    """
    stretched, squashed = log_odds_tables()
    counters, hashed = Counters(new_counters(COUNTERS), MOST_USES), Counters(new_counters(SMALL_HASHED), MOST_USES)
    model = StripModel(counters, Mixers(new_mixers(), stretched, squashed), hashed)
    for index in track(range(count), f"{name}: counters"):
        code_example(model, draw(index))
    states = counters.states
    fill_unseen(states, states)
    packed, packed_hashed = (packed_counters(limited(part, most_uses)) for part in (states, hashed.states))
    begun = [Counters(unpacked_counters(part, squashed), MEMORY) for part in (packed, packed_hashed)]
    model = StripModel(begun[0].copy(), model.mixers, begun[1].copy())
    for index in track(range(count, count + max(1, round(count * MIXING_SHARE))), f"{name}: mixing weights"):
        model.counters.begin_as(begun[0])
        model.hashed.begin_as(begun[1])
        code_example(model, draw(index))
    return Beginning(packed, packed_hashed, packed_mixers(np.clip(model.mixers.states, -WEIGHT_LIMIT, WEIGHT_LIMIT)))


def example(pixels: np.ndarray, methods: tuple[int, ...], rng: np.random.Generator) -> Example:
    """A picture with one of the orders of planes that encoders try, and a tier for each method."""
    channels = pixels.shape[2]
    order = ORDERS[channels][int(rng.choice(TRIED_ORDERS[channels]))]
    tiers = tuple(int(tier) for tier in rng.choice((TABLE, CONTEXT, ENSEMBLE), len(methods), p=TIER_SHARES))
    return Example(np.ascontiguousarray(pixels), methods, tiers, order)


def code_example(model: StripModel, drawn: Example) -> None:
    """Codes a picture by all its methods; the model follows."""
    for method, tier in zip(drawn.methods, drawn.tiers, strict=True):
        # Pixels know no tier but `table`, in which fewer states are trained.
        used = CONTEXT if method == PIXELS else tier
        code_with(model, RangeCoder(), drawn.pixels, drawn.order, method, used)


def packed_mixers(mixers: np.ndarray) -> np.ndarray:
    """Mixing weights as a weights file holds them."""
    limits = np.iinfo(np.int16)
    return np.clip(np.rint(mixers / MIXER_UNIT), limits.min, limits.max).astype(np.int16)


def assemble(beginnings: list[Beginning]) -> RasterWeights:
    """The weights of all beginnings, in the order of BEGINNINGS."""
    stretched, squashed = log_odds_tables()
    return weights_from_arrays(
        {
            "counters": beginnings[0].counters,
            "first_plane": np.stack([beginning.counters[FIRST_PLANE] for beginning in beginnings[1:]]),
            "hashed": beginnings[-1].hashed,
            "mixers": np.stack([beginning.mixers for beginning in beginnings]),
            "stretched": stretched,
            "squashed": squashed,
        }
    )


def train_model(pictures: list[np.ndarray], small: np.ndarray | None, count: int, seed: int, side: int = CROP) -> RasterWeights:
    """Trains the model.

    Args:
        pictures: photographs, uint8 (h, w, 3).
        small: small drawings, uint8 (n, h, w); corners of drawn screens if None.
        count: of photographs and of drawn screens that train the counters.
        seed: of the draws.
        side: of the crops in pixels.
    """

    def generator(kind: int, index: int) -> np.random.Generator:
        return np.random.default_rng((seed, kind, index))

    def draw_picture(index: int) -> Example:
        rng = generator(0, index)
        if index % 2:
            screen = draw_screen(side, rng)
            if rng.random() < 0.2:
                screen = np.repeat(screen[..., 1:2], 3, 2)
            return example(screen, (PIXELS, PIXELS_OR_SAMPLES), rng)
        crop = random_rescaled_crop(pictures, side, rng)
        if rng.random() < 0.15:
            crop = crop[..., 1:2]
        return example(crop, (SAMPLES,), rng)

    def draw_small(index: int) -> Example:
        rng = generator(1, index)
        pixels = cut_small(pictures[int(rng.integers(len(pictures)))], SMALL_SIDE, rng)
        return example(pixels[..., None], ALL_METHODS, rng)

    def draw_sketch(index: int) -> Example:
        rng = generator(2, index)
        if small is None:
            pixels = draw_screen(SMALL_SIDE * 4, rng)[:SMALL_SIDE, :SMALL_SIDE, 1]
        else:
            pixels = small[int(rng.integers(len(small)))]
        return example(pixels[..., None], (SAMPLES, PIXELS), rng)

    return assemble(
        [
            train_beginning(draw_picture, 2 * count, BEGINNINGS[0], CARRIED_USES),
            train_beginning(draw_small, SMALL_SHARE * count, BEGINNINGS[1], SMALL_CARRIED_USES),
            train_beginning(draw_sketch, SKETCH_SHARE * count, BEGINNINGS[2], SMALL_CARRIED_USES),
        ]
    )
