"""Pretraining of preset `compact`: the auto-encoder as published, then the network that codes its bits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from rlcodec.core.files import make_folder
from rlcodec.core.weights_file import save_model
from rlcodec.presets.compact.installed import FILE
from rlcodec.presets.compact.transform import analyse
from rlcodec.presets.compact.weights import NEIGHBOURS, weights_from_arrays, weights_to_arrays
from rlcodec.training.compact import HELD_OUT, export_compact, train_compact
from rlcodec.training.data import load_pictures
from rlcodec.training.known_answers import compact_answers
from rlcodec.training.loop import Schedule
from rlcodec.training.options import AutoencoderOptions
from rlcodec.training.raster import export_net, probability, train_latents

SCHEDULE = Schedule(steps=200_000, batch=8, learning_rate=5e-5)
LATENTS_SCHEDULE = Schedule(steps=1500, batch=64, learning_rate=4e-3)
LATENTS_SHARE = 0.1
"""Share of the limit on wall time."""
CROP, CROPS_A_PICTURE = 512, 6


def pretrain_compact(data: Path, options: AutoencoderOptions) -> Path:
    """Trains and exports preset `compact`.

    Args:
        data: folder of pictures.
        options: schedule of the auto-encoder, folder and device; `minutes` limits all parts together.

    Returns:
        The folder of the exported files.

    Raises:
        DataError: the pictures are unusable.
    """
    pictures, device = load_pictures(data), torch.device(options.device)
    out, resume, schedule = options.out, options.resume, options.schedule(SCHEDULE)
    make_folder(out)
    whole = schedule.minutes
    latents_schedule = replace(LATENTS_SCHEDULE, seed=schedule.seed, steps=min(LATENTS_SCHEDULE.steps, schedule.steps))
    if whole:
        schedule = replace(schedule, minutes=whole * (1 - LATENTS_SHARE))
        latents_schedule = replace(latents_schedule, minutes=whole * LATENTS_SHARE)
    export_compact(train_compact(pictures, schedule, out / "autoencoder", resume, device), out)
    train, held = (crop_latents(part, out, schedule.seed) for part in (pictures[:-HELD_OUT], pictures[-HELD_OUT:]))
    net = train_latents(train, held, latents_schedule, out / "latents", resume, device, around=NEIGHBOURS, grid=1)
    ones = (train > 0).sum((0, 2, 3), keepdims=True)[0]
    frequency = probability(ones, train[:, 0].size - ones)
    path, arrays = out / FILE, weights_to_arrays(export_net(net, None, 1, 1.0, 1.0, 1), frequency, out)
    save_model(path, arrays, compact_answers(weights_from_arrays(arrays, out), pictures[0]))
    return out


def crop_latents(pictures: list[np.ndarray], folder: Path, seed: int) -> np.ndarray:
    """Latents of random crops, int8 (n, channels, rows, columns), by the exported analysis transform in a folder."""
    rng = np.random.default_rng(seed)
    out = []
    for picture in pictures:
        side = min(CROP, *picture.shape[:2])
        for _ in range(CROPS_A_PICTURE):
            y, x = (int(rng.integers(0, n - side + 1)) for n in picture.shape[:2])
            out.append(analyse(picture[y : y + side, x : x + side], folder))
    return np.stack(out)
