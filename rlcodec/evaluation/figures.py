"""Figures: pictures side by side, digits under several settings, and the results of policies."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

from rlcodec.core.files import write_bytes
from rlcodec.presets.base import Encoded

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure


def save_figure(figure: Figure, path: Path, dots_per_inch: int = 150) -> None:
    """Writes a figure in the format that its file name ends in, whole or not at all; raises OutputError."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix[1:], dpi=dots_per_inch, bbox_inches="tight")
    plt.close(figure)
    write_bytes(path, buffer.getvalue())


def new_figure(width: float, height: float) -> tuple[Figure, plt.Axes]:
    """An empty figure with one pair of axes; sizes in inches."""
    return plt.subplots(figsize=(width, height))


def plot_pictures(pictures: dict[str, np.ndarray]) -> Figure:
    """Plots pictures, uint8 (height, width) or (height, width, 3), side by side under their names."""
    figure, axes = plt.subplots(1, len(pictures), figsize=(3 * len(pictures), 2.6), squeeze=False)
    for axis, (name, picture) in zip(axes[0], pictures.items(), strict=True):
        axis.imshow(picture, interpolation="nearest")
        axis.set_title(name, fontsize=9)
        axis.axis("off")
    return figure


def plot_digits(originals: Sequence[np.ndarray], columns: Mapping[str, Sequence[Encoded]]) -> Figure:
    """Plots digits, a row for each: the original, then its version under each setting, with bytes and PSNR above.

    Args:
        originals: uint8 (height, width) each.
        columns: versions of all digits by the name of the setting.
    """
    figure, axes = plt.subplots(
        len(originals), len(columns) + 1, figsize=(1.5 * (len(columns) + 1), 1.75 * len(originals)), squeeze=False
    )
    for row, original in enumerate(originals):
        pictures = [("original" if row == 0 else "", f"{original.size} B raw", original)]
        for name, encoded in columns.items():
            digit = encoded[row]
            quality = "exact" if digit.mse == 0 else f"{digit.psnr_db:.1f} dB"
            pictures.append((name if row == 0 else "", f"{len(digit.data)} B, {quality}", digit.picture))
        for axis, (title, label, picture) in zip(axes[row], pictures, strict=True):
            axis.imshow(picture, cmap="gray", vmin=0, vmax=255)
            axis.set_title(f"{title}\n{label}" if title else label, fontsize=7)
            axis.axis("off")
    return figure


def plot_shares(table: pd.DataFrame) -> Figure:
    """Plots the share of the gap from the best fixed setting to the oracle, by objective.

    Args:
        table: as `rlcodec.agents.evaluate.Evaluation` has it.
    """
    shown = table[np.isfinite(table["share_policy"])]
    labels = [
        f"{kind}, λr {rate:.3g}, λc {compute:.2g}"
        for kind, rate, compute in zip(shown["kind"], shown["lambda_rate"], shown["lambda_compute"], strict=True)
    ]
    figure, axis = plt.subplots(figsize=(7, 0.22 * len(shown) + 1))
    at = np.arange(len(shown))
    for name, marker in (("threshold", "x"), ("planner", "|"), ("policy", "o")):
        axis.plot(shown[f"share_{name}"], at, marker, label=name)
    axis.axvline(0, color="gray", lw=0.5)
    axis.axvline(1, color="gray", lw=0.5)
    axis.set_yticks(at, labels, fontsize=7)
    axis.set_xlim(-0.5, 1.05)
    axis.set_xlabel("share of the gap from best fixed setting (0) to oracle (1)")
    axis.legend(fontsize=7)
    return figure


def plot_rate_quality(table: pd.DataFrame) -> Figure:
    """Plots the policy's mean rate against the PSNR of its mean error, with the decoder's compute as colour.

    Args:
        table: as `rlcodec.agents.evaluate.Evaluation` has it.
    """
    shown = table[np.isfinite(table["psnr_db"])]
    figure, axis = plt.subplots(figsize=(5, 3.5))
    points = axis.scatter(shown["rate_bpp"], shown["psnr_db"], c=shown["decoder_kmac_per_pixel"], cmap="viridis")
    axis.set_xlabel("segments, bits per pixel")
    axis.set_ylabel("PSNR, dB")
    figure.colorbar(points, label="decoder kMAC per pixel")
    return figure
