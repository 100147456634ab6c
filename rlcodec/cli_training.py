"""Commands that train, measure and export; what they need beyond the runtime is imported inside them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rlcodec.cli_common import (
    DataOption,
    DeviceOption,
    JsonOption,
    PresetOption,
    ResumeOption,
    SeedOption,
    announce_compilation,
    app,
    data_app,
    pretrain_app,
    progress,
    torch_device,
)
from rlcodec.errors import DataError, OptionError
from rlcodec.presets import COMPACT, MNIST, PRESETS

if TYPE_CHECKING:
    from rlcodec.envs.tasks import Task
    from rlcodec.envs.trace import Trace


@data_app.command("mnist")
def data_mnist(folder: Annotated[Path, typer.Argument(help="Where the four files go.")]) -> None:
    """Fetch MNIST and check it.

    Example: rlcodec data mnist data/mnist
    """
    from rlcodec.training.data import fetch_mnist

    for path in fetch_mnist(folder):
        print(f"{path}: checked")


@pretrain_app.command("autoencoder")
def pretrain_autoencoder(
    preset: Annotated[str, typer.Argument(help="mnist, photo or compact")],
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Folder of checkpoints and results.")] = Path("runs/pretrain"),
    steps: Annotated[int | None, typer.Option(help="Optimiser steps; of each part, for preset photo.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Limit on wall time.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images a step.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak of the schedule, for mnist and compact; 5e-5 for compact, as published.")
    ] = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    resume: ResumeOption = True,
) -> None:
    """Train the auto-encoder and export its transforms; for photo and compact, all that there is to train.

    Examples: rlcodec pretrain autoencoder mnist --data data/mnist --minutes 13;
    rlcodec pretrain autoencoder photo --data photos/train --out runs/photo --minutes 20;
    rlcodec pretrain autoencoder compact --data photos/train --out runs/compact --minutes 30
    """
    from rlcodec.presets import COMPACT, PHOTO, preset_by_name
    from rlcodec.training import pretrain

    if preset_by_name(preset) is PHOTO:
        from rlcodec.training.pretrain_photo import WHOLE_SCHEDULE, pretrain_photo

        if learning_rate is not None:
            raise OptionError("the parts of preset photo have rates of their own")
        whole = _schedule(WHOLE_SCHEDULE, steps, minutes, batch, seed)
        print(f"wrote {pretrain_photo(data, out, whole, resume, torch_device(device))}")
        return
    if preset_by_name(preset) is COMPACT:
        from rlcodec.training.pretrain_compact import SCHEDULE, pretrain_compact

        whole = _schedule(SCHEDULE, steps, minutes, batch, seed, learning_rate)
        print(f"wrote {pretrain_compact(data, out, whole, resume, torch_device(device))}")
        return
    schedule = _schedule(pretrain.AUTOENCODER_SCHEDULE, steps, minutes, batch, seed, learning_rate)
    print(f"wrote {pretrain.pretrain_autoencoder(data, out, schedule, resume, torch_device(device))}")


@pretrain_app.command("raster")
def pretrain_raster(
    preset: Annotated[str, typer.Argument(help="mnist")],
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Folder of checkpoints and results.")] = Path("runs/pretrain"),
    transforms: Annotated[
        Path | None, typer.Option(help="The auto-encoder's transforms; those in the out folder, else the shipped ones.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps of the pixels' network.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Limit on wall time of the pixels' network.")] = None,
    latent_minutes: Annotated[float | None, typer.Option(help="Limit on wall time of the latents' network.")] = None,
    latent_steps: Annotated[int | None, typer.Option(help="Optimiser steps of the latents' network.")] = None,
    scan_minutes: Annotated[float | None, typer.Option(help="Limit on wall time of the scans' network.")] = None,
    scan_steps: Annotated[int | None, typer.Option(help="Optimiser steps of the scans' network.")] = None,
    lm_minutes: Annotated[float | None, typer.Option(help="Limit on wall time of tier lm.")] = None,
    lm_steps: Annotated[int | None, typer.Option(help="Optimiser steps of tier lm.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images a step, but for tier lm.")] = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    resume: ResumeOption = True,
) -> None:
    """Train the raster-encoder for given transforms and export the whole preset.

    Example: rlcodec pretrain raster mnist --data data/mnist --minutes 24
    """
    from rlcodec.model import WEIGHTS
    from rlcodec.presets import preset_by_name
    from rlcodec.training import pretrain

    name = preset_by_name(preset).name
    if transforms is None:
        own = out / pretrain.TRANSFORMS_FILE
        transforms = own if own.exists() else WEIGHTS / f"{name}.safetensors"
    latents = _schedule(pretrain.LATENTS_SCHEDULE, latent_steps, latent_minutes, batch, seed)
    pixels = _schedule(pretrain.PIXELS_SCHEDULE, steps, minutes, batch, seed)
    scans = _schedule(pretrain.SCANS_SCHEDULE, scan_steps, scan_minutes, batch, seed)
    lm = _schedule(pretrain.LM_SCHEDULE, lm_steps, lm_minutes, None, seed)
    print(f"wrote {pretrain.pretrain_raster(data, out, transforms, latents, pixels, scans, lm, resume, torch_device(device))}")


def _schedule(
    default: Any, steps: int | None, minutes: float | None, batch: int | None, seed: int, learning_rate: float | None = None
) -> Any:
    for name, value in (("steps", steps), ("minutes", minutes), ("batch", batch), ("learning_rate", learning_rate)):
        if value is not None and value <= 0:
            raise OptionError(f"{name} is {value}; it must be positive")
    rate = learning_rate or default.learning_rate
    return replace(
        default, steps=steps or default.steps, minutes=minutes, batch=batch or default.batch, seed=seed, learning_rate=rate
    )


@app.command()
def trace(
    data: Annotated[Path, typer.Argument(help="Folder of idx files or of images, or one idx file.")],
    output: Annotated[Path, typer.Argument(help="The trace to write, .npz.")],
    split: Annotated[str, typer.Option(help="train or test, for folders of idx files.")] = "train",
    images: Annotated[int | None, typer.Option(help="At most so many.")] = None,
    crop: Annotated[
        int | None, typer.Option(min=64, help="Photo and compact: squares of so many pixels a side in place of whole pictures.")
    ] = None,
    preset: PresetOption = "mnist",
    workers: Annotated[int | None, typer.Option(help="Processes; as many as cores if not given.")] = None,
) -> None:
    """Measure everything that a policy may choose on every image with the codec, for training and evaluation.

    Examples: rlcodec trace data/mnist runs/train.npz --images 6000;
    rlcodec trace photos/train runs/photo-train.npz --preset photo --crop 256
    """
    from rlcodec.envs.tasks import task_of

    task = task_of(preset)
    announce_compilation()
    of_digits = preset == MNIST.name
    traced = _trace(data, split, images, workers) if of_digits else _trace_pictures(task, data, images, crop, workers)
    task.save(output, traced)
    print(f"{output}: {len(traced)} images")


def _trace(data: Path, split: str, limit: int | None, workers: int | None) -> "Trace":
    from rlcodec.envs.trace import CHUNK_IMAGES, join_chunks, trace_chunks
    from rlcodec.images import read_gray
    from rlcodec.model import load_model
    from rlcodec.training.data import load_images

    images = load_images(data, split, limit)
    if not len(images):
        raise DataError("there are no images to trace")
    read_gray(images[0], MNIST)
    chunks = []
    with progress("tracing") as report:
        for chunk in trace_chunks(images, MNIST.name, workers):
            chunks.append(chunk)
            report(min(len(chunks) * CHUNK_IMAGES, len(images)), len(images))
    return join_chunks(images, chunks, load_model().digest)


def _trace_pictures(task: "Task", data: Path, limit: int | None, crop: int | None, workers: int | None) -> Any:
    from rlcodec.envs.pictures import crops_of
    from rlcodec.training.photo import load_pictures

    pictures = load_pictures(data)[:limit]
    if crop is not None:
        pictures = crops_of(pictures, crop)
    with progress("tracing") as report:
        return task.trace(pictures, workers, report)


@app.command()
def train(
    trace_file: Annotated[Path, typer.Argument(metavar="TRACE", help="A trace of training images.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("runs/ppo"),
    hyperparameters: Annotated[
        Path | None,
        typer.Option(help="YAML file of hyperparameters, as for rl_zoo3; the run's own, or the packaged ones, if not given."),
    ] = None,
    timesteps: Annotated[int | None, typer.Option(help="Environment steps in all.")] = None,
    envs: Annotated[int | None, typer.Option(help="Episodes side by side.")] = None,
    preset: PresetOption = "mnist",
    seed: Annotated[int | None, typer.Option(help="Of weights, images and actions; the run's own, or 0, if not given.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda; for so small a network the CPU is usually faster.")] = "cpu",
    resume: ResumeOption = True,
) -> None:
    """Train a policy with PPO.

    Examples: rlcodec train runs/train.npz --out runs/ppo --timesteps 4000000;
    rlcodec train runs/train.npz --out runs/other --hyperparameters other.yml
    """
    from rlcodec.agents.hyperparameters import read_settings
    from rlcodec.agents.ppo import RUN_FILE, settings_of, train_ppo
    from rlcodec.envs.tasks import task_of

    task = task_of(preset)
    own = hyperparameters is None and resume and (out / RUN_FILE).exists()
    settings = settings_of(out, task) if own else read_settings(hyperparameters)
    given = {"n_timesteps": timesteps, "n_envs": envs, "seed": seed}
    for option, value in (("timesteps", timesteps), ("envs", envs)):
        if value is not None and value <= 0:
            raise OptionError(f"{option} is {value}; it must be positive")
    changed = {name: value for name, value in given.items() if value is not None}
    settings = replace(settings, **changed, device=torch_device(device))
    train_ppo(task.load(trace_file), task, settings, out, resume)
    print(f"{out}: trained for {settings.n_timesteps} steps")


@app.command()
def evaluate(
    subject: Annotated[Path, typer.Argument(metavar="TRACE|PRESET", help="A trace of held-out images; or mnist or compact.")],
    data: Annotated[Path | None, typer.Option(help="With a preset: folder of idx files or images.")] = None,
    images: Annotated[
        int | None, typer.Option(min=1, help="With a preset: at most so many images; 1000 digits if not given.")
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="A policy file; the shipped one if not given.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the table, .csv.")] = None,
    preset: PresetOption = "mnist",
    as_json: JsonOption = False,
) -> None:
    """Compare a policy with the best fixed setting, a threshold rule, the planner and the oracle; or the codec with others.

    With a trace the policy is evaluated. With the name of a preset, its codec stands beside others on the images of a
    folder, and a figure is written beside the table: mnist beside JPEG, PNG, WebP, AVIF, JPEG 2000, JPEG XL, gzip, bz2 and
    xz, on test digits; compact beside JPEG and WebP at their defaults and at equal quality.

    Examples: rlcodec evaluate runs/test.npz --policy runs/policy.onnx --out runs/evaluation.csv;
    rlcodec evaluate mnist --data data/mnist --out runs/comparison.csv;
    rlcodec evaluate compact --data photos/val720 --out runs/compact.csv
    """
    if subject.name in [p.name for p in PRESETS] and not subject.exists():
        if data is None:
            raise OptionError(f"name the folder of images: rlcodec evaluate {subject} --data DIR")
        if subject.name == MNIST.name:
            _compare_digits(data, images, out, as_json)
        elif subject.name == COMPACT.name:
            _compare_compact(data, images, out, as_json)
        else:
            raise OptionError("photographs are compared by benchmarks/photo.py")
        return
    from rlcodec.agents.evaluate import contest_of, evaluate_policy
    from rlcodec.envs.tasks import task_of
    from rlcodec.files import write_bytes
    from rlcodec.policy import load_policy

    task = task_of(preset)
    loaded, held_out = load_policy(policy, task.model), task.load(subject)
    contest = contest_of(task, held_out, loaded.predictor)
    with progress("evaluating") as report:
        found = evaluate_policy(contest, lambda seen: loaded.logits(seen).argmax(1), report)
    if out is not None:
        write_bytes(out, found.table.to_csv(index=False).encode())
    if as_json:
        summary = {"images": len(held_out), "share": found.share, "low": found.low, "high": found.high}
        print(json.dumps(summary | {"objectives": found.objectives, "table": found.table.to_dict("records")}))
        return
    print(found.table.to_string(index=False, float_format=lambda v: f"{v:.4g}"))
    print(
        f"share of the gap from best fixed to oracle: {found.share:.3f} [{found.low:.3f}, {found.high:.3f}], "
        f"mean of {found.objectives} objectives, {len(held_out)} images"
    )


def _compare_digits(data: Path, images: int | None, out: Path | None, as_json: bool) -> None:
    from rlcodec.evaluation.comparison import COMPARED_PSNR_DB, compare, plot_comparison, rates_at
    from rlcodec.training.data import load_images

    pictures = load_images(data, "test", images or 1000)
    with progress("comparing") as report:
        table = compare(pictures, report)
    _show_table(table, plot_comparison(table), out, as_json)
    if not as_json:
        print(f"\nbits per pixel at {COMPARED_PSNR_DB} dB:")
        print(rates_at(table, COMPARED_PSNR_DB).to_string(index=False, float_format=lambda v: f"{v:.3f}"))


def _compare_compact(data: Path, images: int | None, out: Path | None, as_json: bool) -> None:
    from PIL import Image

    from rlcodec.evaluation.compact import compare_compact, plot_compact
    from rlcodec.training.photo import load_pictures

    pictures = [Image.fromarray(picture) for picture in load_pictures(data)[:images]]
    with progress("comparing") as report:
        table = compare_compact(pictures, report)
    _show_table(table, plot_compact(pictures[0]), out, as_json)


def _show_table(table: Any, figure: Any, out: Path | None, as_json: bool) -> None:
    from rlcodec.evaluation.figures import save_figure
    from rlcodec.files import write_bytes

    if out is not None:
        write_bytes(out, table.to_csv(index=False).encode())
        save_figure(figure, out.with_suffix(".png"))
    if as_json:
        print(table.to_json(orient="records"))
    else:
        print(table.to_string(index=False, float_format=lambda v: f"{v:.3f}"))


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run. It holds pickled code: export only runs that you trust.")],
    output: Annotated[Path, typer.Argument(help="The policy file to write, .onnx.")],
    preset: PresetOption = "mnist",
) -> None:
    """Export a trained policy as one ONNX file that `rlcodec encode --policy` runs.

    Example: rlcodec export runs/ppo runs/policy.onnx
    """
    from rlcodec.agents.export import export_policy
    from rlcodec.agents.ppo import load_trained, read_run
    from rlcodec.envs.tasks import task_of

    task = task_of(preset)
    predictor, settings = read_run(run, task)
    export_policy(load_trained(run), predictor, task, output, settings)
    print(f"wrote {output}")


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("runs/demo"),
    data: Annotated[Path | None, typer.Option(help="MNIST or other images; digits of scikit-learn if not given.")] = None,
    seconds: Annotated[float, typer.Option(help="How long to train.")] = 60.0,
    seed: SeedOption = 0,
) -> None:
    """Train a policy for a minute, evaluate it, export it, and encode and decode digits with it.

    Example: rlcodec demo
    """
    from rlcodec.evaluation.demo import run_demo

    announce_compilation()
    run_demo(out, data, seconds, seed)
