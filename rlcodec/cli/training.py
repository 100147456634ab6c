"""Commands that fetch data, pretrain networks and run the demonstration; training libraries are imported when they run."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from rlcodec.cli.common import (
    DataOption,
    SeedOption,
    command,
    declare_group,
    say,
    torch_device,
)
from rlcodec.cli.parameters import Argument, Option
from rlcodec.options import options_from
from rlcodec.training.data import fetch_mnist
from rlcodec.training.registry import AUTOENCODER, RASTER, pretraining_of, pretraining_options

pretrain_commands = declare_group("pretrain", "Train a preset's networks from images.")
data_commands = declare_group("data", "Fetch data sets.")
PretrainedArgument = Annotated[str, Argument(help="Name of the preset.")]


@command("rlcodec data mnist data/mnist", group=data_commands, name="mnist")
def data_mnist(folder: Annotated[Path, Argument(help="Folder of the four files.")]) -> None:
    """Fetch MNIST and check it."""
    for path in fetch_mnist(folder):
        say(f"{path}: checked")


@command(
    "rlcodec pretrain autoencoder mnist --data data/mnist --minutes 13",
    "rlcodec pretrain autoencoder photo --data photos/train --out runs/photo --minutes 20",
    "rlcodec pretrain autoencoder compact --data photos/train --out runs/compact --minutes 30",
    group=pretrain_commands,
    name=AUTOENCODER,
    types=partial(pretraining_options, AUTOENCODER),
)
def pretrain_autoencoder(preset: PretrainedArgument, data: DataOption, **options: Any) -> None:
    """Train the auto-encoder of a preset and export its transforms; for photo and compact, all that there is to train."""
    _pretrain(preset, AUTOENCODER, data, options)


@command(
    "rlcodec pretrain raster mnist --data data/mnist --minutes 24",
    group=pretrain_commands,
    name=RASTER,
    types=partial(pretraining_options, RASTER),
)
def pretrain_raster(preset: PretrainedArgument, data: DataOption, **options: Any) -> None:
    """Train the raster-encoder of a preset for given transforms and export the whole preset."""
    _pretrain(preset, RASTER, data, options)


def _pretrain(preset: str, part: str, data: Path, keywords: dict[str, Any]) -> None:
    pretraining = pretraining_of(preset, part)
    options = options_from(keywords, preset, pretraining_options(part))
    written = pretraining.run(data, replace(options, device=torch_device(options.device)))
    say(f"wrote {written}")


@command("rlcodec demo", "rlcodec demo --data data/mnist --seconds 300 --out runs/long-demo")
def demo(
    out: Annotated[Path, Option(help="Folder of the results.")] = Path("runs/demo"),
    data: Annotated[Path | None, Option(help="MNIST or other images; by default scikit-learn's digits.")] = None,
    seconds: Annotated[float, Option(help="Seconds of training.")] = 60.0,
    seed: SeedOption = 0,
) -> None:
    """Train a policy for a minute, evaluate it, export it, and encode and decode digits with it."""
    from rlcodec.evaluation.demo import run_demo

    run_demo(out, data, seconds, seed)
