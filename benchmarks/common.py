"""What the benchmarks share: arguments, images, timing, measurements in processes of their own, and how results are printed."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rlcodec.control.onnx_policy import OnnxPolicy
from rlcodec.envs.hindsight import Hindsight
from rlcodec.envs.tasks import Task, task_of
from rlcodec.training.data import load_images

NO_VECTORS = {
    "RLCODEC_SIMD": "plain",
    "NPY_DISABLE_CPU_FEATURES": "SSE42 AVX F16C FMA3 AVX2 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL",
    "OPENBLAS_CORETYPE": "Prescott", "ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41",
}  # fmt: skip
"""Environment variables with which libraries use no vector instructions beyond the oldest. ONNX Runtime has no such switch, nor
have the core's loops over floats, which `bash .ci/checked` builds without."""


def arguments(description: str | None, images: int | None = None, data: bool = True) -> argparse.ArgumentParser:
    """A parser with the arguments that all benchmarks take.

    Args:
        description: the benchmark's docstring.
        images: default of --images.
        data: whether it takes a folder of images and --images.
    """
    parser = argparse.ArgumentParser(description=description)
    if data:
        parser.add_argument("data", type=Path, help="folder of idx files or of images")
        parser.add_argument("--images", type=int, default=images, help="at most so many images")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def policy_arguments(description: str | None, images: int | None = None, preset: str = "mnist") -> argparse.ArgumentParser:
    """A parser for benchmarks of a policy on held-out images, which `held_out` reads.

    Args:
        description: the benchmark's docstring.
        images: default of --images.
        preset: default of --preset.
    """
    parser = arguments(description, images)
    parser.add_argument("--preset", default=preset, help="whose policy; DATA may be a trace of it")
    parser.add_argument("--policy", type=Path, help="a policy file; the shipped one if not given")
    return parser


def held_out(options: argparse.Namespace) -> tuple[Task, Any, OnnxPolicy]:
    """The task of --preset, the trace that DATA is or that of the images in it, and the policy of --policy."""
    task, data = task_of(options.preset), options.data
    trace = task.load(data) if data.is_file() else task.measure(task.read_images(data, "test", options.images, None))
    return task, trace, task.load_policy(options.policy)


def bounds(hindsight: Hindsight) -> Iterator[tuple[Any, np.ndarray, np.ndarray]]:
    """Objectives of the grid with J of the best fixed sequence and of the oracle on every image, float64 (n,) each."""
    for objective in hindsight.grid:
        fixed = hindsight.replay(objective, hindsight.best_fixed(objective).actions)
        yield objective, fixed, np.array([plan.value for plan in hindsight.oracle(objective)])


def test_images(options: argparse.Namespace) -> np.ndarray:
    """The test images that the arguments name, uint8 (n, height, width)."""
    return load_images(options.data, "test", options.images)


def crops(pictures: Sequence[np.ndarray], count: int, side: int) -> Iterator[np.ndarray]:
    """Squares of pictures, each from another place, uint8 (side, side, 3)."""
    rng = np.random.default_rng(0)
    large = [picture for picture in pictures if min(picture.shape[:2]) >= side]
    for number in range(count):
        picture = large[number % len(large)]
        y, x = (int(rng.integers(0, length - side + 1)) for length in picture.shape[:2])
        yield np.ascontiguousarray(picture[y : y + side, x : x + side])


def use_one_core() -> None:
    """Binds this process to one core, if the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def seconds(run: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def in_turns(runs: Sequence[Callable[[], object]], repeats: int) -> np.ndarray:
    """Seconds of several runs that take turns, every second time in reverse order; float64 (repeats, runs)."""
    times = np.empty((repeats, len(runs)))
    for repeat, row in enumerate(times):
        for number in range(len(runs))[:: 1 if repeat % 2 == 0 else -1]:
            row[number] = seconds(runs[number])
    return times


def in_process(
    script: str, arguments: Sequence[object], environment: Mapping[str, str] | None = None, timeout: float | None = None
) -> Any:
    """Runs a benchmark in a process of its own, and reads the JSON in the last line that it prints.

    Args:
        script: path of the benchmark.
        arguments: of its command line.
        environment: further environment variables.
        timeout: seconds after which the process is killed; none if None.

    Raises:
        subprocess.SubprocessError: the process failed or was killed.
    """
    command, environment = [sys.executable, script, *map(str, arguments)], {**os.environ, **(environment or {})}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment, timeout=timeout)
    return json.loads(done.stdout.splitlines()[-1])


def print_result(options: argparse.Namespace, result: Mapping[str, Any]) -> None:
    """Prints values by name: one JSON object with --json, else a line each."""
    if options.json:
        print(json.dumps(result))
        return
    width = max(map(len, result))
    for name, value in result.items():
        print(f"{name:{width}}  {value:.4f}" if isinstance(value, float) else f"{name:{width}}  {value}")
