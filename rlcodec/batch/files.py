"""Many files at once: lists and folders of images or streams, over all cores. A file that fails costs itself alone.

What is wrong whatever the file, an option that makes no sense or a policy that cannot be used, is raised, and ends the work.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from rlcodec.core.files import make_folder, write_bytes
from rlcodec.errors import ImageError, MisfitError, OptionError, OutputError, StreamError
from rlcodec.parallel.backends import LOCAL, Worker, check_engine, map_items

FILES_TOGETHER = 256
OF_ONE_FILE = (ImageError, StreamError, MisfitError, OutputError, OSError)
Item = TypeVar("Item")


@dataclass(frozen=True)
class FileOutcome:
    """What became of one file.

    Attributes:
        source_bytes: size of the source; 0 where it could not be read.
        target_bytes: size of the target; 0 where none was written.
        error: why none was written, or None.
    """

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
    convert: Callable[[Any], bytes],
    workers: int | None = None,
    report: Callable[[int, int], None] | None = None,
    engine: str = LOCAL,
) -> list[FileOutcome]:
    """Converts files; each target is written whole or not at all.

    Args:
        pairs: source and target of every file.
        convert: from a source to the bytes of its target; engine "ray" hands it a `FileBytes` in place of the path.
        workers: threads, or actors; as many as there are cores when None.
        report: called with (files done, files in all).
        engine: "local" or "ray", whose workers see the same folders.

    Raises:
        OutputError: a target's folder cannot be made.
        RlcodecError: as `rlcodec.parallel.backends.map_items`, or of `convert`, where it is not about one file.
    """
    check_engine(engine)
    return _converted(pairs, report, partial(_Singly, convert), engine=engine, workers=workers, threads=True)


def convert_together(
    pairs: Sequence[tuple[Path, Path]],
    load: Callable[[Any], Item],
    convert: Callable[[list[Item]], list[bytes]],
    report: Callable[[int, int], None] | None = None,
    size: int = FILES_TOGETHER,
    engine: str = LOCAL,
    workers: int | None = None,
    gpus: float = 0,
) -> list[FileOutcome]:
    """As `convert_files`, for conversions that many files share; where one fails, its group is converted one by one.

    Args:
        pairs: source and target of every file.
        load: reads a source.
        convert: from what was read to the bytes of the targets.
        report: called with (files done, files in all).
        size: how many files at once.
        engine: as `convert_files`; "local" converts group after group.
        workers: of engine "ray".
        gpus: of each of its workers.
    """
    make = partial(_Together, load, convert)
    workers = 1 if engine == LOCAL else workers
    return _converted(pairs, report, make, engine=engine, workers=workers, together=size, threads=True, gpus=gpus)


def _converted(
    pairs: Sequence[tuple[Path, Path]], report: Callable[[int, int], None] | None, make: Callable[[], Worker], **options: Any
) -> list[FileOutcome]:
    for folder in {target.parent for _, target in pairs}:
        make_folder(folder)
    outcomes: dict[int, FileOutcome] = {}
    items = [(source.absolute(), target.absolute()) for source, target in pairs]  # actors are in another folder
    for number, outcome in map_items(make, (), items, files=[source for source, _ in pairs], **options):
        outcomes[number] = outcome
        if report:
            report(len(outcomes), len(pairs))
    return [outcomes[number] for number in range(len(pairs))]


@dataclass(frozen=True)
class _Singly:
    """Converts files one by one; gets a pair of paths each, and the source as the engine reads it."""

    convert: Callable[[Any], bytes]

    def __call__(self, group: Sequence[tuple[tuple[Path, Path], Any]]) -> list[FileOutcome]:
        return [_outcome(pair, source, self.convert) for pair, source in group]


@dataclass(frozen=True)
class _Together:
    """Converts files a group at a time."""

    load: Callable[[Any], Any]
    convert: Callable[[list[Any]], list[bytes]]

    def __call__(self, group: Sequence[tuple[tuple[Path, Path], Any]]) -> list[FileOutcome]:
        try:
            ready: list[bytes | None] = list(self.convert([self.load(source) for _, source in group]))
        except OF_ONE_FILE:
            ready = [None] * len(group)

        def alone(source: Any) -> bytes:
            return self.convert([self.load(source)])[0]

        return [_outcome(pair, source, alone, data) for (pair, source), data in zip(group, ready, strict=True)]


def _outcome(pair: tuple[Path, Path], content: Any, convert: Callable[[Any], bytes], ready: bytes | None = None) -> FileOutcome:
    source, target = pair
    try:
        data = convert(content) if ready is None else ready
        write_bytes(target, data)
        return FileOutcome(source.stat().st_size, len(data), None)
    except OF_ONE_FILE as error:
        return FileOutcome(0, 0, " ".join(str(error).split()))
