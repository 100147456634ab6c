"""What a report shows, as plain values: the same for the page and for figures on paper."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.interpolate import PchipInterpolator

from rlcodec.errors import DataError
from rlcodec.evaluation.curves import EXACT_PSNR_DB, best_points, decibels_of, mean_curves, summary_of
from rlcodec.evaluation.rate_distortion import KEY
from rlcodec.evaluation.report.pictures import (
    NEAR_BPP,
    Compared,
    compare_at_equal_bytes,
    find_originals,
    thumbnail,
)
from rlcodec.evaluation.report.sources import Shares, Sources, Table, Trained

MOST_IMAGES = 200
"""Pictures that a comparison shows one by one; means are over all."""
FIRST_TAG = "rollout/ep_rew_mean"
"""Of learning curves, what is shown first: the mean return of episodes."""
ANCHOR = "jpeg"
COLOURS = ("#d1495b", "#2f7ed8", "#c77700", "#1f8a5b", "#9a6bdc", "#0e8fa8", "#b0568f", "#7a7a7a")
"""Each at least 3.4 to 1 against the page's ground, light and dark."""
SYMBOLS = ("circle", "square", "diamond", "cross", "x", "triangle-up", "star", "hexagon")
MARKERS = ("o", "s", "D", "P", "X", "^", "*", "h")
"""Symbols as Plotly and as matplotlib name them."""
DASHES = ("solid", "dash", "dot")


@dataclass(frozen=True)
class Look:
    """How a codec is drawn: a colour, symbols as Plotly and matplotlib name them, and a line's dashes."""

    colour: str
    symbol: str
    marker: str
    dash: str


@dataclass(frozen=True)
class Comparison:
    """Codecs beside each other on the same pictures.

    Attributes:
        title: in words.
        rows: a row per picture, codec and setting, of at most `MOST_IMAGES` pictures, with ms_ssim_db beside the table's
            columns; PSNR of exact pictures is `EXACT_PSNR_DB`.
        curves: means over all pictures, as `mean_curves`, size_bytes beside it, and published ones behind them.
        summary: as `summary_of`.
        anchor: codec that its BD-rates are against.
        sizes: columns level_db, codec, size_bytes: bytes of a mean picture at equal PSNR, between measured settings.
        about: how each codec ran.
        looks: by codec.
        thumbnails: data URIs, by picture, of those that were found.
        compared: at equal bytes.
        pictures: in all.
    """

    title: str
    rows: pd.DataFrame
    curves: pd.DataFrame
    summary: pd.DataFrame
    anchor: str
    sizes: pd.DataFrame
    about: Mapping[str, str]
    looks: Mapping[str, Look]
    thumbnails: Mapping[str, str] = field(default_factory=dict)
    compared: tuple[Compared, ...] = ()
    pictures: int = 0


@dataclass(frozen=True)
class Content:
    """A whole report; `notes` tell what is missing and why."""

    comparisons: tuple[Comparison, ...]
    trained: tuple[Trained, ...]
    shares: tuple[Shares, ...]
    notes: tuple[str, ...]


def gather(
    sources: Sources,
    images: int = 2,
    pictures: Path | None = None,
    near_bpp: float = NEAR_BPP,
    report: Callable[[int, int], None] | None = None,
) -> Content:
    """Makes a report's content of what was read.

    Args:
        sources: as `read_sources`.
        images: at most so many pictures of a comparison are shown at equal bytes.
        pictures: folder of the tables' pictures; where the tables say they come from when None.
        near_bpp: bits per pixel at which they are shown.
        report: called with (codecs done, codecs in all) of all pictures that are coded.
    """
    groups = _groups(sources.tables)
    looks: dict[str, Look] = {}
    notes: list[str] = []
    found = [_originals(group, images, pictures, notes) if images or pictures else ({}, {}) for group in groups]
    total = sum(
        len(originals) * len({codec for table in group for codec in table.rows.codec})
        for group, (originals, _) in zip(groups, found, strict=True)
    )
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if report:
            report(done, total)

    comparisons = [
        _comparison(group, () if n else sources.curves, looks, originals, small, near_bpp, step)
        for n, (group, (originals, small)) in enumerate(zip(groups, found, strict=True))
    ]
    if not groups and sources.curves:
        comparisons.append(_published(sources.curves, looks))
    for comparison in comparisons:
        counts = comparison.curves.pictures[comparison.curves.pictures > 0]
        if counts.nunique() > 1:
            notes.append(
                f"{comparison.title}: some settings lack pictures, so that their means are of others; measure the rest"
            )
        if comparison.pictures > MOST_IMAGES:
            notes.append(f"{comparison.title}: shows {MOST_IMAGES} of {comparison.pictures} pictures one by one")
    return Content(tuple(comparisons), tuple(sources.trained), tuple(sources.shares), tuple(notes))


def _groups(tables: Sequence[Table]) -> list[list[Table]]:
    """Tables of the same pictures together; a codec that is in two of them gets the table's name behind its own."""
    groups: dict[frozenset[str], list[Table]] = {}
    for table in tables:
        groups.setdefault(frozenset(table.rows.image_sha256), []).append(table)
    return list(groups.values())


def _originals(
    group: Sequence[Table], images: int, pictures: Path | None, notes: list[str]
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The first pictures of a table, by name, and small ones of all that it shows."""
    table, folder = group[0], pictures or group[0].data
    rows = table.rows[table.rows.image.isin(table.rows.image.unique()[:MOST_IMAGES])]
    originals: dict[str, np.ndarray] = {}
    small: dict[str, str] = {}
    if folder is None:
        notes.append(f"{table.name}: does not tell where its pictures are; name them by --pictures")
        return originals, small
    try:
        for name, pixels in find_originals(rows, folder, table.split):
            small[name] = thumbnail(pixels)
            if len(originals) < images:
                originals[name] = pixels
    except DataError as error:
        notes.append(f"{table.name}: its pictures are left out ({error}); name where they are by --pictures")
    else:
        if lacking := rows.image.nunique() - len(small):
            notes.append(f"{folder}: {lacking} of the pictures of {table.name} are not there, or are others by now")
    return originals, small


def _comparison(
    group: Sequence[Table],
    published: Sequence[pd.DataFrame],
    looks: dict[str, Look],
    originals: Mapping[str, np.ndarray],
    thumbnails: Mapping[str, str],
    near_bpp: float,
    step: Callable[[], None],
) -> Comparison:
    rows, about = _merged(group)
    curves = mean_curves(rows)
    sizes = rows.groupby(["codec", "setting"]).size_bytes.mean()
    curves["size_bytes"] = [sizes[key] for key in zip(curves.codec, curves.setting, strict=True)]
    shown = rows[rows.image.isin(rows.image.unique()[:MOST_IMAGES])]
    shown = shown.assign(psnr_db=shown.psnr_db.clip(upper=EXACT_PSNR_DB), ms_ssim_db=decibels_of(shown.ms_ssim))
    measured = pd.concat([table.rows for table in group]).drop_duplicates(KEY)
    compared = tuple(
        compare_at_equal_bytes(name, pixels, measured[measured.image == name], near_bpp, step)
        for name, pixels in originals.items()
    )
    pixels = float((rows.width * rows.height).groupby(rows.image).first().mean())
    by_psnr = sizes_at_equal_psnr(curves, pixels)
    curves = pd.concat([curves, *_renamed(published, set(curves.codec))], ignore_index=True)
    where = group[0].data.name if group[0].data else group[0].name
    anchor = ANCHOR if ANCHOR in set(curves.codec) else str(curves.codec[0])
    count = rows.image.nunique()
    return Comparison(
        f"{where}: {count} picture{'s' if count > 1 else ''}",
        shown, curves, summary_of(curves, anchor), anchor, by_psnr, about,
        _looks(curves, looks),
        thumbnails, compared, count,
    )  # fmt: skip


def _merged(group: Sequence[Table]) -> tuple[pd.DataFrame, dict[str, str]]:
    frames, seen = [], set()
    about: dict[str, str] = {}
    for table in group:
        own = set(table.rows.codec)
        new = {codec: f"{codec} ({table.name})" if codec in seen else codec for codec in own}
        frames.append(table.rows.assign(codec=table.rows.codec.map(new)))
        about |= {new[codec]: text for codec, text in table.about.items() if codec in new}
        seen |= set(new.values())
    return pd.concat(frames, ignore_index=True), about


def _renamed(published: Sequence[pd.DataFrame], taken: set[str]) -> list[pd.DataFrame]:
    """Curves of files, under names that no other curve has."""
    out = []
    for curve in published:
        name, number = str(curve.codec[0]), 1
        while name in taken:
            name = f"{curve.codec[0]} (published{f' {number}' if number > 1 else ''})"
            number += 1
        taken.add(name)
        out.append(curve.assign(codec=name))
    return out


def _looks(curves: pd.DataFrame, looks: dict[str, Look]) -> dict[str, Look]:
    """How the codecs of curves are drawn; new ones get a look that no other has, as long as there are such."""
    names = list(dict.fromkeys(curves.codec))
    for name in names:
        n = len(looks)
        looks.setdefault(name, Look(COLOURS[n % 8], SYMBOLS[n % 8], MARKERS[n % 8], DASHES[n // 8 % 3]))
    return {name: looks[name] for name in names}


def _published(published: Sequence[pd.DataFrame], looks: dict[str, Look]) -> Comparison:
    curves = pd.concat(_renamed(published, set()), ignore_index=True)
    anchor = ANCHOR if ANCHOR in set(curves.codec) else str(curves.codec[0])
    empty = pd.DataFrame(columns=["level_db", "codec", "size_bytes"])
    return Comparison(
        "published curves", pd.DataFrame(), curves, summary_of(curves, anchor), anchor, empty, {}, _looks(curves, looks)
    )


def sizes_at_equal_psnr(curves: pd.DataFrame, pixels: float) -> pd.DataFrame:
    """Bytes of codecs at equal PSNR, at every whole decibel that two curves span, or one where there is no other.

    Between settings the logarithm of the rate is interpolated by piecewise cubics, as for BD-rates.

    Args:
        curves: as `mean_curves`.
        pixels: of a mean picture.
    """
    spans, rates = {}, {}
    for codec, curve in curves.groupby("codec", sort=False):
        front = best_points(curve, "psnr_db")
        if len(front) > 1:
            spans[codec] = (front.psnr_db.min(), front.psnr_db.max())
            rates[codec] = PchipInterpolator(front.psnr_db, np.log(front.bpp))
    if not spans:
        return pd.DataFrame(columns=["level_db", "codec", "size_bytes"])
    rows = []
    levels = np.arange(np.ceil(min(s[0] for s in spans.values())), np.floor(max(s[1] for s in spans.values())) + 1)
    for level in levels:
        there = [codec for codec, (low, high) in spans.items() if low <= level <= high]
        if len(there) >= min(2, len(spans)):
            rows += [(int(level), codec, float(np.exp(rates[codec](level))) * pixels / 8) for codec in there]
    return pd.DataFrame(rows, columns=["level_db", "codec", "size_bytes"])


def fullest_level(comparison: Comparison) -> int | None:
    """The decibels at which most codecs have a size, in the middle of those; None where there are no sizes."""
    counts = comparison.sizes.groupby("level_db").size()
    best = [int(level) for level in counts.index[counts == counts.max()]]
    return best[len(best) // 2] if best else None
