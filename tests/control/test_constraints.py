"""Constraints: what violates them, which stream is best, what a refusal names, and the least compute that decodes in time."""

import math
from itertools import pairwise

import pytest

from rlcodec import MisfitError, OptionError
from rlcodec.control.constraints import COMPUTE_STEPS, Candidate, Constraints, least_compute
from rlcodec.control.objective import COMPUTE_RANGE, Objective

SMALL, FINE, QUICK = (
    Candidate(100, 30.0, 4.0, "small"),
    Candidate(300, 40.0, 5.0, "fine"),
    Candidate(200, 30.0, 1.0, "quick"),
)
CANDIDATES = [FINE, SMALL, QUICK]


def best(constraints: Constraints) -> str | None:
    chosen = constraints.best(CANDIDATES, lambda c: constraints.sort_key(c, (c.decode_ms,)))
    return chosen and chosen.source


@pytest.mark.parametrize(
    ("constraints", "source"),
    [
        (Constraints(), "quick"),
        (Constraints(max_bytes=300), "fine"),
        (Constraints(max_bytes=250), "quick"),
        (Constraints(min_psnr=30), "small"),
        (Constraints(min_psnr=31), "fine"),
        (Constraints(max_bytes=300, max_decode_ms=4.5), "quick"),
        (Constraints(max_bytes=150, max_decode_ms=4.5), "small"),
        (Constraints(min_psnr=30, max_decode_ms=2), "quick"),
        (Constraints(max_bytes=99), None),
        (Constraints(min_psnr=math.inf), None),
    ],
)
def test_the_best_stream_meets_all_constraints(constraints, source):
    assert best(constraints) == source


@pytest.mark.parametrize(
    ("constraints", "nearest"),
    [
        (Constraints(max_bytes=99), "max_bytes 100"),
        (Constraints(min_psnr=41), "min_psnr 40.00"),
        (Constraints(max_decode_ms=0.5), "max_decode_ms 1.0000"),
        (Constraints(max_bytes=250, min_psnr=35), "max_bytes 300 or min_psnr 30.00"),
        (Constraints(max_bytes=50, min_psnr=35, max_decode_ms=0.5), "max_bytes 300 with max_decode_ms 5.0000"),
    ],
)
def test_a_refusal_names_the_nearest_that_can_be_met(constraints, nearest):
    with pytest.raises(MisfitError, match=f"the nearest that can be met: {nearest}$"):
        raise constraints.refusal(CANDIDATES)


@pytest.mark.parametrize("values", [{"max_bytes": "1"}, {"min_psnr": math.nan}, {"max_decode_ms": [1]}])
def test_values_that_are_no_numbers_are_refused(values):
    with pytest.raises(OptionError, match="give a number"):
        Constraints(**values)


def test_constraints_are_true_if_anything_is_asked():
    assert not Constraints()
    assert Constraints(max_bytes=0)
    assert not Constraints(max_decode_ms=1.0).limits_rate_or_quality
    assert Constraints(min_psnr=0.0).limits_rate_or_quality


def test_compute_is_raised_as_little_as_decoding_in_time_takes():
    objective = Objective("mse", 100.0, 0.0)
    least, most = (100 * 10**exponent for exponent in COMPUTE_RANGE)

    def lambda_for(threshold: float) -> float:
        return least_compute(objective, lambda o: o.lambda_compute, lambda value: value < threshold)

    assert lambda_for(-1) == 0
    assert lambda_for(2 * most) == most
    found = [lambda_for(threshold) for threshold in (2 * least, 10 * least, 100 * least)]
    assert all(low < high for low, high in pairwise(found))
    step = (COMPUTE_RANGE[1] - COMPUTE_RANGE[0]) / 2**COMPUTE_STEPS
    assert all(0 <= math.log10(f / t) <= step for f, t in zip(found, (2 * least, 10 * least, 100 * least), strict=True))
