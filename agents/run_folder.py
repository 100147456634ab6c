"""The folder of a training run: what it is about (run.json), its checkpoint, and how it may be resumed."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from rlcodec.agents.advised_policy import AdvisedPolicy
from rlcodec.agents.algorithms.registry import algorithm_by_name
from rlcodec.agents.hyperparameters import Settings, settings_from_dict
from rlcodec.control.decision_process import Predictor
from rlcodec.core.files import write_atomically, write_bytes
from rlcodec.envs.tasks import Task, task_from_record
from rlcodec.errors import DataError, OptionError

CHECKPOINT_FILE = "checkpoint.zip"
RUN_FILE = "run.json"
CHANGEABLE = ("n_timesteps", "n_envs", "seed", "device", "seconds")
"""Settings that may change when a run is resumed."""
FIRST_PRESET = "mnist"
"""Preset of runs whose run.json names none, if users name none either."""


@dataclass(frozen=True)
class Run:
    """What a run is about.

    Attributes:
        task: of the preset or codec that its policy decides for.
        settings: of the training.
        predictor: predictions of the encoder that its policy relies on.
    """

    task: Task
    settings: Settings
    predictor: Predictor


def write_run(folder: Path, run: Run) -> None:
    """Writes run.json; raises OutputError if it cannot be written."""
    spec = run.task.spec
    content = {
        "preset": spec.preset,
        "codec_digest": spec.codec_digest,
        "extra": dict(spec.extra),
        "settings": run.settings.to_dict(),
        "predictor": json.loads(run.predictor.to_json()),
    }
    write_bytes(folder / RUN_FILE, json.dumps(content).encode())


def read_run(folder: Path, preset: str | None = None) -> Run:
    """Reads what a run is about.

    Args:
        folder: of the run.
        preset: name of the preset whose run it must be; any if None.

    Raises:
        DataError: there is no run, it is broken, it belongs to another codec or another preset, or another version of rlcodec
            trained it.
        OptionError: there is no such preset, or its algorithm is not registered.
    """
    path = folder / RUN_FILE
    try:
        content = json.loads(path.read_text())
        name = str(content.get("preset", preset or FIRST_PRESET))
        digest, settings = str(content["codec_digest"]), _with_policy(dict(content["settings"]))
        task = task_from_record(name, content.get("extra", {}))
        if digest != task.spec.codec_digest:
            raise DataError(f"{folder}: was trained for codec {digest[:8]}; this codec is {task.spec.codec_digest[:8]}")
        predictor = task.read_predictor(json.dumps(content["predictor"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{folder}: holds no usable run ({path.name}: {error})") from error
    if preset not in (None, task.name, task.spec.preset):
        raise DataError(f"{folder}: was trained for preset {task.name}, not {preset}")
    algorithm_by_name(str(settings.get("algorithm", "ppo")))
    try:
        return Run(task, settings_from_dict(settings, str(path)), predictor)
    except OptionError as error:
        raise DataError(
            f"{folder}: was trained by another version of rlcodec ({error}); start over with --no-resume"
        ) from error


def _with_policy(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as they are written today; runs of PPO that name no policy have its arguments among their hyperparameters."""
    if "policy" in settings:
        return settings
    policy_kwargs = {name: settings.pop(name) for name in ("width", "advice")}
    return settings | {"policy": AdvisedPolicy.__name__, "policy_kwargs": policy_kwargs}


def check_resumable(folder: Path, stored: Settings, wanted: Settings) -> None:
    """Raises OptionError if a run that has learned under stored settings cannot be resumed under others."""
    new = wanted.to_dict()
    for name, old in stored.to_dict().items():
        if name not in CHANGEABLE and old != new.get(name):
            raise OptionError(f"{folder}: has learned with {name} {old}, not {new.get(name)}; start over with --no-resume")


def save_checkpoint(agent: BaseAlgorithm, folder: Path) -> None:
    """Writes the checkpoint, an archive of Stable-Baselines3, whole or not at all."""
    write_atomically(folder / CHECKPOINT_FILE, lambda file: agent.save(file))  # type: ignore[arg-type]


def load_checkpoint(folder: Path, settings: Settings, **arguments: Any) -> BaseAlgorithm:
    """The agent of a run. The archive holds pickled code: load only runs that you trust.

    Args:
        folder: of the run.
        settings: of the run.
        **arguments: of the algorithm's `load`, for instance the environment.

    Raises:
        DataError: there is no checkpoint, or it is broken.
    """
    algorithm = algorithm_by_name(settings.algorithm)
    policy_class = algorithm.network(settings.policy).policy_class
    known = None if isinstance(policy_class, str) else {"policy_class": policy_class}
    try:
        return algorithm.agent_class.load(folder / CHECKPOINT_FILE, custom_objects=known, **arguments)
    except Exception as error:  # zipfile, pickle and Stable-Baselines3 raise their own
        raise DataError(f"{folder}: holds no usable checkpoint ({type(error).__name__})") from error
