"""Training of the model of preset `raster`: the states in which counters and mixing weights begin.

Counters and mixing weights are carried from picture to picture. Counters of contexts that never occurred take the probability
that their decision has in all contexts of the same level. Then the uses of counters are limited, so that they follow a new
picture fast enough, and the mixing weights are trained once more on pictures that each begin with these counters.

`picture` begins with photographs, coded as samples, and drawn screens, coded as pixels. `small` begins with small gray
pictures.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rich.progress import track

from rlcodec.core._range_coder import RangeCoder
from rlcodec.core.adaptive import MIXED, MOST_USES, STRETCH_LIMIT, STRETCHES, WEIGHT_LIMIT, Counters, Mixers
from rlcodec.presets.raster._sample_coder import (
    CLASSES,
    COARSE_COUNTERS,
    CONTEXT,
    ENSEMBLE,
    FIRST_COARSE,
    FIRST_PAIR,
    FRACTIONS,
    GROUPS,
    LEVELS,
    NODES,
    PAIRS,
    TABLE,
)
from rlcodec.presets.raster.model import (
    COUNTERS,
    MIXERS,
    PIXELS,
    PIXELS_OR_SAMPLES,
    SAMPLE_MIXERS,
    SAMPLES,
    SMALL_HASHED,
)
from rlcodec.presets.raster.planes import ORDERS, PlaneOrder, best_order
from rlcodec.presets.raster.strips import code_with
from rlcodec.presets.raster.weights import (
    BEGINNINGS,
    MEMORY,
    MIXER_UNIT,
    USES,
    RasterWeights,
    StripModel,
    packed_counters,
    weights_from_arrays,
)
from rlcodec.training.data import random_rescaled_crop
from rlcodec.training.raster.drawings import cut_small, draw_screen

CROP, SMALL_SIDE = 256, 28
SAMPLE_MIXING_WEIGHT, PIXEL_MIXING_WEIGHT, MIXED_COUNTERS = 0.15, 0.2, 4
"""First mixing weights, of the first inputs of a set."""
SMALL_SHARE = 20
"""Small pictures to each other picture: they are coded as fast."""
MIXING_SHARE = 0.4
"""Pictures that mixing weights are trained on last, as a share of those that train counters."""
ALL_TIERS = TABLE, CONTEXT, ENSEMBLE


@dataclass(frozen=True)
class Example:
    """A training picture.

    Attributes:
        pixels: uint8 (rows, columns, channels).
        methods: by which it is coded.
    """

    pixels: np.ndarray
    methods: tuple[int, ...]

    @property
    def order(self) -> PlaneOrder:
        """The order of its planes that an encoder chooses."""
        return ORDERS[self.pixels.shape[2]][best_order(self.pixels)]


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
    shapes = [(0, (CLASSES, LEVELS, FRACTIONS, NODES)), (FIRST_PAIR, (CLASSES, LEVELS // 2, PAIRS, NODES))]
    shapes += [(FIRST_COARSE + i * COARSE_COUNTERS, (CLASSES, LEVELS // 4, PAIRS, NODES)) for i in range(GROUPS - 2)]
    for first, shape in shapes:
        part = slice(first, first + int(np.prod(shape)))
        uses = trained[part, 1].reshape(shape).astype(np.float64)
        probability = states[part, 0].reshape(shape)
        counted = uses.sum(2, keepdims=True)
        mean = (uses * probability).sum(2, keepdims=True) / np.maximum(counted, 1)
        filled = np.where((uses == 0) & (counted > 0), mean, probability)
        states[part, 0] = np.rint(filled).astype(np.uint16).ravel()


def limited(states: np.ndarray) -> np.ndarray:
    """States as a weights file holds them: with the uses that counters may begin with."""
    states = states.copy()
    states[:, 1] = np.array(USES)[np.searchsorted(np.array(USES), states[:, 1], side="right") - 1]
    return states


def train_beginning(draw: Callable[[int], Example], count: int, name: str) -> dict[str, np.ndarray]:
    """Trains the states in which the model of a kind of picture begins.

    Args:
        draw: the picture of a number.
        count: of pictures that train the counters.
        name: of the kind, for the progress bar.

    Returns:
        Arrays `counters`, `hashed` and `mixers` as a weights file has them, of one beginning.
    """
    tables = log_odds_tables()
    counters, hashed = Counters(new_counters(COUNTERS), MOST_USES), Counters(new_counters(SMALL_HASHED), MOST_USES)
    model = StripModel(counters, Mixers(new_mixers(), *tables), hashed)
    for index in track(range(count), f"{name}: counters"):
        code_example(model, draw(index))
    states = counters.states
    fill_unseen(states, states)
    packed = packed_counters(limited(states)), packed_counters(limited(hashed.states))
    arrays = {"counters": np.stack([packed[0]] * len(BEGINNINGS)), "hashed": packed[1]}
    mixers = np.clip(model.mixers.states, -WEIGHT_LIMIT, WEIGHT_LIMIT)
    begun = assemble(arrays | {"mixers": packed_mixers(np.stack([mixers] * len(BEGINNINGS)))}).models[0]
    for index in track(range(count, count + max(1, round(count * MIXING_SHARE))), f"{name}: mixing weights"):
        model.counters.begin_as(Counters(begun.counters.states, MEMORY))
        model.hashed.begin_as(begun.hashed)
        code_example(model, draw(index))
    return arrays | {"mixers": np.clip(model.mixers.states, -WEIGHT_LIMIT, WEIGHT_LIMIT)}


def code_example(model: StripModel, example: Example) -> None:
    """Codes a picture by all its methods in all tiers; the model follows."""
    for method in example.methods:
        for tier in ALL_TIERS:
            code_with(model, RangeCoder(), example.pixels, example.order, method, tier)


def packed_mixers(mixers: np.ndarray) -> np.ndarray:
    """Mixing weights as a weights file holds them."""
    limits = np.iinfo(np.int16)
    return np.clip(np.rint(mixers / MIXER_UNIT), limits.min, limits.max).astype(np.int16)


def assemble(arrays: dict[str, np.ndarray]) -> RasterWeights:
    """Weights of arrays, to which the tables of log odds are added."""
    stretched, squashed = log_odds_tables()
    return weights_from_arrays(arrays | {"stretched": stretched, "squashed": squashed})


def train_model(pictures: list[np.ndarray], small: np.ndarray | None, count: int, seed: int, side: int = CROP) -> RasterWeights:
    """Trains the model.

    Args:
        pictures: photographs, uint8 (h, w, 3).
        small: small gray pictures, uint8 (n, h, w); none if None.
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
            return Example(np.ascontiguousarray(screen), (PIXELS, PIXELS_OR_SAMPLES))
        crop = random_rescaled_crop(pictures, side, rng)
        if rng.random() < 0.15:
            crop = crop[..., 1:2]
        return Example(np.ascontiguousarray(crop), (SAMPLES,))

    def draw_small(index: int) -> Example:
        rng = generator(1, index)
        if small is not None and rng.random() < 0.5:
            pixels = small[int(rng.integers(len(small)))]
        else:
            pixels = cut_small(pictures[int(rng.integers(len(pictures)))], SMALL_SIDE, rng)
        return Example(np.ascontiguousarray(pixels)[..., None], (SAMPLES, PIXELS, PIXELS_OR_SAMPLES))

    large = train_beginning(draw_picture, 2 * count, BEGINNINGS[0])
    little = train_beginning(draw_small, SMALL_SHARE * count, BEGINNINGS[1])
    return assemble(
        {
            "counters": np.stack([large["counters"][0], little["counters"][0]]),
            "hashed": little["hashed"],
            "mixers": packed_mixers(np.stack([large["mixers"], little["mixers"]])),
        }
    )
