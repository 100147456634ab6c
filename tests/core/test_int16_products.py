"""Vector products give the integers that plain arithmetic gives, at every size and with every set of instructions."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlcodec.core._int16_products import activations, dot_row, multiply
from rlcodec.core.int16_products import ACTIVATION_MAX, INSTRUCTIONS, LANES, padded, to_pairs

RANKS = ("plain", "sse2", "avx2", "avx512")
"""Sets of instructions, from the least to the best."""


@given(st.integers(1, 70), st.integers(1, 130), st.integers(0, 1000))
def test_products_with_a_matrix(inputs, outputs, seed):
    random = np.random.default_rng(seed)
    weights = random.integers(-32768, 32768, (inputs, outputs)).astype(np.int16)
    values = random.integers(-1023, 1024, inputs).astype(np.int16)
    sums = random.integers(-1000, 1000, outputs + -outputs % LANES).astype(np.int32)
    expected = sums[:outputs] + values.astype(np.int64) @ weights.astype(np.int64)
    multiply(padded(values, LANES), to_pairs(weights), sums)
    assert np.array_equal(sums[:outputs], expected)


@pytest.mark.parametrize("columns", [16, 48, 80, 128, 160])
def test_products_with_some_columns_of_a_matrix(columns):
    random = np.random.default_rng(1)
    weights, values = random.integers(-99, 99, (32, 160)).astype(np.int16), random.integers(-99, 99, 32).astype(np.int16)
    sums = np.zeros(columns, np.int32)
    multiply(values, to_pairs(weights), sums)
    assert np.array_equal(sums, values.astype(np.int64) @ weights[:, :columns].astype(np.int64))


@pytest.mark.parametrize("shift", [0, 1, 7, 13])
def test_activations_are_rounded_clipped_and_counted(shift):
    sums = np.random.default_rng(shift).integers(-(1 << 24), 1 << 24, 5 * LANES).astype(np.int32) >> (13 - shift)
    sums[:4] = 0, (1 << shift) >> 1, ((1 << shift) >> 1) - 1, -1
    values = np.empty(5 * LANES, np.int16)
    whole = (sums.astype(np.int64) + ((1 << shift) >> 1)) >> shift
    assert activations(sums, shift, values) == (whole > 0).sum()
    assert np.array_equal(values, whole.clip(0, ACTIVATION_MAX))


def test_products_with_a_row():
    random = np.random.default_rng(2)
    rows = random.integers(-999, 999, (5, 6 * LANES)).astype(np.int16)
    values = random.integers(-999, 999, 6 * LANES).astype(np.int16)
    assert [dot_row(values, row) for row in rows] == (rows.astype(np.int64) @ values.astype(np.int64)).tolist()


def test_sizes_that_do_not_fit_are_refused():
    short, long, sums = np.zeros(16, np.int16), np.zeros(32, np.int16), np.zeros(16, np.int32)
    with pytest.raises(ValueError, match="sizes"):
        multiply(short, np.zeros((16, 16, 2), np.int16), sums)
    with pytest.raises(ValueError, match="sizes"):
        multiply(long, np.zeros((16, 16, 2), np.int16), np.zeros(17, np.int32))
    with pytest.raises(ValueError, match="sizes"):
        dot_row(long, short)
    with pytest.raises(ValueError, match="sizes"):
        activations(sums, 31, short)


@pytest.mark.parametrize("name", RANKS[:-1])
def test_lesser_instructions_give_the_same_integers(name):
    if INSTRUCTIONS not in RANKS[RANKS.index(name) :]:
        pytest.skip("this processor has not these instructions")
    environment = os.environ | {"RLCODEC_SIMD": name}
    chosen = "from rlcodec.core.int16_products import INSTRUCTIONS; print(INSTRUCTIONS)"
    done = subprocess.run([sys.executable, "-c", chosen], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == name
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "not lesser"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
