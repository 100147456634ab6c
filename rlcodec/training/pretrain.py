"""Pretraining of preset `mnist`, from a data folder to the weights file that the runtime loads."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from rlcodec.core.integer_conv import PIXEL_MAX, ConvLayer
from rlcodec.core.weights_file import WEIGHTS, layers_from_arrays, layers_to_arrays, load_arrays, save_model, tuple_to_arrays
from rlcodec.errors import DataError
from rlcodec.presets.mnist.bilevel.context import SELECTED
from rlcodec.presets.mnist.pixel_coder import RECON_FLOOR, SUMMARIES
from rlcodec.presets.mnist.weights import weights_from_arrays
from rlcodec.training.autoencoder import export_transforms, pad_to_stride, train_autoencoder
from rlcodec.training.data import load_images
from rlcodec.training.known_answers import digit_answers
from rlcodec.training.loop import Schedule
from rlcodec.training.options import AutoencoderOptions, MnistRasterOptions, scheduled
from rlcodec.training.raster import (
    PIXEL_SCALE,
    ROW_ON,
    balanced_tree,
    count_static,
    draw_budgets,
    export_net,
    static_latents,
    train_latents,
    train_pixels,
)
from rlcodec.training.source_sets import counted_prior, find_sources, near_counts, smooth_prior
from rlcodec.training.sources import source_tables, train_skipped, train_sources
from rlcodec.training.transformer import export_transformer, train_transformer

VALIDATION_IMAGES = 2000
TRANSFORMS_FILE, WEIGHTS_FILE = "transforms.safetensors", "mnist.safetensors"
FILL_ROWS = 6
AUTOENCODER_SCHEDULE = Schedule(steps=30_000, batch=128, learning_rate=2e-3)
LATENTS_SCHEDULE = Schedule(steps=4_000, batch=256, learning_rate=4e-3)
PIXELS_SCHEDULE = Schedule(steps=20_000, batch=64, learning_rate=3e-3)
SOURCES_SCHEDULE = Schedule(steps=8_000, batch=64, learning_rate=4e-3)
LM_SCHEDULE = Schedule(steps=14_000, batch=16, learning_rate=2e-3)
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
    schedule, folder = options.schedule(AUTOENCODER_SCHEDULE), options.out / "autoencoder"
    model = train_autoencoder(train, validation, schedule, folder, options.resume, torch.device(options.device))
    analysis, synthesis = export_transforms(model)
    path = options.out / TRANSFORMS_FILE
    save_model(path, layers_to_arrays("analysis", analysis) | layers_to_arrays("synthesis", synthesis))
    return path


@torch.no_grad()
def run_layers_batched(layers: tuple[ConvLayer, ...], x: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Runs an integer transform on a batch (n, c, h, w) with torch.

    In float64 it is exact, because sums stay below 2**53. In float32, which is ten times faster, sums above 2**24 may round,
    and a pixel may differ by one level; that suffices for training.
    """
    x = x.to(dtype)
    for layer in layers:
        weight = torch.from_numpy(layer.weight.transpose(3, 2, 0, 1).copy()).to(x.device, dtype)
        bias = torch.from_numpy(layer.bias).to(x.device, dtype)
        x = F.conv2d(x, weight, bias, stride=layer.stride, padding=layer.weight.shape[0] // 2)
        x = torch.floor((x + ((1 << layer.shift) >> 1)) / (1 << layer.shift)).clamp(layer.low, layer.high)
        if layer.shuffle == 2:
            x = F.pixel_shuffle(x, 2)
    return x


def analyse_batched(layers: tuple[ConvLayer, ...], images: np.ndarray, chunk: int = 500) -> np.ndarray:
    """Latents of uint8 images (n, h, w): int8 (n, slices, rows, columns) of -1 and +1."""
    padded = torch.from_numpy(pad_to_stride(images))[:, None]
    parts = [run_layers_batched(layers, part) >= 0 for part in padded.split(chunk)]
    return np.where(torch.cat(parts).numpy(), 1, -1).astype(np.int8)


class Reconstructions:
    """Reconstructions of images from the first slices of their latents."""

    def __init__(self, synthesis: tuple[ConvLayer, ...], latents: dict[str, np.ndarray], height: int, width: int):
        self.synthesis, self.latents, self.height, self.width = synthesis, latents, height, width

    def image(self, split: str, index: np.ndarray, budgets: np.ndarray) -> np.ndarray:
        """Reconstructions at `budgets` whole slices, uint8 (n, h, w)."""
        latent = self.latents[split][index]
        kept = latent * (np.arange(latent.shape[1])[None, :] < budgets[:, None])[:, :, None, None]
        out = run_layers_batched(self.synthesis, torch.from_numpy(kept))
        return out[:, 0, : self.height, : self.width].numpy().astype(np.uint8)

    def context(self, split: str, index: np.ndarray, budgets: np.ndarray) -> np.ndarray:
        """The same as context for pixels: zeros for a budget of 0."""
        out = np.zeros((len(index), self.height, self.width), np.uint8)
        some = budgets > 0
        if some.any():
            out[some] = self.image(split, index[some], budgets[some])
        return out


def fit_fill(images: np.ndarray, reconstructions: Reconstructions, slices: int) -> np.ndarray:
    """Least-squares weights that predict the error of rows from that of the last row sent; int32 (slices + 1, FILL_ROWS)."""
    fill = np.zeros((slices + 1, FILL_ROWS), np.int32)
    index = np.arange(len(images))
    for budget in range(slices + 1):
        guess = reconstructions.image("train", index, np.full(len(images), budget)).astype(np.float64)
        error = images - guess
        for distance in range(1, FILL_ROWS + 1):
            above, below = error[:, :-distance], error[:, distance:]
            fill[budget, distance - 1] = np.rint(256 * np.clip((above * below).sum() / max((above**2).sum(), 1), 0, 1))
    return fill


def pretrain_sources(
    images: np.ndarray, schedule: Schedule, lm_schedule: Schedule, folder: Path, resume: bool, device: str
) -> dict[str, np.ndarray]:
    """Finds the bilevel sources of images and trains the networks and tables that code them.

    Args:
        images: uint8 (n, h, w).
        schedule: of tier `context`.
        lm_schedule: of tier `lm`.
        folder: for found sources and checkpoints.
        resume: continue from checkpoints; found sources are reused in any case.
        device: "cpu" or "cuda".

    Returns:
        Arrays of the weights file, by name.

    Raises:
        DataError: too few of the images have a bilevel source.
    """
    first = find_sources(images[:FIRST_SEARCHED_IMAGES], smooth_prior())
    prior = counted_prior(near_counts([source for source in first if source]))
    sources = find_sources(images, prior, store=folder / "found")
    found = [source for source in sources if source]
    held_out = min(VALIDATION_IMAGES // 4, len(found) // 10)
    if not held_out:
        raise DataError(f"{len(found)} of {len(images)} images have a bilevel source; at least 10 are needed")
    train, validation = found[:-held_out], found[-held_out:]
    tables = source_tables(images, sources)
    tables = tables._replace(**train_skipped(train[:SKIPPED_SOURCES], validation, tables.near))
    net = train_sources(train, validation, tables.near, schedule, folder / "context", resume, torch.device(device))
    lm = train_transformer(train, validation, tables.near, lm_schedule, folder / "lm", resume, torch.device(device))
    return (
        tuple_to_arrays("scans", export_net(net, None, 1, 1.0, 1.0, SELECTED))
        | tuple_to_arrays("lm", export_transformer(lm))
        | tuple_to_arrays("scan", tables)
    )


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
    out, resume, device = options.out, options.resume, torch.device(options.device)
    latents_schedule = scheduled(LATENTS_SCHEDULE, options.latent_steps, options.latent_minutes, options.batch, options.seed)
    pixels_schedule = options.schedule(PIXELS_SCHEDULE)
    sources_schedule = scheduled(SOURCES_SCHEDULE, options.source_steps, options.source_minutes, options.batch, options.seed)
    lm_schedule = scheduled(LM_SCHEDULE, options.lm_steps, options.lm_minutes, None, options.seed)
    trained = out / TRANSFORMS_FILE
    transforms = options.transforms or (trained if trained.exists() else WEIGHTS / WEIGHTS_FILE)

    train, validation = split_validation(load_images(data))
    arrays = {k: v for k, v in load_arrays(transforms).items() if k.startswith(("analysis.", "synthesis."))}
    analysis, synthesis = layers_from_arrays("analysis", arrays), layers_from_arrays("synthesis", arrays)
    latents = {"train": analyse_batched(analysis, train), "validation": analyse_batched(analysis, validation)}
    slices = latents["train"].shape[1]
    reconstructions = Reconstructions(synthesis, latents, *train.shape[1:])

    latent_net = train_latents(latents["train"], latents["validation"], latents_schedule, out / "latents", resume, device)
    tree = balanced_tree(np.bincount(train.reshape(-1), minlength=256).astype(np.float64))
    pixel_net = train_pixels(
        train, validation, reconstructions.context, slices, tree, pixels_schedule, out / "pixels", resume, device
    )

    index = np.arange(min(len(train), 20_000))
    budgets = draw_budgets(np.random.default_rng(pixels_schedule.seed), len(index), slices)
    contexts = reconstructions.context("train", index, budgets)
    contexts[contexts < RECON_FLOOR] = 0
    arrays |= tuple_to_arrays("pixels", export_net(pixel_net, tree, PIXEL_MAX, PIXEL_SCALE, ROW_ON / PIXEL_SCALE, SUMMARIES))
    arrays |= tuple_to_arrays("latents", export_net(latent_net, None, 1, 1.0, 1.0, 1))
    arrays |= count_static(train[index], contexts, budgets).tables(tree)
    arrays |= pretrain_sources(train[:SEARCHED_IMAGES], sources_schedule, lm_schedule, out / "scans", resume, options.device)
    arrays["tables.latent"] = static_latents(latents["train"])
    arrays["fill"] = fit_fill(train[:5000], reconstructions, slices)
    path = out / WEIGHTS_FILE
    save_model(path, arrays, digit_answers(weights_from_arrays(arrays), list(train[:2])))
    return path
