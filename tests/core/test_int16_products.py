"""Vector products give the integers that plain arithmetic gives, at every size."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llvmlite.binding import get_host_cpu_features

from rlcodec.core.int16_products import LANES, activate, dot_row, multiply_pairs, padded, to_pairs
from rlcodec.core.integer_conv import ACTIVATION_MAX
from rlcodec.core.kernel import kernel


@kernel
def multiply(values, weights, sums):
    multiply_pairs(values, weights, sums)


@kernel
def activated(sums, shift, values):
    return activate(sums, shift, values)


@kernel
def dot(values, rows, row):
    return dot_row(values, rows, row)


@given(st.integers(1, 70), st.integers(1, 130), st.integers(0, 1000))
def test_products_with_a_matrix(inputs, outputs, seed):
    random = np.random.default_rng(seed)
    weights = random.integers(-32768, 32768, (inputs, outputs)).astype(np.int16)
    values = random.integers(-1023, 1024, inputs).astype(np.int16)
    sums = random.integers(-1000, 1000, outputs + -outputs % LANES).astype(np.int32)
    expected = sums[:outputs] + values.astype(np.int64) @ weights.astype(np.int64)
    multiply(padded(values, LANES), to_pairs(weights), sums)
    assert np.array_equal(sums[:outputs], expected)


def test_products_with_some_columns_of_a_matrix():
    random = np.random.default_rng(1)
    weights, values = random.integers(-99, 99, (32, 160)).astype(np.int16), random.integers(-99, 99, 32).astype(np.int16)
    sums = np.zeros(48, np.int32)
    multiply(values, to_pairs(weights)[:, :48], sums)
    assert np.array_equal(sums, values.astype(np.int64) @ weights[:, :48].astype(np.int64))


@pytest.mark.parametrize("shift", [0, 1, 7, 13])
def test_activations_are_rounded_clipped_and_counted(shift):
    sums = np.random.default_rng(shift).integers(-(1 << 24), 1 << 24, 5 * LANES).astype(np.int32) >> (13 - shift)
    sums[:4] = 0, (1 << shift) >> 1, ((1 << shift) >> 1) - 1, -1
    values = np.empty(5 * LANES, np.int16)
    whole = (sums.astype(np.int64) + ((1 << shift) >> 1)) >> shift
    assert activated(sums, shift, values) == (whole > 0).sum()
    assert np.array_equal(values, whole.clip(0, ACTIVATION_MAX))


def test_products_with_a_row():
    random = np.random.default_rng(2)
    rows = random.integers(-999, 999, (5, 6 * LANES)).astype(np.int16)
    values = random.integers(-999, 999, 6 * LANES).astype(np.int16)
    assert [dot(values, rows, i) for i in range(5)] == (rows.astype(np.int64) @ values.astype(np.int64)).tolist()


@pytest.mark.parametrize(("name", "features"), [("generic", ""), ("haswell", "+avx2")])
def test_other_processors_get_the_same_integers(name, features, tmp_path):
    if features and not get_host_cpu_features().get("avx2"):
        pytest.skip("this processor cannot run that code")
    environment = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "not processors"]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
