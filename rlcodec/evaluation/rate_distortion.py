"""Rate, quality and time of codecs, picture by picture, in a table that is saved as it grows, so that a run can be resumed."""

import functools
import hashlib
import io
import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from rlcodec.control.decode_time import this_machine
from rlcodec.core.files import make_folder, write_bytes
from rlcodec.core.metrics import ms_ssim, psnr_db
from rlcodec.core.progress import Report, with_progress
from rlcodec.core.ssimulacra2 import ssimulacra2
from rlcodec.errors import DataError, OptionError, RlcodecError
from rlcodec.evaluation.codecs import Codec, codec_by_name, mode_of, preset_of_codec, takes_colours
from rlcodec.evaluation.perceptual import psnr_hvs_m_db
from rlcodec.images.color import read_color, read_like
from rlcodec.images.gray import FileBytes, read_gray
from rlcodec.parallel.backends import map_items
from rlcodec.parallel.options import LOCAL, MapOptions
from rlcodec.training.data import find_idx, load_images

CSV, PARQUET = ".csv", ".parquet"
SECONDS_BETWEEN_SAVES = 1.0


@dataclass(frozen=True)
class Row:
    """One picture by one codec at one setting.

    Attributes:
        image: name of the picture's file, or its number in an idx file.
        image_sha256: of its pixels, shape included.
        codec: name, as on the command line.
        setting: name.
        choice: what a policy chose; empty for other codecs.
        width: pixels.
        height: pixels.
        size_bytes: of the whole file.
        bpp: bits per pixel, all framing counted.
        psnr_db: over all channels; infinite if exact.
        ms_ssim: 0 to 1, mean of the channels.
        encode_ms: milliseconds.
        decode_ms: milliseconds.
        decoder_kmac_per_pixel: compute of decoding; NaN if unknown.
        ssimulacra2: score, at most 100; NaN in tables of versions that did not measure it.
        psnr_hvs_m_db: PSNR-HVS-M of luma; NaN without the extra `metrics`.
    """

    image: str
    image_sha256: str
    codec: str
    setting: str
    choice: str
    width: int
    height: int
    size_bytes: int
    bpp: float
    psnr_db: float
    ms_ssim: float
    encode_ms: float
    decode_ms: float
    decoder_kmac_per_pixel: float
    ssimulacra2: float = math.nan
    psnr_hvs_m_db: float = math.nan


COLUMNS = tuple(Row.__annotations__)
ADDED = ("ssimulacra2", "psnr_hvs_m_db")
"""Columns that tables of versions before 0.3 lack."""
REQUIRED = tuple(column for column in COLUMNS if column not in ADDED)
KEY = ["image", "image_sha256", "codec", "setting"]


@dataclass(frozen=True)
class Source:
    """A picture to measure.

    Attributes:
        name: of its file, or its number in an idx file.
        content: its file or its pixels, uint8 (height, width).
    """

    name: str
    content: Path | FileBytes | np.ndarray


def sources_of(data: Path, split: str = "test", limit: int | None = None) -> list[Source]:
    """The pictures that codecs are compared on.

    Args:
        data: a folder of pictures, or of idx files.
        split: "train" or "test", of idx files.
        limit: at most so many, from the front.

    Raises:
        DataError: there are none.
    """
    if data.is_file() or find_idx(data, split):
        pictures = load_images(data, split, limit)
        return [Source(f"{split} {number}", pixels) for number, pixels in enumerate(pictures)]
    if not data.is_dir():
        raise DataError(f"{data}: no such file or folder")
    kinds = {ending for ending, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    paths = sorted(p for p in data.iterdir() if p.is_file() and p.suffix.lower() in kinds)[:limit]
    if not paths:
        raise DataError(f"{data}: holds neither idx files nor pictures")
    return [Source(path.name, path) for path in paths]


def are_gray(sources: Sequence[Source], codecs: Sequence[str]) -> bool:
    """Whether codecs are given pictures in gray.

    Raises:
        OptionError: a preset for gray images and one for colours are compared together, or a codec's name is wrong.
    """
    presets = {preset.name: takes_colours(preset) for preset in map(preset_of_codec, codecs) if preset}
    if len(set(presets.values())) > 1:
        gray, colour = (next(name for name, colours in presets.items() if colours == wanted) for wanted in (False, True))
        raise OptionError(
            f"preset {gray} takes gray images, {colour} takes pictures in colour; compare them one after the other"
        )
    return not all(presets.values()) or (not presets and isinstance(sources[0].content, np.ndarray))


def pixels_of(source: Source, gray: bool) -> np.ndarray:
    """A picture as codecs are given it, uint8 (height, width) in gray, else (height, width, 3).

    Raises:
        ImageError: it cannot be read.
    """
    if isinstance(source.content, np.ndarray):
        return source.content if gray else read_color(source.content, None).pixels
    return read_gray(source.content) if gray else read_like(source.content, None, "RGB")


def sha256_of(pixels: np.ndarray) -> str:
    """Digest of a picture's shape and pixels."""
    return hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()


def measure(codec: Codec, setting: str, name: str, pixels: np.ndarray) -> Row:
    """One row of the table; times are those of one encode and one decode.

    Args:
        codec: the codec.
        setting: name of one of its settings.
        name: of the picture.
        pixels: uint8 (height, width) or (height, width, 3).
    """
    options = codec.settings[setting]
    started = time.perf_counter()
    data = codec.encode(pixels, options)
    between = time.perf_counter()
    shown = codec.decode(data, mode_of(pixels))
    ended = time.perf_counter()
    summary = codec.summarise(data)
    height, width = pixels.shape[:2]
    return Row(
        image=name,
        image_sha256=sha256_of(pixels),
        codec=codec.name,
        setting=setting,
        choice=summary.choice if codec.by_policy else "",
        width=width,
        height=height,
        size_bytes=len(data),
        bpp=8 * len(data) / (width * height),
        psnr_db=psnr_db(pixels, shown),
        ms_ssim=ms_ssim(pixels, shown),
        encode_ms=1000 * (between - started),
        decode_ms=1000 * (ended - between),
        decoder_kmac_per_pixel=summary.decoder_kmac_per_pixel,
        ssimulacra2=ssimulacra2(pixels, shown),
        psnr_hvs_m_db=psnr_hvs_m_db(pixels, shown),
    )


@functools.cache
def _warmed(name: str, folder: Path, gray: bool) -> Codec:
    """A codec that has run once in this process, so that loading it does not count in any picture's time."""
    codec = codec_by_name(name, folder)
    picture = np.zeros((28, 28) if gray else (64, 64, 3), np.uint8)
    for options in codec.settings.values():
        codec.decode(codec.encode(picture, options), mode_of(picture))
    return codec


@dataclass(frozen=True)
class TableOptions:
    """How a table of codecs is measured.

    Attributes:
        out: file of the table, .csv or .parquet; none is kept if None.
        split: "train" or "test", of idx files.
        limit: at most so many pictures.
        workers: processes, or Ray actors; as many as there are cores if None.
        resume: whether rows that `out` holds are kept.
        report: called with (pictures done, pictures in all).
        backend: "local" or "ray", see `rlcodec.parallel.backends.map_items`.
    """

    out: Path | None = None
    split: str = "test"
    limit: int | None = None
    workers: int | None = None
    resume: bool = True
    report: Report | None = None
    backend: str = LOCAL


@dataclass(frozen=True)
class Measured:
    """A measured table.

    Attributes:
        table: columns as `Row`, ordered by picture, codec and setting.
        failures: why rows are missing, a line each.
        kept: number of rows that were there already.
    """

    table: pd.DataFrame
    failures: list[str]
    kept: int


def measure_codecs(data: Path, names: Sequence[str], options: TableOptions = TableOptions()) -> Measured:
    """Measures codecs at all their settings on all pictures of a folder.

    Rows of `options.out` with the same pictures, codecs and settings are kept. The file is written every few seconds, beside
    a JSON file of the same stem that says how the codecs ran.

    Args:
        data: as `sources_of`.
        names: of codecs, as `rlcodec.evaluation.codecs.codec_by_name` takes them.
        options: the table's file, which pictures, workers and progress.

    Raises:
        DataError: there are no pictures, nothing could be measured, or `options.out` is no such table.
        OptionError: a codec's name is wrong, or `options.out` ends in neither .csv nor .parquet.
        OutputError: `options.out` cannot be written.
    """
    about = {name: codec_by_name(name).about for name in names}
    sources = sources_of(data, options.split, options.limit)
    gray, out = are_gray(sources, names), options.out
    kept = read_kept(out, about) if out and options.resume else table_of()
    if out:
        check_ending(out)
        make_folder(out.parent)
    rows: list[Row] = []
    failures: list[str] = []

    def save_provenance() -> None:
        if out:
            provenance = {
                "data": str(data.resolve()), "split": options.split, "workers": options.workers or os.cpu_count() or 1,
                "machine": asdict(this_machine()), "codecs": about,
            }  # fmt: skip
            write_bytes(out.with_suffix(".json"), json.dumps(provenance, indent=1).encode())

    def save() -> pd.DataFrame:
        table = _ordered(pd.concat([kept, table_of(rows)]), sources, names)
        if out:
            save_table(table, out)
            save_provenance()
        return table

    if out and not out.exists():
        save_provenance()  # before the first rows, which would not be kept without it; a table that exists has it already
    saved = time.monotonic()
    measured = _over_pictures(sources, names, kept, gray, options)
    for found, missing in with_progress(measured, len(sources), options.report):
        rows += found
        failures += missing
        if time.monotonic() - saved > SECONDS_BETWEEN_SAVES:
            save()
            saved = time.monotonic()
    if failures and not rows and kept.empty:
        raise DataError(failures[0])
    return Measured(save(), failures, len(kept))


Known = frozenset[tuple[str, ...]]
"""Keys of rows that are known already."""


def _over_pictures(
    sources: Sequence[Source], names: Sequence[str], kept: pd.DataFrame, gray: bool, options: TableOptions
) -> Iterator[tuple[list[Row], list[str]]]:
    known = {image: frozenset(rows[KEY].itertuples(index=False, name=None)) for image, rows in kept.groupby("image")}
    items = [(source, known.get(source.name, frozenset())) for source in sources]
    paths = [source.content for source in sources if isinstance(source.content, Path)]
    files = paths if len(paths) == len(sources) else None
    measurer = tuple(names), Path.cwd(), gray
    found = map_items(_Measurer, measurer, items, MapOptions(options.backend, options.workers), files=files)
    return (of_picture for _, of_picture in found)


@dataclass(frozen=True)
class _Measurer:
    """Measures pictures by codecs that stay loaded. It is given sources and known rows, and their files if they have some."""

    names: tuple[str, ...]
    folder: Path
    gray: bool

    def __call__(self, group: list[Any]) -> list[tuple[list[Row], list[str]]]:
        found = []
        for entry in group:
            (source, known), content = entry if isinstance(entry[0], tuple) else (entry, entry[0].content)
            found.append(self.measure_picture(Source(source.name, content), known))
        return found

    def measure_picture(self, source: Source, known: Known) -> tuple[list[Row], list[str]]:
        """The rows of a picture that are not known yet, and why others are missing."""
        try:
            pixels = pixels_of(source, self.gray)
        except RlcodecError as error:
            return [], [str(error)]
        digest, rows, failures = sha256_of(pixels), [], []
        for name in self.names:
            try:
                for setting in codec_by_name(name, self.folder).settings:
                    if (source.name, digest, name, setting) not in known:
                        rows.append(measure(_warmed(name, self.folder, self.gray), setting, source.name, pixels))
            except (RlcodecError, OSError, ValueError) as error:  # Pillow's formats raise the last two
                failures.append(f"{source.name} by {name}: {' '.join(str(error).split())}")
        return rows, failures


def table_of(rows: Sequence[Row] = ()) -> pd.DataFrame:
    """A table of rows."""
    return pd.DataFrame(list(map(asdict, rows)), columns=COLUMNS).astype(Row.__annotations__)


def check_ending(path: Path) -> None:
    """Raises OptionError if a path ends in neither .csv nor .parquet."""
    if path.suffix not in (CSV, PARQUET):
        raise OptionError(f"{path}: a table ends in {CSV} or {PARQUET}")


def save_table(table: pd.DataFrame, path: Path) -> None:
    """Writes a table, whole or not at all; raises OutputError."""
    check_ending(path)
    if path.suffix == CSV:
        write_bytes(path, table.to_csv(index=False).encode())
        return
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    write_bytes(path, buffer.getvalue())


def read_columns(path: Path) -> pd.DataFrame:
    """Whatever table a file holds, .parquet or .csv; raises DataError if it cannot be read."""
    try:
        return pd.read_parquet(path) if path.suffix == PARQUET else pd.read_csv(path, dtype={"image": str, "choice": str})
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a table ({' '.join(str(error).split())})") from error


def load_table(path: Path) -> pd.DataFrame:
    """Reads a table that `save_table` wrote.

    Raises:
        DataError: it cannot be read, or is no such table.
        OptionError: its name ends in neither .csv nor .parquet.
    """
    check_ending(path)
    table = read_columns(path)
    if not set(REQUIRED) <= set(table.columns):
        lacking = ", ".join(column for column in REQUIRED if column not in table.columns)
        raise DataError(f"{path}: is no table of `rlcodec evaluate DATA --codecs ...`; it lacks {lacking}")
    table["choice"] = table["choice"].fillna("")
    return table.reindex(columns=list(COLUMNS))


def read_kept(out: Path, about: dict[str, str]) -> pd.DataFrame:
    """The rows of a table that need not be measured again: those with all scores, of codecs that have not changed since."""
    if not out.exists():
        return table_of()
    table = load_table(out)
    try:
        before = json.loads(out.with_suffix(".json").read_text())["codecs"]
    except (OSError, ValueError, KeyError, TypeError):
        return table_of()
    changed = [name for name in about if before.get(name) != about[name]]
    return table[~table.codec.isin(changed) & table.ssimulacra2.notna()]


def _ordered(table: pd.DataFrame, sources: Sequence[Source], names: Sequence[str]) -> pd.DataFrame:
    """Rows by picture, codec and setting in the order in which they were named; those that were not named come last."""
    pictures = {source.name: n for n, source in enumerate(sources)}
    codecs = {name: n for n, name in enumerate(names)}
    settings = {(name, setting): n for name in names for n, setting in enumerate(codec_by_name(name).settings)}
    place = [
        (pictures.get(image, math.inf), codecs.get(codec, math.inf), settings.get((codec, setting), math.inf))
        for image, codec, setting in zip(table.image, table.codec, table.setting, strict=True)
    ]
    return table.iloc[sorted(range(len(table)), key=place.__getitem__)].reset_index(drop=True)
