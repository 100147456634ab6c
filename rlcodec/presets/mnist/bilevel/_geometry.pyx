"""How bilevel sources render to gray levels; `rlcodec.presets.mnist.bilevel.geometry` says why in this way."""

from libc.stdint cimport int64_t, uint64_t


cdef inline int64_t round_to_single(int64_t value, int64_t* shift) noexcept nogil:
    """Rounds to MANTISSA_BITS significant bits, halves to even.

    Args:
        value: not negative.
        shift: a first guess of how many bits are cut off, for instance those of the previous value; receives how many are.
    """
    cdef int64_t cut = shift[0]
    while value >> (cut + MANTISSA_BITS):
        cut += 1
    while cut > 0 and not value >> (cut + MANTISSA_BITS - 1):
        cut -= 1
    shift[0] = cut
    if cut > 0:
        value = (value + (<int64_t>1 << (cut - 1)) - 1 + ((value >> cut) & 1)) >> cut << cut
    return value


cdef int64_t box_area(
    const uint64_t* rows, const int64_t* single, int64_t width, const int64_t* start, const int64_t* stop, int64_t r, int64_t c
) noexcept nogil:
    """Area of ink in pixel (r, c) of the box, rounded as the original program did.

    Args:
        rows: the source.
        single: (BOX, width), of the grid.
        width: the side or more.
        start: (BOX,), of the grid.
        stop: (BOX,), of the grid.
        r: row in the box.
        c: column in the box.
    """
    cdef const int64_t* heights = single + width * r
    cdef const int64_t* widths = single + width * c
    cdef int64_t total = 0, shift = USUAL_BITS - MANTISSA_BITS, i, j, bits
    for i in range(start[r], stop[r]):
        bits = get_bits(rows + WORDS * i, start[c] + PAD, stop[c] - start[c])
        j = start[c]
        while bits:
            if bits & 1:
                total = round_to_single(total + heights[i] * widths[j], &shift)
            bits >>= 1
            j += 1
    return total


cdef Levels gray_level(int64_t area, int64_t peak) noexcept nogil:
    """Gray level of an area if `peak`, above 0, is the brightest, and the level of a rounding exception."""
    cdef Levels out
    cdef int64_t scaled, level, rest, near
    cdef bint up, down
    area >>= AREA_BITS - 6
    peak >>= AREA_BITS - 6
    scaled = WHITE * area
    level = scaled // peak
    rest = scaled - level * peak
    near = peak >> TIE_SHIFT
    up, down = peak - rest <= near, rest <= near and level > 0
    if level < MIDDLE:
        if rest:
            out.level, out.exception = level + 1, level if down else (level + 2 if up else level + 1)
        else:
            out.level, out.exception = level, level + 1 if down else level
    else:
        out.level, out.exception = level, level - 1 if down else (level + 1 if up else level)
    return out


def area_of_ink(
    const uint64_t[:, ::1] rows, const int64_t[:, ::1] single, const int64_t[::1] start, const int64_t[::1] stop, int64_t r,
    int64_t c,
):
    """Area of ink in pixel (r, c) of the box of a whole source, uint64 (side, WORDS); other arguments as `Grid` holds them."""
    cdef int64_t side = rows.shape[0]
    if rows.shape[1] != WORDS or single.shape[1] < side or not 0 <= r < BOX or not 0 <= c < BOX:
        raise ValueError(f"a source of {side} rows has no pixel ({r}, {c}) in the box")
    if start.shape[0] != BOX or stop.shape[0] != BOX or single.shape[0] != BOX:
        raise ValueError("the arrays are no grid")
    if not 0 <= start[r] <= stop[r] <= side or not 0 <= start[c] <= stop[c] <= side:
        raise ValueError(f"the grid is not of a source of {side} rows")
    return box_area(&rows[0, 0], &single[0, 0], single.shape[1], &start[0], &stop[0], r, c)


def levels_of(int64_t area, int64_t peak):
    """Gray level of an area if `peak` is the brightest, and the level of a rounding exception; the same unless there is a tie.

    Raises:
        ValueError: the brightest area is less than the smallest that the arithmetic tells from 0.
    """
    if not 0 <= area <= peak or peak >> (AREA_BITS - 6) == 0:
        raise ValueError(f"an area of {area} cannot be rendered if the brightest is {peak}")
    cdef Levels levels = gray_level(area, peak)
    return levels.level, levels.exception


def set_pixel(uint64_t[::1] row, int64_t column):
    """Sets a pixel of a row of a source, uint64 (WORDS,), to ink."""
    if row.shape[0] != WORDS or not -PAD <= column < 64 * WORDS - PAD:
        raise ValueError(f"a row of {row.shape[0]} words has no column {column}")
    set_bit(&row[0], column)


def pixels_of(const uint64_t[::1] row, int64_t first, int64_t count):
    """`count` pixels, fewer than 64, of a row of a source, uint64 (WORDS,), from bit `first` on."""
    if row.shape[0] != WORDS or not 0 <= first < 64 * WORDS or not 0 <= count < 64:
        raise ValueError(f"a row of {row.shape[0]} words has no {count} bits from bit {first} on")
    return get_bits(&row[0], first, count)
