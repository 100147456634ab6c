"""Published comparisons of codecs, made again on the images of a folder: what `rlcodec evaluate PRESET --data FOLDER` runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from rlcodec.core.progress import Report
from rlcodec.evaluation.compact_table import compare_compact, plot_compact
from rlcodec.evaluation.digit_table import COMPARED_PSNR_DB, compare, plot_comparison, rates_at
from rlcodec.training.data import load_images, load_pictures

DIGITS = 1000
"""Digits that are compared if no number is named."""


@dataclass(frozen=True)
class Reproduction:
    """A published comparison, made again.

    Attributes:
        table: a row for each codec and setting.
        figure: to be written beside the table.
        note: what else is printed below the table; "" if nothing is.
    """

    table: pd.DataFrame
    figure: Figure
    note: str = ""


def _digits(data: Path, images: int | None, report: Report | None) -> Reproduction:
    table = compare(load_images(data, "test", images or DIGITS), report)
    rates = rates_at(table, COMPARED_PSNR_DB).to_string(index=False, float_format=lambda value: f"{value:.3f}")
    return Reproduction(table, plot_comparison(table), f"bits per pixel at {COMPARED_PSNR_DB:g} dB:\n{rates}")


def _compact(data: Path, images: int | None, report: Report | None) -> Reproduction:
    pictures = load_pictures(data)[:images]
    return Reproduction(compare_compact(pictures, report), plot_compact(pictures[0]))


COMPARISONS: Mapping[str, Callable[[Path, int | None, Report | None], Reproduction]] = {"mnist": _digits, "compact": _compact}
"""By the name of the preset that a comparison is about: from a folder of images, the most images to use and a callback for
progress to the comparison."""
