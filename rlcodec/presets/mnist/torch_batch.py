"""Tier `lm` for many images at once, with its network in torch: the same bytes and pixels as the kernel's, on any device.

Everything but the network stays in the compiled loops. An encoder gets the logits of all tokens of its source beforehand. A
decoder gets one after another: it runs until it needs the next logit, asks for it, and continues when all decoders of its batch
have asked and the network has answered them in one step.

Of the runtime, only this module and `rlcodec.presets.mnist.bilevel.torch_transformer` need torch; they are imported if a device
is asked for.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from rlcodec.core.container import Stream
from rlcodec.core.segment_choice import LM
from rlcodec.errors import OptionError
from rlcodec.presets.base import Encoded
from rlcodec.presets.mnist.bilevel.coder import source_of
from rlcodec.presets.mnist.bilevel.tokens import source_contexts
from rlcodec.presets.mnist.bilevel.torch_transformer import Cache, IntegerTransformer
from rlcodec.presets.mnist.bilevel.transformer import (
    ASKED,
    ASKED_INPUTS,
    ASKED_ROWS,
    INK,
    LM_COLUMNS_ASIDE,
    LM_INPUTS,
    LM_ROWS_ABOVE,
    OUTCOME,
    WAITS,
    answer,
    asking_cache,
    cache_of_logits,
)
from rlcodec.presets.mnist.encoder import constant_choices, finish_encoder, start_encoder
from rlcodec.presets.mnist.rows import code_rows
from rlcodec.presets.mnist.session import Session, start_session
from rlcodec.presets.mnist.weights import MnistWeights

ENCODED_AT_ONCE, DECODED_AT_ONCE = 32, 256
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
            [source for source in sources if source], weights.source_tables.near, LM_ROWS_ABOVE, LM_COLUMNS_ASIDE
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
    decoders = []
    for session in sessions:
        session.run(np.zeros(len(session.segments) - len(session.image), np.int64))
        if not session.done:
            decoders.append(_Decoder(session))
    if not decoders:
        return
    asked = np.zeros((len(decoders), ASKED), np.int64)
    for decoder, question in zip(decoders, asked, strict=True):
        question[:] = decoder.next_question()
    # The decoder that each source of the cache belongs to.
    slots = np.nonzero(asked[:, WAITS])[0]
    cache = Cache(transformer, len(slots))
    while asked[:, WAITS].any():
        still = asked[slots, WAITS] > 0
        if still.mean() < CROWDED:
            cache.keep(torch.from_numpy(np.nonzero(still)[0]).to(transformer.device))
            slots = slots[still]
        for slot, index in zip(slots.tolist(), _answers(transformer, cache, asked[slots]).tolist(), strict=True):
            if asked[slot, WAITS]:
                asked[slot] = decoders[slot].next_question(index)


class _Decoder:
    """Decodes the rows of a session until it asks for the next token or the stream ends."""

    def __init__(self, session: Session):
        self._session = session
        self._cache = session.cache = asking_cache()
        self._rows = session.start_rows()

    def next_question(self, index: int | None = None) -> np.ndarray:
        """What it asks next, int64 (ASKED,), see `rlcodec.presets.mnist.bilevel.transformer.KvCache`.

        Args:
            index: the answer to the question before, as an index into the table of the sigmoid; None at first.
        """
        session = self._session
        if index is not None:
            answer(self._cache, index)
        choices, spent, macs = np.zeros((3, session.image.shape[0] - session.rows_done), np.int64)
        _, session.rows_done, session.pixels_of_next_row = code_rows(
            session.coder, self._rows, session.image, session.rows_done, session.slices_touched, choices, spent, macs
        )
        return np.asarray(self._cache.asked)


def _answers(transformer: IntegerTransformer, cache: Cache, asked: np.ndarray) -> np.ndarray:
    inputs = np.zeros((len(asked), LM_INPUTS + 1), np.uint8)
    ink = np.arange(LM_INPUTS)[None] < asked[:, INK, None]
    np.put_along_axis(inputs, np.where(ink, asked[:, ASKED_INPUTS:], LM_INPUTS), 1, 1)
    rows, outcomes = asked[:, ASKED_ROWS:ASKED_INPUTS], asked[:, OUTCOME]
    arrays = (np.ascontiguousarray(array) for array in (inputs[:, :LM_INPUTS], rows, outcomes))
    tensors = (torch.from_numpy(array).to(transformer.device) for array in arrays)
    return transformer.step(cache, *tensors).cpu().numpy()
