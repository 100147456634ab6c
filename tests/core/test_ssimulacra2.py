"""SSIMULACRA 2 agrees with the package `ssimulacra2`, and is defined for pictures of all sizes."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from rlcodec import OptionError
from rlcodec.core._ssimulacra2 import blur, error_norms, halve_planes, linear_planes, xyb_planes
from rlcodec.core.ssimulacra2 import ABSORBANCE, LIBJXL, LINEAR_LIGHT, PACKAGE, Ssimulacra2, ssimulacra2

TOLERANCE = 0.05
SIZES = [(1, 1), (1, 40, 3), (7, 9, 3), (8, 8, 1), (14, 15, 3), (15, 15), (28, 28), (33, 47, 3), (113, 225, 3)]


def synthetic(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([(3 * x + 5 * y) % 256, (x * x // 16 + 7 * y) % 256, (x * y // 8) % 256], 2).astype(np.uint8)


def coarser(picture: np.ndarray, step: int) -> np.ndarray:
    return picture // step * step + step // 2


@pytest.mark.parametrize(
    ("size", "step", "expected"),
    [
        ((256, 320), 4, 95.82588), ((256, 320), 32, 71.22373), ((133, 77), 4, 89.00358), ((133, 77), 32, -20.35465),
        ((28, 28), 4, 97.19714), ((28, 28), 32, 83.87172), ((16, 40), 32, 83.33366),
    ],
)  # fmt: skip
def test_scores_are_those_of_the_package(size, step, expected):
    original = synthetic(*size)
    assert ssimulacra2(original, coarser(original, step)) == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize(("size", "expected"), [((256, 320), -46.60502), ((133, 77), -58.43061), ((16, 40), 67.08123)])
def test_a_shifted_picture_scores_as_by_the_package(size, expected):
    original = synthetic(*size)
    assert ssimulacra2(original, np.roll(original, 1, 1)) == pytest.approx(expected, abs=TOLERANCE)


def test_libjxl_differs_at_borders_alone():
    original = synthetic(256, 320)
    shown = original.copy()
    shown[100:140, 100:140] = coarser(shown[100:140, 100:140], 64)
    assert ssimulacra2(original, shown, LIBJXL) == pytest.approx(ssimulacra2(original, shown), abs=0.3)
    assert ssimulacra2(original, coarser(original, 32), LIBJXL) > ssimulacra2(original, coarser(original, 32)) + 2


@pytest.mark.parametrize("variant", [PACKAGE, LIBJXL], ids=["package", "libjxl"])
@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_pictures_of_all_sizes(shape, variant):
    picture = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    scorer = Ssimulacra2(picture, variant)
    assert scorer.score(picture) == 100
    assert 100 > scorer.score(coarser(picture, 4)) > scorer.score(255 - picture)


def test_more_compression_scores_lower(photograph):
    original = np.asarray(photograph)
    scorer = Ssimulacra2(original)
    scores = [scorer.score(coarser(original, step)) for step in (2, 4, 8, 16, 32, 64)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 85
    assert scores[-1] < 30


def test_gray_is_gray_in_colour(photograph):
    original = np.asarray(photograph.convert("L"))
    shown = coarser(original, 16)
    in_colour = ssimulacra2(*(np.repeat(picture[..., None], 3, 2) for picture in (original, shown)))
    assert ssimulacra2(original, shown) == ssimulacra2(original[..., None], shown[..., None]) == in_colour


def test_an_original_scores_many_candidates_as_one_by_one(photograph):
    original = np.asarray(photograph)
    scorer = Ssimulacra2(original)
    candidates = [coarser(original, step) for step in (4, 64, 4)]
    assert [scorer.score(candidate) for candidate in candidates] == [ssimulacra2(original, c) for c in candidates]


def test_threads_share_an_original(photograph):
    original = np.asarray(photograph)
    scorer, steps = Ssimulacra2(original), [2, 4, 8, 16] * 4
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda step: scorer.score(coarser(original, step)), steps))
    assert found == [scorer.score(coarser(original, step)) for step in steps]


def test_small_pictures_are_extended_by_their_edges():
    picture = synthetic(5, 6)
    extended = [np.pad(p, ((0, 3), (0, 2), (0, 0)), "edge") for p in (picture, coarser(picture, 32))]
    assert ssimulacra2(picture, coarser(picture, 32)) == ssimulacra2(*extended)


def test_pictures_that_cannot_be_compared_are_refused():
    picture = np.zeros((30, 30, 3), np.uint8)
    for other in (picture[:29], picture.astype(np.float32), picture[..., 0], picture[..., :2], np.zeros((0, 3, 3), np.uint8)):
        with pytest.raises(OptionError, match="SSIMULACRA 2 takes"):
            ssimulacra2(picture, other)
        with pytest.raises(OptionError, match="SSIMULACRA 2 takes"):
            ssimulacra2(other, picture)


def test_loops_check_sizes():
    plane, window = np.zeros((9, 9), np.float32), PACKAGE.window
    with pytest.raises(ValueError, match="do not fit"):
        blur(plane[:4], window, True, False)
    with pytest.raises(ValueError, match="do not fit"):
        blur(plane, window[:5].copy(), False, False)
    with pytest.raises(ValueError, match="do not fit"):
        halve_planes(np.zeros((1, 3, 5), np.float32), np.zeros((1, 1, 3), np.float32))
    with pytest.raises(ValueError, match="do not fit"):
        linear_planes(np.zeros((4, 4, 3), np.uint8), LINEAR_LIGHT, np.zeros((3, 4, 3), np.float32))
    with pytest.raises(ValueError, match="do not fit"):
        xyb_planes(np.zeros((3, 4, 4), np.float32), ABSORBANCE, 1.0, 1.0, np.zeros((3, 4, 3), np.float32))
    with pytest.raises(ValueError, match="differ in height"):
        error_norms(plane, plane, None, plane[:8], window, True, 1.0)
    with pytest.raises(ValueError, match="differ in width"):
        error_norms(plane, plane, np.zeros((9, 8), np.float32), plane, window, True, 1.0)


def test_halves_repeat_the_last_row_and_column():
    planes = np.arange(15, dtype=np.float32).reshape(1, 3, 5)
    half = np.empty((1, 2, 3), np.float32)
    halve_planes(planes, half)
    assert half[0].tolist() == [[3, 5, 6.5], [10.5, 12.5, 14]]
