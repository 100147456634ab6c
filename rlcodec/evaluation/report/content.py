"""What a report shows, as plain values: the same for the page and for figures in papers."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.interpolate import PchipInterpolator

from rlcodec.errors import DataError
from rlcodec.evaluation.curves import EXACT_PSNR_DB, anchor_of, best_points, decibels_of, mean_curves, summary_of
from rlcodec.evaluation.perceptual import cvvdp
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
"""The learning curve that is shown first: the mean return of episodes."""
COLOURS = ("#d1495b", "#2f7ed8", "#c77700", "#1f8a5b", "#9a6bdc", "#0e8fa8", "#b0568f", "#7a7a7a")
"""Each has a contrast of at least 3.4 to 1 with the page's background, light and dark."""
SYMBOLS = ("circle", "square", "diamond", "cross", "x", "triangle-up", "star", "hexagon")
MARKERS = ("o", "s", "D", "P", "X", "^", "*", "h")
"""Symbols as Plotly and as matplotlib name them."""
DASHES = ("solid", "dash", "dot")
SIZE_COLUMNS = ["level_db", "codec", "size_bytes"]


@dataclass(frozen=True)
class Look:
    """How a codec is drawn.

    Attributes:
        colour: hexadecimal.
        symbol: as Plotly names it.
        marker: the same symbol as matplotlib names it.
        dash: of lines, as Plotly names it.
    """

    colour: str
    symbol: str
    marker: str
    dash: str


@dataclass(frozen=True)
class Comparison:
    """Codecs on the same pictures.

    Attributes:
        title: heading.
        curves: means over all pictures, as `mean_curves` with size_bytes, followed by published curves.
        summary: as `summary_of`.
        anchor: codec that its BD-rates are relative to.
        looks: by codec.
        rows: a row for each picture, codec and setting, of at most `MOST_IMAGES` pictures: the table's columns and ms_ssim_db;
            PSNR of exact pictures is `EXACT_PSNR_DB`.
        sizes: as `sizes_at_equal_psnr`.
        about: how each codec ran.
        thumbnails: data URIs by picture, of the pictures that were found.
        compared: pictures at equal bytes.
        pictures: number of pictures.
    """

    title: str
    curves: pd.DataFrame
    summary: pd.DataFrame
    anchor: str
    looks: Mapping[str, Look]
    rows: pd.DataFrame = field(default_factory=pd.DataFrame)
    sizes: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=SIZE_COLUMNS))
    about: Mapping[str, str] = field(default_factory=dict)
    thumbnails: Mapping[str, str] = field(default_factory=dict)
    compared: tuple[Compared, ...] = ()
    pictures: int = 0


@dataclass(frozen=True)
class Content:
    """A whole report.

    Attributes:
        comparisons: of codecs.
        trained: learning curves.
        shares: results of policies.
        notes: what is missing and why.
    """

    comparisons: tuple[Comparison, ...]
    trained: tuple[Trained, ...]
    shares: tuple[Shares, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Originals:
    """The originals of a table's pictures: pixels of the first few, and thumbnails of all that were found, by name."""

    pixels: Mapping[str, np.ndarray] = field(default_factory=dict)
    thumbnails: Mapping[str, str] = field(default_factory=dict)


def gather(
    sources: Sources,
    images: int = 2,
    pictures: Path | None = None,
    near_bpp: float = NEAR_BPP,
    report: Callable[[int, int], None] | None = None,
    with_cvvdp: bool = False,
) -> Content:
    """Makes the content of a report.

    Args:
        sources: as `read_sources`.
        images: at most so many pictures of a comparison are shown at equal bytes.
        pictures: folder of the tables' pictures; where the tables say they come from if None.
        near_bpp: bits per pixel at which they are shown.
        report: called with (codecs done, codecs in all) of all pictures that are coded.
        with_cvvdp: whether CVVDP of them is measured.

    Raises:
        OptionError: CVVDP is asked for and not installed.
    """
    if with_cvvdp:
        cvvdp()  # raises OptionError before pictures are coded
    groups = _groups(sources.tables)
    looks: dict[str, Look] = {}
    notes: list[str] = []
    wanted = bool(images or pictures)
    originals = [_find_originals(group, images, pictures, notes) if wanted else _Originals() for group in groups]
    total = sum(
        len(of_group.pixels) * len({codec for table in group for codec in table.rows.codec})
        for group, of_group in zip(groups, originals, strict=True)
    )
    steps = itertools.count(1)

    def step() -> None:
        done = next(steps)
        if report:
            report(done, total)

    comparisons = []
    for number, (group, of_group) in enumerate(zip(groups, originals, strict=True)):
        published = () if number else sources.curves
        compared = _at_equal_bytes(group, of_group, near_bpp, step, with_cvvdp)
        comparisons.append(_comparison(group, published, looks, of_group, compared))
    if not groups and sources.curves:
        comparisons.append(_published(sources.curves, looks))
    for comparison in comparisons:
        counts = comparison.curves.pictures[comparison.curves.pictures > 0]
        if counts.nunique() > 1:
            notes.append(
                f"{comparison.title}: some settings lack pictures, so their means are over other pictures; measure the rest"
            )
        if comparison.pictures > MOST_IMAGES:
            notes.append(f"{comparison.title}: shows {MOST_IMAGES} of {comparison.pictures} pictures one by one")
    return Content(tuple(comparisons), tuple(sources.trained), tuple(sources.shares), tuple(notes))


def _groups(tables: Sequence[Table]) -> list[list[Table]]:
    """Tables of the same pictures together."""
    groups: dict[frozenset[str], list[Table]] = {}
    for table in tables:
        groups.setdefault(frozenset(table.rows.image_sha256), []).append(table)
    return list(groups.values())


def _find_originals(group: Sequence[Table], images: int, pictures: Path | None, notes: list[str]) -> _Originals:
    table, folder = group[0], pictures or group[0].data
    rows = table.rows[table.rows.image.isin(table.rows.image.unique()[:MOST_IMAGES])]
    originals: dict[str, np.ndarray] = {}
    thumbnails: dict[str, str] = {}
    if folder is None:
        notes.append(f"{table.name}: does not say where its pictures are; name them by --pictures")
        return _Originals()
    try:
        for name, pixels in find_originals(rows, folder, table.split):
            thumbnails[name] = thumbnail(pixels)
            if len(originals) < images:
                originals[name] = pixels
    except DataError as error:
        notes.append(f"{table.name}: its pictures are left out ({error}); name where they are by --pictures")
    else:
        if lacking := rows.image.nunique() - len(thumbnails):
            notes.append(f"{folder}: {lacking} of the pictures of {table.name} are missing or have changed")
    return _Originals(originals, thumbnails)


def _at_equal_bytes(
    group: Sequence[Table], originals: _Originals, near_bpp: float, step: Callable[[], None], with_cvvdp: bool
) -> tuple[Compared, ...]:
    rows = pd.concat([table.rows for table in group]).drop_duplicates(KEY)
    return tuple(
        compare_at_equal_bytes(name, pixels, rows[rows.image == name], near_bpp, step, with_cvvdp)
        for name, pixels in originals.pixels.items()
    )


def _comparison(
    group: Sequence[Table],
    published: Sequence[pd.DataFrame],
    looks: dict[str, Look],
    originals: _Originals,
    compared: tuple[Compared, ...],
) -> Comparison:
    rows, about = _merged(group)
    curves = mean_curves(rows)
    sizes = rows.groupby(["codec", "setting"]).size_bytes.mean()
    curves["size_bytes"] = [sizes[key] for key in zip(curves.codec, curves.setting, strict=True)]
    shown = rows[rows.image.isin(rows.image.unique()[:MOST_IMAGES])]
    mean_pixels = float((rows.width * rows.height).groupby(rows.image).first().mean())
    by_psnr = sizes_at_equal_psnr(curves, mean_pixels)
    curves = pd.concat([curves, *_renamed(published, set(curves.codec))], ignore_index=True)
    source = group[0].data.name if group[0].data else group[0].name
    anchor, count = anchor_of(list(curves.codec)), rows.image.nunique()
    return Comparison(
        title=f"{source}: {count} picture{'s' if count > 1 else ''}",
        rows=shown.assign(psnr_db=shown.psnr_db.clip(upper=EXACT_PSNR_DB), ms_ssim_db=decibels_of(shown.ms_ssim)),
        curves=curves,
        summary=summary_of(curves, anchor),
        anchor=anchor,
        sizes=by_psnr,
        about=about,
        looks=_looks(curves, looks),
        thumbnails=originals.thumbnails,
        compared=compared,
        pictures=count,
    )


def _merged(group: Sequence[Table]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Rows of all tables and how their codecs ran; to a codec that is in two tables, the name of the second is added."""
    frames, seen = [], set()
    about: dict[str, str] = {}
    for table in group:
        new = {codec: f"{codec} ({table.name})" if codec in seen else codec for codec in set(table.rows.codec)}
        frames.append(table.rows.assign(codec=table.rows.codec.map(new)))
        about |= {new[codec]: text for codec, text in table.about.items() if codec in new}
        seen |= set(new.values())
    return pd.concat(frames, ignore_index=True), about


def _renamed(published: Sequence[pd.DataFrame], taken: set[str]) -> list[pd.DataFrame]:
    """Curves of files, under names that are not taken."""
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
    """How the codecs of curves are drawn; new codecs get looks that are not used yet, as long as there are any."""
    names = list(dict.fromkeys(curves.codec))
    for name in names:
        n = len(looks)
        looks.setdefault(name, Look(COLOURS[n % 8], SYMBOLS[n % 8], MARKERS[n % 8], DASHES[n // 8 % 3]))
    return {name: looks[name] for name in names}


def _published(published: Sequence[pd.DataFrame], looks: dict[str, Look]) -> Comparison:
    curves = pd.concat(_renamed(published, set()), ignore_index=True)
    anchor = anchor_of(list(curves.codec))
    return Comparison(
        title="published curves",
        curves=curves,
        summary=summary_of(curves, anchor),
        anchor=anchor,
        looks=_looks(curves, looks),
    )


def sizes_at_equal_psnr(curves: pd.DataFrame, pixels: float) -> pd.DataFrame:
    """Bytes of a mean picture at equal PSNR, at every whole decibel that two curves span, or the only one.

    Between settings the logarithm of the rate is interpolated by piecewise cubics, as for BD-rates.

    Args:
        curves: as `mean_curves`.
        pixels: number of pixels of a mean picture.

    Returns:
        Columns level_db, codec and size_bytes.
    """
    spans, rates = {}, {}
    for codec, curve in curves.groupby("codec", sort=False):
        front = best_points(curve, "psnr_db")
        if len(front) > 1:
            spans[codec] = (front.psnr_db.min(), front.psnr_db.max())
            rates[codec] = PchipInterpolator(front.psnr_db, np.log(front.bpp))
    if not spans:
        return pd.DataFrame(columns=SIZE_COLUMNS)
    rows = []
    levels = np.arange(np.ceil(min(s[0] for s in spans.values())), np.floor(max(s[1] for s in spans.values())) + 1)
    for level in levels:
        reaching = [codec for codec, (low, high) in spans.items() if low <= level <= high]
        if len(reaching) >= min(2, len(spans)):
            rows += [(int(level), codec, float(np.exp(rates[codec](level))) * pixels / 8) for codec in reaching]
    return pd.DataFrame(rows, columns=SIZE_COLUMNS)


def fullest_level(comparison: Comparison) -> int | None:
    """The level in decibels at which most codecs have a size, the middle one of several; None if there are no sizes."""
    counts = comparison.sizes.groupby("level_db").size()
    best = [int(level) for level in counts.index[counts == counts.max()]]
    return best[len(best) // 2] if best else None
