"""The colour transform of photographs: a fixed basis for the kind of distortion, turned as suits the picture.

Turning the axes keeps squared errors in the fixed basis as they are, and leaves less in chroma where a picture's colours lie
along a line.
"""

import functools
from dataclasses import dataclass
from typing import Self

import numpy as np

from rlcodec.presets.photo.transform import PLANES, planes_of, to_coefficients

ANGLES = 3
ANGLE_UNIT = np.pi / 256
"""Angles of a turn are from -128 to 127 in this unit, in radians."""
TURNED = ((0, 1), (0, 2), (1, 2))
"""The planes that each angle turns, in this order."""
NEUTRAL, OPPONENT = 0, 1
_DCT = np.array([[1, 1, 1], [1.5**0.5, 0, -(1.5**0.5)], [0.5**0.5, -(2**0.5), 0.5**0.5]]) / 3**0.5
_SEEN = np.array([[0.26, 0.96, 0.03], [-0.285, 0.26, 0.025], [-0.03, 0.41, -0.38]])
FIXED = (_DCT, _SEEN)
"""The fixed bases: an orthonormal one, whose squared errors are those of red, green and blue; and one whose squared errors are
nearer to what SSIMULACRA2 sees: luma almost without blue, green against red, and green against blue."""
SAMPLED_BLOCKS, SAMPLED_SIDE, SAMPLED_FREQUENCIES = 64, 16, slice(1, 100)
TYPICAL_STEP = 20.0
"""Coefficients much smaller than this cost nothing; see `best_angles`."""


@dataclass(frozen=True)
class ColorTransform:
    """A colour transform.

    Attributes:
        fixed: index of the fixed basis.
        angles: by which it is turned, in ANGLE_UNIT.
    """

    fixed: int = NEUTRAL
    angles: tuple[int, ...] = (0,) * ANGLES

    @functools.cached_property
    def forward(self) -> np.ndarray:
        """From red, green and blue to the planes, float32 (3, 3)."""
        return np.ascontiguousarray(self._turn() @ FIXED[self.fixed], np.float32)

    @functools.cached_property
    def inverse(self) -> np.ndarray:
        """From the planes to red, green and blue, transposed: float32 (3, 3), a row for each plane."""
        return np.ascontiguousarray(np.linalg.inv(self._turn() @ FIXED[self.fixed]).T, np.float32)

    def turn_bytes(self) -> bytes:
        """The angles as a stream holds them: a byte each, in two's complement."""
        return np.array(self.angles, np.int8).tobytes()

    @classmethod
    def of_payload(cls, fixed: int, payload: np.ndarray) -> Self:
        """The colour transform of a stream; angles that are missing are 0.

        Args:
            fixed: index of the fixed basis.
            payload: uint8, of the stream.
        """
        angles = payload[:ANGLES].astype(np.int8).tolist()
        return cls(fixed, (*angles, *[0] * (ANGLES - len(angles))))

    def _turn(self) -> np.ndarray:
        turn = np.eye(PLANES)
        for (i, j), angle in zip(TURNED, self.angles, strict=True):
            turn = _givens(i, j, angle) @ turn
        return turn


def _givens(i: int, j: int, angle: int) -> np.ndarray:
    """A turn of two planes by an angle in ANGLE_UNIT, float64 (3, 3)."""
    turn = np.eye(PLANES)
    turn[i, i] = turn[j, j] = np.cos(angle * ANGLE_UNIT)
    turn[j, i] = np.sin(angle * ANGLE_UNIT)
    turn[i, j] = -turn[j, i]
    return turn


def best_transform(picture: np.ndarray, fixed: int) -> ColorTransform:
    """The colour transform that leaves the least to code, by a coordinate search over the angles.

    What is to code is estimated as the sum of log2(1 + 4 (c / TYPICAL_STEP)**2) over coefficients c of some blocks.

    Args:
        picture: uint8 (height, width, 3).
        fixed: index of the fixed basis.
    """
    samples = _sampled_coefficients(picture, fixed)

    def cost(angles: tuple[int, ...]) -> float:
        turned = ColorTransform(fixed, angles)._turn().astype(np.float32) @ samples
        return float(np.log2(1 + np.square(turned)).sum())

    angles = (0,) * ANGLES
    least = cost(angles)
    for step in (16, 8, 4, 2):
        improved = True
        while improved:
            improved = False
            for at in range(ANGLES):
                for change in (-step, step):
                    trial = (*angles[:at], angles[at] + change, *angles[at + 1 :])
                    if abs(trial[at]) < 128 and (value := cost(trial)) < least:
                        angles, least, improved = trial, value, True
    return ColorTransform(fixed, angles)


def _sampled_coefficients(picture: np.ndarray, fixed: int) -> np.ndarray:
    """Coefficients of blocks all over a picture, in units of TYPICAL_STEP / 2, float32 (3, n)."""
    rows, columns = (max(length // SAMPLED_SIDE, 1) for length in picture.shape[:2])
    count = min(SAMPLED_BLOCKS, rows * columns)
    places = np.arange(count) * (rows * columns) // count
    blocks = [
        picture[row * SAMPLED_SIDE : (row + 1) * SAMPLED_SIDE, column * SAMPLED_SIDE : (column + 1) * SAMPLED_SIDE]
        for row, column in zip(places // columns, places % columns, strict=True)
    ]
    shown = np.stack(
        [np.pad(b, ((0, SAMPLED_SIDE - b.shape[0]), (0, SAMPLED_SIDE - b.shape[1]), (0, 0)), "edge") for b in blocks]
    )
    side = SAMPLED_SIDE * 2
    sheet = shown if len(shown) % 2 == 0 else np.concatenate([shown, shown[-1:]])
    sheet = sheet.reshape(-1, 2, SAMPLED_SIDE, SAMPLED_SIDE, PLANES).swapaxes(1, 2).reshape(-1, side, PLANES)
    coefficients = to_coefficients(planes_of(sheet, ColorTransform(fixed).forward), SAMPLED_SIDE)
    return coefficients.reshape(PLANES, -1, SAMPLED_SIDE**2)[:, :, SAMPLED_FREQUENCIES].reshape(PLANES, -1) * np.float32(
        2 / TYPICAL_STEP
    )
