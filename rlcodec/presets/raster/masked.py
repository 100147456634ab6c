"""Some pixels of a picture, coded by the raster-encoder: a layer of a picture of another preset.

The bytes are two of the fingerprint of the weights, the number of the settings, and then the payload as of a picture of several
strips, whose pixels outside of the mask are left out.
"""

import numpy as np

from rlcodec.core.leb128 import read_leb128, write_leb128
from rlcodec.core.range_coder import COST_UNIT, RangeCoder
from rlcodec.errors import UnknownModelError
from rlcodec.parallel.threads import parts_of, side_by_side
from rlcodec.presets.raster.installed import installed_weights
from rlcodec.presets.raster.model import PIXELS, PIXELS_OR_SAMPLES, PRICED_COLUMNS
from rlcodec.presets.raster.planes import ORDERS
from rlcodec.presets.raster.settings import MODES, PREDICTORS, RasterSettings
from rlcodec.presets.raster.strips import (
    MAX_NUMBER_BYTES,
    TRIED_PIXELS,
    CodedRaster,
    CodedStrip,
    StripChoice,
    code_pixels,
    decode_strip,
    encode_strip,
    split_payload,
    strip_rows_for,
    tried_cost,
)
from rlcodec.presets.raster.weights import RasterWeights

TRIED_METHODS = (PIXELS, PIXELS_OR_SAMPLES)
TRIAL = RasterSettings("RGB", "table", 0)
"""Settings by which encoders try."""


def bits_of_areas(picture: np.ndarray, mask: np.ndarray, side: int, workers: int | None = None) -> np.ndarray:
    """About the bits that the pixels of a mask take, by areas, as a fast predictor codes them.

    Args:
        picture: uint8 (height, width, 3).
        mask: uint8 (height, width), 0 where pixels are left out.
        side: of areas, in pixels, a multiple of PRICED_COLUMNS.
        workers: threads; as many as there are cores if None.

    Returns:
        float64 (area rows, area columns).
    """
    weights, (height, width) = installed_weights(), mask.shape
    columns = -(-width // PRICED_COLUMNS)

    def run(part: slice) -> np.ndarray:
        costs = np.zeros((part.stop - part.start, columns), np.int64)
        pixels, chosen = np.ascontiguousarray(picture[part]), np.ascontiguousarray(mask[part])
        choice = _best_choice(weights, pixels, chosen)
        code_pixels(weights, RangeCoder(), pixels, TRIAL, choice, TRIAL.tier, chosen, costs)
        return costs

    costs = np.concatenate(side_by_side(run, parts_of(height, _strip_rows(mask)), workers))
    rows, columns = -(-height // side), -(-width // side)
    padded = np.zeros((rows * side, columns * side // PRICED_COLUMNS))
    padded[:height, : costs.shape[1]] = costs
    return padded.reshape(rows, side, columns, -1).sum((1, 3)) / COST_UNIT


def encode_masked(
    picture: np.ndarray, mask: np.ndarray, tier: int, max_error: int = 0, workers: int | None = None
) -> tuple[bytes, np.ndarray]:
    """Codes the pixels of a mask.

    Args:
        picture: uint8 (height, width, 3).
        mask: uint8 (height, width), 0 where pixels are left out.
        tier: of the predictor.
        max_error: largest difference of a sample from what is coded.
        workers: threads; as many as there are cores if None.

    Returns:
        The bytes, and what decoders show, as `decode_masked`.
    """
    weights, pixels = installed_weights(), picture
    if np.array_equal(picture[..., 0], picture[..., 1]) and np.array_equal(picture[..., 0], picture[..., 2]):
        pixels = picture[..., :1]
    settings = RasterSettings(MODES[0 if pixels.shape[2] == 1 else 2], PREDICTORS[tier], max_error)

    def run(part: slice) -> CodedStrip:
        own, chosen = np.ascontiguousarray(pixels[part]), np.ascontiguousarray(mask[part])
        return encode_strip(weights, own, settings, _best_choice(weights, own, chosen), chosen)

    rows = _strip_rows(mask)
    coded = CodedRaster(tuple(side_by_side(run, parts_of(len(mask), rows), workers)), rows, False)
    data = weights.fingerprint + write_leb128(settings.to_number()) + coded.payload()
    if max_error:
        return data, decode_masked(np.frombuffer(data, np.uint8), len(data), mask.shape, mask, workers)
    return data, np.where(mask[:, :, None] != 0, picture, np.uint8(0))


def decode_masked(
    data: np.ndarray, length: int, size: tuple[int, int], mask: np.ndarray, workers: int | None = None
) -> np.ndarray:
    """Decodes the pixels of a mask as far as the bytes go.

    Args:
        data: uint8, the bytes that are there.
        length: how many there should be.
        size: height and width of the picture in pixels.
        mask: as it was for encoding.
        workers: threads; as many as there are cores if None.

    Returns:
        uint8 (height, width, 3), zeros where pixels were left out. Those that the bytes do not tell have the colour of the one
        above.

    Raises:
        DamagedStreamError: a value is impossible.
        UnknownModelError: other weights coded them.
    """
    weights, (height, width) = installed_weights(), size
    picture = np.zeros((height, width, 3), np.uint8)
    own = weights.fingerprint
    number = read_leb128(data, len(own), MAX_NUMBER_BYTES)
    if not number.complete:
        return picture
    if bytes(data[: len(own)]) != own:
        raise UnknownModelError("the raster layer was coded with other weights of preset raster")
    settings = RasterSettings.from_number(number.value)
    parts, rows = split_payload(data[number.stop :], height, width)

    def run(index: int) -> None:
        data, length = parts[index]
        part = slice(index * rows, min((index + 1) * rows, height))
        shape = part.stop - part.start, width
        strip = decode_strip(weights, data, length, shape, settings, np.ascontiguousarray(mask[part]))
        picture[part] = strip.pixels[..., :3]
        fill_masked(picture[part], mask[part], strip.known)

    side_by_side(run, range(len(parts)), workers)
    return picture


def fill_masked(pixels: np.ndarray, mask: np.ndarray, known: int) -> None:
    """Gives the pixels of a strip's mask that are not known, from the `known`-th on, the colour of the one above."""
    width = mask.shape[1]
    for y in range(known // width, len(mask)):
        unknown = mask[y] != 0
        if y == known // width:
            unknown[: known % width] = False
        if y and unknown.any():
            pixels[y, unknown] = pixels[y - 1, unknown]


def _strip_rows(mask: np.ndarray) -> int:
    height, width = mask.shape
    return strip_rows_for(height, width, PIXELS)


def _best_choice(weights: RasterWeights, pixels: np.ndarray, mask: np.ndarray) -> StripChoice:
    """The choice by whose method the part of a strip with the most pixels of the mask takes the fewest bits.

    The order of planes is the first by differences, if there are colours.
    """
    rows = min(max(1, TRIED_PIXELS // mask.shape[1]), len(mask))
    counts = np.cumsum([0, *mask.sum(1, dtype=np.int64)])
    first = int(np.argmax(counts[rows:] - counts[:-rows]))
    part, chosen = np.ascontiguousarray(pixels[first : first + rows]), mask[first : first + rows]
    order = min(1, len(ORDERS[pixels.shape[2]]) - 1)
    choices = [StripChoice(method, 0, order) for method in TRIED_METHODS]
    return min(choices, key=lambda choice: tried_cost(weights, part, TRIAL, choice, mask=chosen))
