"""The synthesis: inverse transform, and a small convolutional network that repairs the artefacts of quantisation.

The network works at a quarter of the resolution; squares of 4x4 pixels of the coded planes are its channels. There are two
levels, `light` and `full`, with different compute; `plain` is the synthesis without a network. The networks were trained with
8-bit weights and activations (quantisation-aware training). Each area says which level it takes. The synthesis is no context of
anything that is coded: the pixels that two machines decode may differ by one level in places, while the coefficients are always
the same.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rlcodec.core.onnx_session import load_network
from rlcodec.core.weights_file import WEIGHTS
from rlcodec.parallel.threads import parts_of, side_by_side
from rlcodec.presets.photo._repair import (
    FACTOR,
    INPUT_CHANNELS,
    OUTPUT_CHANNELS,
    add_output,
    fill_input,
    fill_means,
)
from rlcodec.presets.photo._transform import show_planes
from rlcodec.presets.photo.areas import Areas, decoded_planes
from rlcodec.presets.photo.colors import ColorTransform
from rlcodec.presets.photo.division import STRIP_ROWS
from rlcodec.presets.photo.quantiser import CHROMA_FACTORS, OFFSETS_PER_OCTAVE, Quantiser, step_of
from rlcodec.presets.photo.transform import AREA, OFFSET_LIMIT, PLANES, RASTER, planes_of
from rlcodec.presets.photo.weights import PhotoWeights

PLAIN, REPAIRS = "plain", ("light", "full")
WIDTHS = (PLAIN, *REPAIRS)
"""Names of the syntheses, from the least compute to the most; the index is the level of repair of an area."""
LIGHT_CHANNELS, LIGHT_BLOCKS = 32, 2
FULL_CHANNELS, FULL_BLOCKS = 64, 3
"""Of the networks, of which `full` continues `light`; every block has two convolutions."""
INPUT_UNIT, OUTPUT_UNIT = 16, 48
"""Inputs are in 1/16 of an area's step, outputs in 1/48."""
STRIPS_AT_ONCE, PIXELS_AT_ONCE = 2, 1 << 20
"""Strips of large pictures that are rendered at a time, and the pixels of small pictures that are."""
MARGIN = 64
"""Rows of pixels beyond these that are rendered with them, no less than their pixels depend on."""
SQUARE_ROWS_AT_ONCE = 32
"""Rows of squares that a thread computes at a time."""


def _kmac() -> dict[str, float]:
    trunk = 9 * LIGHT_CHANNELS * (INPUT_CHANNELS + 2 * LIGHT_BLOCKS * LIGHT_CHANNELS + FULL_CHANNELS)
    head, rest = FULL_CHANNELS * OUTPUT_CHANNELS, 9 * 2 * FULL_BLOCKS * FULL_CHANNELS**2
    macs = {PLAIN: 0, "light": trunk + head, "full": trunk + rest + head}
    return {name: count / FACTOR**2 / 1000 for name, count in macs.items()}


KMAC = _kmac()
"""Compute of each synthesis in kMAC per pixel, without the inverse transform."""


def area_scales(quantiser: Quantiser) -> np.ndarray:
    """The step of each plane by the offset of an area, float32 (2 * OFFSET_LIMIT + 1, PLANES)."""
    factor = CHROMA_FACTORS[quantiser.chroma]
    relative = np.exp2(np.arange(-OFFSET_LIMIT, OFFSET_LIMIT + 1) / OFFSETS_PER_OCTAVE)
    return (step_of(quantiser.gain) * relative[:, None] * np.array([1.0, factor, factor])).astype(np.float32)


def network_input(planes: np.ndarray, areas: Areas, quantiser: Quantiser) -> np.ndarray:
    """The network's input.

    Args:
        planes: float32 (3, rows, columns), decoded, of whole areas.
        areas: their splits and offsets.
        quantiser: of the picture.

    Returns:
        uint8 (1, rows / FACTOR, columns / FACTOR, INPUT_CHANNELS), 1/16 of the area's step with 0 at 128: pixels less the mean
        of their square; differences of the means to the right and downwards; whether the square lies at the left, right, upper
        or lower edge of its block, and whether that is small or large; the step, the shape of its growth, and the steps of
        chroma.
    """
    rows, columns = (length // FACTOR for length in planes.shape[1:])
    steps = area_scales(quantiser)
    means, out = np.empty((PLANES, rows, columns), np.float32), np.empty((rows, columns, INPUT_CHANNELS), np.uint8)
    fill_means(planes, means)
    told = ((np.log2(steps[:, 0]) - 4) / 2 * INPUT_UNIT).astype(np.float32)
    factor = np.log2(CHROMA_FACTORS[quantiser.chroma])
    constants = np.array([quantiser.shape / 2 - 1, factor, factor])
    side_by_side(
        lambda part: fill_input(
            planes, means, areas.splits, areas.offsets, INPUT_UNIT / steps, told, (constants * INPUT_UNIT).astype(np.float32),
            part.start, part.stop, out,
        ),
        parts_of(rows, SQUARE_ROWS_AT_ONCE),
    )  # fmt: skip
    return out[None]


def repair_planes(planes: np.ndarray, areas: Areas, quantiser: Quantiser, synthesis: str, folder: Path) -> None:
    """Adds to every area the output of the network that it names, or of a lesser one that the synthesis allows.

    Args:
        planes: float32 (3, rows, columns), decoded, of whole areas; changed.
        areas: of the planes.
        quantiser: of the picture.
        synthesis: one of WIDTHS, the most that is used.
        folder: of the networks.
    """
    levels = np.minimum(areas.repairs, WIDTHS.index(synthesis)).astype(np.uint8)
    picture, scales = network_input(planes, areas, quantiser), area_scales(quantiser) / OUTPUT_UNIT
    given = {"picture": picture}
    for level, name in enumerate(REPAIRS, 1):
        if not (levels >= level).any():
            return
        results = load_network(folder / f"photo-{name}.onnx").run(None, given)
        added, chosen = results[0][0], (levels == level).astype(np.uint8)
        given = {"features": results[-1]}

        def add(part: slice, added: np.ndarray = added, chosen: np.ndarray = chosen) -> None:
            add_output(planes, added, areas.splits, areas.offsets, chosen, scales, part.start, part.stop)

        side_by_side(add, parts_of(len(added), SQUARE_ROWS_AT_ONCE))


def strip_rows(areas: Areas) -> list[slice]:
    """Rows of pixels of each strip of a picture."""
    return [slice(rows.start * AREA, rows.stop * AREA) for rows in areas.strips()]


def areas_of_rows(areas: Areas, rows: slice) -> Areas:
    """The areas of some rows of pixels."""
    return areas.rows(slice(rows.start // AREA, rows.stop // AREA))


def show_strip(
    weights: PhotoWeights, areas: Areas, quantiser: Quantiser, colors: ColorTransform, out: np.ndarray | None = None
) -> np.ndarray:
    """Renders the areas of one strip without repair, as `render`; into `out` if it is given."""
    planes = decoded_planes(areas, quantiser, weights.centroids)
    out = np.empty((*planes.shape[1:], PLANES), np.uint8) if out is None else out
    show_planes(planes, colors.inverse, out)
    show_layer(areas, out)
    return out


def layer_mask(areas: Areas) -> np.ndarray:
    """Where the raster layer holds pixels, bool (rows, columns)."""
    return (areas.splits == RASTER).repeat(AREA, 0).repeat(AREA, 1)


def show_layer(areas: Areas, shown: np.ndarray) -> None:
    """Enters the pixels of the raster layer into a picture, uint8 (rows, columns, 3)."""
    if areas.layer is not None:
        np.copyto(shown, areas.layer, where=layer_mask(areas)[:, :, None])


def enter_layer(areas: Areas, colors: ColorTransform, planes: np.ndarray) -> None:
    """Enters the pixels of the raster layer into planes, float32 (3, rows, columns), which repair then sees."""
    if areas.layer is not None:
        np.copyto(planes, planes_of(areas.layer, colors.forward), where=layer_mask(areas)[None])


def decoded_bands(
    areas: Areas, quantiser: Quantiser, centroids: np.ndarray, colors: ColorTransform
) -> Iterator[tuple[slice, int, np.ndarray]]:
    """Decodes the planes of a picture, before repair, in bands of some strips.

    Args:
        areas: of the picture.
        quantiser: of the picture.
        centroids: as for `decoded_planes`.
        colors: of the picture.

    Yields:
        Rows of pixels of a band; the first row of its planes, which have margins of MARGIN rows beside other bands; and the
        planes, float32 (3, rows, columns), which the caller may change.
    """
    strips, columns = strip_rows(areas), areas.splits.shape[1] * AREA
    at_once = max(STRIPS_AT_ONCE, PIXELS_AT_ONCE // (STRIP_ROWS * AREA * columns))
    above = np.empty((PLANES, 0, columns), np.float32)
    known: np.ndarray | None = None  # the planes of the first strip of a band, whose first rows were a margin
    for start in range(0, len(strips), at_once):
        part, after = strips[start : start + at_once], strips[start + at_once : start + at_once + 1]
        top, stop = part[0].start - above.shape[1], part[-1].stop
        band = np.empty((PLANES, stop - top + MARGIN * len(after), columns), np.float32)
        places = [band[:, rows.start - top : rows.stop - top] for rows in part]
        places += [np.empty((PLANES, rows.stop - rows.start, columns), np.float32) for rows in after]
        band[:, : above.shape[1]] = above
        if known is not None:
            places[0][:] = known

        def decode(item: tuple[slice, np.ndarray]) -> None:
            part = areas_of_rows(areas, item[0])
            decoded_planes(part, quantiser, centroids, item[1])
            enter_layer(part, colors, item[1])

        side_by_side(decode, list(zip(part + after, places, strict=True))[known is not None :])
        if after:
            known = places[-1]
            band[:, stop - top :] = known[:, :MARGIN]
            above = band[:, stop - top - MARGIN : stop - top].copy()
        del places
        yield slice(part[0].start, stop), top, band
        del band  # large pictures have wide strips


def render(
    weights: PhotoWeights, areas: Areas, quantiser: Quantiser, colors: ColorTransform, synthesis: str, folder: Path = WEIGHTS
) -> np.ndarray:
    """Renders the picture of quantised areas band by band, so that little memory is needed beside input and output.

    Args:
        weights: of the preset.
        areas: of the picture.
        quantiser: of the picture.
        colors: of the picture.
        synthesis: one of WIDTHS, the most repair that is used.
        folder: of the networks.

    Returns:
        uint8 (area rows * AREA, area columns * AREA, 3).
    """
    out = np.empty((areas.splits.shape[0] * AREA, areas.splits.shape[1] * AREA, PLANES), np.uint8)
    if synthesis == PLAIN or not areas.repairs.any():  # no strip depends on another
        side_by_side(
            lambda rows: show_strip(weights, areas_of_rows(areas, rows), quantiser, colors, out[rows]), strip_rows(areas)
        )
        return out
    for inner, top, band in decoded_bands(areas, quantiser, weights.centroids, colors):
        outer = areas_of_rows(areas, slice(top, top + band.shape[1]))
        repair_planes(band, outer, quantiser, synthesis, folder)

        def show(rows: slice, planes: np.ndarray = band[:, inner.start - top :], first: int = inner.start) -> None:
            show_planes(planes[:, rows.start - first : rows.stop - first], colors.inverse, out[rows])
            show_layer(areas_of_rows(areas, rows), out[rows])

        side_by_side(show, [slice(y, min(y + 2 * AREA, inner.stop)) for y in range(inner.start, inner.stop, 2 * AREA)])
        del band, show
    return out
