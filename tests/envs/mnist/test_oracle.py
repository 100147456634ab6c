"""The oracle: its plans are worth what it says, and nothing found otherwise is worth more."""

import numpy as np
import pytest

from rlcodec.agents.baselines import constant_settings, threshold_values, tune_threshold
from rlcodec.agents.oracle import best_fixed, oracle, replay
from rlcodec.control.objective import Objective
from rlcodec.envs.mnist.batch import Episodes
from rlcodec.envs.mnist.fit import fit_predictor
from rlcodec.presets.mnist.policy import geometry_of
from rlcodec.presets.mnist.weights import load_model

OBJECTIVES = [
    Objective("mse", 2500.0, 0.0),
    Objective("mse", 2500.0, 25.0),
    Objective("psnr", 60.0, 0.02),
    Objective("psnr", 150.0, 3.0),
    Objective("ms-ssim", 60.0, 0.02),
    Objective("ms-ssim", 120.0, 1.0),
]


@pytest.fixture
def episodes(traced) -> Episodes:
    model = load_model()
    return Episodes(traced, model, fit_predictor(traced, geometry_of(model, 28, 28)), len(traced))


def constant_values(episodes: Episodes, objective: Objective) -> np.ndarray:
    """J of every constant setting on every image, (settings, n)."""
    settings = constant_settings(episodes.geometry.budget_slices, episodes.geometry.height)
    return np.stack([replay(episodes, objective, [actions] * episodes.batch) for actions in settings])


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_plans_are_worth_what_the_oracle_says(episodes, traced, objective):
    plans = oracle(traced, objective, load_model())
    values = replay(episodes, objective, [plan.actions for plan in plans])
    assert values == pytest.approx([plan.value for plan in plans], rel=1e-9)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_nothing_beats_the_oracle(episodes, traced, objective):
    best = np.array([plan.value for plan in oracle(traced, objective, load_model())])
    fixed = best_fixed(traced, objective, load_model())
    values = replay(episodes, objective, [fixed.actions] * len(traced))
    assert values.mean() == pytest.approx(fixed.value, rel=1e-9)
    assert (values >= best - 1e-9).all()
    constants = constant_values(episodes, objective)
    assert (constants >= best - 1e-9).all()
    assert constants.mean(1).min() >= fixed.value - 1e-9
    random = np.random.default_rng(1)
    for _ in range(40):
        episodes.reset_to(objective, np.arange(len(traced)))
        tier = random.integers(1, 4)
        while not episodes.done.all():
            usual = random.random(len(traced)) < 0.93
            episodes.step(np.where(usual, tier, random.integers(0, episodes.action_count, len(traced))))
        assert (episodes.objective_values() >= best - 1e-9).all()


def test_free_compute_makes_lm_worth_it(traced):
    scanned = [plan.actions for plan in oracle(traced, Objective("psnr", 45.0, 0.0), load_model())[8:]]
    assert all(3 in actions[1:] for actions in scanned)


def test_threshold_rule_is_no_worse_than_the_best_constant(episodes, traced):
    values = constant_values(episodes, OBJECTIVES[1])
    rule = tune_threshold(values, traced.statistics)
    assert threshold_values(rule, values, traced.statistics).sum() <= values.sum(1).min() + 1e-9
