"""Packs images into collections; an image that fails costs itself alone."""

import functools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rlcodec.archive.writer import CollectionWriter
from rlcodec.errors import MisfitError, OptionError, RlcodecError
from rlcodec.options import EncodeOptions
from rlcodec.parallel.threads import worker_count
from rlcodec.presets.base import Preset
from rlcodec.presets.registry import preset_by_name

TOGETHER = 256
"""Images that are coded at once; no more are in memory."""
Coder = Callable[[Sequence["PackSource"], ThreadPoolExecutor, int], Iterable[bytes | str]]


@dataclass(frozen=True, eq=False)
class PackSource:
    """An image to be packed.

    Attributes:
        name: in the collection.
        image: its file, or its pixels, uint8 (height, width).
        label: a number, or None.
    """

    name: str
    image: Path | np.ndarray
    label: int | None = None


@dataclass(frozen=True)
class Packed:
    """What became of the images.

    Attributes:
        done: packed or unpacked now.
        there: left alone, since they were there already.
        failures: why others are missing, a line each.
    """

    done: int
    there: int
    failures: tuple[str, ...]


def folder_sources(folder: Path) -> list[PackSource]:
    """All images in a folder and the folders in it, by their relative paths.

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
    *,
    preset: str = "mnist",
    append: bool = False,
    resume: bool = False,
    workers: int | None = None,
    report: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Packed:
    """Packs images into a collection.

    Args:
        path: of the collection.
        sources: the images.
        preset: of their streams.
        append: add to the collection that is there.
        resume: go on where a run was cut: what is packed already is left alone.
        workers: threads; as many as there are cores when None.
        report: called with (images done, images in all).
        options: of `rlcodec.encode`. Without any, `max_pixels` aside, the preset decides (`Preset.pack_batch`): "mnist" codes
            exactly, in its quickest tier.

    Raises:
        OptionError: options make no sense, or a name is taken; nothing was packed.
        OutputError: the collection cannot be written; what was committed stays, and `resume` goes on behind it.
    """
    workers = worker_count(workers)
    twice = [name for name, count in Counter(source.name for source in sources).items() if count > 1]
    if twice:
        raise OptionError(f"{twice[0]}: two images have this name")
    done, failures = 0, []
    with CollectionWriter(path, preset, append=append, resume=resume) as writer:
        todo = [source for source in sources if source.name not in writer.names]
        there = len(sources) - len(todo)
        if there and not resume:
            taken = next(source.name for source in sources if source.name in writer.names)
            raise OptionError(f"{taken}: is in the collection already; leave alone what is there by --resume")

        coder = preset_by_name(preset)
        if options.keys() - {"max_pixels"}:
            code: Coder = functools.partial(_code_each, coder, coder.options.of(preset, options))
        else:
            code = functools.partial(_code_together, coder, coder.options.of(preset, options))
        with ThreadPoolExecutor(workers) as pool:
            for at in range(0, len(todo), TOGETHER):
                part = todo[at : at + TOGETHER]
                for source, found in zip(part, code(part, pool, workers), strict=True):
                    if isinstance(found, bytes):
                        writer.add(found, source.name, source.label)
                        done += 1
                    else:
                        failures.append(found)
                    if report:
                        report(done + len(failures), len(todo))
    return Packed(done, there, tuple(failures))


def _code_each(
    preset: Preset, options: EncodeOptions, sources: Sequence[PackSource], pool: ThreadPoolExecutor, workers: int
) -> Iterable[bytes | str]:
    """Streams of images under options, or why there is none."""
    return pool.map(lambda source: _or_failure(source, lambda: preset.encode(source.image, options).data), sources)


def _code_together(
    preset: Preset, options: EncodeOptions, sources: Sequence[PackSource], pool: ThreadPoolExecutor, workers: int
) -> list[bytes | str]:
    """Streams of images without options, or why there is none; every thread codes a share of them, several at once."""
    found: list[bytes | str] = [""] * len(sources)
    shares = [sources[first::workers] for first in range(workers)]
    for first, coded in enumerate(pool.map(lambda share: _code_share(preset, options, share), shares)):
        found[first::workers] = coded
    return found


def _code_share(preset: Preset, options: EncodeOptions, sources: Sequence[PackSource]) -> list[bytes | str]:
    coded: list[bytes | str] = []
    for at in range(0, len(sources), preset.images_at_once):
        part = sources[at : at + preset.images_at_once]
        found = [_or_failure(source, functools.partial(preset.read_pixels, source.image, options)) for source in part]
        readable = [at for at, image in enumerate(found) if isinstance(image, np.ndarray)]
        try:
            for at, stream in zip(readable, preset.pack_batch([found[at] for at in readable]), strict=True):
                found[at] = stream
        except MisfitError as error:
            found = [
                why_missing(source.name, error) if isinstance(f, np.ndarray) else f
                for source, f in zip(part, found, strict=True)
            ]
        coded += found
    return coded


def _or_failure(source: PackSource, run: Callable[[], Any]) -> Any:
    """What `run` makes of an image, or why it fails; options that make no sense are the caller's to hear."""
    try:
        return run()
    except MisfitError as error:
        return why_missing(source.name, error)
    except OptionError:
        raise
    except (RlcodecError, OSError) as error:
        return why_missing(source.name, error)


def why_missing(name: str, error: Exception) -> str:
    """Why an image is missing, in a line."""
    message = " ".join(str(error).split())
    return message if name in message else f"{name}: {message}"
