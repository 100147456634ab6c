"""Pretraining of preset `photo`: the raster-encoder in two rounds, the quantiser's centroids, and the synthesis."""

from dataclasses import replace
from pathlib import Path

import torch

from rlcodec.core.files import make_folder
from rlcodec.core.weights_file import save_model
from rlcodec.presets.photo.weights import photo_arrays
from rlcodec.training.data import load_pictures
from rlcodec.training.known_answers import photo_answers
from rlcodec.training.loop import Schedule
from rlcodec.training.options import PretrainOptions
from rlcodec.training.photo import photo_model_of, train_photo_raster
from rlcodec.training.photo_synthesis import export_synthesis, fit_centroids, train_synthesis

RASTER_SCHEDULE = Schedule(steps=3000, batch=8, learning_rate=4e-3)
REFINED_SCHEDULE = Schedule(steps=1500, batch=8, learning_rate=1e-3)
SYNTHESIS_SCHEDULE = Schedule(steps=20_000, batch=8, learning_rate=1e-3)
SHARES = (0.4, 0.2, 0.4)
"""Shares of the limit on wall time: raster-encoder, its refinement, synthesis."""


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
    pictures, device = load_pictures(data), torch.device(options.device)
    out, resume = options.out, options.resume
    make_folder(out)
    parts = [
        replace(
            part,
            batch=options.batch or part.batch,
            steps=min(part.steps, options.steps or part.steps),
            minutes=options.minutes * share if options.minutes else None,
            seed=options.seed,
        )
        for part, share in zip((RASTER_SCHEDULE, REFINED_SCHEDULE, SYNTHESIS_SCHEDULE), SHARES, strict=True)
    ]
    raster = train_photo_raster(pictures, parts[0], out / "raster", resume, device)
    raster = train_photo_raster(pictures, parts[1], out / "refined", resume, device, raster.cpu())
    model = photo_model_of(raster.cpu())
    model = photo_model_of(raster, fit_centroids(model, pictures, options.seed, counted))
    save_model(
        out / "photo.safetensors", photo_arrays(model.nets, model.logs, model.centroids), photo_answers(model, pictures[0])
    )
    export_synthesis(train_synthesis(model, pictures, parts[2], out / "synthesis", resume, device, pool), out)
    return out
