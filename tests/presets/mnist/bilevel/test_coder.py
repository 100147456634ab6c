"""Digits coded by way of their bilevel source: exact, small, decodable from every prefix, and safe to decode when damaged."""

import warnings

import numpy as np
import pytest

import rlcodec
from rlcodec.core.container import pack
from rlcodec.core.segment_choice import TIERS
from rlcodec.presets.mnist.format import MNIST
from rlcodec.presets.mnist.installed import installed_weights


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("place", [(4, 4), (0, 8), (7, 2)])
def test_digits_with_a_source_are_lossless_and_small(tier, place, rendered, ring):
    image = rendered(ring(36), *place)
    coded = rlcodec.encode_image(image, tier=tier)
    assert np.array_equal(np.asarray(rlcodec.decode(coded.data)), image)
    assert len(coded.data) < 110
    found = rlcodec.inspect(coded.data)
    assert found.segments == coded.segments
    assert found.details["by_bilevel_source"]


def test_a_gray_level_that_no_source_gives_is_coded_all_the_same(rendered, ring):
    image = rendered(ring(36))
    image[14, 14] = 77
    data = rlcodec.encode(image, lossless=True)
    assert np.array_equal(np.asarray(rlcodec.decode(data)), image)
    assert not rlcodec.inspect(data).details["by_bilevel_source"]


def test_every_prefix_of_a_digit_with_a_source_is_an_image(rendered, ring):
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


def test_payloads_of_noise_decode_to_an_image():
    rng = np.random.default_rng(3)
    for _ in range(300):
        payload = rng.integers(0, 256, 60, np.uint8).tobytes()
        picture = rlcodec.decode(pack(MNIST, installed_weights().fingerprint, 28, 28, 0, payload))
        assert picture.size == (28, 28)
