"""Rate, quality and time of codecs, picture by picture: a table that grows as it is measured and survives being cut."""

import functools
import hashlib
import io
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from rlcodec.control.decode_time import this_machine
from rlcodec.core.files import make_folder, write_bytes
from rlcodec.core.metrics import ms_ssim, psnr_db
from rlcodec.core.preset_ids import MNIST, PHOTO
from rlcodec.errors import DataError, OptionError, RlcodecError
from rlcodec.evaluation.codecs import Codec, codec_by_name, preset_of_codec
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
        choice: what a policy chose; empty of the others.
        width: pixels.
        height: pixels.
        size_bytes: of the whole file.
        bpp: bits per pixel, all framing counted.
        psnr_db: over all channels; infinite when exact.
        ms_ssim: 0 to 1, mean of the channels.
        encode_ms: milliseconds.
        decode_ms: milliseconds.
        decoder_kmac_per_pixel: compute of decoding; NaN where it is not known.
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


COLUMNS = tuple(Row.__annotations__)
KEY = ["image", "image_sha256", "codec", "setting"]


@dataclass(frozen=True)
class Source:
    """Where a picture comes from: its name, and its file or its pixels, uint8 (height, width)."""

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
    """Whether codecs get pictures as gray digits.

    Raises:
        OptionError: presets for digits and for photographs together; or a codec's name is wrong.
    """
    presets = {preset for preset in map(preset_of_codec, codecs) if preset}
    if MNIST in presets and len(presets) > 1:
        raise OptionError("preset mnist takes gray digits, photo and compact take pictures; compare them one after the other")
    return MNIST in presets or (not presets and isinstance(sources[0].content, np.ndarray))


def pixels_of(source: Source, gray: bool) -> np.ndarray:
    """A picture as its codecs get it, uint8 (height, width) of digits, else (height, width, 3).

    Raises:
        ImageError: it cannot be read.
    """
    if isinstance(source.content, np.ndarray):
        return source.content if gray else read_color(source.content, PHOTO).pixels
    return read_gray(source.content, MNIST) if gray else read_like(source.content, PHOTO, "RGB")


def sha256_of(pixels: np.ndarray) -> str:
    """Digest of a picture's shape and pixels."""
    return hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()


def mode_of(pixels: np.ndarray) -> str:
    """What Pillow calls such a picture's mode."""
    return "L" if pixels.ndim == 2 else "RGB"


def measure(codec: Codec, setting: str, name: str, pixels: np.ndarray) -> Row:
    """One row of the table, times of one encode and one decode."""
    options = codec.settings[setting]
    started = time.perf_counter()
    data = codec.encode(pixels, options)
    between = time.perf_counter()
    shown = codec.decode(data, mode_of(pixels))
    ended = time.perf_counter()
    kmac, choice = codec.inside(data)
    height, width = pixels.shape[:2]
    return Row(
        name, sha256_of(pixels), codec.name, setting, choice, width, height, len(data), 8 * len(data) / (width * height),
        psnr_db(pixels, shown), ms_ssim(pixels, shown), 1000 * (between - started),
        1000 * (ended - between), kmac,
    )  # fmt: skip


@functools.cache
def _warmed(name: str, folder: Path, gray: bool) -> Codec:
    """A codec that has run once in this process: what the first run loads and starts is no part of a picture's time."""
    codec = codec_by_name(name, folder)
    picture = np.zeros((28, 28) if gray else (64, 64, 3), np.uint8)
    for options in codec.settings.values():
        codec.decode(codec.encode(picture, options), mode_of(picture))
    return codec


def _measure_picture(
    source: Source, names: Sequence[str], folder: Path, known: set[tuple[str, ...]], gray: bool
) -> tuple[list[Row], list[str]]:
    """The rows of a picture that are not known yet, and why others are missing."""
    try:
        pixels = pixels_of(source, gray)
    except RlcodecError as error:
        return [], [str(error)]
    digest, rows, failures = sha256_of(pixels), [], []
    for name in names:
        try:
            for setting in codec_by_name(name, folder).settings:
                if (source.name, digest, name, setting) not in known:
                    rows.append(measure(_warmed(name, folder, gray), setting, source.name, pixels))
        except (RlcodecError, OSError, ValueError) as error:  # which Pillow's formats raise where a picture does not suit them
            failures.append(f"{source.name} by {name}: {' '.join(str(error).split())}")
    return rows, failures


@dataclass
class Measured:
    """What came of it.

    Attributes:
        table: columns as `Row`, ordered by picture, codec and setting.
        failures: why rows are missing, a line each.
        kept: rows that were there already.
    """

    table: pd.DataFrame
    failures: list[str]
    kept: int


def measure_codecs(
    data: Path,
    names: Sequence[str],
    out: Path | None = None,
    split: str = "test",
    limit: int | None = None,
    workers: int | None = None,
    resume: bool = True,
    report: Callable[[int, int], None] | None = None,
    engine: str = LOCAL,
) -> Measured:
    """Measures codecs at all their settings on all pictures of a folder.

    Rows that `out` holds of the same pictures, codecs and settings are kept. It is written anew every few seconds, with a JSON
    of the same stem beside it that tells how the codecs ran.

    Args:
        data: as `sources_of`.
        names: of codecs, as `rlcodec.evaluation.codecs.codec_by_name` takes them.
        out: the table's file, .csv or .parquet.
        split: as `sources_of`.
        limit: as `sources_of`.
        workers: processes, or actors; as many as there are cores when None.
        resume: whether to keep rows.
        report: called with (pictures done, pictures in all).
        engine: "local" or "ray", as `rlcodec.parallel.backends.map_items`, which raises what else there is.

    Raises:
        DataError: there are no pictures, or nothing could be measured, or `out` is no such table.
        OptionError: a codec's name is wrong, or `out` ends in neither .csv nor .parquet.
        OutputError: `out` cannot be written.
    """
    about = {name: codec_by_name(name).about for name in names}
    sources = sources_of(data, split, limit)
    gray = are_gray(sources, names)
    kept = read_kept(out, about) if out and resume else empty_table()
    if out:
        check_ending(out)
        make_folder(out.parent)
    known = set(kept[KEY].itertuples(index=False, name=None))
    rows: list[Row] = []
    failures: list[str] = []

    def tell_how() -> None:
        if out:
            write_bytes(
                out.with_suffix(".json"),
                json.dumps(_provenance(data, split, workers or os.cpu_count() or 1, about), indent=1).encode(),
            )

    def save() -> pd.DataFrame:
        table = _ordered(pd.concat([kept, _table(rows)]), sources, names)
        if out:
            save_table(table, out)
            tell_how()
        return table

    if out and not out.exists():
        tell_how()  # before the first rows, which would not be kept without; those of a table that is there are vouched for
    saved = time.monotonic()
    for done, (found, missing) in enumerate(_over_pictures(sources, names, known, gray, workers, engine)):
        rows += found
        failures += missing
        if report:
            report(done + 1, len(sources))
        if time.monotonic() - saved > SECONDS_BETWEEN_SAVES:
            save()
            saved = time.monotonic()
    if failures and not rows and kept.empty:
        raise DataError(failures[0])
    return Measured(save(), failures, len(kept))


def _over_pictures(
    sources: Sequence[Source], names: Sequence[str], known: set[tuple[str, ...]], gray: bool, workers: int | None, engine: str
) -> Iterator[tuple[list[Row], list[str]]]:
    of_picture: dict[str, set[tuple[str, ...]]] = {}
    for key in known:
        of_picture.setdefault(key[0], set()).add(key)
    items = [(source, of_picture.get(source.name, set())) for source in sources]
    paths = [source.content for source in sources if isinstance(source.content, Path)]
    files = paths if len(paths) == len(sources) else None
    measurer = tuple(names), Path.cwd(), gray
    for _, found in map_items(_Measurer, measurer, items, MapOptions(engine, workers), files=files):
        yield found


@dataclass(frozen=True)
class _Measurer:
    """Measures pictures by codecs that stay loaded; gets sources and known rows, and their files where they have some."""

    names: tuple[str, ...]
    folder: Path
    gray: bool

    def __call__(self, group: list[Any]) -> list[tuple[list[Row], list[str]]]:
        found = []
        for entry in group:
            (source, known), content = entry if isinstance(entry[0], tuple) else (entry, entry[0].content)
            found.append(_measure_picture(Source(source.name, content), self.names, self.folder, known, self.gray))
        return found


def _provenance(data: Path, split: str, workers: int, about: dict[str, str]) -> dict[str, Any]:
    return {
        "data": str(data.resolve()), "split": split, "workers": workers, "machine": asdict(this_machine()), "codecs": about,
    }  # fmt: skip


def empty_table() -> pd.DataFrame:
    """A table without rows."""
    return _table([])


def _table(rows: Sequence[Row]) -> pd.DataFrame:
    return pd.DataFrame(list(map(asdict, rows)), columns=COLUMNS).astype(Row.__annotations__)


def check_ending(path: Path) -> None:
    """Raises OptionError where a path names no kind of table."""
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


def load_table(path: Path) -> pd.DataFrame:
    """Reads a table that `save_table` wrote.

    Raises:
        DataError: it cannot be read, or is no such table.
        OptionError: its name ends in neither .csv nor .parquet.
    """
    check_ending(path)
    try:
        table = pd.read_parquet(path) if path.suffix == PARQUET else pd.read_csv(path, dtype={"image": str, "choice": str})
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a table ({' '.join(str(error).split())})") from error
    if not set(COLUMNS) <= set(table.columns):
        lacking = ", ".join(column for column in COLUMNS if column not in table.columns)
        raise DataError(f"{path}: is no table of `rlcodec evaluate DATA --codecs ...`; it lacks {lacking}")
    table["choice"] = table["choice"].fillna("")
    return table[list(COLUMNS)]


def read_kept(out: Path, about: dict[str, str]) -> pd.DataFrame:
    """The rows of a table that need not be measured again: those of codecs that ran as they would run now."""
    if not out.exists():
        return empty_table()
    table = load_table(out)
    try:
        before = json.loads(out.with_suffix(".json").read_text())["codecs"]
    except (OSError, ValueError, KeyError, TypeError):
        return empty_table()
    changed = [name for name in about if before.get(name) != about[name]]
    return table[~table.codec.isin(changed)]


def _ordered(table: pd.DataFrame, sources: Sequence[Source], names: Sequence[str]) -> pd.DataFrame:
    """By picture, codec and setting, in the order in which they were named; what was not named follows."""
    pictures = {source.name: n for n, source in enumerate(sources)}
    codecs = {name: n for n, name in enumerate(names)}
    settings = {(name, setting): n for name in names for n, setting in enumerate(codec_by_name(name).settings)}
    place = [
        (pictures.get(image, math.inf), codecs.get(codec, math.inf), settings.get((codec, setting), math.inf))
        for image, codec, setting in zip(table.image, table.codec, table.setting, strict=True)
    ]
    return table.iloc[sorted(range(len(table)), key=place.__getitem__)].reset_index(drop=True)
