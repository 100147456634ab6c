"""The raster-encoder: whatever is encoded is decoded, extreme pictures too, and cut strips end in what was decoded so far."""

import numpy as np
import pytest

from rlcodec.core._adaptive import Counters
from rlcodec.core._mixing import Mixers
from rlcodec.core._range_coder import RangeCoder
from rlcodec.presets.photo.allocation import ALLOCATIONS
from rlcodec.presets.photo.areas import SLICES_OF_SPLITS
from rlcodec.presets.photo.coding import PictureCoder, settings_for
from rlcodec.presets.photo.coefficient_coder import StripState, code_slice
from rlcodec.presets.photo.decoder import shown_pixels
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.presets.photo.repair import PLAIN
from rlcodec.presets.photo.settings import PREDICTORS
from rlcodec.presets.photo.strips import areas_of, decode_areas, strip_state
from rlcodec.presets.photo.transform import (
    AREA,
    AREA_PIXELS,
    CHROMA_LIMIT,
    FREQUENCIES,
    OFFSET_LIMIT,
    PLANES,
    SLICE_OF,
    SLICES,
    WHOLE,
)

NAMES = ("values", "splits", "offsets", "chroma", "repairs")
SCALES = np.full((PLANES, FREQUENCIES), 2.0, np.float32)


def random_strip(seed: int, rows: int, columns: int, tier: int) -> StripState:
    """A strip with every choice an area has."""
    rng, strip = np.random.default_rng(seed), strip_state(installed_weights(), rows, columns)
    np.asarray(strip.splits)[:] = rng.integers(0, WHOLE + 1, (rows, columns))
    np.asarray(strip.offsets)[:] = rng.integers(-OFFSET_LIMIT, OFFSET_LIMIT + 1, (rows, columns))
    np.asarray(strip.chroma)[:] = rng.integers(-CHROMA_LIMIT, CHROMA_LIMIT + 1, (rows, columns, PLANES - 1))
    np.asarray(strip.repairs)[:] = rng.integers(0, 3, (rows, columns))
    strip.tier = tier
    return strip


def encode(strip: StripState, coefficients: np.ndarray, weight: float = 0.1) -> list[np.ndarray]:
    """The segment of every slice."""
    segments = []
    for index in range(SLICES):
        coder = RangeCoder()
        code_slice(coder, strip, index, coefficients, SCALES, installed_weights().centroids, SLICE_OF, weight)
        segments.append(np.frombuffer(coder.finish(), np.uint8))
    return segments


def decode(segments: list[np.ndarray], rows: int, columns: int) -> StripState:
    strip = strip_state(installed_weights(), rows, columns)
    for index, segment in enumerate(segments):
        code_slice(RangeCoder(segment, len(segment)), strip, index)
    return strip


def coefficients_of(seed: int, rows: int, columns: int, spread: float) -> np.ndarray:
    """Random coefficients of which most are small, float32 (rows, columns, PLANES, AREA_PIXELS)."""
    rng = np.random.default_rng(seed)
    small = rng.laplace(0, 1, (rows, columns, PLANES, AREA_PIXELS)) * spread
    return (small * rng.integers(0, 2, (rows, columns, PLANES, 1))).astype(np.float32)


@pytest.mark.parametrize("tier", range(len(PREDICTORS)))
@pytest.mark.parametrize("spread", [0.0, 1.0, 20.0, 3000.0])
@pytest.mark.parametrize("size", [(1, 1), (3, 1), (2, 4)])
def test_strips_come_back(tier, spread, size):
    strip = random_strip(5, *size, tier)
    choices = {name: np.array(getattr(strip, name)) for name in NAMES[1:]}
    decoded = decode(encode(strip, coefficients_of(6, *size, spread)), *size)
    assert all(np.array_equal(getattr(decoded, name), getattr(strip, name)) for name in NAMES)
    assert all(np.array_equal(getattr(decoded, name), choice) for name, choice in choices.items())
    assert decoded.tier == tier
    assert np.array_equal(decoded.counters.states, strip.counters.states)
    assert np.array_equal(decoded.mixers.states, strip.mixers.states)
    assert np.asarray(strip.values).any() == (spread > 0)


@pytest.mark.parametrize("tier", range(len(PREDICTORS)))
def test_values_that_no_picture_has_are_limited(tier):
    coefficients = np.full((1, 1, PLANES, AREA_PIXELS), 3e4, np.float32)
    coefficients[..., ::2] *= -1
    strip = random_strip(5, 1, 1, tier)
    np.asarray(strip.offsets)[:] = -OFFSET_LIMIT
    decoded = decode(encode(strip, coefficients), 1, 1)
    assert np.array_equal(decoded.values, strip.values)


def test_coding_is_near_to_the_coefficients():
    strip, coefficients = random_strip(5, 2, 2, 1), coefficients_of(6, 2, 2, 60)
    np.asarray(strip.splits)[:] = WHOLE
    np.asarray(strip.chroma)[:] = 0
    np.asarray(strip.offsets)[:] = 0
    encode(strip, coefficients, 0)
    errors = np.abs(np.asarray(strip.values) - coefficients)[..., 1:]  # a step is 2, and values are in half steps
    assert errors.max() < 2 * 2
    assert errors.mean() < 0.5 * 2


def test_cut_strips_keep_what_was_decoded(photograph):
    """At every byte: slices before the cut are whole, and in the slice of the cut values are those of a prefix, or 0."""
    picture = np.asarray(photograph)[60:92, 100:164]
    weights = installed_weights()
    coded = PictureCoder(weights, picture).code(300, ALLOCATIONS["ssimulacra2"], keep=True)
    payload = np.frombuffer(coded.payload(), np.uint8)
    first = len(payload) - sum(map(len, coded.segments))
    whole = coded.areas
    for length in range(first, len(payload)):
        areas, segments = decode_areas(weights, payload[:length].copy(), picture.shape[:2])
        complete = sum(segment.complete for segment in segments)
        assert complete < SLICES
        if complete == 0:
            continue
        assert all(np.array_equal(getattr(areas, name), getattr(whole, name)) for name in NAMES[1:])
        slices = SLICES_OF_SPLITS[whole.splits][:, :, None]
        assert np.array_equal(areas.of_slices(complete).values, whole.of_slices(complete).values)
        assert not areas.values[np.broadcast_to(slices > complete, areas.values.shape)].any()


def checkered(one: list[int], other: list[int], side: int = AREA) -> np.ndarray:
    y, x = np.mgrid[: 2 * AREA, : 3 * AREA] // side
    return np.where((y + x)[..., None] % 2, one, other).astype(np.uint8)


EXTREMES = {
    "white": np.full((40, 40, 3), 255, np.uint8),
    "black": np.zeros((40, 40, 3), np.uint8),
    "white and black": checkered([255] * 3, [0] * 3),
    "red and cyan": checkered([255, 0, 0], [0, 255, 255]),
    "blue and yellow": checkered([0, 0, 255], [255, 255, 0]),
    "green and magenta": checkered([0, 255, 0], [255, 0, 255]),
    "stripes": checkered([255, 255, 0], [0, 0, 255], 1),
    "noise": np.random.default_rng(1).integers(0, 2, (2 * AREA, 40, 3)).astype(np.uint8) * 255,
}


@pytest.mark.parametrize("name", EXTREMES)
@pytest.mark.parametrize("kind", ["psnr", "ms-ssim", "ssimulacra2"])
@pytest.mark.parametrize("strength", [0.0, 1.0, 10.0])
def test_saturated_pictures_fit_at_the_finest_gain(name, kind, strength):
    picture, weights, allocation = EXTREMES[name], installed_weights(), ALLOCATIONS[kind].scaled(strength)
    coded = PictureCoder(weights, picture).code(0, allocation, keep=True)
    size = picture.shape[:2]
    areas, _ = decode_areas(weights, np.frombuffer(coded.payload(), np.uint8).copy(), size)
    assert all(np.array_equal(getattr(areas, name), getattr(coded.areas, name)) for name in NAMES)
    assert np.abs(areas.values.astype(int)).max() < 2**15 - 1
    shown = shown_pixels(weights, areas, settings_for(0, allocation, PLAIN), coded.colors, size, PLAIN)
    busy = name in ("noise", "stripes")  # whose steps are coarser
    assert np.abs(shown.astype(int) - picture).mean() < (6 if busy else 0.2)


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (70, 1), (33, 31)])
@pytest.mark.parametrize("gain", [0, 200, 511])
@pytest.mark.parametrize("predictor", PREDICTORS)
def test_noise_of_any_size_comes_back(size, gain, predictor):
    picture, weights = np.random.default_rng(3).integers(0, 256, (*size, 3), np.uint8), installed_weights()
    coded = PictureCoder(weights, picture, predictor=predictor).code(gain, ALLOCATIONS["ms-ssim"], keep=True)
    areas, segments = decode_areas(weights, np.frombuffer(coded.payload(), np.uint8).copy(), size)
    assert all(np.array_equal(getattr(areas, name), getattr(coded.areas, name)) for name in NAMES)
    assert all(segment.tier == PREDICTORS.index(predictor) for segment in segments if segment.bits)


def test_what_does_not_fit_is_refused():
    weights = installed_weights()
    counters, mixers = weights.model
    with pytest.raises(ValueError, match="1 counters"):
        StripState(1, 1, Counters(weights.counters[:1], 250), mixers, weights.expected, weights.relative)
    few = Mixers(weights.mixers[:1], weights.stretched, weights.squashed)
    with pytest.raises(ValueError, match="1 mixers"):
        StripState(1, 1, counters, few, weights.expected, weights.relative)
    with pytest.raises(ValueError, match="another shape"):
        StripState(1, 1, counters, mixers, np.ascontiguousarray(weights.expected[:1]), weights.relative)
    with pytest.raises(ValueError, match="do not fit"):
        StripState(1, 1, counters, mixers, weights.expected, weights.relative * 0)
    strip = strip_state(weights, 1, 1)
    with pytest.raises(ValueError, match="no slice 5"):
        code_slice(RangeCoder(), strip, SLICES)
    with pytest.raises(ValueError, match="takes coefficients"):
        code_slice(RangeCoder(), strip, 0)
    with pytest.raises(ValueError, match="do not fit"):
        code_slice(RangeCoder(), strip, 0, coefficients_of(1, 1, 2, 1), SCALES, weights.centroids, SLICE_OF, 0.1)
    assert not areas_of(strip).values.any()
