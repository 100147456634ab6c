"""Coding one image segment by segment, in either direction."""

import functools

import numpy as np

from rlcodec.core.binary_latent import LatentCoder, code_latent_slices, latent_coder
from rlcodec.core.container import Stream, unpack
from rlcodec.core.integer_conv import keep_bits, latent_shape, synthesise
from rlcodec.core.range_coder import RangeCoder
from rlcodec.core.segment_choice import LATENT, LATENT_TIERS, STOP, TIERS, tiers_at
from rlcodec.core.segments import CodedSegment, coded_segments
from rlcodec.core.weights_file import check_fingerprint
from rlcodec.errors import OptionError
from rlcodec.presets.mnist.bilevel.coder import source_of
from rlcodec.presets.mnist.bilevel.context import PRESENT, STATUS, source_state
from rlcodec.presets.mnist.bilevel.geometry import BilevelSource
from rlcodec.presets.mnist.bilevel.transformer import KvCache
from rlcodec.presets.mnist.rows import RowCoder, code_rows, filled, row_coder
from rlcodec.presets.mnist.segments import segments_of, slices_touched, synthesis_macs
from rlcodec.presets.mnist.settings import MnistSettings
from rlcodec.presets.mnist.weights import MnistWeights


class Session:
    """Codes the segments of an image one after another, in the direction of a range coder.

    Args:
        weights: of the preset.
        coder: at the beginning of the payload.
        image: uint8 (height, width), as the attribute.
        latent: int8 (slices, rows, columns), as the attribute.
        bit_budget: binary latents to keep.

    Attributes:
        segments: all segments in stream order.
        coded: segments coded so far, the stop mark included.
        done: whether nothing can follow.
        image: uint8 (height, width); read when encoding, written row by row when decoding.
        latent: int8 (slices, rows, columns); read when encoding, written when decoding.
        rows_done: complete rows of pixels coded.
        pixels_of_next_row: pixels coded of the row after them, if a stream was cut.
        bits_done: binary latents coded.
        slices_touched: latent slices that the bit budget touches.
        cache: KV cache of tier `lm`, to be set before the first row if its network runs elsewhere.
        search_source: whether an encoder searches for the bilevel source, rather than code rows pixel by pixel; to be set
            before the first row.
    """

    def __init__(self, weights: MnistWeights, coder: RangeCoder, image: np.ndarray, latent: np.ndarray, bit_budget: int):
        self.weights, self.coder = weights, coder
        self.image, self.latent, self.bit_budget = image, latent, bit_budget
        height, width = image.shape
        self.segments = segments_of(height, width, bit_budget)
        self.coded: list[CodedSegment] = []
        self.done = False
        self.rows_done = 0
        self.pixels_of_next_row = 0
        self.bits_done = 0
        self.slices_touched = slices_touched(bit_budget, height, width)
        self.cache: KvCache | None = None
        self.search_source = True
        self._rows: RowCoder | None = None

    @functools.cached_property
    def _latents(self) -> LatentCoder:
        return latent_coder(self.weights.latent_net, self.weights.tables.latent, self.latent.shape)

    @functools.cached_property
    def reconstruction(self) -> np.ndarray:
        """Reconstruction from the latents that the bit budget keeps, uint8 (height, width); may be set if it is known."""
        return synthesise(self.weights.synthesis, keep_bits(self.latent, self.bit_budget), *self.image.shape)

    @property
    def uses_source(self) -> bool:
        """Whether rows were coded by way of the bilevel source."""
        return self._rows is not None and bool(self._rows.source.head[STATUS] == PRESENT)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of decoding the segments coded so far, the synthesis included."""
        synthesis = synthesis_macs(self.weights, *self.image.shape) if self.bit_budget else 0
        return synthesis + sum(s.macs for s in self.coded)

    def code(self, choice: int = STOP) -> CodedSegment:
        """Codes the next segment.

        Args:
            choice: STOP or a tier, when encoding; ignored when decoding.
        """
        self.run(np.array([choice]))
        return self.coded[-1]

    def run(self, choices: np.ndarray) -> None:
        """Codes segments until the choices, the segments or the data end, or a stop is coded.

        Args:
            choices: int64, STOP or a tier for every segment, when encoding; when decoding only their number matters.

        Raises:
            OptionError: a segment cannot be encoded in the tier that was chosen for it.
        """
        latents = len(self.segments) - self.image.shape[0]
        while len(choices) and not self.done:
            start = len(self.coded)
            in_latents = start < latents
            part = np.array(choices[: (latents if in_latents else len(self.segments)) - start], np.int64)
            costs, macs = np.zeros((2, len(part)), np.int64)
            if self.coder.encoding:
                self._check_choices(start, part)
            code = self._code_latents if in_latents else self._code_rows
            coded = code(start, part, costs, macs)
            choices = choices[coded:]
            exhausted = self.coder.exhausted
            segments = self.segments[start : start + coded]
            self.coded += coded_segments(segments, part[:coded], costs[:coded], macs[:coded], exhausted)
            self.done = exhausted or self.coded[-1].tier == STOP or len(self.coded) == len(self.segments)

    def _check_choices(self, start: int, choices: np.ndarray) -> None:
        """Raises OptionError if a segment cannot have its tier."""
        before = self.coder.previous_tier
        for segment, choice in zip(self.segments[start:], choices.tolist(), strict=False):
            if choice == STOP:
                return
            tiers = LATENT_TIERS if segment.kind == LATENT else tiers_at(segment.index, before)
            if not 0 <= choice < tiers:
                known = TIERS[choice] if 0 <= choice < len(TIERS) else choice
                raise OptionError(f"{segment.kind} {segment.index} cannot be coded in tier {known} after {TIERS[before]}")
            before = choice

    def _code_latents(self, start: int, choices: np.ndarray, costs: np.ndarray, macs: np.ndarray) -> int:
        coded, bits = code_latent_slices(self.coder, self._latents, self.latent, start, self.bit_budget, choices, costs, macs)
        self.bits_done += bits
        return coded

    def start_rows(self, source: BilevelSource | None = None, known: bool = False) -> RowCoder:
        """The coder of rows before the first of them; arguments as `source_state`."""
        context = self.reconstruction if self.bit_budget else np.zeros_like(self.image)
        return row_coder(self.weights, context, source_state(source, known), self.cache)

    def _code_rows(self, start: int, choices: np.ndarray, costs: np.ndarray, macs: np.ndarray) -> int:
        if self._rows is None:
            encoding = self.coder.encoding and choices[0] != STOP
            search = encoding and self.search_source
            self._rows = self.start_rows(source_of(self.weights.source_tables, self.image) if search else None, encoding)
        coded, self.rows_done, self.pixels_of_next_row = code_rows(
            self.coder, self._rows, self.image, self.rows_done, self.slices_touched, choices, costs, macs
        )
        return coded

    def picture(self) -> np.ndarray:
        """What decoders show of the segments coded so far, uint8 (height, width)."""
        if self.rows_done == self.image.shape[0]:
            return self.image.copy()
        if self.bits_done < self.bit_budget:
            reconstruction = synthesise(self.weights.synthesis, keep_bits(self.latent, self.bits_done), *self.image.shape)
        else:
            reconstruction = self.reconstruction
        rows, pixels, out = self.rows_done, self.pixels_of_next_row, np.empty_like(self.image)
        fill = self.weights.fill[slices_touched(self.bits_done, *self.image.shape)]
        filled(reconstruction, self.image, rows, fill, out)
        out[rows, :pixels] = self.image[rows, :pixels]
        return out

    def run_all(self) -> tuple[CodedSegment, ...]:
        """Decodes until the end of the stream; returns the segments."""
        self.run(np.zeros(len(self.segments), np.int64))
        return tuple(self.coded)


def start_session(weights: MnistWeights, stream: Stream) -> Session:
    """A session that decodes a stream.

    Raises:
        DamagedStreamError: the header is impossible.
        UnknownModelError: it was coded with other weights.
    """
    header = stream.header
    check_fingerprint(header, weights.digest)
    bit_budget = MnistSettings.of(header, weights).bit_budget
    image = np.zeros((header.height, header.width), np.uint8)
    latent = np.zeros((weights.slices, *latent_shape(header.height, header.width)), np.int8)
    coder = RangeCoder(stream.payload, header.payload_bytes)
    return Session(weights, coder, image, latent, bit_budget)


def decoded_pixels(weights: MnistWeights, data: bytes) -> np.ndarray:
    """What decoders show of a stream, uint8 (height, width); errors as `start_session`."""
    session = start_session(weights, unpack(data))
    session.run_all()
    return session.picture()
