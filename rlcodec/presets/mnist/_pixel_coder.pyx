"""The raster-encoder of pixels that `rlcodec.presets.mnist.pixel_coder` describes."""

import functools

import numpy as np

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t

from rlcodec.core._integer_mlp cimport UNROLL, ContextNet, Layers, clip, code_tree, run_sparse
from rlcodec.core._range_coder cimport RangeCoder, code_decision

from rlcodec.errors import ModelError

RECON_FLOOR = 8
"""Reconstructed values below this count as background in the context, so that the context of background stays trivial."""
NEAR_ROWS, NEAR_COLUMNS, RECON_RADIUS = 3, 3, 2
SUMMARY_SIZES = (GRID, GRID, 29, 50, 50, 33, 20, 29, 16, 33, 33)
SUMMARY_ROWS = sum(SUMMARY_SIZES)

cdef int64_t[SUMMARIES] SUMMARY_BASES
for i in range(SUMMARIES):
    SUMMARY_BASES[i] = sum(SUMMARY_SIZES[:i])


def pixel_window():
    """Inputs of the network as (plane, dy, dx): the causal window, the reconstruction, and flags of the near part."""
    window = [
        (VALUE_PLANE, dy, dx)
        for dy in range(-ROWS_ABOVE, 1)
        for dx in range(-COLUMNS_ASIDE, COLUMNS_ASIDE + 1)
        if dy < 0 or dx < 0
    ]
    near = [(dy, dx) for _, dy, dx in window if dy >= -NEAR_ROWS and abs(dx) <= NEAR_COLUMNS]
    flags = [(plane, dy, dx) for plane in (INK_PLANE, SATURATED_PLANE) for dy, dx in near]
    radius = range(-RECON_RADIUS, RECON_RADIUS + 1)
    return (*window, *((RECON_PLANE, dy, dx) for dy in radius for dx in radius), *flags)


WINDOW = np.array(pixel_window(), np.int64)

cdef Py_ssize_t WINDOW_INPUTS = np.isin(WINDOW[:, 0], (VALUE_PLANE, RECON_PLANE)).sum()


@functools.cache
def window_offsets(height, width):
    """Inputs of the network as offsets from a pixel in a flat buffer whose planes have that size, int64."""
    return WINDOW @ np.array([height * width, width, 1])


cdef class PixelContext:
    """The pixels that were coded of an image, and summaries of them, before the first pixel.

    Args:
        reconstruction: uint8 (height, width), of the latents, or zeros if there is none.
    """

    def __init__(self, reconstruction):
        height, width = reconstruction.shape
        buffer = np.zeros((PLANES, height + 2 * ROWS_ABOVE, width + 2 * COLUMNS_ASIDE), np.int16)
        inner = buffer[RECON_PLANE, ROWS_ABOVE : ROWS_ABOVE + height, COLUMNS_ASIDE : COLUMNS_ASIDE + width]
        inner[:] = np.where(reconstruction < RECON_FLOOR, 0, reconstruction)
        self.height, self.width, self.buffer = height, width, buffer
        self.last_ink = np.empty(width, np.int64)
        self.offsets = window_offsets(buffer.shape[1], buffer.shape[2])
        self.window_inputs = WINDOW_INPUTS
        forget(self)


cdef void forget(PixelContext context) noexcept nogil:
    """Resets the running summaries to before the first pixel."""
    context.last_ink[:] = -1
    context.first_row, context.left, context.right = -1, 0, 0
    context.ink_count = context.sum_x = context.sum_y = 0


cdef void clear_context(PixelContext context) noexcept nogil:
    """Resets a context to before the first pixel of an image without a reconstruction."""
    context.buffer[:] = 0
    forget(context)


cdef void summarise(
    PixelContext context, int64_t y, int64_t x, int64_t budget, int64_t runs_above, int64_t runs_here, int64_t* out
) noexcept nogil:
    """Writes which rows of the learned tables are selected at (y, x), (SUMMARIES,)."""
    cdef bint seen = context.first_row >= 0
    cdef int64_t gap = context.last_ink[x], i
    out[POSITION_Y] = min(y, GRID - 1)
    out[POSITION_X] = min(x, GRID - 1)
    out[FROM_TOP] = 1 + min(y - context.first_row, 27) if seen else 0
    out[FROM_LEFT] = 21 + clip(x - context.left, -20, 28) if seen else 0
    out[FROM_RIGHT] = 29 + clip(x - context.right, -28, 20) if seen else 0
    out[BUDGET] = budget
    out[INK] = min(context.ink_count >> 4, 19)
    out[COLUMN_GAP] = min(y - gap, 28) if gap >= 0 else 0
    out[RUNS] = 4 * min(runs_above, 3) + min(runs_here, 3)
    out[MOMENT_X] = 16 + clip(context.sum_x // 6120, -16, 16)
    out[MOMENT_Y] = 16 + clip(context.sum_y // 12240, -16, 16)
    for i in range(SUMMARIES):
        out[i] += SUMMARY_BASES[i]


cdef int64_t runs_in_row(PixelContext context, int64_t y) noexcept nogil:
    """Number of runs of ink in row `y` of the image."""
    cdef int64_t runs = 0, x
    cdef int16_t ink, before = 0
    for x in range(context.width):
        ink = context.buffer[INK_PLANE, y + ROWS_ABOVE, x + COLUMNS_ASIDE]
        runs += ink != 0 and before == 0
        before = ink
    return runs


cdef void record_pixel(PixelContext context, int64_t y, int64_t x, int64_t value) noexcept nogil:
    """Enters a coded pixel into the context."""
    cdef int64_t row = y + ROWS_ABOVE, column = x + COLUMNS_ASIDE
    if value == 0:
        return
    context.buffer[VALUE_PLANE, row, column] = <int16_t>value
    context.buffer[INK_PLANE, row, column] = 255
    if value >= SATURATED:
        context.buffer[SATURATED_PLANE, row, column] = 255
    if context.first_row < 0:
        context.first_row, context.left, context.right = y, x, x
    context.left, context.right = min(context.left, x), max(context.right, x)
    context.ink_count += 1
    context.sum_x += value * (2 * x - (context.width - 1))
    context.sum_y += value * (2 * y - (context.height - 1))
    context.last_ink[x] = y


cdef bint is_trivial(PixelContext context, int64_t y, int64_t x) noexcept nogil:
    """Whether the context of a pixel is all background."""
    cdef const int16_t* near = place(context, y, x)
    cdef Py_ssize_t i
    for i in range(context.window_inputs):
        if near[context.offsets[i]] != 0:
            return False
    return True


cdef inline int64_t level(int64_t value) noexcept nogil:
    return 0 if value == 0 else 1 if value < 128 else 2 if value < SATURATED else 3


cdef int64_t table_context(PixelContext context, int64_t y, int64_t x, int64_t budget) noexcept nogil:
    """Class of the nearest neighbours of a pixel, an index into `StaticTables.pixel`."""
    cdef int64_t row = y + ROWS_ABOVE, column = x + COLUMNS_ASIDE, recon = 0, guess
    cdef int64_t west = level(context.buffer[VALUE_PLANE, row, column - 1])
    cdef int64_t north = level(context.buffer[VALUE_PLANE, row - 1, column])
    cdef int64_t north_east = context.buffer[VALUE_PLANE, row - 1, column + 1] != 0
    if budget > 0:
        guess = context.buffer[RECON_PLANE, row, column]
        recon = 1 if guess == 0 else 2 if guess < 128 else 3
    return ((west * 4 + north) * 2 + north_east) * 4 + recon


cdef class PixelCoder:
    """Network, tables and state of coding rows of pixels, before the first row.

    Args:
        net: tier `context`.
        tables: tier `table`, a `rlcodec.presets.mnist.static_tables.StaticTables`.
        context: uint8 (height, width), the reconstruction, or zeros if there is none.

    Raises:
        ModelError: network and tables do not fit.
    """

    def __init__(self, ContextNet net, tables, context):
        self.net, self.pixel, self.trivial, self.escape = net, tables.pixel, tables.trivial, tables.escape
        self.context, self.layers = PixelContext(context), Layers(net)
        inputs = len(self.context.offsets)
        self.which, self.values = np.zeros(inputs + UNROLL, np.int64), np.zeros(inputs + UNROLL, np.int32)
        self.selected = np.zeros(SUMMARIES, np.int64)
        nodes = net.nodes.shape[0]
        if net.first.shape[0] != inputs or net.rows.shape[0] != SUMMARY_ROWS:
            raise ModelError(f"the network of pixels has {net.first.shape[0]} inputs and {net.rows.shape[0]} rows")
        if tables.pixel.shape != (TABLE_CONTEXTS, nodes) or tables.escape.shape != (nodes,):
            raise ModelError(f"the tables of pixels, {tables.pixel.shape}, do not fit the network's {nodes} decisions")
        if tables.trivial.shape != (TRIVIAL_STATES, GRID, GRID):
            raise ModelError(f"the table of background has shape {tables.trivial.shape}")


cdef Py_ssize_t gather(PixelCoder pixels, const int16_t* near) noexcept nogil:
    """Lists the inputs that are not zero, followed by UNROLL - 1 zeros; returns how many there are."""
    cdef const int64_t* offsets = &pixels.context.offsets[0]
    cdef int64_t* which = &pixels.which[0]
    cdef int32_t* values = &pixels.values[0]
    cdef Py_ssize_t count = 0, i
    cdef int32_t value
    for i in range(pixels.context.offsets.shape[0]):
        value = near[offsets[i]]
        which[count], values[count] = i, value
        count += value != 0
    for i in range(count, count + UNROLL - 1):
        which[i], values[i] = 0, 0
    return count


cdef int64_t code_symbol_static(
    RangeCoder coder, ContextNet net, const int32_t* probabilities, int64_t root, int64_t symbol
) noexcept nogil:
    """Codes a pixel down the tree with given probabilities; returns it, or -1 if the data are exhausted."""
    cdef int64_t node = root, bit
    while node >= 0:
        bit = code_decision(coder, probabilities[node], symbol > net.threshold[node])
        if coder.state.exhausted:
            return -1
        coder.state.macs += 1
        node = net.children[node, bit]
    return -1 - node


cdef int64_t code_trivial(
    RangeCoder coder, PixelCoder pixels, int64_t state, int64_t y, int64_t x, int64_t symbol
) noexcept nogil:
    """Codes a pixel whose whole context is background; returns it, and sets `exhausted` if the data are exhausted."""
    cdef int64_t bit = code_decision(coder, pixels.trivial[state, min(y, GRID - 1), min(x, GRID - 1)], symbol > 0)
    coder.state.macs += 1
    if bit:
        return code_symbol_static(coder, pixels.net, &pixels.escape[0], pixels.net.children[0, 1], symbol)
    return 0


cdef int64_t code_pixel_row(
    RangeCoder coder, PixelCoder pixels, uint8_t[:, ::1] image, int64_t y, int64_t budget, bint use_network
) noexcept nogil:
    """Codes one row of pixels, in the coder's direction.

    Args:
        coder: its cost and multiply-accumulates grow by what the row takes.
        pixels: holds the rows above.
        image: (height, width), of the size of the context; read when encoding, written when decoding.
        y: the row.
        budget: latent slices that the bit budget touches, 0 if there is no reconstruction.
        use_network: tier `context` if true, `table` otherwise.

    Returns:
        Pixels coded: the width, or fewer if the data are exhausted.
    """
    return code_line(coder, pixels, pixels.context, &image[y, 0], y, budget, use_network)


cdef int64_t code_line(
    RangeCoder coder, PixelCoder pixels, PixelContext context, uint8_t* line, int64_t y, int64_t budget, bint use_network
) noexcept nogil:
    cdef int64_t runs_above = runs_in_row(context, y - 1) if y else 0, runs_here = 0, before = 0, x, symbol
    cdef Py_ssize_t active
    for x in range(context.width):
        symbol = line[x]
        if not use_network:
            symbol = code_symbol_static(
                coder, pixels.net, &pixels.pixel[table_context(context, y, x, budget), 0], 0, symbol
            )
        else:
            active = gather(pixels, place(context, y, x))
            if active == 0:
                symbol = code_trivial(coder, pixels, trivial_state(context, budget), y, x, symbol)
            else:
                summarise(context, y, x, budget, runs_above, runs_here, &pixels.selected[0])
                coder.state.macs += run_sparse(
                    pixels.net, pixels.layers, &pixels.selected[0], SUMMARIES, &pixels.which[0], &pixels.values[0], active
                )
                symbol = code_tree(coder, pixels.net, &pixels.layers.last[0], 0, symbol)
        if coder.state.exhausted:
            return x
        line[x] = <uint8_t>symbol
        record_pixel(context, y, x, symbol)
        runs_here += symbol != 0 and before == 0
        before = symbol
    return context.width


def code_row(RangeCoder coder, PixelCoder pixels, uint8_t[:, ::1] image, int64_t y, int64_t budget, bint use_network):
    """Codes one row of pixels, in the coder's direction; returns the pixels coded: the width, or fewer if the data end.

    Args:
        coder: its cost and multiply-accumulates grow by what the row takes.
        pixels: holds the rows above.
        image: uint8 (height, width); read when encoding, written when decoding.
        y: the row.
        budget: latent slices that the bit budget touches, 0 if there is no reconstruction.
        use_network: tier `context` if true, `table` otherwise.
    """
    if image.shape[0] != pixels.context.height or image.shape[1] != pixels.context.width or not 0 <= y < image.shape[0]:
        raise ValueError(f"row {y} of a picture of {image.shape[0]}x{image.shape[1]} pixels does not fit the coder's")
    return code_pixel_row(coder, pixels, image, y, budget, use_network)


def nontrivial_pixels(reconstruction, const uint8_t[:, ::1] image):
    """Pixels of each row whose context is not all background, int64 (height,): where tier `context` runs its network.

    Args:
        reconstruction: uint8 (height, width), or zeros if there is none.
        image: uint8 (height, width).
    """
    cdef PixelContext context = PixelContext(reconstruction)
    counts = np.zeros(context.height, np.int64)
    cdef int64_t[::1] found = counts
    cdef int64_t y, x
    with nogil:
        for y in range(context.height):
            for x in range(context.width):
                found[y] += not is_trivial(context, y, x)
                record_pixel(context, y, x, image[y, x])
    return counts
