"""Every benchmark can be imported and is listed, and what they share does what it says."""

import re
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "common")


@pytest.mark.parametrize("name", NAMES)
def test_benchmarks_are_scripts_with_one_question(benchmark_module, name):
    module = benchmark_module(name)
    assert callable(module.main)
    assert module.__doc__


def test_all_benchmarks_are_listed():
    listed = re.findall(r"(\w+)\.py", (FOLDER / "README.md").read_text())
    assert sorted(set(listed)) == NAMES


def test_runs_take_turns(benchmark_module):
    order: list[str] = []
    times = benchmark_module("common").in_turns([lambda: order.append("a"), lambda: order.append("b")], 3)
    assert "".join(order) == "abbaab"
    assert times.shape == (3, 2)
    assert (times > 0).all()


def test_crops_come_from_the_pictures_and_have_one_size(benchmark_module):
    picture = np.arange(40 * 50 * 3, dtype=np.uint32).reshape(40, 50, 3).astype(np.uint8)
    crops = list(benchmark_module("common").crops([picture, picture[:8]], 5, 16))
    assert [crop.shape for crop in crops] == [(16, 16, 3)] * 5
    windows = np.lib.stride_tricks.sliding_window_view(picture, (16, 16, 3)).reshape(-1, 16, 16, 3)
    assert all((windows == crop).all((1, 2, 3)).any() for crop in crops)
