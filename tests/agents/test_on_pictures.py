"""Agents for photographs: hindsight is best, mixtures are hulls, and what is trained encodes as its environment says."""

from dataclasses import replace

import numpy as np
import pytest

import rlcodec
from rlcodec.agents.contest import Contest, best_mixture
from rlcodec.agents.evaluate import contest_of, evaluate_policy, greedy_advice, run_episodes
from rlcodec.agents.export import export_policy
from rlcodec.agents.hyperparameters import read_settings
from rlcodec.agents.ppo import load_trained, read_run, train_ppo
from rlcodec.control.objective import Objective
from rlcodec.control.onnx_policy import Policy, load_policy
from rlcodec.envs.gym_env import FlatEnv
from rlcodec.envs.tasks import task_of
from rlcodec.images.color import ColorImage
from rlcodec.presets.photo.decisions import ACTIONS, LAYOUT_SIZE, STOPS
from rlcodec.presets.photo.policy import encode_under_policy

TASK = task_of("photo")
SHORT = replace(read_settings(), n_timesteps=256, n_envs=8, n_steps=16, batch_size=64, n_epochs=1, width=16)
OBJECTIVES = [
    Objective("mse", 3.0, 0.001),
    Objective("mse", 200.0, 8.0),
    Objective("psnr", 6.0, 0.03),
    Objective("psnr", 25.0, 1.0),
    Objective("ms-ssim", 6.0, 0.0),
    Objective("ms-ssim", 25.0, 0.8),
]


@pytest.fixture(scope="module")
def contest(picture_trace, foreseen) -> Contest:
    return contest_of(TASK, picture_trace, foreseen)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_nothing_beats_the_oracle(contest, objective):
    plans = contest.oracle(objective)
    best = np.array([plan.value for plan in plans])
    constants = np.stack([contest.replay(objective, actions) for actions in contest.constants])
    assert constants.min(0) == pytest.approx(best, rel=1e-12)
    fixed = contest.fixed(objective)
    assert constants.mean(1).min() == pytest.approx(fixed.value, rel=1e-12)
    assert contest.replay(objective, fixed.actions).mean() == pytest.approx(fixed.value, rel=1e-12)
    assert fixed.actions == contest.constants[constants.mean(1).argmin()]
    for index, plan in enumerate(plans):
        assert contest.replay(objective, plan.actions)[index] == pytest.approx(plan.value, rel=1e-12)
    random = np.random.default_rng(0)
    for _ in range(5):
        found = run_episodes(contest.episodes, objective, lambda seen: random.integers(0, ACTIONS, len(seen)))
        assert (found >= best - 1e-9).all()


def test_constants_are_all_there_is(contest):
    assert len(set(contest.constants)) == len(contest.constants) == contest.episodes.tables.quality[0, 0].size
    for actions in contest.constants[:: len(STOPS)]:
        contest.replay(OBJECTIVES[0], actions)
        assert contest.episodes.done.all()


def test_mixtures_reach_the_hull_and_no_more():
    # D, R and C of three settings; the second alone is dominated by mixtures of the others.
    settings = np.array([[10.0, 1.0, 2.0], [7.0, 2.5, 2.0], [2.0, 3.0, 2.0]])
    on_hull = best_mixture(settings, np.array([6.0, 2.0, 2.0]))
    assert on_hull.rate == pytest.approx(2.0)
    assert on_hull.compute == pytest.approx(2.0)
    assert best_mixture(settings, np.array([7.0, 2.5, 2.0])).rate == pytest.approx(1.75)  # inside
    beyond = best_mixture(settings, np.array([6.0, 1.5, 2.0]))  # no mixture spends so little
    assert beyond.rate == pytest.approx(2.0)
    assert np.isnan(beyond.compute)
    assert np.isnan(best_mixture(settings, np.array([1.0, 9.0, 9.0])).rate)
    assert np.isnan(best_mixture(settings, np.array([6.0, 9.0, 1.0])).rate)


def test_mixtures_trade_compute_for_rate():
    settings = np.array([[5.0, 1.0, 10.0], [5.0, 2.0, 0.0]])
    assert best_mixture(settings, np.array([5.0, 2.0, 4.0])).rate == pytest.approx(1.6)
    assert best_mixture(settings, np.array([5.0, 1.25, 10.0])).compute == pytest.approx(7.5)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # four pictures drawn again may leave no gap
def test_evaluations_rank_what_they_know(contest):
    few = replace(contest, grid=OBJECTIVES, smallest_gap=0.0)
    found = evaluate_policy(few, greedy_advice(ACTIONS))
    table = found.table
    assert (table.J_oracle <= table.J_fixed + 1e-9).all()
    assert (table.J_oracle <= table.J_policy + 1e-9).all()
    assert np.array_equal(table.J_policy, table.J_planner)
    assert found.share <= 1
    worse = evaluate_policy(few, lambda seen: np.zeros(len(seen), np.int64))
    assert worse.share < found.share
    # One setting for all is one of those that are mixed, so no mixture that does as well needs more.
    assert (worse.table.rate_saved <= 1e-9).all()
    assert (worse.table.compute_saved <= 1e-9).all()


@pytest.fixture(scope="module")
def trained(picture_trace, foreseen, tmp_path_factory) -> Policy:
    """A policy that has trained for a moment, so that it neither knows much nor only follows the planner."""
    folder = tmp_path_factory.mktemp("run")
    brief = replace(TASK, fit=lambda trace: foreseen, fit_unseen=lambda trace: [foreseen, foreseen])
    train_ppo(picture_trace, brief, replace(SHORT, advice=0.5, learning_rate=0.05), folder, progress=False)
    predictor, settings = read_run(folder, TASK)
    export_policy(load_trained(folder), predictor, TASK, folder / "policy.onnx", settings)
    policy = load_policy(folder / "policy.onnx", TASK.model)
    assert policy.logits(np.zeros((3, LAYOUT_SIZE), np.float32)).shape == (3, ACTIONS)
    return policy


class Watched:
    """A policy's session that keeps what it is shown."""

    def __init__(self, session):
        self.session, self.seen = session, []

    def run(self, names, inputs):
        self.seen.extend(inputs["observation"].copy())
        return self.session.run(names, inputs)


@pytest.fixture(scope="module")
def encoded(pictures, trained) -> dict[tuple[int, Objective], tuple[bytes, np.ndarray]]:
    """What the encoder makes of every picture under every objective, and the observations it did that on."""
    found = {}
    for index, picture in enumerate(pictures):
        for objective in OBJECTIVES:
            watched = Watched(trained.session)
            data = encode_under_policy(replace(trained, session=watched), ColorImage(picture, False), objective, workers=1)
            found[index, objective] = data, np.stack(watched.seen)
    return found


@pytest.mark.parametrize("source", ["trace", "images"])
def test_the_encoder_chooses_as_in_its_environment(pictures, picture_trace, trained, encoded, source):
    given = {"trace": picture_trace} if source == "trace" else {"images": pictures}
    env, chosen = FlatEnv(preset="photo", predictor=trained.predictor, **given), []
    for (index, objective), (data, shown_to_it) in encoded.items():
        seen, _ = env.reset(options={"image_index": index, "objective": objective})
        done, actions, trail = False, [], []
        while not done:
            trail.append(seen)
            actions.append(int(np.where(env.action_masks(), trained.logits(seen[None])[0], -np.inf).argmax()))
            seen, _, done, _, info = env.step(actions[-1])
        assert env.encode().data == TASK.encode(pictures[index], tuple(actions)).data == data
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


def test_gray_pictures_stay_gray_under_a_policy(pictures, trained):
    gray = np.repeat(pictures[2].mean(2, keepdims=True).astype(np.uint8), 3, 2)
    data = encode_under_policy(trained, ColorImage(gray, True), OBJECTIVES[2])
    assert rlcodec.decode(data).mode == "L"
