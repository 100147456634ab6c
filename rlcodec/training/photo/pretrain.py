"""Pretraining of preset `photo`: the raster-encoder in two rounds, the quantiser's centroids, and the synthesis."""

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np

from rlcodec.core.files import make_folder, write_bytes
from rlcodec.core.known_answers import known_answers
from rlcodec.core.weights_file import save_model
from rlcodec.images.color import ColorImage
from rlcodec.presets.photo.decoder import decoded_values
from rlcodec.presets.photo.encoder import encode_at_gain
from rlcodec.presets.photo.repair import PLAIN
from rlcodec.presets.photo.weights import PhotoWeights, weights_to_arrays
from rlcodec.training.data import load_pictures, split_pictures
from rlcodec.training.options import PretrainOptions, Schedule, TrainingRun
from rlcodec.training.photo.raster import train_photo_raster, weights_of
from rlcodec.training.photo.synthesis import export_synthesis, fit_centroids, train_synthesis

RASTER_SCHEDULE = Schedule(steps=3000, batch=8, learning_rate=4e-3, evaluate_every=200)
REFINED_SCHEDULE = Schedule(steps=1500, batch=8, learning_rate=1e-3, evaluate_every=200)
SYNTHESIS_SCHEDULE = Schedule(steps=20_000, batch=8, learning_rate=1e-3, evaluate_every=250)
RASTER_SHARE, REFINED_SHARE, SYNTHESIS_SHARE = 0.4, 0.2, 0.4
"""Shares of the limit on wall time."""
ANSWERED_SIDE, ANSWERED_GAINS = 64, (6, 30)


def pretrain_photo(data: Path, options: PretrainOptions, counted: int = 300, pool: int = 3000) -> Path:
    """Trains and exports preset `photo`.

    Args:
        data: folder of pictures.
        options: folder, device and limits; `minutes` limits all parts together, `steps` each of them.
        counted: number of crops that the centroids are fitted to.
        pool: number of crops that the synthesis is trained on.

    Returns:
        The folder of the exported files.

    Raises:
        DataError: the pictures are unusable.
    """

    def run_of(name: str, schedule: Schedule, share: float) -> TrainingRun:
        steps = min(schedule.steps, options.steps or schedule.steps)
        return replace(options, steps=steps).run(name, schedule, share)

    pictures, out = load_pictures(data), options.out
    train, validation = split_pictures(pictures)
    make_folder(out)
    raster = train_photo_raster(train, validation, run_of("raster", RASTER_SCHEDULE, RASTER_SHARE))
    raster = train_photo_raster(train, validation, run_of("refined", REFINED_SCHEDULE, REFINED_SHARE), raster.cpu())
    weights = weights_of(raster.cpu())
    weights = weights_of(raster, fit_centroids(weights, pictures, options.seed, counted))
    arrays = weights_to_arrays(weights.nets, weights.logs, weights.centroids)
    save_model(out / "photo.safetensors", arrays, photo_answers(weights, pictures[0]))
    synthesis = train_synthesis(weights, train, validation, run_of("synthesis", SYNTHESIS_SCHEDULE, SYNTHESIS_SHARE), pool)
    for name, graph in export_synthesis(synthesis).items():
        write_bytes(out / f"photo-{name}.onnx", graph)
    return out


def photo_answers(weights: PhotoWeights, picture: np.ndarray) -> dict[str, str]:
    """Known answers of preset `photo`: streams of a part of a picture at two gains.

    Args:
        weights: of the preset.
        picture: uint8 (h, w, 3), whose top left part is coded.

    Returns:
        Metadata of the weights file.
    """
    part = ColorImage(np.ascontiguousarray(picture[:ANSWERED_SIDE, :ANSWERED_SIDE]), gray=False)
    streams = [encode_at_gain(weights, part, gain, PLAIN).data for gain in ANSWERED_GAINS]
    return known_answers(streams, functools.partial(decoded_values, weights))
