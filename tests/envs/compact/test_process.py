"""The decisions of preset compact: phases, tables, advice; encoder, trace and environments agree on what actions do."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

import rlcodec
from rlcodec.agents.baselines import PlannerActor
from rlcodec.agents.evaluate import evaluate_policy, run_episodes
from rlcodec.agents.export import export_trained
from rlcodec.agents.hyperparameters import read_settings
from rlcodec.agents.training import train
from rlcodec.control.objective import Objective
from rlcodec.control.onnx_policy import OnnxPolicy
from rlcodec.core.segment_choice import CONTEXT, STOP, TABLE
from rlcodec.envs.batch import Episodes
from rlcodec.envs.compact.fit import fit_compact_predictor
from rlcodec.envs.compact.task import CompactTask
from rlcodec.envs.compact.trace import CompactTrace
from rlcodec.envs.fit import fit_unseen
from rlcodec.envs.gym_env import AdaptiveRateEnv, FlatEnv
from rlcodec.envs.hindsight import Hindsight
from rlcodec.envs.tasks import task_of
from rlcodec.envs.trace_file import save_tables
from rlcodec.errors import DataError, OptionError
from rlcodec.presets.compact.choices import BUDGETS, COUNTS, DEPTH, GROUPS, NODES, choices_at
from rlcodec.presets.compact.measurements import PROBES, distortion_at, measure_lazily
from rlcodec.presets.compact.predictor import CompactPredictor
from rlcodec.presets.compact.preset import PRESET
from rlcodec.presets.compact.process import ACTIONS, FIRST_TIER_ACTION, STOP_ACTION, CompactProcess, actions_to, end_of

TASK = task_of("compact")
TABLE_ACTION, CONTEXT_ACTION = FIRST_TIER_ACTION + TABLE, FIRST_TIER_ACTION + CONTEXT
SHORT = read_settings().with_values(
    n_timesteps=256, n_envs=8, n_steps=16, batch_size=64, n_epochs=1, width=16, advice=2.0, learning_rate=0.005
)
OBJECTIVES = [
    Objective("mse", 3000.0, 2.0),
    Objective("mse", 1e5, 5000.0),
    Objective("psnr", 20.0, 1.0),
    Objective("psnr", 100.0, 0.02),
    Objective("ms-ssim", 20.0, 0.0),
    Objective("ms-ssim", 70.0, 1.0),
]


@pytest.fixture(scope="module")
def pictures(compact_trace) -> list[np.ndarray]:
    return [compact_trace.picture(i) for i in range(len(compact_trace))]


@pytest.fixture(scope="module")
def predictor(compact_trace) -> CompactPredictor:
    return fit_compact_predictor(compact_trace, 20, 2)


@pytest.fixture
def on_trace(compact_trace, predictor) -> dict:
    return {"trace": compact_trace, "preset": "compact", "predictor": predictor}


@pytest.fixture
def on_codec(pictures, predictor) -> dict:
    return {"images": pictures, "preset": "compact", "predictor": predictor}


@pytest.fixture
def process(compact_trace, predictor) -> CompactProcess:
    return TASK.process(compact_trace, predictor)


@pytest.mark.parametrize("source", ["on_trace", "on_codec"])
def test_after_every_step_an_episode_is_what_the_codec_codes(request, pictures, source):
    env = FlatEnv(**request.getfixturevalue(source))
    for seed in range(6):
        _, first = env.reset(seed=seed)
        picture, random, done = pictures[first["image_index"]], np.random.default_rng(seed), False
        nothing = rlcodec.encode(picture, preset="compact", bit_budget=0)
        assert np.array_equal(TASK.show_nothing(picture), np.asarray(rlcodec.decode(nothing)))
        assert first["mse"] == np.square(np.asarray(rlcodec.decode(nothing)).astype(int) - picture).mean()
        assert first["decoder_kmac_per_pixel"] == pytest.approx(rlcodec.inspect(nothing).decoder_kmac_per_pixel, rel=1e-12)
        assert first["bits"] == 0
        while not done:
            legal = np.flatnonzero(env.action_masks())
            _, _, done, _, info = env.step(int(random.choice(legal[-2:] if seed % 2 else legal)))
            encoded = env.encode()
            stream = rlcodec.inspect(encoded.data)
            kmac = encoded.decoder_macs / 1000 / picture[..., 0].size
            assert 8 * stream.payload_bytes == info["bits"] == encoded.bits
            assert stream.settings == encoded.settings
            assert info["bits"] / picture[..., 0].size == pytest.approx(info["rate_bpp"], rel=1e-12)
            assert kmac == pytest.approx(info["decoder_kmac_per_pixel"], rel=1e-12)
            assert kmac == pytest.approx(stream.decoder_kmac_per_pixel, rel=1e-12)
            assert encoded.mse == info["mse"]
            assert encoded.segments == stream.segments
            assert np.array_equal(np.asarray(rlcodec.decode(encoded.data)), encoded.picture)


def test_every_end_in_the_tables_is_what_the_codec_codes(pictures, process):
    for budget, node in [(0, 0), (7, NODES - 1), *zip([3, 6, 2, 7, 1], range(4, NODES, 6), strict=True)]:
        encoded = TASK.encode(pictures[2], actions_to(budget, node))
        stream = rlcodec.inspect(encoded.data)
        assert len(stream.segments) == -(-BUDGETS[budget] * DEPTH[node] // GROUPS) + (DEPTH[node] < GROUPS)
        assert 8 * stream.payload_bytes == round(process.measured.rate_bpp[2, budget, node] * 7000)
        assert encoded.decoder_macs == round(process.measured.kmac[2, budget, node] * 7000 * 1000)


def test_one_tier_for_all_groups_is_that_tier_by_hand(pictures):
    for action, tier in ((TABLE_ACTION, "table"), (CONTEXT_ACTION, "context")):
        encoded = TASK.encode(pictures[1], (len(BUDGETS) - 1, *[action] * GROUPS))
        assert encoded.data == rlcodec.encode(pictures[1], preset="compact", tier=tier)


def test_actions_lead_to_ends_and_back():
    assert list(choices_at(*end_of((3, CONTEXT_ACTION, TABLE_ACTION)))) == [CONTEXT] * 32 + [TABLE] * 32 + [STOP] * 64
    ends = [*itertools.product(range(len(BUDGETS)), range(NODES))]
    assert [end_of(actions_to(*end)) for end in ends] == ends


def test_only_whole_episodes_are_accepted(process):
    for budget, node in itertools.product(range(len(BUDGETS)), range(NODES)):
        process.check_actions(actions_to(budget, node), OBJECTIVES[0])
    for actions in ((), (8,), (3,), (3, 3), (3, 1, 1), (3, 1, 1, 1, 1, 0), (3, 0, 0), (-1, 0)):
        with pytest.raises(OptionError, match="no episode"):
            process.check_actions(actions, OBJECTIVES[0])


def test_masks_follow_the_phases(on_trace):
    env = AdaptiveRateEnv(**on_trace)
    observation, _ = env.reset(seed=2)
    for action, legal in ((4, len(BUDGETS)), (TABLE_ACTION, 3), (CONTEXT_ACTION, 3), (TABLE_ACTION, 3), (7, 3)):
        assert np.array_equal(np.flatnonzero(env.action_masks()), np.arange(legal))
        assert np.array_equal(observation["mask"] > 0.5, env.action_masks())
        observation, _, done, _, _ = env.step(action)
    assert done
    env.reset()
    env.step(2)
    assert env.step(STOP_ACTION)[2]


def test_encoders_measure_only_what_their_decisions_need(pictures, predictor, compact_trace):
    measurements = measure_lazily(PRESET.analyse_pixels(pictures[0]))
    assert np.array_equal(np.flatnonzero(~np.isnan(measurements.mse[0])), PROBES)
    process = CompactProcess(TASK.spec, measurements, predictor)
    state = process.initial(np.zeros(1, np.int64), TASK.spec.objectives_of(OBJECTIVES[0], 1))
    process.apply(state, np.array([1]))
    measured = np.flatnonzero(~np.isnan(measurements.mse[0]))
    assert np.array_equal(COUNTS[measured], np.union1d(COUNTS[PROBES], np.arange(GROUPS + 1) * BUDGETS[1] // GROUPS))
    assert np.array_equal(measurements.mse[0, measured], compact_trace.mse[0, measured])
    assert np.array_equal(measurements.ms_ssim[0, measured], compact_trace.ms_ssim[0, measured])


def test_distortion_is_that_of_the_decoded_picture(pictures):
    source = PRESET.analyse_pixels(pictures[2])
    shown = np.asarray(rlcodec.decode(source.encode(64 * source.latent[0].size, np.full(64, TABLE)).data))
    assert distortion_at(source, 64)[0] == np.square(shown.astype(int) - pictures[2]).sum()


def hindsight_of(process: CompactProcess, trace: CompactTrace, predictor: CompactPredictor) -> Hindsight:
    """Hindsight in which planners know measured tables in place of predictions."""
    hindsight = TASK.hindsight(trace, predictor)
    process.predicted = process.measured
    return replace(hindsight, process=process)


def test_advice_is_right_where_predictions_are(process, compact_trace, predictor):
    """With measured tables in place of predictions, no regret is the oracle's choice."""
    hindsight = hindsight_of(process, compact_trace, predictor)
    for objective in OBJECTIVES:
        values = process.values(run_episodes(process, objective, PlannerActor(ACTIONS)))
        best = np.array([plan.value for plan in hindsight.oracle(objective)])
        assert values == pytest.approx(best, rel=1e-6)
        settings = np.stack([hindsight.replay(objective, actions) for actions in hindsight.settings])
        assert settings.min(0) == pytest.approx(best, rel=1e-12)
        assert settings.mean(1).min() == pytest.approx(hindsight.best_fixed(objective).value, rel=1e-12)
    assert len(set(hindsight.settings)) == len(BUDGETS) * NODES


def test_the_oracle_is_the_best_entry_of_the_tables(process, compact_trace, predictor):
    hindsight, images = TASK.hindsight(compact_trace, predictor), np.arange(len(compact_trace))
    for objective in OBJECTIVES:
        values = process.measured.values(TASK.spec.objectives_of(objective, len(images)), images)
        for plan, of_image in zip(hindsight.oracle(objective), values, strict=True):
            assert plan.value == of_image.min() == of_image[end_of(plan.actions)]
        fixed = hindsight.best_fixed(objective)
        assert fixed.value == pytest.approx(values.mean(0).min(), rel=1e-15)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # four pictures drawn again may leave no gap
def test_evaluations_rank_policies_behind_the_oracle(compact_trace, predictor):
    hindsight = replace(TASK.hindsight(compact_trace, predictor), grid=OBJECTIVES)
    evaluation = evaluate_policy(hindsight, PlannerActor(ACTIONS))
    assert (evaluation.table.J_oracle <= evaluation.table.J_policy + 1e-9).all()
    assert evaluation.share <= 1


def test_done_episodes_stay_as_they_are(process):
    episodes = Episodes(process, 2)
    episodes.reset_to(OBJECTIVES[2], np.arange(2))
    for actions in ((5, 0), (STOP_ACTION, CONTEXT_ACTION)):
        episodes.step(np.array(actions))
    assert list(episodes.done) == [True, False]
    before = episodes.objective_values()
    outcome = episodes.step(np.array([2, 2]))
    assert outcome.reward[0] == 0
    assert episodes.objective_values()[0] == before[0]


def test_rendering_starts_from_nothing(on_trace):
    env = FlatEnv(**on_trace, render_mode="rgb_array")
    env.reset(options={"image_index": 0, "objective": OBJECTIVES[2]})
    frames = [env.render()]
    for action in (7, CONTEXT_ACTION, STOP_ACTION):
        env.step(action)
        frames.append(env.render())
    assert np.array_equal(frames[0][:256, 256:], frames[1][:256, 256:])  # a budget alone shows nothing
    assert not np.array_equal(frames[1], frames[2])


def test_a_file_restores_the_trace(compact_trace, tmp_path):
    save_tables(tmp_path / "a.npz", compact_trace)
    again = TASK.load(tmp_path / "a.npz")
    assert all(np.array_equal(getattr(again, name), getattr(compact_trace, name)) for name in CompactTrace.__dataclass_fields__)
    assert np.array_equal(compact_trace.take(np.array([2, 1])).picture(0), compact_trace.picture(2))
    save_tables(tmp_path / "b.npz", replace(compact_trace, sse=compact_trace.sse[:, 1:]))
    with pytest.raises(DataError, match="sse"):
        TASK.load(tmp_path / "b.npz")
    with pytest.raises(DataError):
        task_of("photo").load(tmp_path / "a.npz")


def test_predictors_take_turns(compact_trace, predictor):
    several = fit_unseen(compact_trace, fit_compact_predictor, 5)
    assert len(several) == 4
    mixed, alone = (TASK.process(compact_trace, several), [TASK.process(compact_trace, one) for one in several])
    for row, one in enumerate(alone):
        assert np.allclose(mixed.predicted.distortion[:, row], one.predicted.distortion[:, row])
    assert CompactPredictor.from_json(predictor.to_json()).to_json() == predictor.to_json()
    broken = json.loads(predictor.to_json())
    broken["net"]["biases"][-1] = [[[0.0]]]
    broken["net"]["weights"][-1] = [[[row[0]] for row in one] for one in broken["net"]["weights"][-1]]
    with pytest.raises(ValueError, match="outputs"):
        CompactPredictor.from_json(json.dumps(broken))


@pytest.fixture(scope="module")
def trained(compact_trace, predictor, tmp_path_factory):
    """The file of a policy that has trained for a moment, so that it knows little but does not only follow the planner."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CompactTask, "fit", lambda self, trace: predictor)
        patch.setattr(CompactTask, "fit_unseen", lambda self, trace: [predictor, predictor])
        export_trained(train(compact_trace, TASK, SHORT, folder), folder / "policy.onnx")
    return folder / "policy.onnx"


def decisions_of(env: FlatEnv, policy: OnnxPolicy, index: int, objective: Objective) -> tuple[tuple[int, ...], dict]:
    """The actions that a policy chooses in an environment, and the last info."""
    observation, info = env.reset(options={"image_index": index, "objective": objective})
    done, actions = False, []
    while not done:
        actions.append(int(np.where(env.action_masks(), policy.logits(observation[None])[0], -np.inf).argmax()))
        observation, _, done, _, info = env.step(actions[-1])
    return tuple(actions), info


@pytest.mark.parametrize("source", ["trace", "images"])
def test_the_encoder_decides_as_in_its_environment(pictures, compact_trace, trained, source):
    policy, chosen = TASK.load_policy(trained), set()
    given = {source: compact_trace if source == "trace" else pictures}
    env = FlatEnv(preset="compact", predictor=policy.predictor, **given)
    for index, objective in [*itertools.product(range(4), OBJECTIVES)][:: 1 if source == "trace" else 4]:
        actions, info = decisions_of(env, policy, index, objective)
        lambdas = {"lambda_rate": objective.lambda_rate, "lambda_compute": objective.lambda_compute}
        data = rlcodec.encode(pictures[index], preset="compact", policy=trained, distortion=objective.kind, **lambdas)
        assert env.encode().data == TASK.encode(pictures[index], actions).data == data
        assert TASK.encode_under(trained, pictures[index], objective) == data
        assert 8 * rlcodec.inspect(data).payload_bytes == info["bits"]
        assert np.square(np.asarray(rlcodec.decode(data)).astype(np.int64) - pictures[index]).mean() == info["mse"]
        chosen.add(actions)
    assert len(chosen) > (3 if source == "trace" else 1)


def test_a_policys_choice_is_taken_if_it_meets_the_constraints(pictures, trained):
    objective = {"policy": trained, "distortion": "psnr", "lambda_rate": 50.0}
    free = rlcodec.encode(pictures[0], preset="compact", **objective)
    assert rlcodec.encode(pictures[0], preset="compact", **objective, max_bytes=len(free)) == free
    smaller = rlcodec.encode(pictures[0], preset="compact", **objective, max_bytes=len(free) - 1)
    del objective["policy"]
    assert smaller == rlcodec.encode(pictures[0], preset="compact", **objective, max_bytes=len(free) - 1)


def test_the_command_line_takes_a_policy_and_needs_none(run, trained, photograph, tmp_path):
    photograph.crop((0, 0, 100, 90)).convert("L").save(tmp_path / "a.png")
    command = ("encode", tmp_path / "a.png", tmp_path / "a.rlc", "--preset", "compact", "--objective", "fast")
    assert run(*command, "--policy", trained)[0] == 0
    assert rlcodec.decode((tmp_path / "a.rlc").read_bytes()).mode == "L"
    assert run(*command)[0] == 0
    assert run(*command, "--policy", trained, "--tier", "table")[0] == 2
    code, _, said = run(*command[:5], "--policy", trained, "--distortion", "psnr", "--lambda-rate", 1e6)
    assert code == 2
    assert "lambda_rate" in said
    photograph.crop((0, 0, 80, 80)).save(tmp_path / "b.png")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "b.png").rename(tmp_path / "pictures" / "b.png")
    code, _, _ = run("trace", tmp_path / "pictures", tmp_path / "t.npz", "--preset", "compact", "--crop", 64, "--workers", 1)
    assert (code, len(TASK.load(tmp_path / "t.npz"))) == (0, 1)
