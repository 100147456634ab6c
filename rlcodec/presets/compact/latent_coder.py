"""Codes the binary latent of preset `compact`, channel by channel, in either direction."""

import numpy as np

from rlcodec.core.binary_latent import code_latent_slices, latent_coder
from rlcodec.core.container import Stream, unpack
from rlcodec.core.integer_conv import keep_bits
from rlcodec.core.range_coder import RangeCoder
from rlcodec.core.segment_choice import LATENT
from rlcodec.core.segments import CodedSegment, Segment, coded_segments
from rlcodec.core.weights_file import check_fingerprint
from rlcodec.presets.compact.settings import CompactSettings
from rlcodec.presets.compact.transform import LATENT_CHANNELS, latent_size
from rlcodec.presets.compact.weights import NEIGHBOURS, CompactWeights


def _code(
    weights: CompactWeights, coder: RangeCoder, latent: np.ndarray, bit_budget: int, choices: np.ndarray
) -> tuple[tuple[CodedSegment, ...], int]:
    """Codes the first `bit_budget` bits of a latent, in the coder's direction.

    Args:
        weights: of the preset.
        coder: at the beginning of the payload.
        latent: int8 (LATENT_CHANNELS, rows, columns), read when encoding, written when decoding.
        bit_budget: binary latents kept.
        choices: int64, STOP or a tier for each channel that the budget touches; read when encoding, written when decoding.

    Returns:
        What each segment cost, the stop mark included, and the number of bits coded.
    """
    _, rows, columns = latent.shape
    size, channels = rows * columns, len(choices)
    costs, macs = np.zeros(channels, np.int64), np.zeros(channels, np.int64)
    latents = latent_coder(weights.net, weights.frequencies, latent.shape, NEIGHBOURS)
    coded, bits = code_latent_slices(coder, latents, latent, 0, bit_budget, choices, costs, macs)
    segments = [Segment(LATENT, i, min(size, bit_budget - i * size)) for i in range(coded)]
    return tuple(coded_segments(segments, choices[:coded], costs[:coded], macs[:coded], coder.exhausted)), bits


def encode_latent(
    weights: CompactWeights, latent: np.ndarray, bit_budget: int, choices: np.ndarray
) -> tuple[bytes, tuple[CodedSegment, ...]]:
    """Codes a latent.

    Args:
        weights: of the preset.
        latent: int8 (LATENT_CHANNELS, rows, columns), -1 or +1.
        bit_budget: binary latents to keep, channel by channel.
        choices: int64, STOP or a tier for each channel that the budget touches; those after a STOP do not count.

    Returns:
        The payload, and what each segment cost, the stop mark included.
    """
    coder = RangeCoder()
    segments, _ = _code(weights, coder, latent, bit_budget, choices)
    return coder.finish(), segments


def decode_latent(weights: CompactWeights, stream: Stream) -> tuple[np.ndarray, tuple[CodedSegment, ...]]:
    """Decodes the latent of a stream, as far as its bytes go.

    Args:
        weights: of the preset.
        stream: of the preset.

    Returns:
        int8 (LATENT_CHANNELS, rows, columns), 0 where nothing was sent; and what each segment cost.

    Raises:
        DamagedStreamError: a value is impossible.
        UnknownModelError: the stream was coded with other weights.
    """
    header = stream.header
    check_fingerprint(header, weights.digest)
    bit_budget = CompactSettings.from_header(header).bit_budget
    rows, columns = latent_size(header.height, header.width)
    latent = np.zeros((LATENT_CHANNELS, rows, columns), np.int8)
    choices = np.zeros(-(-bit_budget // (rows * columns)), np.int64)
    coder = RangeCoder(stream.payload, header.payload_bytes)
    segments, bits = _code(weights, coder, latent, bit_budget, choices)
    return keep_bits(latent, bits), segments


def latent_of_stream(weights: CompactWeights, data: bytes) -> np.ndarray:
    """The latent of a whole stream's bytes, as known answers compare it; returns and raises as `decode_latent`."""
    return decode_latent(weights, unpack(data))[0]
