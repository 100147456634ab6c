"""Pretraining of preset `compact`: the auto-encoder as published, then the network that codes its bits."""

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np

from rlcodec.core.files import make_folder, write_bytes
from rlcodec.core.known_answers import known_answers
from rlcodec.core.segment_choice import LATENT_TIERS
from rlcodec.core.weights_file import save_model
from rlcodec.images.color import ColorImage
from rlcodec.presets.compact.encoder import AnalysedPicture
from rlcodec.presets.compact.installed import FILE
from rlcodec.presets.compact.latent_coder import latent_of_stream
from rlcodec.presets.compact.transform import FILES, analyse
from rlcodec.presets.compact.weights import NEIGHBOURS, CompactWeights, weights_from_arrays, weights_to_arrays
from rlcodec.training.compact.autoencoder import export_compact, train_compact
from rlcodec.training.context_net import export_net, probability
from rlcodec.training.data import load_pictures, random_crop, split_pictures
from rlcodec.training.latents import train_latents
from rlcodec.training.options import AutoencoderOptions, Schedule

AUTOENCODER_SCHEDULE = Schedule(steps=200_000, batch=8, learning_rate=1e-3, evaluate_every=500)
LATENTS_SCHEDULE = Schedule(steps=1500, batch=64, learning_rate=4e-3)
LATENTS_SHARE = 0.1
"""Share of the limit on wall time."""
CROP, CROPS_PER_PICTURE = 512, 6
ANSWERED_SIDE = 128


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
    pictures, out = load_pictures(data), options.out
    train, validation = split_pictures(pictures)
    make_folder(out)
    model = train_compact(train, validation, options.run("autoencoder", AUTOENCODER_SCHEDULE, 1 - LATENTS_SHARE))
    for name, graph in export_compact(model).items():
        write_bytes(out / FILES[name], graph)

    steps = min(LATENTS_SCHEDULE.steps, options.steps or LATENTS_SCHEDULE.steps)
    latents_options = replace(options, steps=steps, batch=None, learning_rate=None)
    latents, held_out = (crop_latents(part, out, options.seed) for part in (train, validation))
    run = latents_options.run("latents", LATENTS_SCHEDULE, LATENTS_SHARE)
    net = train_latents(latents, held_out, run, NEIGHBOURS, grid=1)
    ones = (latents > 0).sum((0, 2, 3), keepdims=True)[0]
    frequencies = probability(ones, latents[:, 0].size - ones)
    arrays = weights_to_arrays(export_net(net, 1), frequencies, out)
    save_model(out / FILE, arrays, compact_answers(weights_from_arrays(arrays, out), pictures[0]))
    return out


def crop_latents(pictures: list[np.ndarray], folder: Path, seed: int) -> np.ndarray:
    """Latents of random crops by an exported analysis transform.

    Args:
        pictures: uint8 (h, w, 3).
        folder: of the transform.
        seed: of the places of the crops.

    Returns:
        int8 (crops, channels, rows, columns), -1 or +1.
    """
    rng = np.random.default_rng(seed)
    side = min(CROP, *(min(picture.shape[:2]) for picture in pictures))
    return np.stack([analyse(random_crop(p, side, rng), folder) for p in pictures for _ in range(CROPS_PER_PICTURE)])


def compact_answers(weights: CompactWeights, picture: np.ndarray) -> dict[str, str]:
    """Known answers of preset `compact`: streams of a part of a picture, with all bits in each tier.

    Args:
        weights: of the preset.
        picture: uint8 (h, w, 3), whose top left part is coded.

    Returns:
        Metadata of the weights file.
    """
    part = np.ascontiguousarray(picture[:ANSWERED_SIDE, :ANSWERED_SIDE])
    source = AnalysedPicture(weights, ColorImage(part, gray=False))
    streams = [source.encode(source.latent.size, np.full(len(source.latent), tier)).data for tier in range(LATENT_TIERS)]
    return known_answers(streams, functools.partial(latent_of_stream, weights))
