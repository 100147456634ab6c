"""Encoding an image under decisions that are made elsewhere: by options, by a policy, or replayed from an episode."""

from collections.abc import Callable, Sequence

import numpy as np

from rlcodec.core.container import pack
from rlcodec.core.integer_conv import analyse, latent_shape
from rlcodec.core.range_coder import RangeCoder
from rlcodec.core.segment_choice import LATENT_TIERS, PIXELS, STOP
from rlcodec.core.segments import Segment
from rlcodec.errors import MisfitError
from rlcodec.presets.base import Encoded
from rlcodec.presets.mnist.format import MNIST
from rlcodec.presets.mnist.segments import max_bit_budget
from rlcodec.presets.mnist.session import Session
from rlcodec.presets.mnist.settings import MnistSettings
from rlcodec.presets.mnist.weights import MnistWeights

Chooser = Callable[[tuple[Segment, ...]], Sequence[int]]
"""From all segments, in stream order, to STOP or a tier for each; entries after a stop are ignored."""


def start_encoder(weights: MnistWeights, pixels: np.ndarray, bit_budget: int, latent: np.ndarray | None = None) -> Session:
    """A session that encodes.

    Args:
        weights: of the preset.
        pixels: uint8 (height, width).
        bit_budget: binary latents to keep.
        latent: int8 (slices, rows, columns), of the analysis transform; computed if None and bits of it are kept.

    Raises:
        MisfitError: the budget is negative, or larger than the number of latents of the image.
    """
    most = max_bit_budget(weights, *pixels.shape)
    if not 0 <= bit_budget <= most:
        raise MisfitError(f"bit_budget is {bit_budget}; this image takes 0 to {most}")
    if latent is None and bit_budget:
        latent = analyse(weights.analysis, pixels)
    elif latent is None:
        latent = np.zeros((weights.slices, *latent_shape(*pixels.shape)), np.int8)
    return Session(weights, RangeCoder(), pixels.copy(), latent.copy(), bit_budget)


def finish_encoder(session: Session) -> Encoded:
    """The stream of a session in which all decisions were made."""
    weights, (height, width) = session.weights, session.image.shape
    settings = MnistSettings(session.bit_budget)
    payload = session.coder.finish()
    picture = session.picture()
    return Encoded(
        data=pack(MNIST, weights.fingerprint, height, width, settings.to_number(), payload),
        settings=settings,
        segments=tuple(session.coded),
        bits=sum(segment.bits for segment in session.coded),
        decoder_macs=session.macs,
        original=session.image,
        show=lambda: picture,
    )


def encode_with(
    weights: MnistWeights, pixels: np.ndarray, bit_budget: int, choose: Chooser, search_source: bool = True
) -> Encoded:
    """Encodes an image under choices that are known before it starts.

    Args:
        weights: of the preset.
        pixels: uint8 (height, width).
        bit_budget: binary latents to keep.
        choose: gives the choices for the segments.
        search_source: whether a bilevel source of the image is searched for; otherwise rows are coded pixel by pixel.

    Raises:
        MisfitError: the image has fewer latents, or `choose` raises it.
        OptionError: a segment cannot be coded in the tier that was chosen for it.
    """
    session = start_encoder(weights, pixels, bit_budget)
    session.search_source = search_source
    session.run(np.array(choose(session.segments), np.int64))
    return finish_encoder(session)


def constant_choices(tier: int, rows: int | None = None) -> Chooser:
    """Chooses the same tier for every segment, and stops after some rows of pixels.

    Latent slices, which have no tier `lm`, take `context` in its place.

    Args:
        tier: index into `rlcodec.core.segment_choice.TIERS`.
        rows: rows of pixels to send; all if None.

    Returns:
        A function that raises MisfitError if the image has fewer rows.
    """

    def choose(segments: tuple[Segment, ...]) -> list[int]:
        height = sum(s.kind == PIXELS for s in segments)
        sent = height if rows is None else rows
        if not 0 <= sent <= height:
            raise MisfitError(f"rows is {rows}; this image has {height}")
        return [min(tier, LATENT_TIERS - 1)] * (len(segments) - height) + [tier] * sent + [STOP] * (height - sent)

    return choose
