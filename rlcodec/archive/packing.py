"""Packs images into collections. An image that fails does not stop the others."""

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rlcodec.api import DEFAULT_PRESET, encode_options
from rlcodec.archive.writer import CollectionWriter
from rlcodec.core.progress import Report, with_progress
from rlcodec.errors import MisfitError, OptionError, RlcodecError, failure_line
from rlcodec.options import EncodeOptions, option
from rlcodec.parallel.backends import in_order, map_items
from rlcodec.parallel.options import MapOptions
from rlcodec.parallel.threads import worker_count
from rlcodec.presets.base import Preset
from rlcodec.presets.registry import preset_by_name

GROUP_IMAGES = 256
"""The most images that a thread codes together."""
NEUTRAL_OPTIONS = {"max_pixels", "workers"}
"""Options that say nothing about how images are coded."""


@dataclass(frozen=True, eq=False)
class PackSource:
    """An image to be packed.

    Attributes:
        name: in the collection.
        image: its file, or its pixels, uint8 (height, width) or (height, width, 3).
        label: a number, or None.
    """

    name: str
    image: Path | np.ndarray
    label: int | None = None


@dataclass(frozen=True)
class PackOptions:
    """How images are packed.

    Attributes:
        append: add to an existing collection.
        resume: continue an interrupted run: images whose names are in the collection are skipped.
        workers: threads; as many as there are cores if None.
        report: called with (images done, images in all).
    """

    append: bool = option("Add to an existing collection.", False)
    resume: bool = option("Continue an interrupted run: skip images whose names are in the collection.", False)
    workers: int | None = option("Threads; all cores by default.")
    report: Report | None = option("Progress.", hidden=True)


@dataclass(frozen=True)
class PackResult:
    """What packing or unpacking did.

    Attributes:
        done: images that were packed or unpacked.
        skipped: images that were there already.
        failures: one line for each image that failed.
    """

    done: int
    skipped: int
    failures: tuple[str, ...]


def folder_sources(folder: Path) -> list[PackSource]:
    """All images in a folder and its subfolders, named by their relative paths.

    Raises:
        OptionError: there are none.
    """
    kinds = Image.registered_extensions()
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in kinds and p.is_file())
    if not paths:
        raise OptionError(f"{folder}: there are no images to pack")
    return [PackSource(path.relative_to(folder).as_posix(), path) for path in paths]


def pack_images(
    path: str | os.PathLike[str],
    sources: Sequence[PackSource],
    options: PackOptions = PackOptions(),
    *,
    preset: str = DEFAULT_PRESET,
    **keywords: Any,
) -> PackResult:
    """Packs images into a collection.

    Args:
        path: of the collection.
        sources: the images.
        options: whether to append or resume, threads and progress.
        preset: name of the preset.
        **keywords: options of `rlcodec.encode`. If none is given, `max_pixels` and `workers` aside, the preset decides how
            images are coded, see `Preset.pack_batch`: "mnist" codes them exactly, in its quickest tier.

    Raises:
        OptionError: options are invalid, or a name is taken; nothing was packed.
        OutputError: the collection cannot be written. What was committed stays, and `resume` continues behind it.
    """
    workers, codec = worker_count(options.workers), preset_by_name(preset)
    repeated = [name for name, count in Counter(source.name for source in sources).items() if count > 1]
    if repeated:
        raise OptionError(f"{repeated[0]}: two images have this name")
    with CollectionWriter(path, preset, append=options.append, resume=options.resume) as writer:
        remaining = [source for source in sources if source.name not in writer.names]
        if len(remaining) < len(sources) and not options.resume:
            taken = next(source.name for source in sources if source.name in writer.names)
            raise OptionError(f"{taken}: is in the collection already; use --resume to skip images that are there")
        coder = _Coder(codec, encode_options(codec, None, keywords))
        group_size = 1
        if coder.preset_decides:
            group_size = max(1, min(GROUP_IMAGES, codec.images_at_once, math.ceil(len(remaining) / workers)))
        results = map_items(lambda: coder, (), remaining, MapOptions(workers=workers, group_size=group_size, use_threads=True))
        failures: list[str] = []
        coded = zip(remaining, in_order(results), strict=True)
        for source, result in with_progress(coded, len(remaining), options.report):
            if isinstance(result, bytes):
                writer.add(result, source.name, source.label)
            else:
                failures.append(result)
    return PackResult(len(remaining) - len(failures), len(sources) - len(remaining), tuple(failures))


@dataclass(frozen=True)
class _Coder:
    """Codes images for a collection; a result is a stream, or a line that says why there is none."""

    preset: Preset
    options: EncodeOptions

    @property
    def preset_decides(self) -> bool:
        """Whether no option says how images are coded."""
        return not set(self.options.given()) - NEUTRAL_OPTIONS

    def __call__(self, sources: Sequence[PackSource]) -> list[bytes | str]:
        if not self.preset_decides:
            encoded = [_result_or_failure(source, self.preset.encode, self.options) for source in sources]
            return [result if isinstance(result, str) else result.data for result in encoded]
        pictures = [_result_or_failure(source, self.preset.read_pixels, self.options) for source in sources]
        readable = {
            source.name: pixels for source, pixels in zip(sources, pictures, strict=True) if not isinstance(pixels, str)
        }
        results: Iterator[bytes | str]
        try:
            results = iter(self.preset.pack_batch(list(readable.values())))
        except MisfitError as error:
            results = iter([failure_line(name, error) for name in readable])
        return [picture if isinstance(picture, str) else next(results) for picture in pictures]


def _result_or_failure(source: PackSource, run: Callable[..., Any], options: EncodeOptions) -> Any:
    """What `run` makes of an image, or a line that says why it failed; an OptionError that concerns all images is raised."""
    try:
        return run(source.image, options)
    except (RlcodecError, OSError) as error:
        if isinstance(error, OptionError) and not isinstance(error, MisfitError):
            raise
        return failure_line(source.name, error)
