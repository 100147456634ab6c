"""Strips: every method, predictor and order of planes gives back what was coded, and every prefix and any bytes decode."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rlcodec.core.range_coder import RangeCoder
from rlcodec.errors import DamagedStreamError
from rlcodec.presets.raster.installed import installed_weights
from rlcodec.presets.raster.model import METHODS, PIXELS, SAMPLES
from rlcodec.presets.raster.planes import ORDERS, TRIED_ORDERS
from rlcodec.presets.raster.settings import MODES, PREDICTORS, RasterSettings
from rlcodec.presets.raster.strips import (
    FIRST_SHADE,
    SINGLE_STRIP,
    StripChoice,
    code_choice,
    decode_raster,
    decode_strip,
    encode_raster,
    encode_strip,
    fill_in,
    repeating_share,
)
from rlcodec.presets.raster.weights import BEGINNINGS


def settings_for(pixels, predictor="context", max_error=0):
    return RasterSettings(MODES[pixels.shape[2] - 1], predictor, max_error)


def decoded(coded, pixels, settings):
    payload = np.frombuffer(coded.payload(), np.uint8)
    return decode_raster(installed_weights(), payload, len(payload), pixels.shape[:2], settings, workers=1)


def strip_of(coded, settings, shape, available=None):
    data = np.frombuffer(coded.data, np.uint8)
    return decode_strip(installed_weights(), data[:available], len(data), shape, settings)


@pytest.fixture(scope="module")
def screen():
    """A picture with repeated marks of few colours beside noise, uint8 (24, 40, 3)."""
    rng = np.random.default_rng(3)
    picture = np.full((24, 40, 3), 250, np.uint8)
    mark = rng.integers(0, 2, (5, 4, 1), np.uint8) * np.uint8([40, 90, 200])
    for y, x in itertools.product(range(2, 18, 7), range(2, 30, 6)):
        picture[y : y + 5, x : x + 4] = mark
    picture[:, 32:] = rng.integers(0, 256, (24, 8, 3))
    return picture


@given(
    data=st.data(),
    channels=st.integers(1, 4),
    rows=st.integers(1, 12),
    width=st.integers(1, 24),
    method=st.sampled_from(METHODS),
    predictor=st.sampled_from(PREDICTORS),
    max_error=st.sampled_from([0, 0, 1, 8]),
    beginning=st.integers(0, len(BEGINNINGS) - 1),
    most=st.sampled_from([1, 3, 255]),
)
def test_strips_give_back_what_was_coded(data, channels, rows, width, method, predictor, max_error, beginning, most):
    pixels = data.draw(arrays(np.uint8, (rows, width, channels), elements=st.integers(0, most)))
    order = data.draw(st.integers(0, len(ORDERS[channels]) - 1))
    settings = settings_for(pixels, predictor, max_error)
    choice = StripChoice(method, beginning, order)
    coded = encode_strip(installed_weights(), pixels, settings, choice)
    strip = strip_of(coded, settings, (rows, width))
    assert np.abs(strip.pixels.astype(int) - pixels).max() <= max_error
    assert strip.choice == choice
    assert strip.complete
    assert encode_strip(installed_weights(), pixels, settings, choice) == coded


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("predictor", PREDICTORS)
def test_extreme_samples_survive(method, predictor):
    rng = np.random.default_rng(0)
    pixels = (rng.integers(0, 2, (40, 33, 3), np.uint8) * np.uint8(255)).astype(np.uint8)
    settings = settings_for(pixels, predictor)
    for order in range(len(ORDERS[3])):
        coded = encode_strip(installed_weights(), pixels, settings, StripChoice(method, 0, order))
        assert np.array_equal(strip_of(coded, settings, (40, 33)).pixels, pixels)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("predictor", PREDICTORS)
def test_every_prefix_gives_the_pixels_that_it_determines(screen, method, predictor):
    settings = settings_for(screen, predictor)
    coded = encode_strip(installed_weights(), screen, settings, StripChoice(method, 1, 1))
    known, flat = 0, screen.reshape(-1, 3)
    for available in range(0, len(coded.data) + 1, 7):
        strip = strip_of(coded, settings, screen.shape[:2], available)
        assert strip.known >= known
        known = strip.known
        assert np.array_equal(strip.pixels.reshape(-1, 3)[:known], flat[:known])
    assert strip_of(coded, settings, screen.shape[:2]).complete
    assert known > len(flat) // 2


@given(
    data=st.binary(max_size=60),
    missing=st.integers(0, 5),
    predictor=st.sampled_from(PREDICTORS),
    mode=st.sampled_from(MODES),
    max_error=st.sampled_from([0, 8]),
)
def test_any_bytes_decode_or_are_refused(data, missing, predictor, mode, max_error):
    settings = RasterSettings(mode, predictor, max_error)
    payload = np.frombuffer(data, np.uint8)
    try:
        picture, _, _ = decode_raster(installed_weights(), payload, len(data) + missing, (9, 11), settings)
    except DamagedStreamError:
        return
    assert picture.shape == (9, 11, settings.channels)


@given(data=st.binary(max_size=40))
def test_any_bytes_of_several_strips_decode_or_are_refused(data):
    settings = RasterSettings("L", "table", 0)
    size = 520, 64
    assert size[0] * size[1] > SINGLE_STRIP
    payload = np.frombuffer(data, np.uint8)
    try:
        picture, segments, strips = decode_raster(installed_weights(), payload, len(data) + 100, size, settings, workers=1)
    except DamagedStreamError:
        return
    assert picture.shape == (*size, 1)
    assert len(segments) == len(strips)


def test_impossible_choices_are_refused():
    coder = RangeCoder(np.zeros(20, np.uint8), 20)
    with pytest.raises(DamagedStreamError, match="a strip names method"):
        code_choice(coder, 3, None)


def test_large_pictures_have_several_strips(monkeypatch):
    rng = np.random.default_rng(1)
    smooth = np.cumsum(rng.integers(-3, 4, (420, 140, 3)), 1).astype(np.uint8)
    monkeypatch.setattr("rlcodec.presets.raster.strips.STRIP_PIXELS", dict.fromkeys(METHODS, 20_000))
    settings = settings_for(smooth, "table")
    coded = encode_raster(installed_weights(), smooth, settings, workers=2)
    assert len(coded.strips) == 3
    assert coded.payload() == encode_raster(installed_weights(), smooth, settings, workers=1).payload()
    picture, segments, strips = decoded(coded, smooth, settings)
    assert np.array_equal(picture, smooth)
    assert [s.segment.index for s in segments] == [0, 1, 2]
    assert all(strip.complete for strip in strips)
    payload = np.frombuffer(coded.payload(), np.uint8)
    for available in (0, 1, 4, 9, len(payload) // 2, len(payload) - 1):
        picture, _, strips = decode_raster(installed_weights(), payload[:available], len(payload), smooth.shape[:2], settings)
        known = strips[0].known if strips else 0
        assert np.array_equal(picture.reshape(-1, 3)[:known], smooth.reshape(-1, 3)[:known])
        assert sum(strip.known for strip in strips) < 420 * 140


def test_encoders_choose_methods_by_content(screen):
    weights = installed_weights()
    flat = np.ascontiguousarray(np.tile(screen[:, :32], (4, 4, 1)))
    noise = np.random.default_rng(2).integers(0, 256, (64, 64, 3), np.uint8)
    settings = settings_for(flat)
    assert repeating_share(flat) > 0.5 > repeating_share(noise)
    assert encode_raster(weights, flat, settings).strips[0].choice.method == PIXELS
    assert encode_raster(weights, noise, settings).strips[0].choice.method == SAMPLES


def test_orders_that_encoders_try_exist():
    for channels, orders in ORDERS.items():
        assert set(TRIED_ORDERS[channels]) <= set(range(len(orders)))
        assert all(sorted(order.channels) == list(range(channels)) for order in orders)


def test_unknown_pixels_repeat_those_above():
    picture = np.arange(24, dtype=np.uint8).reshape(6, 4, 1)
    fill_in(picture, 2, 6, known=5)
    assert picture[3].ravel().tolist() == [12, 9, 10, 11]
    assert (picture[4:] == picture[3]).all()
    fill_in(picture, 0, 2, known=0)
    assert (picture[:2] == FIRST_SHADE).all()
    fill_in(picture, 0, 2, known=2)
    assert (picture[0, 2:] == FIRST_SHADE).all()
