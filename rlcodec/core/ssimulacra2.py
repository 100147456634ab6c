"""SSIMULACRA 2, a perceptual score of a picture against its original (Sneyers, "SSIMULACRA 2", Cloudinary, 2022).

The score follows the opinions of viewers: 100 is equal, 90 is visually lossless, 70 is high quality, 50 medium, and 10 or less
very low; it has no lower bound. Both pictures are taken as sRGB and compared in the opponent colours X, Y and B - Y of the
space XYB of JPEG XL, at six scales: each is the 2x2 mean, in linear light, of the finer one. For each colour and scale there
are three maps of errors: loss of structural similarity, edges that only the candidate has, and edges that it has lost. The mean
and the fourth root of the mean of fourth powers of each map, 108 numbers, are summed up by weights that were fitted to opinions
(those of April 2023).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rlcodec.core._ssimulacra2 import blur, error_norms, halve_planes, linear_planes, xyb_planes
from rlcodec.errors import OptionError

LEAST_SIDE = 8
"""Smaller pictures are extended."""
SCALES = 6
CONTRAST_CONSTANT = 0.0009
SRGB_SAMPLES = np.arange(256) / 255
LINEAR_LIGHT = np.where(SRGB_SAMPLES <= 0.04045, SRGB_SAMPLES / 12.92, ((SRGB_SAMPLES + 0.055) / 1.055) ** 2.4).astype(
    np.float32
)
"""Linear light of each value of a sample."""
ABSORBANCE = np.array(
    [
        [0.30, 0.622, 0.078],
        [0.23, 0.692, 0.078],
        [0.24342268924547819, 0.20476744424496821, 0.55180986650955360],
    ],
    np.float32,
)
"""Weights of red, green and blue light for the long, middle and short cones."""
ABSORBANCE_BIAS = 0.0037930732552754493
TAPS = np.round(np.exp(-np.square(np.arange(6) / 1.5) / 2), 12)
WEIGHTS = np.array(
    [
        # X
        [0, 0.0007376606707406586, 0, 0, 0.0007793481682867309, 0],
        [0, 0.0004371155730107379, 0, 1.1041726426657346, 0.00066284834129271, 0.00015231632783718752],
        [0, 0.0016406437456599754, 0, 1.8422455520539298, 11.441172603757666, 0],
        [0.0007989109436015163, 0.000176816438078653, 0, 1.8787594979546387, 10.94906990605142, 0],
        [0.0007289346991508072, 0.9677937080626833, 0, 0.00014003424285435884, 0.9981766977854967, 0.00031949755934435053],
        [0.0004550992113792063, 0, 0, 0.0013648766163243398, 0, 0],
        # Y
        [0, 0, 0, 7.466890328078848, 0, 17.445833984131262],
        [0.0006235601634041466, 0, 0, 6.683678146179332, 0.00037724407979611296, 1.027889937768264],
        [225.20515300849274, 0, 0, 19.213238186143016, 0.0011401524586618361, 0.001237755635509985],
        [176.39317598450694, 0, 0, 24.43300999870476, 0.28520802612117757, 0.0004485436923833408],
        [0, 0, 0, 34.77906344483772, 44.835625328877896, 0],
        [0, 0, 0, 0, 0, 0],
        # B - Y
        [0, 0.0008680556573291698, 0, 0, 0, 0],
        [0, 0.0005313191874358747, 0, 0.00016533814161379112, 0, 0],
        [0, 0, 0, 0.0004179171803251336, 0.0017290828234722833, 0],
        [0.0020827005846636437, 0, 0, 8.826982764996862, 23.19243343998926, 0],
        [
            95.1080498811086,
            0.9863978034400682,
            0.9834382792465353,
            0.0012286405048278493,
            171.2667255897307,
            0.9807858872435379,
        ],
        [0, 0, 0, 0.0005130064588990679, 0, 0.00010854057858411537],
    ]
)
"""A row for each colour and scale, from fine to coarse: weights of the means of the three maps, then of their fourth roots."""
SUM_SCALE, SUM_POWERS = 0.9562382616834844, (2.326765642916932, -0.020884521182843837, 6.248496625763138e-05)
"""The weighted sum is scaled, and goes through a polynomial without a constant."""
SCORE_SCALE, SCORE_EXPONENT = 10.0, 0.6276336467831387


@dataclass(frozen=True)
class Variant:
    """What implementations of the score differ in.

    Attributes:
        window: float32 (6,), taps of the blur, of deviation 1.5, from the middle on.
        mirrored: whether the blur continues columns mirrored; else by zeros. Rows are continued by zeros.
        least_side: there is a coarser scale if no side is shorter.
    """

    window: np.ndarray
    mirrored: bool
    least_side: int


PACKAGE = Variant(np.array(TAPS / (2 * TAPS.sum() - TAPS[0]), np.float32), mirrored=True, least_side=15)
"""As the package `ssimulacra2` of PyPI computes."""
LIBJXL = Variant(
    np.array(
        [0.2646211054881985, 0.2129285920104222, 0.1093353727774603, 0.0360111146583644, 0.00941436780965374, 0], np.float32
    ),
    mirrored=False,
    least_side=8,
)
"""As the tool of libjxl computes. The taps are what its recursive filter comes to (Charalampidis, 2016): cosines of frequencies
1, 3 and 5 over a window of ten, of variance 2.25."""


@dataclass(frozen=True)
class _Plane:
    """A colour of the original at a scale, float32 (height, width) each, and what it weighs."""

    values: np.ndarray
    mean: np.ndarray
    square: np.ndarray | None
    weights: np.ndarray


class Ssimulacra2:
    """SSIMULACRA 2 of many candidates against one original, which is prepared once.

    >>> import numpy as np
    >>> original = np.full((64, 64, 3), 100, np.uint8)
    >>> scorer = Ssimulacra2(original)
    >>> scorer.score(original)
    100.0

    Pictures of fewer than 225 pixels in a direction (LIBJXL: 113) have fewer scales. The weights are then taken in order, as in
    the definition: those of the first colours and scales of the table, not those of the scale itself. A picture of fewer than 8
    pixels in a direction, for which there is no definition, is extended to 8 by repeating its last row or column.

    Implementations differ in the blur, and in the size at which there is no coarser scale. The default is what the package
    `ssimulacra2` of PyPI does. The tool of libjxl continues pictures by zeros on all sides, which hides errors near borders:
    its scores are higher, for photographs of 512x512 by 0.1 near 85, 0.5 near 70 and 1.2 near 50.

    Args:
        original: uint8 (height, width) or (height, width, channels), of one channel (gray) or three (sRGB).
        variant: PACKAGE or LIBJXL.

    Raises:
        OptionError: the picture is no such array.
    """

    def __init__(self, original: np.ndarray, variant: Variant = PACKAGE) -> None:
        self._shape, self._variant = original.shape, variant
        samples = _samples(original)
        sizes = _sizes(samples.shape[0], samples.shape[1], variant.least_side)
        self._buffers = [_Buffers(sizes)]
        weights = WEIGHTS[: 3 * len(sizes)].reshape(3, len(sizes), -1)
        self._scales = [
            [_prepared(values, weights[colour, scale], variant) for colour, values in enumerate(xyb)]
            for scale, xyb in enumerate(self._buffers[0].scales(samples))
        ]

    def score(self, candidate: np.ndarray) -> float:
        """SSIMULACRA 2 of a candidate, a picture of the original's shape: 100 if they are equal, else less.

        Raises:
            OptionError: it is no such picture.
        """
        if candidate.shape != self._shape:
            raise OptionError(f"SSIMULACRA 2 takes two pictures of one shape; these have {self._shape} and {candidate.shape}")
        samples = _samples(candidate)
        try:
            buffers = self._buffers.pop()  # each thread uses its own
        except IndexError:
            buffers = _Buffers(_sizes(samples.shape[0], samples.shape[1], self._variant.least_side))
        losses = [
            self._loss(plane, values)
            for planes, xyb in zip(self._scales, buffers.scales(samples), strict=True)
            for plane, values in zip(planes, xyb, strict=True)
            if plane is not None
        ]
        self._buffers.append(buffers)
        total = SUM_SCALE * sum(losses)
        total = sum(factor * total**power for power, factor in enumerate(SUM_POWERS, 1))
        return 100 - SCORE_SCALE * total**SCORE_EXPONENT if total > 0 else 100.0

    def _loss(self, plane: "_Plane", values: np.ndarray) -> float:
        """The weighted sum of the errors of one colour at one scale."""
        window, mirrored = self._variant.window, self._variant.mirrored
        norms = error_norms(plane.values, plane.mean, plane.square, values, window, mirrored, CONTRAST_CONSTANT)
        return sum((plane.weights * norms.T.ravel()).tolist())


def ssimulacra2(first: np.ndarray, second: np.ndarray, variant: Variant = PACKAGE) -> float:
    """SSIMULACRA 2 of a picture, `second`, against its original, `first`; `Ssimulacra2` has details.

    Args:
        first: uint8 (height, width) or (height, width, channels), of one channel (gray) or three (sRGB).
        second: of the same shape.
        variant: PACKAGE or LIBJXL.

    Raises:
        OptionError: the pictures are no such arrays, or differ in shape.
    """
    return Ssimulacra2(first, variant).score(second)


def _prepared(values: np.ndarray, weights: np.ndarray, variant: Variant) -> _Plane | None:
    """A colour of the original at a scale; None if it weighs nothing."""
    if not weights.any():
        return None
    square = blur(values, variant.window, variant.mirrored, True) if weights[0] or weights[3] else None
    return _Plane(values.copy(), blur(values, variant.window, variant.mirrored, False), square, weights)


def _samples(picture: np.ndarray) -> np.ndarray:
    """The samples of a picture, uint8 (height, width, 3), extended if it is small; raises OptionError if it is no picture."""
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or not picture.size or picture.shape[2:] not in ((), (1,), (3,)):
        raise OptionError(f"SSIMULACRA 2 takes uint8 pictures, gray or RGB; this is {picture.dtype} of shape {picture.shape}")
    samples = picture.reshape(*picture.shape[:2], -1)
    height, width = (max(LEAST_SIDE - side, 0) for side in samples.shape[:2])
    if height or width:
        samples = np.pad(samples, ((0, height), (0, width), (0, 0)), "edge")
    return np.ascontiguousarray(np.broadcast_to(samples, (*samples.shape[:2], 3)))


def _sizes(height: int, width: int, least_side: int) -> list[tuple[int, int]]:
    """Height and width of each scale, from the finest on."""
    sizes = [(height, width)]
    while len(sizes) < SCALES and min(sizes[-1]) >= least_side:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


class _Buffers:
    """Planes of one picture after another, so that no memory is claimed for each.

    Args:
        sizes: height and width of each scale.
    """

    def __init__(self, sizes: list[tuple[int, int]]) -> None:
        self._light = [np.empty((3, *size), np.float32) for size in sizes]
        self._xyb = [np.empty((3, *size), np.float32) for size in sizes]

    def scales(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        """X, Y and B - Y of samples, uint8 (height, width, 3), float32 (3, height, width), from the finest scale on."""
        linear_planes(samples, LINEAR_LIGHT, self._light[0])
        for scale, (light, xyb) in enumerate(zip(self._light, self._xyb, strict=True)):
            if scale:
                halve_planes(self._light[scale - 1], light)
            xyb_planes(light, ABSORBANCE, ABSORBANCE_BIAS, math.cbrt(ABSORBANCE_BIAS), xyb)
            yield xyb
