"""Preset photo: exact coefficients, any size, any prefix, any mode, sizes kept, and what is no stream refused."""

import re
import warnings

import numpy as np
import pytest
from PIL import Image

import rlcodec
from rlcodec.core.container import pack
from rlcodec.core.metrics import psnr_db
from rlcodec.core.ssimulacra2 import ssimulacra2
from rlcodec.images.color import read_color
from rlcodec.presets.photo.allocation import ALLOCATIONS
from rlcodec.presets.photo.coding import PictureCoder
from rlcodec.presets.photo.colors import ANGLES, ColorTransform
from rlcodec.presets.photo.format import PHOTO
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.presets.photo.settings import PREDICTORS, PhotoSettings
from rlcodec.presets.photo.strips import decode_areas
from rlcodec.presets.photo.transform import SIDES, planes_of, to_coefficients

PERCEPTUAL = ALLOCATIONS["ssimulacra2"]


@pytest.mark.parametrize("side", SIDES)
def test_transforms_keep_squared_errors(photograph, side):
    picture = np.asarray(photograph)[:160, :96]
    coefficients = to_coefficients(planes_of(picture, ColorTransform(angles=(10, -3, 90)).forward), side)
    assert coefficients.shape == (3, 160 // side, 96 // side, side**2)
    assert np.square(coefficients).sum() == pytest.approx(np.square(picture.astype(float) - 128).sum(), rel=1e-5)


@pytest.mark.parametrize("gain", [0, 150, 300, 511])
@pytest.mark.parametrize("size", [(1, 1), (32, 32), (17, 301), (290, 40)])
def test_areas_come_back_exactly(photograph, gain, size):
    weights = installed_weights()
    picture = np.tile(np.asarray(photograph), (2, 1, 1))[: size[0], : size[1]]
    coded = PictureCoder(weights, picture).code(gain, PERCEPTUAL, keep=True)
    payload = np.frombuffer(coded.payload(), np.uint8).copy()
    areas, segments = decode_areas(weights, payload, size)
    assert all(np.array_equal(getattr(areas, name), getattr(coded.areas, name)) for name in vars(areas))
    assert segments == coded.coded_segments()
    assert all(s.complete for s in segments)
    assert sum(s.bits for s in segments) == 8 * sum(map(len, coded.segments))


@pytest.mark.parametrize(("kind", "gain"), [("psnr", 100), ("psnr", 300), ("ssimulacra2", 200)])
def test_each_predictor_takes_fewer_bytes_than_the_one_before(photograph, kind, gain):
    picture, weights = np.asarray(photograph)[:192, :256], installed_weights()
    table, context, network = (
        len(PictureCoder(weights, picture, predictor=predictor).code(gain, ALLOCATIONS[kind]).payload())
        for predictor in PREDICTORS
    )
    assert network < 0.995 * context < 0.995 * 0.998 * table


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_threads_change_nothing(photograph, workers):
    weights, picture = installed_weights(), np.asarray(photograph)
    one, other = (PictureCoder(weights, picture, count).code(250, PERCEPTUAL).segments for count in (workers, None))
    assert one == other


def test_finer_gains_cost_more_and_look_better(photograph):
    original = np.asarray(photograph)
    coded = [rlcodec.encode(photograph, preset="photo", gain=gain) for gain in (20, 120, 220, 320)]
    quality = [psnr_db(original, np.asarray(rlcodec.decode(data))) for data in coded]
    assert [len(d) for d in coded] == sorted((len(d) for d in coded), reverse=True)
    assert quality == sorted(quality, reverse=True)
    assert quality[0] > 38


@pytest.mark.parametrize("most", [3000, 8000, 20_000])
def test_max_bytes_is_kept_and_nearly_used(photograph, most):
    size = len(rlcodec.encode(photograph, preset="photo", max_bytes=most))
    assert 0.97 * most < size <= most


@pytest.mark.parametrize("wanted", [28, 33.3, 38])
@pytest.mark.parametrize("synthesis", ["light", "full"])
def test_min_psnr_is_reached_and_hardly_exceeded(photograph, wanted, synthesis):
    data = rlcodec.encode(photograph, preset="photo", min_psnr=wanted, synthesis=synthesis)
    assert wanted <= psnr_db(np.asarray(photograph), np.asarray(rlcodec.decode(data))) < wanted + 0.15


def test_constraints_hold_together_or_are_refused(photograph):
    alone = len(rlcodec.encode(photograph, preset="photo", min_psnr=33))
    assert len(rlcodec.encode(photograph, preset="photo", min_psnr=33, max_bytes=alone)) == alone
    with pytest.raises(rlcodec.OptionError, match=f"max_bytes {alone - 1} and min_psnr 33; .* met: max_bytes {alone}"):
        rlcodec.encode(photograph, preset="photo", min_psnr=33, max_bytes=alone - 1)
    with pytest.raises(rlcodec.OptionError, match=r"min_psnr 70; the nearest that can be met: min_psnr [345]"):
        rlcodec.encode(photograph, preset="photo", min_psnr=70)


@pytest.mark.parametrize("most", [500, 1500, 4000])
def test_few_bytes_are_possible_for_any_picture(most):
    noise = np.random.default_rng(1).integers(0, 256, (512, 512, 3), np.uint8)
    data = rlcodec.encode(noise, preset="photo", max_bytes=most)
    assert len(data) <= most
    assert rlcodec.decode(data).size == (512, 512)


def test_bits_go_where_the_kind_of_distortion_needs_them(photograph):
    original, size = np.asarray(photograph), 9000
    shown = {
        kind: np.asarray(rlcodec.decode(rlcodec.encode(photograph, preset="photo", max_bytes=size, distortion=kind)))
        for kind in ("psnr", "ssimulacra2")
    }
    assert psnr_db(original, shown["psnr"]) > psnr_db(original, shown["ssimulacra2"]) + 0.5
    assert ssimulacra2(original, shown["ssimulacra2"]) > ssimulacra2(original, shown["psnr"]) + 1


def test_adaptive_quantisation_has_a_strength(photograph):
    offsets = [
        rlcodec.inspect(rlcodec.encode(photograph, preset="photo", gain=250, aq_strength=strength)).details["offsets"]
        for strength in (0, 0.5, 1.0)
    ]
    ranges = [found["highest"] - found["lowest"] for found in offsets]
    assert ranges[0] == 0
    assert ranges[0] < ranges[1] < ranges[2]
    plain = rlcodec.encode(photograph, preset="photo", gain=250)
    assert rlcodec.encode(photograph, preset="photo", gain=250, distortion="ssimulacra2", aq_strength=1.0) == plain


def test_gray_pictures_are_judged_in_gray(photograph):
    gray = photograph.convert("L")
    data = rlcodec.encode(gray, preset="photo", min_psnr=34)
    assert 34 <= psnr_db(np.asarray(gray), np.asarray(rlcodec.decode(data))) < 34.2


def test_every_prefix_is_a_picture(photograph):
    small = photograph.crop((0, 0, 120, 300))
    data = rlcodec.encode(small, preset="photo", gain=260)
    first = rlcodec.inspect(data).header_bytes
    quality = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rlcodec.TruncatedStreamWarning)
        for length in [*range(first, first + 40), *range(first + 40, len(data), 97), len(data)]:
            shown = rlcodec.decode(data[:length])
            assert shown.size == small.size
            quality.append(psnr_db(np.asarray(small), np.asarray(shown)))
    assert quality[-1] == max(quality) > quality[len(quality) // 2] > quality[0]


def test_cut_streams_are_said_to_be(photograph):
    data = rlcodec.encode(photograph, preset="photo", gain=300)
    with pytest.warns(rlcodec.TruncatedStreamWarning):
        rlcodec.decode(data[:-9])
    with pytest.raises(rlcodec.TruncatedStreamError):
        rlcodec.decode(data[:-9], partial=False)
    assert rlcodec.inspect(data[:-9]).truncated


def test_changed_bytes_are_noticed(photograph):
    data = bytearray(rlcodec.encode(photograph.crop((0, 0, 64, 64)), preset="photo", gain=300))
    for at in range(0, len(data), 7):
        broken = bytearray(data)
        broken[at] ^= 16
        with warnings.catch_warnings():
            warnings.simplefilter("error", rlcodec.TruncatedStreamWarning)
            with pytest.raises((rlcodec.StreamError, rlcodec.TruncatedStreamWarning)):
                rlcodec.decode(bytes(broken))


def test_payloads_of_noise_decode_to_a_picture():
    rng, weights = np.random.default_rng(1), installed_weights()
    for _ in range(60):
        payload = rng.integers(0, 128, 200, np.uint8)
        payload[ANGLES] = 0  # there is no raster layer
        data = pack(
            PHOTO, weights.fingerprint, 40, 50, PhotoSettings(200, 4, 0, 1, "light", False).to_number(), payload.tobytes()
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rlcodec.TruncatedStreamWarning)
            assert rlcodec.decode(data).size == (50, 40)


def test_inspect_tells_slices_and_compute(photograph):
    data = rlcodec.encode(photograph, preset="photo", gain=240)
    found = rlcodec.inspect(data)
    assert (found.preset, found.width, found.height) == ("photo", *photograph.size)
    assert found.size_bytes == len(data)
    assert 4 < found.decoder_kmac_per_pixel < 15
    assert set(found.details["blocks"]) == {"8x8", "16x16", "32x32"}
    assert sum(found.details["blocks"].values()) == pytest.approx(1, abs=1e-3)
    assert found.details["offsets"]["lowest"] < found.details["offsets"]["highest"]
    assert (found.settings.gain, found.settings.shape) == (240, PERCEPTUAL.shape)
    assert sum(s.cost for s in found.segments) / 8 / 2**20 < found.payload_bytes
    assert not found.lossless


def test_info_prints_settings_and_areas(photograph, tmp_path, run):
    path = tmp_path / "a.rlc"
    path.write_bytes(rlcodec.encode(photograph, preset="photo", gain=240, synthesis="plain"))
    code, out, _ = run("info", path)
    assert code == 0
    assert "settings: gain 240, shape 4, chroma 0, fixed 1, synthesis plain, gray no, alpha no\n" in out
    assert re.search(r"\nblocks: 8x8 [\d.]+, 16x16 [\d.]+, 32x32 [\d.]+\noffsets: lowest -?[\d.]+, highest [\d.]+\n", out)


@pytest.mark.parametrize(
    "options",
    [
        {"gain": 512},
        {"gain": -1},
        {"gain": 3, "max_bytes": 99},
        {"max_bytes": 5},
        {"aq_strength": -1},
        {"aq_strength": 4.1},
        {"aq_strength": "much"},
        {"distortion": "blur"},
        {"lossless": True},
        {"tier": "lm"},
    ],
)
def test_options_that_make_no_sense(photograph, options):
    with pytest.raises(rlcodec.OptionError):
        rlcodec.encode(photograph.crop((0, 0, 32, 32)), preset="photo", **options)


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK", "I;16", "F", "YCbCr", "HSV", "LAB"])
def test_every_mode_is_read(photograph, mode):
    picture = photograph.crop((0, 0, 40, 30))
    if mode in ("I;16", "F"):
        deep = np.asarray(picture.convert("L")).astype(np.float32)
        picture = Image.fromarray((deep * 257).astype(np.uint16) if mode == "I;16" else deep)
    else:
        picture = picture.convert("L").convert(mode) if mode in ("1", "LA") else picture.convert(mode)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rlcodec.ImageWarning)
        shown = rlcodec.decode(rlcodec.encode(picture, preset="photo", gain=80))
        expected = read_color(picture, PHOTO)
    assert shown.size == (40, 30)
    assert shown.mode == ("L" if mode in ("L", "1", "LA", "I;16", "F") else "RGB")
    assert psnr_db(expected.pixels, np.asarray(shown.convert("RGB"))) > 30


def test_orientation_is_applied(photograph, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    photograph.crop((0, 0, 48, 32)).save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert rlcodec.decode(rlcodec.encode(tmp_path / "a.jpg", preset="photo", gain=100)).size == (32, 48)


@pytest.mark.parametrize(("mode", "word"), [("I;16", "8 bits"), ("CMYK", "CMYK")])
def test_what_cannot_be_kept_is_said(photograph, mode, word):
    picture = photograph.crop((0, 0, 20, 20))
    deep = Image.fromarray(np.full((20, 20), 40_000, np.uint16))
    picture = deep if mode == "I;16" else picture.convert(mode)
    with pytest.warns(rlcodec.ImageWarning, match=word):
        rlcodec.encode(picture, preset="photo", gain=200)


def test_arrays_of_the_wrong_kind_are_refused():
    for array in (np.zeros((4, 4, 5), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8), np.zeros(7, np.uint8)):
        with pytest.raises(rlcodec.ImageError):
            rlcodec.encode(array, preset="photo")


def test_the_light_synthesis_is_chosen_by_the_stream_or_by_the_reader(photograph):
    light, full = (rlcodec.encode(photograph, preset="photo", gain=300, synthesis=width) for width in ("light", "full"))
    assert len(light) == len(full)
    assert 2 * rlcodec.inspect(light).decoder_kmac_per_pixel < rlcodec.inspect(full).decoder_kmac_per_pixel
    assert np.array_equal(np.asarray(rlcodec.decode(full, synthesis="light")), np.asarray(rlcodec.decode(light)))
    with pytest.raises(rlcodec.OptionError, match="synthesis"):
        rlcodec.decode(full, synthesis="heavy")
    with pytest.raises(rlcodec.OptionError, match="synthesis"):
        rlcodec.encode(photograph, preset="photo", synthesis="heavy")
