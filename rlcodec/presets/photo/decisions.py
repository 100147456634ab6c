"""What is decided about a photograph: the choices, what they are called, what is observed, and the named objectives.

An episode is one picture under one objective. The first action chooses the gain of the quantiser. The encoder then codes the
picture at that gain; it knows what every slice costs and the squared error of the coefficients. The next actions stop or go on
after some of the slices. The last action chooses the synthesis, whose result the encoder predicts without rendering it.
`rlcodec.presets.photo.process` runs episodes.
"""

from rlcodec.control.objective import Objective
from rlcodec.control.observation import advice_layout
from rlcodec.presets.photo.coefficient_coder import SLICE_COUNT
from rlcodec.presets.photo.repair import WIDTHS

GAIN_CHOICES = tuple(range(0, 48, 3))
"""Gains that the first action chooses among. Two of them lie 1.5 dB apart; gains between them would save 0.01 dB."""
STOPS = (3, 4, SLICE_COUNT)
"""Numbers of slices that a stream may end after."""
SETTINGS, ENDINGS = len(GAIN_CHOICES), WIDTHS
"""Number of gains; syntheses that the last action chooses among."""
ACTIONS = max(SETTINGS, len(ENDINGS))
STOP_ACTION, GO_ACTION = 0, 1
GAIN_PHASE, SLICE_PHASE, SYNTHESIS_PHASE = range(3)
ACTION_COUNTS = (SETTINGS, 2, len(ENDINGS))
"""Legal actions in each phase: the first so many."""

RATE_RANGE = {"mse": (0.2, 2.9), "psnr": (0.4, 1.6), "ms-ssim": (0.5, 1.5)}
"""log10 of lambda_rate that policies for photographs are trained for, by kind of distortion."""
OBJECTIVES = {
    "small": Objective("psnr", 20.0, 0.01),
    "balanced": Objective("psnr", 8.0, 0.008),
    "fast": Objective("psnr", 8.0, 0.4),
}
"""The named objectives."""

LAYOUT = (
    *advice_layout(ACTIONS),
    ("phase", 3, "one-hot: gain, slices, synthesis"),
    ("setting", 1, "index of the chosen gain, divided by the number of gains; 0 before"),
    ("slices", 1, "stops passed, divided by the number of stops"),
    ("rate", 1, "bits per pixel spent, log2 of 1 more; 0 before"),
    ("compute", 1, "decoder kMAC per pixel spent, / 10"),
    ("quality", 2, "PSNR and MS-SSIM in dB predicted for stopping now without repair, / 50 and / 30; 0 before"),
    ("surprise", 2, "log2 of the rate over the predicted rate, and PSNR above the predicted without repair, / 2; 0 before"),
    ("rates", SETTINGS, "predicted bits per pixel of each gain, log2, / 5"),
    ("qualities", SETTINGS, "predicted PSNR of each gain without repair, / 50"),
)
"""The fields of the observation in order: name, length, and unit and scale."""
ACTION_NAMES = {
    "first": [f"gain {gain}" for gain in GAIN_CHOICES],
    "later": ["stop", "go on"],
    "stops": [f"after {slices} slices" for slices in STOPS],
    "last": [f"synthesis {ending}" for ending in ENDINGS],
}
