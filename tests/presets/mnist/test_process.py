"""The decision process of preset `mnist`: legal actions, states that can be copied, and predictors that take turns."""

from dataclasses import fields, replace

import numpy as np
import pytest

from rlcodec.control.objective import Objective, Objectives
from rlcodec.core.segment_choice import CONTEXT, LM, TABLE
from rlcodec.envs.tasks import task_of
from rlcodec.errors import DataError, ModelError
from rlcodec.presets.mnist._tables import Sizes
from rlcodec.presets.mnist.decisions import ACTIONS, BUDGETS, FIRST_TIER_ACTION, STOP_ACTION
from rlcodec.presets.mnist.process import MnistProcess

OBJECTIVE = Objective("mse", 2000.0, 2.0)
TASK = task_of("mnist")


@pytest.fixture(scope="module")
def predictor(traced):
    return TASK.fit(traced)


@pytest.fixture
def process(traced, predictor) -> MnistProcess:
    return TASK.process(traced, predictor)


def start(process, images):
    return process.initial(np.array(images), process.spec.objectives_of(OBJECTIVE, len(images)))


def test_tier_lm_is_legal_at_the_first_row_and_after_itself(process):
    state = start(process, [0, 0, 0])
    assert process.legal(state).sum(1).tolist() == [BUDGETS] * 3
    process.apply(state, np.array([0, 0, 1]))
    assert process.legal(state)[:, FIRST_TIER_ACTION + LM].tolist() == [True, True, False]
    process.apply(state, np.array([FIRST_TIER_ACTION + LM, FIRST_TIER_ACTION + TABLE, FIRST_TIER_ACTION + CONTEXT]))
    assert process.legal(state)[:, FIRST_TIER_ACTION + LM].tolist() == [True, False, True]
    assert process.legal(state)[:, STOP_ACTION].all()
    assert not process.legal(state)[:, FIRST_TIER_ACTION + 3 :].any()


def test_illegal_actions_count_as_the_nearest_legal_one_below(process):
    state = start(process, [0, 0])
    process.apply(state, np.array([0, 1]))
    assert process.nearest_legal(state, np.array([ACTIONS - 1, ACTIONS - 1])).tolist() == [3, 2]


@pytest.mark.parametrize("action", [-1, BUDGETS, ACTIONS, 1 << 40])
def test_illegal_actions_are_refused_and_change_nothing(process, action):
    state = start(process, [0, 1])
    before = process.observe(state)
    with pytest.raises(ValueError, match=f"action {action} is not legal in episode 1"):
        process.apply(state, np.array([2, action]))
    assert np.array_equal(process.observe(state), before)
    process.apply(state, np.array([2, 0]))
    with pytest.raises(ValueError, match="not legal in episode 0"):
        process.apply(state, np.array([FIRST_TIER_ACTION + LM, STOP_ACTION]))
    with pytest.raises(ValueError, match="3 actions for 2 episodes"):
        process.apply(state, np.zeros(3, np.int64))


def test_images_kinds_and_episodes_that_do_not_exist_are_refused(process):
    with pytest.raises(ValueError, match="no image"):
        start(process, [process.image_count])
    with pytest.raises(ValueError, match="no kind of distortion 3"):
        process.initial(np.zeros(1, np.int64), Objectives(np.array([3]), np.ones(1), np.ones(1)))
    state = start(process, [0, 1])
    with pytest.raises(IndexError):
        process.observe(state, np.array([2]))


def test_measurements_predictions_and_bit_budgets_must_fit(process, traced, predictor):
    with pytest.raises(ModelError, match="predictions of shape"):
        TASK.process(traced, replace(predictor, image=predictor.image[:, 1:]))
    with pytest.raises(ModelError, match="predictions of rows"):
        TASK.process(traced, replace(predictor, row=predictor.row[1:]))
    with pytest.raises(ModelError, match="latent_sse"):
        TASK.process(replace(traced, latent_sse=traced.latent_sse[:, 1:]), predictor)
    with pytest.raises(ModelError, match="budgets"):
        Sizes(28, 28, 16, 49, 0, (0, 2, 1))


def test_copies_of_states_go_their_own_way(process):
    state = start(process, [1, 9, 4])
    process.apply(state, np.array([2, 0, 5]))
    copied = state.take(np.array([1, 2]))
    kept = {f.name: np.copy(getattr(state, f.name)) for f in fields(state) if f.name != "objectives"}
    assert np.array_equal(process.observe(copied), process.observe(state, np.array([1, 2])))
    process.apply(copied, np.array([3, 1]))
    assert all(np.array_equal(getattr(state, name), value) for name, value in kept.items())


def test_some_episodes_start_anew_and_the_others_go_on(process):
    state = start(process, [0, 1, 2])
    process.apply(state, np.array([3, 3, 3]))
    before = process.observe(state)
    process.start(state, np.array([1]), np.array([9]), Objectives.of(OBJECTIVE, 1))
    assert np.array_equal(process.observe(state, np.array([0, 2])), before[[0, 2]])
    assert np.array_equal(process.observe(state, np.array([1])), process.observe(start(process, [9])))


def test_predictors_take_turns_with_the_images(traced, predictor):
    other = replace(predictor, image=1.1 * predictor.image, row=0.9 * predictor.row)
    together, *alone = (TASK.process(traced, which) for which in ([predictor, other], predictor, other))
    for image in range(4):
        states = [start(process, [image]) for process in (together, alone[image % 2])]
        for action in (4, 1, 2):
            for process, state in zip((together, alone[image % 2]), states, strict=True):
                process.apply(state, np.array([action]))
            assert np.array_equal(together.observe(states[0]), alone[image % 2].observe(states[1]))


def test_no_images_no_process(traced, predictor):
    with pytest.raises(DataError, match="no images"):
        TASK.process(traced.take(slice(0, 0)), predictor)
