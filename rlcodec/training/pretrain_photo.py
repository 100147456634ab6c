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
from rlcodec.training.photo import photo_model_of, train_photo_raster
from rlcodec.training.photo_synthesis import export_synthesis, fit_centroids, train_synthesis

RASTER_SCHEDULE = Schedule(steps=3000, batch=8, learning_rate=4e-3)
REFINED_SCHEDULE = Schedule(steps=1500, batch=8, learning_rate=1e-3)
SYNTHESIS_SCHEDULE = Schedule(steps=20_000, batch=8, learning_rate=1e-3)
WHOLE_SCHEDULE = Schedule(steps=1 << 30, batch=8, learning_rate=0.0)
"""Default limits of the whole pretraining; each part has its own learning rate."""
SHARES = (0.4, 0.2, 0.4)
"""Shares of the given minutes: first round of the raster-encoder, second round, synthesis."""


def pretrain_photo(
    data: Path, out: Path, schedule: Schedule, resume: bool, device: str, counted: int = 300, pool: int = 3000
) -> Path:
    """Trains and exports all weights of the preset.

    Args:
        data: folder of pictures.
        out: folder for checkpoints and exported files.
        schedule: minutes of all parts together; batch, seed and maximum number of steps of each part.
        resume: continue from checkpoints.
        device: "cpu" or "cuda".
        counted: number of crops that the centroids are fitted to.
        pool: number of crops that the synthesis is trained on.

    Returns:
        The folder with the exported files.

    Raises:
        DataError: the data folder is unusable.
    """
    pictures, where = load_pictures(data), torch.device(device)
    make_folder(out)
    parts = [
        replace(
            part,
            batch=schedule.batch,
            steps=min(part.steps, schedule.steps),
            minutes=schedule.minutes * share if schedule.minutes else None,
            seed=schedule.seed,
        )
        for part, share in zip((RASTER_SCHEDULE, REFINED_SCHEDULE, SYNTHESIS_SCHEDULE), SHARES, strict=True)
    ]
    raster = train_photo_raster(pictures, parts[0], out / "raster", resume, where)
    raster = train_photo_raster(pictures, parts[1], out / "refined", resume, where, raster.cpu())
    model = photo_model_of(raster.cpu())
    model = photo_model_of(raster, fit_centroids(model, pictures, schedule.seed, counted))
    save_model(
        out / "photo.safetensors", photo_arrays(model.nets, model.logs, model.centroids), photo_answers(model, pictures[0])
    )
    export_synthesis(train_synthesis(model, pictures, parts[2], out / "synthesis", resume, where, pool), out)
    return out
