# cython: cdivision=True
"""The coder of whole pixels that `rlcodec.presets.raster.model` describes."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t, uint64_t

from rlcodec.core._adaptive cimport Counter, Counters, code_adaptive
from rlcodec.core._mixing cimport BLENDED, MIXED, Mixers, Mixture, code_mixed_several, rl_four
from rlcodec.core._range_coder cimport RangeCoder
from rlcodec.presets.raster._sample_coder cimport MOST_PLANES, PAD, ROWS_ABOVE, SAMPLE_COUNTERS, SAMPLE_MIXERS, TABLE

cdef extern from "bits.h":
    int rl_log2(uint64_t) noexcept nogil

cdef enum:
    LEAST_MATCH_BITS = 10
    MOST_MATCH_BITS = 18
    MOST_HASH_BITS = 18  # binary digits of the number of places in a table
    MOST_HITS = 255
    FIRST_PATTERN = MASK_COUNTERS
    FIRST_EQUAL_MIXER = BELIEF_MIXERS
    FIRST_BIT_MIXER = FIRST_EQUAL_MIXER + EQUAL_MIXERS
    FIRST_GRAY_MIXER = FIRST_BIT_MIXER + (GRAY_MIXTURES - 1) * COLOR_MIXERS + GRAY_COLOR_MIXERS
    CONSTANT_INPUT = 256
    BRIGHT = 250  # least value of a gray pixel that is remembered as the last bright one
    GRAY_CANDIDATES = 2  # that are tried for a pixel of one channel, whose bits are few

cdef uint32_t MULTIPLIER = 0x9E3779B1


cdef inline uint32_t hashed_with(uint32_t hash, uint32_t value) noexcept nogil:
    """A hash of one more value."""
    hash = (hash ^ value) * MULTIPLIER
    return hash ^ (hash >> 15)


cdef inline int belief_in(const Match* match) noexcept nogil:
    """How much a match is believed: 0 if there is none, to 3."""
    if match.hits < 2:
        return match.hits
    return 2 if match.hits < 6 else 3


cdef inline uint32_t fifth(uint32_t value) noexcept nogil:
    """Level of a sample: 0, dark, middle, bright, or nearly white."""
    if value == 0:
        return 0
    return 1 if value < 90 else (2 if value < 180 else (3 if value < 250 else 4))


cdef inline void begin_mixtures(Mixture* mixtures) noexcept nogil:
    """Sets the further inputs: a constant in the first mixture."""
    cdef int i
    for i in range(GRAY_MIXTURES):
        mixtures[i].further = 0
    mixtures[0].further = rl_four(CONSTANT_INPUT, 0, 0, 0)


cdef inline int third(uint32_t value) noexcept nogil:
    """Level of a sample: dark, middle or bright."""
    return 0 if value < 30 else (1 if value < 200 else 2)


cdef class PixelCoder:
    """What is known of the pixels of a strip, of which there are none at first.

    Args:
        channels: of a pixel, 1 to MOST_PLANES.
        rows: of the strip.
        width: of the strip.
        tier: as `SampleCoder`.
        max_error: largest difference of a sample from what is coded.
        counters: with which the strip begins; PIXEL_COUNTERS after those of samples are used.
        mixers: with which the strip begins; PIXEL_MIXERS after those of samples are used.
        hashed: SMALL_HASHED counters with which a gray strip of SMALL_PIXELS or fewer begins; others begin with new counters.
    """

    def __init__(
        self, int channels, int64_t rows, int64_t width, int tier, int max_error, Counters counters, Mixers mixers,
        Counters hashed,
    ):
        cdef uint32_t[:, ::1] pixels
        cdef uint16_t[:, :, ::1] matches
        cdef uint16_t[:, ::1] states
        cdef int bits = rl_log2(<uint64_t>max(rows * width, 1))
        if not 1 <= channels <= MOST_PLANES or rows < 1 or width < 1:
            raise ValueError(f"{channels} channels of {rows} rows and {width} columns")
        if len(counters) < SAMPLE_COUNTERS + PIXEL_COUNTERS or len(mixers) < SAMPLE_MIXERS + PIXEL_MIXERS:
            raise ValueError(f"the model has {len(counters)} counters and {len(mixers)} sets of weights")
        self.channels, self.tier, self.max_error, self.width = channels, tier, max_error, width
        self.stride = width + 2 * PAD
        self.mixtures = GRAY_MIXTURES if channels == 1 else 2
        self.match_bits = min(max(bits, LEAST_MATCH_BITS), MOST_MATCH_BITS)
        self.hash_bits = min(max(bits, SMALL_BITS), MOST_HASH_BITS)
        pixels = np.zeros((rows + ROWS_ABOVE, self.stride), np.uint32)
        matches = np.zeros((SIZES, 1 << self.match_bits, sizeof(Match) // 2), np.uint16)
        self.memory, self.match_memory = pixels, matches
        self.pixels, self.matches = &pixels[ROWS_ABOVE, PAD], <Match*>&matches[0, 0, 0]
        self.counters, self.mixers = counters, mixers
        self.small = channels == 1 and rows * width <= SMALL_PIXELS
        if self.small:
            if len(hashed) != SMALL_HASHED:
                raise ValueError(f"there are {len(hashed)} counters of hashes, not {SMALL_HASHED}")
            self.hashed = hashed
        else:
            states = np.zeros((TABLES << self.hash_bits, 2), np.uint16)
            np.asarray(states)[:, 0] = 1 << 15
            self.hashed = Counters.__new__(Counters)
            self.hashed.take(states, counters.adaptation.limit)
        self.first, self.first_mixer = counters.first + SAMPLE_COUNTERS, mixers.first + MIXED * SAMPLE_MIXERS

    cdef void begin_row(self, int64_t y) noexcept nogil:
        """Extends the row above beyond its end, and gives the row a beginning."""
        cdef uint32_t* row = self.pixels + y * self.stride
        cdef uint32_t* above = row - self.stride
        cdef int i
        for i in range(PAD):
            row[i - PAD] = above[0]
            above[self.width + i] = above[self.width - 1]

    cdef int find_candidates(self, const uint32_t* here) noexcept nogil:
        """Finds what followed in like surroundings, from the largest on, and the neighbours; returns how many differ."""
        cdef const uint32_t* above = here - self.stride
        cdef const uint32_t* second = above - self.stride
        cdef uint32_t W = here[-1], N = above[0], NW = above[-1], NE = above[1], hash, candidate
        cdef int i, j, count = 0, most = CANDIDATES if self.channels > 1 else GRAY_CANDIDATES
        hash = hashed_with(hashed_with(hashed_with(0, W), N), NE)
        self.hashes[3] = hashed_with(hash, 3)
        hash = hashed_with(hashed_with(hashed_with(hash, NW), here[-2]), second[0])
        self.hashes[2] = hash
        hash = hashed_with(hashed_with(hashed_with(hash, above[2]), above[-2]), second[-1])
        hash = hashed_with(hashed_with(hashed_with(hash, second[1]), here[-3]), 2)
        self.hashes[1] = hash
        hash = hashed_with(hashed_with(hashed_with(hash, above[3]), above[-3]), second[-2])
        hash = hashed_with(hashed_with(hashed_with(hash, second[2]), here[-4]), second[3])
        hash = hashed_with(hashed_with(hashed_with(hash, here[-5]), above[4]), second[-3])
        self.hashes[0] = hashed_with(hash, here[-6])
        self.pattern = (
            (W == N) | (W == NW) << 1 | (N == NE) << 2 | (N == NW) << 3 | (W == here[-2]) << 4 | (N == second[0]) << 5
            | (NE == above[2]) << 6 | (NW == second[-1]) << 7
        )
        for i in range(SIZES + 4):
            if i < SIZES:
                self.found[i] = self.matches + (<int64_t>i << self.match_bits) + (self.hashes[i] >> (32 - self.match_bits))
                self.belief[i] = belief_in(self.found[i]) if self.found[i].check == <uint16_t>self.hashes[i] else 0
                if not self.belief[i]:
                    continue
                candidate = self.found[i].pixel
            else:
                candidate = W if i == SIZES else (N if i == SIZES + 1 else (NE if i == SIZES + 2 else NW))
            for j in range(count):
                if self.candidates[j] == candidate:
                    break
            else:
                if count < most:
                    self.candidates[count] = candidate
                    count += 1
        return count

    cdef bint code_candidate(self, RangeCoder coder, int64_t y, int64_t x, uint32_t* pixel) noexcept nogil:
        """Codes whether a pixel is one of the candidates, and which.

        Args:
            coder: codes in its direction.
            y: row of the strip.
            x: column.
            pixel: is set to the candidate; when encoding, it is what is looked for.

        Returns:
            Whether it is one of the candidates.
        """
        cdef const uint32_t* here = self.pixels + y * self.stride + x
        cdef int count = self.find_candidates(here), i, j, beliefs = 0, mask, at
        cdef uint32_t candidate
        cdef Mixture[GRAY_MIXTURES] mixtures
        cdef Mixture* mixture = &mixtures[0]
        cdef bint decision
        begin_mixtures(mixtures)
        if self.channels == 1 and self.tier != TABLE:
            self.find_color_contexts(y, x)
        for i in range(SIZES):
            beliefs = beliefs << 2 | self.belief[i]
        for j in range(count):
            candidate, mask = self.candidates[j], 0
            for i in range(SIZES):
                mask = mask << 2 | (self.belief[i] if self.found[i].pixel == candidate else 0)
            self.equal = (
                (here[-1] == candidate) << 3 | (here[-self.stride] == candidate) << 2
                | (here[1 - self.stride] == candidate) << 1 | (here[-1 - self.stride] == candidate)
            )
            mixture.counters[0] = self.first + ((mask << 4 | self.equal) * CANDIDATES + j)
            decision = self.is_near(pixel[0], candidate)
            if self.tier == TABLE:
                decision = code_adaptive(coder, &self.counters.adaptation, mixture.counters[0], decision) != 0
            else:
                mixture.counters[1] = self.first + FIRST_PATTERN + (
                    ((self.pattern << 1 | (self.misses != 0)) << 3 | self.belief[0] << 1 | (self.belief[1] > 0)) * CANDIDATES
                    + j
                )
                mixture.counters[2] = self.counter_at(0, hashed_with(self.hashes[2], 3 * j + 1000))
                mixture.counters[3] = self.counter_at(1, hashed_with(hashed_with(self.hashes[3], 3 * j + 2), candidate))
                mixture.one = self.first_mixer + MIXED * (beliefs * CANDIDATES + j)
                mixture.other = self.first_mixer + MIXED * (FIRST_EQUAL_MIXER + 16 * j + self.equal)
                if self.channels == 1:
                    for i in range(2):
                        mixture.counters[2 + i] = self.counter_at(i, hashed_with(hashed_with(self.contexts[i], candidate), j))
                    for i in range(COLOR_CONTEXTS - BLENDED):
                        mixtures[1 + i // BLENDED].counters[i % BLENDED] = self.counter_at(
                            BLENDED + i, hashed_with(hashed_with(self.contexts[BLENDED + i], candidate), j)
                        )
                    for i in range(GRAY_MIXTURES - 1):
                        at = FIRST_GRAY_MIXER + i * (CANDIDATES * (SHADES + 16))
                        mixtures[1 + i].one = self.first_mixer + MIXED * (at + SHADES * j + self.shades)
                        mixtures[1 + i].other = self.first_mixer + MIXED * (at + SHADES * CANDIDATES + 16 * j + self.equal)
                decision = code_mixed_several(
                    coder, &self.counters.adaptation, &self.mixers.tables, mixtures,
                    GRAY_MIXTURES if self.channels == 1 else 1, decision,
                ) != 0
            if decision:
                pixel[0] = candidate
                self.misses = (self.misses << 1 | (j > 0)) & 3
                return True
        self.misses = (self.misses << 1 | 1) & 3
        return False

    cdef inline bint is_near(self, uint32_t pixel, uint32_t candidate) noexcept nogil:
        """Whether no channel of a candidate is further from a pixel's than the largest error."""
        cdef int i, difference
        if pixel == candidate or self.max_error == 0:
            return pixel == candidate
        for i in range(self.channels):
            difference = <int>((pixel >> 8 * i) & 255) - <int>((candidate >> 8 * i) & 255)
            if difference > self.max_error or difference < -self.max_error:
                return False
        return True

    cdef inline Counter* counter_at(self, int table, uint32_t hash) noexcept nogil:
        return self.hashed.first + (<int64_t>table << self.hash_bits) + (hash >> (32 - self.hash_bits))

    cdef void find_color_contexts(self, int64_t y, int64_t x) noexcept nogil:
        """Finds hashes of what surrounds a pixel, by which the bits of its colour are predicted, and the shades around."""
        cdef uint32_t* contexts = self.contexts
        cdef const uint32_t* here = self.pixels + y * self.stride + x
        cdef const uint32_t* above = here - self.stride
        cdef const uint32_t* second = above - self.stride
        cdef uint32_t W = here[-1], N = above[0], NW = above[-1], NE = above[1], WW = here[-2], NN = second[0]
        cdef uint32_t five, signs, three
        contexts[0] = 0
        contexts[3] = hashed_with(hashed_with(3, W), N)
        contexts[4] = hashed_with(hashed_with(contexts[3], NE), 4)
        if self.channels > 1:
            contexts[1] = hashed_with(1, W)
            contexts[2] = hashed_with(2, N)
            contexts[5] = hashed_with(5, self.hashes[2])
            contexts[6] = hashed_with(hashed_with(6, NW), NE)
            contexts[7] = hashed_with(hashed_with(7, self.last_color), W)
            self.shades = 0
            return
        contexts[8] = hashed_with(hashed_with(11, self.bright), fifth(W) + 5 * fifth(N) + 25 * fifth(NW) + 125 * fifth(NE))
        contexts[9] = hashed_with(12, N >> 3 | (NE >> 3) << 5 | (NW >> 5) << 10)
        contexts[10] = hashed_with(hashed_with(13, W + N - NW), third(NE) + 3 * third(WW) + 9 * third(NN))
        contexts[11] = hashed_with(14, W >> 3 | (N >> 3) << 5)
        three = third(W) + 3 * third(N) + 9 * third(NW) + 27 * third(NE) + 81 * third(WW) + 243 * third(NN)
        three += 729 * (third(second[1]) + 3 * third(second[-1]) + 9 * third(above[2]) + 27 * third(above[-2]))
        contexts[0] = hashed_with(9, three)
        if self.small:
            contexts[3] = hashed_with(10, (<uint32_t>(y << 7 | x) * SHADES + third(W) + 3 * third(N)))
        five = fifth(W) + 5 * fifth(N) + 25 * fifth(NW) + 125 * fifth(NE)
        contexts[1] = hashed_with(1, W << 8 | fifth(N))
        contexts[2] = hashed_with(2, N << 8 | fifth(W))
        contexts[5] = hashed_with(5, W >> 4 | (WW >> 4) << 4 | (N >> 6) << 8 | (NW >> 6) << 10)
        five += 625 * (fifth(WW) + 5 * fifth(NN) + 25 * fifth(second[1]) + 125 * fifth(above[2]) + 625 * fifth(second[-1]))
        contexts[6] = hashed_with(6, five)
        signs = (W > 128) | (N > 128) << 1 | (NE > 128) << 2 | (NW > 128) << 3 | (WW > 128) << 4 | (NN > 128) << 5
        signs |= (second[1] > 128) << 6 | (second[-1] > 128) << 7 | (above[2] > 128) << 8 | (above[-2] > 128) << 9
        signs |= (here[-3] > 128) << 10 | (above[3] > 128) << 11 | (above[-3] > 128) << 12
        contexts[7] = hashed_with(7, signs << 5 | fifth(W) * 5 + fifth(N))
        self.shades = third(W) + 3 * third(N) + 9 * third(NE)

    cdef uint32_t code_color(self, RangeCoder coder, int64_t y, int64_t x, uint32_t pixel) noexcept nogil:
        """Codes a pixel bit by bit, channel after channel; returns it."""
        cdef uint32_t hash = 0, at, coded = 0
        cdef int channel, i, k, node
        cdef int32_t* mixers
        cdef Mixture[GRAY_MIXTURES] mixtures
        if self.channels > 1 or self.tier == TABLE:
            self.find_color_contexts(y, x)
        begin_mixtures(mixtures)
        for channel in range(self.channels):
            node = 1
            for i in range(7, -1, -1):
                at = hashed_with(hashed_with(hash, channel), node)
                for k in range(BLENDED * self.mixtures):
                    mixtures[k // BLENDED].counters[k % BLENDED] = self.counter_at(
                        k, hashed_with(at, self.contexts[k])
                    )
                for k in range(self.mixtures):
                    mixers = self.first_mixer + MIXED * (FIRST_BIT_MIXER + k * COLOR_MIXERS)
                    mixtures[k].one = mixers + MIXED * (8 * (channel + self.shades) + i)
                    mixtures[k].other = mixers + MIXED * ((BIT_MIXERS if k < 2 else SHADES * 8) + 256 * channel + node)
                node = 2 * node + <int>code_mixed_several(
                    coder, &self.counters.adaptation, &self.mixers.tables, mixtures, self.mixtures,
                    (pixel >> (8 * channel + i)) & 1,
                )
            hash = hashed_with(hash, node)
            coded |= <uint32_t>(node & 255) << 8 * channel
        self.last_color = coded
        return coded

    cdef void leave(self, int64_t y, int64_t x) noexcept nogil:
        """Leaves a pixel out: later ones see the one to the left in its place."""
        cdef uint32_t* here = self.pixels + y * self.stride + x
        here[0] = here[-1]

    cdef void take(self, int64_t y, int64_t x, uint32_t pixel) noexcept nogil:
        """Takes a pixel whose candidates were found; later pixels look it up."""
        cdef Match* match
        cdef int i
        self.pixels[y * self.stride + x] = pixel
        if pixel >= BRIGHT:
            self.bright = pixel
        for i in range(SIZES):
            match = self.found[i]
            if self.belief[i] and match.pixel == pixel:
                match.hits = min(match.hits + 1, MOST_HITS)
            elif self.belief[i] and match.hits > 1:
                match.hits >>= 1
            else:
                match.pixel, match.check, match.hits = pixel, <uint16_t>self.hashes[i], 1
