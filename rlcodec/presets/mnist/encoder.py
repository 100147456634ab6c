"""Encoding an image under choices that someone else makes: by hand, by a policy, or replayed from an episode."""

from collections.abc import Callable, Sequence

import numpy as np

from rlcodec.core.container import pack
from rlcodec.core.integer_conv import analyse
from rlcodec.core.range_coder import encoder_state, finish
from rlcodec.core.segment_choice import LATENT_TIERS, PIXELS, STOP
from rlcodec.core.segments import Segment
from rlcodec.errors import MisfitError
from rlcodec.presets.base import Encoded
from rlcodec.presets.mnist.segments import max_bit_budget
from rlcodec.presets.mnist.session import Session
from rlcodec.presets.mnist.weights import Model

SPARE_PAYLOAD_BYTES = 64
MOST_BITS_PER_SYMBOL = 16 * 24
"""No path down a tree is longer than 24 decisions, and no decision costs more than 16 bits."""

Chooser = Callable[[tuple[Segment, ...]], Sequence[int]]
"""Says for every segment, in stream order, STOP or a tier; what follows a stop does not count."""


def start_encoder(model: Model, pixels: np.ndarray, bit_budget: int, latent: np.ndarray | None = None) -> Session:
    """A session that will encode.

    Args:
        model: the preset's model.
        pixels: uint8 (height, width).
        bit_budget: binary latents to keep.
        latent: of the image, when it is known already.

    Raises:
        MisfitError: the budget is more than the image has latents.
    """
    most = max_bit_budget(model, *pixels.shape)
    if not 0 <= bit_budget <= most:
        raise MisfitError(f"bit_budget is {bit_budget}; this image takes 0 to {most}")
    if latent is None:
        latent = analyse(model.analysis, pixels)
    symbols = pixels.size + latent.size
    data = np.zeros(symbols * MOST_BITS_PER_SYMBOL // 8 + SPARE_PAYLOAD_BYTES, np.uint8)
    return Session(model, encoder_state(), data, pixels.copy(), latent.copy(), bit_budget)


def finish_encoder(session: Session) -> Encoded:
    """Ends a session whose choices were all made and packs the stream."""
    model, (height, width) = session.model, session.image.shape
    payload = finish(session.state, session.data)
    picture = session.picture()
    mse = float(np.square(picture.astype(np.int64) - session.image).mean())
    data = pack(model.preset, model.fingerprint, height, width, session.bit_budget, payload)
    return Encoded(data, tuple(session.coded), session.bit_budget, picture, session.macs, mse, session.has_scan)


def encode_with(model: Model, pixels: np.ndarray, bit_budget: int, choose: Chooser) -> Encoded:
    """Encodes under choices made beforehand.

    Args:
        model: the preset's model.
        pixels: uint8 (height, width).
        bit_budget: binary latents to keep.
        choose: given the segments, the choices.
    """
    session = start_encoder(model, pixels, bit_budget)
    session.run(np.array(choose(session.segments), np.int64))
    return finish_encoder(session)


def constant_choices(tier: int, rows: int | None = None) -> Chooser:
    """The same tier for every segment, stopping after `rows` rows of pixels (None: all rows).

    Latents, which have no tier `lm`, take `context` then. What it returns raises MisfitError where there are not so many rows.
    """

    def choose(segments: tuple[Segment, ...]) -> list[int]:
        height = sum(s.kind == PIXELS for s in segments)
        if rows is not None and not 0 <= rows <= height:
            raise MisfitError(f"rows is {rows}; this image has {height}")
        stops = [rows is not None and s.kind == PIXELS and s.index >= rows for s in segments]
        tiers = [tier if s.kind == PIXELS else min(tier, LATENT_TIERS - 1) for s in segments]
        return [STOP if stop else chosen for stop, chosen in zip(stops, tiers, strict=True)]

    return choose
