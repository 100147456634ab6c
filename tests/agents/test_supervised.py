"""Supervised prediction of the oracle's choice: examples along the oracle's episodes, and an actor that imitates it."""

import numpy as np
import pytest

from rlcodec.agents.evaluate import run_episodes
from rlcodec.agents.supervised import fit_supervised, oracle_examples
from rlcodec.control.objective import Objective
from rlcodec.envs.tasks import task_of

TASK = task_of("mnist")


def test_examples_are_the_oracles_steps_and_legal(traced):
    found = oracle_examples(TASK, traced, TASK.fit(traced), 6, images=8)
    assert len(found.observations) == len(found.actions) > 6 * 8
    assert (found.observations[np.arange(len(found.actions)), found.actions] == 1).all()


@pytest.mark.parametrize("objective", [Objective("psnr", 60.0, 0.6), Objective("ms-ssim", 90.0, 0.6)])
def test_what_was_seen_is_imitated(traced, objective):
    predictor = TASK.fit(traced)
    hindsight, process = TASK.hindsight(traced, predictor), TASK.process(traced, predictor)
    actor = fit_supervised(oracle_examples(TASK, traced, predictor, 40), TASK.spec.action_count)
    reached = process.values(run_episodes(process, objective, actor)).mean()
    best = np.mean([plan.value for plan in hindsight.oracle(objective)])
    worst = hindsight.replay(objective, (0, 0)).mean()
    assert best <= reached < best + 0.5 * (worst - best)
    assert hindsight.best_fixed(objective).value >= best
    assert actor.macs > 128 * 128
