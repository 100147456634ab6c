"""One image on its way through the codec, segment by segment, in either direction."""

from dataclasses import dataclass

import numpy as np

from rlcodec.coder import COST, COST_UNIT, COSTS, DIRECTION, ENCODE, EXHAUSTED, MACS, PROBABILITY_ONE
from rlcodec.kernel import kernel
from rlcodec.model import Model
from rlcodec.raster import (
    code_latent_slice,
    code_pixel_row,
    latent_buffer,
    latent_offsets,
    pixel_buffer,
    pixel_offsets,
    pixel_totals,
)
from rlcodec.raster_scan import PRESENT, STATUS, code_head, code_scan_row, scan_of, scan_state
from rlcodec.stream import (
    CHANGE_PROBABILITY,
    CONTEXT,
    STOP,
    STOP_BEFORE_PIXELS_PROBABILITY,
    STOP_PROBABILITY,
    TIERS,
    code_choice,
)
from rlcodec.transform import keep_bits, latent_shape, synthesise

LATENT, PIXELS = "latent", "pixels"
TIER_COUNT = len(TIERS)
MACS_PER_KMAC = 1000


@dataclass(frozen=True)
class Segment:
    """A place in the stream: a latent slice or a row of pixels.

    Attributes:
        kind: "latent" or "pixels".
        index: of the slice or row.
        symbols: bits of the slice that the budget keeps, or pixels of the row.
    """

    kind: str
    index: int
    symbols: int


@dataclass(frozen=True)
class CodedSegment:
    """What a segment cost, its own choice included.

    Attributes:
        segment: which.
        tier: index into `TIERS`; STOP for the mark that ends a stream early.
        cost: code length in 1/COST_UNIT bit.
        macs: multiply-accumulates that the decoder spends on it.
        complete: False where a cut stream ended inside it.
    """

    segment: Segment
    tier: int
    cost: int
    macs: int
    complete: bool = True

    @property
    def bits(self) -> float:
        """Code length in bits."""
        return self.cost / COST_UNIT

    @property
    def tier_name(self) -> str:
        """Name of the tier, or "stop"."""
        return "stop" if self.tier == STOP else TIERS[self.tier]


def segments_of(model: Model, height: int, width: int, bit_budget: int) -> tuple[Segment, ...]:
    """All segments of an image under a bit budget: latent slices in order of importance, then rows of pixels."""
    rows, columns = latent_shape(height, width)
    per_slice = rows * columns
    latents = (Segment(LATENT, i, min(per_slice, bit_budget - i * per_slice)) for i in range(-(-bit_budget // per_slice)))
    return *latents, *(Segment(PIXELS, y, width) for y in range(height))


def max_bit_budget(model: Model, height: int, width: int) -> int:
    """Binary latents of an image of this size."""
    rows, columns = latent_shape(height, width)
    return model.slices * rows * columns


def budget_index(bit_budget: int, height: int, width: int) -> int:
    """Slices that a budget touches; the networks know a budget by this number."""
    rows, columns = latent_shape(height, width)
    return -(-bit_budget // (rows * columns))


def synthesis_macs(model: Model, height: int, width: int, bit_budget: int) -> int:
    """Multiply-accumulates of the synthesis transform; none without latents, when its output is a constant."""
    if not bit_budget:
        return 0
    rows, columns = latent_shape(height, width)
    total = 0
    for layer in model.synthesis:
        total += layer.macs(rows, columns)
        rows, columns = rows * layer.shuffle, columns * layer.shuffle
    return total


def analysis_macs(model: Model, height: int, width: int) -> int:
    """Multiply-accumulates of the analysis transform."""
    rows, columns = (4 * n for n in latent_shape(height, width))
    total = 0
    for layer in model.analysis:
        total += layer.macs(rows, columns)
        rows, columns = -(-rows // layer.stride), -(-columns // layer.stride)
    return total


def stop_probability(segment: Segment, bit_budget: int) -> int:
    """Probability, in 1/65536, that a stream stops before this segment."""
    first_row = segment.kind == PIXELS and segment.index == 0
    return STOP_BEFORE_PIXELS_PROBABILITY if first_row and bit_budget else STOP_PROBABILITY


@kernel
def code_latent_slices(
    state, data, costs, net, tables, buffer, offsets, latent, start, bit_budget, last, done, choices, spent, macs
):
    """Codes latent slices from `start` on, each with its choice, in the direction of the coder's state.

    Args:
        state: coder state, and so on to `latent` as `code_latent_slice` takes them.
        start: the first slice.
        bit_budget: binary latents kept.
        last: bits of the last slice that the budget touches.
        done: bits coded before.
        choices: int64, STOP or tiers; read when encoding, written when decoding.
        spent: int64, receives each segment's cost.
        macs: int64, receives each segment's multiply-accumulates.

    Returns:
        Segments coded, the stop mark included, and bits coded in all.
    """
    size = latent.shape[1] * latent.shape[2]
    for i in range(choices.shape[0]):
        cost_before, macs_before = state[COST], state[MACS]
        choice = code_choice(state, data, costs, TIER_COUNT, STOP_PROBABILITY, choices[i])
        choices[i] = choice
        if not state[EXHAUSTED] and choice != STOP:
            bits = last if (start + i + 1) * size >= bit_budget else size
            done += code_latent_slice(
                state, data, costs, net, tables, buffer, offsets, latent, start + i, bits, choice == CONTEXT
            )
        spent[i], macs[i] = state[COST] - cost_before, state[MACS] - macs_before
        if state[EXHAUSTED] or choice == STOP:
            return i + 1, done
    return choices.shape[0], done


@kernel
def code_row(
    state, data, costs, net, tables, buffer, totals, offsets, image, scan_net, scan_tables, scan, y, budget, use_network
):
    """Codes row `y` by way of the scan where there is one, else pixel by pixel; the first row says which.

    Arguments and result are those of `code_scan_row` and `code_pixel_row`.
    """
    if y == 0:
        code_head(state, data, costs, scan_tables, scan)
        if state[EXHAUSTED]:
            return 0
    if scan.head[STATUS] == PRESENT:
        return code_scan_row(state, data, costs, scan_net, scan_tables, scan, image, y, use_network)
    return code_pixel_row(state, data, costs, net, tables, buffer, totals, offsets, image, y, budget, use_network)


@kernel
def code_pixel_rows(
    state, data, costs, net, tables, buffer, totals, offsets, image, scan_net, scan_tables, scan, start, budget, choices,
    spent, macs,
):  # fmt: skip
    """Codes rows of pixels from `start` on, each with its choice, in the direction of the coder's state.

    Args:
        state: coder state, and so on to `image` as `code_pixel_row` takes them.
        scan_net: and on to `scan` as `code_scan_row` takes them.
        start: the first row.
        budget: index of the reconstruction's bit budget, 0 when there is none.
        choices: int64, STOP or tiers; read when encoding, written when decoding.
        spent: int64, receives each segment's cost.
        macs: int64, receives each segment's multiply-accumulates.

    Returns:
        Segments coded, the stop mark included; rows complete in all; pixels of the row after them.
    """
    for i in range(choices.shape[0]):
        y = start + i
        cost_before, macs_before = state[COST], state[MACS]
        stop = STOP_BEFORE_PIXELS_PROBABILITY if y == 0 and budget > 0 else STOP_PROBABILITY
        choice = code_choice(state, data, costs, TIER_COUNT, stop, choices[i])
        choices[i] = choice
        pixels = 0
        if not state[EXHAUSTED] and choice != STOP:
            pixels = code_row(
                state, data, costs, net, tables, buffer, totals, offsets, image, scan_net, scan_tables, scan, y, budget,
                choice == CONTEXT,
            )  # fmt: skip
        spent[i], macs[i] = state[COST] - cost_before, state[MACS] - macs_before
        if state[EXHAUSTED] or choice == STOP:
            return i + 1, y, pixels
    return choices.shape[0], start + choices.shape[0], 0


@kernel
def fill_rows(reconstruction, image, rows, weights, out):
    """The picture when the first `rows` rows are known: those, then the reconstruction with the last row's correction.

    Args:
        reconstruction: uint8 (height, width).
        image: uint8 (height, width), known in its first `rows` rows.
        rows: how many are known.
        weights: int32, in 1/256: how much of the last known row's error carries to each of the rows below it.
        out: uint8 (height, width), written.
    """
    height, width = image.shape
    for y in range(height):
        if y < rows:
            out[y] = image[y]
            continue
        distance = y - rows
        for x in range(width):
            value = np.int32(reconstruction[y, x])
            if rows and distance < weights.shape[0]:
                error = np.int32(image[rows - 1, x]) - np.int32(reconstruction[rows - 1, x])
                value += (weights[distance] * error + 128) >> 8
            out[y, x] = min(max(value, 0), 255)


class Session:
    """Codes an image's segments one after another; the coder's state decides the direction.

    Attributes:
        segments: all segments in stream order.
        coded: what was coded so far, the stop mark included.
        done: whether nothing can follow.
        image: uint8 (height, width); the source when encoding, filled row by row when decoding.
        latent: int8 (slices, rows, columns); the source when encoding, filled when decoding.
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
        self._budget_index = budget_index(bit_budget, height, width)
        self._latent_buffer = latent_buffer(*latent.shape)
        self._latent_offsets = latent_offsets(*latent.shape)
        self._reconstruction: np.ndarray | None = None
        self._buffer: np.ndarray | None = None

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
            code = self._code_latents if in_latents else self._code_rows
            coded = code(start, part, costs, macs)
            at += coded
            exhausted = bool(self.state[EXHAUSTED])
            for i in range(coded):
                complete = not (exhausted and i == coded - 1)
                self.coded.append(CodedSegment(self.segments[start + i], int(part[i]), int(costs[i]), int(macs[i]), complete))
            self.done = exhausted or self.coded[-1].tier == STOP or len(self.coded) == len(self.segments)

    def _code_latents(self, start: int, choices: np.ndarray, costs: np.ndarray, macs: np.ndarray) -> int:
        model, (_, rows, columns) = self.model, self.latent.shape
        last = self.bit_budget - (budget_index(self.bit_budget, *self.image.shape) - 1) * rows * columns
        coded, self.bits_done = code_latent_slices(
            self.state, self.data, COSTS, model.latent_net, model.tables, self._latent_buffer, self._latent_offsets,
            self.latent, start, self.bit_budget, last, self.bits_done, choices, costs, macs,
        )  # fmt: skip
        return int(coded)

    def _code_rows(self, start: int, choices: np.ndarray, costs: np.ndarray, macs: np.ndarray) -> int:
        model, (height, width) = self.model, self.image.shape
        if self._buffer is None:
            context = self.reconstruction if self.bit_budget else np.zeros_like(self.image)
            self._buffer = pixel_buffer(context)
            self._offsets = pixel_offsets(height, width)
            self._totals = pixel_totals(width)
            coded = self.state[DIRECTION] == ENCODE and choices[0] != STOP
            self._scan = scan_state(scan_of(model.scan_tables, self.image), known=True) if coded else scan_state()
        coded, self.rows_done, self.pixels_of_next_row = code_pixel_rows(
            self.state, self.data, COSTS, model.pixel_net, model.tables, self._buffer, self._totals, self._offsets,
            self.image, model.scan_net, model.scan_tables, self._scan, self.rows_done, self._budget_index, choices, costs, macs,
        )  # fmt: skip
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


def picture_at(
    model: Model, reconstruction: np.ndarray, image: np.ndarray, rows: int, pixels: int, bit_budget: int
) -> np.ndarray:
    """The decoder's image after `rows` whole rows and `pixels` of the next, uint8 (height, width)."""
    out = np.empty_like(image)
    fill_rows(reconstruction, image, rows, model.fill[budget_index(bit_budget, *image.shape)], out)
    if pixels:
        out[rows, :pixels] = image[rows, :pixels]
    return out


def choice_cost(segment: Segment, bit_budget: int, tier_before: int, choice: int) -> int:
    """What coding a choice costs, in 1/COST_UNIT bit: a stop mark, or the tier of the segment that follows.

    With two tiers, naming the other one takes no decision beyond the change itself.
    """
    stop = stop_probability(segment, bit_budget)
    if choice == STOP:
        return int(COSTS[stop])
    tier = PROBABILITY_ONE - CHANGE_PROBABILITY if choice == tier_before else CHANGE_PROBABILITY
    return int(COSTS[PROBABILITY_ONE - stop] + COSTS[tier])
