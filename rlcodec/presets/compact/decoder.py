"""Streams of preset `compact`: the container around a picture's binary latent, channel by channel.

The header's bit budget holds two numbers: `binary latents kept * 2 + gray`.
"""

import functools
from dataclasses import dataclass

import numpy as np
from PIL import Image

from rlcodec.core.binary_latent import code_latent_slices, latent_buffer
from rlcodec.core.container import Stream, pack, unpack
from rlcodec.core.integer_conv import keep_bits
from rlcodec.core.integer_mlp import layers_of
from rlcodec.core.preset_ids import COMPACT, MOST_PIXELS
from rlcodec.core.range_coder import COSTS, EXHAUSTED, decoder_state, encoder_state, finish
from rlcodec.core.segment_choice import CONTEXT, LATENT, LATENT_TIERS, TIERS
from rlcodec.core.segments import CodedSegment, Segment
from rlcodec.core.weights_file import check_fingerprint
from rlcodec.errors import DamagedStreamError, MisfitError, OptionError
from rlcodec.images.color import ColorImage, check_pixels, to_gray
from rlcodec.presets.compact.transform import LATENT_CHANNELS, MACS_PER_PIXEL, STRIDE, analyse, latent_size, synthesise
from rlcodec.presets.compact.weights import NEIGHBOURS, CompactModel, load_compact_model

BITS_A_DECISION = 16


@functools.cache
def context_offsets(rows: int, columns: int) -> np.ndarray:
    """Flat offsets in the latent's buffer of a bit's context, int64, relative to its position in slice 0."""
    plane = (rows + 2) * (columns + 2)
    around = [down * (columns + 2) + across for down, across in NEIGHBOURS]
    return np.array([s * plane + o for s in range(LATENT_CHANNELS) for o in around], np.int64)


def _code(
    model: CompactModel, state: np.ndarray, data: np.ndarray, latent: np.ndarray, bit_budget: int, choices: np.ndarray
) -> tuple[tuple[CodedSegment, ...], int]:
    """Codes the first `bit_budget` bits of a latent, in the direction of the coder's state; returns also how many it coded.

    `choices` int64 (slices that the budget touches,), STOP or tiers, are read when encoding, and written when decoding.
    """
    _, rows, columns = latent.shape
    size = rows * columns
    slices = len(choices)
    costs, macs = np.zeros(slices, np.int64), np.zeros(slices, np.int64)
    coded, bits = code_latent_slices(
        state, data, COSTS, model.net, model.tables, latent_buffer(*latent.shape), context_offsets(rows, columns),
        layers_of(model.net), np.empty(1, np.int64), latent, 0, bit_budget, bit_budget - (slices - 1) * size, 0, choices,
        costs, macs,
    )  # fmt: skip
    segments = tuple(
        CodedSegment(
            Segment(LATENT, i, min(size, bit_budget - i * size)), int(choices[i]), int(costs[i]), int(macs[i]),
            not (state[EXHAUSTED] and i == coded - 1),
        )
        for i in range(coded)
    )  # fmt: skip
    return segments, int(bits)


def encode_latent(
    model: CompactModel, latent: np.ndarray, bit_budget: int, choices: np.ndarray
) -> tuple[bytes, tuple[CodedSegment, ...]]:
    """Codes a latent.

    Args:
        model: the preset's model.
        latent: int8 (LATENT_CHANNELS, rows, columns), -1 or +1.
        bit_budget: binary latents to keep, channel by channel.
        choices: int64, STOP or a tier for each slice that the budget touches; what follows a stop does not count.

    Returns:
        The payload, and what each segment cost, the stop mark included.
    """
    state, data = encoder_state(), np.zeros(latent.size * BITS_A_DECISION // 8 + LATENT_CHANNELS * 8, np.uint8)
    segments, _ = _code(model, state, data, latent, bit_budget, choices)
    return finish(state, data), segments


def synthesis_macs(rows: int, columns: int) -> int:
    """Multiply-accumulates of the synthesis of a latent of this size, which decoders run whatever was sent."""
    return round(MACS_PER_PIXEL * rows * columns * STRIDE**2)


def encode_picture(picture: ColorImage, bit_budget: int | None = None, tier: str | None = None) -> bytes:
    """Encodes a picture.

    Args:
        picture: what to code.
        bit_budget: binary latents to keep, channel by channel; all when None.
        tier: "table" or "context"; "context" when None.

    Raises:
        OptionError: there is no such tier, or the picture is too large.
        MisfitError: the budget is more than the picture has latents.
    """
    tiers = TIERS[:LATENT_TIERS]
    if tier is not None and tier not in tiers:
        raise OptionError(f"unknown tier {tier!r}; preset compact has: {', '.join(tiers)}")
    height, width = picture.pixels.shape[:2]
    check_pixels(picture)
    rows, columns = latent_size(height, width)
    most = LATENT_CHANNELS * rows * columns
    kept = most if bit_budget is None else bit_budget
    if not 0 <= kept <= most:
        raise MisfitError(f"bit_budget is {kept}; this picture takes 0 to {most}")
    model = load_compact_model()
    latent = analyse(picture.pixels, model.folder)
    choices = np.full(-(-kept // (rows * columns)), TIERS.index(tier) if tier else CONTEXT)
    payload, _ = encode_latent(model, latent, kept, choices)
    return pack(COMPACT, model.fingerprint, height, width, 2 * kept + picture.gray, payload)


@dataclass(frozen=True)
class DecodedCompact:
    """What a stream holds.

    Attributes:
        image: of mode "RGB", or "L" where there are no colours.
        bit_budget: binary latents that the encoder kept.
        segments: slices of the latent, as far as the bytes go.
        macs: multiply-accumulates of decoding.
    """

    image: Image.Image
    bit_budget: int
    segments: tuple[CodedSegment, ...]
    macs: int


def decoded_latent(model: CompactModel, data: bytes) -> np.ndarray:
    """What a stream holds, int8 (LATENT_CHANNELS, rows, columns), 0 where nothing was sent; errors as `decode_picture`."""
    stream = unpack(data)
    check_fingerprint(stream.header, model.digest)
    return _decode(model, stream)[0]


def decode_picture(stream: Stream) -> DecodedCompact:
    """Decodes a stream, as far as its bytes go; what is missing counts as neither -1 nor +1.

    Raises:
        DamagedStreamError: a value is impossible.
        UnknownModelError: it was coded with other weights.
    """
    header, model = stream.header, load_compact_model()
    check_fingerprint(header, model.digest)
    latent, segments = _decode(model, stream)
    bit_budget, gray = divmod(header.bit_budget, 2)
    pixels = synthesise(latent, header.height, header.width, model.folder)
    macs = sum(s.macs for s in segments) + synthesis_macs(*latent.shape[1:])
    return DecodedCompact(Image.fromarray(to_gray(pixels) if gray else pixels), bit_budget, segments, macs)


def _decode(model: CompactModel, stream: Stream) -> tuple[np.ndarray, tuple[CodedSegment, ...]]:
    """The latent, 0 where nothing was sent, and its segments."""
    header = stream.header
    rows, columns = latent_size(header.height, header.width)
    bit_budget = header.bit_budget // 2
    if rows * columns * STRIDE**2 > MOST_PIXELS + STRIDE**2 * (rows + columns):
        raise DamagedStreamError(f"the header declares {header.width}x{header.height} pixels, more than {MOST_PIXELS}")
    if bit_budget > LATENT_CHANNELS * rows * columns:
        raise DamagedStreamError(f"the header declares {bit_budget} latent bits, more than such a picture has")
    latent = np.zeros((LATENT_CHANNELS, rows, columns), np.int8)
    state, choices = decoder_state(stream.payload, header.payload_bytes), np.zeros(-(-bit_budget // (rows * columns)), np.int64)
    segments, bits = _code(model, state, stream.payload, latent, bit_budget, choices)
    return keep_bits(latent, bits), segments
