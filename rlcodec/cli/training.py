"""Commands that fetch data, pretrain and demonstrate; what they need beyond the runtime is imported inside them."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from rlcodec.cli.common import (
    DataOption,
    DeviceOption,
    ResumeOption,
    SeedOption,
    announce_compilation,
    command,
    data_app,
    pretrain_app,
    say,
    torch_device,
)
from rlcodec.errors import OptionError


@command("rlcodec data mnist data/mnist", group=data_app, name="mnist")
def data_mnist(folder: Annotated[Path, typer.Argument(help="Where the four files go.")]) -> None:
    """Fetch MNIST and check it."""
    from rlcodec.training.data import fetch_mnist

    for path in fetch_mnist(folder):
        say(f"{path}: checked")


@command(
    "rlcodec pretrain autoencoder mnist --data data/mnist --minutes 13",
    "rlcodec pretrain autoencoder photo --data photos/train --out runs/photo --minutes 20",
    "rlcodec pretrain autoencoder compact --data photos/train --out runs/compact --minutes 30",
    group=pretrain_app,
    name="autoencoder",
)
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
    """Train the auto-encoder and export its transforms; for photo and compact, all that there is to train."""
    from rlcodec.core.preset_ids import COMPACT, PHOTO, preset_by_name
    from rlcodec.training import pretrain

    if preset_by_name(preset) is PHOTO:
        from rlcodec.training.pretrain_photo import WHOLE_SCHEDULE, pretrain_photo

        if learning_rate is not None:
            raise OptionError("the parts of preset photo have rates of their own")
        whole = _schedule(WHOLE_SCHEDULE, steps, minutes, batch, seed)
        say(f"wrote {pretrain_photo(data, out, whole, resume, torch_device(device))}")
        return
    if preset_by_name(preset) is COMPACT:
        from rlcodec.training.pretrain_compact import SCHEDULE, pretrain_compact

        whole = _schedule(SCHEDULE, steps, minutes, batch, seed, learning_rate)
        say(f"wrote {pretrain_compact(data, out, whole, resume, torch_device(device))}")
        return
    schedule = _schedule(pretrain.AUTOENCODER_SCHEDULE, steps, minutes, batch, seed, learning_rate)
    say(f"wrote {pretrain.pretrain_autoencoder(data, out, schedule, resume, torch_device(device))}")


@command("rlcodec pretrain raster mnist --data data/mnist --minutes 24", group=pretrain_app, name="raster")
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
    """Train the raster-encoder for given transforms and export the whole preset."""
    from rlcodec.core.preset_ids import preset_by_name
    from rlcodec.core.weights_file import WEIGHTS
    from rlcodec.training import pretrain

    name = preset_by_name(preset).name
    if transforms is None:
        own = out / pretrain.TRANSFORMS_FILE
        transforms = own if own.exists() else WEIGHTS / f"{name}.safetensors"
    latents = _schedule(pretrain.LATENTS_SCHEDULE, latent_steps, latent_minutes, batch, seed)
    pixels = _schedule(pretrain.PIXELS_SCHEDULE, steps, minutes, batch, seed)
    scans = _schedule(pretrain.SCANS_SCHEDULE, scan_steps, scan_minutes, batch, seed)
    lm = _schedule(pretrain.LM_SCHEDULE, lm_steps, lm_minutes, None, seed)
    say(f"wrote {pretrain.pretrain_raster(data, out, transforms, latents, pixels, scans, lm, resume, torch_device(device))}")


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


@command("rlcodec demo", "rlcodec demo --data data/mnist --seconds 300 --out runs/long-demo")
def demo(
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("runs/demo"),
    data: Annotated[Path | None, typer.Option(help="MNIST or other images; digits of scikit-learn if not given.")] = None,
    seconds: Annotated[float, typer.Option(help="How long to train.")] = 60.0,
    seed: SeedOption = 0,
) -> None:
    """Train a policy for a minute, evaluate it, export it, and encode and decode digits with it."""
    from rlcodec.evaluation.demo import run_demo

    announce_compilation()
    run_demo(out, data, seconds, seed)
