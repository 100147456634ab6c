"""PPO with Stable-Baselines3: a policy that starts from the planner's advice and learns where it is wrong."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor, nn

from rlcodec.agents.hyperparameters import PPOSettings, rate_of
from rlcodec.agents.imitation import imitate_oracle
from rlcodec.core.files import make_folder, write_atomically, write_bytes
from rlcodec.envs.sb3_vec_env import TraceVecEnv
from rlcodec.envs.tasks import Task
from rlcodec.errors import DataError, OptionError

CHECKPOINT_FILE = "checkpoint.zip"
RUN_FILE = "run.json"
ILLEGAL_LOGIT = -1e8
CHANGEABLE = {"n_timesteps", "n_envs", "seed", "device", "seconds"}
"""Settings with which a run may go on that began with others."""


class AdvisedExtractor(nn.Module):
    """Two hidden layers each for policy and value, with the advice passed on beside them."""

    def __init__(self, size: int, actions: int, width: int):
        super().__init__()
        self.actions = actions
        self.policy = nn.Sequential(nn.Linear(size, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh())
        self.value = nn.Sequential(nn.Linear(size, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh())
        self.latent_dim_pi = width + 2 * actions
        self.latent_dim_vf = width + 1

    def forward_actor(self, x: Tensor) -> Tensor:
        """Hidden activations, then mask and regrets."""
        return torch.cat([self.policy(x), x[:, : 2 * self.actions]], 1)

    def forward_critic(self, x: Tensor) -> Tensor:
        """Hidden activations, then the predicted gain."""
        return torch.cat([self.value(x), x[:, 2 * self.actions : 2 * self.actions + 1]], 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both."""
        return self.forward_actor(x), self.forward_critic(x)


class AdvisedLogits(nn.Module):
    """Logits: a learned correction minus the weighted regrets; illegal actions get none."""

    def __init__(self, width: int, actions: int, advice: float):
        super().__init__()
        self.actions = actions
        self.correction = nn.Linear(width, actions)
        nn.init.zeros_(self.correction.weight)
        nn.init.zeros_(self.correction.bias)
        self.log_advice = nn.Parameter(torch.tensor(advice).log())

    def forward(self, latent: Tensor) -> Tensor:
        """(B, width + 2 actions) to (B, actions)."""
        hidden, mask, regret = latent.split([latent.shape[1] - 2 * self.actions, self.actions, self.actions], 1)
        logits = self.correction(hidden) - self.log_advice.exp() * regret
        return torch.where(mask > 0.5, logits, torch.full_like(logits, ILLEGAL_LOGIT))


class AdvisedValue(nn.Module):
    """Value: a learned correction plus the predicted gain, with its logarithm undone."""

    def __init__(self, width: int):
        super().__init__()
        self.correction = nn.Linear(width, 1)
        nn.init.zeros_(self.correction.weight)
        nn.init.zeros_(self.correction.bias)

    def forward(self, latent: Tensor) -> Tensor:
        """(B, width + 1) to (B, 1)."""
        gain = latent[:, -1:]
        return self.correction(latent[:, :-1]) + gain.sign() * torch.expm1(gain.abs())


class AdvisedPolicy(ActorCriticPolicy):
    """SB3's actor-critic policy with the heads above; the mask is part of the observation."""

    def __init__(self, *args: Any, width: int = 128, advice: float = 30.0, **kwargs: Any):
        self._width, self._advice = width, advice
        super().__init__(*args, **kwargs)

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = AdvisedExtractor(self.features_dim, int(self.action_space.n), self._width)

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        self.action_net = AdvisedLogits(self._width, int(self.action_space.n), self._advice)
        self.value_net = AdvisedValue(self._width)
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return super()._get_constructor_parameters() | {"width": self._width, "advice": self._advice}

    def logits(self, observation: Tensor) -> Tensor:
        """Action logits, (B, actions); what is exported."""
        return self.action_net(self.mlp_extractor.forward_actor(self.extract_features(observation)))


class _Checkpoints(BaseCallback):
    """Saves after every so many rollouts, and ends learning when its time is up."""

    def __init__(self, folder: Path, every: int, seconds: float | None):
        super().__init__()
        self.folder, self.every, self.rollouts = folder, every, 0
        self.deadline = time.monotonic() + seconds if seconds is not None else None

    def _on_step(self) -> bool:
        return self.deadline is None or time.monotonic() < self.deadline

    def _on_rollout_end(self) -> None:
        self.rollouts += 1
        if self.rollouts % self.every == 0:
            save_checkpoint(self.model, self.folder)


def save_checkpoint(model: Any, folder: Path) -> None:
    """Writes an SB3 archive into the run's folder, whole or not at all."""
    write_atomically(folder / CHECKPOINT_FILE, lambda file: model.save(file))


def train_ppo(
    trace: Any, task: Task, settings: PPOSettings, folder: Path, resume: bool = False, progress: bool = True
) -> tuple[AdvisedPolicy, Any]:
    """Trains a policy.

    Args:
        trace: tables of the training images.
        task: of the preset that made them.
        settings: hyperparameters.
        folder: of the run: checkpoint, `run.json`, TensorBoard's events.
        resume: go on from the run's checkpoint where there is one. The weights, the optimiser and the count of steps go
            on; episodes under way and the random generators start anew, so the result differs from an uncut run.
        progress: show a bar.

    Raises:
        DataError: the run belongs to another codec.
        OptionError: the run has learned with other hyperparameters, which its checkpoint goes on with.
    """
    make_folder(folder)
    run_file, checkpoint = folder / RUN_FILE, folder / CHECKPOINT_FILE
    if resume and run_file.exists():
        predictor = read_run(folder, task)[0]
        if checkpoint.exists():
            _refuse_other_settings(folder, settings_of(folder, task), settings)
    else:
        predictor = task.fit(trace)
    unseen = task.fit_unseen(trace)
    vector = TraceVecEnv(task.episodes(trace, unseen, settings.n_envs), settings.seed)
    write_run(folder, task, settings, predictor)
    torch.distributions.Distribution.set_default_validate_args(False)
    if resume and checkpoint.exists():
        agent = PPO.load(checkpoint, env=vector, device=settings.device, tensorboard_log=str(folder))
        vector.seed(settings.seed + agent.num_timesteps)
    else:
        agent = new_agent(vector, settings, folder)
        if settings.imitation:
            imitate_oracle(agent.policy, task, trace, unseen, settings.imitation, settings.seed)
    left = settings.n_timesteps - agent.num_timesteps
    if left > 0:
        agent.learn(
            left,
            callback=_Checkpoints(folder, 20, settings.seconds),
            tb_log_name="ppo",
            reset_num_timesteps=agent.num_timesteps == 0,
            progress_bar=progress,
        )
        save_checkpoint(agent, folder)
    return agent.policy, predictor


def new_agent(vector: VecEnv, settings: PPOSettings, folder: Path | None = None) -> PPO:
    """An agent that has learned nothing yet.

    Args:
        vector: environments with the observations of `TraceVecEnv`.
        settings: hyperparameters.
        folder: for TensorBoard's events, if any.
    """
    rate, falls = rate_of(settings.learning_rate)
    return PPO(
        AdvisedPolicy,
        vector,
        learning_rate=LinearSchedule(rate, 0.0, 1.0) if falls else rate,
        n_steps=settings.n_steps,
        batch_size=settings.batch_size,
        n_epochs=settings.n_epochs,
        gamma=settings.gamma,
        gae_lambda=settings.gae_lambda,
        clip_range=settings.clip_range,
        ent_coef=settings.ent_coef,
        vf_coef=settings.vf_coef,
        max_grad_norm=settings.max_grad_norm,
        policy_kwargs={"width": settings.width, "advice": settings.advice},
        tensorboard_log=str(folder) if folder else None,
        seed=settings.seed,
        device=settings.device,
    )


def write_run(folder: Path, task: Task, settings: PPOSettings, predictor: Any) -> None:
    """Writes what a run is about."""
    run = {"codec_digest": task.model.digest, "settings": asdict(settings), "predictor": json.loads(predictor.to_json())}
    write_bytes(folder / RUN_FILE, json.dumps(run).encode())


def read_run(folder: Path, task: Task) -> tuple[Any, dict[str, Any]]:
    """The predictions and settings of a run.

    Raises:
        DataError: there is no run, it is broken, or it belongs to another codec.
    """
    path = folder / RUN_FILE
    try:
        run = json.loads(path.read_text())
        digest, settings = str(run["codec_digest"]), dict(run["settings"])
        if digest != task.model.digest:
            raise DataError(f"{folder}: was trained for codec {digest[:8]}; this codec is {task.model.digest[:8]}")
        return task.read_predictor(json.dumps(run["predictor"])), settings
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder}: holds no usable run ({path.name}: {error})") from error


def settings_of(folder: Path, task: Task) -> PPOSettings:
    """The settings that a run was trained with.

    Raises:
        DataError: there is no usable run, it belongs to another codec, or another version of rlcodec trained it.
    """
    try:
        return PPOSettings(**read_run(folder, task)[1])
    except TypeError as error:
        raise DataError(f"{folder}: was trained by another version of rlcodec; begin anew with --no-resume") from error


def _refuse_other_settings(folder: Path, stored: PPOSettings, wanted: PPOSettings) -> None:
    new = asdict(wanted)
    for name, old in asdict(stored).items():
        if name not in CHANGEABLE and old != new[name]:
            raise OptionError(f"{folder}: has learned with {name} {old}, not {new[name]}; begin anew with --no-resume")


def load_trained(folder: Path) -> AdvisedPolicy:
    """The policy of a run. An SB3 archive holds pickled code: load only runs that you trust.

    Raises:
        DataError: there is no checkpoint, or it is broken.
    """
    try:
        return PPO.load(folder / CHECKPOINT_FILE, device="cpu").policy
    except Exception as error:  # zipfile, pickle and SB3 all raise their own
        raise DataError(f"{folder}: holds no usable checkpoint ({type(error).__name__})") from error
