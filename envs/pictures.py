"""What traces and tasks of presets for pictures share: pictures of any sizes in one array, reading and measuring them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from rlcodec.envs.measure import Measure, MeasureOptions, Tables, measure_all
from rlcodec.envs.sample_images import sample_pictures
from rlcodec.envs.tasks import PresetTask
from rlcodec.envs.trace_file import check_shapes, load_tables
from rlcodec.errors import DataError
from rlcodec.training.data import load_pictures

LARGE_SIDE, CROPS_OF_LARGE = 600, 3
"""Of a picture with a longer side than LARGE_SIDE pixels, CROPS_OF_LARGE crops are taken instead of one."""
COLORS = 3

T = TypeVar("T", bound="PictureTrace")


@dataclass(frozen=True)
class PictureTrace:
    """Pictures of a trace. Presets add tables as further fields, each an array whose first axis is the picture.

    Attributes:
        digest: SHA-256 of the codec that measured, hexadecimal.
        pixels: uint8 (all,), the pixels of the pictures one after another, each (height, width, 3), or all (height, width).
        sizes: int64 (n, 2), heights and widths in pixels.
        table_shapes: shapes of the added tables for one picture, as `PictureTask.load` expects them.
    """

    table_shapes: ClassVar[Mapping[str, tuple[int, ...]]]

    digest: str
    pixels: np.ndarray
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def areas(self) -> np.ndarray:
        """Pixels of each picture, int64 (n,)."""
        return self.sizes.prod(1)

    def picture(self, index: int) -> np.ndarray:
        """Picture `index`, uint8 (height, width, 3), or (height, width) if there are no colours."""
        areas = self.areas
        channels = len(self.pixels) // areas.sum()
        starts = np.concatenate([[0], np.cumsum(channels * areas)])
        picture = self.pixels[starts[index] : starts[index + 1]]
        return picture.reshape(*self.sizes[index], *([channels] if channels > 1 else []))

    def take(self, index: np.ndarray | slice) -> Self:
        """The same for some of the pictures."""
        rows = np.arange(len(self))[index]
        pixels = np.concatenate([self.pixels[:0], *(self.picture(i).reshape(-1) for i in rows)])
        return type(self)(self.digest, pixels, *(getattr(self, f.name)[rows] for f in fields(self)[2:]))


def crop_pictures(pictures: Sequence[np.ndarray], side: int, seed: int = 0) -> list[np.ndarray]:
    """Square crops at random places: one of each picture, or CROPS_OF_LARGE of a large one.

    Args:
        pictures: uint8 (height, width, 3) each; those with a side shorter than `side` are left out.
        side: of the crops, in pixels.
        seed: of the random places.

    Raises:
        DataError: all pictures are too small.
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


def measure_pictures(
    trace_type: type[T],
    digest: str,
    measure: Measure,
    pictures: Sequence[np.ndarray],
    options: MeasureOptions = MeasureOptions(),
) -> T:
    """The trace of some pictures, measured by several processes.

    Args:
        trace_type: class of the trace.
        digest: of the codec.
        measure: all tables of one picture, without their first axis; a function that other processes can import.
        pictures: uint8 (height, width, 3) each, or (height, width) each.
        options: workers, progress, folder and backend.

    Raises:
        DataError: there are no pictures.
        OutputError: the folder for intermediate results cannot be written to.
    """
    if not len(pictures):
        raise DataError("there are no pictures to trace")
    return join_tables(trace_type, digest, pictures, measure_all(measure, pictures, digest, options))


def join_tables(trace_type: type[T], digest: str, pictures: Sequence[np.ndarray], tables: Sequence[Tables]) -> T:
    """One trace from the tables of each picture; arguments as `measure_pictures`."""
    return trace_type(
        digest,
        np.concatenate([picture.reshape(-1) for picture in pictures]),
        np.array([picture.shape[:2] for picture in pictures], np.int64),
        **{name: np.stack([table[name] for table in tables]) for name in tables[0]},
    )


class PictureTask(PresetTask):
    """The part of a task that presets for pictures share.

    Attributes:
        trace_type: class of the traces.
        measure_picture: all tables of one picture, without their first axis; a function that other processes can import.
    """

    trace_type: ClassVar[type[PictureTrace]]
    measure_picture: ClassVar[Any]

    def measure(self, images: Sequence[np.ndarray], options: MeasureOptions = MeasureOptions()) -> Any:
        return measure_pictures(self.trace_type, self.spec.codec_digest, self.measure_picture, images, options)

    def load(self, path: Path) -> Any:
        trace, codec_tables = load_tables(path, self.trace_type, self.spec.codec_digest), self.trace_type.table_shapes
        n = trace.sizes.size // 2
        check_shapes(path, trace, {"sizes": (n, 2)} | {name: (n, *shape) for name, shape in codec_tables.items()})
        check_shapes(path, trace, {"pixels": (COLORS * int(trace.areas.sum()),)})
        return trace

    def samples(self) -> list[np.ndarray]:
        return sample_pictures()

    def read_images(self, data: Path, split: str, limit: int | None, crop: int | None) -> list[np.ndarray]:
        pictures = load_pictures(data)[:limit]
        return pictures if crop is None else crop_pictures(pictures, crop)

    def image(self, trace: Any, index: int) -> np.ndarray:
        return trace.picture(index)
