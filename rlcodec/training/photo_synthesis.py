"""Training of the synthesis of preset `photo` in torch: the quantiser's centroids, and the repair networks."""

import io
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from rlcodec.core.files import write_bytes
from rlcodec.presets.photo.coefficient_coder import DIAGONALS, GAINS, step_of
from rlcodec.presets.photo.repair import CHANNELS, FACTOR, OUTPUT_STEPS, SIZES, network_input, to_squares
from rlcodec.presets.photo.strips import encode_strip
from rlcodec.presets.photo.transform import BLOCK, PLANES, dequantised_planes, to_coefficients
from rlcodec.presets.photo.weights import PhotoWeights
from rlcodec.training.loop import Schedule, fit
from rlcodec.training.photo import CROP, HELD_BATCHES, HELD_OUT

OPSET = 17
FLOOR = 0.02


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


def fit_centroids(model: PhotoWeights, pictures: list[np.ndarray], seed: int, crops: int) -> np.ndarray:
    """Mean of magnitude minus true value for magnitudes 1, 2 and above, by plane and diagonal; float32 (3, DIAGONALS, 3)."""
    rng = np.random.default_rng(seed)
    excess, count = np.zeros((PLANES, DIAGONALS, 3)), np.full((PLANES, DIAGONALS, 3), 1e-3)
    diagonal = np.add.outer(np.arange(BLOCK), np.arange(BLOCK))
    for _ in range(crops):
        crop, gain = _crop(pictures, rng)
        coefficients = to_coefficients(crop)
        values = encode_strip(model, coefficients, gain).values
        target = np.abs(coefficients / step_of(gain))
        for plane in range(PLANES):
            magnitude = np.abs(values[plane])
            index = np.broadcast_to(diagonal, magnitude.shape)
            for size in range(3):
                chosen = magnitude == size + 1 if size < 2 else magnitude > 2
                chosen = chosen & (index > 0)
                np.add.at(excess[plane, :, size], index[chosen], (magnitude - target[plane])[chosen])
                np.add.at(count[plane, :, size], index[chosen], 1)
    shrunk = excess / (count + 30)
    return np.clip(shrunk, -0.3, 0.3).astype(np.float32)


def _crop(pictures: list[np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, int]:
    picture = pictures[rng.integers(len(pictures))]
    y, x = (int(rng.integers(0, side - CROP + 1)) for side in picture.shape[:2])
    return picture[y : y + CROP, x : x + CROP], int(rng.integers(6, GAINS))


def decoded_crops(
    model: PhotoWeights, pictures: list[np.ndarray], rng: np.random.Generator, count: int
) -> tuple[Tensor, Tensor]:
    """Inputs of the networks, float16 (count, CHANNELS, rows, columns), and their targets, for random crops and gains."""
    side = CROP // FACTOR
    inputs = torch.empty((count, CHANNELS, side, side), dtype=torch.float16)
    targets = torch.empty((count, PLANES * FACTOR**2, side, side), dtype=torch.float16)
    for i in range(count):
        crop, gain = _crop(pictures, rng)
        values = encode_strip(model, to_coefficients(crop), gain).values
        planes = dequantised_planes(values, model.centroids, step_of(gain))
        inputs[i] = torch.from_numpy(network_input(planes, gain)[0])
        wanted = to_squares(crop - planes) / (OUTPUT_STEPS * step_of(gain))
        targets[i] = torch.from_numpy(wanted.reshape(-1, side, side))
    return inputs, targets


def train_synthesis(
    model: PhotoWeights,
    pictures: list[np.ndarray],
    schedule: Schedule,
    folder: Path,
    resume: bool,
    device: torch.device,
    pool: int,
) -> Synthesis:
    """Trains all widths on decoded crops. The loss is the remaining squared error relative to the error without repair.

    Args:
        model: weights whose coder and centroids are final.
        pictures: uint8 (height, width, 3); the last HELD_OUT are for validation.
        schedule: length, batch of crops, learning rate and seed.
        folder: receives the checkpoint and TensorBoard's events.
        resume: continue from the folder's checkpoint if there is one.
        device: where to train.
        pool: number of crops to train on.
    """
    torch.manual_seed(schedule.seed)
    rng = np.random.default_rng(schedule.seed)
    inputs, targets = decoded_crops(model, pictures[:-HELD_OUT], rng, pool)
    held = decoded_crops(model, pictures[-HELD_OUT:], rng, HELD_BATCHES * schedule.batch)
    synthesis = Synthesis().to(device, memory_format=torch.channels_last)

    def left(synthesis: nn.Module, some: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """Squared error of every crop after repair by each width, relative to the error without repair."""
        some = some.to(device, torch.float32, memory_format=torch.channels_last)
        wanted = wanted.to(device).float()
        with torch.autocast(device.type, torch.bfloat16):
            found = {name: net(some) for name, net in synthesis.widths.items()}  # type: ignore[union-attr, operator]
        before = wanted.square().mean((1, 2, 3)) + FLOOR
        return {n: ((f.float() - wanted).square().mean((1, 2, 3)) + FLOOR) / before for n, f in found.items()}

    def loss_of(synthesis: nn.Module, rng: np.random.Generator, batch: int) -> Tensor:
        index = torch.from_numpy(rng.integers(0, pool, batch))
        return sum(part.mean() for part in left(synthesis, inputs[index], targets[index]).values())  # type: ignore[return-value]

    @torch.no_grad()
    def evaluate(synthesis: nn.Module) -> dict[str, float]:
        return {f"db_gained_{n}": float(-10 * torch.log10(part).mean()) for n, part in left(synthesis, *held).items()}

    return fit(synthesis, loss_of, evaluate, schedule, folder, resume, "synthesis, photo", evaluate_every=250)  # type: ignore[return-value]


def export_synthesis(synthesis: Synthesis, folder: Path) -> list[Path]:
    """Writes one ONNX file for each width and returns the files."""
    written = []
    for name, net in synthesis.widths.items():
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                net.cpu().float().eval(), (torch.zeros(1, CHANNELS, 16, 16),), buffer, input_names=["picture"],
                output_names=["added"], dynamic_axes={n: {2: "rows", 3: "columns"} for n in ("picture", "added")},
                opset_version=OPSET, dynamo=False,
            )  # fmt: skip
        onnx.checker.check_model(onnx.load_from_string(buffer.getvalue()))
        path = folder / f"photo-{name}.onnx"
        write_bytes(path, buffer.getvalue())
        written.append(path)
    return written
