"""The training loop of all pretraining: learning rate, moving average, checkpoints, progress bar and TensorBoard."""

import copy
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from rlcodec.core.files import make_folder, write_atomically
from rlcodec.errors import DataError
from rlcodec.training.options import TrainingRun
from rlcodec.training.processes import join_processes

CHECKPOINT = "checkpoint.pt"
WARMUP_FRACTION = 0.02
FINAL_RATE_FRACTION = 0.01
EMA_DECAY = 0.999
LOG_EVERY = 50
"""Steps between entries in TensorBoard's log."""
Model = TypeVar("Model", bound=nn.Module)
OptimizerOf = Callable[[nn.Module, float], torch.optim.Optimizer]
"""Makes the optimiser of a model from the peak of the learning rate."""


def adamw(model: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
    """AdamW of all parameters."""
    return torch.optim.AdamW(model.parameters(), lr=learning_rate, betas=(0.9, 0.98), weight_decay=1e-4)


def learning_rate_at(progress: float, peak: float) -> float:
    """The learning rate at a progress from 0 to 1: linear warm-up, then a cosine decay to one hundredth of the peak."""
    if progress < WARMUP_FRACTION:
        return peak * (progress / WARMUP_FRACTION * 0.95 + 0.05)
    cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return peak * (FINAL_RATE_FRACTION + (1 - FINAL_RATE_FRACTION) * cosine)


class TrainingState(Generic[Model]):
    """What a checkpoint holds.

    Attributes:
        model: the model in training.
        average: a copy with the exponential moving average of its weights (Polyak averaging).
        optimizer: of the model.
        step: optimiser steps taken.
        seconds: wall-clock time taken.
    """

    def __init__(self, model: Model, learning_rate: float, optimizer_of: OptimizerOf):
        self.model = model
        self.average = copy.deepcopy(model).requires_grad_(False)
        self.optimizer = optimizer_of(model, learning_rate)
        self.step, self.seconds = 0, 0.0

    def _parts(self) -> dict[str, Any]:
        return {"model": self.model, "average": self.average, "optimizer": self.optimizer}

    def load(self, path: Path) -> None:
        """Reads a checkpoint.

        Raises:
            DataError: it belongs to another model.
        """
        saved = torch.load(path, map_location="cpu", weights_only=True)  # a GPU's are resumed without one, and vice versa
        try:
            for name, part in self._parts().items():
                part.load_state_dict(saved[name])
            self.step, self.seconds = saved["step"], saved["seconds"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise DataError(f"{path}: not a checkpoint of this model; train into another folder") from error

    def save(self, path: Path) -> None:
        """Writes a checkpoint, whole or not at all."""
        saved = {name: part.state_dict() for name, part in self._parts().items()}
        saved |= {"step": self.step, "seconds": self.seconds}
        write_atomically(path, lambda file: torch.save(saved, file))

    @torch.no_grad()
    def update_average(self) -> None:
        """Moves the average towards the model's weights; the first steps use a smaller decay."""
        decay = min(EMA_DECAY, (1 + self.step) / (10 + self.step))
        averages, weights = (
            [value for value in module.state_dict().values() if value.is_floating_point()]
            for module in (self.average, self.model)
        )
        torch._foreach_lerp_(averages, weights, 1 - decay)


def seeded_device(run: TrainingRun) -> torch.device:
    """The device of a training, whose seed torch draws weights and noise from."""
    torch.manual_seed(run.schedule.seed)
    return torch.device(run.device)


def fit(
    model: Model,
    loss_of: Callable[[Model, np.random.Generator, int], Tensor],
    evaluate: Callable[[Model], dict[str, float]],
    run: TrainingRun,
    title: str,
    optimizer_of: OptimizerOf = adamw,
) -> Model:
    """Trains a model.

    Args:
        model: the model, on its device.
        loss_of: computes the loss of one step from the model, the random generator of this step, and the batch size.
        evaluate: computes named validation results of the averaged model, which are printed and logged; without gradients.
        run: schedule, folder, and whether to resume.
        title: text of the progress bar.
        optimizer_of: makes the optimiser.

    Returns:
        The exponential moving average of the model.

    Raises:
        DataError: the checkpoint is of another model.
    """
    schedule, processes = run.schedule, join_processes()
    parts = max(schedule.parts, processes.count)
    state, path = TrainingState(model, schedule.learning_rate, optimizer_of), run.folder / CHECKPOINT
    make_folder(run.folder)
    if run.resume and path.exists():
        state.load(path)
    processes.wait()

    def progress_now() -> float:
        by_time = state.seconds / (60 * schedule.minutes) if schedule.minutes else 0.0
        return processes.agree(max(state.step / schedule.steps, by_time))

    @torch.no_grad()
    def validate(when: str) -> None:
        scores = evaluate(state.average)
        for name, value in scores.items():
            board.add_scalar(f"validation/{name}", value, state.step)
        bar.console.print(f"{title}  {when}  " + "  ".join(f"{name} {value:.4f}" for name, value in scores.items()))

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    started, saved_at = time.monotonic() - state.seconds, time.monotonic()
    with (
        tempfile.TemporaryDirectory() as unused,
        SummaryWriter(run.folder if processes.leads else unused) as board,
        Progress(*columns, disable=not processes.leads) as bar,
    ):
        task = bar.add_task(title, total=1.0, completed=progress_now())
        while (progress := progress_now()) < 1.0:
            rate = learning_rate_at(progress, schedule.learning_rate)
            for group in state.optimizer.param_groups:
                group["lr"] = rate
            state.optimizer.zero_grad(set_to_none=True)
            for part in range(processes.rank, parts, processes.count):
                torch.manual_seed((schedule.seed * 1_000_003 + state.step) * parts + part)
                rng = np.random.default_rng((schedule.seed, state.step, part) if part else (schedule.seed, state.step))
                loss = loss_of(model, rng, schedule.batch) / parts
                loss.backward()
            processes.add_gradients(model)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            state.optimizer.step()
            state.update_average()
            state.step += 1
            state.seconds = time.monotonic() - started
            if state.step % LOG_EVERY == 0:
                whole_loss = parts * loss.item()
                board.add_scalar("train/loss", whole_loss, state.step)
                board.add_scalar("train/learning_rate", rate, state.step)
                bar.update(task, completed=progress, description=f"{title}  step {state.step}  loss {whole_loss:.4f}")
            if processes.leads and state.step % schedule.evaluate_every == 0:
                validate(f"step {state.step}  {state.seconds:.0f} s")
            if processes.leads and time.monotonic() - saved_at > run.checkpoint_seconds:
                state.save(path)
                saved_at = time.monotonic()
        bar.update(task, completed=1.0)
        if processes.leads:
            validate(f"done at step {state.step}")
            state.save(path)
    return state.average
