"""Coded strips: streams that end after any slice, side information of areas, and the error without repair."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import numpy as np
import pytest

from rlcodec.core.adaptive import Counters, Mixers
from rlcodec.presets.photo.allocation import ALLOCATIONS, UNIFORM
from rlcodec.presets.photo.coding import PictureCoder, settings_for
from rlcodec.presets.photo.decisions import STOPS
from rlcodec.presets.photo.decoder import shown_pixels
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.presets.photo.measurements import plain_sse, squared_error
from rlcodec.presets.photo.repair import PLAIN
from rlcodec.presets.photo.strips import decode_areas
from rlcodec.presets.photo.transform import SLICES
from rlcodec.presets.photo.weights import MEMORY

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


def test_borrowed_models_are_fresh_copies():
    """After whatever was done to them, also those that two threads hold at once."""
    weights = replace(installed_weights())
    states = [part.states for part in weights.model]
    both = Barrier(2, timeout=10)

    def change(value: int) -> tuple[int, ...]:
        with weights.borrowed_model() as borrowed:
            both.wait()
            assert all(np.array_equal(part.states, state) for part, state in zip(borrowed, states, strict=True))
            counters, mixers = borrowed
            counters.begin_as(Counters(np.full_like(states[0], value), MEMORY))
            mixers.begin_as(Mixers(np.full_like(states[1], value), weights.stretched, weights.squashed))
            both.wait()
            assert all((part.states == value).all() for part in borrowed)
            return tuple(map(id, borrowed))

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(change, (1, 2))
        assert set(threads.map(change, (3, 4))) == {first, second}  # their memory is used again
    assert first != second
    assert all(np.array_equal(part.states, state) for part, state in zip(weights.model, states, strict=True))


def test_threads_that_borrow_models_code_alike(two_strips):
    weights = replace(installed_weights())
    payloads = [PictureCoder(weights, two_strips, workers).code(300, PERCEPTUAL).payload() for workers in (1, 2, 2)]
    assert len(set(payloads)) == 1
    payload = np.frombuffer(payloads[0], np.uint8).copy()
    one, two, again = (decode_areas(weights, payload, two_strips.shape[:2], workers)[0].values for workers in (1, 2, 2))
    assert np.array_equal(one, two)
    assert np.array_equal(one, again)


def test_models_of_strips_that_fail_are_not_borrowed_again():
    weights = replace(installed_weights())
    with pytest.raises(RuntimeError), weights.borrowed_model() as (counters, _):
        raise RuntimeError
    with weights.borrowed_model() as borrowed:
        assert borrowed[0] is not counters
