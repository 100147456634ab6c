"""The quantiser of photographs: its step, and how it grows with frequency.

The step of a coefficient is that of the picture's gain, times the weight of its plane, times a factor that grows with
frequency, times the factor of its area's offset. Eyes see errors less in chroma and at high frequencies, and where the picture
is busy.
"""

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rlcodec.presets.photo.colors import NEUTRAL, OPPONENT
from rlcodec.presets.photo.transform import AREA, OFFSET_LIMIT, PARTS, WAVES

GAINS_PER_OCTAVE = 48
"""The quantiser's step doubles with every so many gains: files of neighbouring gains differ by less than 2%."""
FINEST_STEP = 0.75
GAINS = 512
"""Number of gains, the indices of quantiser steps."""
OFFSETS_PER_OCTAVE = 8
"""The step doubles with every so many offsets of an area."""
RELATIVE_STEPS = np.exp2(np.arange(-OFFSET_LIMIT, OFFSET_LIMIT + 1) / OFFSETS_PER_OCTAVE).astype(np.float32)
"""Factor of the step by offset, float32 (2 * OFFSET_LIMIT + 1,)."""
SHAPES, FULL_SHAPE = 8, 4
"""Number of levels of the growth with frequency, and the level at which it is that of GROWTHS; 0 is none."""
CHROMA_FACTORS = (1.0, 1.25, 1.6, 2.0)
"""Factor of the steps of both planes of chroma, by level."""
CONSTANT_FINENESS = 1.5
"""Constant coefficients are not quantised dependently; their step is finer by this."""
MIDDLE_OCTAVE = 3.75
"""Binary logarithm of the step at which the growth is that of GROWTHS."""
LARGEST_DIFFERENCE = 32_000
"""Constant coefficients may differ by so many steps: the code of magnitudes ends at 32,781."""
LAPPED_SUM = AREA * 1.17
"""The largest constant coefficient of a block, in the largest pixel: the filters before weigh it with both signs."""
CONSTANT_OF_AREA = PARTS[-1].start
"""Index of the constant coefficient of the largest blocks."""
EVEN_OCTAVE = 1.0
"""Binary logarithm of the step below which the growth fades, since differences that nobody sees are only in the last bits."""


class Growth(NamedTuple):
    """How the step grows with the wave number w, from 0 to 1, in a fixed basis of colours.

    A plane's step is multiplied by `chroma * (1 + rise * w**power) * (1 - fineness * exp(-w / reach))`; the rise changes by
    2**slope with every octave of the step, and fades below EVEN_OCTAVE.

    Attributes:
        rise: by plane.
        power: by plane.
        chroma: by plane.
        fineness: of the lowest frequencies.
        reach: of the lowest frequencies.
        slope: see above.
    """

    rise: tuple[float, float, float]
    power: tuple[float, float, float]
    chroma: tuple[float, float, float]
    fineness: float
    reach: float
    slope: float


GROWTHS = {
    NEUTRAL: Growth((4.05, 4.5, 4.5), (1.25, 1.0, 1.0), (1.0, 1.0, 1.0), 0.22, 0.05, -0.2),
    OPPONENT: Growth((5.47, 4.5, 4.5), (1.0, 1.0, 1.0), (1.0, 1.15, 1.0), 0.24, 0.083, -0.15),
}
"""The growth by fixed basis of colours: the first was tuned for MS-SSIM, the second for SSIMULACRA2, on training pictures."""


def step_of(gain: float) -> float:
    """Quantiser step of a gain."""
    return FINEST_STEP * 2.0 ** (gain / GAINS_PER_OCTAVE)


@dataclass(frozen=True)
class Quantiser:
    """What the header says about the steps of a picture.

    Attributes:
        gain: index of the step, 0 the finest.
        fixed: index of the fixed basis of colours.
        shape: level of the growth with frequency, below SHAPES.
        chroma: level of the steps of chroma, an index of CHROMA_FACTORS.
    """

    gain: int
    fixed: int = NEUTRAL
    shape: int = 0
    chroma: int = 0

    @functools.cached_property
    def growth(self) -> np.ndarray:
        """Factor of the step by plane and frequency, float32 (3, FREQUENCIES)."""
        return _growth(self.gain, self.fixed, self.shape, self.chroma)

    @functools.cached_property
    def scales(self) -> np.ndarray:
        """The step of every frequency in areas without an offset, float32 (3, FREQUENCIES)."""
        return self.growth * np.float32(step_of(self.gain))

    def least_offset(self, planes: np.ndarray) -> int:
        """The least offset of an area at which its constant coefficients can be coded, whatever the areas around are.

        Args:
            planes: float32 (3, rows, columns), of a strip.
        """
        lowest, highest = np.minimum(planes.min((1, 2)), 0), np.maximum(planes.max((1, 2)), 0)  # the first is expected to be 0
        largest = (highest - lowest) * LAPPED_SUM
        finest = float((largest / self.scales[:, CONSTANT_OF_AREA]).max()) / LARGEST_DIFFERENCE
        return max(int(np.ceil(np.log2(max(finest, 1e-9)) * OFFSETS_PER_OCTAVE)), -OFFSET_LIMIT)


def _growth(gain: int, fixed: int, shape: int, chroma: int) -> np.ndarray:
    rule, level = GROWTHS[fixed], shape / FULL_SHAPE
    waves = WAVES * (16 / 15)  # 1 at the highest frequency of a block of 16
    octave = float(np.log2(step_of(gain)))
    change = 2.0 ** (rule.slope * (octave - MIDDLE_OCTAVE) + min(octave - EVEN_OCTAVE, 0.0))
    finer = 1 - min(level, 1.0) * rule.fineness * np.exp(-waves / rule.reach)
    planes = [
        weight ** min(level, 1.0) * (1 + level * rise * change * waves**power) * finer
        for rise, power, weight in zip(rule.rise, rule.power, rule.chroma, strict=True)
    ]
    factors = np.array([1.0, CHROMA_FACTORS[chroma], CHROMA_FACTORS[chroma]])[:, None]
    return (np.stack(planes) * factors * np.where(WAVES == 0, 1 / CONSTANT_FINENESS, 1)).astype(np.float32)
