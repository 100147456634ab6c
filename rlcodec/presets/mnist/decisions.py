"""The decisions about an image of preset `mnist`: actions, what naming them costs in bits, and the fields of the observation.

An episode begins with the choice of a bit budget: action 0, 1, ... is an index into `BUDGET_SLICES`. Every later action is
about the next segment: `STOP_ACTION`, or `FIRST_TIER_ACTION` plus a tier. Segments are the latent slices that the budget keeps,
then the rows of pixels.
"""

import functools

import numpy as np

from rlcodec.control.decision_process import Layout, ProcessSpec
from rlcodec.control.observation import advice_layout
from rlcodec.core.segment_choice import CONTEXT, LM, STOP, TIERS
from rlcodec.presets.mnist._decisions import FIRST_ROW, FIRST_TIER_ACTION, STOP_ACTION
from rlcodec.presets.mnist.format import MNIST
from rlcodec.presets.mnist.measurements import STATISTICS
from rlcodec.presets.mnist.objectives import RATE_RANGE
from rlcodec.presets.mnist.segments import BUDGET_SLICES

BUDGETS = len(BUDGET_SLICES)
ACTIONS = max(BUDGETS, FIRST_TIER_ACTION + len(TIERS))

NETWORK_TIERS = (CONTEXT, LM)
"""Tiers that run a network on pixels."""
KMAC_SCALES = (20.0, 400.0)
"""The observation divides kMAC per symbol by these, under each of the network tiers."""

LAYOUT: Layout = (
    *advice_layout(ACTIONS),
    ("phase", 3, "one-hot: budget, latent, pixels"),
    ("progress", 2, "latent slices coded, as a fraction of those kept; rows coded, as a fraction of all"),
    ("budget", 1, "latent slices kept, as a fraction of all"),
    ("tier", len(TIERS), "tier of the previous segment, one-hot: " + ", ".join(TIERS)),
    ("rate", 1, "bits per pixel spent so far"),
    ("compute", 1, "decoder kMAC per pixel spent so far, / 10"),
    (
        "quality",
        1,
        "dB if the episode stopped now, / 50: of MS-SSIM if that is the kind of distortion, else PSNR; predicted unless the "
        "encoder has synthesised the picture",
    ),
    (
        "next",
        len(TIERS) + len(NETWORK_TIERS),
        "next segment: bits per symbol under each tier (lm, and rows after latents, are predicted); kMAC per symbol / 20 under "
        "context and / 400 under lm",
    ),
    ("rest", len(TIERS), "bits per pixel of all remaining segments under each tier"),
    ("image", len(STATISTICS), "statistics of the image: " + ", ".join(STATISTICS) + " / 10"),
)
"""Fields of the observation. A policy file holds their names and lengths."""
OBSERVATION_SIZE = sum(length for _, length, _ in LAYOUT)


@functools.lru_cache
def process_spec(digest: str) -> ProcessSpec:
    """What a policy must agree with to decide for the weights of a digest."""
    actions = {"first": [f"keep {slices} latent slices" for slices in BUDGET_SLICES], "later": ["stop", *TIERS]}
    return ProcessSpec(MNIST.name, digest, LAYOUT, actions, RATE_RANGE)


def segment_class(position: np.ndarray | int, slices: np.ndarray | int) -> np.ndarray:
    """The segment class at a position in the stream.

    Args:
        position: segments before it.
        slices: latent slices that the bit budget keeps, of the same shape as `position`.
    """
    return np.sign(np.subtract(position, slices)) + FIRST_ROW


def choice_of(action: int) -> int:
    """The encoder's choice, STOP or a tier, that an action about a segment means."""
    return STOP if action == STOP_ACTION else action - FIRST_TIER_ACTION


def action_of(choice: int) -> int:
    """Inverse of `choice_of`."""
    return STOP_ACTION if choice == STOP else FIRST_TIER_ACTION + choice
