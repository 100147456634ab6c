"""Tier `lm`: when it can be named, that its streams decode exactly, whole or cut, and its integer arithmetic."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rlcodec
from rlcodec.core.int16_products import ACTIVATION_MAX
from rlcodec.core.segment_choice import CONTEXT, LM, STOP, TABLE
from rlcodec.presets.mnist.bilevel.transformer import CACHE_ENTRIES, WEIGHT_ONE, LmNet, exponential_table, root
from rlcodec.presets.mnist.encoder import encode_with
from rlcodec.presets.mnist.installed import installed_weights


@pytest.fixture(scope="module")
def image(rendered, ring):
    return rendered(ring(41))


def encode(image, choices, bit_budget=0):
    return encode_with(installed_weights(), image, bit_budget, lambda segments: [*choices, STOP][: len(segments)])


@pytest.mark.parametrize("after", [TABLE, CONTEXT])
@pytest.mark.parametrize("rows", [1, 12, 27])
def test_lm_can_be_left_for_another_tier(image, after, rows):
    coded = encode(image, [LM] * rows + [after] * (28 - rows))
    assert [s.tier for s in coded.segments] == [LM] * rows + [after] * (28 - rows)
    assert np.array_equal(np.asarray(rlcodec.decode(coded.data)), image)
    assert rlcodec.inspect(coded.data).segments == coded.segments


@pytest.mark.parametrize(
    "choices",
    [[CONTEXT, LM], [TABLE] * 9 + [LM], [LM] * 3 + [TABLE, LM], [3], [-2]],
    ids=["late", "very late", "again", "3", "-2"],
)
def test_lm_begins_at_the_first_row_or_not_at_all(image, choices):
    with pytest.raises(rlcodec.OptionError, match="cannot be coded"):
        encode(image, choices)


def test_latents_have_no_lm(image):
    with pytest.raises(rlcodec.OptionError, match="latent 0"):
        encode(image, [LM], bit_budget=49)
    coded = rlcodec.encode_image(image, bit_budget=49, tier="lm")
    assert [s.tier for s in coded.segments] == [CONTEXT] + [LM] * 28
    assert np.array_equal(np.asarray(rlcodec.decode(coded.data)), image)


def test_lm_spends_compute_on_bits(image):
    cost = {t: rlcodec.encode_image(image, tier=t) for t in ("table", "context", "lm")}
    bits = {t: sum(s.bits for s in coded.segments[1:]) for t, coded in cost.items()}
    assert bits["lm"] < bits["table"]
    assert cost["lm"].decoder_macs > 10 * cost["context"].decoder_macs > 100 * cost["table"].decoder_macs


def test_without_a_source_lm_is_context(digits):
    first, second = (rlcodec.encode_image(digits[0], tier=tier) for tier in ("lm", "context"))
    assert [s.macs for s in first.segments] == [s.macs for s in second.segments]
    assert [s.cost for s in first.segments[1:]] == [s.cost for s in second.segments[1:]]
    assert np.array_equal(np.asarray(rlcodec.decode(first.data)), digits[0])


def test_every_prefix_is_an_image(image):
    data = rlcodec.encode(image, tier="lm")
    known = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rlcodec.TruncatedStreamWarning)
        for length in range(rlcodec.inspect(data).header_bytes, len(data) + 1):
            picture = np.asarray(rlcodec.decode(data[:length]))
            known.append(int((picture == image).all(1).sum()))
    assert known[-1] == 28
    assert known == sorted(known)


@given(st.integers(0, 2**62 - 1))
def test_root_is_exact(value):
    found = root(value)
    assert found**2 <= value < (found + 1) ** 2


def test_shipped_arithmetic_stays_within_int32():
    net = installed_weights().source_lm
    stored = {name: np.asarray(getattr(net, name)).astype(np.int64) for name in LmNet.stored}
    assert np.array_equal(stored["exponential"], exponential_table())
    assert WEIGHT_ONE * ACTIVATION_MAX * CACHE_ENTRIES < 2**31
    for name in ("qkv", "out", "up", "down"):
        reach = np.abs(stored[name]).sum(1).max() * ACTIVATION_MAX
        if name in ("up", "down"):
            reach += np.abs(stored[f"{name}_bias"]).max()
        assert reach < 2**31 - 2**24
    window = np.abs(stored["first"]).sum(0)
    assert (window + 7 * np.abs(stored["rows"]).max(0)).max() < 2**31
