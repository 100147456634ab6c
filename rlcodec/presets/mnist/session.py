"""One image on its way through the codec, segment by segment, in either direction."""

import numpy as np

from rlcodec.core.binary_latent import code_latent_slices, latent_buffer, latent_offsets
from rlcodec.core.container import Stream, unpack
from rlcodec.core.integer_conv import keep_bits, latent_shape, synthesise
from rlcodec.core.integer_mlp import layers_of
from rlcodec.core.range_coder import COSTS, DIRECTION, ENCODE, EXHAUSTED, PREVIOUS_TIER, decoder_state
from rlcodec.core.segment_choice import LATENT, LATENT_TIERS, STOP, TIERS, tiers_at
from rlcodec.core.segments import CodedSegment, Segment
from rlcodec.core.weights_file import check_fingerprint
from rlcodec.errors import DamagedStreamError, OptionError
from rlcodec.presets.mnist.bilevel.coder import scan_of
from rlcodec.presets.mnist.bilevel.context import PRESENT, STATUS, scan_state
from rlcodec.presets.mnist.bilevel.geometry import Scan
from rlcodec.presets.mnist.bilevel.transformer import Memory
from rlcodec.presets.mnist.rows import RowCoder, code_pixel_rows, picture_at, row_coder
from rlcodec.presets.mnist.segments import budget_index, max_bit_budget, segments_of, synthesis_macs
from rlcodec.presets.mnist.weights import Model


class Session:
    """Codes an image's segments one after another; the coder's state decides the direction.

    Attributes:
        segments: all segments in stream order.
        coded: what was coded so far, the stop mark included.
        done: whether nothing can follow.
        image: uint8 (height, width); the source when encoding, filled row by row when decoding.
        latent: int8 (slices, rows, columns); the source when encoding, filled when decoding.
        rows_done: whole rows of pixels coded.
        pixels_of_next_row: coded of the row after them, where a stream was cut.
        bits_done: binary latents coded.
        budget_index: slices that the budget touches.
    """

    def __init__(
        self, model: Model, state: np.ndarray, data: np.ndarray, image: np.ndarray, latent: np.ndarray, bit_budget: int
    ):
        self.model, self.state, self.data = model, state, data
        self.image, self.latent, self.bit_budget = image, latent, bit_budget
        height, width = image.shape
        self.segments = segments_of(model, height, width, bit_budget)
        self.coded: list[CodedSegment] = []
        self.done = False
        self.rows_done = 0
        self.pixels_of_next_row = 0
        self.bits_done = 0
        self.budget_index = budget_index(bit_budget, height, width)
        self._latent_buffer = latent_buffer(*latent.shape)
        self._latent_offsets = latent_offsets(*latent.shape)
        self._latent_layers = layers_of(model.latent_net)
        self._reconstruction: np.ndarray | None = None
        self._rows: RowCoder | None = None
        self._memory: Memory | None = None

    @property
    def next_segment(self) -> Segment:
        """The segment that `code` codes next."""
        return self.segments[len(self.coded)]

    @property
    def reconstruction(self) -> np.ndarray:
        """What the synthesis makes of the latents that the bit budget keeps, uint8 (height, width)."""
        if self._reconstruction is None:
            kept = keep_bits(self.latent, self.bit_budget)
            self._reconstruction = synthesise(self.model.synthesis, kept, *self.image.shape)
        return self._reconstruction

    def use_reconstruction(self, reconstruction: np.ndarray) -> None:
        """Takes over a reconstruction that the encoder has synthesised already; it must be that of the whole budget."""
        self._reconstruction = reconstruction

    def use_memory(self, memory: Memory) -> None:
        """Has tier `lm` told what its network finds, which something else runs; before the first row."""
        self._memory = memory

    @property
    def has_scan(self) -> bool:
        """Whether rows were coded by way of a scan."""
        return self._rows is not None and bool(self._rows.scan.head[STATUS] == PRESENT)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of decoding what was coded so far, the synthesis included."""
        height, width = self.image.shape
        return synthesis_macs(self.model, height, width, self.bit_budget) + sum(s.macs for s in self.coded)

    def code(self, choice: int = STOP) -> CodedSegment:
        """Codes the next segment.

        Args:
            choice: STOP or a tier, when encoding; when decoding the stream says.
        """
        self.run(np.array([choice]))
        return self.coded[-1]

    def run(self, choices: np.ndarray) -> None:
        """Codes segment after segment until the choices, the segments or the data end, or a stop is coded.

        Args:
            choices: int64, STOP or a tier for every segment, when encoding; when decoding only their number counts.
        """
        latents = len(self.segments) - self.image.shape[0]
        at = 0
        while at < len(choices) and not self.done:
            start = len(self.coded)
            in_latents = start < latents
            count = min(len(choices) - at, (latents if in_latents else len(self.segments)) - start)
            costs, macs = np.zeros(count, np.int64), np.zeros(count, np.int64)
            part = np.array(choices[at : at + count], np.int64)
            if self.state[DIRECTION] == ENCODE:
                self._check_choices(start, part)
            code = self._code_latents if in_latents else self._code_rows
            coded = code(start, part, costs, macs)
            at += coded
            exhausted = bool(self.state[EXHAUSTED])
            for i in range(coded):
                complete = not (exhausted and i == coded - 1)
                self.coded.append(CodedSegment(self.segments[start + i], int(part[i]), int(costs[i]), int(macs[i]), complete))
            self.done = exhausted or self.coded[-1].tier == STOP or len(self.coded) == len(self.segments)

    def _check_choices(self, start: int, choices: np.ndarray) -> None:
        """Raises OptionError where a tier is named that its segment cannot have."""
        before = int(self.state[PREVIOUS_TIER])
        for segment, choice in zip(self.segments[start:], choices.tolist(), strict=False):
            if choice == STOP:
                return
            tiers = LATENT_TIERS if segment.kind == LATENT else tiers_at(segment.index, before)
            if not 0 <= choice < tiers:
                known = TIERS[choice] if 0 <= choice < len(TIERS) else choice
                raise OptionError(f"{segment.kind} {segment.index} cannot be coded in tier {known} after {TIERS[before]}")
            before = choice

    def _code_latents(self, start: int, choices: np.ndarray, costs: np.ndarray, macs: np.ndarray) -> int:
        model, (_, rows, columns) = self.model, self.latent.shape
        last = self.bit_budget - (budget_index(self.bit_budget, *self.image.shape) - 1) * rows * columns
        coded, self.bits_done = code_latent_slices(
            self.state, self.data, COSTS, model.latent_net, model.tables.latent, self._latent_buffer, self._latent_offsets,
            self._latent_layers, np.empty(1, np.int64), self.latent, start, self.bit_budget, last, self.bits_done, choices,
            costs, macs,
        )  # fmt: skip
        return int(coded)

    def start_rows(self, scan: Scan | None = None, known: bool = False) -> RowCoder:
        """What codes the rows, before the first of them; arguments as `scan_state`."""
        context = self.reconstruction if self.bit_budget else np.zeros_like(self.image)
        return row_coder(self.model, context, scan_state(scan, known), self._memory)

    def _code_rows(self, start: int, choices: np.ndarray, costs: np.ndarray, macs: np.ndarray) -> int:
        if self._rows is None:
            encoding = self.state[DIRECTION] == ENCODE and choices[0] != STOP
            self._rows = self.start_rows(scan_of(self.model.scan_tables, self.image) if encoding else None, encoding)
        coded, self.rows_done, self.pixels_of_next_row = code_pixel_rows(
            self.state, self.data, COSTS, self._rows, self.image, self.rows_done, self.budget_index, choices, costs, macs
        )
        return int(coded)

    def picture(self) -> np.ndarray:
        """The image that a decoder shows for what was coded so far, uint8 (height, width)."""
        if self.rows_done == self.image.shape[0]:
            return self.image.copy()
        if self.bits_done < self.bit_budget:
            kept = keep_bits(self.latent, self.bits_done)
            reconstruction = synthesise(self.model.synthesis, kept, *self.image.shape)
        else:
            reconstruction = self.reconstruction
        return picture_at(self.model, reconstruction, self.image, self.rows_done, self.pixels_of_next_row, self.bits_done)

    def run_all(self) -> tuple[CodedSegment, ...]:
        """Codes until the end, as a decoder does; returns all that was coded."""
        self.run(np.zeros(len(self.segments), np.int64))
        return tuple(self.coded)


def start_session(model: Model, stream: Stream) -> Session:
    """A session that will decode a stream.

    Raises:
        DamagedStreamError: a value is impossible.
        UnknownModelError: it was coded with other weights.
    """
    header = stream.header
    check_fingerprint(header, model.digest)
    if header.bit_budget > max_bit_budget(model, header.height, header.width):
        raise DamagedStreamError(f"the header declares {header.bit_budget} latent bits, more than such an image has")
    image = np.zeros((header.height, header.width), np.uint8)
    latent = np.zeros((model.slices, *latent_shape(header.height, header.width)), np.int8)
    state = decoder_state(stream.payload, header.payload_bytes)
    return Session(model, state, stream.payload, image, latent, header.bit_budget)


def decoded_pixels(model: Model, data: bytes) -> np.ndarray:
    """What decoders show of a stream, uint8 (height, width); errors as `start_session`."""
    session = start_session(model, unpack(data))
    session.run_all()
    return session.picture()
