"""Ten minutes of a GPU: tier `lm` decoded on it, PPO on it beside the CPU, and, for the rest of the time, repair networks of
preset `photo` trained on it from the last checkpoint.

Each step runs in a process of its own: one that fails or takes too long does not affect the others.
"""

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import arguments, in_process, print_result, seconds, test_images
from ppo import steps_per_second
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import rlcodec
from rlcodec.core.files import make_folder, write_bytes
from rlcodec.envs.sb3_vec_env import TraceVecEnv
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.training.data import load_pictures, split_pictures
from rlcodec.training.loop import CHECKPOINT
from rlcodec.training.options import TrainingRun
from rlcodec.training.photo.pretrain import REPAIR_SCHEDULE, REPAIR_SHARE, ROUNDED_SCHEDULE
from rlcodec.training.photo.synthesis import decoded_crops, export_synthesis, train_synthesis

REPAIR, ROUNDED = "repair", "rounded"
"""Folders of both trainings: that of the float networks is continued, and that of the rounded ones starts again."""
HELD_OUT_CROPS = 192
ENVIRONMENTS, PPO_REPEATS = 256, 3
FINISH_SECONDS = 25
"""Kept for evaluating, exporting and ending."""
POOL_SHARE = 0.25
"""Share of the time left in which crops are coded, at the most."""
LEAST_SECONDS = 5
"""Of training, however late it is."""
UNLIMITED = 10**7
"""Optimiser steps, which the time limits."""
QUICK = {"images": 4, "batch": 2, "pool": 16}
QUICK_STEPS, QUICK_HELD_OUT_CROPS, QUICK_ENVIRONMENTS = 4, 8, 64
Result = dict[str, Any]


def measure_lm(options: argparse.Namespace) -> Result:
    """Digits in tier `lm`: whether the device gives the bytes and pixels of the compiled loops, and the time of both."""
    images = list(test_images(options))
    streams = rlcodec.encode_many(images, tier="lm")
    rlcodec.decode_many(streams[:2], device=options.device)  # whatever is compiled or allocated only once
    decoded: dict[str, list[Any]] = {}
    times = {
        name: seconds(lambda name=name, how=how: decoded.update({name: rlcodec.decode_many(streams, **how)}))
        for name, how in (("cpu", {}), ("device", {"device": options.device}))
    }
    other_streams = rlcodec.encode_many(images, tier="lm", device=options.device)
    return {
        "digits": len(images),
        "streams that differ": sum(map(bytes.__ne__, streams, other_streams)),
        "pictures that differ": sum(not np.array_equal(*map(np.asarray, pair)) for pair in zip(*decoded.values(), strict=True)),
        "seconds to decode, compiled loops on all cores": times["cpu"],
        "seconds to decode, network on the device": times["device"],
    }


def measure_ppo(options: argparse.Namespace) -> Result:
    """The same short training by PPO on the CPU and on the device, in turns."""
    envs, rollouts = (QUICK_ENVIRONMENTS, 1) if options.quick else (ENVIRONMENTS, 3)
    repeats = 1 if options.quick else PPO_REPEATS
    agents = [(TraceVecEnv, device) for device in ("cpu", options.device)]
    cpu, device = np.median(steps_per_second("mnist", envs, agents, repeats, rollouts), axis=0)
    return {
        "environments": envs,
        "steps a second, cpu": float(cpu),
        "steps a second, device": float(device),
        "repeats": repeats,
    }


def train_repair(options: argparse.Namespace) -> Result:
    """The repair networks, beside the shipped raster-encoder, until `options.until`."""
    weights, rng = installed_weights(), np.random.default_rng(0)
    train, validation = split_pictures(load_pictures(options.photos))
    started, held_out_count = time.time(), QUICK_HELD_OUT_CROPS if options.quick else HELD_OUT_CROPS
    held_out = decoded_crops(weights, validation, rng, held_out_count)
    most = POOL_SHARE * (options.until - time.time()) * held_out_count / (time.time() - started)
    pool = max(min(options.pool, int(most)), options.batch)
    crops = decoded_crops(weights, train, rng, pool)
    coding = time.time() - started
    step, trained_seconds = progress_of(options.out / REPAIR)
    left = max(options.until - time.time() - FINISH_SECONDS, LEAST_SECONDS)
    steps = QUICK_STEPS if options.quick else UNLIMITED
    schedules = (
        replace(REPAIR_SCHEDULE, steps=step + steps, minutes=(trained_seconds + left * REPAIR_SHARE) / 60),
        replace(ROUNDED_SCHEDULE, steps=steps, minutes=left * (1 - REPAIR_SHARE) / 60),
    )
    first, second = (
        TrainingRun(replace(schedule, batch=options.batch), options.out / name, options.device, name == REPAIR)
        for name, schedule in zip((REPAIR, ROUNDED), schedules, strict=True)
    )
    net = train_synthesis(crops, held_out, (first, second), rng)
    for name, graph in export_synthesis(net).items():
        write_bytes(options.out / f"photo-{name}.onnx", graph)
    last_step, last_seconds = progress_of(options.out / REPAIR)
    return {
        "crops": pool,
        "seconds to code crops": coding,
        "first step": step,
        "last step": last_step,
        "steps a second": (last_step - step) / max(last_seconds - trained_seconds, 1e-9),
        "crops a step": options.batch,
        "validation": {name: curves(options.out / name) for name in (REPAIR, ROUNDED)},
    }


def progress_of(folder: Path) -> tuple[int, float]:
    """Steps and seconds of the training whose checkpoint is in a folder; zeros if there is none."""
    path = folder / CHECKPOINT
    if not path.exists():
        return 0, 0.0
    saved = torch.load(path, map_location="cpu", weights_only=True)
    return saved["step"], saved["seconds"]


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Validation results of a training by name: each with its step."""
    events = EventAccumulator(str(folder)).Reload()
    tags = (tag for tag in events.Tags()["scalars"] if tag.startswith("validation/"))
    return {tag.split("/")[1]: [(event.step, event.value) for event in events.Scalars(tag)] for tag in tags}


STEPS: dict[str, tuple[Callable[[argparse.Namespace], Result], float]] = {
    "lm": (measure_lm, 0.3),
    "ppo": (measure_ppo, 0.5),
    "repair": (train_repair, 1.0),
}
"""Steps by name, each with the share of the time after which it is ended."""


def run_here(step: str, options: argparse.Namespace) -> Result:
    """The result of a step, or how it failed."""
    with contextlib.redirect_stdout(sys.stderr):
        try:
            return STEPS[step][0](options)
        except Exception as error:
            traceback.print_exc()
            return {"failed": f"{type(error).__name__}: {error}"}


def run_apart(step: str, until: float) -> Result:
    """As `run_here`, in a process of its own that is killed at a time."""
    started = time.time()
    try:
        command = [*sys.argv[1:], "--step", step, "--until", until]
        result = in_process(__file__, command, timeout=max(until - started, LEAST_SECONDS))
    except subprocess.TimeoutExpired:
        result = {"failed": "out of time"}
    except (subprocess.SubprocessError, ValueError) as error:
        result = {"failed": str(error)}
    return result | {"seconds": time.time() - started}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = arguments(__doc__, images=256)
    parser.add_argument("photos", type=Path, help="folder of photographs; the last ten are for validation")
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"), help="folder of checkpoints, ONNX files and results.json")
    parser.add_argument("--checkpoint", type=Path, help=f"continue from this {CHECKPOINT} if --out has none in {REPAIR}/")
    parser.add_argument("--minutes", type=float, default=10.0, help="wall time of all steps together")
    parser.add_argument("--device", default="cuda", help="cuda or cpu")
    parser.add_argument("--batch", type=int, default=64, help="crops of a step of the repair networks")
    parser.add_argument(
        "--pool", type=int, default=12_000, help="most crops to train on, about 175 kB of the device's memory each"
    )
    parser.add_argument("--quick", action="store_true", help="few images and steps, to try the script on a CPU")
    parser.add_argument("--step", choices=list(STEPS), help="only this step, in this process")
    parser.add_argument("--until", type=float, help=argparse.SUPPRESS)
    return parser


def main() -> None:
    """Runs all steps, and prints what each found."""
    options, started = parser().parse_args(), time.time()
    if options.quick:
        vars(options).update(QUICK)
    options.until = options.until or started + 60 * options.minutes
    if options.step:
        print(json.dumps(run_here(options.step, options)))
        return
    make_folder(options.out / REPAIR)
    checkpoint = options.out / REPAIR / CHECKPOINT
    if options.checkpoint and not checkpoint.exists():
        shutil.copyfile(options.checkpoint, checkpoint)
    name = torch.cuda.get_device_name() if options.device != "cpu" and torch.cuda.is_available() else options.device
    results: dict[str, Any] = {"device": name}
    for step, (_, share) in STEPS.items():
        results[step] = run_apart(step, started + 60 * options.minutes * share)
        write_bytes(options.out / "results.json", json.dumps(results | {"seconds": time.time() - started}, indent=1).encode())
        print(f"{step}: {results[step].get('failed', 'done')}, {results[step]['seconds']:.0f} s", file=sys.stderr)
    flat: Result = {"device": name}
    for step in STEPS:
        result = dict(results[step])
        validation = result.pop("validation", {})
        flat |= {f"{step}: {what}": value for what, value in result.items()}
        flat |= {
            f"{step}: {stage}, {what}": points[-1][1] for stage in validation for what, points in validation[stage].items()
        }
    print_result(options, flat | {"seconds": time.time() - started})
    if any("failed" in results[step] for step in STEPS):
        sys.exit(1)


if __name__ == "__main__":
    main()
