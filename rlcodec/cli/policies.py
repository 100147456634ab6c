"""Commands that train policies: trace and train. What they need beyond the runtime is imported inside them."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rlcodec.cli.common import (
    BACKEND_HELP,
    PRESET_HELP,
    command,
    progress,
    say,
    torch_device,
)
from rlcodec.cli.parameters import Argument
from rlcodec.errors import OptionError
from rlcodec.options import option
from rlcodec.parallel.options import LOCAL

if TYPE_CHECKING:
    from rlcodec.agents.hyperparameters import Settings

CROP_HELP = "Presets for pictures: square crops with so many pixels a side, not whole pictures."


@dataclass(frozen=True)
class TraceOptions:
    """Which images are traced, and how."""

    split: str = option("train or test, for folders of idx files.", "train")
    images: int | None = option("Number of images; all by default.")
    crop: int | None = option(CROP_HELP, least=64)
    preset: str = option(PRESET_HELP, "mnist")
    workers: int | None = option("Processes; all cores by default.")
    resume: bool = option("Keep the measurements of an interrupted run.", True)
    backend: str = option(BACKEND_HELP, LOCAL)


@command(
    "rlcodec trace data/mnist runs/train.npz --images 6000",
    "rlcodec trace photos/train runs/photo-train.npz --preset photo --crop 256",
)
def trace(
    data: Annotated[Path, Argument(help="Folder of idx files or of images, or one idx file.")],
    output: Annotated[Path, Argument(help="The trace to write, .npz.")],
    options: TraceOptions,
) -> None:
    """Measure with the codec everything that a policy may choose on every image, for training and evaluation.

    Measurements are kept in a folder OUTPUT.partial beside the trace until the trace is complete.
    """
    from rlcodec.envs.measure import MeasureOptions
    from rlcodec.envs.tasks import task_of

    task = task_of(options.preset)
    images = task.read_images(data, options.split, options.images, options.crop)
    partial = output.with_name(output.name + ".partial")
    if not options.resume:
        shutil.rmtree(partial, ignore_errors=True)
    with progress("tracing") as report:
        traced = task.measure(images, MeasureOptions(options.workers, report, partial, options.backend))
    task.save(output, traced)
    shutil.rmtree(partial, ignore_errors=True)
    say(f"{output}: {len(traced)} images")


@dataclass(frozen=True)
class TrainOptions:
    """How a policy is trained, and where its run is kept."""

    out: Path = option("Folder of the run.", Path("runs/ppo"))
    algo: str | None = option(
        "ppo, a2c, dqn, qrdqn, maskable-ppo, or a registered algorithm; by default the run's own, or ppo."
    )
    network: str | None = option(
        "AdvisedPolicy, which starts from the planner's advice, or MlpPolicy; by default that of the file."
    )
    hyperparameters: Path | None = option(
        "YAML file of hyperparameters, as for rl_zoo3; by default the run's own, or those of the package."
    )
    timesteps: int | None = option("Environment steps in all.")
    envs: int | None = option("Episodes side by side.")
    imitate: int | None = option("First imitate the oracle under so many objectives; by default the run's own, or 0.", least=0)
    preset: str = option(PRESET_HELP, "mnist")
    seed: int | None = option("Seed of weights, images and actions; by default the run's own, or 0.")
    device: str = option("auto, cpu or cuda; for such small networks the CPU is usually faster.", "cpu")
    resume: bool = option("Continue from the checkpoint, if there is one.", True)


@command(
    "rlcodec train runs/train.npz --out runs/ppo --timesteps 4000000",
    "rlcodec train runs/train.npz --algo dqn --out runs/dqn --timesteps 1000000",
    "rlcodec train runs/train.npz --out runs/other --hyperparameters other.yml",
    "rlcodec train runs/photo.npz --preset photo --out runs/photo --hyperparameters agents/ppo-photo.yml --imitate 200",
    "rlcodec train runs/jpeg.npz --preset external --out runs/jpeg",
)
def train(
    trace_file: Annotated[Path, Argument(metavar="TRACE", help="A trace of training images.")],
    options: TrainOptions,
) -> None:
    """Train a policy, and export it into the folder of the run."""
    from rlcodec.agents.export import export_trained
    from rlcodec.agents.reported_results import POLICY_FILE
    from rlcodec.agents.training import train as train_policy
    from rlcodec.envs.tasks import task_and_trace

    for name, value in (("timesteps", options.timesteps), ("envs", options.envs)):
        if value is not None and value <= 0:
            raise OptionError(f"{name} is {value}; it must be positive")
    given = {
        "n_timesteps": options.timesteps, "n_envs": options.envs, "seed": options.seed, "imitation": options.imitate
    }  # fmt: skip
    changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    settings = _settings(options)
    if options.network is not None:
        settings = settings.with_policy(options.network)
    settings = replace(settings, **changed, device=torch_device(options.device))
    task, loaded = task_and_trace(options.preset, trace_file)
    policy_file = options.out / POLICY_FILE
    export_trained(train_policy(loaded, task, settings, options.out, resume=options.resume, progress=True), policy_file)
    say(f"{options.out}: trained for {settings.n_timesteps} steps; its policy is {policy_file}")


def _settings(options: TrainOptions) -> "Settings":
    """The settings of a run that may be resumed, or those of a file, or the defaults of an algorithm."""
    from rlcodec.agents.hyperparameters import DEFAULT_ALGORITHM, read_settings
    from rlcodec.agents.run_folder import RUN_FILE, read_run

    resumable = options.resume and (options.out / RUN_FILE).exists()
    stored = read_run(options.out, options.preset).settings if resumable else None
    if stored is not None and options.hyperparameters is None and options.algo in (None, stored.algorithm):
        return stored
    algorithm = options.algo or (stored.algorithm if stored else DEFAULT_ALGORITHM)
    return read_settings(algorithm, options.hyperparameters)
