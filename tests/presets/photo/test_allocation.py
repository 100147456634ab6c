"""Steps of the quantiser: close to each other, growing with frequency, and finer in flat areas."""

import numpy as np
import pytest

from rlcodec.presets.photo.allocation import ALLOCATIONS, busyness_of, offsets_of
from rlcodec.presets.photo.colors import FIXED
from rlcodec.presets.photo.quantiser import (
    CHROMA_FACTORS,
    CONSTANT_FINENESS,
    FULL_SHAPE,
    GAINS,
    GAINS_PER_OCTAVE,
    LARGEST_DIFFERENCE,
    SHAPES,
    Quantiser,
    step_of,
)
from rlcodec.presets.photo.transform import AREA, OFFSET_LIMIT, WAVES

PERCEPTUAL = ["ms-ssim", "ssimulacra2"]


def test_neighbouring_gains_differ_little():
    steps = np.array([step_of(gain) for gain in range(GAINS)])
    assert (steps[1:] / steps[:-1]).max() < 1.02
    assert steps[GAINS_PER_OCTAVE] == pytest.approx(2 * steps[0])


@pytest.mark.parametrize("fixed", range(len(FIXED)))
@pytest.mark.parametrize("chroma", range(len(CHROMA_FACTORS)))
def test_without_shape_only_constants_and_chroma_differ(fixed, chroma):
    growth = Quantiser(200, fixed, 0, chroma).growth
    factors = np.array([1, CHROMA_FACTORS[chroma], CHROMA_FACTORS[chroma]])[:, None]
    expected = factors * np.where(WAVES == 0, 1 / CONSTANT_FINENESS, 1)
    assert growth == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("fixed", range(len(FIXED)))
@pytest.mark.parametrize("shape", range(1, SHAPES))
def test_steps_grow_with_frequency_and_shape(fixed, shape):
    growth, lesser = (Quantiser(200, fixed, level).growth for level in (shape, shape - 1))
    order = np.argsort(WAVES, kind="stable")
    assert (np.diff(growth[:, order], axis=1) >= -1e-6).all()
    assert (growth[:, WAVES > 0.5] > lesser[:, WAVES > 0.5]).all()


def half_flat() -> np.ndarray:
    """Luma that is flat at the left and noise at the right, float32 (64, 128)."""
    luma = np.random.default_rng(1).normal(0, 40, (2 * AREA, 4 * AREA)).astype(np.float32)
    luma[:, : 2 * AREA] = 10
    return luma


@pytest.mark.parametrize("kind", PERCEPTUAL)
def test_flat_areas_get_finer_steps(kind):
    busyness = busyness_of(half_flat(), ALLOCATIONS[kind])
    offsets = offsets_of(busyness, float(busyness.mean()), ALLOCATIONS[kind])
    assert offsets.shape == (2, 4)
    assert offsets[:, :2].max() < offsets[:, 2:].min()
    strong = offsets_of(busyness, float(busyness.mean()), ALLOCATIONS[kind].scaled(1000))
    assert set(strong.reshape(-1).tolist()) <= {-OFFSET_LIMIT, OFFSET_LIMIT}


@pytest.mark.parametrize("kind", ["mse", "psnr"])
def test_squared_errors_need_no_offsets(kind):
    allocation = ALLOCATIONS[kind]
    assert not offsets_of(busyness_of(half_flat(), allocation), 0.0, allocation).any()
    assert (allocation.shape, allocation.chroma) == (0, 0)


@pytest.mark.parametrize("kind", PERCEPTUAL)
def test_strength_0_gives_no_offsets(kind):
    allocation = ALLOCATIONS[kind].scaled(0)
    assert not offsets_of(busyness_of(half_flat(), allocation), 0.0, allocation).any()
    assert allocation.shape == FULL_SHAPE


def test_offsets_are_raised_only_where_constants_could_not_be_coded():
    planes = np.zeros((3, AREA, 2 * AREA), np.float32)
    assert Quantiser(0).least_offset(planes) == -OFFSET_LIMIT
    planes[0, :, :AREA], planes[0, :, AREA:] = -221, 221
    for kind in ALLOCATIONS:
        for gain in (0, 50):
            quantiser = ALLOCATIONS[kind].quantiser(gain)
            least = quantiser.least_offset(planes)
            step = quantiser.scales[0, -AREA * AREA] * 2 ** (least / 8)
            assert 442 * AREA / step < LARGEST_DIFFERENCE
        assert ALLOCATIONS[kind].quantiser(220).least_offset(planes) == -OFFSET_LIMIT
