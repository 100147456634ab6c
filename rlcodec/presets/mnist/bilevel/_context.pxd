from libc.stdint cimport int16_t, int32_t, int64_t, uint32_t, uint64_t

from rlcodec.core._range_coder cimport PROBABILITY_ONE
from rlcodec.presets.mnist.bilevel._geometry cimport (
    MAX_SIDE, MIN_SIDE, PAD, PRIOR_CONTEXTS, SIDES, WORDS, Words, from_bit, get_bit, get_bits,
)

cpdef enum:
    MARGIN = 8  # empty rows above the first row of a source, so that windows never reach an edge
    SURE = 327  # a pixel is skipped if its neighbours give ink or background a probability below this, in 1/65536
    SKIPPED_SHIFT = 3  # logits of skipped pixels are in units of 2**-SKIPPED_SHIFT of those of networks
    PLACES = 64  # positions along each axis that learned rows tell apart
    LONGEST = 63  # longer runs count as this long
    BORDER = -1000  # run of background that reaches the border of the source
    SELECTED = 7  # learned rows of a pixel
    SELECTED_ROWS = SIDES + 2 * PLACES + 3 * 2 * (LONGEST + 1) + 64  # all of them
    UNKNOWN = 0
    ABSENT = 1
    PRESENT = 2
    # Fields of SourceState.head.
    STATUS = 0
    SIDE = 1
    PEAK = 2
    TOP = 3
    LEFT = 4
    PEAK_BITS = 6
    SIDE_BITS = 7
    PLACE_BITS = 7

cdef enum:
    HEAD_FIELDS = 5
    RUNS = 2 * (LONGEST + 1)  # runs that learned rows tell apart
    # The first learned row of each kind.
    ROWS_BY_Y = SIDES
    ROWS_BY_X = ROWS_BY_Y + PLACES
    ROWS_BY_UP = ROWS_BY_X + PLACES
    ROWS_BY_LEFT = ROWS_BY_UP + RUNS
    ROWS_BY_RIGHT = ROWS_BY_LEFT + RUNS
    ROWS_BY_STROKES = ROWS_BY_RIGHT + RUNS


cdef class SourceTables:
    cdef readonly const int16_t[:, ::1] cells
    cdef readonly const int32_t[:, :, ::1] areas
    cdef readonly const int64_t[:, ::1] peaks
    cdef readonly const int32_t[::1] near
    cdef readonly const int32_t[::1] absent
    cdef readonly const int32_t[::1] side
    cdef readonly const int32_t[::1] peak
    cdef readonly const int32_t[::1] top
    cdef readonly const int32_t[::1] left
    cdef readonly const int32_t[::1] slip
    cdef readonly const int32_t[::1] quiet
    cdef readonly const int32_t[::1] quiet_rows


cdef class SourceState:
    cdef readonly int64_t[::1] head
    cdef readonly uint64_t[:, ::1] lines
    cdef readonly int64_t[::1] up
    cdef readonly int64_t[:, ::1] single
    cdef readonly int64_t[::1] start
    cdef readonly int64_t[::1] stop


cdef void extend_runs(int64_t* runs, const uint64_t* line, int64_t side) noexcept nogil


cdef inline bint is_skipped(const int32_t[::1] near, int64_t context) noexcept nogil:
    """Whether the network is skipped for a pixel with these neighbours, a `near_context`; `near` as in `SourceTables`."""
    cdef int32_t p = near[context]
    return context == 0 or context == PRIOR_CONTEXTS - 1 or p < SURE or p > PROBABILITY_ONE - SURE


cdef inline int64_t extend_run(int64_t run, bint ink) noexcept nogil:
    """A run of equal pixels, extended by one more; ink counts up from 1, background down from -1."""
    if ink:
        return run + 1 if run > 0 else 1
    return run - 1 if run < 0 else -1


cdef inline int64_t survey_row(const uint64_t* line, int64_t side, int64_t* right) noexcept nogil:
    """Writes the run to the right of each pixel of a row, (side,), and returns the number of strokes in the row."""
    cdef int64_t run = BORDER, strokes = 0, ink, x
    for x in range(side - 1, -1, -1):
        ink = get_bit(line, x)
        strokes += ink & (run < 0)
        run = extend_run(run, ink)
        right[x] = run
    return strokes


cdef inline int64_t class_of_run(int64_t run) noexcept nogil:
    """Which of RUNS a signed run is."""
    if run > 0:
        return LONGEST + 1 + (run if run < LONGEST else LONGEST)
    return -run if -run < LONGEST else LONGEST


cdef inline int64_t place_of(int64_t position, int64_t side) noexcept nogil:
    """Which of PLACES a row or column of a source is."""
    return <int64_t>(<uint32_t>(PLACES * position) / <uint32_t>side)


cdef inline void select_rows(
    int64_t side, int64_t place_y, int64_t place_x, int64_t up, int64_t left, int64_t right, int64_t strokes_above,
    int64_t strokes_here, int64_t* out,
) noexcept nogil:
    """Writes which learned rows are selected at a source pixel, (SELECTED,); runs are signed as in `extend_run`."""
    out[0] = side - MIN_SIDE
    out[1] = ROWS_BY_Y + place_y
    out[2] = ROWS_BY_X + place_x
    out[3] = ROWS_BY_UP + class_of_run(up)
    out[4] = ROWS_BY_LEFT + class_of_run(left)
    out[5] = ROWS_BY_RIGHT + class_of_run(right)
    out[6] = ROWS_BY_STROKES + 8 * min(strokes_above, 7) + min(strokes_here, 7)


cdef inline int64_t skipped_logit(SourceTables tables, int64_t context, const int64_t* selected) noexcept nogil:
    """Logit of ink at a skipped pixel, in the units of the sigmoid table of networks."""
    cdef int64_t total = tables.quiet[context]
    cdef Py_ssize_t k
    for k in range(SELECTED):
        total += tables.quiet_rows[selected[k]]
    return (total + ((1 << SKIPPED_SHIFT) >> 1)) >> SKIPPED_SHIFT


cdef inline int64_t gather_window(
    const uint64_t* lines, int64_t y, int64_t x, int64_t rows_above, int64_t columns_aside, int64_t* which
) noexcept nogil:
    """Lists the ink in the causal window of source pixel (y, x).

    Args:
        lines: as in `SourceState`.
        y: row.
        x: column.
        rows_above: of the window, at most MARGIN.
        columns_aside: to either side, and to the left in the pixel's own row, at most PAD.
        which: receives the positions of ink, numbered in raster order.

    Returns:
        How many there are.
    """
    cdef int64_t span = 2 * columns_aside + 1, first = x + PAD - columns_aside
    cdef int64_t count = 0, row, bits, at
    lines += WORDS * (y + MARGIN - rows_above)
    for row in range(rows_above + 1):
        bits = get_bits(lines + WORDS * row, first, span if row < rows_above else columns_aside)
        at = row * span
        while bits:
            if bits & 1:
                which[count] = at
                count += 1
            bits >>= 1
            at += 1
    return count
