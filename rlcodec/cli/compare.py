"""The part of `rlcodec evaluate` that compares codecs on images, in tables and on the screen."""

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from rlcodec.cli.common import announce_compilation, progress, say, show
from rlcodec.errors import OptionError
from rlcodec.parallel.options import LOCAL

EXIT_FAILURE = 2
DEFAULT_ANCHOR = "jpeg"
SUMMARY_COLUMNS = 116
"""Columns of a terminal that the summary needs to stay on one line per codec."""


@dataclass(frozen=True)
class CompareOptions:
    """How codecs are compared on a folder of images.

    Attributes:
        out: file of the table, .csv or .parquet; none is written if None.
        split: "train" or "test", for folders of idx files.
        limit: largest number of images.
        workers: processes or Ray actors; as many as there are cores if None.
        resume: keep the rows that the table has.
        backend: "local" or "ray".
        anchor: codec that BD-rates refer to; if None, "jpeg" or else the first codec.
        curves_folder: folder of JSON files with the curves of the codecs; none are written if None.
        published: JSON files of published curves that are added to the summary.
        as_json: print JSON.
    """

    out: Path | None = None
    split: str = "test"
    limit: int | None = None
    workers: int | None = None
    resume: bool = True
    backend: str = LOCAL
    anchor: str | None = None
    curves_folder: Path | None = None
    published: tuple[Path, ...] = ()
    as_json: bool = False


def compare_codecs(data: Path, names: list[str], options: CompareOptions) -> None:
    """Measures codecs on a folder of images, writes the table and curves, and prints a summary.

    Args:
        data: the folder.
        names: of codecs, as `rlcodec.evaluation.codecs.codec_by_name` takes them.
        options: images, files and output.

    Raises:
        OptionError: no codec is named, or one twice.
        RlcodecError: as `rlcodec.evaluation.rate_distortion.measure_codecs`.
    """
    from rlcodec.evaluation.codecs import codec_by_name
    from rlcodec.evaluation.curves import mean_curves, summary_of, with_published, write_curves
    from rlcodec.evaluation.rate_distortion import TableOptions, empty_table, measure_codecs

    if len(set(names)) < len(names) or not names:
        raise OptionError("name codecs, each once, with commas between them" if not names else "a codec is named twice")
    with_published(mean_curves(empty_table()), options.published)  # unreadable files are reported before hours of measuring
    announce_compilation()
    with progress("measuring") as report:
        table_options = TableOptions(
            options.out, options.split, options.limit, options.workers, options.resume, report, options.backend
        )
        measured = measure_codecs(data, names, table_options)
    for failure in measured.failures:
        print(f"rlcodec: {failure}", file=sys.stderr)
    curves = mean_curves(measured.table[measured.table.codec.isin(names)])
    if options.curves_folder is not None:
        write_curves(curves, options.curves_folder, {name: codec_by_name(name).about for name in names})
    anchor = options.anchor or (DEFAULT_ANCHOR if DEFAULT_ANCHOR in names else names[0])
    summary = summary_of(with_published(curves, options.published), anchor)
    if options.as_json:
        rows = json.loads(summary.to_json(orient="records"))
        print(json.dumps({"anchor": anchor, "kept_rows": measured.kept, "codecs": rows}))
    else:
        _show_summary(summary, anchor)
        if options.out:
            say(f"{options.out}: {len(measured.table)} rows, {measured.kept} of them measured before")
    if measured.failures:
        raise typer.Exit(EXIT_FAILURE)


def _show_summary(summary: Any, anchor: str) -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    titles = ("codec", "bpp", "BD-rate, PSNR", "BD-rate, MS-SSIM", "encode ms", "decode ms", "kMAC/px")
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0))
    for title in titles:
        table.add_column(title, no_wrap=True)

    def shown(value: float, form: str) -> str:
        return "" if math.isnan(value) else form.format(value)

    for _, row in summary.iterrows():
        rates = [
            shown(row[f"bd_rate_percent_{name}"], f"{{:+.1f}}%, {row[f'low_db_{name}']:.0f} to {row[f'high_db_{name}']:.0f} dB")
            for name in ("psnr", "ms_ssim")
        ]
        table.add_row(
            row.codec, f"{row.low_bpp:.2f} to {row.high_bpp:.2f}", *rates, shown(row.encode_ms, "{:.1f}"),
            shown(row.decode_ms, "{:.1f}"), shown(row.decoder_kmac_per_pixel, "{:.2f}"),
        )  # fmt: skip
    show(table, min_columns=SUMMARY_COLUMNS)
    say(
        f"{summary.pictures.max()} pictures; BD-rates relative to {anchor}, over the decibels that both curves span; times and "
        "compute at the settings nearest to 1 bit per pixel, medians and means"
    )


def reproduce_comparison(preset: str, data: Path, images: int | None, out: Path | None, as_json: bool) -> None:
    """Repeats the published comparison of a preset and writes its table and figure.

    Args:
        preset: name of the preset.
        data: folder of images, or of idx files.
        images: the most images to use; a number that suits the comparison if None.
        out: file of the table, .csv, beside which the figure is written; nothing is written if None.
        as_json: print JSON.

    Raises:
        OptionError: there is no published comparison of this preset.
        DataError: the images are unusable.
    """
    from rlcodec.core.files import write_bytes
    from rlcodec.evaluation.figures import save_figure
    from rlcodec.evaluation.published import COMPARISONS

    if preset not in COMPARISONS:
        raise OptionError(
            f"there is no published comparison of preset {preset}, only of {', '.join(COMPARISONS)}; "
            f"compare codecs by rlcodec evaluate {data} --codecs rlcodec:{preset},jpeg,webp,avif"
        )
    announce_compilation()
    with progress("comparing") as report:
        comparison = COMPARISONS[preset](data, images, report)
    if out is not None:
        write_bytes(out, comparison.table.to_csv(index=False).encode())
        save_figure(comparison.figure, out.with_suffix(".png"))
    if as_json:
        print(comparison.table.to_json(orient="records"))
        return
    say(comparison.table.to_string(index=False, float_format=lambda v: f"{v:.3f}"))
    if comparison.note:
        say(f"\n{comparison.note}")
