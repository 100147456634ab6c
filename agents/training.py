"""Trains a policy with any registered algorithm: imitation of the oracle, checkpoints, resuming and a time limit."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from rlcodec.agents.actors import TrainedActor
from rlcodec.agents.algorithms.base import argument_of
from rlcodec.agents.algorithms.registry import algorithm_by_name
from rlcodec.agents.hyperparameters import Settings
from rlcodec.agents.imitation import imitate
from rlcodec.agents.run_folder import (
    CHECKPOINT_FILE,
    RUN_FILE,
    Run,
    check_resumable,
    load_checkpoint,
    read_run,
    save_checkpoint,
    write_run,
)
from rlcodec.agents.supervised import oracle_examples
from rlcodec.core.files import make_folder
from rlcodec.envs.batch import Episodes
from rlcodec.envs.sb3_vec_env import TraceVecEnv
from rlcodec.envs.tasks import Task
from rlcodec.errors import OptionError

CHECKPOINT_SECONDS = 5.0
"""Time between checkpoints, which are written at the end of a rollout."""


@dataclass(frozen=True)
class TrainedPolicy:
    """A run and what it has learned.

    Attributes:
        run: task, settings and predictions.
        actor: scores the actions.
    """

    run: Run
    actor: TrainedActor


class _Checkpoints(BaseCallback):
    """Saves a checkpoint at the end of rollouts, and stops learning when its time is up."""

    def __init__(self, folder: Path, seconds: float | None):
        super().__init__()
        self.folder, self.saved = folder, time.monotonic()
        self.deadline = self.saved + seconds if seconds is not None else None

    def _on_step(self) -> bool:
        return self.deadline is None or time.monotonic() < self.deadline

    def _on_rollout_end(self) -> None:
        if time.monotonic() - self.saved > CHECKPOINT_SECONDS:
            save_checkpoint(self.model, self.folder)
            self.saved = time.monotonic()


def train(
    trace: Any, task: Task, settings: Settings, folder: Path, *, resume: bool = False, progress: bool = False
) -> TrainedPolicy:
    """Trains a policy.

    Args:
        trace: of the training images.
        task: of the preset that measured them.
        settings: algorithm and hyperparameters.
        folder: of the run, for run.json, checkpoints and TensorBoard's events.
        resume: resume from the run's checkpoint if there is one. Weights, optimiser and the number of steps are kept; episodes
            in progress, random generators and replay buffers are reset, so the result differs from an uninterrupted run.
        progress: show a progress bar.

    Raises:
        DataError: the run in the folder belongs to another codec, or is broken.
        OptionError: the run has learned under other settings, or the algorithm cannot imitate the oracle.
        OutputError: the folder cannot be written to.
    """
    make_folder(folder)
    algorithm, resumable = algorithm_by_name(settings.algorithm), resume and (folder / CHECKPOINT_FILE).exists()
    if settings.imitation and not algorithm.imitates:
        raise OptionError(f"algorithm {settings.algorithm} learns action values and cannot imitate the oracle")
    if resume and (folder / RUN_FILE).exists():
        stored = read_run(folder, task.name)
        if resumable:
            check_resumable(folder, stored.settings, settings)
        predictor = stored.predictor
    else:
        predictor = task.fit(trace)
    if not resumable:
        (folder / CHECKPOINT_FILE).unlink(missing_ok=True)
    run, unseen = Run(task, settings, predictor), task.fit_unseen(trace)
    vector = TraceVecEnv(Episodes(task.process(trace, unseen), settings.n_envs), settings.seed)
    write_run(folder, run)
    torch.distributions.Distribution.set_default_validate_args(False)
    if resumable:
        agent = load_checkpoint(folder, settings, env=vector, device=settings.device, tensorboard_log=str(folder))
        vector.seed(settings.seed + agent.num_timesteps)
    else:
        agent = new_agent(vector, settings, folder)
        if settings.imitation:
            examples = oracle_examples(task, trace, unseen, settings.imitation, seed=settings.seed)
            imitate(algorithm.network(settings.policy).actor(agent.policy), examples, settings.seed)
    left = settings.n_timesteps - agent.num_timesteps
    if left > 0:
        agent.learn(
            left,
            callback=_Checkpoints(folder, settings.seconds),
            log_interval=algorithm.log_interval,
            tb_log_name=settings.algorithm,
            reset_num_timesteps=agent.num_timesteps == 0,
            progress_bar=progress,
        )
        save_checkpoint(agent, folder)
    return TrainedPolicy(run, actor_of(agent, settings))


def new_agent(vector: VecEnv, settings: Settings, folder: Path | None = None) -> BaseAlgorithm:
    """An agent that has learned nothing yet.

    Args:
        vector: environments with the observations of `rlcodec.envs.sb3_vec_env.TraceVecEnv`.
        settings: algorithm and hyperparameters.
        folder: for TensorBoard's events, if any.
    """
    algorithm = algorithm_by_name(settings.algorithm)
    return algorithm.agent_class(
        algorithm.network(settings.policy).policy_class,
        vector,
        **{name: argument_of(value) for name, value in settings.hyperparameters.items()},
        policy_kwargs=dict(settings.policy_kwargs),
        tensorboard_log=str(folder) if folder else None,
        seed=settings.seed,
        device=settings.device,
    )


def actor_of(agent: BaseAlgorithm, settings: Settings) -> TrainedActor:
    """The actor of an agent.

    Args:
        agent: trained.
        settings: that it was made with.
    """
    module = algorithm_by_name(settings.algorithm).network(settings.policy).actor(agent.policy)
    return TrainedActor(module, int(agent.observation_space.shape[0]))  # type: ignore[index]


def load_trained(folder: Path, preset: str | None = None) -> TrainedPolicy:
    """What a run has learned so far. Its checkpoint holds pickled code: load only runs that you trust.

    Args:
        folder: of the run.
        preset: name of the preset whose run it must be; any if None.

    Raises:
        DataError: as `read_run` and `load_checkpoint` raise it.
        OptionError: as `read_run` raises it.
    """
    run = read_run(folder, preset)
    return TrainedPolicy(run, actor_of(load_checkpoint(folder, run.settings, device="cpu"), run.settings))
