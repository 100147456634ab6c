"""Codes many digits of one size; `rlcodec.presets.mnist.batch` says when to use it."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from rlcodec.core._range_coder cimport RangeCoder, end_payload, start_decoding, start_encoding
from rlcodec.core._segment_choice cimport TIER_COUNT
from rlcodec.presets.mnist._pixel_coder cimport PixelContext, clear_context
from rlcodec.presets.mnist._rows cimport CodedRows, RowCoder, code_pixel_rows
from rlcodec.presets.mnist.bilevel._coder cimport unfold
from rlcodec.presets.mnist.bilevel._context cimport (
    ABSENT, BORDER, LEFT, MARGIN, PEAK, PEAK_BITS, PRESENT, SIDE, STATUS, TOP, SourceState, SourceTables,
)
from rlcodec.presets.mnist.bilevel._geometry cimport MAX_SIDE, MIN_SIDE, SIDES, WORDS
from rlcodec.presets.mnist.bilevel._gray_levels cimport LEVEL_SIDES
from rlcodec.presets.mnist.bilevel._grids cimport Grids
from rlcodec.presets.mnist.bilevel._search cimport Beam, Outcome, SourceFinder, begin_search, search_side

from rlcodec.errors import ModelError


cdef struct Payloads:
    # Payloads, one behind the other.
    uint8_t* data
    int64_t capacity
    int64_t length


cdef class BatchWorkspace:
    """What a thread needs to code images of one size without latents, one after another.

    Args:
        rows: a coder of rows, which runs the transformer itself.

    Raises:
        ValueError: its cache does not belong to that.
    """

    cdef RangeCoder coder
    cdef RowCoder rows
    cdef int64_t height, width
    cdef int64_t[::1] choices  # tiers of the rows
    cdef int64_t[::1] spent  # their costs
    cdef int64_t[::1] macs  # their multiply-accumulates

    def __init__(self, RowCoder rows not None):
        cdef PixelContext context = rows.pixels.context
        if rows.cache.given.shape[0]:
            raise ValueError("the cache is for logits that are given")
        self.coder, self.rows, self.height, self.width = RangeCoder(), rows, context.height, context.width
        self.choices, self.spent, self.macs = np.zeros((3, self.height), np.int64)

    def encode(
        self, uint8_t[:, :, ::1] images not None, int64_t tier, SourceFinder finder not None, Beam narrow not None,
        Beam wider not None,
    ):
        """Payloads of images, uint8 (n, height, width), with all rows in one tier.

        Args:
            images: of the workspace's size.
            tier: index into `rlcodec.core.segment_choice.TIERS`.
            finder: of bilevel sources, with tables of possible gray levels.
            narrow: workspace of the search.
            wider: of another search if the first finds nothing.

        Raises:
            ValueError: the images are of another size, or there is no such tier.
        """
        cdef Payloads payloads
        cdef bint complete
        cdef int64_t[::1] lengths = np.zeros(images.shape[0], np.int64)
        cdef int64_t at = 0, n
        self.check(images)
        if not 0 <= tier < TIER_COUNT or finder.possible is None or finder.most_peaks > 1 << PEAK_BITS:
            raise ValueError(f"tier {tier}, or a finder of sources that are not coded")
        payloads.data, payloads.capacity, payloads.length = NULL, 0, 0
        try:
            with nogil:
                complete = encode_images(self, images, tier, finder, narrow, wider, &payloads, lengths)
            if not complete:
                raise MemoryError("no memory is left for the payloads")
            out = []
            for n in range(images.shape[0]):
                out.append(<bytes>payloads.data[at:at + lengths[n]])
                at += lengths[n]
            return out
        finally:
            free(payloads.data)

    def decode(self, const uint8_t[::1] data not None, int64_t[::1] lengths not None, uint8_t[:, :, ::1] images not None):
        """Decodes payloads, one behind the other, into images; sets a length to 0 if rows are missing.

        Args:
            data: the payloads.
            lengths: int64 (n,), of each.
            images: uint8 (n, height, width), written.

        Raises:
            ValueError: the images are of another size, or the lengths do not add up.
        """
        self.check(images)
        total = np.sum(lengths)
        if lengths.shape[0] != images.shape[0] or total != data.shape[0] or (images.shape[0] and np.min(lengths) < 0):
            raise ValueError(f"{images.shape[0]} images, and {lengths.shape[0]} payloads of {data.shape[0]} bytes")
        with nogil:
            decode_images(self, data, lengths, images)

    cdef int check(self, uint8_t[:, :, ::1] images) except -1:
        if images.shape[1] != self.height or images.shape[2] != self.width:
            raise ValueError(f"images of {images.shape[1]}x{images.shape[2]} pixels, and a coder of another size")
        return 0


cdef void clear_rows(RowCoder rows) noexcept nogil:
    """Resets a coder of rows to before the first row."""
    clear_context(rows.pixels.context)
    rows.cache.tokens = 0
    rows.source.head[:] = 0
    memset(&rows.source.lines[0, 0], 0, (MARGIN + MAX_SIDE) * WORDS * sizeof(uint64_t))
    rows.source.up[:] = BORDER


cdef void set_source(SourceState source, SourceFinder finder) noexcept nogil:
    """Takes the source that was found."""
    source.head[STATUS], source.head[SIDE], source.head[PEAK] = PRESENT, finder.side, finder.peak
    source.head[TOP], source.head[LEFT] = finder.box_top, finder.box_left
    memcpy(&source.lines[MARGIN, 0], finder.rows, <size_t>(finder.side * WORDS) * sizeof(uint64_t))


cdef void find_source(
    SourceState source, SourceFinder finder, const uint8_t[:, ::1] pixels, Beam narrow, Beam wider
) noexcept nogil:
    """Searches for the source of an image, of the smallest side that has one, and writes it, or that there is none."""
    cdef Outcome outcome
    cdef int64_t s
    source.head[STATUS] = ABSENT
    if not begin_search(finder, pixels):
        return
    for s in range(LEVEL_SIDES):
        outcome = search_side(finder, pixels, s, narrow, wider)
        if outcome.found:
            set_source(source, finder)
        if outcome.possible:  # the levels rule out nearly all sides but the right one, so larger ones are not tried
            return


cdef bint append(Payloads* payloads, const uint8_t* data, int64_t length) noexcept nogil:
    """Appends a payload; returns false if there is no memory for it."""
    cdef int64_t capacity
    cdef void* grown
    if payloads.length + length > payloads.capacity:
        capacity = max(2 * payloads.capacity, payloads.length + length)
        grown = realloc(payloads.data, <size_t>capacity)
        if grown == NULL:
            return False
        payloads.data, payloads.capacity = <uint8_t*>grown, capacity
    if length:
        memcpy(payloads.data + payloads.length, data, <size_t>length)
    payloads.length += length
    return True


cdef bint encode_images(
    BatchWorkspace workspace, uint8_t[:, :, ::1] images, int64_t tier, SourceFinder finder, Beam narrow, Beam wider,
    Payloads* payloads, int64_t[::1] lengths,
) noexcept nogil:
    """Encodes images; arguments as `BatchWorkspace.encode`. Returns false if memory runs out."""
    cdef int64_t n
    for n in range(images.shape[0]):
        clear_rows(workspace.rows)
        find_source(workspace.rows.source, finder, images[n], narrow, wider)
        start_encoding(workspace.coder)
        workspace.choices[:] = tier
        code_pixel_rows(
            workspace.coder, workspace.rows, images[n], 0, 0, workspace.choices, workspace.spent, workspace.macs
        )
        lengths[n] = end_payload(workspace.coder)
        if workspace.coder.state.exhausted or not append(payloads, workspace.coder.written, lengths[n]):
            return False
    return True


cdef void decode_images(
    BatchWorkspace workspace, const uint8_t[::1] data, int64_t[::1] lengths, uint8_t[:, :, ::1] images
) noexcept nogil:
    """Decodes images; arguments as `BatchWorkspace.decode`."""
    cdef const uint8_t* payload = &data[0] if data.shape[0] else NULL
    cdef CodedRows coded
    cdef int64_t n, length
    for n in range(images.shape[0]):
        length = lengths[n]
        clear_rows(workspace.rows)
        start_decoding(workspace.coder, payload, length, length)
        workspace.choices[:] = 0
        coded = code_pixel_rows(
            workspace.coder, workspace.rows, images[n], 0, 0, workspace.choices, workspace.spent, workspace.macs
        )
        payload += length
        if coded.rows < workspace.height or workspace.coder.state.exhausted:
            lengths[n] = 0


def check_rendering(SourceTables tables not None, Grids grids not None):
    """Compares how sources are rendered by the tables of weights, as in decoders, and by the grids, as in searches.

    Raises:
        ModelError: the two differ.
    """
    cdef SourceState state = SourceState()
    cdef int64_t s, p
    cdef bint alike = True
    for s in range(SIDES):
        unfold(tables, MIN_SIDE + s, state.single, state.start, state.stop)
        alike &= np.array_equal(state.single, grids.single[s])
        for p in range(1 << PEAK_BITS):
            alike &= tables.peaks[s, p] == grids.peaks[s, p]
    if not alike:
        raise ModelError("the tables of bilevel sources render otherwise than the search for them")
