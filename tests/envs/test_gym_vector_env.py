"""Gymnasium's vector environment: step for step what single environments do, in every way of beginning anew."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import rlcodec  # noqa: F401  registers the environments
from rlcodec.control.objective import KINDS, Objective
from rlcodec.envs.gym_env import FlatEnv
from rlcodec.errors import OptionError

COUNT = 5


def make(traced, **options):
    return gymnasium.make_vec("rlcodec/AdaptiveRateFlat-v0", num_envs=COUNT, trace=traced, **options)


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_each_row_is_an_episode_of_its_own(traced, mode):
    vector = make(traced, autoreset_mode=mode)
    assert vector.metadata["autoreset_mode"] is mode
    alone = [FlatEnv(trace=traced) for _ in range(COUNT)]
    random = np.random.default_rng(0)
    seen, info = vector.reset(seed=4)
    assert vector.observation_space.contains(seen)
    over = np.zeros(COUNT, bool)

    def start(row: int) -> np.ndarray:
        episodes = vector.unwrapped.episodes
        objective = Objective(KINDS[episodes.kind[row]], episodes.lambda_rate[row], episodes.lambda_compute[row])
        return alone[row].reset(options={"image_index": int(info["image_index"][row]), "objective": objective})[0]

    assert all(np.array_equal(start(row), seen[row]) for row in range(COUNT))
    finished = 0
    for _ in range(90):
        if mode is AutoresetMode.DISABLED and over.any():
            seen, info = vector.reset(options={"reset_mask": over})
            for row in np.flatnonzero(over):
                assert np.array_equal(start(row), seen[row])
            over[:] = False
        actions = np.array([random.choice(np.flatnonzero(mask)) for mask in info["action_mask"]])
        seen, reward, done, truncated, info = vector.step(actions)
        assert not truncated.any()
        for row in range(COUNT):
            if over[row]:
                assert (reward[row], done[row]) == (0, False)
                assert np.array_equal(start(row), seen[row])
                continue
            one, gain, ended, _, single = alone[row].step(int(actions[row]))
            assert (gain, ended) == (reward[row], done[row])
            last = info["final_obs"][row] if ended and mode is AutoresetMode.SAME_STEP else seen[row]
            assert np.array_equal(one, last)
            if ended and mode is AutoresetMode.SAME_STEP:
                assert info["final_info"]["bits"][row] == single["bits"]
                assert np.array_equal(start(row), seen[row])
        finished += done.sum()
        over = done if mode is not AutoresetMode.SAME_STEP else over
    assert finished > COUNT


def test_the_same_seed_gives_the_same_episodes(traced):
    runs = []
    for _ in range(2):
        vector = make(traced)
        trail = [vector.reset(seed=9)[0]] + [vector.step(np.full(COUNT, 1 + i % 3))[0] for i in range(40)]
        runs.append(np.stack(trail))
    assert np.array_equal(*runs)


def test_an_objective_holds_for_all(traced):
    vector = make(traced, objective=Objective("psnr", 3.0, 0.5))
    vector.reset(seed=1)
    assert (vector.unwrapped.episodes.lambda_rate == 3.0).all()


def test_one_seed_draws_for_all(traced):
    with pytest.raises(OptionError, match="one seed"):
        make(traced).reset(seed=[1, 2, 3, 4, 5])
