"""The page on environments agrees with the code: fields of observations, ranges of objectives, actions, and keys of the info.

`python tests/envs/test_documentation.py` rewrites the tables of fields.
"""

import re
from pathlib import Path

import pytest

from rlcodec.control.decision_process import Totals
from rlcodec.control.objective import COMPUTE_RANGE, PERCEPTUAL_KINDS
from rlcodec.envs.tasks import task_of
from rlcodec.presets.compact.choices import BUDGETS, COUNTS, GROUPS
from rlcodec.presets.compact.measurements import PROBES
from rlcodec.presets.mnist.segments import BUDGET_SLICES
from rlcodec.presets.photo.decisions import ENDINGS, GAIN_CHOICES, STOPS

PAGE = Path(__file__).parents[2] / "docs" / "environment.md"
PRESETS = ("mnist", "photo", "compact")


def fields(preset: str) -> str:
    """The table of a preset's observation, in Markdown."""
    rows, at = ["| field | at | unit and scale |", "|---|---|---|"], 0
    for name, length, unit in task_of(preset).spec.layout:
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


@pytest.mark.parametrize("preset", PRESETS)
def test_the_ranges_are_those_that_are_drawn_from(preset):
    ranges = task_of(preset).spec.rate_range
    cells = [f"10^{low:g} to 10^{high:g}" for low, high in (ranges[kind] for kind in PERCEPTUAL_KINDS if kind in ranges)]
    row = " | ".join([*cells, ""][: len(PERCEPTUAL_KINDS)])
    assert f"| `{preset}` | {row}" in PAGE.read_text()
    low, high = COMPUTE_RANGE
    assert f"10^{low:g} to 10^{high:g} of it" in PAGE.read_text()


def test_the_actions_are_those_that_are_taken():
    page = PAGE.read_text()
    *most, last = BUDGET_SLICES
    assert f"of {', '.join(map(str, most))} and {last}." in page
    assert (
        f"one of {len(GAIN_CHOICES)} gains of the quantiser, every 22nd from {GAIN_CHOICES[0]} to {GAIN_CHOICES[-1]}." in page
    )
    assert tuple(range(GAIN_CHOICES[0], GAIN_CHOICES[-1] + 1, 22)) == GAIN_CHOICES
    assert STOPS == (3, 4, 5)
    assert ", ".join(f"{i} `{ending}`" for i, ending in enumerate(ENDINGS)) in page
    *most, last = BUDGETS
    assert f"of {', '.join(map(str, most))} and {last}." in page
    assert f"They go in {GROUPS} equal groups" in page
    *most, last = COUNTS[PROBES]
    assert f"PSNR and MS-SSIM of {', '.join(map(str, most))} and {last} channels |" in page


def test_the_info_is_explained():
    section = PAGE.read_text().partition("## Info")[2]
    assert all(f"`{name}`" in section for name in ("image_index", *Totals.__dataclass_fields__, "objective_value"))


if __name__ == "__main__":
    PAGE.write_text(with_fields(PAGE.read_text()))
