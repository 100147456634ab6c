"""The container: round trips of header fields, framing of small images, and detection of damage."""

import re
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import rlcodec
from rlcodec.core.container import header_bytes, pack, unpack
from rlcodec.errors import DamagedStreamError, StreamError, TruncatedStreamError, TruncatedStreamWarning, UnknownModelError
from rlcodec.presets.compact.format import COMPACT
from rlcodec.presets.mnist.format import MNIST
from rlcodec.presets.photo.format import PHOTO

FINGERPRINT = b"\x12\xab"
MOST_FRAMING_BYTES = 12


def stream_of(payload: bytes = b"payload", height: int = 28, width: int = 28, settings: int = 98) -> bytes:
    return pack(MNIST, FINGERPRINT, height, width, settings, payload)


@pytest.fixture(scope="module")
def coded(digit) -> bytes:
    """A stream with latents, a few rows of pixels and a stop."""
    return rlcodec.encode(digit, bit_budget=98, rows=6)


@given(
    height=st.integers(1, MNIST.max_side),
    width=st.integers(1, MNIST.max_side),
    settings=st.integers(0, 4096),
    payload=st.binary(max_size=400),
)
def test_header_fields_round_trip(height, width, settings, payload):
    data = stream_of(payload, height, width, settings)
    stream = unpack(data)
    header = stream.header
    assert (header.format, header.fingerprint) == (MNIST, FINGERPRINT)
    assert (header.height, header.width, header.settings) == (height, width, settings)
    assert (header.payload_bytes, stream.payload.tobytes(), stream.truncated) == (len(payload), payload, False)
    assert header.header_bytes == header_bytes(MNIST, height, width, settings, len(payload)) == len(data) - len(payload)


@pytest.mark.parametrize("settings", [0, 1, 127, 128, 784])
@pytest.mark.parametrize("payload_bytes", [0, 127, 128, 2000])
def test_framing_of_one_small_image_is_at_most_12_bytes(settings, payload_bytes):
    framing = len(stream_of(bytes(payload_bytes), settings=settings)) - payload_bytes
    assert framing == header_bytes(MNIST, 28, 28, settings, payload_bytes) <= MOST_FRAMING_BYTES


def test_only_the_native_size_is_free():
    assert header_bytes(MNIST, 28, 28, 0, 50) == header_bytes(MNIST, 28, 27, 0, 50) - 2


def test_golden_header():
    assert stream_of(b"", settings=0).hex() == "b1526212ab" + "573c" + "0000"
    assert stream_of(b"abc", 27, 64, 300).hex() == "b1526312ab" + "d067" + "03" + "1a3f" + "ac02" + "616263"


@pytest.mark.parametrize("data", [b"", b"\x00", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xb1S" + bytes(20)])
def test_other_data_are_refused(data):
    with pytest.raises(StreamError, match="not an rlcodec stream"):
        rlcodec.decode(data)


@pytest.mark.parametrize("version", [0, 1, 7])
def test_unknown_version_is_named(coded, version):
    data = bytearray(coded)
    data[2] = data[2] & 31 | version << 5
    with pytest.raises(UnknownModelError, match=f"version {version}"):
        rlcodec.decode(bytes(data))


@pytest.mark.parametrize("preset", [0, 5, 15])
def test_unknown_preset_is_named(coded, preset):
    data = bytearray(coded)
    data[2] = data[2] & 0b11100001 | preset << 1
    with pytest.raises(UnknownModelError, match=f"preset number {preset}"):
        rlcodec.decode(bytes(data))


def test_other_weights_are_refused():
    with pytest.raises(UnknownModelError, match=re.escape(FINGERPRINT.hex())):
        rlcodec.decode(stream_of())


def test_impossible_values_are_refused(coded):
    fingerprint = unpack(coded).header.fingerprint
    with pytest.raises(DamagedStreamError, match="785 latent bits"):
        rlcodec.decode(pack(MNIST, fingerprint, 28, 28, 785, b""))
    with pytest.raises(DamagedStreamError, match="65x64"):
        rlcodec.decode(pack(MNIST, fingerprint, 64, 65, 0, b""))
    with pytest.raises(DamagedStreamError, match="too long"):
        unpack(coded[:7] + b"\xff" * 5)


def test_every_flipped_bit_is_detected(coded):
    for position in range(8 * len(coded)):
        data = bytearray(coded)
        data[position // 8] ^= 1 << position % 8
        with pytest.raises(StreamError):
            rlcodec.decode(bytes(data), partial=False)
        # A greater length looks like missing bytes, of which a partial decode warns; everything else raises.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises((StreamError, TruncatedStreamWarning)):
                rlcodec.decode(bytes(data))


def test_changed_bytes_raise(coded):
    random = np.random.default_rng(0)
    for _ in range(300):
        data = np.frombuffer(coded, np.uint8).copy()
        first = random.integers(0, len(data))
        last = min(first + random.integers(1, 3), len(data))
        data[first:last] ^= random.integers(1, 256, last - first, dtype=np.uint8)
        with pytest.raises(StreamError):
            rlcodec.decode(data.tobytes(), partial=False)


@pytest.mark.parametrize("extra", [b"\x00", b"\xff", b"\r\n", bytes(1000)])
def test_trailing_bytes_raise(coded, extra):
    with pytest.raises(DamagedStreamError, match=f"{len(extra)} bytes follow"):
        rlcodec.decode(coded + extra)


def test_a_header_cut_anywhere_raises(coded):
    for kept in range(1, unpack(coded).header.header_bytes):
        with pytest.raises(TruncatedStreamError, match=f"inside its header: {kept} bytes"):
            rlcodec.decode(coded[:kept])


@pytest.mark.parametrize("preset", [PHOTO, COMPACT])
def test_declared_sizes_are_bounded_before_anything_is_allocated(preset):
    huge = pack(preset, bytes(2), 30_000, 30_000, 0, b"")
    for use in (unpack, rlcodec.decode, rlcodec.inspect):
        with pytest.raises(rlcodec.TooLargeError, match="30000x30000 pixels; 67108864 are allowed"):
            use(huge)
    data = rlcodec.encode(np.full((70, 90, 3), 99, np.uint8), preset=preset.name)
    assert rlcodec.decode(data, max_pixels=70 * 90).size == (90, 70)
    with pytest.raises(rlcodec.TooLargeError, match="max_pixels"):
        rlcodec.decode(data, max_pixels=70 * 90 - 1)
    with pytest.raises(rlcodec.TooLargeError):
        rlcodec.decode_many([data], max_pixels=100)


@pytest.mark.parametrize(("preset", "thin"), [(PHOTO, 65_536), (COMPACT, 65_536), (COMPACT, 30_000)])
def test_thin_pictures_count_as_the_blocks_that_they_are_decoded_to(preset, thin):
    for height, width in ((1, thin), (thin, 1)):
        data = pack(preset, bytes(2), height, width, 0, b"12345")
        with pytest.raises(rlcodec.TooLargeError, match=f"{width}x{height} pixels, which preset {preset.name} decodes as"):
            unpack(data, max_pixels=thin * 4)
        assert unpack(data).header.width == width
    assert unpack(pack(preset, bytes(2), 3, 5, 0, b"12345"), max_pixels=15).header.height == 3


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_images_that_are_too_large_are_refused_before_they_are_read(tmp_path, run):
    path = tmp_path / "bomb.png"
    Image.new("1", (10_000, 10_000)).save(path)
    with pytest.raises(rlcodec.ImageError, match="has 10000x10000 pixels; 67108864 are allowed"):
        rlcodec.encode(path, preset="photo")
    Image.new("RGB", (70, 50)).save(path)
    code, _, err = run("encode", path, tmp_path / "x.rlc", "--preset", "photo", "--max-pixels", 3000)
    assert code == 2
    assert "max_pixels" in err
    assert run("encode", path, tmp_path / "x.rlc", "--preset", "photo", "--max-pixels", 3500)[0] == 0
    assert run("decode", tmp_path / "x.rlc", path, "--max-pixels", 3499)[0] == 2
    assert run("info", tmp_path / "x.rlc", "--max-pixels", 3499)[0] == 2
