"""The comparison of the first seed work, made honestly: every codec on the same digits, in every arrangement.

Classical codecs are made for larger pictures. Beside digits in a file each, the table therefore has the same files
without the bytes that all of them begin with, and mosaics of 100 digits, where headers hardly count. Rates are of whole
files unless the arrangement says otherwise; the PSNR is the mean over digits, infinite when all of them are exact.
"""

import bz2
import gzip
import lzma
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from rlcodec.api import decode, encode
from rlcodec.control.objective import NAMED
from rlcodec.core.metrics import PEAK_SQUARED
from rlcodec.errors import DataError
from rlcodec.evaluation.codecs import open_picture, register_formats, save_picture
from rlcodec.evaluation.figures import new_figure

MOSAIC = 10
"""Digits along one side of a mosaic."""
FILES, HEADLESS, MOSAICS, ONE_FILE = "a file each", "a file each, shared header out", "mosaics of 100", "one file of all"
OURS = "rlcodec"
COMPARED_PSNR_DB = 30.0

CLASSICAL: tuple[tuple[str, str, tuple[tuple[str, dict], ...]], ...] = (
    ("JPEG", "JPEG", tuple((f"quality {q}", {"quality": q, "optimize": True}) for q in (5, 10, 20, 35, 50, 70, 85, 95))),
    ("PNG", "PNG", (("lossless", {"optimize": True}),)),
    (
        "WebP",
        "WEBP",
        (
            *((f"quality {q}", {"quality": q, "method": 6}) for q in (5, 15, 30, 50, 70, 85, 95)),
            ("lossless", {"lossless": True, "method": 6, "exact": True}),
        ),
    ),
    ("AVIF", "AVIF", tuple((f"quality {q}", {"quality": q, "speed": 6}) for q in (20, 35, 50, 60, 70, 80, 90))),
    (
        "JPEG 2000",
        "JPEG2000",
        (
            *((f"{db} dB", {"quality_mode": "dB", "quality_layers": [db], "irreversible": True}) for db in (20, 25, 30, 35)),
            ("lossless", {"irreversible": False}),
        ),
    ),
    (
        "JPEG XL",
        "JXL",
        (
            *((f"quality {q}", {"quality": q, "effort": 7}) for q in (20, 40, 60, 80, 90)),
            ("lossless", {"lossless": True, "effort": 9}),
        ),
    ),
)
"""Codec, Pillow's name of its format, and settings; JPEG XL needs the package pillow-jxl-plugin."""
PACKERS: tuple[tuple[str, Callable[[bytes], bytes], Callable[[bytes], bytes]], ...] = (
    ("gzip", lambda data: gzip.compress(data, 9), gzip.decompress),
    ("bz2", lambda data: bz2.compress(data, 9), bz2.decompress),
    ("xz", lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME), lzma.decompress),
)
OWN_SETTINGS: tuple[tuple[str, str, dict], ...] = (
    *(("auto-encoder alone", f"{n} bits", {"bit_budget": n, "rows": 0}) for n in (49, 98, 196, 392, 784)),
    *(("raster-encoder alone", f"{rows} rows", {"bit_budget": 0, "rows": rows}) for rows in (10, 14, 18)),
    ("raster-encoder alone", "lossless, table", {"tier": "table"}),
    ("raster-encoder alone", "lossless, lm", {"tier": "lm"}),
    ("raster-encoder alone", "lossless, context", {"lossless": True}),
    *(("both", f"{n} bits, {rows} rows", {"bit_budget": n, "rows": rows}) for n, rows in ((49, 14), (98, 14), (98, 18))),
    *(("both, by the policy", name, {"objective": name}) for name in NAMED),
)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        codec: name.
        arrangement: how digits become files.
        setting: of the codec.
        rate_bpp: bits per pixel.
        psnr_db: mean over digits, infinite when exact.
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
    """Digits (n, h, w) as pictures of MOSAIC by MOSAIC of them; the last few that fill none are left out.

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
    """Mean PSNR over digits, where exact digits count as their rounding error would; infinite when all are exact."""
    mse = np.square(originals.astype(np.float64) - decoded).mean((1, 2))
    if not mse.any():
        return math.inf
    return float((10 * np.log10(PEAK_SQUARED / np.maximum(mse, 1 / 12))).mean())


def _digits_of(pictures: np.ndarray, height: int, width: int) -> np.ndarray:
    count = len(pictures)
    grid = pictures.reshape(count, pictures.shape[1] // height, height, pictures.shape[2] // width, width)
    return grid.transpose(0, 1, 3, 2, 4).reshape(-1, height, width)


def _measure(
    codec: str,
    arrangement: str,
    setting: str,
    pictures: np.ndarray,
    digit: tuple[int, int],
    encode_one: Callable[[np.ndarray], bytes],
    decode_one: Callable[[bytes], np.ndarray],
) -> tuple[Row, list[bytes]]:
    started = time.perf_counter()
    streams = [encode_one(picture) for picture in pictures]
    between = time.perf_counter()
    decoded = np.stack([decode_one(data) for data in streams])
    ended = time.perf_counter()
    originals = _digits_of(pictures, *digit)
    row = Row(
        codec,
        arrangement,
        setting,
        8 * sum(map(len, streams)) / pictures.size,
        mean_psnr(originals, _digits_of(decoded, *digit)),
        1000 * (between - started) / len(originals),
        1000 * (ended - between) / len(originals),
    )
    return row, streams


def shared_prefix(streams: list[bytes]) -> int:
    """Bytes that all streams begin with alike."""
    first, last = min(streams), max(streams)
    return next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))


def open_gray(data: bytes) -> np.ndarray:
    """As `open_picture`."""
    return open_picture(data, "L")


def classical_rows(images: np.ndarray) -> Iterator[Row]:
    """The classical codecs on digits in a file each, with and without shared headers, and on mosaics."""
    register_formats()
    digit, tiled = images.shape[1:], mosaics(images)
    for codec, name, settings in CLASSICAL:
        if name not in Image.SAVE:
            continue
        for setting, options in settings:

            def encode_one(picture: np.ndarray, name: str = name, options: dict = options) -> bytes:
                return save_picture(picture, name, options)

            row, streams = _measure(codec, FILES, setting, images, digit, encode_one, open_gray)
            yield row
            shared = shared_prefix(streams)
            rate = 8 * sum(len(data) - shared for data in streams) / images.size
            yield Row(codec, HEADLESS, setting, rate, row.psnr_db, row.encode_ms, row.decode_ms)
            yield _measure(codec, MOSAICS, setting, tiled, digit, encode_one, open_gray)[0]


def packer_rows(images: np.ndarray) -> Iterator[Row]:
    """General compressors over the raw pixels of all digits in one file."""
    shape = images.shape[1:]
    for codec, pack, unpack in PACKERS:
        yield _measure(
            codec,
            ONE_FILE,
            "lossless",
            images.reshape(1, -1, shape[1]),
            shape,
            lambda pixels, pack=pack: pack(pixels.tobytes()),
            lambda data, unpack=unpack: np.frombuffer(unpack(data), np.uint8).reshape(-1, shape[1]),
        )[0]


def own_rows(images: np.ndarray) -> Iterator[Row]:
    """rlcodec on digits in a file each, all framing counted: its parts alone, both, and the policy."""
    for part, setting, options in OWN_SETTINGS:
        encode(images[0], **options)
        yield _measure(
            OURS,
            FILES,
            f"{part}: {setting}",
            images,
            images.shape[1:],
            lambda image, options=options: encode(image, **options),
            lambda data: np.asarray(decode(data)),
        )[0]


def compare(images: np.ndarray, report: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """The whole table, a line per codec, arrangement and setting; columns as `Row`.

    Args:
        images: uint8 (n, h, w); at least 100.
        report: called with the lines done and an estimate of all.

    Raises:
        DataError: too few images.
    """
    images = _digits_of(mosaics(images), *images.shape[1:])
    total = sum(3 * len(settings) for _, _, settings in CLASSICAL) + len(PACKERS) + len(OWN_SETTINGS)
    rows = []
    for source in (own_rows, packer_rows, classical_rows):
        for row in source(images):
            rows.append(row)
            if report:
                report(len(rows), total)
    return pd.DataFrame(rows)


def rate_at(table: pd.DataFrame, codec: str, arrangement: str, psnr_db: float) -> float:
    """Bits per pixel of a codec at a PSNR, interpolated between its settings; infinite when it does not reach it."""
    lines = table[(table.codec == codec) & (table.arrangement == arrangement)].sort_values("rate_bpp")
    reached = np.maximum.accumulate(np.minimum(lines.psnr_db.to_numpy(), 10 * math.log10(PEAK_SQUARED * 12)))
    at = int(np.searchsorted(reached, psnr_db))
    rate = lines.rate_bpp.to_numpy()
    if at == len(reached):
        return math.inf
    if at == 0 or math.isinf(lines.psnr_db.to_numpy()[at]):
        return float(rate[at])
    return float(np.interp(psnr_db, reached[at - 1 : at + 1], rate[at - 1 : at + 1]))


def rates_at(table: pd.DataFrame, psnr_db: float) -> pd.DataFrame:
    """`rate_at` for every codec and arrangement, least first."""
    pairs = table[["codec", "arrangement"]].drop_duplicates().itertuples(index=False)
    lines = [(codec, arrangement, rate_at(table, codec, arrangement, psnr_db)) for codec, arrangement in pairs]
    columns = ["codec", "arrangement", "rate_bpp"]
    return pd.DataFrame(lines, columns=columns).sort_values("rate_bpp", ignore_index=True)


def plot_comparison(table: pd.DataFrame) -> Figure:
    """Rate against PSNR, a line per codec and arrangement; exact settings stand on the upper edge."""
    figure, axis = new_figure(8, 5)
    ceiling = 62.0
    for (codec, arrangement), lines in table.groupby(["codec", "arrangement"], sort=False):
        if arrangement == HEADLESS and codec != "JPEG":
            continue
        ordered = lines.sort_values("rate_bpp")
        style = {"linewidth": 0, "marker": "o", "color": "black"} if codec == OURS else {"marker": "."}
        dashed = "--" if arrangement == MOSAICS else ("-" if arrangement == FILES else ":")
        style = style if codec == OURS else style | {"linestyle": dashed}
        axis.plot(ordered.rate_bpp, ordered.psnr_db.clip(upper=ceiling), label=f"{codec}, {arrangement}", **style)
    axis.set_xscale("log")
    axis.set_xlabel("bits per pixel, all framing")
    axis.set_ylabel(f"mean PSNR in dB (exact: {ceiling:g})")
    axis.legend(fontsize=6, ncols=2)
    return figure
