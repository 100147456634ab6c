"""Scans: found again from the gray levels alone, and rendered to exactly the pixels that they were found in."""

import warnings

import numpy as np
import pytest

import rlcodec
from rlcodec.core.segment_choice import TIERS
from rlcodec.presets.mnist.bilevel.coder import source_of
from rlcodec.presets.mnist.bilevel.context import MARGIN, source_state
from rlcodec.presets.mnist.bilevel.geometry import BOX, MAX_SIDE, MIN_SIDE, get_bits, gray_level, grid, set_bit
from rlcodec.presets.mnist.weights import Model, load_model


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model("mnist")


@pytest.mark.parametrize("side", [20, 27, 35, 36, 41, 50, 57])
def test_scan_found_from_gray_levels_renders_to_them(model, side, rendered, ring):
    image = rendered(ring(side), top=3, left=6)
    scan = source_of(model.source_tables, image)
    assert scan
    assert (scan.top, scan.left) == (3, 6)
    assert np.array_equal(rendered(scan.rows, 3, 6), image)


@pytest.mark.parametrize("side", [20, 36, 50])
def test_all_ink_is_white_but_for_rounding(side, rendered):
    image = rendered(np.full((side, 2), ~np.uint64(0)))
    assert image[4:24, 4:24].min() >= 250
    assert image.max() == 255
    assert image[3].max() == 0


def test_images_without_a_scan_have_none(model, digits):
    for image in digits[:4]:
        assert source_of(model.source_tables, image) is None


def test_shipped_tables_agree_with_the_grids(model):
    tables = model.source_tables
    for side in range(MIN_SIDE, MAX_SIDE + 1):
        one = grid(side)
        for part in range(2):
            r = np.minimum(tables.cells[side - MIN_SIDE, :side] + part, BOX - 1)
            area = tables.areas[side - MIN_SIDE, :side, part]
            assert np.array_equal(area[area > 0], one.single[r, np.arange(side)][area > 0])
        assert (tables.peaks[side - MIN_SIDE] == one.peaks[0]).any()


def test_bits_cross_words():
    row = np.zeros(2, np.uint64)
    set_bit(row, 54)
    set_bit(row, 57)
    assert [get_bits(row, bit, 3) for bit in (61, 62, 63, 64)] == [2, 1, 4, 2]


def test_gray_levels_are_rounded_towards_the_middle():
    peak = 1 << 59
    level = [gray_level(int(peak * share), peak)[0] for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert level == [0, 64, 128, 191, 255]


def test_state_keeps_the_scan_below_empty_rows(model, rendered, ring):
    scan = source_of(model.source_tables, rendered(ring(36)))
    state = source_state(scan)
    assert not state.lines[:MARGIN].any()
    assert np.array_equal(state.lines[MARGIN : MARGIN + 36], scan.rows)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("place", [(4, 4), (0, 8), (7, 2)])
def test_scanned_digits_are_lossless_and_small(tier, place, rendered, ring):
    image = rendered(ring(36), *place)
    coded = rlcodec.encode_image(image, tier=tier)
    assert np.array_equal(np.asarray(rlcodec.decode(coded.data)), image)
    assert len(coded.data) < 110
    assert rlcodec.inspect(coded.data).segments == coded.segments


def test_a_gray_level_that_no_scan_gives_is_coded_all_the_same(rendered, ring):
    image = rendered(ring(36))
    image[14, 14] = 77
    assert np.array_equal(np.asarray(rlcodec.decode(rlcodec.encode(image, lossless=True))), image)


def test_every_prefix_of_a_scanned_digit_is_an_image(rendered, ring):
    image = rendered(ring(41))
    data = rlcodec.encode(image, bit_budget=49, tier="context")
    errors = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rlcodec.TruncatedStreamWarning)
        for length in range(rlcodec.inspect(data).header_bytes, len(data) + 1):
            picture = np.asarray(rlcodec.decode(data[:length]), np.float64)
            errors.append(np.square(picture - image).mean())
    assert errors[-1] == 0
    assert errors[len(errors) // 2] < errors[0]


def test_damaged_payloads_are_refused_or_decode_to_an_image(rendered, ring):
    data = bytearray(rlcodec.encode(rendered(ring(36)), lossless=True))
    for at in range(len(data)):
        for bit in range(8):
            broken = bytearray(data)
            broken[at] ^= 1 << bit
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", rlcodec.TruncatedStreamWarning)
                try:
                    rlcodec.decode(bytes(broken))
                except rlcodec.StreamError:
                    continue


def test_payloads_of_noise_decode_to_an_image(model):
    from rlcodec.core.container import pack

    rng = np.random.default_rng(3)
    for _ in range(300):
        payload = rng.integers(0, 256, 60, np.uint8).tobytes()
        picture = rlcodec.decode(pack(model.preset, model.fingerprint, 28, 28, 0, payload))
        assert picture.size == (28, 28)
