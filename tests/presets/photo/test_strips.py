"""Coded strips: streams that end after any slice, side information of areas, and the error without repair."""

import numpy as np
import pytest

from rlcodec.presets.photo.allocation import ALLOCATIONS, UNIFORM
from rlcodec.presets.photo.coding import PictureCoder, settings_for
from rlcodec.presets.photo.decisions import STOPS
from rlcodec.presets.photo.decoder import shown_pixels
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.presets.photo.measurements import plain_sse, squared_error
from rlcodec.presets.photo.repair import PLAIN
from rlcodec.presets.photo.strips import decode_areas
from rlcodec.presets.photo.transform import SLICES

PERCEPTUAL = ALLOCATIONS["ssimulacra2"]


@pytest.fixture(scope="module")
def two_strips(photograph) -> np.ndarray:
    """A picture of two strips, with no whole number of areas in either direction."""
    picture = np.asarray(photograph)[:, 40:136]
    return np.concatenate([picture, picture[:80]])


@pytest.mark.parametrize("gain", [90, 300, 511])
def test_streams_may_end_after_any_slice(two_strips, gain):
    weights = installed_weights()
    coded = PictureCoder(weights, two_strips).code(gain, PERCEPTUAL, keep=True)
    for slices in range(1, SLICES + 1):
        payload = np.frombuffer(coded.payload(slices), np.uint8).copy()
        areas, segments = decode_areas(weights, payload, two_strips.shape[:2])
        kept = coded.areas.of_slices(slices)
        assert all(np.array_equal(getattr(areas, name), getattr(kept, name)) for name in vars(areas))
        assert segments == coded.coded_segments(slices)
        assert all(s.complete for s in segments)


@pytest.mark.parametrize("gain", [150, 330])
def test_the_error_without_repair_is_that_of_the_decoded_picture(two_strips, gain):
    weights = installed_weights()
    coded, settings = PictureCoder(weights, two_strips).code(gain, PERCEPTUAL, keep=True), settings_for(gain, PERCEPTUAL, PLAIN)
    for slices in STOPS:
        areas = coded.areas.of_slices(slices)
        shown = shown_pixels(weights, areas, settings, coded.colors, two_strips.shape[:2], PLAIN)
        error = np.square(shown.astype(np.int64) - two_strips).sum()
        assert squared_error(shown, two_strips) == error
        assert plain_sse(weights, coded.areas, settings.quantiser, coded.colors, two_strips, slices) == error


def test_allocations_say_where_bits_go(two_strips):
    weights = installed_weights()
    uniform, perceptual, gentle = (
        PictureCoder(weights, two_strips).code(200, allocation, keep=True).areas
        for allocation in (UNIFORM, PERCEPTUAL, PERCEPTUAL.scaled(0))
    )
    assert not uniform.offsets.any()
    assert not gentle.offsets.any()
    assert np.ptp(perceptual.offsets) > 2
