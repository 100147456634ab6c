"""The codec as callers use it: lossless round trips, prefixes that are images, and what is told about a stream."""

import dataclasses
import doctest
import itertools
import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

import rlcodec
from rlcodec import OptionError, StreamError, TruncatedStreamError, TruncatedStreamWarning
from rlcodec.core.container import unpack
from rlcodec.core.range_coder import payload_bytes
from rlcodec.core.segment_choice import STOP, TIERS

MANY_LATENTS = 784


def decode(data: bytes) -> np.ndarray:
    image = rlcodec.decode(data)
    assert image.mode == "L"
    return np.asarray(image)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (height, width), np.uint8)


def drawing(height: int, width: int) -> np.ndarray:
    """Ink in a corner, a ramp and a single gray dot, whatever the size."""
    y, x = np.mgrid[:height, :width]
    image = np.where((x + y) % 23 < 5, 255, 0) + np.where(y > height * 2 // 3, x * 3 % 256, 0)
    image[height // 2, width // 2] = 7
    return np.clip(image, 0, 255).astype(np.uint8)


SIZES = [(1, 1), (1, 64), (64, 1), (64, 64), (3, 5), (27, 28), (28, 29), (33, 41)]
PICTURES = {
    **{f"drawing {h}x{w}": drawing(h, w) for h, w in SIZES},
    **{f"noise {h}x{w}": noise(h, w) for h, w in [(1, 1), (28, 28), (64, 64)]},
    "all black": np.zeros((28, 28), np.uint8),
    "all white": np.full((28, 28), 255, np.uint8),
    "all white 64x64": np.full((64, 64), 255, np.uint8),
    "negative": 255 - drawing(28, 28),
}


@pytest.mark.parametrize("name", PICTURES)
def test_lossless_gives_every_pixel_back(name):
    picture = PICTURES[name]
    data = rlcodec.encode(picture, lossless=True)
    assert (decode(data) == picture).all()
    assert rlcodec.inspect(data).lossless


@pytest.mark.parametrize("name", ["drawing 33x41", "noise 28x28", "all white", "drawing 1x1"])
@pytest.mark.parametrize("tier", TIERS)
def test_all_rows_after_latents_are_lossless_too(name, tier):
    picture = PICTURES[name]
    most = unpack(rlcodec.encode(picture, lossless=True)).header
    latents = 16 * -(-most.height // 4) * -(-most.width // 4)
    assert (decode(rlcodec.encode(picture, bit_budget=latents // 3, tier=tier)) == picture).all()


def test_lossless_digits_are_small(digits):
    sizes = []
    for digit in digits[:20]:
        data = rlcodec.encode(digit, lossless=True)
        assert (decode(data) == digit).all()
        sizes.append(len(data))
    assert np.mean(sizes) < 0.5 * digits[0].size


def test_lossless_by_its_three_names(digit):
    data = rlcodec.encode(digit, preset="mnist", lossless=True)
    assert data == rlcodec.encode(digit, preset="mnist", objective="lossless")
    assert data == rlcodec.encode(digit, preset="mnist", bit_budget=0, tier="context")


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("bit_budget", [0, 1, 49, 98, 100, 391, MANY_LATENTS])
def test_the_encoder_knows_what_the_decoder_shows(digits, bit_budget, tier):
    for digit, rows in itertools.product(digits[:2], (0, 1, 13, 27, 28)):
        coded = rlcodec.encode_image(digit, bit_budget=bit_budget, tier=tier, rows=rows)
        shown = decode(coded.data)
        assert (shown == coded.picture).all()
        assert (shown[:rows] == digit[:rows]).all()
        assert coded.mse == np.square(shown.astype(float) - digit).mean()
        assert coded.settings.bit_budget == bit_budget


def test_more_latents_and_more_rows_look_better(digits):
    def error(**choices) -> float:
        return float(np.mean([rlcodec.encode_image(digit, **choices).mse for digit in digits]))

    by_latents = [error(bit_budget=49 * slices, rows=0) for slices in (0, 1, 4, 16)]
    by_rows = [error(bit_budget=98, rows=rows) for rows in (0, 7, 14, 21, 28)]
    assert by_latents == sorted(by_latents, reverse=True)
    assert by_rows == sorted(by_rows, reverse=True)
    assert by_rows[-1] == 0


@pytest.mark.parametrize(
    "choices",
    [
        {"lossless": True},
        {"bit_budget": 0, "rows": 0},
        {"bit_budget": 120, "rows": 0},
        {"bit_budget": 98, "rows": 9, "tier": "table"},
        {"bit_budget": 784},
    ],
    ids=str,
)
def test_inspect_agrees_with_the_encoder(digit, choices):
    coded = rlcodec.encode_image(digit, preset="mnist", **choices)
    found = rlcodec.inspect(coded.data)
    assert found.segments == coded.segments
    assert found.settings == coded.settings
    assert found.decoder_kmac_per_pixel == pytest.approx(coded.decoder_macs / 1000 / digit.size, rel=1e-12)
    assert found.payload_bytes == payload_bytes(sum(segment.cost for segment in coded.segments))
    assert found.size_bytes == found.header_bytes + found.payload_bytes == len(coded.data)
    assert found.rate_bpp == 8 * len(coded.data) / digit.size
    assert (found.preset, found.version, found.height, found.width) == ("mnist", 3, 28, 28)
    assert not found.truncated
    assert found.lossless == (coded.mse == 0)
    assert {segment.tier_name for segment in found.segments} <= {*TIERS, "stop"}


def test_inspect_says_where_a_stream_stopped(digit):
    def stop(**choices) -> str | None:
        return rlcodec.inspect(rlcodec.encode(digit, preset="mnist", **choices)).stopped_after

    assert stop(bit_budget=0, rows=0) is None
    assert stop(bit_budget=50, rows=0) == "latent 1"
    assert stop(bit_budget=50, rows=12) == "pixels 11"
    assert stop(lossless=True) == "pixels 27"


PREFIX_CHOICES = [
    ({"lossless": True}, "drawing 28x29"),
    ({"bit_budget": 120, "rows": 0}, None),
    ({"bit_budget": 98, "rows": 12}, None),
    ({"bit_budget": 60, "tier": "table"}, None),
    ({"bit_budget": 30}, "drawing 3x5"),
]


@pytest.mark.parametrize(("choices", "name"), PREFIX_CHOICES, ids=str)
def test_every_prefix_is_an_image(digit, choices, name):
    picture = PICTURES[name] if name else digit
    coded = rlcodec.encode_image(picture, **choices)
    header = unpack(coded.data).header.header_bytes
    rows_before = 0
    for kept in range(1, len(coded.data)):
        cut = coded.data[:kept]
        if kept < header:
            with pytest.raises(TruncatedStreamError):
                rlcodec.decode(cut)
            continue
        with pytest.warns(TruncatedStreamWarning, match=f"{len(coded.data) - kept} of its {len(coded.data)} bytes"):
            shown = decode(cut)
        assert shown.shape == picture.shape
        with pytest.raises(TruncatedStreamError):
            rlcodec.decode(cut, partial=False)
        found = rlcodec.inspect(cut)
        assert found.truncated
        complete = [segment for segment in found.segments if segment.complete and segment.tier != STOP]
        assert [s.segment for s in complete] == [s.segment for s in coded.segments[: len(complete)]]
        rows = sum(segment.segment.kind == "pixels" for segment in complete)
        assert (shown[:rows] == picture[:rows]).all()
        assert rows >= rows_before
        rows_before = rows


def test_a_longer_prefix_is_a_better_image(digit):
    data = rlcodec.encode(digit, bit_budget=392)
    header = unpack(data).header.header_bytes
    errors = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncatedStreamWarning)
        for kept in np.linspace(header, len(data), 9).astype(int):
            errors.append(np.square(decode(data[:kept]).astype(float) - digit).mean())
    assert errors[-1] == 0
    assert all(later < 1.1 * earlier for earlier, later in itertools.pairwise(errors))


def test_a_whole_stream_decodes_without_a_warning(digit):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rlcodec.decode(rlcodec.encode(digit, bit_budget=98, rows=4), partial=False)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_bytes_like_data_decodes(digit, kind):
    data = rlcodec.encode(digit, lossless=True)
    assert (decode(kind(data)) == digit).all()
    assert rlcodec.inspect(kind(data)) == rlcodec.inspect(data)


def test_arrays_pictures_and_files_code_alike(digit, tmp_path):
    Image.fromarray(digit).save(tmp_path / "digit.png")
    expected = rlcodec.encode(digit, lossless=True)
    for image in (Image.fromarray(digit), tmp_path / "digit.png", str(tmp_path / "digit.png"), digit.astype(np.int64)):
        assert rlcodec.encode(image, lossless=True) == expected
    assert rlcodec.encode(np.asfortranarray(digit), lossless=True) == expected
    assert rlcodec.encode(np.pad(digit, 3)[3:-3, 3:-3], lossless=True) == expected


def test_encoding_leaves_the_image_alone(digit):
    mine = digit.copy()
    rlcodec.encode(mine, bit_budget=98, rows=5)
    assert (mine == digit).all()


def test_encoding_is_deterministic(digit):
    assert rlcodec.encode_image(digit, bit_budget=98).data == rlcodec.encode_image(digit, bit_budget=98).data


def test_results_are_frozen(digit):
    coded = rlcodec.encode_image(digit, lossless=True)
    with pytest.raises(dataclasses.FrozenInstanceError):
        coded.mse = 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "nope"}, "unknown preset 'nope'"),
        ({"bit_budget": -1}, "bit_budget is -1"),
        ({"bit_budget": 785}, "takes 0 to 784"),
        ({"tier": "magic"}, "unknown tier 'magic'"),
        ({"rows": -1}, "rows is -1"),
        ({"rows": 29}, "rows is 29"),
        ({"lossless": True, "rows": 3}, "choose one of"),
        ({"lossless": True, "bit_budget": 0}, "choose one of"),
        ({"lossless": True, "objective": "small"}, "choose one of"),
        ({"tier": "table", "objective": "small"}, "choose one of"),
        ({"objective": "pretty"}, "unknown objective 'pretty'"),
        ({"objective": "small", "lambda_rate": 3.0}, "not both"),
        ({"lambda_compute": 3.0}, "lambda_rate beside"),
        ({"lambda_rate": 0.0}, "must be positive"),
        ({"lambda_rate": float("nan")}, "must be positive"),
        ({"lambda_rate": 1.0, "lambda_compute": -1.0}, "must not be negative"),
    ],
    ids=str,
)
def test_options_that_make_no_sense(digit, options, message):
    with pytest.raises(OptionError, match=message):
        rlcodec.encode(digit, **options)


@pytest.mark.parametrize("data", ["text", None, 3, [1, 2]], ids=repr)
@pytest.mark.parametrize("function", [rlcodec.decode, rlcodec.inspect])
def test_only_bytes_decode(function, data):
    with pytest.raises(OptionError, match="takes bytes"):
        function(data)


def test_inspect_refuses_what_decode_refuses(digit):
    data = bytearray(rlcodec.encode(digit, lossless=True))
    data[-1] ^= 1
    with pytest.raises(StreamError):
        rlcodec.inspect(bytes(data))


def test_coding_needs_neither_torch_nor_gymnasium():
    program = (
        "import sys, numpy, rlcodec\n"
        "image = numpy.zeros((28, 28), numpy.uint8)\n"
        "rlcodec.decode(rlcodec.encode(image, bit_budget=98))\n"
        "heavy = {'torch', 'gymnasium', 'stable_baselines3', 'pandas', 'matplotlib', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")


def test_documented_examples_run():
    result = doctest.testmod(sys.modules["rlcodec.api"])
    assert result.attempted > 0
    assert result.failed == 0
