"""What `rlcodec evaluate` does with images rather than traces: codecs beside each other, in tables and on the screen."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import typer

from rlcodec.cli.common import announce_compilation, progress, say, show
from rlcodec.parallel.options import LOCAL

EXIT_FAILURE = 2
DEFAULT_ANCHOR = "jpeg"
NARROWEST = 116
"""Columns of a terminal that the summary takes, where lines are not to be broken by us."""


def compare_codecs(
    data: Path,
    names: list[str],
    out: Path | None,
    split: str,
    limit: int | None,
    workers: int | None,
    resume: bool,
    anchor: str | None,
    curves_folder: Path | None,
    published: list[Path],
    as_json: bool,
    engine: str = LOCAL,
) -> None:
    """Measures codecs on a folder of images, writes the table and curves, and prints a summary; see `rlcodec evaluate`."""
    from rlcodec.errors import OptionError
    from rlcodec.evaluation.codecs import codec_by_name
    from rlcodec.evaluation.curves import mean_curves, summary_of, with_published, write_curves
    from rlcodec.evaluation.rate_distortion import empty_table, measure_codecs

    if len(set(names)) < len(names) or not names:
        raise OptionError("name codecs, each once, with commas between them" if not names else "a codec is named twice")
    with_published(mean_curves(empty_table()), published)  # what cannot be read is said before hours of work
    announce_compilation()
    with progress("measuring") as report:
        found = measure_codecs(data, names, out, split, limit, workers, resume, report, engine)
    for failure in found.failures:
        print(f"rlcodec: {failure}", file=sys.stderr)
    measured = found.table[found.table.codec.isin(names)]
    curves = mean_curves(measured)
    if curves_folder is not None:
        write_curves(curves, curves_folder, {name: codec_by_name(name).about for name in names})
    curves = with_published(curves, published)
    chosen = anchor or (DEFAULT_ANCHOR if DEFAULT_ANCHOR in names else names[0])
    summary = summary_of(curves, chosen)
    if as_json:
        print(json.dumps({"anchor": chosen, "kept_rows": found.kept, "codecs": json.loads(summary.to_json(orient="records"))}))
    else:
        _show_summary(summary, chosen)
        if out:
            say(f"{out}: {len(found.table)} rows, {found.kept} of them measured before")
    if found.failures:
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
    show(table, narrowest=NARROWEST)
    say(
        f"{summary.pictures.max()} pictures; BD-rates against {anchor}, with the decibels that both curves span; times and "
        "compute of the settings nearest to 1 bit per pixel, medians and means"
    )


def compare_digits(data: Path, images: int | None, out: Path | None, as_json: bool) -> None:
    """The seed's table on digits, and its figure."""
    from rlcodec.evaluation.comparison import COMPARED_PSNR_DB, compare, plot_comparison, rates_at
    from rlcodec.training.data import load_images

    pictures = load_images(data, "test", images or 1000)
    with progress("comparing") as report:
        table = compare(pictures, report)
    _show_table(table, plot_comparison(table), out, as_json)
    if not as_json:
        say(f"\nbits per pixel at {COMPARED_PSNR_DB} dB:")
        say(rates_at(table, COMPARED_PSNR_DB).to_string(index=False, float_format=lambda v: f"{v:.3f}"))


def compare_compact(data: Path, images: int | None, out: Path | None, as_json: bool) -> None:
    """COMPACT's published table, and its pictures."""
    from PIL import Image

    from rlcodec.evaluation import compact
    from rlcodec.training.data import load_pictures

    pictures = [Image.fromarray(picture) for picture in load_pictures(data)[:images]]
    with progress("comparing") as report:
        table = compact.compare_compact(pictures, report)
    _show_table(table, compact.plot_compact(pictures[0]), out, as_json)


def _show_table(table: Any, figure: Any, out: Path | None, as_json: bool) -> None:
    from rlcodec.core.files import write_bytes
    from rlcodec.evaluation.figures import save_figure

    if out is not None:
        write_bytes(out, table.to_csv(index=False).encode())
        save_figure(figure, out.with_suffix(".png"))
    if as_json:
        print(table.to_json(orient="records"))
    else:
        say(table.to_string(index=False, float_format=lambda v: f"{v:.3f}"))
