"""Curves of rate against quality: means over pictures, BD-rates between them, and the JSON in which curves are exchanged."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from bjontegaard import bd_rate

from rlcodec.control.objective import ROUNDING_MSE
from rlcodec.core.files import make_folder, write_bytes
from rlcodec.core.metrics import PEAK_SQUARED, ROUNDING_LOSS
from rlcodec.errors import DataError, OptionError

EXACT_PSNR_DB = 10 * math.log10(PEAK_SQUARED / ROUNDING_MSE)
"""What exact pictures count as in means: the error of rounding to 8 bits."""
MEASURES = {"psnr_db": "PSNR", "ms_ssim_db": "MS-SSIM", "ssimulacra2": "SSIMULACRA2"}
"""Columns of curves that BD-rates are by, and their titles. Those that end in `_db` are in dB; SSIMULACRA2 is in points."""
COSTS = ("encode_ms", "decode_ms", "decoder_kmac_per_pixel")
NUMBERS = ("bpp", "psnr_db", "ms_ssim", "ssimulacra2", "psnr_hvs_m_db", *COSTS)
RESULTS = {
    "bpp": ("bpp",),
    "psnr_db": ("psnr", "psnr-rgb"),
    "ms_ssim": ("ms-ssim", "ms-ssim-rgb"),
    "ssimulacra2": ("ssimulacra2",),
    "psnr_hvs_m_db": ("psnr-hvs-m",),
}
"""Columns and their names in exchanged curves; files are written with the first name."""
MAX_CURVES_BYTES = 16 << 20
DEFAULT_ANCHOR = "jpeg"
"""The codec that BD-rates are against, if it is among those that are compared and none is named."""


def with_unit(measure: str) -> str:
    """The title of a measure, one of `MEASURES`, with its unit."""
    return f"{MEASURES[measure]}, dB" if measure.endswith("_db") else MEASURES[measure]


def anchor_of(codecs: Sequence[str]) -> str:
    """The codec that BD-rates are against if none is named: JPEG, or else the first."""
    return DEFAULT_ANCHOR if DEFAULT_ANCHOR in codecs else codecs[0]


def mean_curves(table: pd.DataFrame) -> pd.DataFrame:
    """Means over pictures, a row for each codec and setting, ordered by codec as in the table and by rate.

    Args:
        table: as `rlcodec.evaluation.rate_distortion.Row`.

    Returns:
        Columns codec, setting, pictures, bpp, psnr_db, ms_ssim, ms_ssim_db (of the mean), ssimulacra2, psnr_hvs_m_db,
        decoder_kmac_per_pixel, and encode_ms and decode_ms, medians.
    """
    capped = table.assign(psnr_db=table.psnr_db.clip(upper=EXACT_PSNR_DB))
    groups = capped.groupby(["codec", "setting"], sort=False)
    curves = groups[["bpp", "psnr_db", "ms_ssim", "ssimulacra2", "psnr_hvs_m_db", "decoder_kmac_per_pixel"]].mean()
    curves[["encode_ms", "decode_ms"]] = groups[["encode_ms", "decode_ms"]].median()
    curves.insert(0, "pictures", groups.size())
    curves = curves.reset_index()
    curves["ms_ssim_db"] = decibels_of(curves.ms_ssim)
    order = {codec: n for n, codec in enumerate(curves.codec.unique())}
    return curves.sort_values(["codec", "bpp"], key=lambda c: c.map(order) if c.name == "codec" else c, ignore_index=True)


def decibels_of(ms_ssim: pd.Series) -> pd.Series:
    """MS-SSIM, 0 to 1, in decibels as in published curves, -10 log10(1 - MS-SSIM); at most 37.0 dB."""
    return -10 * np.log10((1 - ms_ssim).clip(lower=ROUNDING_LOSS))


def bd_rate_percent(anchor_bpp: np.ndarray, anchor_db: np.ndarray, test_bpp: np.ndarray, test_db: np.ndarray) -> float:
    """The Bjøntegaard delta rate of a curve against an anchor over the qualities of both, by piecewise cubic interpolation.

    Points that others dominate do not count, see `best_points`.

    Args:
        anchor_bpp: float64 (n,), rates of the anchor.
        anchor_db: float64 (n,), its qualities, in dB or another unit.
        test_bpp: float64 (m,), rates of the other curve.
        test_db: float64 (m,), its qualities.

    Returns:
        Per cent; negative if the other curve has fewer bits. NaN if the curves do not meet, or one has less than two points.
    """
    curves = [pd.DataFrame({"bpp": bpp, "db": db}) for bpp, db in ((anchor_bpp, anchor_db), (test_bpp, test_db))]
    anchor, test = (best_points(curve, "db") for curve in curves)
    meet = min(anchor.db.max(), test.db.max()) > max(anchor.db.min(), test.db.min())
    if min(len(anchor), len(test)) < 2 or not meet:
        return math.nan
    points = anchor.bpp, anchor.db, test.bpp, test.db
    return float(bd_rate(*points, "pchip", require_matching_points=False, min_overlap=0))


def bd_rates(curves: pd.DataFrame, anchor: str) -> pd.DataFrame:
    """`bd_rate_percent` of every codec against one of them.

    Args:
        curves: as `mean_curves`.
        anchor: name of a codec.

    Returns:
        Columns codec, measure, bd_rate_percent, low_db and high_db (the span of both curves, in points for SSIMULACRA2), and
        overlap (its share of the span of either, 0 to 1). The rate is NaN if the curves do not meet or one has less than two
        points.

    Raises:
        OptionError: there is no such codec.
    """
    if anchor not in set(curves.codec):
        raise OptionError(f"{anchor!r} is not among the codecs; there are: {', '.join(curves.codec.unique())}")
    rows = []
    for codec in curves.codec.unique():
        if codec == anchor:
            continue
        for measure in MEASURES:
            base, other = (best_points(curves[curves.codec == name], measure) for name in (anchor, codec))
            low, high = max(base[measure].min(), other[measure].min()), min(base[measure].max(), other[measure].max())
            widest = max(base[measure].max(), other[measure].max()) - min(base[measure].min(), other[measure].min())
            rate = bd_rate_percent(base.bpp, base[measure], other.bpp, other[measure])
            rows.append((codec, measure, rate, low, high, max(high - low, 0) / widest if widest else 0.0))
    return pd.DataFrame(rows, columns=["codec", "measure", "bd_rate_percent", "low_db", "high_db", "overlap"])


def best_points(curve: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The points of a curve that no other point dominates, so that quality increases with rate, as interpolation requires.

    Points of infinite quality, where all pixels are exact, are left out: nothing can be interpolated towards them.
    """
    ordered = curve[np.isfinite(curve[measure])].sort_values("bpp")
    return ordered[ordered[measure] > ordered[measure].cummax().shift(fill_value=-math.inf)]


def summary_of(curves: pd.DataFrame, anchor: str, near_bpp: float = 1.0) -> pd.DataFrame:
    """A row for each codec: BD-rates and the decibels that they span, and time and compute at the setting nearest to a rate.

    Args:
        curves: as `mean_curves`.
        anchor: codec that BD-rates are relative to.
        near_bpp: bits per pixel.
    """
    rates = bd_rates(curves, anchor)
    rows = []
    for codec, curve in curves.groupby("codec", sort=False):
        near = curve.loc[(curve.bpp - near_bpp).abs().idxmin()]
        row = {"codec": codec, "pictures": int(near.pictures), "low_bpp": curve.bpp.min(), "high_bpp": curve.bpp.max()}
        for measure in MEASURES:
            found = rates[(rates.codec == codec) & (rates.measure == measure)]
            for column in ("bd_rate_percent", "low_db", "high_db", "overlap"):
                row[f"{column}_{measure.removesuffix('_db')}"] = found[column].item() if len(found) else math.nan
        row |= {"at": near.setting, "at_bpp": near.bpp} | {name: near[name] for name in COSTS}
        rows.append(row)
    return pd.DataFrame(rows)


def write_curves(curves: pd.DataFrame, folder: Path, about: Mapping[str, str]) -> list[Path]:
    """Writes a JSON file for each codec as learned-compression tools exchange them: name, description, results.

    Args:
        curves: as `mean_curves`.
        folder: of the files, which are named after the codecs.
        about: descriptions by codec.

    Returns:
        The files.

    Raises:
        OutputError: one cannot be written.
    """
    make_folder(folder)
    files = []
    for codec, curve in curves.groupby("codec", sort=False):
        results = {
            names[0]: curve[column].round(6).tolist() for column, names in RESULTS.items() if curve[column].notna().all()
        }
        content = {"name": codec, "description": about.get(codec, ""), "results": results}
        safe = "".join(c if c.isalnum() or c in "-." else "-" for c in codec).strip("-.")
        files.append(folder / f"{safe}.json")
        write_bytes(files[-1], (json.dumps(content, indent=1) + "\n").encode())
    return files


def read_curve(path: Path) -> pd.DataFrame:
    """Reads the curve of one codec from a JSON file as `write_curves` and other tools write it.

    Returns:
        Columns as `mean_curves`, NaN where such files have no values.

    Raises:
        DataError: the file holds no curve.
    """
    try:
        if path.stat().st_size > MAX_CURVES_BYTES:
            raise DataError(f"{path}: is too large for a curve")
        content = json.loads(path.read_text())
        results = content["results"]
        found = {
            column: np.array(next(results[name] for name in names if name in results), np.float64)
            for column, names in RESULTS.items()
            if any(name in results for name in names)
        }
        lengths = {len(values) for values in found.values()}
        if "bpp" not in found or len(found) < 2 or len(lengths) != 1 or any(v.ndim != 1 for v in found.values()):
            raise ValueError("bpp and psnr, ms-ssim or ssimulacra2 must be lists of one length")
        if not all(np.isfinite(values).all() for values in found.values()):
            raise ValueError("a number is not finite")
        name = str(content.get("name") or path.stem)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: no curve as learned-compression tools exchange them ({error})") from error
    curve = pd.DataFrame(found).reindex(columns=list(NUMBERS)).sort_values("bpp", ignore_index=True)
    curve.insert(0, "codec", name)
    curve.insert(1, "setting", [f"published, point {n + 1}" for n in range(len(curve))])
    curve.insert(2, "pictures", 0)
    curve["ms_ssim_db"] = decibels_of(curve.ms_ssim)
    return curve


def with_published(curves: pd.DataFrame, files: Sequence[Path]) -> pd.DataFrame:
    """Curves followed by those of files.

    Raises:
        DataError: as `read_curve`, or two curves have the same name.
    """
    read = [read_curve(path) for path in files]
    names = [*curves.codec.unique(), *(curve.codec[0] for curve in read if len(curve))]
    if len(set(names)) < len(names):
        raise DataError(f"two curves are called {next(n for n in names if names.count(n) > 1)!r}; rename one in its file")
    return pd.concat([curves, *read], ignore_index=True)
