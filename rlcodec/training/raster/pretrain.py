"""Pretraining of preset `raster`: trains and exports the states in which its model begins."""

import functools
from pathlib import Path

import numpy as np

from rlcodec.core.files import make_folder
from rlcodec.core.known_answers import known_answers
from rlcodec.core.weights_file import save_model
from rlcodec.errors import DataError
from rlcodec.presets.raster.coding import decoded_pixels, encode_picture
from rlcodec.presets.raster.settings import PREDICTORS
from rlcodec.presets.raster.weights import RasterWeights, weights_to_arrays
from rlcodec.training.data import load_images, load_pictures
from rlcodec.training.options import PretrainOptions
from rlcodec.training.raster.drawings import draw_screen
from rlcodec.training.raster.model import CROP, train_model
from rlcodec.training.raster.options import RasterPretrainOptions

CODED_PICTURES = 400
ANSWERED_SIDE, ANSWERED_SCREEN = 40, 64
"""Sides of the pictures of known answers, in pixels."""


def pretrain_raster(data: Path, options: PretrainOptions, side: int = CROP) -> Path:
    """Trains and exports preset `raster`.

    Args:
        data: folder of photographs.
        options: folder, seed, `steps`, the number of photographs that train the counters, and `small`.
        side: of the crops, in pixels.

    Returns:
        The weights file.

    Raises:
        DataError: the pictures are unusable.
    """
    pictures = load_pictures(data)
    folder = options.small if isinstance(options, RasterPretrainOptions) else None
    small = None if folder is None else load_images(folder)
    if small is not None and small.ndim != 3:
        raise DataError(f"{folder}: its pictures are not gray")
    weights = train_model(pictures, small, options.steps or CODED_PICTURES, options.seed, side)
    make_folder(options.out)
    path = options.out / "raster.safetensors"
    save_model(path, weights_to_arrays(weights), raster_answers(weights, pictures[0]))
    return path


def raster_answers(weights: RasterWeights, picture: np.ndarray) -> dict[str, str]:
    """Known answers of preset `raster`: parts of a photograph and a drawn screen, by each predictor.

    Args:
        weights: of the preset.
        picture: uint8 (h, w, 3).

    Returns:
        Metadata of the weights file.
    """
    part = np.ascontiguousarray(picture[:ANSWERED_SIDE, :ANSWERED_SIDE])
    screen = draw_screen(ANSWERED_SCREEN, np.random.default_rng(0))
    streams = [encode_picture(weights, pixels, predictor).data for predictor in PREDICTORS for pixels in (part, screen)]
    streams.append(encode_picture(weights, part, PREDICTORS[0], max_error=2).data)
    return known_answers(streams, functools.partial(decoded_pixels, weights))
