"""`rlcodec report`: what was measured and trained as one page, and as figures for papers."""

from pathlib import Path
from typing import Annotated

from rlcodec.cli.common import command, complain, progress, say
from rlcodec.cli.parameters import Argument, Option
from rlcodec.errors import OptionError

PAGES = (".html", ".htm")


@command(
    "rlcodec report runs/photos/codecs.parquet",
    "rlcodec report runs/photos/codecs.parquet runs/photo-ppo runs/reference/photo-shipped --out runs/report.html",
    "rlcodec report codecs.csv theirs.json --pictures photos/val --images 4 --bpp 0.25",
    "rlcodec report codecs.csv --format svg,pdf --out paper/figure.html",
)
def report(
    runs: Annotated[
        list[Path],
        Argument(
            metavar="RUN...",
            help="Any number of: folders of `rlcodec train` or with a results.json; tables of `rlcodec evaluate`, of codecs or "
            "of a policy, .csv or .parquet; JSON files of curves, as learned-compression tools write them, which stand beside "
            "the first table.",
        ),
    ],
    out: Annotated[Path, Option(help="The page to write, .html; figures go beside it.")] = Path("report.html"),
    images: Annotated[int, Option(least=0, help="So many pictures, at most, to look at with all codecs at equal bytes.")] = 2,
    pictures: Annotated[
        Path | None, Option(help="Folder of the pictures; where a table says that they come from if not given.")
    ] = None,
    bpp: Annotated[float, Option(help="Bits per pixel, about, at which they are compared.")] = 0.5,
    cvvdp: Annotated[
        bool, Option(help="Also CVVDP of these pictures, on a 4K display; needs the extra cvvdp, and a second for each.")
    ] = False,
    formats: Annotated[
        str | None, Option(flags=("--format",), help="Also figures for papers, of svg, pdf and png, with commas between them.")
    ] = None,
) -> None:
    """Show runs and tables in one HTML page that needs no network.

    Codecs by rate, quality and compute, a slider that compares pictures at equal bytes, what policies chose, their share of
    the oracle's gain, and learning curves; whatever the named runs have. Figures for papers are a column wide.
    """
    from rlcodec.core.files import make_folder, write_bytes
    from rlcodec.evaluation.report.content import gather
    from rlcodec.evaluation.report.html import render
    from rlcodec.evaluation.report.papers import FORMATS, write_figures
    from rlcodec.evaluation.report.sources import read_sources

    if out.suffix.lower() not in PAGES:
        raise OptionError(f"{out}: a report ends in .html; figures of other formats are asked for by --format")
    if not bpp > 0:
        raise OptionError(f"bpp is {bpp}; it must be positive")
    wanted = [name.strip().lower() for name in formats.split(",")] if formats is not None else []
    for name in wanted:
        if name not in FORMATS:
            raise OptionError(f"unknown format {name!r}; there are: {', '.join(FORMATS)}")
    sources = read_sources(runs)
    with progress("coding pictures") as bar:
        content = gather(sources, images, pictures, bpp, bar, cvvdp)
    page = render(content, [run.resolve().name for run in runs]).encode()
    make_folder(out.parent)
    write_bytes(out, page)
    complain(*content.notes)
    say(f"{out}: {len(page) / 1e6:.1f} MB")
    for path in write_figures(content, out, dict.fromkeys(wanted)):
        say(f"{path}")
