"""Options of pretraining. Importing them does not import torch."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rlcodec.errors import OptionError
from rlcodec.options import KeywordOptions, option

if TYPE_CHECKING:
    from rlcodec.training.loop import Schedule


@dataclass(frozen=True, kw_only=True)
class PretrainOptions(KeywordOptions):
    """Options of pretraining that every preset has.

    Attributes:
        out: folder of checkpoints and of the exported weights.
        steps: largest number of optimiser steps; the preset's own if None.
        minutes: limit on wall time; none if None.
        batch: images per step; the preset's own if None.
        seed: of weights, batches and noise.
        device: as torch names it.
        resume: continue from checkpoints, if there are any.

    Raises:
        OptionError: a number is not positive.
    """

    out: Path = option("Folder of checkpoints and results.", Path("runs/pretrain"))
    steps: int | None = option("Largest number of optimiser steps, for each part if there are several.")
    minutes: float | None = option("Limit on wall time in minutes.")
    batch: int | None = option("Images per step.")
    seed: int = option("Seed of weights, batches and noise.", 0)
    device: str = option("Device: auto, cpu or cuda.", "auto")
    resume: bool = option("Continue from checkpoints, if there are any.", True)

    def __post_init__(self) -> None:
        for name in self.names():
            value = getattr(self, name)
            if isinstance(value, int | float) and not isinstance(value, bool) and name != "seed" and value <= 0:
                raise OptionError(f"{name} is {value}; it must be positive")

    def schedule(self, default: "Schedule") -> "Schedule":
        """A schedule with the limits, batch and seed that are given instead of the default ones."""
        return scheduled(default, self.steps, self.minutes, self.batch, self.seed)


@dataclass(frozen=True, kw_only=True)
class AutoencoderOptions(PretrainOptions):
    """Options of training one auto-encoder.

    Attributes:
        learning_rate: peak of the schedule; the preset's own if None.
    """

    learning_rate: float | None = option("Peak of the learning rate; 5e-5 for compact, as published.")

    def schedule(self, default: "Schedule") -> "Schedule":
        """As `PretrainOptions.schedule`, with the learning rate that is given."""
        return replace(super().schedule(default), learning_rate=self.learning_rate or default.learning_rate)


@dataclass(frozen=True, kw_only=True)
class MnistRasterOptions(PretrainOptions):
    """Options of training the raster-encoder of preset `mnist`; `steps` and `minutes` are those of the pixel network.

    Attributes:
        transforms: file of the auto-encoder's transforms; if None, the one in `out`, or else the shipped ones.
        latent_steps: as `steps`, of the latent network.
        latent_minutes: as `minutes`, of the latent network.
        source_steps: as `steps`, of the network of bilevel sources in tier "context".
        source_minutes: as `minutes`, of that network.
        lm_steps: as `steps`, of the network in tier "lm".
        lm_minutes: as `minutes`, of that network.
    """

    transforms: Path | None = option("Transforms of the auto-encoder; by default those in --out, or else the shipped ones.")
    latent_steps: int | None = option("Largest number of optimiser steps of the latent network.")
    latent_minutes: float | None = option("Limit on wall time of the latent network in minutes.")
    source_steps: int | None = option("Largest number of optimiser steps of the network of bilevel sources in tier context.")
    source_minutes: float | None = option("Limit on wall time of the network of bilevel sources in tier context in minutes.")
    lm_steps: int | None = option("Largest number of optimiser steps of the network of tier lm.")
    lm_minutes: float | None = option("Limit on wall time of the network of tier lm in minutes.")


def scheduled(default: "Schedule", steps: int | None, minutes: float | None, batch: int | None, seed: int) -> "Schedule":
    """A schedule with other limits, batch and seed; steps and batch that are None stay as they are."""
    return replace(default, steps=steps or default.steps, minutes=minutes, batch=batch or default.batch, seed=seed)
