"""Training of the synthesis of preset `photo` in torch: the quantiser's centroids, and the repair networks."""

import numpy as np
import torch
from torch import Tensor, nn

from rlcodec.presets.photo.coefficient_coder import DIAGONALS, GAINS, step_of
from rlcodec.presets.photo.repair import CHANNELS, FACTOR, OUTPUT_STEPS, SIZES, network_input, to_squares
from rlcodec.presets.photo.strips import encode_strip
from rlcodec.presets.photo.transform import BLOCK, PLANES, dequantised_planes, to_coefficients
from rlcodec.presets.photo.weights import PhotoWeights
from rlcodec.training.data import random_crop
from rlcodec.training.loop import fit, seeded_device
from rlcodec.training.onnx_export import onnx_graph
from rlcodec.training.options import TrainingRun
from rlcodec.training.photo.raster import CROP, HELD_BATCHES

TRAINED_GAINS = 6, GAINS
ERROR_FLOOR = 0.02
"""Added to squared errors, in the networks' units, so that crops that are nearly exact have little weight."""
PRIOR_COUNT, LARGEST_SHRINKAGE = 30, 0.3
"""Centroids are shrunk towards 0 as by so many magnitudes without an error, and limited."""


class Repair(nn.Module):
    """A convolutional network with residual connections, whose positions are squares of FACTOR x FACTOR pixels."""

    def __init__(self, channels: int, count: int):
        super().__init__()
        self.first = nn.Conv2d(CHANNELS, channels, 3, padding=1)
        self.middle = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(count))
        self.last = nn.Conv2d(channels, PLANES * FACTOR**2, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, picture: Tensor) -> Tensor:
        """The repair to add to the picture, float (n, 3 FACTOR**2, rows, columns)."""
        x = torch.relu(self.first(picture))
        for i in range(0, len(self.middle), 2):
            x = x + self.middle[i + 1](torch.relu(self.middle[i](x)))
        return self.last(torch.relu(x))


class Synthesis(nn.Module):
    """The repair networks of all widths, which are trained together."""

    def __init__(self) -> None:
        super().__init__()
        self.widths = nn.ModuleDict({name: Repair(*size) for name, size in SIZES.items()})


def _draw(pictures: list[np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """A random crop, uint8 (CROP, CROP, 3), and a random gain."""
    return random_crop(pictures[rng.integers(len(pictures))], CROP, rng), int(rng.integers(*TRAINED_GAINS))


def fit_centroids(weights: PhotoWeights, pictures: list[np.ndarray], seed: int, crops: int) -> np.ndarray:
    """Fits reconstruction offsets of magnitudes.

    Args:
        weights: whose coder is final.
        pictures: uint8 (h, w, 3).
        seed: of crops and gains.
        crops: number of crops.

    Returns:
        float32 (3, DIAGONALS, 3), mean of magnitude minus true value for magnitudes 1, 2 and above, by plane and diagonal.
    """
    rng = np.random.default_rng(seed)
    excess, count = np.zeros((PLANES, DIAGONALS, 3)), np.full((PLANES, DIAGONALS, 3), 1e-3)
    diagonal = np.add.outer(np.arange(BLOCK), np.arange(BLOCK))
    for _ in range(crops):
        crop, gain = _draw(pictures, rng)
        coefficients = to_coefficients(crop)
        magnitudes = np.abs(encode_strip(weights, coefficients, gain).values)
        target = np.abs(coefficients / step_of(gain))
        for plane, magnitude in enumerate(magnitudes):
            index = np.broadcast_to(diagonal, magnitude.shape)
            for size in range(3):
                chosen = (magnitude == size + 1 if size < 2 else magnitude > 2) & (index > 0)
                np.add.at(excess[plane, :, size], index[chosen], (magnitude - target[plane])[chosen])
                np.add.at(count[plane, :, size], index[chosen], 1)
    return np.clip(excess / (count + PRIOR_COUNT), -LARGEST_SHRINKAGE, LARGEST_SHRINKAGE).astype(np.float32)


def decoded_crops(
    weights: PhotoWeights, pictures: list[np.ndarray], rng: np.random.Generator, count: int
) -> tuple[Tensor, Tensor]:
    """Inputs of the networks, float16 (count, CHANNELS, rows, columns), and their targets, for random crops and gains."""
    side = CROP // FACTOR
    inputs = torch.empty((count, CHANNELS, side, side), dtype=torch.float16)
    targets = torch.empty((count, PLANES * FACTOR**2, side, side), dtype=torch.float16)
    for i in range(count):
        crop, gain = _draw(pictures, rng)
        values = encode_strip(weights, to_coefficients(crop), gain).values
        planes = dequantised_planes(values, weights.centroids, step_of(gain))
        inputs[i] = torch.from_numpy(network_input(planes, gain)[0])
        target = to_squares(crop - planes) / (OUTPUT_STEPS * step_of(gain))
        targets[i] = torch.from_numpy(target.reshape(-1, side, side))
    return inputs, targets


def train_synthesis(
    weights: PhotoWeights, train: list[np.ndarray], validation: list[np.ndarray], run: TrainingRun, pool: int
) -> Synthesis:
    """Trains all widths on decoded crops. The loss is the remaining squared error relative to the error without repair.

    Args:
        weights: whose coder and centroids are final.
        train: pictures, uint8 (h, w, 3), with sides of at least CROP.
        validation: held-out pictures.
        run: schedule, folder and device.
        pool: number of crops to train on.

    Returns:
        The exponential moving average of the trained networks.
    """
    device, schedule = seeded_device(run), run.schedule
    rng = np.random.default_rng(schedule.seed)
    inputs, targets = decoded_crops(weights, train, rng, pool)
    held_out = decoded_crops(weights, validation, rng, HELD_BATCHES * schedule.batch)
    synthesis = Synthesis().to(device, memory_format=torch.channels_last)

    def remaining(synthesis: Synthesis, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Squared error of every crop after repair by each width, relative to the error without repair."""
        inputs = inputs.to(device, torch.float32, memory_format=torch.channels_last)
        targets = targets.to(device).float()
        with torch.autocast(device.type, torch.bfloat16):
            repairs = {name: net(inputs) for name, net in synthesis.widths.items()}
        before = targets.square().mean((1, 2, 3)) + ERROR_FLOOR
        return {
            name: ((repair.float() - targets).square().mean((1, 2, 3)) + ERROR_FLOOR) / before
            for name, repair in repairs.items()
        }

    def loss_of(synthesis: Synthesis, rng: np.random.Generator, batch: int) -> Tensor:
        index = torch.from_numpy(rng.integers(0, pool, batch))
        return sum(errors.mean() for errors in remaining(synthesis, inputs[index], targets[index]).values())

    def evaluate(synthesis: Synthesis) -> dict[str, float]:
        errors = remaining(synthesis, *held_out)
        return {f"db_gained_{name}": float(-10 * torch.log10(error).mean()) for name, error in errors.items()}

    return fit(synthesis, loss_of, evaluate, run, "synthesis, photo")


def export_synthesis(synthesis: Synthesis) -> dict[str, bytes]:
    """The ONNX file of each width, by its name."""
    example = torch.zeros(1, CHANNELS, 16, 16)
    return {
        name: onnx_graph(net, example, ("picture", "added"), {2: "rows", 3: "columns"}).SerializeToString()
        for name, net in synthesis.widths.items()
    }
