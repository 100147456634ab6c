"""The vector environment: step for step what single environments do."""

import numpy as np

from rlcodec.control.objective import KINDS, Objective
from rlcodec.envs.gym_env import AdaptiveRateEnv
from rlcodec.envs.mnist.batch import Episodes
from rlcodec.envs.sb3_vec_env import TraceVecEnv
from rlcodec.presets.mnist.weights import load_model


def test_each_row_is_an_episode_of_its_own(traced):
    single = AdaptiveRateEnv(trace=traced)
    vector = TraceVecEnv(Episodes(traced, load_model(), single.predictor, 5), seed=3)
    random = np.random.default_rng(0)
    seen = vector.reset()
    episodes: Episodes = vector.episodes
    alone = [AdaptiveRateEnv(trace=traced, predictor=single.predictor) for _ in range(5)]

    def start(row: int) -> np.ndarray:
        objective = Objective(KINDS[episodes.kind[row]], episodes.lambda_rate[row], episodes.lambda_compute[row])
        first, _ = alone[row].reset(options={"image_index": int(episodes.image[row]), "objective": objective})
        return np.concatenate(list(first.values()))

    for row in range(5):
        assert np.array_equal(start(row), seen[row])
    finished = 0
    for _ in range(120):
        masks = vector.action_masks()
        actions = np.array([random.choice(np.flatnonzero(mask)) for mask in masks])
        seen, rewards, done, infos = vector.step(actions)
        for row in range(5):
            one, reward, over, _, _ = alone[row].step(int(actions[row]))
            flat = np.concatenate(list(one.values()))
            assert over == done[row]
            assert np.float32(reward) == rewards[row]
            if over:
                finished += 1
                assert np.array_equal(infos[row]["terminal_observation"], flat)
                assert infos[row]["TimeLimit.truncated"] is False
                assert np.array_equal(start(row), seen[row])
            else:
                assert np.array_equal(flat, seen[row])
    assert finished > 5


def test_the_same_seed_gives_the_same_episodes(traced):
    predictor = AdaptiveRateEnv(trace=traced).predictor
    runs = []
    for _ in range(2):
        vector = TraceVecEnv(Episodes(traced, load_model(), predictor, 4), seed=9)
        trail = [vector.reset()]
        for step in range(40):
            trail.append(vector.step(np.full(4, 1 + step % 3))[0])
        runs.append(np.stack(trail))
    assert np.array_equal(*runs)
