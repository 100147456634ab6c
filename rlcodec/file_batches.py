"""Many files at once: lists and folders of images or streams, over all cores. A file that fails costs itself alone."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rlcodec.errors import OptionError, RlcodecError
from rlcodec.files import make_folder, write_bytes

FILES_TOGETHER = 256
Item = TypeVar("Item")


@dataclass(frozen=True)
class FileOutcome:
    """What became of one file.

    Attributes:
        source: the file read.
        target: the file written.
        source_bytes: size of the source; 0 where it could not be read.
        target_bytes: size of the target; 0 where none was written.
        error: why none was written, or None.
    """

    source: Path
    target: Path
    source_bytes: int
    target_bytes: int
    error: str | None


def is_batch(paths: Sequence[Path]) -> bool:
    """Whether source paths and, last, a target mean many files: several sources, or a folder on either side."""
    return len(paths) > 2 or any(path.is_dir() for path in paths)


def pair_files(sources: Iterable[Path], folder: Path, suffix: str, taken: Callable[[Path], bool]) -> list[tuple[Path, Path]]:
    """Source and target of every file.

    Args:
        sources: files, and folders whose files `taken` are meant, in the order of their names.
        folder: where the targets go, each under its source's name.
        suffix: of the targets.
        taken: of which files in a folder.

    Raises:
        OptionError: nothing is there, or two files would have the same target.
    """
    files: list[Path] = []
    for source in sources:
        files += sorted(p for p in source.iterdir() if p.is_file() and taken(p)) if source.is_dir() else [source]
    if not files:
        raise OptionError("there are no files to code")
    pairs = [(file, folder / (file.stem + suffix)) for file in files]
    seen: dict[Path, Path] = {}
    for file, target in pairs:
        if target in seen:
            raise OptionError(f"{seen[target]} and {file} would both become {target}; code them into different folders")
        seen[target] = file
    return pairs


def convert_files(
    pairs: Sequence[tuple[Path, Path]],
    convert: Callable[[Path], bytes],
    workers: int | None = None,
    report: Callable[[int, int], None] | None = None,
) -> list[FileOutcome]:
    """Converts files; each target is written whole or not at all.

    Args:
        pairs: source and target of every file.
        convert: from a source to the bytes of its target.
        workers: threads; as many as there are cores when None.
        report: called with (files done, files in all).

    Raises:
        OutputError: a target's folder cannot be made.
    """
    if workers is not None and workers < 1:
        raise OptionError(f"workers is {workers}; give a positive number")
    _make_folders(pairs)

    outcomes = []
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for outcome in pool.map(lambda pair: _outcome(pair, convert), pairs):
            outcomes.append(outcome)
            if report:
                report(len(outcomes), len(pairs))
    return outcomes


def convert_together(
    pairs: Sequence[tuple[Path, Path]],
    load: Callable[[Path], Item],
    convert: Callable[[list[Item]], list[bytes]],
    report: Callable[[int, int], None] | None = None,
    size: int = FILES_TOGETHER,
) -> list[FileOutcome]:
    """As `convert_files`, for conversions that many files share; where one fails, its group is converted one by one.

    Args:
        pairs: source and target of every file.
        load: reads a source.
        convert: from what was read to the bytes of the targets.
        report: called with (files done, files in all).
        size: how many files at once.

    Raises:
        OptionError: what `convert` says of its options.
    """
    _make_folders(pairs)
    outcomes: list[FileOutcome] = []
    for start in range(0, len(pairs), size):
        group = pairs[start : start + size]
        try:
            ready = dict(zip(group, convert([load(source) for source, _ in group]), strict=True))
        except OptionError:
            raise
        except (RlcodecError, OSError):
            ready = {}
        outcomes += [_outcome(pair, lambda source: convert([load(source)])[0], ready.get(pair)) for pair in group]
        if report:
            report(len(outcomes), len(pairs))
    return outcomes


def _make_folders(pairs: Sequence[tuple[Path, Path]]) -> None:
    for folder in {target.parent for _, target in pairs}:
        make_folder(folder)


def _outcome(pair: tuple[Path, Path], convert: Callable[[Path], bytes], ready: bytes | None = None) -> FileOutcome:
    source, target = pair
    try:
        data = convert(source) if ready is None else ready
        write_bytes(target, data)
        return FileOutcome(source, target, source.stat().st_size, len(data), None)
    except (RlcodecError, OSError) as error:
        return FileOutcome(source, target, 0, 0, " ".join(str(error).split()))
