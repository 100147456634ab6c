"""Supervised prediction of the oracle's choice: examples on the oracle's path, and a rule that imitates it."""

import numpy as np
import pytest

from rlcodec.agents.evaluate import run_episodes
from rlcodec.agents.oracle import best_fixed, oracle, replay
from rlcodec.agents.supervised import fit_supervised, oracle_examples
from rlcodec.control.objective import Objective
from rlcodec.envs.gym_env import AdaptiveRateEnv
from rlcodec.envs.mnist.batch import Episodes
from rlcodec.envs.tasks import task_of
from rlcodec.presets.mnist.weights import load_model

TASK = task_of("mnist")


def test_examples_are_the_oracles_steps_and_legal(traced):
    predictor = AdaptiveRateEnv(trace=traced).predictor
    seen, actions = oracle_examples(TASK, traced, predictor, 6, 8)
    assert len(seen) == len(actions) > 6 * 8
    assert (seen[np.arange(len(seen)), actions] == 1).all()


@pytest.mark.parametrize("objective", [Objective("psnr", 60.0, 0.6), Objective("ms-ssim", 90.0, 0.6)])
def test_what_was_seen_is_imitated(traced, objective):
    model, predictor = load_model(), AdaptiveRateEnv(trace=traced).predictor
    episodes = Episodes(traced, model, predictor, len(traced))
    choose = fit_supervised(*oracle_examples(TASK, traced, predictor, 40), episodes.action_count)
    found = run_episodes(episodes, objective, choose).mean()
    best = np.mean([plan.value for plan in oracle(traced, objective, model)])
    worst = replay(episodes, objective, [(0, 0)] * len(traced)).mean()
    assert best <= found < best + 0.5 * (worst - best)
    assert best_fixed(traced, objective, model).value >= best
