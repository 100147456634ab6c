"""Transforms of photographs: orthonormal for every split, lapped with perfect reconstruction, and colours turned and back."""

import numpy as np
import pytest

from rlcodec.presets.photo._transform import inverse, transform_areas
from rlcodec.presets.photo.colors import FIXED, NEUTRAL, OPPONENT, ColorTransform, best_transform
from rlcodec.presets.photo.lapping import lap, unlap
from rlcodec.presets.photo.quantiser import RELATIVE_STEPS
from rlcodec.presets.photo.transform import (
    AREA,
    AREA_PIXELS,
    BASES,
    CENTRED,
    FREQUENCIES,
    PLANES,
    SLICE_OF,
    SLICES,
    TRANSFORMS,
    WHOLE,
    planes_of,
)

STEP = 1 / 16
CENTROIDS = np.zeros((PLANES, TRANSFORMS, SLICES, CENTRED), np.float32)


def random_planes(rows: int, columns: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 30, (PLANES, rows * AREA, columns * AREA)).astype(np.float32)


def restored(coefficients: np.ndarray, splits: np.ndarray) -> np.ndarray:
    """The planes of coefficients that are rounded to fine steps: constants to whole ones, all others to halves."""
    values = np.rint(coefficients * 2 / STEP)
    scales = np.full((PLANES, FREQUENCIES), STEP, np.float32)
    for split, starts in ((WHOLE, [0]), (0, [0, 256, 512, 768]), (15, range(0, AREA_PIXELS, 64))):
        values[splits == split] = np.where(np.isin(np.arange(AREA_PIXELS), list(starts)), np.rint(values / 2), values)[
            splits == split
        ]
    planes = np.empty((PLANES, splits.shape[0] * AREA, splits.shape[1] * AREA), np.float32)
    inverse(
        values.astype(np.int16), splits, np.zeros(splits.shape, np.int8), np.zeros((*splits.shape, PLANES - 1), np.int8),
        CENTROIDS, scales, RELATIVE_STEPS, SLICE_OF, BASES, planes,
    )  # fmt: skip
    return planes


@pytest.mark.parametrize("split", range(WHOLE + 1))
def test_blocks_of_every_split_keep_squared_errors(split):
    planes = random_planes(1, 2)
    splits = np.full((1, 2), split, np.uint8)
    coefficients = np.empty((1, 2, PLANES, AREA_PIXELS), np.float32)
    transform_areas(planes, splits, BASES, coefficients)
    assert np.square(coefficients).sum() == pytest.approx(np.square(planes).sum(), rel=1e-5)


def test_the_inverse_transform_brings_planes_back():
    planes = random_planes(1, 3)
    splits = np.array([[WHOLE, 0, 15]], np.uint8)
    coefficients = np.empty((1, 3, PLANES, AREA_PIXELS), np.float32)
    transform_areas(planes, splits, BASES, coefficients)
    assert np.abs(restored(coefficients, splits) - planes).max() < 6 * STEP


@pytest.fixture
def mixed_splits() -> np.ndarray:
    return np.random.default_rng(2).integers(0, WHOLE + 1, (3, 4), np.uint8)


def test_laps_come_back(mixed_splits):
    planes = random_planes(*mixed_splits.shape)
    lapped = planes.copy()
    lap(lapped, mixed_splits)
    assert np.abs(lapped - planes).max() > 5
    unlap(lapped, mixed_splits)
    assert np.abs(lapped - planes).max() < 1e-3


def test_laps_keep_constants(mixed_splits):
    planes = np.full((PLANES, 3 * AREA, 4 * AREA), 77, np.float32)
    for change in (lap, unlap):
        changed = planes.copy()
        change(changed, mixed_splits)
        assert np.abs(changed - planes).max() < 1e-3


def test_the_edge_of_the_picture_is_not_filtered():
    planes = random_planes(1, 1)
    lapped = planes.copy()
    lap(lapped, np.full((1, 1), WHOLE, np.uint8))
    assert np.array_equal(lapped, planes)


@pytest.mark.parametrize("fixed", range(len(FIXED)))
@pytest.mark.parametrize("angles", [(0, 0, 0), (-128, 127, 5)])
def test_colours_come_back(fixed, angles):
    colors = ColorTransform(fixed, angles)
    assert colors.forward @ colors.inverse.T == pytest.approx(np.eye(PLANES), abs=1e-5)
    payload = np.frombuffer(colors.turn_bytes() + b"more", np.uint8)
    assert ColorTransform.of_payload(fixed, payload) == colors
    assert ColorTransform.of_payload(fixed, payload[:1]) == ColorTransform(fixed, (angles[0], 0, 0))


@pytest.mark.parametrize("fixed", [NEUTRAL, OPPONENT])
def test_gray_pictures_have_no_chroma(photograph, fixed):
    gray = np.repeat(np.asarray(photograph.convert("L"))[:, :, None], 3, 2)
    planes = planes_of(gray, ColorTransform(fixed).forward)
    assert np.abs(planes[1:]).max() < 1e-3
    assert best_transform(gray, fixed) == ColorTransform(fixed)


@pytest.mark.parametrize("fixed", [NEUTRAL, OPPONENT])
def test_turns_keep_squared_errors_of_the_fixed_basis(photograph, fixed):
    picture = np.asarray(photograph)
    fixed_planes = planes_of(picture, ColorTransform(fixed).forward)
    turned = best_transform(picture, fixed)
    assert np.square(planes_of(picture, turned.forward)).sum() == pytest.approx(np.square(fixed_planes).sum(), rel=1e-5)


def test_pictures_are_padded_with_their_edges():
    picture = np.random.default_rng(1).integers(0, 256, (5, 40, 3), np.uint8)
    padded = np.pad(picture, ((0, 27), (0, 24), (0, 0)), "edge")
    forward = ColorTransform().forward
    assert np.array_equal(planes_of(picture, forward), planes_of(padded, forward))
