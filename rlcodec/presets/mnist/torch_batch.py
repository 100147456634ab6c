"""Tier `lm` for many images at once, with its network in torch: the same bytes and pixels as the kernel's, on any device.

Everything but the network stays in the compiled kernels. An encoder gets the logits of all tokens of its source beforehand. A
decoder gets one after another: it runs until it needs the next logit, asks for it, and continues when all decoders of its batch
have asked and the network has answered them in one step.

Of the runtime, only this module and `rlcodec.presets.mnist.bilevel.torch_transformer` need torch; they are imported if a device
is asked for.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numba.typed import List

from rlcodec.core.container import Stream
from rlcodec.core.kernel import array_kernel
from rlcodec.core.range_coder import COSTS
from rlcodec.core.segment_choice import LM
from rlcodec.errors import OptionError
from rlcodec.presets.base import Encoded
from rlcodec.presets.mnist.bilevel.coder import source_of
from rlcodec.presets.mnist.bilevel.tokens import source_contexts
from rlcodec.presets.mnist.bilevel.torch_transformer import INPUTS, Cache, IntegerTransformer
from rlcodec.presets.mnist.bilevel.transformer import (
    ASKED,
    ASKED_INPUTS,
    ASKED_ROWS,
    COLUMNS_ASIDE,
    INK,
    OUTCOME,
    ROWS_ABOVE,
    WAITS,
    answer,
    asking_cache,
    cache_of_logits,
)
from rlcodec.presets.mnist.encoder import constant_choices, finish_encoder, start_encoder
from rlcodec.presets.mnist.rows import code_pixel_rows
from rlcodec.presets.mnist.session import Session, start_session
from rlcodec.presets.mnist.weights import MnistWeights

ENCODED_AT_ONCE, DECODED_AT_ONCE = 32, 256
ROWS_DONE, PIXELS_OF_NEXT_ROW, ENDED = range(3)
CROWDED = 0.75
"""Sources that have ended are dropped from the KV cache if fewer than this share of them continue."""


def transformer_on(weights: MnistWeights, device: str) -> IntegerTransformer:
    """The transformer of some weights on a device, as torch names it.

    Raises:
        OptionError: torch has no such device.
    """
    try:
        return IntegerTransformer(weights.source_lm, torch.device(device))
    except (RuntimeError, AssertionError) as error:
        raise OptionError(f"torch cannot use the device {device!r}") from error


def encode_batch(
    weights: MnistWeights, images: Sequence[np.ndarray], device: str, bit_budget: int = 0, rows: int | None = None
) -> Iterator[Encoded]:
    """Encodes images in tier `lm`.

    Args:
        weights: of the preset.
        images: uint8 (height, width) each.
        device: as torch names it.
        bit_budget: binary latents to keep.
        rows: rows of pixels to send; all if None.

    Raises:
        OptionError: torch has no such device.
    """
    transformer = transformer_on(weights, device)
    for start in range(0, len(images), ENCODED_AT_ONCE):
        part = images[start : start + ENCODED_AT_ONCE]
        sources = [source_of(weights.source_tables, image) for image in part]
        contexts = source_contexts(
            [source for source in sources if source], weights.source_tables.near, ROWS_ABOVE, COLUMNS_ASIDE
        )
        logits = iter(transformer.logits_of(contexts) if contexts else ())
        for image, source in zip(part, sources, strict=True):
            session = start_encoder(weights, image, bit_budget)
            if source:
                session.cache = cache_of_logits(next(logits))
            session.run(np.array(constant_choices(LM, rows)(session.segments)))
            yield finish_encoder(session)


def decode_batch(weights: MnistWeights, streams: Sequence[Stream], device: str) -> Iterator[Session]:
    """Decodes streams to their ends, in whatever tiers they are.

    Sessions are large, so only those of one group of streams exist at a time.

    Args:
        weights: of the preset.
        streams: of the preset.
        device: as torch names it.

    Raises:
        OptionError: torch has no such device.
        StreamError: as `rlcodec.presets.mnist.session.start_session`.
    """
    transformer = transformer_on(weights, device)
    for start in range(0, len(streams), DECODED_AT_ONCE):
        sessions = [start_session(weights, stream) for stream in streams[start : start + DECODED_AT_ONCE]]
        _decode_together(transformer, sessions)
        yield from sessions


def _decode_together(transformer: IntegerTransformer, sessions: Sequence[Session]) -> None:
    going, decoders, places = [], List(), []
    for session in sessions:
        session.cache = asking_cache()
        session.run(np.zeros(len(session.segments) - len(session.image), np.int64))
        if not session.done:
            going.append(session)
            places.append(np.zeros(3, np.int64))
            rows = session.start_rows()
            decoders.append((session.state, session.data, rows, session.image, session.slices_touched, places[-1]))
    if not going:
        return
    asked = np.zeros((len(going), ASKED), np.int64)
    advance(decoders, COSTS, np.zeros(len(going), np.int64), asked)
    # The decoder that each source of the cache belongs to.
    slots = np.nonzero(asked[:, WAITS])[0]
    cache = Cache(transformer, len(slots))
    answers = np.zeros(len(going), np.int64)
    while asked[:, WAITS].any():
        still = asked[slots, WAITS] > 0
        if still.mean() < CROWDED:
            cache.keep(torch.from_numpy(np.nonzero(still)[0]).to(transformer.device))
            slots = slots[still]
        answers[slots] = _answers(transformer, cache, asked[slots])
        advance(decoders, COSTS, answers, asked)
    for session, place in zip(going, places, strict=True):
        session.rows_done, session.pixels_of_next_row = int(place[ROWS_DONE]), int(place[PIXELS_OF_NEXT_ROW])


def _answers(transformer: IntegerTransformer, cache: Cache, asked: np.ndarray) -> np.ndarray:
    inputs = np.zeros((len(asked), INPUTS + 1), np.uint8)
    ink = np.arange(INPUTS)[None] < asked[:, INK, None]
    np.put_along_axis(inputs, np.where(ink, asked[:, ASKED_INPUTS:], INPUTS), 1, 1)
    rows, outcomes = asked[:, ASKED_ROWS:ASKED_INPUTS], asked[:, OUTCOME]
    tensors = (torch.from_numpy(np.ascontiguousarray(a)).to(transformer.device) for a in (inputs[:, :INPUTS], rows, outcomes))
    return transformer.step(cache, *tensors).cpu().numpy()


@array_kernel
def advance(decoders, costs, answers, asked):
    """Decodes every stream until it asks for the next token or ends.

    Args:
        decoders: list of coder state, payload, `RowCoder`, image, latent slices that the bit budget touches, and int64 (3,):
            complete rows, pixels of the next row, and whether the stream has ended.
        costs: `rlcodec.core.range_coder.COSTS`.
        answers: int64 (n,), logits that the decoders wait for, as indices into the table of the sigmoid.
        asked: int64 (n, ASKED), written: what each asks next, see `rlcodec.presets.mnist.bilevel.transformer.KvCache`.
    """
    for n in range(len(decoders)):
        state, data, rows, image, budget, place = decoders[n]
        cache = rows.cache
        if place[ENDED]:
            continue
        if cache.asked[WAITS]:
            answer(cache, answers[n])
        left = image.shape[0] - place[ROWS_DONE]
        choices, spent, macs = np.zeros(left, np.int64), np.empty(left, np.int64), np.empty(left, np.int64)
        _, place[ROWS_DONE], place[PIXELS_OF_NEXT_ROW] = code_pixel_rows(
            state, data, costs, rows, image, place[ROWS_DONE], budget, choices, spent, macs
        )
        asked[n] = cache.asked
        place[ENDED] = 1 - cache.asked[WAITS]
