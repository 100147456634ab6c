"""The raster layer: drawn areas are exact, photographs have none, and cut or damaged streams are handled."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw

import rlcodec
from rlcodec.core.container import unpack
from rlcodec.core.range_coder import RangeCoder
from rlcodec.errors import DamagedStreamError, TruncatedStreamWarning, UnknownModelError
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.presets.photo.layer import MOST_ERROR, code_mask, decode_layer, drawn_areas, encode_layer, pixel_mask
from rlcodec.presets.photo.strips import decode_areas, unpack_segments
from rlcodec.presets.photo.transform import AREA, RASTER


def drawn(height: int, width: int) -> np.ndarray:
    """A page with a title, boxes and lines of text."""
    page = Image.new("RGB", (width, height), (250, 250, 245))
    pen = ImageDraw.Draw(page)
    pen.rectangle((0, 0, width, 18), fill=(40, 60, 110))
    for y in range(24, height, 14):
        pen.text((8, y), f"{y}: the quick brown fox jumps over the lazy dog {y * 7919}", fill=(20, 20, 20))
    pen.rectangle((width // 2, height // 2, width // 2 + 40, height // 2 + 30), outline=(200, 30, 30), width=2)
    return np.asarray(page)


@pytest.fixture(scope="module")
def mixed(photograph) -> np.ndarray:
    """A page with a photograph in its middle, of two strips."""
    page, picture = drawn(300, 200).copy(), np.asarray(photograph)
    page[64:160, 32:160] = picture[:96, :128]
    return page


GAIN = 120
"""Of a step below that from which on the layer may have errors."""


@pytest.fixture(scope="module")
def stream(mixed) -> bytes:
    return rlcodec.encode(mixed, preset="photo", gain=GAIN)


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_masks_come_back(mask):
    coder = RangeCoder()
    code_mask(coder, mask.copy())
    data, found = np.frombuffer(coder.finish(), np.uint8), np.zeros_like(mask)
    code_mask(RangeCoder(data, len(data)), found)
    assert np.array_equal(found, mask)


def test_photographs_have_no_drawn_areas(photograph):
    assert not drawn_areas(np.asarray(photograph)).any()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (3, 70), (32, 32), (33, 65)])
def test_any_size(size):
    picture = drawn(64, 100)[: size[0], : size[1]]
    assert drawn_areas(picture).shape == (-(-size[0] // AREA), -(-size[1] // AREA))
    shown = np.asarray(rlcodec.decode(rlcodec.encode(picture, preset="photo", gain=100)))
    assert np.abs(shown.astype(int) - picture).max() < 16


def test_drawn_areas_are_exact_and_the_others_near(mixed, stream):
    shown = np.asarray(rlcodec.decode(stream))
    areas, _ = decode_areas(installed_weights(), unpack(stream).payload, mixed.shape[:2])
    mask = pixel_mask(areas.splits == RASTER, mixed.shape[:2]) != 0
    assert 0.5 < mask.mean() < 0.9
    assert np.array_equal(shown[mask], mixed[mask])
    assert 0 < np.square(shown[~mask].astype(float) - mixed[~mask]).mean() < 100
    assert rlcodec.inspect(stream).details["raster"] == round(float((areas.splits == RASTER).mean()), 4)


@pytest.mark.parametrize("gain", [200, 260])
def test_drawn_areas_have_bounded_errors_at_coarse_steps(mixed, gain):
    areas, _ = decode_areas(
        installed_weights(), unpack(rlcodec.encode(mixed, preset="photo", gain=gain)).payload, mixed.shape[:2]
    )
    mask = pixel_mask(areas.splits == RASTER, mixed.shape[:2]) != 0
    assert mask.mean() > 0.4
    errors = np.abs(areas.layer[: len(mixed), : mixed.shape[1]][mask].astype(int) - mixed[mask])
    assert 0 < errors.max() <= MOST_ERROR


def test_the_layer_saves_bytes_and_can_be_switched_off(mixed, stream):
    without = rlcodec.encode(mixed, preset="photo", gain=GAIN, raster_areas=False)
    assert len(stream) < 0.8 * len(without)
    assert "raster" not in rlcodec.inspect(without).details


def test_all_drawn_pictures_are_as_small_as_by_preset_raster():
    page = drawn(256, 320)
    assert len(rlcodec.encode(page, preset="photo", gain=100)) < 1.1 * len(rlcodec.encode(page, preset="raster")) + 20


def test_gray_pictures(mixed):
    gray = np.asarray(Image.fromarray(mixed).convert("L"))
    shown = np.asarray(rlcodec.decode(rlcodec.encode(gray, preset="photo", gain=GAIN)))
    assert shown.shape == gray.shape
    assert (shown == gray)[:60].all()


@pytest.mark.parametrize("synthesis", ["plain", "light", "full"])
def test_every_synthesis_shows_the_layer(mixed, stream, synthesis):
    shown = np.asarray(rlcodec.decode(stream, synthesis=synthesis))
    assert np.array_equal(shown[:60], mixed[:60])


def test_every_prefix_is_a_picture(mixed, stream):
    begin, errors = unpack(stream).header.header_bytes, []
    for size in np.linspace(begin, len(stream), 20, endpoint=False).astype(int):
        with pytest.warns(TruncatedStreamWarning):
            shown = np.asarray(rlcodec.decode(stream[:size]))
        errors.append(float(np.square(shown.astype(float) - mixed).mean()))
    assert errors[-1] < 0.1 * errors[0]


def test_damaged_layers_are_refused(mixed, stream):
    layer = encode_layer(mixed, drawn_areas(mixed), 1)
    data = np.frombuffer(layer.data, np.uint8)
    assert np.array_equal(decode_layer(data, len(data), mixed.shape[:2]).pixels, layer.pixels)
    with pytest.raises(DamagedStreamError, match="mask"):
        decode_layer(np.array([200, 1, 5], np.uint8), 3, mixed.shape[:2])
    other = data.copy()
    other[1 + data[0]] ^= 1
    with pytest.raises(UnknownModelError, match="raster"):
        decode_layer(other, len(data), mixed.shape[:2])


def test_layers_come_before_the_slices(mixed, stream):
    parts = unpack_segments(unpack(stream).payload, len(mixed))
    assert len(parts) == 11
    assert parts[0][1] > 0


def test_transparency_is_kept_exactly(photograph):
    picture = photograph.crop((0, 0, 128, 96))
    alpha = np.asarray(Image.radial_gradient("L").resize(picture.size))
    picture.putalpha(Image.fromarray(alpha))
    for source, mode in ((picture, "RGBA"), (picture.convert("LA"), "LA")):
        data = rlcodec.encode(source, preset="photo", gain=150)
        shown = rlcodec.decode(data)
        assert shown.mode == mode
        assert np.array_equal(np.asarray(shown)[..., -1], alpha)
        seen = alpha > 0
        errors = np.asarray(shown)[..., 0][seen].astype(float) - np.asarray(source)[..., 0][seen]
        assert np.square(errors).mean() < 60
        with pytest.warns(TruncatedStreamWarning):
            assert rlcodec.decode(data[: len(data) * 2 // 3]).mode == mode
    opaque = photograph.crop((0, 0, 64, 64)).convert("RGBA")
    assert rlcodec.decode(rlcodec.encode(opaque, preset="photo", gain=200)).mode == "RGB"


def test_transparent_photographs_meet_constraints(photograph):
    picture = photograph.crop((0, 0, 96, 96))
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    assert len(rlcodec.encode(picture, max_bytes=2500)) <= 2500
    assert rlcodec.encode_image(picture, min_psnr=33).psnr_db >= 33
