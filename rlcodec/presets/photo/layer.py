"""The raster layer of a picture: areas of text, lines and flat colours, which the raster-encoder codes pixel by pixel.

Transforms code such areas badly: their edges have all frequencies. The raster-encoder predicts each pixel from those around it
and from where they were seen before, and is exact. The encoder compares, for each area, the estimated squared error plus
weighted bits of the transform with the weighted bits of the raster-encoder.
"""

from dataclasses import dataclass

import numpy as np

from rlcodec.core.leb128 import read_leb128, write_leb128
from rlcodec.core.range_coder import PROBABILITY_ONE, RangeCoder
from rlcodec.errors import DamagedStreamError
from rlcodec.presets.photo.transform import AREA, padded_size
from rlcodec.presets.raster.masked import bits_of_areas, decode_masked, encode_masked

LEAST_EQUAL, MOST_SMALL = 0.25, 0.05
"""Areas in which at least this share of pixels equal the one to the left, and at most this share differ a little from it, are
no photographs: there, the raster-encoder is tried. In smooth photographs many pixels are equal too, but others differ a
little."""
SMALL_DIFFERENCE = 4
LARGE_DIFFERENCE, LEAST_LARGE = 16, 0.02
"""Areas with edges are those in which at least this share of pixels differ by more from the one to the left."""
FEWEST_EDGED, LEAST_EDGED = 1 / 64, 1 / 20
"""So many of a picture's areas must look drawn and have edges, and so many of those that look drawn: flat backgrounds alone are
no drawings."""
SAMPLED_ROWS = 4
"""One row of so many is looked at."""
MASK_RATE = 4
"""A counter of the mask moves by 1 / 2**MASK_RATE of the way."""
MAX_LENGTH_BYTES, COLORS = 5, 3
STEPS_OF_ERROR, MOST_ERROR = 6, 4
"""The largest error of a sample grows by 1 for so many levels of the quantiser's step, up to this. Larger errors spread over
flat areas, and cost more quality than they save bytes."""
RASTER_WEIGHT = 0.5
"""Factor of the bits of the raster-encoder when it is compared with the transform, which does more harm to drawings than
squared errors tell."""


@dataclass(frozen=True, eq=False)
class RasterLayer:
    """A raster layer.

    Attributes:
        data: its bytes in the payload.
        mask: bool (area rows, area columns), the areas that it holds.
        pixels: uint8 (rows, columns, 3), whole areas; zeros in the others.
    """

    data: bytes
    mask: np.ndarray
    pixels: np.ndarray


def drawn_areas(picture: np.ndarray) -> np.ndarray:
    """Areas that look like text, lines and flat colours.

    Args:
        picture: uint8 (height, width, 3).

    Returns:
        bool (area rows, area columns); all are False if few of them have edges.
    """
    rows, columns = (length // AREA for length in padded_size(*picture.shape[:2]))
    green = np.pad(
        picture[::SAMPLED_ROWS, :, 1],
        ((0, rows * AREA // SAMPLED_ROWS - -(-picture.shape[0] // SAMPLED_ROWS)), (0, columns * AREA - picture.shape[1])),
        "edge",
    ).astype(np.int16)
    differences = np.abs(np.diff(green, axis=1, prepend=green[:, :1]))

    def share(chosen: np.ndarray) -> np.ndarray:
        return chosen.reshape(rows, AREA // SAMPLED_ROWS, columns, AREA).mean((1, 3))

    equal = differences == 0
    found = (share(equal) >= LEAST_EQUAL) & (share(differences <= SMALL_DIFFERENCE) - share(equal) <= MOST_SMALL)
    edged = found & (share(differences > LARGE_DIFFERENCE) >= LEAST_LARGE)
    return found if edged.sum() >= max(FEWEST_EDGED * found.size, LEAST_EDGED * found.sum(), 1) else np.zeros_like(found)


def raster_bits(picture: np.ndarray, workers: int | None = None) -> np.ndarray | None:
    """Bits that the raster-encoder takes for areas, float64 (area rows, area columns); infinity where it was not tried.

    Args:
        picture: uint8 (height, width, 3).
        workers: threads; as many as there are cores if None.

    Returns:
        None if it is worth a trial nowhere.
    """
    candidates = drawn_areas(picture)
    if not candidates.any():
        return None
    return np.where(candidates, bits_of_areas(picture, pixel_mask(candidates, picture.shape[:2]), AREA, workers), np.inf)


def largest_error(step: float) -> int:
    """The largest error of the raster layer's samples at a quantiser's step."""
    return min(int(step / STEPS_OF_ERROR), MOST_ERROR)


def pixel_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask of areas as one of pixels, uint8 of a size (height, width)."""
    return mask.repeat(AREA, 0).repeat(AREA, 1)[: size[0], : size[1]].astype(np.uint8)


def encode_layer(
    picture: np.ndarray, mask: np.ndarray, tier: int, max_error: int = 0, workers: int | None = None
) -> RasterLayer:
    """Codes the pixels of areas.

    Args:
        picture: uint8 (height, width, 3).
        mask: bool (area rows, area columns).
        tier: of the predictor.
        max_error: largest difference of a sample from what is coded.
        workers: threads; as many as there are cores if None.
    """
    coder = RangeCoder()
    code_mask(coder, mask.copy())
    mask_bytes, chosen = coder.finish(), pixel_mask(mask, picture.shape[:2])
    coded, shown = encode_masked(picture, chosen, tier, max_error, workers)
    return RasterLayer(write_leb128(len(mask_bytes)) + mask_bytes + coded, mask, _whole_areas(shown))


def decode_layer(data: np.ndarray, length: int, size: tuple[int, int], workers: int | None = None) -> RasterLayer:
    """Decodes a layer as far as its bytes go.

    Args:
        data: uint8, the bytes that are there.
        length: of the whole layer in bytes.
        size: height and width of the picture in pixels.
        workers: threads; as many as there are cores if None.

    Raises:
        DamagedStreamError: a value is impossible.
        UnknownModelError: it was coded with other weights.
    """
    rows, columns = (side // AREA for side in padded_size(*size))
    mask, number = np.zeros((rows, columns), bool), read_leb128(data, 0, MAX_LENGTH_BYTES)
    start = number.stop + number.value
    if not number.complete or start > length:
        if start > length and number.complete:
            raise DamagedStreamError(f"the mask of the raster layer has {number.value} of {length} bytes")
        return RasterLayer(bytes(data), mask, np.zeros((rows * AREA, columns * AREA, COLORS), np.uint8))
    coder = RangeCoder(data[number.stop : start], number.value)
    code_mask(coder, mask)
    pixels = decode_masked(data[start:], length - start, size, pixel_mask(mask, size), workers)
    return RasterLayer(bytes(data), mask, _whole_areas(pixels))


def code_mask(coder: RangeCoder, mask: np.ndarray) -> None:
    """Codes a mask in raster order, by the areas to the left, above, and above to the right; decoding overwrites it."""
    chances = [PROBABILITY_ONE // 2] * 8
    known = np.zeros((mask.shape[0] + 1, mask.shape[1] + 2), bool).tolist()
    for y, row in enumerate(mask.tolist(), 1):
        for x, bit in enumerate(row, 1):
            at = known[y][x - 1] + 2 * known[y - 1][x] + 4 * known[y - 1][x + 1]
            decided = coder.code(chances[at], bit)
            chances[at] += ((PROBABILITY_ONE - 64 if decided else 64) - chances[at]) >> MASK_RATE
            known[y][x] = bool(decided)
    mask[:] = np.array(known)[1:, 1:-1]


def _whole_areas(pixels: np.ndarray) -> np.ndarray:
    rows, columns = padded_size(*pixels.shape[:2])
    return np.pad(pixels, ((0, rows - pixels.shape[0]), (0, columns - pixels.shape[1]), (0, 0)), "edge")
