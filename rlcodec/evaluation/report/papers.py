"""A report's figures for papers: a column wide, in the page's colours, as SVG, PDF and PNG."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from rlcodec.evaluation.curves import MEASURES, with_unit
from rlcodec.evaluation.figures import new_figure, save_figure
from rlcodec.evaluation.report.content import COLOURS, FIRST_TAG, Comparison, Content, Look, fullest_level
from rlcodec.evaluation.report.sources import Shares, Trained

FORMATS = ("svg", "pdf", "png")
COLUMN_INCHES = 3.5
DOTS_PER_INCH = 300
STYLE = {
    "font.size": 8, "axes.labelsize": 8, "xtick.labelsize": 7, "ytick.labelsize": 7, "legend.fontsize": 7,
    "lines.linewidth": 1.2, "lines.markersize": 4, "axes.grid": True, "grid.linewidth": 0.4, "grid.color": "#d4d8dd",
    "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "pdf.fonttype": 42,
    "figure.constrained_layout.use": True,
}  # fmt: skip
"""Settings of matplotlib: text of 7 to 8 points, and TrueType fonts in PDF, as journals require."""
DASHES = {"solid": "-", "dash": "--", "dot": ":"}


def write_figures(content: Content, page: Path, formats: Iterable[str]) -> list[Path]:
    """Writes every figure for which a report has data, beside its page.

    Args:
        content: what to show.
        page: path of the page; the figures' names begin with its stem.
        formats: of `FORMATS`.

    Returns:
        The files.

    Raises:
        OutputError: one cannot be written.
    """
    wanted, files = list(formats), []
    if not wanted:
        return []
    with rc_context(STYLE):
        for name, figure in _figures(content):
            for ending in wanted:
                files.append(page.with_name(f"{page.stem}-{name}.{ending}"))
                save_figure(figure, files[-1], DOTS_PER_INCH)
    return files


def _figures(content: Content) -> Iterator[tuple[str, Figure]]:
    many = len(content.comparisons) > 1
    for number, comparison in enumerate(content.comparisons, 1):
        after = f"-{number}" if many else ""
        for measure, title in MEASURES.items():
            if comparison.curves[measure].notna().any():
                yield f"rd-{title.lower()}{after}", plot_rate(comparison, measure)
        if (comparison.curves.decoder_kmac_per_pixel > 0).any():
            yield f"compute{after}", plot_compute(comparison)
        if len(comparison.sizes):
            yield f"sizes{after}", plot_sizes(comparison)
    for number, shares in enumerate(content.shares, 1):
        yield f"shares{f'-{number}' if len(content.shares) > 1 else ''}", plot_shares(shares)
    if content.trained:
        yield "learning", plot_learning(content.trained)


def _line(look: Look) -> dict[str, str]:
    return {"color": look.colour, "marker": look.marker, "linestyle": DASHES[look.dash]}


def plot_rate(comparison: Comparison, measure: str) -> Figure:
    """Plots mean rate against a measure of quality, a column of `mean_curves`."""
    figure, axis = new_figure(COLUMN_INCHES, 2.6)
    for codec, curve in comparison.curves.groupby("codec", sort=False):
        shown = curve.dropna(subset=[measure])
        if len(shown):
            axis.plot(shown.bpp, shown[measure], label=codec, **_line(comparison.looks[codec]))
    axis.set_xlabel("bits per pixel")
    axis.set_ylabel(with_unit(measure))
    axis.set_xlim(left=0)
    axis.legend(loc="best")
    return figure


def plot_compute(comparison: Comparison) -> Figure:
    """Plots mean rate against PSNR, with the decoder's compute as colour; markers are open if it is unknown."""
    figure, axis = new_figure(COLUMN_INCHES, 2.8)
    costs = comparison.curves.decoder_kmac_per_pixel
    costs = costs[costs > 0]
    norm = LogNorm(costs.min(), max(costs.max(), 1.01 * costs.min()))
    points = None
    for codec, curve in comparison.curves.dropna(subset=["psnr_db"]).groupby("codec", sort=False):
        look = comparison.looks[codec]
        axis.plot(curve.bpp, curve.psnr_db, color=look.colour, linewidth=0.7, linestyle=DASHES[look.dash], zorder=1)
        known = curve[curve.decoder_kmac_per_pixel > 0]
        if len(known):
            points = axis.scatter(
                known.bpp, known.psnr_db, c=known.decoder_kmac_per_pixel, norm=norm, marker=look.marker, s=26,
                edgecolors=look.colour, linewidths=0.7, label=codec, cmap="viridis",
            )  # fmt: skip
        else:
            axis.scatter(
                curve.bpp, curve.psnr_db, facecolors="none", edgecolors=look.colour, marker=look.marker, s=26, label=codec
            )
    axis.set_xlabel("bits per pixel")
    axis.set_ylabel("PSNR, dB")
    axis.set_xlim(left=0)
    axis.legend(loc="best")
    bar = figure.colorbar(points, label="decoder kMAC per pixel")
    bar.minorticks_off()
    ticks = np.geomspace(norm.vmin, norm.vmax, 4)
    bar.set_ticks(ticks, labels=[f"{tick:.3g}" for tick in ticks])
    return figure


def plot_sizes(comparison: Comparison) -> Figure:
    """Plots bytes at equal PSNR, a bar for each codec, at the level that most of them reach."""
    level = fullest_level(comparison)
    bars = comparison.sizes[comparison.sizes.level_db == level]
    figure, axis = new_figure(COLUMN_INCHES, 0.5 + 0.28 * len(bars))
    drawn = axis.barh(bars.codec, bars.size_bytes, color=[comparison.looks[codec].colour for codec in bars.codec])
    axis.bar_label(drawn, [f"{size:,.0f}" for size in bars.size_bytes], padding=2, fontsize=7)
    axis.invert_yaxis()
    axis.margins(x=0.18)
    axis.grid(axis="y", visible=False)
    axis.set_xlabel(f"bytes of a mean picture at {level} dB PSNR")
    return figure


def plot_shares(shares: Shares) -> Figure:
    """Plots the share of the gap by objective, of those that have a gap, ordered by kind, λ rate and λ compute."""
    shown = shares.table[shares.table.counts].sort_values(["kind", "lambda_rate", "lambda_compute"], kind="stable")
    figure, axis = new_figure(COLUMN_INCHES, 2.4)
    at = np.arange(len(shown))
    for name, title, marker, colour in (
        ("threshold", "threshold rule", "D", COLOURS[2]),
        ("planner", "planner", "s", COLOURS[1]),
        ("policy", "policy", "o", COLOURS[0]),
    ):
        face = "none" if name == "planner" else colour
        axis.plot(at, shown[f"share_{name}"], marker, color=colour, markerfacecolor=face, markersize=3, label=title)
    kinds = shown.kind.to_numpy()
    for kind in dict.fromkeys(kinds):
        places = np.flatnonzero(kinds == kind)
        axis.axvline(places[-1] + 0.5, color="#59616b", linewidth=0.5)
        axis.text(places.mean(), 1.03, kind, ha="center", va="bottom", fontsize=7, transform=axis.get_xaxis_transform())
    lowest = np.nanmin(shown[["share_policy", "share_planner", "share_threshold"]].to_numpy())
    axis.set_ylim(max(min(lowest, 0), -1) - 0.05, 1.05)
    axis.set_xticks([])
    axis.set_xlabel("objectives")
    axis.set_ylabel("share of the oracle's gain")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=3)
    return figure


def plot_learning(trained: Iterable[Trained]) -> Figure:
    """Plots the reward while training, or the first logged figure of a run that logged none."""
    figure, axis = new_figure(COLUMN_INCHES, 2.4)
    runs = list(trained)
    tags = set()
    for number, run in enumerate(runs):
        tag = FIRST_TAG if FIRST_TAG in run.curves else next(iter(run.curves))
        steps, values = run.curves[tag]
        tags.add(tag)
        fine = np.array([math.isfinite(value) for value in values])
        axis.plot(steps[fine], values[fine], color=COLOURS[number % len(COLOURS)], label=run.name)
    axis.set_xlabel("steps")
    axis.set_ylabel(", ".join(sorted(tags)))
    axis.ticklabel_format(axis="x", style="sci", scilimits=(0, 4))
    if len(runs) > 1:
        axis.legend()
    return figure
