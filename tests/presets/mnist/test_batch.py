"""Digits coded many at a time: the streams that others read, and the images that others get from them."""

import threading

import numpy as np
import pytest

import rlcodec
from rlcodec.core.container import pack, unpack
from rlcodec.core.segment_choice import TIERS
from rlcodec.presets.mnist.batch import DigitCoder
from rlcodec.presets.mnist.bilevel.geometry import MIN_SIDE, WORDS, set_bit
from rlcodec.presets.mnist.bilevel.gray_levels import is_possible, level_tables
from rlcodec.presets.mnist.weights import load_model


@pytest.fixture(scope="module")
def mixed(digits, ring, rendered):
    """Digits with a scan and without, one after another, a blank image and a full one."""
    scanned = [
        rendered(ring(side), top, left) for side, top, left in ((22, 4, 4), (31, 0, 8), (40, 3, 5), (53, 8, 1), (71, 4, 4))
    ]
    pairs = [image for pair in zip(scanned, digits[:5], strict=True) for image in pair]
    noise = np.random.default_rng(0).integers(0, 256, (28, 28))
    return np.stack([*pairs, np.zeros((28, 28)), np.full((28, 28), 255), noise, *pairs[:2]]).astype(np.uint8)


def as_stream(payload, shape=(28, 28)):
    model = load_model()
    return pack(model.preset, model.fingerprint, *shape, 0, payload)


@pytest.mark.parametrize("tier", range(len(TIERS)))
def test_streams_are_exact_and_like_any_other(mixed, tier):
    """The decoder of single streams, which shares no working space, reads them; so does that of many."""
    coder = DigitCoder(load_model(), 28, 28)
    payloads = coder.encode(mixed, tier)
    for payload, image in zip(payloads, mixed, strict=True):
        assert np.array_equal(np.asarray(rlcodec.decode(as_stream(payload))), image)
    assert all(np.array_equal(found, image) for found, image in zip(coder.decode(payloads), mixed, strict=True))
    assert coder.encode(mixed, tier) == payloads


def test_scans_are_found(mixed):
    """The same streams as one by one where a narrow beam finds the cheapest scan, as it does of plain rings."""
    payloads = DigitCoder(load_model(), 28, 28).encode(mixed, 0)
    for payload, image in zip(payloads, mixed, strict=True):
        alone = rlcodec.encode(image, tier="table")
        assert rlcodec.inspect(as_stream(payload)).scan == rlcodec.inspect(alone).scan
        assert len(as_stream(payload)) <= 1.1 * len(alone)


def test_other_sizes_and_streams_that_stop(digits):
    wide = digits[:3, 4:24]
    coder = DigitCoder(load_model(), 20, 28)
    assert all(np.array_equal(a, b) for a, b in zip(coder.decode(coder.encode(wide, 1)), wide, strict=True))
    stopped = unpack(rlcodec.encode(wide[0], rows=5)).payload.tobytes()
    assert coder.decode([stopped, *coder.encode(wide[1:2], 1)])[0] is None


def test_threads_share_a_coder(mixed):
    coder = DigitCoder(load_model(), 28, 28)
    expected = coder.encode(mixed, 1)
    wrong = []

    def work():
        for _ in range(3):
            found = coder.encode(mixed, 1)
            if found != expected or not np.array_equal(np.stack(coder.decode(found)), mixed):
                wrong.append(found)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("seed", range(3))
def test_levels_that_a_scan_gives_can_be(seed, rendered):
    """Whatever the scan, as long as some pixel is wholly ink: no level that it renders to is ruled out."""
    rng, tables = np.random.default_rng(seed), level_tables()
    for side in rng.integers(20, 73, 12).tolist():
        ink = rng.random((side, side)) < 0.5
        ink[side // 3 : 2 * side // 3, side // 3 : 2 * side // 3] = True
        rows = np.zeros((side, WORDS), np.uint64)
        for i, j in zip(*np.nonzero(ink), strict=True):
            set_bit(rows[i], j)
        image = rendered(rows)[4:24, 4:24].astype(np.int64)
        assert any(is_possible(tables, side - MIN_SIDE, p, image) for p in range(3))


def test_levels_that_no_scan_gives_cannot_be():
    """A scan of 20x20 is its own image: black and white."""
    image = np.full((20, 20), 255)
    image[3, 4] = 100
    assert not any(is_possible(level_tables(), 0, p, image) for p in range(3))
