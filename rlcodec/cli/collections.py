"""Commands about collections: many images in one file, and back."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rlcodec.cli.common import MaxPixelsOption, PresetOption, WorkersOption, announce_compilation, command, progress, say
from rlcodec.core.preset_ids import MAX_PIXELS
from rlcodec.errors import DataError, OptionError

if TYPE_CHECKING:
    from rlcodec.archive.packing import Packed, PackSource

EXIT_FAILURE = 2


@command(
    "rlcodec pack digits/ digits.rlcz",
    "rlcodec pack data/mnist train.rlcz --split train",
    "rlcodec pack photos/ photos.rlcz --preset photo --objective small",
    "rlcodec pack more-photos/ photos.rlcz --preset photo --append",
)
def pack(
    source: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of images and of folders of images, or of idx files; or one idx file.")
    ],
    collection: Annotated[Path, typer.Argument(help="The collection to write, .rlcz.")],
    preset: PresetOption = "mnist",
    split: Annotated[str, typer.Option(help="train or test, for folders of idx files.")] = "train",
    objective: Annotated[str | None, typer.Option(help="small, balanced, fast or lossless.")] = None,
    lossless: Annotated[bool, typer.Option("--lossless", help="Give every pixel back exactly.")] = False,
    bit_budget: Annotated[int | None, typer.Option(help="Binary latents to keep.")] = None,
    tier: Annotated[str | None, typer.Option(help="table, context or lm, for every segment.")] = None,
    rows: Annotated[int | None, typer.Option(help="Rows of pixels to send after the latents.")] = None,
    gain: Annotated[int | None, typer.Option(help="Preset photo: the quantiser's setting, 0 the finest to 47.")] = None,
    max_bytes: Annotated[int | None, typer.Option(help="At most so many bytes an image, as a file of its own.")] = None,
    min_psnr: Annotated[float | None, typer.Option(help="At least so many dB in every picture.")] = None,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    append: Annotated[bool, typer.Option("--append", help="Add to the collection that is there.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a run was cut; images whose names are there are left alone.")
    ] = False,
    workers: WorkersOption = None,
) -> None:
    """Pack many images into one file, a collection."""
    from rlcodec.archive.packing import pack_images

    given: dict[str, Any] = {
        "objective": objective, "lossless": lossless, "bit_budget": bit_budget, "tier": tier, "rows": rows, "gain": gain,
        "max_bytes": max_bytes, "min_psnr": min_psnr,
    }  # fmt: skip
    options = {name: value for name, value in given.items() if value not in (None, False)}
    if max_pixels != MAX_PIXELS:
        options["max_pixels"] = max_pixels
    sources = _sources(source, split)
    announce_compilation()
    with progress("packing") as report:
        packed = pack_images(
            collection, sources, preset=preset, append=append, resume=resume, workers=workers, report=report, **options
        )
    _conclude(packed, f"{collection}: {packed.done} images packed, {collection.stat().st_size} bytes", resume)


def _sources(source: Path, split: str) -> "list[PackSource]":
    from rlcodec.archive.packing import PackSource, folder_sources

    if not source.exists():
        raise DataError(f"{source}: no such file or folder")
    if split not in ("train", "test"):
        raise OptionError(f"unknown split {split!r}; there are: train, test")
    from rlcodec.training.data import find_idx, load_labels, read_idx_images

    images = source if source.is_file() else find_idx(source, split)
    if images is None:
        return folder_sources(source)
    pixels, labels = read_idx_images(images), load_labels(images)
    if labels is not None and len(labels) != len(pixels):
        raise DataError(f"{images}: has {len(pixels)} images and {len(labels)} labels beside it")
    front = images.name.split("-")[0]
    digits = len(str(len(pixels) - 1))
    return [
        PackSource(f"{front}/{number:0{digits}}", image, None if labels is None else int(labels[number]))
        for number, image in enumerate(pixels)
    ]


@command("rlcodec unpack train.rlcz digits/", "rlcodec unpack photos.rlcz photos/ --ending .webp")
def unpack(
    collection: Annotated[Path, typer.Argument(help="A collection that `rlcodec pack` wrote.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the images go, and labels.csv if there are labels.")],
    ending: Annotated[str, typer.Option(help="Of the images, which says their format.")] = ".png",
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    resume: Annotated[bool, typer.Option("--resume", help="Leave images alone that are written already.")] = False,
    workers: WorkersOption = None,
) -> None:
    """Unpack a collection into a folder of images."""
    from rlcodec.archive.unpacking import unpack_images

    announce_compilation()
    with progress("unpacking") as report:
        unpacked = unpack_images(
            collection, folder, ending=ending, resume=resume, workers=workers, report=report, max_pixels=max_pixels
        )
    _conclude(unpacked, f"{folder}: {unpacked.done} images unpacked", resume)


def _conclude(packed: "Packed", message: str, resume: bool) -> None:
    for failure in packed.failures:
        print(f"rlcodec: {failure}", file=sys.stderr)
    say(message + (f", {packed.there} were there already" if resume else ""))
    if packed.failures:
        raise typer.Exit(EXIT_FAILURE)
