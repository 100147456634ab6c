"""The oracle: its plans are worth what it says, and nothing found otherwise is worth more."""

import numpy as np
import pytest

from rlcodec.agents.baselines import tune_threshold
from rlcodec.control.objective import Objective
from rlcodec.envs.batch import Episodes
from rlcodec.envs.tasks import task_of

OBJECTIVES = [
    Objective("mse", 2500.0, 0.0),
    Objective("mse", 2500.0, 25.0),
    Objective("psnr", 60.0, 0.02),
    Objective("psnr", 150.0, 3.0),
    Objective("ms-ssim", 60.0, 0.02),
    Objective("ms-ssim", 120.0, 1.0),
]


@pytest.fixture(scope="module")
def hindsight(traced):
    task = task_of("mnist")
    return task.hindsight(traced, task.fit(traced))


def constant_values(hindsight, objective: Objective) -> np.ndarray:
    """J of every constant setting on every image, (settings, n)."""
    return np.stack([hindsight.replay(objective, actions) for actions in hindsight.settings])


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_plans_are_worth_what_the_oracle_says(hindsight, objective):
    plans, process = hindsight.oracle(objective), hindsight.process
    values = process.values(process.replay([plan.actions for plan in plans], objective))
    assert values == pytest.approx([plan.value for plan in plans], rel=1e-9)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_nothing_beats_the_oracle(hindsight, objective):
    best = np.array([plan.value for plan in hindsight.oracle(objective)])
    fixed = hindsight.best_fixed(objective)
    values = hindsight.replay(objective, fixed.actions)
    assert values.mean() == pytest.approx(fixed.value, rel=1e-9)
    assert (values >= best - 1e-9).all()
    constants = constant_values(hindsight, objective)
    assert (constants >= best - 1e-9).all()
    assert constants.mean(1).min() >= fixed.value - 1e-9
    random, n = np.random.default_rng(1), hindsight.process.image_count
    episodes = Episodes(hindsight.process, n)
    for _ in range(40):
        episodes.reset_to(objective, np.arange(n))
        tier = random.integers(1, 4)
        while not episodes.done.all():
            usual = random.random(n) < 0.93
            episodes.step(np.where(usual, tier, random.integers(0, episodes.action_count, n)))
        assert (episodes.objective_values() >= best - 1e-9).all()


def test_free_compute_makes_lm_worth_it(hindsight):
    with_source = [plan.actions for plan in hindsight.oracle(Objective("psnr", 45.0, 0.0))[8:]]
    assert all(3 in actions[1:] for actions in with_source)


def test_threshold_rule_is_no_worse_than_the_best_constant(hindsight):
    values = constant_values(hindsight, OBJECTIVES[1])
    rule = tune_threshold(values, hindsight.statistics)
    assert rule.values(values, hindsight.statistics).sum() <= values.sum(1).min() + 1e-9
