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

REPEATING = 0.25
"""Share of an area's pixels that equal the one to the left or above, from which on the raster-encoder is tried."""
FEWEST_REPEATING = 1 / 64
"""Share of a picture's areas that must be so."""
SAMPLED_ROWS = 4
"""One row of so many is looked at."""
MASK_RATE = 4
"""A counter of the mask moves by 1 / 2**MASK_RATE of the way."""
MAX_LENGTH_BYTES = 5


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


def repeating_areas(picture: np.ndarray) -> np.ndarray:
    """Areas in which many pixels equal a neighbour.

    Args:
        picture: uint8 (height, width, 3).

    Returns:
        bool (area rows, area columns); all are False if there are few.
    """
    rows, columns = (length // AREA for length in padded_size(*picture.shape[:2]))
    none = np.zeros((rows, columns), bool)
    if picture.shape[0] < SAMPLED_ROWS or picture.shape[1] < AREA // 2:
        return none
    here, above = picture[1::SAMPLED_ROWS], picture[: picture.shape[0] - 1 : SAMPLED_ROWS]
    equal = (here == above).all(2)
    equal[:, 1:] |= (here[:, 1:] == here[:, :-1]).all(2)
    padded = np.zeros((rows * (AREA // SAMPLED_ROWS), columns * AREA), np.float32)
    padded[: len(equal), : equal.shape[1]] = equal
    counts = padded.reshape(rows, AREA // SAMPLED_ROWS, columns, AREA).sum((1, 3))
    looked_at = np.ones_like(equal, np.float32)
    padded[:] = 0
    padded[: len(equal), : equal.shape[1]] = looked_at
    found = counts >= REPEATING * np.maximum(padded.reshape(rows, AREA // SAMPLED_ROWS, columns, AREA).sum((1, 3)), 1)
    return found if found.mean() >= FEWEST_REPEATING else none


def raster_bits(picture: np.ndarray) -> np.ndarray | None:
    """Bits that the raster-encoder takes for areas, float64 (area rows, area columns); infinity where it was not tried.

    Args:
        picture: uint8 (height, width, 3).

    Returns:
        None if it is worth a trial nowhere.
    """
    candidates = repeating_areas(picture)
    if not candidates.any():
        return None
    return np.where(candidates, bits_of_areas(picture, pixel_mask(candidates, picture.shape[:2]), AREA), np.inf)


def pixel_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask of areas as one of pixels, uint8 of a size (height, width)."""
    return mask.repeat(AREA, 0).repeat(AREA, 1)[: size[0], : size[1]].astype(np.uint8)


def encode_layer(picture: np.ndarray, mask: np.ndarray, tier: int, workers: int | None = None) -> RasterLayer:
    """Codes the pixels of areas.

    Args:
        picture: uint8 (height, width, 3).
        mask: bool (area rows, area columns).
        tier: of the predictor.
        workers: threads; as many as there are cores if None.
    """
    coder = RangeCoder()
    code_mask(coder, mask.copy())
    mask_bytes, chosen = coder.finish(), pixel_mask(mask, picture.shape[:2])
    data = write_leb128(len(mask_bytes)) + mask_bytes + encode_masked(picture, chosen, tier, workers)
    return RasterLayer(data, mask, _whole_areas(np.where(chosen[:, :, None], picture, np.uint8(0))))


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
        return RasterLayer(bytes(data), mask, np.zeros((rows * AREA, columns * AREA, 3), np.uint8))
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
