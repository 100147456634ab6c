"""Measures how long this machine takes to decode: real streams of pictures that code draws, and a fit over their times."""

import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from rlcodec.api import decode, encode, inspect
from rlcodec.control.decode_time import Calibration, StageCost, Work, model_digest, this_machine, work_of
from rlcodec.core.container import unpack
from rlcodec.core.preset_ids import COMPACT, MNIST, PHOTO, PRESETS
from rlcodec.core.segment_choice import TIERS
from rlcodec.presets.mnist.bilevel.geometry import BOX, WORDS, box_area, gray_level, grid, set_bit
from rlcodec.presets.photo.decode_cost import COEFFICIENTS, INVERSE

ROUNDS = {MNIST.name: 5, PHOTO.name: 7, COMPACT.name: 5}
CALLS = {MNIST.name: 5, PHOTO.name: 1, COMPACT.name: 1}
"""How often every decode is timed, and how often in a row each time; the median of all counts."""
SWEEPS, REWEIGHTINGS = 3000, 20
DIGIT_SIDE, DIGIT_MARGIN = 28, 4
SCAN_SIDES = (22, 31, 44)
PHOTO_SIZES = ((160, 224), (256, 384), (512, 512))
PHOTO_GAINS = (8, 24, 40, 24, 40, 8)
COMPACT_SIZES = ((64, 128), (192, 256), (256, 384))


@dataclass(frozen=True)
class Sample:
    """A decode, or the first stages of one, and what it does."""

    work: Work
    run: Callable[[], object]


def calibrate(report: Callable[[int, int], None] | None = None) -> Calibration:
    """Measures this machine; on two cores it takes some 12 seconds.

    Args:
        report: called with (rounds done, rounds in all).
    """
    done, total = itertools.count(1), sum(ROUNDS.values())

    def step() -> None:
        if report:
            report(next(done), total)

    stages = {}
    for preset, samples in ((MNIST.name, _digits()), (PHOTO.name, _photographs()), (COMPACT.name, _compact())):
        taken = _median_ms([s.run for s in samples], ROUNDS[preset], CALLS[preset], step)
        stages[preset] = fit([s.work for s in samples], taken)
    return Calibration(this_machine(), {preset.name: model_digest(preset.name) for preset in PRESETS}, stages)


def _median_ms(runs: Sequence[Callable[[], object]], rounds: int, calls: int, step: Callable[[], None]) -> np.ndarray:
    """Median milliseconds of each; they take turns, so that what else the machine does befalls all of them alike."""
    times = np.empty((rounds, len(runs), calls))
    for run in runs:  # what is loaded or allocated once
        run()
    for of_round in times:
        for run, of_run in zip(runs, of_round, strict=True):
            for i in range(calls):
                started = time.perf_counter()
                run()
                of_run[i] = time.perf_counter() - started
        step()
    return 1000 * np.median(times, (0, 2))


def fit(works: Sequence[Work], milliseconds: np.ndarray) -> dict[str, StageCost]:
    """Costs of the stages that explain what decodes took: least squares of the ratios' logarithms, no cost below zero.

    Args:
        works: what each decode does.
        milliseconds: float64 (decodes,), that it took.
    """
    names = list(dict.fromkeys(stage for work in works for stage in work))
    features = np.array([[value for name in names for value in _features(work, name)] for work in works])
    scale = np.maximum(features.max(0), 1e-30)
    features /= scale
    weights = 1 / milliseconds
    for _ in range(REWEIGHTINGS):
        costs = _least_squares(features * weights[:, None], milliseconds * weights)
        predicted = np.maximum(features @ costs, 1e-9)
        # A difference over the logarithmic mean is the logarithm of the ratio.
        near = np.isclose(predicted, milliseconds, rtol=1e-6)
        difference = np.where(near, 1.0, predicted - milliseconds)
        weights = np.where(near, 1 / milliseconds, np.log(predicted / milliseconds) / difference)
    return {name: StageCost(*(costs / scale)[3 * i : 3 * i + 3].tolist()) for i, name in enumerate(names)}


def _least_squares(features: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Coefficients of at least 0, coordinate by coordinate; the problem is convex and small."""
    gram, moment = features.T @ features, features.T @ wanted
    costs = np.zeros(len(gram))
    for _ in range(SWEEPS):
        before = costs.copy()
        for i in np.flatnonzero(gram.diagonal()):
            costs[i] = max(costs[i] + (moment[i] - gram[i] @ costs) / gram[i, i], 0.0)
        if np.abs(costs - before).max() <= 1e-9 * costs.max():
            break
    return costs


def _features(work: Work, stage: str) -> tuple[float, float, float]:
    return (1.0, *work[stage]) if stage in work else (0.0, 0.0, 0.0)


def _sample(data: bytes) -> Sample:
    return Sample(work_of(inspect(data)), lambda: decode(data))


def _digits() -> list[Sample]:
    """Decodes of preset "mnist": every tier, with and without latents, rows and scans, in two sizes."""
    small = [drawing(DIGIT_SIDE, DIGIT_SIDE, 1), _stroke(1.5), _stroke(4.0)]
    scanned, large = [_scan_digit(side) for side in SCAN_SIDES], [drawing(64, 64, 2), drawing(48, 64, 3) // 128 * 255]
    choices: list[dict[str, Any]] = [
        {"tier": tier, "bit_budget": budget, "rows": rows}
        for tier in TIERS[:2]
        for budget, rows in ((0, None), (49, 0), (196, 14), (588, 0))
    ]
    plain = [encode(image, **choice) for image in small + scanned + large for choice in choices]
    lm = [encode(image, tier="lm", rows=rows) for image in scanned for rows in (14, None)]
    return [_sample(data) for data in plain + lm]


def _photographs() -> list[Sample]:
    """Decodes of preset "photo", whole ones in every width, and parts of one."""
    from rlcodec.presets.photo.coefficient_coder import step_of
    from rlcodec.presets.photo.repair import WIDTHS
    from rlcodec.presets.photo.strips import decode_values
    from rlcodec.presets.photo.transform import dequantised_planes
    from rlcodec.presets.photo.installed import photo_weights

    model, samples = photo_weights(), []
    for number, ((height, width), gain) in enumerate(zip(PHOTO_SIZES * 2, PHOTO_GAINS, strict=True)):
        picture = colours(height, width, number)
        for synthesis in WIDTHS:
            data = encode(picture, preset=PHOTO.name, gain=gain, synthesis=synthesis)
            samples.append(_sample(data))
        payload, whole = unpack(data).payload, samples[-1].work

        def values(payload: Any = payload, size: Any = (height, width), gain: int = gain) -> np.ndarray:
            return decode_values(model, payload, size[0], size[1], gain)[0]

        def planes(values: Callable[[], np.ndarray] = values, gain: int = gain) -> np.ndarray:
            return dequantised_planes(values(), model.centroids, step_of(gain))

        samples.append(Sample(_only(whole, COEFFICIENTS), values))
        samples.append(Sample(_only(whole, COEFFICIENTS, INVERSE), planes))
    return samples


def _only(work: Work, *stages: str) -> Work:
    return {stage: work[stage] for stage in stages}


def _compact() -> list[Sample]:
    """Decodes of preset "compact": both tiers, and fewer latents."""
    from rlcodec.presets.compact.transform import LATENT_CHANNELS, latent_size

    samples = []
    for number, (height, width) in enumerate(COMPACT_SIZES):
        rows, columns = latent_size(height, width)
        most, picture = LATENT_CHANNELS * rows * columns, colours(height, width, number)
        for tier, budget in (("table", most), ("context", most), ("context", most // 3)):
            samples.append(_sample(encode(picture, preset=COMPACT.name, tier=tier, bit_budget=budget)))
    return samples


def drawing(height: int, width: int, seed: int) -> np.ndarray:
    """Smooth noise with edges across it, uint8 (height, width); the same for a seed on every machine."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    total = np.zeros((height, width))
    for cell, weight in ((64, 60.0), (16, 25.0), (4, 10.0)):
        coarse = random.standard_normal((height // cell + 2, width // cell + 2)).astype(np.float32)
        total += weight * np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    for _ in range(4):
        angle, offset = random.uniform(0, 2 * np.pi), random.uniform(-0.4, 0.4)
        beyond = (x / width - 0.5) * np.cos(angle) + (y / height - 0.5) * np.sin(angle) > offset
        total += beyond * random.uniform(-60, 60)
    total += random.standard_normal((height, width)) * 4
    return np.clip(total + 128, 0, 255).astype(np.uint8)


def colours(height: int, width: int, seed: int) -> np.ndarray:
    """As `drawing`, uint8 (height, width, 3): planes that mostly agree, as those of photographs do."""
    gray, *others = (drawing(height, width, 3 * seed + i).astype(np.int64) for i in range(3))
    planes = [gray, *((3 * gray + other) // 4 for other in others)]
    return np.stack(planes, 2).astype(np.uint8)


def _ring(side: int, thickness: float) -> np.ndarray:
    """Distance inside a ring that touches all four edges, float64 (side, side); at least 0 where there is ink."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    distance = np.hypot(y, x)
    return np.minimum(side / 2 - distance, distance - side / 2 + thickness)


def _stroke(thickness: float) -> np.ndarray:
    """A ring with soft edges, uint8 (28, 28): a digit that no scan explains."""
    return _boxed(np.clip(_ring(BOX, thickness) + 0.5, 0, 1) * 250)


def _scan_digit(side: int) -> np.ndarray:
    """A ring in a bilevel scan of a side, averaged down as MNIST's digits are, uint8 (28, 28)."""
    rows, one = np.zeros((side, WORDS), np.uint64), grid(side)
    for y, x in zip(*np.nonzero(_ring(side, side / 6) >= 0), strict=True):
        set_bit(rows[y], x)
    areas = [[box_area(rows, 0, one.single, one.start, one.stop, r, c) for c in range(BOX)] for r in range(BOX)]
    peak = max(itertools.chain.from_iterable(areas))
    return _boxed([[gray_level(area, peak)[0] for area in line] for line in areas])


def _boxed(levels: Iterable[Any]) -> np.ndarray:
    return np.pad(np.asarray(levels).astype(np.uint8), DIGIT_MARGIN)
