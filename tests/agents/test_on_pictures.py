"""Agents for photographs: hindsight is best, mixtures are hulls, and what is trained encodes as its environment says."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import rlcodec
from rlcodec.agents.baselines import PlannerActor
from rlcodec.agents.evaluate import best_mixture, evaluate_policy, run_episodes
from rlcodec.agents.export import export_trained
from rlcodec.agents.hyperparameters import read_settings
from rlcodec.agents.training import load_trained, train
from rlcodec.control.actor import best_legal
from rlcodec.control.objective import Objective
from rlcodec.control.onnx_policy import OnnxPolicy
from rlcodec.envs.gym_env import FlatEnv
from rlcodec.envs.hindsight import Hindsight
from rlcodec.envs.tasks import task_of

TASK = task_of("photo")
ACTIONS = TASK.spec.action_count
SHORT = read_settings().with_values(
    n_timesteps=256, n_envs=8, n_steps=16, batch_size=64, n_epochs=1, width=16, advice=0.5, learning_rate=0.05
)
OBJECTIVES = [
    Objective("mse", 3.0, 0.001),
    Objective("mse", 200.0, 8.0),
    Objective("psnr", 6.0, 0.03),
    Objective("psnr", 25.0, 1.0),
    Objective("ms-ssim", 6.0, 0.0),
    Objective("ms-ssim", 25.0, 0.8),
    Objective("ssimulacra2", 12.0, 0.01),
    Objective("ssimulacra2", 150.0, 2.0),
]


@pytest.fixture(scope="module")
def hindsight(picture_trace, foreseen) -> Hindsight:
    return TASK.hindsight(picture_trace, foreseen)


class Random:
    """Takes random legal actions."""

    macs = 0

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def logits(self, observation):
        return self.random.random((len(observation), ACTIONS))


class First:
    """Takes the first legal action."""

    macs = 0

    def logits(self, observation):
        return np.zeros((len(observation), ACTIONS))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_nothing_beats_the_oracle(hindsight, objective):
    plans, process = hindsight.oracle(objective), hindsight.process
    best = np.array([plan.value for plan in plans])
    settings = np.stack([hindsight.replay(objective, actions) for actions in hindsight.settings])
    assert settings.min(0) == pytest.approx(best, rel=1e-12)
    fixed = hindsight.best_fixed(objective)
    assert settings.mean(1).min() == pytest.approx(fixed.value, rel=1e-12)
    assert hindsight.replay(objective, fixed.actions).mean() == pytest.approx(fixed.value, rel=1e-12)
    assert fixed.actions == hindsight.settings[settings.mean(1).argmin()]
    for index, plan in enumerate(plans):
        assert hindsight.replay(objective, plan.actions)[index] == pytest.approx(plan.value, rel=1e-12)
    random = Random(0)
    for _ in range(5):
        reached = process.values(run_episodes(process, objective, random))
        assert (reached >= best - 1e-9).all()


def test_settings_are_all_episodes_that_there_are(hindsight):
    process, count = hindsight.process, hindsight.process.image_count
    assert len(set(hindsight.settings)) == len(hindsight.settings)
    for actions in hindsight.settings[::7]:
        assert process.replay([actions] * count, OBJECTIVES[0]).done.all()
    random = Random(1)
    state = process.initial(np.zeros(50, np.int64), process.spec.objectives_of(OBJECTIVES[0], 50))
    taken: list[list[int]] = [[] for _ in range(50)]
    while not state.done.all():
        action = best_legal(random.logits(process.observe(state)), process.legal(state))
        for row in np.flatnonzero(~state.done):
            taken[row].append(int(action[row]))
        process.apply(state, action)
    assert {tuple(actions) for actions in taken} <= set(hindsight.settings)


def test_mixtures_reach_the_hull_and_no_more():
    # D, R and C of three settings; the second alone is dominated by mixtures of the others.
    settings = np.array([[10.0, 1.0, 2.0], [7.0, 2.5, 2.0], [2.0, 3.0, 2.0]])
    on_hull = best_mixture(settings, np.array([6.0, 2.0, 2.0]))
    assert on_hull.rate_bpp == pytest.approx(2.0)
    assert on_hull.kmac_per_pixel == pytest.approx(2.0)
    assert best_mixture(settings, np.array([7.0, 2.5, 2.0])).rate_bpp == pytest.approx(1.75)  # inside
    beyond = best_mixture(settings, np.array([6.0, 1.5, 2.0]))  # no mixture spends so little
    assert beyond.rate_bpp == pytest.approx(2.0)
    assert np.isnan(beyond.kmac_per_pixel)
    assert np.isnan(best_mixture(settings, np.array([1.0, 9.0, 9.0])).rate_bpp)
    assert np.isnan(best_mixture(settings, np.array([6.0, 9.0, 1.0])).rate_bpp)


def test_mixtures_trade_compute_for_rate():
    settings = np.array([[5.0, 1.0, 10.0], [5.0, 2.0, 0.0]])
    assert best_mixture(settings, np.array([5.0, 2.0, 4.0])).rate_bpp == pytest.approx(1.6)
    assert best_mixture(settings, np.array([5.0, 1.25, 10.0])).kmac_per_pixel == pytest.approx(7.5)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # four pictures drawn again may leave no gap
def test_evaluations_rank_what_they_know(hindsight):
    few = replace(hindsight, grid=OBJECTIVES, smallest_gap_bpp=0.0)
    evaluation = evaluate_policy(few, PlannerActor(ACTIONS))
    table = evaluation.table
    assert (table.J_oracle <= table.J_fixed + 1e-9).all()
    assert (table.J_oracle <= table.J_policy + 1e-9).all()
    assert np.array_equal(table.J_policy, table.J_planner)
    assert evaluation.share <= 1
    worse = evaluate_policy(few, First())
    assert worse.share < evaluation.share
    # One setting for all is one of those that are mixed, so no mixture that does as well needs more.
    assert (worse.table.rate_saved <= 1e-9).all()
    assert (worse.table.compute_saved <= 1e-9).all()


@pytest.fixture(scope="module")
def policy_file(picture_trace, foreseen, tmp_path_factory) -> Path:
    """A policy that has trained for a moment, so that it neither knows much nor only follows the planner."""
    folder, task = tmp_path_factory.mktemp("run"), copy.copy(TASK)
    task.fit, task.fit_unseen = lambda trace: foreseen, lambda trace: [foreseen, foreseen]
    train(picture_trace, task, SHORT, folder)
    export_trained(load_trained(folder), folder / "policy.onnx")
    policy = TASK.load_policy(folder / "policy.onnx")
    assert policy.logits(np.zeros((3, TASK.spec.observation_size), np.float32)).shape == (3, ACTIONS)
    return folder / "policy.onnx"


@pytest.fixture(scope="module")
def encoded(pictures, policy_file) -> dict[tuple[int, Objective], tuple[bytes, np.ndarray]]:
    """Streams of every picture under every objective, and the observations that the encoder showed the policy."""
    streams = {}
    with pytest.MonkeyPatch.context() as patch:
        observed: list[np.ndarray] = []
        logits = OnnxPolicy.logits
        patch.setattr(OnnxPolicy, "logits", lambda policy, seen: observed.extend(seen.copy()) or logits(policy, seen))
        for index, picture in enumerate(pictures):
            for objective in OBJECTIVES:
                observed.clear()
                streams[index, objective] = TASK.encode_under(policy_file, picture, objective), np.stack(observed)
    return streams


@pytest.mark.parametrize("source", ["trace", "images"])
def test_the_encoder_chooses_as_in_its_environment(pictures, picture_trace, policy_file, encoded, source):
    given = {"trace": picture_trace} if source == "trace" else {"images": pictures}
    policy = TASK.load_policy(policy_file)
    env, chosen = FlatEnv(preset="photo", predictor=policy.predictor, **given), []
    for (index, objective), (data, shown_to_it) in encoded.items():
        seen, _ = env.reset(options={"image_index": index, "objective": objective})
        done, actions, trail = False, [], []
        while not done:
            trail.append(seen)
            actions.append(int(np.where(env.action_masks(), policy.logits(seen[None])[0], -np.inf).argmax()))
            seen, _, done, _, info = env.step(actions[-1])
        assert env.encode().data == TASK.encode(pictures[index], tuple(actions), objective.kind).data == data
        # It may have looked at stops and endings that it then did not come to.
        apart = np.abs(np.stack(trail)[:, None] - shown_to_it).max(2)
        assert (apart.min(1) < 1e-5).all()
        found = rlcodec.inspect(data)
        assert 8 * found.payload_bytes == info["bits"]
        assert found.decoder_kmac_per_pixel == pytest.approx(info["decoder_kmac_per_pixel"], rel=1e-9)
        shown = np.asarray(rlcodec.decode(data)).astype(np.int64)
        assert np.square(shown - pictures[index]).mean() == info["mse"]
        chosen.append(tuple(actions))
    assert len(set(chosen)) > 3


def test_gray_pictures_stay_gray_under_a_policy(pictures, policy_file):
    gray = pictures[2].mean(2).astype(np.uint8)
    assert rlcodec.decode(TASK.encode_under(policy_file, gray, OBJECTIVES[2])).mode == "L"
