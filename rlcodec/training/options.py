"""Options of pretraining, and the schedule of each network. Importing them does not import torch."""

from dataclasses import dataclass, replace
from pathlib import Path

from rlcodec.errors import OptionError
from rlcodec.options import KeywordOptions, option


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a network is trained.

    Attributes:
        steps: largest number of optimiser steps.
        batch: images per step and part.
        learning_rate: peak of the learning rate, which rises linearly and then decays with a cosine.
        minutes: limit on wall-clock time, or None. The learning rate then follows steps or time, whichever has progressed
            further, and so depends on the machine's speed.
        seed: of weights, batches and noise. Every step draws from (seed, step), so a resumed training draws the same as an
            uninterrupted one.
        parts: number of batches per step, each drawn independently. Parallel processes share them, so n processes compute what
            one process computes with n parts; there are at least as many parts as processes.
        evaluate_every: steps between evaluations.
    """

    steps: int
    batch: int
    learning_rate: float
    minutes: float | None = None
    seed: int = 0
    parts: int = 1
    evaluate_every: int = 1000


@dataclass(frozen=True)
class TrainingRun:
    """The training of one network.

    Attributes:
        schedule: its length, batch, learning rate and seed.
        folder: receives the checkpoint and TensorBoard's events.
        device: as torch names it.
        resume: continue from the folder's checkpoint if there is one.
        checkpoint_seconds: seconds between checkpoints.
    """

    schedule: Schedule
    folder: Path
    device: str = "cpu"
    resume: bool = True
    checkpoint_seconds: float = 60.0


@dataclass(frozen=True, kw_only=True)
class PretrainOptions(KeywordOptions):
    """Options of pretraining that every preset has.

    Attributes:
        out: folder of checkpoints and of the exported weights.
        steps: largest number of optimiser steps; the preset's own if None.
        minutes: limit on wall-clock time; none if None.
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

    def schedule(self, default: Schedule) -> Schedule:
        """A schedule in which the options that are given replace the default's steps, batch and seed."""
        return replace(default, steps=self.steps or default.steps, batch=self.batch or default.batch, seed=self.seed)

    def run(self, name: str, default: Schedule, share: float = 1.0) -> TrainingRun:
        """The training of one network under these options.

        Args:
            name: of the network's subfolder of `out`.
            default: schedule, see `schedule`.
            share: of the limit on wall-clock time, for a preset that trains several networks one after another.
        """
        schedule = replace(self.schedule(default), minutes=self.minutes and self.minutes * share)
        return TrainingRun(schedule, self.out / name, self.device, self.resume)


@dataclass(frozen=True, kw_only=True)
class AutoencoderOptions(PretrainOptions):
    """Options of training one auto-encoder.

    Attributes:
        learning_rate: peak of the learning rate; the preset's own if None.
    """

    learning_rate: float | None = option("Peak of the learning rate.")

    def schedule(self, default: Schedule) -> Schedule:
        """As `PretrainOptions.schedule`, with the learning rate that is given."""
        return replace(super().schedule(default), learning_rate=self.learning_rate or default.learning_rate)
