"""Coded strips: streams that end after any slice, and the squared errors of the coefficients."""

import numpy as np
import pytest

from rlcodec.presets.photo.coefficient_coder import SLICE_COUNT, SLICE_OF, step_of
from rlcodec.presets.photo.decisions import STOPS
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.presets.photo.measurements import mse_of_coefficients
from rlcodec.presets.photo.strips import Keep, decode_values, encode_photo, strips_of
from rlcodec.presets.photo.transform import BLOCK, PLANES, dequantised_planes


def planes_of(coefficients: np.ndarray) -> np.ndarray:
    """Pixels of coefficients that were not quantised, float32 (rows, columns, 3)."""
    return dequantised_planes(coefficients, np.zeros((PLANES, 2 * BLOCK - 1, 3), np.float32), 1.0)


@pytest.mark.parametrize("slices", range(1, SLICE_COUNT + 1))
@pytest.mark.parametrize("gain", [9, 30, 47])
def test_streams_may_end_after_any_slice(photograph, slices, gain):
    weights, picture = installed_weights(), np.asarray(photograph)[:, 40:136]  # no whole number of blocks high
    picture = np.concatenate([picture, picture[:80]])  # two strips
    coded = encode_photo(weights, picture, gain, keep=Keep.VALUES)
    payload = np.frombuffer(coded.payload(slices), np.uint8).copy()
    values, segments = decode_values(weights, payload, picture.shape[:2], gain)
    assert np.array_equal(values, coded.values_of(slices))
    assert np.array_equal(values, np.where(slices > SLICE_OF, coded.values, 0))
    assert all(s.complete for s in segments)
    found = np.zeros(SLICE_COUNT, np.int64)
    np.add.at(found, [s.segment.index for s in segments], [s.macs for s in segments])
    assert np.array_equal(found[:slices], coded.macs.sum(0)[:slices])
    assert not found[slices:].any()
    assert coded.macs[:, :slices].sum() > 0


@pytest.mark.parametrize("gain", [0, 24, 47])
def test_errors_are_those_of_the_coefficients(pictures, gain):
    weights, picture = installed_weights(), pictures[3]
    strips = strips_of(picture, 1)
    coded = encode_photo(weights, strips, gain, keep=Keep.VALUES | Keep.ERRORS)
    wanted, step = np.concatenate(strips, 1).astype(np.float64), step_of(gain)
    magnitude = np.abs(coded.values).astype(np.int64)
    diagonal = np.add.outer(np.arange(BLOCK), np.arange(BLOCK))
    shrink = np.stack([weights.centroids[p][diagonal, np.clip(magnitude[p], 1, 3) - 1] for p in range(3)])
    given = np.sign(coded.values) * np.where(magnitude, magnitude - shrink, 0) * step
    for index in range(SLICE_COUNT):
        here = index == SLICE_OF
        sent, lost = ((wanted - shown)[..., here] for shown in (given, 0 * given))
        energy = np.square(lost).sum()
        assert coded.errors[0, index] == pytest.approx(np.square(sent).sum(), rel=1e-4, abs=1e-7 * energy)  # of float32
        assert coded.errors[1, index] == pytest.approx(energy, rel=1e-5)
    area = wanted[0].size
    for stop, known in zip(STOPS, mse_of_coefficients(coded.errors, area), strict=True):
        planes = planes_of(np.where(stop > SLICE_OF, given, 0).astype(np.float32))
        assert known == pytest.approx(np.square(planes - planes_of(np.concatenate(strips, 1))).mean(), rel=1e-3)
    assert not encode_photo(weights, strips, gain).errors.any()
