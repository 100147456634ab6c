"""The beam search for bilevel sources; `rlcodec.presets.mnist.bilevel.search` says what it finds."""

import numpy as np

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

from rlcodec.presets.mnist.bilevel._geometry cimport (
    BOX, MAX_SIDE, MIN_SIDE, PAD, PRIOR_CONTEXTS, SIDES, WHITE, WORDS, Levels, box_area, get_bits, gray_level, near_context,
    set_bit,
)
from rlcodec.presets.mnist.bilevel._gray_levels cimport LEVEL_SIDES, Bounds, LevelTables, is_level_possible, level_bounds
from rlcodec.presets.mnist.bilevel._grids cimport EXACT_PEAKS, Grids

cdef enum:
    PLACE_BITS = 13  # of a key, which holds a cost above the place of its state or choice
    PLACE_MASK = (1 << 13) - 1
    WIDEST = 1 << 10
    FEW = 16  # keys, so many of which are chosen by insertion
    DIGIT_BITS = 8
    DIGITS = 1 << 8


cdef class Beam:
    """Workspace of a beam search.

    Args:
        width: states that are kept after each pixel of the box, at most WIDEST.
    """

    def __cinit__(self, int64_t width):
        if not 0 < width <= WIDEST:
            raise ValueError(f"a beam of width {width}")
        self.width = width
        self.slot_count = 2
        while self.slot_count < 2 * width:
            self.slot_count *= 2
        self.states = <State*>malloc(<size_t>(8 * width) * sizeof(State))
        self.choices = <Choice*>malloc(<size_t>(8 * width) * sizeof(Choice))
        self.keys = <uint64_t*>malloc(<size_t>(16 * width) * sizeof(uint64_t))
        self.kept = <uint64_t*>malloc(<size_t>(BOX * width * WINDOW * WORDS) * sizeof(uint64_t))
        self.origins = <int32_t*>malloc(<size_t>(BOX * width) * sizeof(int32_t))
        self.slots = <int32_t*>malloc(<size_t>self.slot_count * sizeof(int32_t))
        if not (self.states and self.choices and self.keys and self.kept and self.origins and self.slots):
            raise MemoryError("no memory is left for a beam search")

    def __dealloc__(self):
        free(self.states)
        free(self.choices)
        free(self.keys)
        free(self.kept)
        free(self.origins)
        free(self.slots)


cdef class SourceFinder:
    """Searches for bilevel sources, of one thread.

    Args:
        grids: of all sides.
        prior: int32 (PRIOR_CONTEXTS, 2), cost of a 0 and of a 1 by `near_context`.
        possible: possible gray levels, which rule out sides; no larger sides are tried then.
        most_peaks: sources whose index of the brightest area is not below are not taken.
    """

    def __init__(
        self, Grids grids not None, const int32_t[:, ::1] prior not None, LevelTables possible=None,
        int64_t most_peaks=BOX * BOX,
    ):
        if prior.shape[0] != PRIOR_CONTEXTS or prior.shape[1] != 2 or np.min(prior) < 0:
            raise ValueError(f"{prior.shape[0]}x{prior.shape[1]} costs of source pixels, or costs below 0")
        self.grids, self.prior, self.possible, self.most_peaks = grids, prior, possible, most_peaks

    def find(self, const uint8_t[:, ::1] pixels not None, Beam beam not None):
        """The cheapest source of the smallest side that has one, for an image, uint8 (height, width).

        Returns:
            Its rows, uint64 (side, WORDS), the index of its brightest area, and the row and column of its box in the image;
            None if none was found.
        """
        cdef Outcome outcome
        cdef int64_t s = 0, sides = SIDES if self.possible is None else LEVEL_SIDES
        outcome.found = False
        with nogil:
            if begin_search(self, pixels):
                while s < sides and not outcome.found:
                    outcome = search_side(self, pixels, s, beam, beam)
                    s += 1
        if not outcome.found:
            return None
        rows = np.empty((self.side, WORDS), np.uint64)
        cdef uint64_t[:, ::1] out = rows
        memcpy(&out[0, 0], self.rows, <size_t>(self.side * WORDS) * sizeof(uint64_t))
        return rows, self.peak, self.box_top, self.box_left


cdef bint begin_search(SourceFinder finder, const uint8_t[:, ::1] pixels) noexcept nogil:
    """Finds the ink of an image; returns whether a box can hold it and no smaller one."""
    cdef int64_t height = pixels.shape[0], width = pixels.shape[1], y, x
    cdef GrayPixel* gray
    finder.top, finder.bottom, finder.left, finder.right = height, 0, width, 0
    for y in range(height):
        for x in range(width):
            if pixels[y, x]:
                finder.top, finder.bottom = min(finder.top, y), y + 1
                finder.left, finder.right = min(finder.left, x), max(finder.right, x + 1)
    if max(finder.bottom - finder.top, finder.right - finder.left) != BOX:
        return False
    finder.gray_count = 0
    for y in range(finder.top, finder.bottom):
        for x in range(finder.left, finder.right):
            if 0 < pixels[y, x] < WHITE:
                gray = &finder.gray[finder.gray_count]
                gray.y, gray.x, gray.level = <uint8_t>(y - finder.top), <uint8_t>(x - finder.left), pixels[y, x]
                finder.gray_count += 1
    return True


cdef void place_ink(SourceFinder finder, const uint8_t[:, ::1] pixels, int64_t row, int64_t column) noexcept nogil:
    """Writes the ink into an empty box, from a row and column on."""
    cdef int64_t y
    memset(finder.levels, 0, BOX * BOX)
    for y in range(finder.top, finder.bottom):
        memcpy(
            &finder.levels[BOX * (row + y - finder.top) + column], &pixels[y, finder.left],
            <size_t>(finder.right - finder.left),
        )


cdef Outcome search_side(
    SourceFinder finder, const uint8_t[:, ::1] pixels, int64_t s, Beam first, Beam second
) noexcept nogil:
    """Searches for the cheapest source of side MIN_SIDE + s.

    Args:
        finder: `begin_search` found the ink; receives the source.
        pixels: the same image.
        s: index of the side.
        first: workspace of the search.
        second: of another search if the first finds nothing, unless it is the same.

    Returns:
        Whether the gray levels allow the side, and whether a source was found.
    """
    cdef int64_t height = finder.bottom - finder.top, width = finder.right - finder.left, extent = min(height, width)
    cdef int64_t offset, row, column, p, cost, index
    cdef Outcome outcome
    outcome.possible = outcome.found = False
    for offset in range(BOX - extent + 1):
        if not finder.grids.offsets[s, extent, offset]:
            continue
        row, column = offset if height < BOX else 0, 0 if height < BOX else offset
        for p in range(EXACT_PEAKS):
            if not are_levels_possible(finder, s, p, row, column):
                continue
            place_ink(finder, pixels, row, column)
            if not propagate(finder, s, finder.grids.exact_peaks[s, p]):
                continue
            outcome.possible = True
            cost = search(finder, first, s, finder.grids.exact_peaks[s, p])
            if cost == NOT_FOUND and second is not first:
                cost = search(finder, second, s, finder.grids.exact_peaks[s, p])
            if cost == NOT_FOUND or (outcome.found and cost >= finder.cost):
                continue
            index = explain(finder, s)
            if 0 <= index < finder.most_peaks:
                outcome.found = True
                finder.cost, finder.side, finder.peak = cost, MIN_SIDE + s, index
                finder.box_top, finder.box_left = finder.top - row, finder.left - column
                memcpy(finder.rows, finder.candidate, sizeof(finder.rows))
    return outcome


cdef bint are_levels_possible(SourceFinder finder, int64_t s, int64_t p, int64_t row, int64_t column) noexcept nogil:
    """Whether the tables of gray levels, if there are any, allow side MIN_SIDE + s with brightest area `p`.

    Args:
        finder: `begin_search` found the ink.
        s: index of the side.
        p: index of the brightest area.
        row: of the box, in which the ink begins.
        column: the same.
    """
    cdef const GrayPixel* pixel
    cdef int64_t i
    if finder.possible is None:
        return True
    for i in range(finder.gray_count):
        pixel = &finder.gray[i]
        if not is_level_possible(finder.possible, s, p, row + pixel.y, column + pixel.x, pixel.level):
            return False
    return True


@cython.cdivision(True)
cdef inline Bounds area_bounds(int64_t level, int64_t peak) noexcept nogil:
    """Smallest and largest area that can give a gray level above 0 if `peak` is the brightest, ties included."""
    cdef Bounds bounds = level_bounds(level, peak)
    bounds.low = (bounds.low + WHITE - 1) // WHITE if bounds.low > 0 else 0
    bounds.high //= WHITE
    return bounds


cdef inline void clear_bit(uint64_t* row, int64_t column) noexcept nogil:
    """Clears a pixel of a row."""
    cdef int64_t bit = column + PAD
    row[bit >> 6] &= ~(<uint64_t>1 << (bit & 63))


cdef inline void set_bits(uint64_t* row, int64_t column, int64_t count) noexcept nogil:
    """Sets `count` pixels of a row from a column on."""
    cdef int64_t first = column + PAD, stop = column + PAD + count
    if first < 64:
        row[0] |= ~<uint64_t>0 << first & (((<uint64_t>1 << stop) - 1) if stop < 64 else ~<uint64_t>0)
    if stop > 64:
        row[1] |= ((<uint64_t>1 << (stop - 64)) - 1) & ~<uint64_t>0 << (first - 64 if first > 64 else 0)


cdef bint propagate(SourceFinder finder, int64_t s, int64_t peak) noexcept nogil:
    """Finds the source pixels that the gray levels determine, by constraint propagation.

    Args:
        finder: holds the gray levels; `ink` and `open` are written.
        s: index of the side.
        peak: the brightest area.

    Returns:
        False if the levels contradict each other.
    """
    cdef const int64_t* start = &finder.grids.start[s, 0]
    cdef const int64_t* stop = &finder.grids.stop[s, 0]
    cdef const int64_t* first_sums = &finder.grids.first_sums[s, 0]
    cdef const int64_t* rows
    cdef const int64_t* columns
    cdef const int32_t* sums
    cdef int64_t[BOX] lit  # pixels of the box with ink, one bit for each column
    cdef int64_t[BOX] dirty  # those to look at
    cdef uint64_t[WORDS] background  # source columns that pixels without ink cover
    cdef uint64_t* ink
    cdef uint64_t* open
    cdef Bounds bounds
    cdef int64_t side = MIN_SIDE + s, i, j, r, c, first, span, certain, undecided, area, bits
    cdef bint changed, again = True
    memset(finder.ink, 0, sizeof(finder.ink))
    for i in range(side):
        finder.open[WORDS * i], finder.open[WORDS * i + 1] = 0, 0
        set_bits(&finder.open[WORDS * i], 0, side)
    for r in range(BOX):
        dirty[r] = background[0] = background[1] = 0
        for c in range(BOX):
            if finder.levels[BOX * r + c]:
                dirty[r] |= <int64_t>1 << c
            else:
                set_bits(background, start[c], stop[c] - start[c])
        for i in range(start[r], stop[r]):
            finder.open[WORDS * i] &= ~background[0]
            finder.open[WORDS * i + 1] &= ~background[1]
        lit[r] = dirty[r]
    while again:
        again = False
        for r in range(BOX):
            rows = &finder.grids.weights[s, r, 0]
            for c in range(BOX):
                if not dirty[r] >> c & 1:
                    continue
                dirty[r] &= ~(<int64_t>1 << c)
                first, span, changed = start[c] + PAD, stop[c] - start[c], False
                columns, sums = &finder.grids.weights[s, c, 0], &finder.grids.sums[first_sums[c]]
                certain = undecided = 0
                for i in range(start[r], stop[r]):
                    certain += rows[i] * sums[get_bits(&finder.ink[WORDS * i], first, span)]
                    undecided += rows[i] * sums[get_bits(&finder.open[WORDS * i], first, span)]
                bounds = area_bounds(finder.levels[BOX * r + c], peak)
                if certain > bounds.high or certain + undecided < bounds.low:
                    return False
                for i in range(start[r], stop[r]):
                    ink, open = &finder.ink[WORDS * i], &finder.open[WORDS * i]
                    bits = get_bits(open, first, span)
                    j = start[c]
                    while bits:
                        if bits & 1:
                            area = rows[i] * columns[j]
                            if certain + area > bounds.high:
                                clear_bit(open, j)
                                changed = True
                            elif certain + undecided - area < bounds.low:
                                clear_bit(open, j)
                                set_bit(ink, j)
                                changed = True
                        bits >>= 1
                        j += 1
                if changed:
                    again = True
                    for i in range(max(r - 1, 0), min(r + 2, BOX)):
                        dirty[i] |= (<int64_t>7 << c) >> 1 & lit[i]
    return True


cdef inline void copy_state(State* to, const State* state, int64_t words) noexcept nogil:
    """Copies a state of which `words` words of rows are in use."""
    cdef int64_t w
    to.cost, to.area, to.parent = state.cost, state.area, state.parent
    for w in range(words):
        to.rows[w] = state.rows[w]


cdef void move_down(State* states, int64_t count, int64_t step, int64_t words_before, int64_t words) noexcept nogil:
    """Drops the first `step` rows of all states, and appends empty ones."""
    cdef int64_t left = max(words_before - WORDS * step, 0), k, w
    for k in range(count):
        for w in range(left):
            states[k].rows[w] = states[k].rows[w + WORDS * step]
        for w in range(left, words):
            states[k].rows[w] = 0


cdef uint64_t* smallest_keys(uint64_t* keys, uint64_t* spare, int64_t count, int64_t limit) noexcept nogil:
    """Sorts keys by cost; those of one cost stay in the order of their places, in which they are given.

    Args:
        keys: overwritten.
        spare: the same.
        count: of the keys.
        limit: how many of them are needed, fewer than there are.

    Returns:
        `keys` or `spare`, whichever holds the smallest keys.
    """
    cdef int32_t[DIGITS] starts
    cdef uint64_t smallest = keys[0], largest = keys[0], key
    cdef uint64_t* swap
    cdef int64_t k, place, shift = PLACE_BITS
    cdef int32_t total, here
    if limit <= FEW:
        for k in range(1, count):
            key, place = keys[k], min(k, limit)
            if place == limit and key > keys[limit - 1]:
                continue
            place -= place == limit
            while place > 0 and keys[place - 1] > key:
                keys[place] = keys[place - 1]
                place -= 1
            keys[place] = key
        return keys
    for k in range(1, count):
        smallest, largest = min(smallest, keys[k]), max(largest, keys[k])
    smallest &= ~<uint64_t>PLACE_MASK
    while (largest - smallest) >> shift:
        memset(starts, 0, sizeof(starts))
        for k in range(count):
            starts[(keys[k] - smallest) >> shift & (DIGITS - 1)] += 1
        total = 0
        for k in range(DIGITS):
            here = starts[k]
            starts[k] = total
            total += here
        for k in range(count):
            key = (keys[k] - smallest) >> shift & (DIGITS - 1)
            spare[starts[key]] = keys[k]
            starts[key] += 1
        swap = keys
        keys = spare
        spare = swap
        shift += DIGIT_BITS
    return keys


cdef int64_t merge(Beam beam, State* states, int64_t count, int64_t skipped, int64_t words) noexcept nogil:
    """Keeps the cheapest of all states whose rows agree but for the first, since all that follows is the same for them.

    Args:
        beam: workspace.
        states: of the beam.
        count: how many there are.
        skipped: words of the first rows, which may differ.
        words: of all rows in use.

    Returns:
        How many are left.
    """
    cdef int64_t alive = 0, k, w, slot
    cdef uint64_t value
    cdef State* twin
    memset(beam.slots, 255, <size_t>beam.slot_count * sizeof(int32_t))
    for k in range(count):
        value = 14695981039346656037U
        for w in range(skipped, words):
            value = (value ^ states[k].rows[w]) * 1099511628211U
            value ^= value >> 29
        slot = <int64_t>(value & <uint64_t>(beam.slot_count - 1))
        while beam.slots[slot] >= 0:
            twin = &states[beam.slots[slot]]
            if memcmp(&twin.rows[skipped], &states[k].rows[skipped], <size_t>(words - skipped) * sizeof(uint64_t)) == 0:
                if states[k].cost < twin.cost:
                    copy_state(twin, &states[k], words)
                break
            slot = (slot + 1) & (beam.slot_count - 1)
        if beam.slots[slot] < 0:
            beam.slots[slot] = <int32_t>alive
            if alive != k:
                copy_state(&states[alive], &states[k], words)
            alive += 1
    return alive


cdef int64_t keep_between(
    State* states, int64_t count, int64_t low, int64_t high, int64_t words
) noexcept nogil:
    """Keeps the states whose area is from `low` to `high`, and returns how many there are."""
    cdef int64_t alive = 0, k
    for k in range(count):
        if low <= states[k].area <= high:
            if alive != k:
                copy_state(&states[alive], &states[k], words)
            alive += 1
    return alive


cdef int64_t search(SourceFinder finder, Beam beam, int64_t s, int64_t peak) noexcept nogil:
    """Searches for the cheapest source that renders to given gray levels, in raster order of the box.

    Args:
        finder: holds the gray levels and what `propagate` found; `candidate` receives the source.
        beam: workspace.
        s: index of the side.
        peak: the brightest area.

    Returns:
        Its cost, or NOT_FOUND.
    """
    cdef const int64_t* start = &finder.grids.start[s, 0]
    cdef const int64_t* stop = &finder.grids.stop[s, 0]
    cdef const int64_t* fresh = &finder.grids.fresh[s, 0]
    cdef const int64_t* first_sums = &finder.grids.first_sums[s, 0]
    cdef const int64_t* rows
    cdef const int64_t* columns
    cdef const int32_t* sums
    cdef const int32_t* prior = &finder.prior[0, 0]
    cdef State* now = beam.states
    cdef State* other = beam.states + 4 * beam.width
    cdef State* swap
    cdef State* state
    cdef const uint64_t* line
    cdef Bounds bounds
    cdef int64_t count = 1, words = 0, words_before, r, c, i, j, k, first, span, base, undecided, area, total, limit, bit
    memset(now, 0, sizeof(State))
    for r in range(BOX):
        rows = &finder.grids.weights[s, r, 0]
        base = start[r] - 2
        words_before, words = words, WORDS * (stop[r] - base)
        if r:
            move_down(now, count, start[r] - start[r - 1], words_before, words)
        for c in range(BOX):
            if finder.levels[BOX * r + c] == 0:  # `propagate` left no ink there
                continue
            columns, sums = &finder.grids.weights[s, c, 0], &finder.grids.sums[first_sums[c]]
            bounds = area_bounds(finder.levels[BOX * r + c], peak)
            undecided = area = 0
            for i in range(fresh[r], stop[r]):
                undecided += rows[i]
            for j in range(fresh[c], stop[c]):
                area += columns[j]
            undecided *= area
            first, span = start[c] + PAD, stop[c] - start[c]
            for k in range(count):
                total = 0
                for i in range(start[r], stop[r]):
                    total += rows[i] * sums[get_bits(&now[k].rows[WORDS * (i - base)], first, span)]
                now[k].area = total
            count = keep_between(now, count, bounds.low - undecided, bounds.high, words)
            for i in range(fresh[r], stop[r]):
                line = &finder.open[WORDS * i]
                for j in range(fresh[c], stop[c]):
                    area = rows[i] * columns[j]
                    undecided -= area
                    if not get_bits(line, j + PAD, 1):
                        bit = get_bits(&finder.ink[WORDS * i], j + PAD, 1)
                        for k in range(count):
                            state = &now[k]
                            state.cost += prior[2 * near_context(&state.rows[WORDS * (i - base - 2)], j) + bit]
                            if bit:
                                state.area += area
                                set_bit(&state.rows[WORDS * (i - base)], j)
                        continue
                    limit = beam.width if i == stop[r] - 1 and j == stop[c] - 1 else 4 * beam.width
                    count = grow(
                        beam, now, other, count, prior, i - base, j, area, bounds.low - undecided, bounds.high, limit, words
                    )
                    swap = now
                    now = other
                    other = swap
            count = keep_between(now, count, bounds.low, bounds.high, words)
            if count == 0:
                return NOT_FOUND
            if count > beam.width:
                count = keep_cheapest(beam, now, other, count, words)
                swap = now
                now = other
                other = swap
        for k in range(count):
            beam.origins[beam.width * r + k] = <int32_t>now[k].parent
            now[k].parent = k
            memcpy(
                &beam.kept[(beam.width * r + k) * WINDOW * WORDS], &now[k].rows[WORDS * (fresh[r] - base)],
                <size_t>(WORDS * (stop[r] - fresh[r])) * sizeof(uint64_t),
            )
        if r < BOX - 1:
            count = merge(beam, now, count, min(WORDS * (start[r + 1] - start[r]), words), words)
    k = 0
    for i in range(1, count):
        if now[i].cost < now[k].cost:
            k = i
    total = now[k].cost
    for r in range(BOX - 1, -1, -1):
        memcpy(
            &finder.candidate[WORDS * fresh[r]], &beam.kept[(beam.width * r + k) * WINDOW * WORDS],
            <size_t>(WORDS * (stop[r] - fresh[r])) * sizeof(uint64_t),
        )
        k = beam.origins[beam.width * r + k]
    return total


cdef int64_t grow(
    Beam beam, const State* states, State* out, int64_t count, const int32_t* prior, int64_t row, int64_t x, int64_t area,
    int64_t low, int64_t high, int64_t limit, int64_t words,
) noexcept nogil:
    """Extends states by both values of a pixel, as far as the gray level allows.

    Args:
        beam: workspace.
        states: of the beam.
        out: receives the extended states: all in their order, or the cheapest in the order of their costs.
        count: of the states.
        prior: cost of a 0 and of a 1 by `near_context`.
        row: of the pixel among those of a state.
        x: its column.
        area: of it in the box pixel.
        low: smallest area that is enough.
        high: largest area that is not too much.
        limit: of the states that are kept.
        words: of rows in use.

    Returns:
        How many states there are.
    """
    cdef Choice* choices = beam.choices
    cdef Choice* choice
    cdef uint64_t* keys = beam.keys
    cdef const int32_t* costs
    cdef int64_t grown = 0, k, a, total
    cdef bint chosen = False
    for k in range(count):
        costs = &prior[2 * near_context(&states[k].rows[WORDS * (row - 2)], x)]
        total = states[k].area
        if low <= total <= high:
            choice = &choices[grown]
            choice.cost, choice.area, choice.place, choice.bit = states[k].cost + costs[0], total, <int32_t>k, 0
            grown += 1
        total += area
        if low <= total <= high:
            choice = &choices[grown]
            choice.cost, choice.area, choice.place, choice.bit = states[k].cost + costs[1], total, <int32_t>k, 1
            grown += 1
    if grown > limit:
        for k in range(grown):
            keys[k] = <uint64_t>choices[k].cost << PLACE_BITS | <uint64_t>k
        keys = smallest_keys(keys, keys + 8 * beam.width, grown, limit)
        chosen, grown = True, limit
    for a in range(grown):
        choice = &choices[keys[a] & PLACE_MASK if chosen else <uint64_t>a]
        copy_state(&out[a], &states[choice.place], words)
        out[a].cost, out[a].area = choice.cost, choice.area
        if choice.bit:
            set_bit(&out[a].rows[WORDS * row], x)
    return grown


cdef int64_t keep_cheapest(Beam beam, const State* states, State* out, int64_t count, int64_t words) noexcept nogil:
    """Writes the cheapest states, as many as the beam is wide, in the order of their costs, and returns how many there are."""
    cdef uint64_t* keys = beam.keys
    cdef int64_t k
    for k in range(count):
        keys[k] = <uint64_t>states[k].cost << PLACE_BITS | <uint64_t>k
    keys = smallest_keys(keys, keys + 8 * beam.width, count, beam.width)
    for k in range(beam.width):
        copy_state(&out[k], &states[keys[k] & PLACE_MASK], words)
    return beam.width


cdef int64_t explain(SourceFinder finder, int64_t s) noexcept nogil:
    """Renders the candidate of side MIN_SIDE + s.

    Returns:
        The index into `Grids.peaks` of the brightest area; -1 if the candidate renders to other levels than those of the image,
        rounding exceptions included.
    """
    cdef const int64_t* single = &finder.grids.single[s, 0, 0]
    cdef const int64_t* start = &finder.grids.start[s, 0]
    cdef const int64_t* stop = &finder.grids.stop[s, 0]
    cdef const int64_t* peaks = &finder.grids.peaks[s, 0]
    cdef int64_t[BOX * BOX] areas
    cdef int64_t brightest = 0, index = 0, r, c, i
    cdef Levels levels
    for r in range(BOX):
        for c in range(BOX):
            if finder.levels[BOX * r + c]:  # `propagate` left no ink elsewhere
                areas[BOX * r + c] = box_area(finder.candidate, single, MAX_SIDE, start, stop, r, c)
                brightest = max(brightest, areas[BOX * r + c])
    while index < BOX * BOX and peaks[index] != brightest:
        index += 1
    if brightest == 0 or index == BOX * BOX:
        return -1
    for i in range(BOX * BOX):
        if finder.levels[i]:
            levels = gray_level(areas[i], brightest)
            if finder.levels[i] != levels.level and finder.levels[i] != levels.exception:
                return -1
    return index
