"""What is decided about a photograph: the choices, what they are called, what is observed, and the named objectives.

An episode is one picture under one objective, whose kind of distortion also says how bits are allocated to frequencies, colours
and areas. The first action chooses the gain of the quantiser. The encoder then codes the picture at that gain; it knows what
every slice costs, and the PSNR of the picture after each stop without repair, which it renders. The next actions stop or go on
after some of the slices. The last action chooses the synthesis, whose result the encoder predicts without rendering it.
`rlcodec.presets.photo.process` runs episodes.
"""

import numpy as np

from rlcodec.control.objective import PERCEPTUAL_KINDS, SSIMULACRA2, Objective
from rlcodec.control.observation import advice_layout
from rlcodec.presets.photo.repair import WIDTHS
from rlcodec.presets.photo.transform import SLICES

KINDS = PERCEPTUAL_KINDS
"""Kinds of distortion of objectives, as observations number them."""
DEFAULT_KIND = SSIMULACRA2
"""Kind of distortion if none is named."""
ALLOCATED_KINDS = ("psnr", "ms-ssim", SSIMULACRA2)
"""A kind of distortion for each allocation of bits."""
ALLOCATION_OF = np.array([ALLOCATED_KINDS.index("psnr" if kind == "mse" else kind) for kind in KINDS])
"""Index of the allocation by kind of distortion, int64 (kinds,)."""
GAIN_CHOICES = tuple(range(30, 382, 22))
"""Gains that the first action chooses among, 11/24 octave apart, with steps from 1.2 to 136."""
STOPS = (3, 4, SLICES)
"""Numbers of slices that a stream may end after."""
SETTINGS, ENDINGS = len(GAIN_CHOICES), WIDTHS
"""Number of gains; syntheses that the last action chooses among."""
ACTIONS = max(SETTINGS, len(ENDINGS))
STOP_ACTION, GO_ACTION = 0, 1
GAIN_PHASE, SLICE_PHASE, SYNTHESIS_PHASE = range(3)
ACTION_COUNTS = (SETTINGS, 2, len(ENDINGS))
"""Legal actions in each phase: the first so many."""

RATE_RANGE = {"mse": (0.2, 2.9), "psnr": (0.4, 1.6), "ms-ssim": (0.5, 1.5), SSIMULACRA2: (0.8, 2.5)}
"""log10 of lambda_rate that policies for photographs are trained for, by kind of distortion."""
LAMBDA_RATES = {
    "mse": {"small": 150.0, "balanced": 20.0},
    "psnr": {"small": 20.0, "balanced": 8.0},
    "ms-ssim": {"small": 16.0, "balanced": 8.0},
    SSIMULACRA2: {"small": 75.0, "balanced": 24.0},
}
"""lambda_rate of the named objectives by kind of distortion."""
OBJECTIVES_OF = {
    kind: {
        "small": Objective(kind, rates["small"], 0.0005 * rates["small"]),
        "balanced": Objective(kind, rates["balanced"], 0.0004 * rates["balanced"]),
        "fast": Objective(kind, rates["balanced"], 0.05 * rates["balanced"]),
    }
    for kind, rates in LAMBDA_RATES.items()
}
"""The named objectives by kind of distortion."""
OBJECTIVES = OBJECTIVES_OF[DEFAULT_KIND]
"""The named objectives of the default kind."""
QUALITY_UNITS = np.array([50.0, 30.0, 100.0])
SURPRISE_UNITS = np.array([2.0, 2.0, 10.0])
"""What quality, and its difference from what was predicted, is divided by in observations: PSNR and MS-SSIM in dB, and
SSIMULACRA2."""

LAYOUT = (
    *advice_layout(ACTIONS, KINDS),
    ("phase", 3, "one-hot: gain, slices, synthesis"),
    ("setting", 1, "index of the chosen gain, divided by the number of gains; 0 before"),
    ("slices", 1, "stops passed, divided by the number of stops"),
    ("rate", 1, "bits per pixel spent, log2 of 1 more; 0 before"),
    ("compute", 1, "decoder kMAC per pixel spent, / 10"),
    ("psnr", 1, "PSNR in dB if stopped now without repair, / 50; 0 before"),
    (
        "quality",
        1,
        "quality predicted for the same, by the kind: dB of PSNR / 50 or of MS-SSIM / 30, SSIMULACRA2 / 100; 0 before",
    ),
    (
        "surprise",
        2,
        "log2 of the rate over the predicted rate; quality above the predicted, dB / 2 or SSIMULACRA2 / 10; 0 before",
    ),
    ("rates", SETTINGS, "predicted bits per pixel of each gain, log2, / 5"),
    ("qualities", SETTINGS, "predicted quality of each gain without repair, in the units of quality"),
)
"""The fields of the observation in order: name, length, and unit and scale."""
ACTION_NAMES = {
    "first": [f"gain {gain}" for gain in GAIN_CHOICES],
    "later": ["stop", "go on"],
    "stops": [f"after {slices} slices" for slices in STOPS],
    "last": [f"synthesis {ending}" for ending in ENDINGS],
}
