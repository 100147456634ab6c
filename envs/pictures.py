"""Pictures of a trace, of whatever preset, and the measuring of all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self, TypeVar

import numpy as np

from rlcodec.envs.measure import Measure, Report, Tables, measure_all
from rlcodec.errors import DataError
from rlcodec.parallel.backends import LOCAL

CROPS_OF_LARGE, LARGE_SIDE = 3, 600


P = TypeVar("P", bound="Pictures")


@dataclass(frozen=True)
class Pictures:
    """Pictures of a trace, of whatever preset; its tables are further fields, whose first axis is pictures.

    Attributes:
        digest: of the model that made it.
        pixels: uint8 (all,), of the pictures one after another, each (height, width, 3).
        sizes: int64 (n, 2), heights and widths.
    """

    digest: str
    pixels: np.ndarray
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def areas(self) -> np.ndarray:
        """Pixels of the pictures, int64 (n,)."""
        return self.sizes.prod(1)

    def picture(self, index: int) -> np.ndarray:
        """Picture `index`, uint8 (height, width, 3)."""
        starts = np.concatenate([[0], np.cumsum(3 * self.areas)])
        return self.pixels[starts[index] : starts[index + 1]].reshape(*self.sizes[index], 3)

    def take(self, index: np.ndarray | slice) -> Self:
        """The same tables for some of the pictures."""
        which = np.arange(len(self))[index]
        pixels = np.concatenate([self.pixels[:0], *(self.picture(i).reshape(-1) for i in which)])
        return type(self)(self.digest, pixels, *(getattr(self, f.name)[which] for f in fields(self)[2:]))


def crops_of(pictures: Sequence[np.ndarray], side: int, seed: int = 0) -> list[np.ndarray]:
    """Squares of some side from random places, one from a picture, or CROPS_OF_LARGE from a large one.

    Raises:
        DataError: no picture is as large.
    """
    rng, crops = np.random.default_rng(seed), []
    for picture in pictures:
        height, width = picture.shape[:2]
        if min(height, width) < side:
            continue
        for _ in range(CROPS_OF_LARGE if max(height, width) > LARGE_SIDE else 1):
            y, x = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
            crops.append(np.ascontiguousarray(picture[y : y + side, x : x + side]))
    if not crops:
        raise DataError(f"no picture is {side} pixels high and wide")
    return crops


def trace_with(
    kind: type[P], digest: str, trace_one: Measure, pictures: Sequence[np.ndarray],
    workers: int | None = None, report: Report | None = None, kept: Path | None = None, engine: str = LOCAL,
) -> P:  # fmt: skip
    """The trace of some pictures, computed by several processes.

    Args:
        kind: of trace.
        digest: of the model.
        trace_one: all tables of one picture, without their first axis; a function that other processes can import.
        pictures: uint8 (height, width, 3) each.
        workers: as `rlcodec.envs.measure.measure_all`.
        report: called with (pictures done, pictures in all).
        kept: as `rlcodec.envs.measure.measure_all`.
        engine: as `rlcodec.envs.measure.measure_all`.

    Raises:
        DataError: there are no pictures.
        OutputError: `kept` cannot be written to.
    """
    if not len(pictures):
        raise DataError("there are no pictures to trace")
    return join_tables(kind, digest, pictures, measure_all(trace_one, pictures, digest, workers, report, kept, engine))


def join_tables(kind: type[P], digest: str, pictures: Sequence[np.ndarray], tables: Sequence[Tables]) -> P:
    """One trace of all pictures."""
    return kind(
        digest,
        np.concatenate([p.reshape(-1) for p in pictures]),
        np.array([p.shape[:2] for p in pictures], np.int64),
        **{name: np.stack([t[name] for t in tables]) for name in tables[0]},
    )
