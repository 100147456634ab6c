"""The page on environments: fields in their units, the ranges that episodes draw from, and actions are those that there are.

`python tests/envs/test_documentation.py` writes the tables of fields anew.
"""

import re
from pathlib import Path

import pytest

from rlcodec.control.objective import COMPUTE_RANGE, KINDS, RATE_RANGE
from rlcodec.core.preset_ids import MNIST
from rlcodec.envs.tasks import task_of
from rlcodec.presets.compact import decisions as compact
from rlcodec.presets.photo import decisions as planning

PAGE = Path(__file__).parents[2] / "docs" / "environment.md"
PRESETS = ("mnist", "photo", "compact")


def fields(preset: str) -> str:
    """The table of a preset's observation, in Markdown."""
    rows, at = ["| field | at | unit and scale |", "|---|---|---|"], 0
    for name, length, unit in task_of(preset).layout:
        rows.append(f"| `{name}` | {at}{f' to {at + length - 1}' if length > 1 else ''} | {unit} |")
        at += length
    return f"The observation has {at} numbers, float32, clipped to ±32:\n\n" + "\n".join(rows)


def with_fields(page: str) -> str:
    """The page with its tables as they should be."""
    for preset in PRESETS:
        marked = f"(<!-- fields of {preset} -->\n).*?(<!-- end -->)"
        page, found = re.subn(marked, lambda m, p=preset: f"{m[1]}{fields(p)}\n{m[2]}", page, flags=re.DOTALL)
        assert found == 1
    return page


def test_the_fields_are_those_of_the_layouts():
    assert with_fields(PAGE.read_text()) == PAGE.read_text()


@pytest.mark.parametrize(
    ("preset", "ranges"), [("mnist", RATE_RANGE), ("photo", planning.RATE_RANGE), ("compact", compact.RATE_RANGE)]
)
def test_the_ranges_are_those_that_are_drawn_from(preset, ranges):
    row = " | ".join(f"10^{low:g} to 10^{high:g}" for low, high in (ranges[kind] for kind in KINDS))
    assert f"| `{preset}` | {row} |" in PAGE.read_text()
    low, high = COMPUTE_RANGE
    assert f"10^{low:g} to 10^{high:g} of it" in PAGE.read_text()


def test_the_actions_are_those_that_are_taken():
    page = PAGE.read_text()
    *most, last = MNIST.budget_slices
    assert f"of {', '.join(map(str, most))} and {last}." in page
    gains = planning.GAIN_CHOICES
    assert f"one of {len(gains)} gains of the quantiser, every third from {gains[0]} to {gains[-1]}." in page
    assert gains == tuple(range(gains[0], gains[-1] + 1, 3))
    assert planning.STOPS == (3, 4, 5)
    assert ", ".join(f"{i} `{ending}`" for i, ending in enumerate(planning.ENDINGS)) in page
    *most, last = compact.BUDGETS
    assert f"of {', '.join(map(str, most))} and {last}." in page
    assert f"They go in {compact.GROUPS} equal groups" in page
    *most, last = compact.COUNTS[compact.PROBES]
    assert f"PSNR and MS-SSIM of {', '.join(map(str, most))} and {last} channels |" in page


if __name__ == "__main__":
    PAGE.write_text(with_fields(PAGE.read_text()))
