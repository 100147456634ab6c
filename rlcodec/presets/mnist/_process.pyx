"""What actions lead to, in many episodes at a time; `rlcodec.presets.mnist.process` says what they mean.

Functions share these arguments: `sizes` of the images, `tables` of measurements and predictions, `state` of the episodes, and
`e`, the row of an episode.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t

from rlcodec.control._objective cimport LOSS, MEASURE_COUNT, MSE, distortion_of, measure_of
from rlcodec.presets.mnist._cost_to_go cimport fill_cost_to_go
from rlcodec.presets.mnist._decisions cimport (
    BUDGET_PHASE,
    FIRST_TIER_ACTION,
    LATENT_PHASE,
    PIXEL_PHASE,
    STOP_ACTION,
    before_pixels,
    class_at,
    cost_of_tier,
    legal_actions,
    stop_cost,
)
from rlcodec.presets.mnist._tables cimport (
    MOST_ACTIONS,
    Sizes,
    StateArrays,
    Tables,
    bits_of,
    check_rows,
    check_sizes,
    kmac_of,
    row_error,
    slice_error,
)


cdef inline int64_t legal_in(Sizes sizes, StateArrays state, int64_t e) noexcept nogil:
    """The legal actions of an episode: bit a is 1 where action a is legal."""
    if state.phase[e] == BUDGET_PHASE:
        return (1 << sizes.budgets) - 1
    return legal_actions[class_at(state.position[e], state.slices[e])][state.tier[e]]


cdef void code_segment(Sizes sizes, Tables tables, StateArrays state, int64_t e, int64_t tier) noexcept nogil:
    """Codes the next segment of an episode."""
    cdef int64_t image = state.image[e], budget = state.budget[e], position = state.position[e]
    cdef int64_t row = position - state.slices[e]
    state.cost[e] += cost_of_tier(position, state.slices[e], state.tier[e], tier)
    if row < 0:
        state.cost[e] += tables.latent_cost[image, tier, position]
        state.macs[e] += tables.latent_macs[image, tier, position]
    else:
        state.cost[e] += tables.pixel_cost[image, budget, tier, row]
        state.macs[e] += tables.pixel_macs[image, budget, tier, row]
    state.tier[e] = tier
    state.position[e] = position + 1
    state.done[e] = row + 1 >= sizes.height


cdef void take_action(Sizes sizes, Tables tables, StateArrays state, int64_t e, int64_t action) noexcept nogil:
    """Takes a legal action."""
    cdef int64_t position = state.position[e], slices = state.slices[e]
    if state.phase[e] == BUDGET_PHASE:
        state.budget[e], state.slices[e] = action, sizes.kept[action]
        if state.slices[e] > 0:
            state.macs[e] += sizes.synthesis_macs
        fill_cost_to_go(sizes, tables, state, e)
    elif action == STOP_ACTION:
        state.cost[e] += stop_cost[before_pixels(position, slices, slices)]
        state.done[e] = True
    else:
        code_segment(sizes, tables, state, e, action - FIRST_TIER_ACTION)
    state.phase[e] = LATENT_PHASE if state.position[e] < state.slices[e] else PIXEL_PHASE


cdef inline double error_now(Sizes sizes, Tables tables, StateArrays state, int64_t e, int64_t measure) noexcept nogil:
    """Error of the picture if an episode stopped now."""
    cdef int64_t position = state.position[e], slices = state.slices[e]
    if position < slices or state.phase[e] == BUDGET_PHASE:
        return slice_error(sizes, tables, measure, state.image[e], position)
    return row_error(sizes, tables, measure, state.image[e], state.budget[e], position - slices)


def apply(Sizes sizes, Tables tables, StateArrays state, const int64_t[::1] action):
    """Takes one action in every episode that goes on.

    Args:
        sizes: of the images.
        tables: of measurements and predictions.
        state: changed.
        action: int64 (B,).

    Raises:
        ValueError: an action is not legal; no episode has changed.
    """
    cdef int64_t count = state.image.shape[0], e
    check_sizes(sizes, state)
    if action.shape[0] != count:
        raise ValueError(f"there are {action.shape[0]} actions for {count} episodes")
    for e in range(count):
        if not state.done[e] and (not 0 <= action[e] < MOST_ACTIONS or not legal_in(sizes, state, e) >> action[e] & 1):
            raise ValueError(f"action {action[e]} is not legal in episode {e}")
    with nogil:
        for e in range(count):
            if not state.done[e]:
                take_action(sizes, tables, state, e, action[e])


def write_legal(Sizes sizes, StateArrays state, uint8_t[:, ::1] out):
    """Writes which actions are legal in each episode, uint8 (B, actions)."""
    cdef int64_t e, a, legal
    if out.shape[0] != state.image.shape[0]:
        raise ValueError(f"there are {out.shape[0]} rows for {state.image.shape[0]} episodes")
    with nogil:
        for e in range(out.shape[0]):
            legal = legal_in(sizes, state, e)
            for a in range(out.shape[1]):
                out[e, a] = legal >> a & 1


@cython.cdivision(True)
def write_parts(Sizes sizes, Tables tables, StateArrays state, const int64_t[::1] rows, double[:, ::1] out):
    """Writes D, R in bits per pixel and C in decoder kMAC per pixel if episodes stopped now.

    Args:
        sizes: of the images.
        tables: of measurements and predictions.
        state: of the episodes.
        rows: int64 (n,), which of them.
        out: float64 (3, n), written.
    """
    cdef int64_t n, e, kind
    cdef double pixels = <double>sizes.pixels
    check_sizes(sizes, state)
    check_rows(state, rows)
    if out.shape[0] != 3 or out.shape[1] != rows.shape[0]:
        raise ValueError(f"parts have shape {(3, rows.shape[0])}")
    with nogil:
        for n in range(rows.shape[0]):
            e = rows[n]
            kind = state.kind[e]
            out[0, n] = distortion_of(kind, error_now(sizes, tables, state, e, measure_of[kind]))
            out[1, n] = bits_of(state.cost[e]) / pixels
            out[2, n] = kmac_of(state.macs[e]) / pixels


@cython.cdivision(True)
def write_totals(Sizes sizes, Tables tables, StateArrays state, double[:, ::1] out):
    """Writes the fields of `rlcodec.control.decision_process.Totals`, in their order.

    Args:
        sizes: of the images.
        tables: of measurements and predictions.
        state: of the episodes.
        out: float64 (6, B), written.
    """
    cdef int64_t e, kind
    cdef double pixels = <double>sizes.pixels
    cdef double[MEASURE_COUNT] error
    check_sizes(sizes, state)
    if out.shape[0] != 6 or out.shape[1] != state.image.shape[0]:
        raise ValueError(f"totals have shape {(6, state.image.shape[0])}")
    with nogil:
        for e in range(out.shape[1]):
            kind = state.kind[e]
            error[MSE], error[LOSS] = error_now(sizes, tables, state, e, MSE), error_now(sizes, tables, state, e, LOSS)
            out[0, e] = bits_of(state.cost[e])
            out[1, e] = out[0, e] / pixels
            out[2, e] = kmac_of(state.macs[e]) / pixels
            out[3, e] = distortion_of(kind, error[measure_of[kind]])
            out[4, e] = error[MSE]
            out[5, e] = 1 - error[LOSS]
