"""Pretraining of preset `photo`: the raster-encoder, and then the networks that repair what it decodes."""

import functools
from pathlib import Path

import numpy as np

from rlcodec.core.files import make_folder, write_bytes
from rlcodec.core.known_answers import known_answers
from rlcodec.core.weights_file import save_model
from rlcodec.images.color import ColorImage
from rlcodec.presets.photo.allocation import ALLOCATIONS
from rlcodec.presets.photo.decoder import decoded_values
from rlcodec.presets.photo.encoder import encode_at_gain
from rlcodec.presets.photo.repair import PLAIN
from rlcodec.presets.photo.weights import PhotoWeights, weights_to_arrays
from rlcodec.training.data import load_pictures, split_pictures
from rlcodec.training.options import PretrainOptions, Schedule
from rlcodec.training.photo.raster import CROP, train_raster
from rlcodec.training.photo.synthesis import decoded_crops, export_synthesis, train_synthesis

CODED_PICTURES = 1500
REPAIR_SCHEDULE = Schedule(steps=60_000, batch=8, learning_rate=5e-4)
ROUNDED_SCHEDULE = Schedule(steps=8000, batch=8, learning_rate=1e-4)
"""Of the repair networks in floats, and then as integers compute them."""
REPAIR_SHARE = 0.85
"""Share of the limit on wall time that the first of both has."""
HELD_BATCHES = 24
"""Batches of crops that the repair networks are evaluated on."""
ANSWERED_SIDE = 96
ANSWERS = (("psnr", 100, "context"), ("ssimulacra2", 200, "network"), ("ms-ssim", 330, "table"))
"""Kind of distortion, gain and predictor of each known answer."""


def pretrain_photo(data: Path, options: PretrainOptions, pool: int = 6000, side: int = CROP) -> Path:
    """Trains and exports preset `photo`.

    Args:
        data: folder of pictures.
        options: folder, device and limits; `steps` limits the pictures that the raster-encoder codes and the steps of the
            networks, `minutes` the networks alone.
        pool: number of crops that the networks are trained on.
        side: of the crops that the raster-encoder codes, in pixels.

    Returns:
        The folder of the exported files.

    Raises:
        DataError: the pictures are unusable.
    """
    pictures, out = load_pictures(data), options.out
    train, validation = split_pictures(pictures)
    make_folder(out)
    coded = min(CODED_PICTURES, options.steps or CODED_PICTURES)
    weights = train_raster(train, coded, options.seed, out / "raster.npz", options.resume, side)
    save_model(out / "photo.safetensors", weights_to_arrays(weights), photo_answers(weights, pictures[0]))
    runs = options.run("repair", REPAIR_SCHEDULE, REPAIR_SHARE), options.run("rounded", ROUNDED_SCHEDULE, 1 - REPAIR_SHARE)
    rng = np.random.default_rng(options.seed)
    crops = decoded_crops(weights, train, rng, pool)
    held_out = decoded_crops(weights, validation, rng, HELD_BATCHES * runs[0].schedule.batch)
    synthesis = train_synthesis(crops, held_out, runs, rng)
    for name, graph in export_synthesis(synthesis).items():
        write_bytes(out / f"photo-{name}.onnx", graph)
    return out


def photo_answers(weights: PhotoWeights, picture: np.ndarray) -> dict[str, str]:
    """Known answers of preset `photo`: streams of a part of a picture under each allocation and by each predictor.

    Args:
        weights: of the preset.
        picture: uint8 (h, w, 3), whose top left part is coded.

    Returns:
        Metadata of the weights file.
    """
    part = ColorImage(np.ascontiguousarray(picture[:ANSWERED_SIDE, :ANSWERED_SIDE]), gray=False)
    streams = [
        encode_at_gain(weights, part, gain, ALLOCATIONS[kind], PLAIN, predictor=predictor).data
        for kind, gain, predictor in ANSWERS
    ]
    return known_answers(streams, functools.partial(decoded_values, weights))
