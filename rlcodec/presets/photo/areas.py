"""The quantised areas of a picture: what a stream says, as decoders hold it."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np

from rlcodec.presets.photo._transform import inverse
from rlcodec.presets.photo.lapping import unlap
from rlcodec.presets.photo.quantiser import RELATIVE_STEPS, Quantiser
from rlcodec.presets.photo.transform import AREA, AREA_PIXELS, BASES, PARTS, PLANES, RASTER, SLICE_OF, WHOLE


def _slices_of_splits() -> np.ndarray:
    """The slice of each coefficient of an area, by split, uint8 (RASTER + 1, AREA_PIXELS)."""
    slices = np.zeros((RASTER + 1, AREA_PIXELS), np.uint8)
    of_8, of_16, slices[WHOLE] = (SLICE_OF[part] for part in PARTS)
    for split in range(WHOLE):
        for quadrant in range(4):
            part = np.tile(of_8, 4) if split >> quadrant & 1 else of_16
            slices[split, 256 * quadrant : 256 * (quadrant + 1)] = part
    return slices


SLICES_OF_SPLITS = _slices_of_splits()


@dataclass(frozen=True)
class Areas:
    """The areas of a picture, or of a strip of it.

    Attributes:
        values: int16 (area rows, area columns, 3, AREA_PIXELS), quantised coefficients, block after block.
        splits: uint8 (area rows, area columns), how areas are split: WHOLE, a bit for each quadrant that is split in four, or
            RASTER.
        offsets: int8 (area rows, area columns), of the step, in 1/8 octave.
        chroma: int8 (area rows, area columns, 2), by which the luma of an area predicts its chroma, in 1/16.
        repairs: uint8 (area rows, area columns), level of repair: 0 none, 1 light, 2 full.
        begins: bool (area rows,), whether a strip begins with a row.
        layer: uint8 (rows, columns, 3), the pixels of areas whose split is RASTER, zeros elsewhere; None if there are none.
    """

    values: np.ndarray
    splits: np.ndarray
    offsets: np.ndarray
    chroma: np.ndarray
    repairs: np.ndarray
    begins: np.ndarray
    layer: np.ndarray | None = None

    @classmethod
    def joined(cls, parts: "Sequence[Areas]", values: np.ndarray | None = None) -> Self:
        """One above the other, without a layer; `values` are all of theirs, if they lie in one array already."""
        rest = (np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)[1:-1])
        return cls(np.concatenate([part.values for part in parts]) if values is None else values, *rest)

    def rows(self, part: slice) -> "Areas":
        """Some rows of areas."""
        layer = None if self.layer is None else self.layer[part.start * AREA : part.stop * AREA]
        rows = {field.name: getattr(self, field.name)[part] for field in fields(self)[:-1]}
        return replace(self, **rows, layer=layer)

    def of_slices(self, slices: int) -> "Areas":
        """What a stream holds that ends after so many slices."""
        kept = SLICES_OF_SPLITS[self.splits][:, :, None] < slices
        return replace(self, values=np.where(kept, self.values, np.int16(0)))

    def strips(self) -> list[slice]:
        """Rows of areas of each strip."""
        bounds = [*np.flatnonzero(self.begins).tolist(), len(self.begins)]
        return list(itertools.starmap(slice, itertools.pairwise(bounds)))


def decoded_planes(areas: Areas, quantiser: Quantiser, centroids: np.ndarray, planes: np.ndarray | None = None) -> np.ndarray:
    """The planes of a strip before any repair, float32 (3, rows, columns).

    Args:
        areas: of the strip.
        quantiser: of the picture.
        centroids: float32 (3, transforms, slices, 3), by how many steps the magnitudes 1, 2 and above shrink.
        planes: receives them, maybe rows of larger planes; a new array if None.
    """
    if planes is None:
        rows, columns = (count * AREA for count in areas.splits.shape)
        planes = np.empty((PLANES, rows, columns), np.float32)
    inverse(
        areas.values,
        areas.splits,
        areas.offsets,
        areas.chroma,
        centroids,
        quantiser.scales,
        RELATIVE_STEPS,
        SLICE_OF,
        BASES,
        planes,
    )
    unlap(planes, areas.splits)
    return planes
