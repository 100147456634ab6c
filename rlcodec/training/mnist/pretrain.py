"""Pretraining of preset `mnist`, from a data folder to the weights file that the runtime loads."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rlcodec.core.integer_conv import PIXEL_MAX, STRIDE
from rlcodec.core.known_answers import known_answers
from rlcodec.core.segment_choice import CONTEXT, LM, TABLE
from rlcodec.core.weights_file import WEIGHTS, layers_from_arrays, layers_to_arrays, load_arrays, save_model, tuple_to_arrays
from rlcodec.errors import DataError
from rlcodec.presets.mnist.bilevel.context import SELECTED
from rlcodec.presets.mnist.encoder import constant_choices, encode_with
from rlcodec.presets.mnist.pixel_coder import RECON_FLOOR, SUMMARIES
from rlcodec.presets.mnist.session import decoded_pixels
from rlcodec.presets.mnist.weights import MnistWeights, weights_from_arrays
from rlcodec.training.context_net import balanced_tree, export_net
from rlcodec.training.data import load_images
from rlcodec.training.latents import train_latents
from rlcodec.training.mnist import autoencoder, pixels, sources, transformer
from rlcodec.training.mnist._pixels import ROW_ON
from rlcodec.training.mnist.options import MnistRasterOptions
from rlcodec.training.mnist.reconstructions import AnalysedImages, fit_fill
from rlcodec.training.mnist.source_search import counted_prior, find_sources, near_counts, smooth_prior
from rlcodec.training.mnist.static_tables import latent_frequencies, pixel_tables
from rlcodec.training.options import AutoencoderOptions, Schedule, TrainingRun
from rlcodec.training.quantise import PIXEL_SCALE

LATENTS_SCHEDULE = Schedule(steps=4_000, batch=256, learning_rate=4e-3)
TRANSFORMS_FILE, WEIGHTS_FILE = "transforms.safetensors", "mnist.safetensors"
VALIDATION_IMAGES, VALIDATION_SOURCES = 2000, 500
COUNTED_IMAGES, FILL_IMAGES, ANSWERED_IMAGES = 20_000, 5000, 2
SKIPPED_SOURCES = 8000
SEARCHED_IMAGES, FIRST_SEARCHED_IMAGES = 58_000, 600
"""Training images that are searched for bilevel sources, and those searched first, which give the prior for the others."""


def split_validation(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Splits images: the last `VALIDATION_IMAGES`, but at most a tenth, are for validation.

    Raises:
        DataError: too few images.
    """
    held_out = min(VALIDATION_IMAGES, len(images) // 10)
    if not held_out:
        raise DataError(f"{len(images)} images are too few to train on; at least 10 are needed")
    return images[:-held_out], images[-held_out:]


def pretrain_autoencoder(data: Path, options: AutoencoderOptions) -> Path:
    """Trains and exports the transforms of preset `mnist`.

    Args:
        data: images, as for `load_images`.
        options: schedule, folder and device.

    Returns:
        The file that was written.

    Raises:
        DataError: the images are unusable.
    """
    train, validation = split_validation(load_images(data))
    model = autoencoder.train_autoencoder(train, validation, options.run("autoencoder", autoencoder.SCHEDULE))
    analysis, synthesis = autoencoder.export_transforms(model)
    path = options.out / TRANSFORMS_FILE
    save_model(path, layers_to_arrays("analysis", analysis) | layers_to_arrays("synthesis", synthesis))
    return path


def pretrain_raster(data: Path, options: MnistRasterOptions) -> Path:
    """Trains the raster-encoder of preset `mnist` for given transforms and exports the whole preset.

    Args:
        data: images, as for `load_images`.
        options: transforms, schedules, folder and device.

    Returns:
        The file that was written.

    Raises:
        DataError: the images are unusable.
        ModelError: the transforms are unusable.
    """
    trained = options.out / TRANSFORMS_FILE
    transforms = load_arrays(options.transforms or (trained if trained.exists() else WEIGHTS / WEIGHTS_FILE))
    arrays = {name: array for name, array in transforms.items() if name.startswith(("analysis.", "synthesis."))}
    layers = [layers_from_arrays(name, arrays) for name in ("analysis", "synthesis")]
    train, validation = (AnalysedImages.analyse(images, *layers) for images in split_validation(load_images(data)))

    latents_options = replace(options, steps=options.latent_steps, minutes=options.latent_minutes)
    latent_net = train_latents(train.latents, validation.latents, latents_options.run("latents", LATENTS_SCHEDULE))
    tree = balanced_tree(np.bincount(train.images.reshape(-1), minlength=256).astype(np.float64))
    pixel_net = pixels.train_pixels(train, validation, tree, options.run("pixels", pixels.SCHEDULE))
    sources_options = replace(options, steps=options.source_steps, minutes=options.source_minutes)
    lm_options = replace(options, steps=options.lm_steps, minutes=options.lm_minutes, batch=None)
    arrays |= pretrain_sources(
        train.images[:SEARCHED_IMAGES],
        options.out / "sources",
        sources_options.run("sources/context", sources.SCHEDULE),
        lm_options.run("sources/lm", transformer.SCHEDULE),
    )

    index = np.arange(min(len(train), COUNTED_IMAGES))
    budgets = pixels.draw_budgets(np.random.default_rng(options.seed), len(index), train.slices)
    contexts = train.context(index, budgets)
    contexts[contexts < RECON_FLOOR] = 0
    row_on = ROW_ON / PIXEL_SCALE
    arrays |= tuple_to_arrays("pixels", export_net(pixel_net, SUMMARIES, tree, PIXEL_MAX, PIXEL_SCALE, row_on))
    arrays |= tuple_to_arrays("latents", export_net(latent_net, 1))
    arrays |= pixel_tables(train.images[index], contexts, budgets, tree)
    arrays["tables.latent"] = latent_frequencies(train.latents)
    arrays["fill"] = fit_fill(train, FILL_IMAGES)
    path = options.out / WEIGHTS_FILE
    save_model(path, arrays, mnist_answers(weights_from_arrays(arrays), list(train.images[:ANSWERED_IMAGES])))
    return path


def pretrain_sources(images: np.ndarray, folder: Path, context_run: TrainingRun, lm_run: TrainingRun) -> dict[str, np.ndarray]:
    """Searches for the bilevel sources of images and trains the networks and tables that code them.

    Args:
        images: uint8 (n, h, w).
        folder: of the sources, which are read again if they are there already.
        context_run: training of the network of tier `context`.
        lm_run: training of the network of tier `lm`.

    Returns:
        Arrays of the weights file, by name.

    Raises:
        DataError: too few of the images have a bilevel source.
    """
    first = find_sources(images[:FIRST_SEARCHED_IMAGES], smooth_prior())
    prior = counted_prior(near_counts([source for source in first if source]))
    searched = find_sources(images, prior, store=folder / "found")
    present = [source for source in searched if source]
    held_out = min(VALIDATION_SOURCES, len(present) // 10)
    if not held_out:
        raise DataError(f"{len(present)} of {len(images)} images have a bilevel source; at least 10 are needed")
    train, validation = present[:-held_out], present[-held_out:]
    tables = sources.source_tables(images, searched)
    tables |= sources.train_skipped(train[:SKIPPED_SOURCES], validation, tables["near"])
    net = sources.train_sources(train, validation, tables["near"], context_run)
    lm = transformer.train_transformer(train, validation, tables["near"], lm_run)
    return (
        tuple_to_arrays("scans", export_net(net, SELECTED))
        | tuple_to_arrays("lm", transformer.export_transformer(lm))
        | {f"scan.{name}": array for name, array in tables.items()}
    )


def mnist_answers(weights: MnistWeights, images: Sequence[np.ndarray]) -> dict[str, str]:
    """Known answers of preset `mnist`: streams of images in all their tiers.

    Args:
        weights: of the preset.
        images: uint8 (h, w). All rows are coded in each of three tiers, and all latents in each of two.

    Returns:
        Metadata of the weights file.
    """
    streams = [encode_with(weights, image, 0, constant_choices(tier)).data for image in images for tier in (TABLE, CONTEXT, LM)]
    for image in images:
        bits = weights.slices * -(-image.shape[0] // STRIDE) * -(-image.shape[1] // STRIDE)
        streams += [encode_with(weights, image, bits, constant_choices(tier, 0)).data for tier in (TABLE, CONTEXT)]
    return known_answers(streams, functools.partial(decoded_pixels, weights))
