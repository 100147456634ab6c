"""Training of the context network of a binary latent: contexts as the coder forms them, and maximum likelihood."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from rlcodec.core.binary_latent import ALL_AROUND, LATENT_GRID, Neighbours
from rlcodec.training.context_net import RasterNet
from rlcodec.training.loop import fit, seeded_device
from rlcodec.training.options import TrainingRun
from rlcodec.training.quantise import clipped_relu

WIDTHS = 48, 32
SLICES_A_STEP = 4
EVALUATED_LATENTS = 500


def latent_contexts(
    latents: np.ndarray, index: int, neighbours: Neighbours = ALL_AROUND, grid: int = LATENT_GRID
) -> tuple[np.ndarray, np.ndarray]:
    """Contexts of the bits of one slice.

    Args:
        latents: int8 (n, slices, rows, columns), -1 or +1.
        index: of the slice.
        neighbours: positions, (down, across), whose bits in all slices are inputs.
        grid: positions along a side that have learned rows of their own.

    Returns:
        Windows, int8 (n * rows * columns, slices * len(neighbours)), and the learned row of each position, int64
        (rows * columns,).
    """
    n, slices, rows, columns = latents.shape
    padded = np.zeros((n, slices, rows + 2, columns + 2), np.int8)
    padded[:, : index + 1, 1:-1, 1:-1] = latents[:, : index + 1]
    window = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3)).copy()
    window[:, index, :, :, 1, 1:] = 0
    window[:, index, :, :, 2, :] = 0
    chosen = window[..., [1 + down for down, _ in neighbours], [1 + across for _, across in neighbours]]
    inputs = chosen.transpose(0, 2, 3, 1, 4).reshape(n * rows * columns, slices * len(neighbours))
    y, x = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    row = (index * grid + np.minimum(y, grid - 1)) * grid + np.minimum(x, grid - 1)
    return np.ascontiguousarray(inputs), row.reshape(-1)


def train_latents(
    train: np.ndarray,
    validation: np.ndarray,
    run: TrainingRun,
    neighbours: Neighbours = ALL_AROUND,
    grid: int = LATENT_GRID,
) -> RasterNet:
    """Trains the context network of latents. The loss is the code length in bits per slice.

    Args:
        train: int8 (n, slices, rows, columns), -1 or +1.
        validation: held-out latents.
        run: schedule, folder and device.
        neighbours: as `latent_contexts`.
        grid: as `latent_contexts`.

    Returns:
        The exponential moving average of the trained network.
    """
    device = seeded_device(run)
    slices = train.shape[1]
    model = RasterNet(slices * len(neighbours), slices * grid**2, *WIDTHS, slices).to(device)

    def bits_of_slice(model: RasterNet, latents: np.ndarray, index: int) -> Tensor:
        n = len(latents)
        window, rows = (torch.from_numpy(a).to(device) for a in latent_contexts(latents, index, neighbours, grid))
        weight = model.first.weight
        with torch.autocast(device.type, torch.bfloat16):
            first = F.linear(window.to(torch.bfloat16), weight[:, : model.window]).view(n, len(rows), -1)
            first = first + weight[:, model.window + rows].T.to(torch.bfloat16)
            logits = model.nodes(clipped_relu(model.second(clipped_relu(first))))[..., index].float()
        sign = torch.from_numpy(latents[:, index].reshape(n, -1).astype(np.float32)).to(device)
        return F.softplus(-sign * logits).sum() / np.log(2) / n

    def loss_of(model: RasterNet, rng: np.random.Generator, batch: int) -> Tensor:
        drawn = rng.choice(slices, SLICES_A_STEP, replace=False)
        bits = [bits_of_slice(model, train[rng.integers(0, len(train), batch)], int(i)) for i in drawn]
        return sum(bits) / SLICES_A_STEP

    def evaluate(model: RasterNet) -> dict[str, float]:
        bits = [float(bits_of_slice(model, validation[:EVALUATED_LATENTS], i)) for i in range(slices)]
        return {"bits_all_slices": sum(bits), "bits_first_slice": bits[0], "bits_last_slice": bits[-1]}

    return fit(model, loss_of, evaluate, run, "raster-encoder, latents")
