"""What every preset offers to the rest of the package."""

import math
from dataclasses import dataclass

import numpy as np

from rlcodec.control.objective import PEAK_SQUARED
from rlcodec.core.segments import CodedSegment


@dataclass(frozen=True)
class Encoded:
    """A finished stream and how it came about.

    Attributes:
        data: the whole stream.
        segments: what each segment cost, the stop mark included.
        bit_budget: binary latents kept.
        picture: what a decoder shows, uint8 (height, width).
        decoder_macs: multiply-accumulates of decoding.
        mse: mean squared error of `picture`, on the scale 0 to 255.
        scan: the rows were coded by way of a scan.
    """

    data: bytes
    segments: tuple[CodedSegment, ...]
    bit_budget: int
    picture: np.ndarray
    decoder_macs: int
    mse: float
    scan: bool

    @property
    def psnr_db(self) -> float:
        """Peak signal-to-noise ratio in dB, infinite when nothing was lost."""
        return 10 * math.log10(PEAK_SQUARED / self.mse) if self.mse else math.inf
