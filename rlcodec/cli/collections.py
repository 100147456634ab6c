"""Commands about collections, which hold many images in one file: pack and unpack."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from rlcodec.api import DEFAULT_PRESET
from rlcodec.archive.packing import PackOptions, PackResult, PackSource, folder_sources, pack_images
from rlcodec.archive.unpacking import UnpackOptions, unpack_images
from rlcodec.cli.common import EXIT_FAILURE, PresetOption, command, complain, progress, say
from rlcodec.cli.parameters import Argument, Option
from rlcodec.errors import DataError
from rlcodec.presets.registry import encode_option_types
from rlcodec.training.data import find_idx, load_labels, read_idx_images


@command(
    "rlcodec pack digits/ digits.rlcz",
    "rlcodec pack data/mnist train.rlcz --split train",
    "rlcodec pack photos/ photos.rlcz --preset photo --objective small",
    "rlcodec pack more-photos/ photos.rlcz --preset photo --append",
    types=encode_option_types,
)
def pack(
    source: Annotated[
        Path, Argument(metavar="DIR", help="Folder of images, with subfolders, or of idx files; or one idx file.")
    ],
    collection: Annotated[Path, Argument(help="The collection to write, .rlcz.")],
    preset: PresetOption = DEFAULT_PRESET,
    *,
    split: Annotated[str, Option(help="train or test, for folders of idx files.")] = "train",
    packing: PackOptions,
    **options: Any,
) -> None:
    """Pack many images into one file, a collection.

    Without options of encoding, the preset decides how images are coded; mnist codes them exactly, in its quickest tier.
    """
    sources = _sources(source, split)
    with progress("packing") as report:
        result = pack_images(collection, sources, replace(packing, report=report), preset=preset, **options)
    message = f"{collection}: {result.done} images packed, {collection.stat().st_size} bytes"
    _print_result(result, message, packing.resume)


def _sources(source: Path, split: str) -> list[PackSource]:
    if not source.exists():
        raise DataError(f"{source}: no such file or folder")
    images = source if source.is_file() else find_idx(source, split)
    if images is None:
        return folder_sources(source)
    pixels, labels = read_idx_images(images), load_labels(images)
    if labels is not None and len(labels) != len(pixels):
        raise DataError(f"{images}: has {len(pixels)} images and {len(labels)} labels beside it")
    prefix = images.name.split("-")[0]
    digits = len(str(len(pixels) - 1))
    return [
        PackSource(f"{prefix}/{number:0{digits}}", image, None if labels is None else int(labels[number]))
        for number, image in enumerate(pixels)
    ]


@command("rlcodec unpack train.rlcz digits/", "rlcodec unpack photos.rlcz photos/ --ending .webp")
def unpack(
    collection: Annotated[Path, Argument(help="A collection.")],
    folder: Annotated[Path, Argument(metavar="DIR", help="Folder of the images, and of labels.csv if there are labels.")],
    unpacking: UnpackOptions,
) -> None:
    """Unpack a collection into a folder of images."""
    with progress("unpacking") as report:
        result = unpack_images(collection, folder, replace(unpacking, report=report))
    _print_result(result, f"{folder}: {result.done} images unpacked", unpacking.resume)


def _print_result(result: PackResult, message: str, resume: bool) -> None:
    complain(*result.failures)
    say(message + (f", {result.skipped} were there already" if resume else ""))
    if result.failures:
        sys.exit(EXIT_FAILURE)
