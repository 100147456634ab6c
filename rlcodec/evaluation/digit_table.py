"""The comparison of "Efficient Image Compression" on MNIST's digits: every codec on the same digits, in every arrangement.

The formats are made for larger pictures. Besides digits in a file each, the table therefore has the same files without the
bytes that all of them begin with, and mosaics of 100 digits, whose headers hardly count. Rates are of whole files unless the
arrangement says otherwise. PSNR is the mean over digits, and infinite if all of them are exact.
"""

import bz2
import gzip
import itertools
import lzma
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rlcodec.archive.format import shared_bytes
from rlcodec.control.objective import ROUNDING_MSE
from rlcodec.core.metrics import PEAK_SQUARED
from rlcodec.core.progress import Report, with_progress
from rlcodec.errors import DataError
from rlcodec.evaluation.codecs import FORMATS, Codec, Settings, Summary, codec_by_name, format_of, installed_formats
from rlcodec.evaluation.curves import EXACT_PSNR_DB
from rlcodec.evaluation.figures import new_figure

MOSAIC = 10
"""Digits along each side of a mosaic."""
FILES, HEADLESS, MOSAICS, ONE_FILE = "a file each", "a file each, shared header out", "mosaics of 100", "one file of all"
OURS, OUR_CODEC = "rlcodec", "rlcodec:mnist/parts"
COMPARED_PSNR_DB = 30.0
PLOTTED_CEILING_DB = 62.0

Packer = Callable[[bytes], bytes]
PACKERS: dict[str, tuple[Packer, Packer]] = {
    "gzip": (lambda data: gzip.compress(data, 9), gzip.decompress),
    "bz2": (lambda data: bz2.compress(data, 9), bz2.decompress),
    "xz": (lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME), lzma.decompress),
}
"""General compressors and their inverses."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        codec: name.
        arrangement: how digits become files.
        setting: of the codec.
        rate_bpp: bits per pixel.
        psnr_db: mean over digits, infinite if all are exact.
        encode_ms: milliseconds per digit.
        decode_ms: milliseconds per digit.
    """

    codec: str
    arrangement: str
    setting: str
    rate_bpp: float
    psnr_db: float
    encode_ms: float
    decode_ms: float


def mosaics(images: np.ndarray) -> np.ndarray:
    """Digits as pictures of MOSAIC by MOSAIC of them; the last few that do not fill one are left out.

    Args:
        images: uint8 (n, height, width).

    Raises:
        DataError: there are too few for one mosaic.
    """
    n, height, width = images.shape
    count = n // MOSAIC**2
    if not count:
        raise DataError(f"{n} images are too few to compare on; a mosaic takes {MOSAIC**2}")
    grid = images[: count * MOSAIC**2].reshape(count, MOSAIC, MOSAIC, height, width)
    return grid.transpose(0, 1, 3, 2, 4).reshape(count, MOSAIC * height, MOSAIC * width)


def mean_psnr(originals: np.ndarray, decoded: np.ndarray) -> float:
    """Mean PSNR over digits, where an exact digit counts as an error of rounding; infinite if all are exact.

    Args:
        originals: uint8 (n, height, width).
        decoded: the same.
    """
    mse = np.square(originals.astype(np.float64) - decoded).mean((1, 2))
    if not mse.any():
        return math.inf
    return float((10 * np.log10(PEAK_SQUARED / np.maximum(mse, ROUNDING_MSE))).mean())


def _digits_of(pictures: np.ndarray, height: int, width: int) -> np.ndarray:
    count = len(pictures)
    grid = pictures.reshape(count, pictures.shape[1] // height, height, pictures.shape[2] // width, width)
    return grid.transpose(0, 1, 3, 2, 4).reshape(-1, height, width)


def _measure(
    title: str, arrangement: str, codec: Codec, setting: str, pictures: np.ndarray, digit: tuple[int, int]
) -> tuple[Row, list[bytes]]:
    """A line of the table, and the files of the pictures, each of which shows digits of so many rows and columns."""
    made = format_of(codec.name) if arrangement == FILES else None
    tiny = made.tiny if made else {}
    options = {**tiny, **settings_of(codec)[setting]}
    started = time.perf_counter()
    streams = [codec.encode(picture, options) for picture in pictures]
    between = time.perf_counter()
    decoded = np.stack([codec.decode(data, "L") for data in streams])
    ended = time.perf_counter()
    originals = _digits_of(pictures, *digit)
    row = Row(
        title,
        arrangement,
        setting,
        8 * sum(map(len, streams)) / pictures.size,
        mean_psnr(originals, _digits_of(decoded, *digit)),
        1000 * (between - started) / len(originals),
        1000 * (ended - between) / len(originals),
    )
    return row, streams


def settings_of(codec: Codec) -> Settings:
    """The settings at which a format is measured on digits: those of all evaluations, and lossless."""
    return {**codec.settings, **({} if codec.lossless is None else {"lossless": codec.lossless})}


def format_rows(name: str, images: np.ndarray) -> Iterator[Row]:
    """A format on digits in a file each, with and without shared headers, and on mosaics.

    Args:
        name: of `rlcodec.evaluation.codecs.FORMATS`.
        images: uint8 (n, height, width).
    """
    codec, title, digit = codec_by_name(name), FORMATS[name].title, images.shape[1:]
    tiled = mosaics(images)
    for setting in settings_of(codec):
        row, streams = _measure(title, FILES, codec, setting, images, digit)
        yield row
        shared = shared_bytes(min(streams), max(streams))
        rate_bpp = 8 * sum(len(data) - shared for data in streams) / images.size
        yield replace(row, arrangement=HEADLESS, rate_bpp=rate_bpp)
        yield _measure(title, MOSAICS, codec, setting, tiled, digit)[0]


def packer_rows(images: np.ndarray) -> Iterator[Row]:
    """General compressors on the raw pixels of all digits in one file.

    Args:
        images: uint8 (n, height, width).
    """
    digit = images.shape[1:]
    all_rows = images.reshape(1, -1, digit[1])
    for name, packer in PACKERS.items():
        yield _measure(name, ONE_FILE, _packer_codec(name, *packer, digit[1]), "lossless", all_rows, digit)[0]


def _packer_codec(name: str, pack: Packer, unpack: Packer, width: int) -> Codec:
    return Codec(
        name,
        "",
        {"lossless": {}},
        lambda pixels, _: pack(pixels.tobytes()),
        lambda data, _: np.frombuffer(unpack(data), np.uint8).reshape(-1, width),
        lambda _: Summary(),
    )


def our_rows(images: np.ndarray) -> Iterator[Row]:
    """rlcodec on digits in a file each, all framing counted: its parts alone, both, and the policy.

    Args:
        images: uint8 (n, height, width).
    """
    codec = codec_by_name(OUR_CODEC)
    for setting, options in codec.settings.items():
        codec.encode(images[0], options)  # whatever is loaded only once
        yield _measure(OURS, FILES, codec, setting, images, images.shape[1:])[0]


def compare(images: np.ndarray, report: Report | None = None) -> pd.DataFrame:
    """The whole table.

    Args:
        images: uint8 (n, height, width); at least 100.
        report: called with (lines done, lines in all).

    Returns:
        A row for each codec, arrangement and setting, with columns as `Row`.

    Raises:
        DataError: there are too few images.
    """
    images = _digits_of(mosaics(images), *images.shape[1:])
    formats = installed_formats()
    total = sum(3 * len(settings_of(codec_by_name(name))) for name in formats)
    total += len(PACKERS) + len(codec_by_name(OUR_CODEC).settings)
    rows = itertools.chain(our_rows(images), packer_rows(images), *(format_rows(name, images) for name in formats))
    return pd.DataFrame(with_progress(rows, total, report))


def rate_at(table: pd.DataFrame, codec: str, arrangement: str, psnr_db: float) -> float:
    """Bits per pixel of a codec at a PSNR, interpolated between its settings; infinite if it does not reach it.

    Args:
        table: as `compare`.
        codec: name.
        arrangement: of the digits.
        psnr_db: PSNR in dB.
    """
    lines = table[(table.codec == codec) & (table.arrangement == arrangement)].sort_values("rate_bpp")
    reached = np.maximum.accumulate(np.minimum(lines.psnr_db.to_numpy(), EXACT_PSNR_DB))
    at = int(np.searchsorted(reached, psnr_db))
    rate = lines.rate_bpp.to_numpy()
    if at == len(reached):
        return math.inf
    if at == 0 or math.isinf(lines.psnr_db.to_numpy()[at]):
        return float(rate[at])
    return float(np.interp(psnr_db, reached[at - 1 : at + 1], rate[at - 1 : at + 1]))


def rates_at(table: pd.DataFrame, psnr_db: float) -> pd.DataFrame:
    """`rate_at` for every codec and arrangement, the smallest first.

    Args:
        table: as `compare`.
        psnr_db: PSNR in dB.
    """
    pairs = table[["codec", "arrangement"]].drop_duplicates().itertuples(index=False)
    lines = [(codec, arrangement, rate_at(table, codec, arrangement, psnr_db)) for codec, arrangement in pairs]
    columns = ["codec", "arrangement", "rate_bpp"]
    return pd.DataFrame(lines, columns=columns).sort_values("rate_bpp", ignore_index=True)


def plot_comparison(table: pd.DataFrame) -> Figure:
    """Rate against PSNR, a line for each codec and arrangement; exact settings are plotted at the upper edge.

    Args:
        table: as `compare`.
    """
    figure, axis = new_figure(8, 5)
    for (codec, arrangement), lines in table.groupby(["codec", "arrangement"], sort=False):
        if arrangement == HEADLESS and codec != FORMATS["jpeg"].title:
            continue
        ordered = lines.sort_values("rate_bpp")
        dashes = {MOSAICS: "--", FILES: "-"}.get(arrangement, ":")
        style = {"linewidth": 0, "marker": "o", "color": "black"} if codec == OURS else {"marker": ".", "linestyle": dashes}
        label = f"{codec}, {arrangement}"
        axis.plot(ordered.rate_bpp, ordered.psnr_db.clip(upper=PLOTTED_CEILING_DB), label=label, **style)
    axis.set_xscale("log")
    axis.set_xlabel("bits per pixel, all framing")
    axis.set_ylabel(f"mean PSNR in dB (exact: {PLOTTED_CEILING_DB:g})")
    axis.legend(fontsize=6, ncols=2)
    return figure
