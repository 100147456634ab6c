"""Writes the contexts of all pixels of a source, for `rlcodec.presets.mnist.bilevel.tokens`."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from rlcodec.presets.mnist.bilevel._context cimport (
    BORDER, MARGIN, SELECTED, SIDE, SourceState, extend_run, gather_window, is_skipped, place_of, select_rows,
    survey_row,
)
from rlcodec.presets.mnist.bilevel._geometry cimport MAX_SIDE, PAD, PRIOR_CONTEXTS, WORDS, get_bit, near_context

cdef enum:
    MOST_INPUTS = (MARGIN + 1) * (2 * PAD + 1)


def write_contexts(
    SourceState source not None, const int32_t[::1] near, int64_t rows_above, int64_t columns_aside, bint skipped,
    uint8_t[:, ::1] inputs, int64_t[:, ::1] selections, int64_t[::1] contexts, int64_t[::1] symbols,
):
    """Writes the contexts of the skipped pixels of a source, or of the others.

    Args:
        source: of a known image, before the first row.
        near: as in `SourceTables`.
        rows_above: of the network's window, at most MARGIN.
        columns_aside: of the network's window, at most PAD.
        skipped: which pixels.
        inputs: uint8 (side * side, window), written unless the pixels are skipped ones.
        selections: int64 (side * side, SELECTED), written.
        contexts: int64 (side * side,), written.
        symbols: int64 (side * side,), written.

    Returns:
        How many pixels there are.

    Raises:
        ValueError: the sizes of the arrays or of the window do not fit.
    """
    cdef int64_t side = source.head[SIDE], most = side * side, window = rows_above * (2 * columns_aside + 1) + columns_aside
    cdef uint64_t* lines = &source.lines[0, 0]
    cdef uint64_t* line
    cdef int64_t[MAX_SIDE] up
    cdef int64_t[MAX_SIDE] right
    cdef int64_t[MOST_INPUTS] which
    cdef int64_t count = 0, i, j, k, strokes, strokes_here, left, context, symbol
    if not 0 <= rows_above <= MARGIN or not 0 <= columns_aside <= PAD or near.shape[0] != PRIOR_CONTEXTS:
        raise ValueError(f"a window of {rows_above} rows and {columns_aside} columns, or the table, does not fit")
    if min(selections.shape[0], contexts.shape[0], symbols.shape[0]) < most or selections.shape[1] != SELECTED:
        raise ValueError(f"the arrays are too small for a source of {side}x{side} pixels")
    if not skipped and (inputs.shape[0] < most or inputs.shape[1] != window):
        raise ValueError(f"the inputs are {inputs.shape[0]}x{inputs.shape[1]}, and not {most}x{window}")
    with nogil:
        for j in range(side):
            up[j] = BORDER
        for i in range(side):
            line = lines + WORDS * (MARGIN + i)
            strokes, strokes_here, left = survey_row(line - WORDS, side, right), 0, BORDER
            for j in range(side):
                context, symbol = near_context(line - 2 * WORDS, j), get_bit(line, j)
                if is_skipped(near, context) == skipped:
                    select_rows(
                        side, place_of(i, side), place_of(j, side), up[j], left, right[j], strokes, strokes_here,
                        &selections[count, 0],
                    )
                    if not skipped:
                        inputs[count, :] = 0
                        for k in range(gather_window(lines, i, j, rows_above, columns_aside, which)):
                            inputs[count, which[k]] = 1
                    contexts[count], symbols[count] = context, symbol
                    count += 1
                strokes_here += symbol & (left < 0)
                left = extend_run(left, symbol)
                up[j] = extend_run(up[j], symbol)
    return count
