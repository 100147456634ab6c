"""What the benchmarks share: arguments, images and how results are printed."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from rlcodec.core.preset_ids import MNIST
from rlcodec.envs.tasks import Task
from rlcodec.training.data import load_images, load_pictures


def arguments(description: str, images: int | None = None, data: bool = True) -> argparse.ArgumentParser:
    """A parser with the arguments that all benchmarks take."""
    parser = argparse.ArgumentParser(description=description)
    if data:
        parser.add_argument("data", type=Path, help="folder of idx files or of images")
        parser.add_argument("--images", type=int, default=images, help="at most so many images")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def test_images(options: argparse.Namespace) -> np.ndarray:
    """The test images that the arguments name, uint8 (n, h, w)."""
    return load_images(options.data, "test", options.images)


def held_out(options: argparse.Namespace, task: Task) -> Any:
    """The trace that DATA is, or that of the images in it; `options.images` says how many digits at most."""
    if options.data.is_file():
        return task.load(options.data)
    if task.model.preset is MNIST:
        return task.trace(test_images(options), None)
    return task.trace(load_pictures(options.data)[: options.images], None)


def print_result(options: argparse.Namespace, result: dict[str, Any]) -> None:
    """Prints figures by name."""
    if options.json:
        print(json.dumps(result))
        return
    width = max(map(len, result))
    for name, value in result.items():
        print(f"{name:{width}}  {value:.4f}" if isinstance(value, float) else f"{name:{width}}  {value}")
