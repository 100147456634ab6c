"""Contexts of pixels, as the coder forms them, for training its networks and tables."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t

from rlcodec.presets.mnist._pixel_coder cimport (
    GRID,
    SUMMARIES,
    TABLE_CONTEXTS,
    TRIVIAL_STATES,
    PixelContext,
    is_trivial,
    place,
    record_pixel,
    runs_in_row,
    summarise,
    table_context,
    trivial_state,
)

from rlcodec.presets.mnist._pixel_coder import SUMMARY_ROWS, WINDOW

cdef enum:
    SELECTED_VALUE = 64  # of a selected row among the inputs; export scales the weights accordingly

ROW_ON = SELECTED_VALUE


def contexts(images, reconstructions, budgets):
    """Contexts of the pixels whose context is not all background.

    Args:
        images: uint8 (n, height, width).
        reconstructions: uint8 (n, height, width); zeros where the budget is 0.
        budgets: int64 (n,), index of the bit budget.

    Returns:
        Inputs, uint8 (m, window + SUMMARY_ROWS), with ROW_ON for selected rows, and symbols, int64 (m,).
    """
    inputs = np.zeros((images.size, len(WINDOW) + SUMMARY_ROWS), np.uint8)
    symbols = np.empty(images.size, np.int64)
    cdef uint8_t[:, ::1] rows = inputs
    cdef int64_t[::1] values = symbols
    cdef const uint8_t[:, ::1] image
    cdef PixelContext context
    cdef int64_t[SUMMARIES] selected
    cdef int64_t budget, y, x, i, runs_above, runs_here, count = 0
    cdef uint8_t value, before
    cdef Py_ssize_t window = len(WINDOW)
    for picture, reconstruction, index in zip(images, reconstructions, budgets.tolist(), strict=True):
        image, context, budget = picture, PixelContext(reconstruction), index
        with nogil:
            for y in range(context.height):
                runs_above, runs_here, before = runs_in_row(context, y - 1) if y else 0, 0, 0
                for x in range(context.width):
                    value = image[y, x]
                    if not is_trivial(context, y, x):
                        summarise(context, y, x, budget, runs_above, runs_here, selected)
                        for i in range(window):
                            rows[count, i] = <uint8_t>place(context, y, x)[context.offsets[i]]
                        for i in range(SUMMARIES):
                            rows[count, window + selected[i]] = SELECTED_VALUE
                        values[count] = value
                        count += 1
                    record_pixel(context, y, x, value)
                    runs_here += value != 0 and before == 0
                    before = value
    return inputs[:count], symbols[:count]


def count_static(images, reconstructions, budgets):
    """Counts pixels by the contexts of the coder's static tables, and those whose context is all background.

    Args:
        images: uint8 (n, height, width).
        reconstructions: uint8 (n, height, width); zeros where the budget is 0.
        budgets: int64 (n,), index of the bit budget.

    Returns:
        int64: pixels by context and value (TABLE_CONTEXTS, 256), those in background by state, place and whether they are ink
        (TRIVIAL_STATES, GRID, GRID, 2), and the values of such ink (256,).
    """
    pixels = np.zeros((TABLE_CONTEXTS, 256), np.int64)
    trivial = np.zeros((TRIVIAL_STATES, GRID, GRID, 2), np.int64)
    escapes = np.zeros(256, np.int64)
    cdef int64_t[:, ::1] of_pixels = pixels
    cdef int64_t[:, :, :, ::1] of_trivial = trivial
    cdef int64_t[::1] of_escapes = escapes
    cdef const uint8_t[:, ::1] image
    cdef PixelContext context
    cdef int64_t budget, y, x
    cdef uint8_t value
    for picture, reconstruction, index in zip(images, reconstructions, budgets.tolist(), strict=True):
        image, context, budget = picture, PixelContext(reconstruction), index
        with nogil:
            for y in range(context.height):
                for x in range(context.width):
                    value = image[y, x]
                    of_pixels[table_context(context, y, x, budget), value] += 1
                    if is_trivial(context, y, x):
                        of_trivial[trivial_state(context, budget), min(y, GRID - 1), min(x, GRID - 1), value != 0] += 1
                        if value:
                            of_escapes[value] += 1
                    record_pixel(context, y, x, value)
    return pixels, trivial, escapes
