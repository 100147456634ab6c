"""Images, traces and predictions of every preset, so that contracts of environments are tested once for all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from rlcodec.control.objective import Objective
from rlcodec.envs.external.task import fit_external_predictor
from rlcodec.envs.external.trace import ExternalTrace, MeasuredStreams, external_trace
from rlcodec.envs.measure import MeasureOptions
from rlcodec.envs.sample_images import sample_pictures
from rlcodec.envs.tasks import Task, task_and_trace, task_of
from rlcodec.presets.external.process import ExternalSpec

PRESETS = ("mnist", "photo", "compact", "toy", "external")


@pytest.fixture(scope="session")
def play() -> Callable[..., tuple[list[Any], list[Any], list[dict[str, Any]]]]:
    """Plays an episode of a single environment with random legal actions."""

    def play_episode(env: Any, seed: int, **options: Any) -> tuple[list[Any], list[Any], list[dict[str, Any]]]:
        """Random legal actions until the end: observations, rewards, infos."""
        random = np.random.default_rng(seed)
        seen, info = env.reset(seed=seed, options=options)
        trail, rewards, infos, done = [seen], [], [info], False
        while not done:
            action = int(random.choice(np.flatnonzero(env.action_masks())))
            seen, reward, done, truncated, info = env.step(action)
            assert truncated is False
            trail.append(seen)
            rewards.append(reward)
            infos.append(info)
        return trail, rewards, infos

    return play_episode


@pytest.fixture(scope="session")
def make_external_trace() -> Callable[..., ExternalTrace]:
    """Makes a trace of an invented codec with four settings: complex images and high settings cost more."""

    def make(n: int = 12, stops: int = 1, seed: int = 0, **changes: Any) -> ExternalTrace:
        rng = np.random.default_rng(seed)
        complexity, pixels = rng.uniform(0.5, 2, n), rng.integers(1000, 5000, n)
        fineness = np.arange(1, 5)[None, :, None] * (1 + np.arange(stops)) / stops
        noise = rng.uniform(0.9, 1.1, (n, 4, stops))
        tables = {
            "bits": pixels[:, None, None] * complexity[:, None, None] * fineness / 3 * noise,
            "mse": 300 * complexity[:, None, None] * noise / fineness**2,
            "ms_ssim": 1 - 0.1 * complexity[:, None, None] * noise / fineness,
            "decoder_kmac_per_pixel": np.broadcast_to(fineness, (n, 4, stops)),
        }
        features = np.stack([complexity + rng.normal(0, 0.05, n), rng.normal(size=n)], 1)
        names = {"codec": "none", "settings": ["a", "b", "c", "d"], "features": ["complexity", "luck"]}
        spec = names | {"stops": [f"stop {i}" for i in range(stops)]}
        given = {"pixels": pixels, "values": features}
        for part in (spec, tables, given):
            part.update({name: changes[name] for name in changes if name in part})
        tables |= {name: changes[name] for name in ("ssimulacra2",) if name in changes}
        spec |= {name: changes[name] for name in ("baseline", "rate_range", "kinds") if name in changes}
        return external_trace(ExternalSpec(**spec), given["pixels"], given["values"], MeasuredStreams(**tables))

    return make


@pytest.fixture(scope="session")
def compact_trace() -> Any:
    """The trace of four small pictures of preset compact."""
    samples = sample_pictures()
    pictures = [samples[0], samples[5], np.ascontiguousarray(samples[3][:70, :100]), samples[6]]
    return task_of("compact").measure(pictures, MeasureOptions(workers=1))


@dataclass(frozen=True)
class Case:
    """What the contracts of environments are tested on.

    Attributes:
        preset: its name.
        task: its task.
        trace: of a few images.
        predictor: fitted to the trace.
        objectives: one for each of several kinds of distortion.
    """

    preset: str
    task: Task
    trace: Any
    predictor: Any
    objectives: list[Objective]

    @property
    def keywords(self) -> dict[str, Any]:
        """Arguments of environments."""
        return {"preset": self.preset, "trace": self.trace, "predictor": self.predictor}

    @property
    def runs_codec(self) -> bool:
        """Whether the codec can be run, and not only its trace be read."""
        return self.preset != "external"

    @property
    def images(self) -> list[np.ndarray]:
        """The images of the trace."""
        return [self.task.image(self.trace, i) for i in range(len(self.trace))]


@pytest.fixture(scope="module", params=PRESETS)
def case(request: pytest.FixtureRequest) -> Case:
    """Every preset in turn, and a codec known by its trace alone."""
    name = request.param
    if name == "toy":
        request.getfixturevalue("toy")
    traces: dict[str, Callable[[], Any]] = {
        "mnist": lambda: request.getfixturevalue("traced"),
        "photo": lambda: request.getfixturevalue("picture_trace"),
        "compact": lambda: request.getfixturevalue("compact_trace"),
        "external": lambda: request.getfixturevalue("make_external_trace")(stops=3),
        "toy": lambda: request.getfixturevalue("toy_trace"),
    }
    task, trace = task_and_trace(name, traces[name]())
    if name == "photo":
        predictor = request.getfixturevalue("foreseen")
    else:
        predictor = fit_external_predictor(trace, 20, 2) if name == "external" else task.fit(trace)
    grid = task.objective_grid(trace)
    objectives = [[o for o in grid if o.kind == kind][count] for count, kind in enumerate(task.spec.trained_kinds)]
    return Case(name, task, trace, predictor, objectives)
