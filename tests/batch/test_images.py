"""Many images at once give what each gives alone."""

import io
import time

import numpy as np
import pytest
from PIL import Image

import rlcodec
from rlcodec.errors import ImageError, OptionError, StreamError, TruncatedStreamError, TruncatedStreamWarning


@pytest.mark.parametrize("workers", [1, 2, 5, None])
@pytest.mark.parametrize("options", [{"lossless": True}, {"objective": "small"}, {"bit_budget": 98, "rows": 9}])
def test_batches_give_the_bytes_and_pixels_of_one_by_one(digits, workers, options):
    images = digits[:12]
    alone = [rlcodec.encode(image, **options) for image in images]
    assert rlcodec.encode_many(images, workers=workers, **options) == alone
    pictures = rlcodec.decode_many(alone, workers=workers)
    assert all(np.array_equal(a, rlcodec.decode(data)) for a, data in zip(pictures, alone, strict=True))


class SlowFile(io.BytesIO):
    """Lets other threads run while it is read."""

    def read(self, size=-1):
        time.sleep(0.01)
        return super().read(size)


def test_an_image_may_be_given_twice(digit):
    """Pillow has opened it, and reads it only when it is coded."""
    file = SlowFile()
    Image.fromarray(digit).save(file, "PNG")
    images = [Image.open(file)] * 4
    assert rlcodec.encode_many(images, workers=4, lossless=True) == [rlcodec.encode(digit, lossless=True)] * 4


def test_nothing_gives_nothing():
    assert rlcodec.encode_many([]) == [] == rlcodec.decode_many([])


def test_one_bad_item_is_reported(digits):
    with pytest.raises(ImageError):
        rlcodec.encode_many([digits[0], np.zeros((2, 2, 7), np.uint8)], lossless=True)
    with pytest.raises(StreamError):
        rlcodec.decode_many([b"nothing of the kind"])


def test_a_negative_number_of_workers_is_refused(digits):
    with pytest.raises(OptionError, match="workers"):
        rlcodec.encode_many(digits[:2], workers=-1)


@pytest.mark.parametrize("options", [{}, {"bit_budget": 98}, {"rows": 11}])
def test_a_device_changes_no_byte(digits, rendered, ring, options):
    images = [rendered(ring(33)), digits[0], rendered(ring(52), 2, 5)]
    alone = [rlcodec.encode(image, tier="lm", **options) for image in images]
    assert rlcodec.encode_many(images, device="cpu", tier="lm", **options) == alone


def test_a_device_changes_no_pixel(digits, rendered, ring, photograph):
    images = [rendered(ring(33)), digits[0], rendered(ring(52), 2, 5), rendered(ring(80)), digits[1]]
    streams = [rlcodec.encode(image, tier="lm") for image in images]
    streams += [
        rlcodec.encode(image, tier="lm", bit_budget=98, rows=rows)
        for image, rows in zip(images, (0, 7, 28, 12, 3), strict=True)
    ]
    streams += [rlcodec.encode(images[0], lossless=True), rlcodec.encode(images[2], tier="table", rows=20)]
    streams.insert(3, rlcodec.encode(photograph, preset="photo", gain=350))
    pictures = rlcodec.decode_many(streams, device="cpu")
    assert all(np.array_equal(a, rlcodec.decode(data)) for a, data in zip(pictures, streams, strict=True))


def test_a_device_shows_what_is_left_of_cut_streams(rendered, ring):
    whole = rlcodec.encode(rendered(ring(52), 2, 5), tier="lm")
    streams = [whole[:length] for length in range(len(whole) - 12, len(whole), 4)]
    with pytest.warns(TruncatedStreamWarning):
        pictures, alone = rlcodec.decode_many(streams, device="cpu"), [rlcodec.decode(data) for data in streams]
    assert all(np.array_equal(a, b) for a, b in zip(pictures, alone, strict=True))
    with pytest.raises(TruncatedStreamError):
        rlcodec.decode_many(streams, device="cpu", partial=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"tier": "table"}, "tier lm"), ({"lossless": True}, "tier lm"), ({"tier": "lm", "objective": "small"}, "choose one of")],
)
def test_a_device_is_for_tier_lm(digits, options, message):
    with pytest.raises(OptionError, match=message):
        rlcodec.encode_many(digits[:1], device="cpu", **options)


def test_a_device_that_is_not_there_is_refused(digits):
    with pytest.raises(OptionError, match="device"):
        rlcodec.encode_many(digits[:1], device="teapot", tier="lm")
    with pytest.raises(OptionError, match="device"):
        rlcodec.decode_many([rlcodec.encode(digits[0])], device="teapot")
