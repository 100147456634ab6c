# cython: cdivision=True
"""The coder of samples that `rlcodec.presets.raster.model` describes."""

import numpy as np

from libc.stdint cimport int16_t, int32_t, int64_t, uint16_t, uint64_t

from rlcodec.core._adaptive cimport Counter, Counters, code_adaptive, code_tail
from rlcodec.core._mixing cimport BLENDED, MIXED, Mixers, Mixture, code_mixed, code_mixed_several, rl_four
from rlcodec.core._range_coder cimport RangeCoder, code_half
from rlcodec.presets.raster._least_squares cimport (
    BLOCK, ENSEMBLE_BLOCK, FRACTION_BITS, Fit, add_sample, begin_fit, begin_fit_row, end_block, prediction, size_of_fit, solve
)

cdef extern from "bits.h":
    int rl_log2(uint64_t) noexcept nogil

cdef enum:
    ONE = 1 << FRACTION_BITS
    BIASES = TEXTURES * 16
    BIAS_BITS = 6  # a mean error follows the last by one part in 64
    WEIGHTS = 4096  # entries of the table of weights by error
    MOST_ABSOLUTE = 8000
    MOST_TRACKED = 30000  # largest error of a prediction that is kept
    ENERGY = 96  # sum of the weights of absolute errors in 1/8 that make up a mean of 1
    UNARY = 8  # parts of a step, after which the rest is coded by an Exp-Golomb code
    FIRST_LOW = 10  # decisions about bits within a step
    ESCAPE_DIGITS = 20
    SLOPE_BITS = 8
    SLOPE_FADE = 6
    SLOPE_SAMPLES = 8  # between changes of the slope
    MOST_SLOPE = 512  # in 1/256
    CONSTANT_INPUT = 256

# Rows above and columns to the right of the inputs of fits, of a plane and of planes before it. The first input of a plane, and
# the second of another plane, is the difference of the samples to the left and above instead.
NEAR = (
    (0, 0), (1, -1), (1, 1), (0, -2), (2, 0), (2, 1), (1, 2), (1, -2), (2, -1), (0, -3),
    (2, 2), (2, -2), (1, 3), (0, -4), (1, -3), (2, 3), (0, -5), (2, -3),
)
NEAR_OTHERS = ((0, 0), (0, 0), (1, -1), (1, 1), (0, -2), (2, 0))

cdef uint16_t[WEIGHTS] WEIGHT


cdef void fill_weights() noexcept nogil:
    """Weights of predictions, about one over the square of their error around."""
    cdef int64_t error
    for error in range(WEIGHTS):
        WEIGHT[error] = <uint16_t>min(65535, (1 << 22) // ((error + 4) * (error + 4)))


fill_weights()


cdef inline int level_of(int64_t amount) noexcept nogil:
    """Four levels an octave of an amount that is not negative."""
    cdef int digits = rl_log2(<uint64_t>(amount + 4))
    return min((digits - 2) * 4 + <int>(((amount + 4) >> (digits - 2)) & 3), LEVELS - 1)


cdef inline int signed_level(int64_t amount) noexcept nogil:
    """Level of a difference, 0 to SIGNED - 1: 5 for 0, and one level an octave to either side."""
    cdef int level
    if amount >= 0:
        level = 0 if amount == 0 else min(1 + rl_log2(<uint64_t>amount), 5)
        return 5 + level
    return 5 - min(1 + rl_log2(<uint64_t>-amount), 5)


cdef inline int64_t distance(int64_t amount) noexcept nogil:
    return amount if amount >= 0 else -amount


cdef class SampleCoder:
    """What is known of the samples of a strip, of which there are none at first.

    Args:
        planes: 1 to MOST_PLANES.
        rows: of the strip.
        width: of the strip.
        tier: TABLE, CONTEXT or ENSEMBLE.
        max_error: largest difference of a sample from what is coded.
        counters: with which the strip begins; the first SAMPLE_COUNTERS are used.
        mixers: with which the strip begins; the first SAMPLE_MIXERS are used.
    """

    def __init__(
        self, int planes, int64_t rows, int64_t width, int tier, int max_error, Counters counters, Mixers mixers
    ):
        cdef int plane, own, wide, block = ENSEMBLE_BLOCK if tier == ENSEMBLE else BLOCK
        cdef int64_t words = 0, stride = width + 2 * PAD, at
        cdef int32_t[::1] memory
        if not 1 <= planes <= MOST_PLANES or rows < 1 or width < 1 or not TABLE <= tier <= ENSEMBLE or max_error < 0:
            raise ValueError(f"{planes} planes of {rows} rows and {width} columns, tier {tier}, error {max_error}")
        if len(counters) < SAMPLE_COUNTERS or len(mixers) < SAMPLE_MIXERS:
            raise ValueError(f"the model has {len(counters)} counters and {len(mixers)} sets of weights")
        self.planes, self.rows, self.width, self.stride = planes, rows, width, stride
        self.tier, self.max_error = tier, max_error
        self.counters, self.mixers = counters, mixers
        self.first, self.first_mixer = counters.first, mixers.first
        # In words of 32 bits: values, errors, absolute errors, residuals, biases, fits.
        at = ((rows + ROWS_ABOVE) * stride + 1) // 2 + PREDICTIONS * stride + 2 * stride + BIASES
        for plane in range(planes):
            words += at
            if tier >= CONTEXT:
                words += size_of_fit(OWN_INPUTS + OTHER_INPUTS * plane, width, block)
            if tier >= ENSEMBLE:
                words += size_of_fit(WIDE_OWN_INPUTS + WIDE_OTHER_INPUTS * plane, width, block)
        memory = np.zeros(words, np.int32)
        self.memory = memory
        for at in range(WIDE_OWN_INPUTS):
            self.near[at] = NEAR[at][1] - NEAR[at][0] * stride
        for at in range(WIDE_OTHER_INPUTS):
            self.near_others[at] = NEAR_OTHERS[at][1] - NEAR_OTHERS[at][0] * stride
        at = 0
        for plane in range(planes):
            self.state[plane].values = <int16_t*>&memory[at] + ROWS_ABOVE * stride + PAD
            at += ((rows + ROWS_ABOVE) * stride + 1) // 2
            self.state[plane].errors = <uint16_t*>&memory[at]
            at += PREDICTIONS * stride
            self.state[plane].absolute = <uint16_t*>&memory[at]
            at += stride
            self.state[plane].residuals = <int16_t*>&memory[at]
            at += stride
            self.state[plane].biases = &memory[at]
            at += BIASES
            own, wide = OWN_INPUTS + OTHER_INPUTS * plane, WIDE_OWN_INPUTS + WIDE_OTHER_INPUTS * plane
            if tier >= CONTEXT:
                begin_fit(&self.state[plane].fit, own, width, block, &memory[at])
                at += size_of_fit(own, width, block)
            if tier >= ENSEMBLE:
                begin_fit(&self.state[plane].wide, wide, width, block, &memory[at])
                at += size_of_fit(wide, width, block)

    cdef void begin_row(self, int64_t y) noexcept nogil:
        """Extends the row above beyond its end, and gives the row a beginning."""
        cdef int16_t* row
        cdef int16_t* above
        cdef int plane, i
        for plane in range(self.planes):
            row = self.state[plane].values + y * self.stride
            above = row - self.stride
            for i in range(PAD):
                row[i - PAD] = above[0]
                above[self.width + i] = above[self.width - 1]
            if self.tier >= CONTEXT:
                begin_fit_row(&self.state[plane].fit)
            if self.tier >= ENSEMBLE:
                begin_fit_row(&self.state[plane].wide)

    cdef void begin_sample(self, int64_t y, int64_t x) noexcept nogil:
        """In the first row, the rows above hold what lies to the left."""
        cdef int16_t* here
        cdef int plane, i, row
        if y:
            return
        for plane in range(self.planes):
            here = self.state[plane].values + x
            for row in range(1, ROWS_ABOVE + 1):
                for i in range(PAD):
                    here[i - row * self.stride] = here[-1]

    cdef void leave(self, int plane, int64_t y, int64_t x) noexcept nogil:
        """Leaves a sample out: later ones see the one to the left in its place."""
        self.skip(plane, y, x, self.state[plane].values[y * self.stride + x - 1])

    cdef void skip(self, int plane, int64_t y, int64_t x, int64_t value) noexcept nogil:
        """Takes a sample that is known by other means."""
        cdef Plane* state = &self.state[plane]
        cdef int64_t at = (y & 1) * self.stride + PAD + x
        cdef int i
        state.values[y * self.stride + x] = <int16_t>value
        state.absolute[at], state.residuals[at] = 0, 0
        for i in range(PREDICTIONS):
            state.errors[2 * i * self.stride + at] = 0
        self.close_sample(state, y, x)

    cdef inline void close_sample(self, Plane* state, int64_t y, int64_t x) noexcept nogil:
        """Ends a row of errors and a block of fits after their last samples."""
        cdef int64_t at = (y & 1) * self.stride + PAD + x
        cdef int i, k
        if x + 1 == self.width:
            for k in range(1, PAD):
                for i in range(PREDICTIONS):
                    state.errors[2 * i * self.stride + at + k] = state.errors[2 * i * self.stride + at]
                state.absolute[at + k], state.residuals[at + k] = state.absolute[at], 0
        if self.tier >= CONTEXT and (x + 1 == self.width or x % state.fit.block == state.fit.block - 1):
            end_block(&state.fit, x // state.fit.block)
            if self.tier >= ENSEMBLE:
                end_block(&state.wide, x // state.wide.block)

    cdef void gather(self, Fit* fit, int plane, const int16_t* here, int64_t reference, int own, int others) noexcept nogil:
        """Gathers the inputs of a fit: differences of samples from the mean of those to the left and above."""
        cdef int16_t* values = fit.values
        cdef const int16_t* other
        cdef int64_t other_reference
        cdef int i, before
        values[0] = here[-1] - here[-self.stride]
        for i in range(1, own):
            values[i] = <int16_t>(here[self.near[i]] - reference)
        values += own
        for before in range(plane):
            other = self.state[before].values + (here - self.state[plane].values)
            other_reference = (<int64_t>other[-1] + other[-self.stride]) >> 1
            for i in range(others):
                values[i] = <int16_t>(other[self.near_others[i]] - other_reference)
            values[1] = other[-1] - other[-self.stride]
            values += others

    cdef inline int64_t fitted(
        self, Fit* fit, int plane, int64_t x, const int16_t* here, int64_t reference, int own, int others
    ) noexcept nogil:
        """The prediction of a fit, which is solved where a block begins."""
        self.gather(fit, plane, here, reference, own, others)
        if x % fit.block == 0:
            solve(fit, x // fit.block)
        return prediction(fit) + reference * ONE

    cdef int64_t code(
        self, RangeCoder coder, int plane, int64_t y, int64_t x, int64_t value, int64_t least, int64_t most
    ) noexcept nogil:
        """Codes a sample of a plane.

        Args:
            coder: codes in its direction.
            plane: in the order of coding.
            y: row of the strip.
            x: column.
            value: of the sample, when encoding.
            least: value that it can have.
            most: value that it can have.

        Returns:
            The value that decoders know.
        """
        cdef Plane* state = &self.state[plane]
        cdef int16_t* here = state.values + y * self.stride + x
        cdef const int16_t* above = here - self.stride
        cdef const int16_t* second = above - self.stride
        cdef int64_t W = here[-1], N = above[0], NW = above[-1], NE = above[1], WW = here[-2], NN = second[0]
        cdef int64_t at = (y & 1) * self.stride + PAD + x, up = ((y + 1) & 1) * self.stride + PAD + x
        cdef int64_t reference = (W + N) >> 1, step = 2 * self.max_error + 1
        cdef int64_t[PREDICTIONS] predictions
        cdef int64_t weight, weights = 0, total = 0, error, blended, mean, rounded, fraction, gradient, energy, coded
        cdef int64_t known = 0, residual_before = 0, residual_first = 0, side = 1
        cdef int i, count = SIMPLE, level, texture, kind = min(plane, CLASSES - 1)
        cdef Contexts contexts
        cdef const uint16_t* errors
        cdef int32_t* bias
        predictions[0] = (W + N - NW) * ONE
        predictions[1] = (W + NE - N) * ONE
        predictions[2] = (2 * N - NN) * ONE
        predictions[3] = (W + N) * (ONE // 2) + (NE - NW) * (ONE // 4)
        predictions[4] = W * ONE
        predictions[5] = N * ONE
        if self.tier >= CONTEXT:
            predictions[count] = self.fitted(&state.fit, plane, x, here, reference, OWN_INPUTS, OTHER_INPUTS)
            count += 1
        if self.tier >= ENSEMBLE:
            predictions[count] = self.fitted(&state.wide, plane, x, here, reference, WIDE_OWN_INPUTS, WIDE_OTHER_INPUTS)
            count += 1
        for i in range(count):
            errors = state.errors + 2 * i * self.stride
            error = 2 * <int64_t>(errors[at - 1] + errors[up]) + errors[up + 1] + errors[up - 1] + errors[at - 2]
            weight = 1 + WEIGHT[min(error >> 2, WEIGHTS - 1)]
            weights += weight
            total += weight * predictions[i]
        blended = total // weights
        energy = (
            3 * <int64_t>(state.absolute[at - 1] + state.absolute[up])
            + 2 * <int64_t>(state.absolute[up + 1] + state.absolute[up - 1] + state.absolute[at - 2])
            + <int64_t>(state.absolute[up + 2] + state.absolute[at - 3] + state.absolute[up - 2])
        )
        if plane:
            known = self.state[plane - 1].absolute[at]
            residual_before = self.state[plane - 1].residuals[at]
            energy += 2 * known
        if plane > 1:
            residual_first = self.state[plane - 2].residuals[at]
            energy += 2 * <int64_t>self.state[plane - 2].absolute[at]
        gradient = distance(W - NW) + distance(N - NW) + distance(N - NE) + distance(W - WW) + distance(N - NN)
        energy += 2 * gradient
        if step > 1:
            energy = energy // step
        level = level_of(energy >> 2)
        texture = (
            (N * ONE > blended) | (W * ONE > blended) << 1 | (NE * ONE > blended) << 2 | (NW * ONE > blended) << 3
            | (WW * ONE > blended) << 4 | (NN * ONE > blended) << 5
        )
        bias = state.biases + (texture << 4 | level >> 1)
        mean = blended + (bias[0] >> 8)
        if self.tier == TABLE:
            mean += (<int64_t>state.slope * residual_before) >> (SLOPE_BITS - FRACTION_BITS)
        mean = min(max(mean, least * ONE), most * ONE)
        rounded = (mean + ONE // 2) >> FRACTION_BITS
        fraction = mean - rounded * ONE
        if fraction < 0:
            side, fraction = -1, -fraction
        contexts.step_bits = 0
        while contexts.step_bits < STEPS - 1 and energy // ENERGY >> (contexts.step_bits + 2):
            contexts.step_bits += 1
        contexts.tail = self.first + LEVEL_COUNTERS + 32 * kind
        contexts.groups[0] = self.first + ((kind * LEVELS + level) * FRACTIONS + (fraction >> 1)) * NODES
        if self.tier >= CONTEXT:
            contexts.by_level = self.first_mixer + MIXED * NODES * (kind * LEVELS + level)
            contexts.by_step = self.first_mixer + MIXED * (LEVEL_MIXERS + NODES * (kind * STEPS + contexts.step_bits))
            i = texture
            if plane:
                i = signed_level(side * residual_before) * SIGNED
                i += signed_level(side * residual_first) if plane > 1 else min(level_of(gradient) >> 1, SIGNED - 1)
            contexts.groups[1] = self.first + FIRST_PAIR + ((kind * (LEVELS // 2) + (level >> 1)) * PAIRS + i) * NODES
            i = kind * (LEVELS // 4) + (level >> 2)
            contexts.groups[2] = coarse(self.first, 0, i, pair(side * state.residuals[at - 1], side * state.residuals[up]))
            contexts.groups[3] = coarse(self.first, 1, i, pair(
                side * (predictions[6] - mean) >> (FRACTION_BITS - 1), side * (predictions[3] - mean) >> FRACTION_BITS
            ))
        if self.tier >= ENSEMBLE:
            contexts.by_level += MIXED * HALF_MIXERS
            contexts.by_step += MIXED * HALF_MIXERS
            contexts.groups[4] = coarse(self.first, 2, i, pair(
                side * (predictions[7] - mean) >> (FRACTION_BITS - 1), side * (predictions[0] - mean) >> FRACTION_BITS
            ))
            contexts.groups[5] = coarse(self.first, 3, i, pair(
                side * (predictions[1] - mean) >> FRACTION_BITS, side * (predictions[2] - mean) >> FRACTION_BITS
            ))
            contexts.groups[6] = coarse(self.first, 4, i, pair(
                side * (predictions[4] - mean) >> FRACTION_BITS, side * (predictions[5] - mean) >> FRACTION_BITS
            ))
            contexts.groups[7] = coarse(self.first, 5, i, texture if side > 0 else texture ^ (TEXTURES - 1))
        coded = side * (value - rounded)
        if step > 1:
            coded = (coded + (self.max_error if coded >= 0 else -self.max_error)) // step
        coded = side * self.code_residual(coder, &contexts, coded)
        value = min(max(rounded + coded * step, least), most)
        here[0] = <int16_t>value
        # What was coded becomes known.
        bias[0] += <int32_t>((((value * ONE - blended) << 8) - bias[0]) >> BIAS_BITS)
        for i in range(count):
            state.errors[2 * i * self.stride + at] = <uint16_t>min(distance(value * ONE - predictions[i]), MOST_TRACKED)
        state.absolute[at] = <uint16_t>min(distance(value * ONE - mean) >> 1, MOST_ABSOLUTE)
        state.residuals[at] = <int16_t>(value - rounded)
        if self.tier >= CONTEXT:
            add_sample(&state.fit, value - reference)
        elif plane:
            follow_slope(state, (value * ONE - blended) >> FRACTION_BITS, residual_before, x)
        if self.tier >= ENSEMBLE:
            add_sample(&state.wide, value - reference)
        self.close_sample(state, y, x)
        return value

    cdef int64_t code_residual(self, RangeCoder coder, Contexts* contexts, int64_t residual) noexcept nogil:
        """Codes a residual: whether it is 0, its sign, how many steps it holds, and what is left within a step."""
        cdef int64_t magnitude = distance(residual) - 1, steps = 0, bit
        cdef int bits = contexts.step_bits, i
        cdef bint negative
        if not self.decide(coder, contexts, 0, residual != 0):
            return 0
        negative = not self.decide(coder, contexts, 1, residual > 0)
        while steps < UNARY and self.decide(coder, contexts, 2 + <int>steps, magnitude >> bits > steps):
            steps += 1
        if steps == UNARY:
            steps += code_tail(
                coder, &self.counters.adaptation, contexts.tail, ESCAPE_DIGITS, ESCAPE_DIGITS, (magnitude >> bits) - UNARY
            )
        for i in range(bits - 1, -1, -1):
            bit = (magnitude >> i) & 1
            if bits - 1 - i < 2:
                bit = self.decide(coder, contexts, FIRST_LOW + 2 * (bits - 1 - i) + (steps > 0), bit)
            else:
                bit = code_half(coder, bit)
            steps = 2 * steps + bit
        return -1 - steps if negative else 1 + steps

    cdef inline int64_t decide(self, RangeCoder coder, Contexts* contexts, int node, bint decision) noexcept nogil:
        """Codes a decision about a residual."""
        cdef Mixture[2] mixtures
        cdef Mixture* front = &mixtures[0]
        cdef Mixture* back = &mixtures[1]
        cdef int i
        if self.tier == TABLE:
            return code_adaptive(coder, &self.counters.adaptation, contexts.groups[0] + node, decision)
        for i in range(BLENDED):
            front.counters[i] = contexts.groups[i] + node
        front.further = rl_four(CONSTANT_INPUT, 0, 0, 0)
        front.one, front.other = contexts.by_level + MIXED * node, contexts.by_step + MIXED * node
        if self.tier == CONTEXT:
            return code_mixed(coder, &self.counters.adaptation, &self.mixers.tables, front, decision)
        for i in range(BLENDED):
            back.counters[i] = contexts.groups[BLENDED + i] + node
        back.further = 0
        back.one, back.other = front.one + MIXED * HALF_MIXERS, front.other + MIXED * HALF_MIXERS
        return code_mixed_several(coder, &self.counters.adaptation, &self.mixers.tables, mixtures, 2, decision)


cdef inline int pair(int64_t one, int64_t other) noexcept nogil:
    """The levels of two differences."""
    return signed_level(one) * SIGNED + signed_level(other)


cdef inline Counter* coarse(Counter* first, int group, int level, int detail) noexcept nogil:
    """The counters of a group whose contexts have few levels of the errors around."""
    return first + FIRST_COARSE + group * COARSE_COUNTERS + (level * PAIRS + detail) * NODES


cdef inline void follow_slope(Plane* state, int64_t error, int64_t residual_before, int64_t x) noexcept nogil:
    """Follows the slope of errors by the residual in the plane before, for tier `table`."""
    state.product += <int32_t>(error * residual_before) - (state.product >> SLOPE_FADE)
    state.square += <int32_t>(residual_before * residual_before) - (state.square >> SLOPE_FADE)
    if x % SLOPE_SAMPLES == 0:
        state.slope = <int32_t>min(max((<int64_t>state.product << SLOPE_BITS) // (state.square + 64), -MOST_SLOPE), MOST_SLOPE)
