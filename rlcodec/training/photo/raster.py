"""Training of the raster-encoder of preset `photo`: the adaptive model is trained by coding training pictures with it.

First the weights of expected magnitudes are fitted to coded coefficients by non-negative least squares, weighted as the
variance of a geometric distribution asks. Then counters and mixing weights are carried from picture to picture. Last, the
counters' uses are limited, so that they follow a new picture fast enough, and the mixing weights are trained once more on
pictures that each begin with these counters. Gain, allocation and crop are random for each picture.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.progress import track
from scipy.optimize import nnls

from rlcodec.core._range_coder import COST_UNIT
from rlcodec.core.adaptive import MIXED, MOST_USES, STRETCH_LIMIT, STRETCHES, Counters, Mixers
from rlcodec.core.files import write_atomically
from rlcodec.core.segment_choice import CONTEXT
from rlcodec.presets.photo.allocation import ALLOCATIONS, Allocation, busyness_of, offsets_of
from rlcodec.presets.photo.analysis import Analysis, analyse
from rlcodec.presets.photo.coefficient_coder import COUNTERS, EXPECTATIONS, INPUTS, MIXERS, WEIGHT_UNIT, StripState
from rlcodec.presets.photo.colors import best_transform
from rlcodec.presets.photo.quantiser import OFFSETS_PER_OCTAVE, SHAPES, Quantiser
from rlcodec.presets.photo.strips import code_chosen
from rlcodec.presets.photo.transform import (
    CENTRED,
    OFFSET_LIMIT,
    PLANES,
    SLICES,
    TRANSFORMS,
    planes_of,
)
from rlcodec.presets.photo.weights import MEMORY, PhotoWeights, weights_from_arrays, weights_to_arrays
from rlcodec.presets.photo.weights import SHAPES as ARRAYS
from rlcodec.training.data import random_mirrored_crop
from rlcodec.training.photo._raster import collect

CROP = 384
TRAINED_GAINS = 60, 430
FITTED_SHARE, LIMITED_SHARE = 0.3, 0.5
"""Pictures that weights are fitted to, and that mixing weights are trained on last, as shares of those that train counters."""
CARRIED_USES = 24
"""The most uses with which a counter begins."""
FITTED_COEFFICIENTS = 12_000
"""Of each plane, transform and slice."""
LEAST_EXPECTED = 0.02
FIRST_MIXING_WEIGHT, MIXED_COUNTERS = 0.15, 4
INSIDE, CONSTANT = tuple(range(8)), 22
"""Inputs of the expected magnitude that lie in the block, and the constant."""
RELATIVE_UNIT = 4096
TRAINED_REPAIR = 1
"""Level of repair of all areas while the model is trained."""


@dataclass
class Drawn:
    """A training picture: what the encoder chose for it."""

    analysis: Analysis
    quantiser: Quantiser
    allocation: Allocation


def first_weights() -> PhotoWeights:
    """Weights that have learned nothing."""
    counters = np.zeros((COUNTERS, 2), np.uint16)
    counters[:, 0] = 1 << 15
    expected = np.zeros((EXPECTATIONS, PLANES, TRANSFORMS, SLICES, INPUTS), np.int16)
    expected[..., [0, 1]] = WEIGHT_UNIT // 5
    expected[..., [8, 9]] = WEIGHT_UNIT // 7
    expected[..., [10, 11]] = WEIGHT_UNIT // 10
    mixers = np.zeros((MIXERS, MIXED), np.int32)
    mixers[:, :MIXED_COUNTERS] = round(65536 * FIRST_MIXING_WEIGHT)
    probability = (np.arange(STRETCHES) + 0.5) / STRETCHES
    stretched = np.rint(256 * np.log(probability / (1 - probability)))
    squashed = 65536 / (1 + np.exp((STRETCHES / 2 - np.arange(STRETCHES)) / 256))
    relative = RELATIVE_UNIT * np.exp2(np.arange(-OFFSET_LIMIT, OFFSET_LIMIT + 1) / OFFSETS_PER_OCTAVE)
    return PhotoWeights(
        "",
        counters=counters,
        expected=expected,
        mixers=mixers,
        stretched=np.clip(stretched, -STRETCH_LIMIT, STRETCH_LIMIT).astype(np.int16),
        squashed=np.clip(np.rint(squashed), 1, 65535).astype(np.uint16),
        relative=np.rint(relative).astype(np.int32),
        centroids=np.zeros((PLANES, TRANSFORMS, SLICES, CENTRED), np.float32),
    )


def draw_picture(pictures: list[np.ndarray], rng: np.random.Generator, side: int = CROP) -> Drawn:
    """A random crop, analysed at a random gain under a random allocation.

    Args:
        pictures: uint8 (h, w, 3), with sides of at least `side`.
        rng: draws.
        side: of the crop in pixels.
    """
    pixels = np.ascontiguousarray(random_mirrored_crop(pictures, side, rng))
    allocation = ALLOCATIONS[str(rng.choice(["psnr", "ms-ssim", "ssimulacra2"]))]
    if rng.random() < 0.3:
        allocation = allocation.scaled(float(rng.uniform(0, 1.5)))
    if rng.random() < 0.3:
        allocation = replace(allocation, shape=int(rng.integers(SHAPES)))
    quantiser = allocation.quantiser(int(rng.integers(*TRAINED_GAINS)))
    planes = planes_of(pixels, best_transform(pixels, allocation.fixed).forward)
    busyness = busyness_of(planes[0], allocation)
    offsets = offsets_of(busyness, float(busyness.mean()), allocation)
    return Drawn(analyse(planes, quantiser, offsets, allocation), quantiser, allocation)


def code_picture(weights: PhotoWeights, drawn: Drawn, memory: int) -> tuple[StripState, float]:
    """Codes a picture as one strip in tier `context`, which trains the counters of both tiers.

    Args:
        weights: with which coding begins.
        drawn: the picture.
        memory: number of uses from which on a counter forgets.

    Returns:
        The strip, and its code length in bits.
    """
    strip = code_nothing(weights, drawn, memory)
    coders = code_chosen(strip, weights, drawn.analysis, drawn.quantiser, drawn.allocation, TRAINED_REPAIR, CONTEXT)
    return strip, sum(coder.cost for coder in coders) / COST_UNIT


def fit_expected(
    weights: PhotoWeights, pictures: list[np.ndarray], rng: np.random.Generator, count: int, side: int = CROP
) -> np.ndarray:
    """Fits the weights of expected magnitudes: by all inputs, by those of the block, and by the others.

    Args:
        weights: that coding begins with.
        pictures: uint8 (h, w, 3).
        rng: draws.
        count: of pictures to code.
        side: of the crops in pixels.

    Returns:
        int16, as `PhotoWeights.expected`.
    """
    inputs: list[np.ndarray] = []
    magnitudes: list[np.ndarray] = []
    classes: list[np.ndarray] = []
    for _ in track(range(count), "expected magnitudes"):
        drawn = draw_picture(pictures, rng, side)
        coded, _ = code_picture(weights, drawn, MEMORY)
        empty = code_nothing(weights, drawn)
        room = drawn.analysis.coefficients.size // 16
        some = np.empty((room, INPUTS), np.float32), np.empty(room, np.float32), np.empty(room, np.int32)
        found = collect(coded, empty, 17, *some)
        for whole, part in zip((inputs, magnitudes, classes), some, strict=True):
            whole.append(part[:found])
    all_inputs, all_magnitudes, all_classes = (np.concatenate(parts) for parts in (inputs, magnitudes, classes))
    expected = np.zeros((EXPECTATIONS, PLANES * TRANSFORMS * SLICES, INPUTS), np.int16)
    used = (
        range(INPUTS),
        (*INSIDE, CONSTANT),
        [i for i in range(INPUTS) if i not in INSIDE],
    )
    for index in track(np.unique(all_classes).tolist(), "fitting"):
        chosen = np.flatnonzero(all_classes == index)
        chosen = rng.permutation(chosen)[:FITTED_COEFFICIENTS]
        x, y = all_inputs[chosen].astype(np.float64), all_magnitudes[chosen].astype(np.float64)
        for kind, columns in enumerate(used):
            expected[kind, index, list(columns)] = np.clip(
                np.rint(WEIGHT_UNIT * _fit(x[:, list(columns)], y)), 0, np.iinfo(np.int16).max
            )
    return expected.reshape(EXPECTATIONS, PLANES, TRANSFORMS, SLICES, INPUTS)


def _fit(inputs: np.ndarray, magnitudes: np.ndarray) -> np.ndarray:
    """Weights, not negative, of least squares over the variance of a geometric distribution of the fitted mean."""
    deviation = np.ones(len(inputs))
    for _ in range(4):
        weights, _ = nnls(inputs / deviation[:, None], magnitudes / deviation)
        mean = inputs @ weights + LEAST_EXPECTED
        deviation = np.sqrt(mean * (mean + 1))
    return weights


def code_nothing(weights: PhotoWeights, drawn: Drawn, memory: int = MEMORY) -> StripState:
    """A strip of the size of a picture of which nothing is coded."""
    mixers = Mixers(weights.mixers, weights.stretched, weights.squashed)
    rows, columns = drawn.analysis.splits.shape
    return StripState(rows, columns, Counters(weights.counters, memory), mixers, weights.expected, weights.relative)


def train_raster(
    pictures: list[np.ndarray],
    count: int,
    seed: int,
    checkpoint: Path | None = None,
    resume: bool = True,
    side: int = CROP,
) -> PhotoWeights:
    """Trains the model.

    Args:
        pictures: uint8 (h, w, 3), with sides of at least `side`.
        count: of pictures that train the counters.
        seed: of the draws.
        checkpoint: npz file that receives the weights after each stage; none if None.
        resume: continue after the last stage in the checkpoint.
        side: of the crops in pixels.
    """
    weights, stage = first_weights(), 0
    if checkpoint and resume and checkpoint.exists():
        saved = np.load(checkpoint)
        weights, stage = replace(weights, **{name: saved[name] for name in ARRAYS}), int(saved["stage"])

    def draw(step: int) -> Drawn:
        return draw_picture(pictures, np.random.default_rng((seed, stage, step)), side)

    def carry(part: PhotoWeights, drawn: Drawn) -> PhotoWeights:
        strip, _ = code_picture(part, drawn, MOST_USES)
        return replace(part, counters=strip.counters.states, mixers=strip.mixers.states)

    def mix(part: PhotoWeights, drawn: Drawn) -> PhotoWeights:
        return replace(part, mixers=code_picture(part, drawn, MEMORY)[0].mixers.states)

    def limit(part: PhotoWeights) -> PhotoWeights:
        counters = part.counters.copy()
        counters[:, 1] = np.minimum(counters[:, 1], CARRIED_USES)
        return replace(part, counters=counters)

    def run(part: PhotoWeights, what: str, step: Callable[[PhotoWeights, Drawn], PhotoWeights], steps: int) -> PhotoWeights:
        for index in track(range(steps), what):
            part = step(part, draw(index))
        return part

    fitted, limited = max(round(count * FITTED_SHARE), 1), max(round(count * LIMITED_SHARE), 1)
    stages: list[Callable[[PhotoWeights], PhotoWeights]] = [
        lambda part: limit(run(part, "first counters", carry, fitted)),
        lambda part: replace(
            first_weights(), expected=fit_expected(part, pictures, np.random.default_rng((seed, stage)), fitted, side)
        ),
        lambda part: limit(run(part, "counters", carry, count)),
        lambda part: run(part, "mixing weights", mix, limited),
    ]
    while stage < len(stages):
        weights = stages[stage](weights)
        stage += 1
        if checkpoint:
            arrays = weights_to_arrays(weights) | {"stage": np.array(stage)}
            write_atomically(checkpoint, lambda file, arrays=arrays: np.savez_compressed(file, **arrays))
    return weights_from_arrays(weights_to_arrays(weights))
