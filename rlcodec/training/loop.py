"""The training loop of all pretraining: schedule, moving average, checkpoints, resuming, progress bar and TensorBoard."""

import copy
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from rlcodec.core.files import make_folder, write_atomically
from rlcodec.errors import DataError
from rlcodec.training.processes import join_processes

CHECKPOINT = "checkpoint.pt"
WARMUP_FRACTION = 0.02
FINAL_RATE_FRACTION = 0.01
EMA_DECAY = 0.999


@dataclass(frozen=True)
class Schedule:
    """How long to train and how fast.

    Attributes:
        steps: maximum number of optimiser steps.
        batch: images per step and part.
        learning_rate: peak of the schedule, a linear warm-up followed by a cosine decay.
        minutes: limit on wall-clock time, or None. The schedule then follows steps or time, whichever has progressed further,
            and so depends on the machine's speed.
        seed: of weights, batches and noise. Every step draws from (seed, step), so a resumed run draws the same as an
            uninterrupted one.
        parts: number of batches per step, each drawn independently. Parallel processes share them, so n processes compute what
            one process computes with n parts; there are at least as many parts as processes.
    """

    steps: int
    batch: int
    learning_rate: float
    minutes: float | None = None
    seed: int = 0
    parts: int = 1


def learning_rate_at(progress: float, peak: float) -> float:
    """The learning rate at a progress from 0 to 1: linear warm-up, then a cosine decay to one hundredth of the peak."""
    if progress < WARMUP_FRACTION:
        return peak * (progress / WARMUP_FRACTION * 0.95 + 0.05)
    cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return peak * (FINAL_RATE_FRACTION + (1 - FINAL_RATE_FRACTION) * cosine)


class ExponentialMovingAverage:
    """A copy of a module with the moving average of its weights (Polyak averaging); the first steps use a smaller decay."""

    def __init__(self, module: nn.Module):
        self.module = copy.deepcopy(module).requires_grad_(False)

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Moves the average towards the weights of `module` after optimiser step `step`."""
        decay = min(EMA_DECAY, (1 + step) / (10 + step))
        ours = [p for p in self.module.state_dict().values() if p.is_floating_point()]
        theirs = [p for p in module.state_dict().values() if p.is_floating_point()]
        torch._foreach_lerp_(ours, theirs, 1 - decay)


def fit(
    model: nn.Module,
    loss_of: Callable[[nn.Module, np.random.Generator, int], Tensor],
    evaluate: Callable[[nn.Module], dict[str, float]],
    schedule: Schedule,
    folder: Path,
    resume: bool,
    title: str,
    evaluate_every: int = 1000,
    checkpoint_seconds: float = 60.0,
) -> nn.Module:
    """Trains a model.

    Args:
        model: the model, on its device.
        loss_of: computes the loss of one step from the model, the random generator of this step, and the batch size.
        evaluate: computes named validation results of the averaged model, which are printed and logged.
        schedule: length, batch, learning rate and seed.
        folder: receives `checkpoint.pt` and TensorBoard's events.
        resume: continue from the folder's checkpoint if there is one.
        title: text of the progress bar.
        evaluate_every: steps between evaluations.
        checkpoint_seconds: seconds between checkpoints.

    Returns:
        The exponential moving average of the model.

    Raises:
        DataError: the checkpoint is of another model.
    """
    make_folder(folder)
    processes = join_processes()
    parts = max(schedule.parts, processes.count)
    average = ExponentialMovingAverage(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=schedule.learning_rate, betas=(0.9, 0.98), weight_decay=1e-4)
    step, spent = 0, 0.0
    path = folder / CHECKPOINT
    if resume and path.exists():
        saved = torch.load(path, weights_only=True)
        try:
            model.load_state_dict(saved["model"])
            average.module.load_state_dict(saved["average"])
            optimizer.load_state_dict(saved["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise DataError(f"{path}: not a checkpoint of this model; train into another folder") from error
        step, spent = saved["step"], saved["seconds"]
    processes.wait()

    def save() -> None:
        if not processes.leads:
            return
        state = {
            "model": model.state_dict(),
            "average": average.module.state_dict(),
            "optimizer": optimizer.state_dict(),
            "step": step,
            "seconds": spent,
        }
        write_atomically(path, lambda file: torch.save(state, file))

    def progress_now() -> float:
        by_time = spent / (60 * schedule.minutes) if schedule.minutes else 0.0
        return processes.agree(max(step / schedule.steps, by_time))

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    started, saved_at = time.monotonic() - spent, time.monotonic()
    with (
        tempfile.TemporaryDirectory() as elsewhere,
        SummaryWriter(folder if processes.leads else elsewhere) as board,
        Progress(*columns, disable=not processes.leads) as bar,
    ):
        task = bar.add_task(title, total=1.0, completed=progress_now())
        while (progress := progress_now()) < 1.0:
            rate = learning_rate_at(progress, schedule.learning_rate)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad(set_to_none=True)
            for part in range(processes.rank, parts, processes.count):
                torch.manual_seed((schedule.seed * 1_000_003 + step) * parts + part)
                draws = np.random.default_rng((schedule.seed, step, part) if part else (schedule.seed, step))
                loss = loss_of(model, draws, schedule.batch) / parts
                loss.backward()
            processes.add_gradients(model)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            average.update(model, step)
            step += 1
            spent = time.monotonic() - started
            if step % 50 == 0:
                board.add_scalar("train/loss", parts * loss.item(), step)
                board.add_scalar("train/learning_rate", rate, step)
                bar.update(task, completed=progress, description=f"{title}  step {step}  loss {parts * loss.item():.4f}")
            if step % evaluate_every == 0 and processes.leads:
                figures = evaluate(average.module)
                for name, value in figures.items():
                    board.add_scalar(f"validation/{name}", value, step)
                shown = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
                bar.console.print(f"{title}  step {step}  {spent:.0f} s  {shown}")
            if time.monotonic() - saved_at > checkpoint_seconds:
                save()
                saved_at = time.monotonic()
        bar.update(task, completed=1.0)
        if processes.leads:
            figures = evaluate(average.module)
            bar.console.print(f"{title}  done at step {step}  " + "  ".join(f"{n} {v:.4f}" for n, v in figures.items()))
    save()
    return average.module
