"""Training of the synthesis of preset `photo` in torch: the repair networks, on what decoders see at all settings."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from rlcodec.parallel.threads import map_threads, worker_count
from rlcodec.presets.photo._repair import ZERO
from rlcodec.presets.photo.allocation import ALLOCATIONS, Allocation
from rlcodec.presets.photo.areas import decoded_planes
from rlcodec.presets.photo.colors import best_transform
from rlcodec.presets.photo.quantiser import CHROMA_FACTORS, SHAPES
from rlcodec.presets.photo.repair import FACTOR, INPUT_UNIT, area_scales, network_input
from rlcodec.presets.photo.strips import encode_photo
from rlcodec.presets.photo.transform import AREA, OFFSET_LIMIT, PLANES, planes_of
from rlcodec.presets.photo.weights import PhotoWeights
from rlcodec.training.loop import fit, seeded_device
from rlcodec.training.muon import Muon
from rlcodec.training.options import TrainingRun
from rlcodec.training.photo.repair_net import RepairNet, repair_graph

CROP_AREAS = 4
SIDE = CROP_AREAS * AREA // FACTOR
"""Side of crops in squares."""
CALIBRATED_BATCHES = 24
KINDS = ("psnr", "ms-ssim", "ssimulacra2", "ssimulacra2")
"""Kinds of distortion whose allocations are drawn."""
TRAINED_GAINS = ((120, 400), (60, 340))
"""Gains with even steps, and with those that grow with frequency."""
STRENGTHS = 0.0, 1.5
SMALLEST_SCALE = 0.5
"""Pictures are scaled down by a random factor from this to 1."""
PICTURE_SHARE = 0.7
"""Share of the picture's squared error in the one that a crop's error is divided by; the rest is the crop's own. PSNR depends
on the picture's, and a crop's own gives weight to parts where errors are small."""
ROUNDING_ERROR, STEP_ERROR = 1 / 12, 0.01
"""Added to the squared error that errors are divided by: that of rounding pixels, and a fraction of the squared step."""


@dataclass(frozen=True)
class Crops:
    """Decoded crops and their originals.

    Attributes:
        inputs: uint8 (n, rows, columns, INPUT_CHANNELS).
        targets: float16 (n, rows, columns, 3, SQUARE), what to add, in local steps.
        importance: float32 (n, rows, columns, 3), of squared errors of the targets.
    """

    inputs: Tensor
    targets: Tensor
    importance: Tensor

    def to(self, device: torch.device) -> "Crops":
        """The crops on a device, about 175 kB each."""
        return Crops(self.inputs.to(device), self.targets.to(device), self.importance.to(device))

    def take(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The network's input, channels first, with targets and importance, float32 on the crops' device."""
        index = index.to(self.inputs.device, non_blocking=True)
        inputs = (self.inputs[index].float() - ZERO) / INPUT_UNIT
        return inputs.permute(0, 3, 1, 2), self.targets[index].float(), self.importance[index]


def _varied(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A picture at a random scale, mirrored and turned, of whole areas, whose blocks are not those of the JPEG file it was."""
    height, width = picture.shape[:2]
    smallest = min(1.0, max(SMALLEST_SCALE, (CROP_AREAS + 1) * AREA / min(height, width)))
    scale = rng.uniform(smallest, 1.0)
    size = round(width * scale), round(height * scale)
    picture = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
    if rng.random() < 0.5:
        picture = picture.swapaxes(0, 1)
    picture = picture[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
    y, x = (int(rng.integers(1, 8)) if n % AREA == 0 or n > (CROP_AREAS + 1) * AREA else 0 for n in picture.shape[:2])
    rows, columns = ((n - start) // AREA * AREA for n, start in zip(picture.shape[:2], (y, x), strict=True))
    return np.ascontiguousarray(picture[y : y + rows, x : x + columns])


def _random_settings(rng: np.random.Generator) -> tuple[int, Allocation]:
    """A random gain under a random allocation, most often one of those that encoders use."""
    allocation = ALLOCATIONS[str(rng.choice(KINDS))]
    if rng.random() < 0.25:
        allocation = allocation.scaled(float(rng.uniform(*STRENGTHS)))
    if rng.random() < 0.2:
        allocation = replace(allocation, shape=int(rng.integers(SHAPES)))
    if rng.random() < 0.1:
        allocation = replace(allocation, chroma=int(rng.integers(len(CHROMA_FACTORS))))
    return int(rng.integers(*TRAINED_GAINS[allocation.shape > 0])), allocation


def _to_squares(planes: np.ndarray) -> np.ndarray:
    """Planes (3, rows, columns) as squares: (rows / FACTOR, columns / FACTOR, 3, FACTOR**2)."""
    rows, columns = (length // FACTOR for length in planes.shape[1:])
    squares = planes.reshape(PLANES, rows, FACTOR, columns, FACTOR).transpose(1, 3, 0, 2, 4)
    return np.ascontiguousarray(squares).reshape(rows, columns, PLANES, FACTOR**2)


def decoded_crops(weights: PhotoWeights, pictures: list[np.ndarray], rng: np.random.Generator, count: int) -> Crops:
    """Crops of pictures that were coded with random settings, several pictures at a time.

    The crops depend on the generator alone, and not on the number of cores.

    Args:
        weights: whose coder and centroids are final.
        pictures: uint8 (h, w, 3).
        rng: draws pictures, scales, settings and places.
        count: number of crops.
    """
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    while len(found) < count:
        drawn, states = [], []
        for _ in range(worker_count(None)):
            drawn.append((_varied(pictures[rng.integers(len(pictures))], rng), *_random_settings(rng)))
            states.append(rng.bit_generator.state)
        for state, crops in zip(states, map_threads(lambda one: _crops_of(weights, *one), drawn), strict=True):
            found += crops
            rng.bit_generator.state = state
            if len(found) >= count:  # pictures after this one are drawn again
                break
    inputs, targets, importance = zip(*found[:count], strict=True)
    return Crops(torch.stack(inputs), torch.stack(targets), torch.stack(importance))


def _crops_of(
    weights: PhotoWeights, picture: np.ndarray, gain: int, allocation: Allocation
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Inputs, targets and importance of all crops of a picture, as `Crops` has them."""
    found = []
    quantiser, colors = allocation.quantiser(gain), best_transform(picture, allocation.fixed)
    coded = encode_photo(weights, picture, gain, colors, allocation, 0, keep=True)
    assert coded.areas is not None
    for rows in coded.areas.strips():
        areas = coded.areas.rows(rows)
        decoded = decoded_planes(areas, quantiser, weights.centroids)
        missing = planes_of(picture[rows.start * AREA : rows.stop * AREA], colors.forward) - decoded
        whole = network_input(decoded, areas, quantiser)[0]
        steps = area_scales(quantiser)[areas.offsets.astype(np.int64) + OFFSET_LIMIT]
        steps = steps.repeat(AREA // FACTOR, 0).repeat(AREA // FACTOR, 1)
        goal = _to_squares(missing) / steps[..., None]
        floor = ROUNDING_ERROR + STEP_ERROR * float(np.mean(steps[..., 0] ** 2))
        for y in range(0, whole.shape[0] - SIDE + 1, SIDE):
            for x in range(0, whole.shape[1] - SIDE + 1, SIDE):
                part = slice(y, y + SIDE), slice(x, x + SIDE)
                own = np.square(missing[:, y * FACTOR : (y + SIDE) * FACTOR, x * FACTOR : (x + SIDE) * FACTOR]).mean()
                error = PICTURE_SHARE * np.square(missing).mean() + (1 - PICTURE_SHARE) * own + floor
                arrays = whole[part].copy(), goal[part].astype(np.float16), (steps[part] ** 2 / error).astype(np.float32)
                found.append((torch.from_numpy(arrays[0]), torch.from_numpy(arrays[1]), torch.from_numpy(arrays[2])))
    return found


def train_synthesis(
    train: Crops, validation: Crops, runs: tuple[TrainingRun, TrainingRun], rng: np.random.Generator
) -> RepairNet:
    """Trains the repair networks on decoded crops: in floats, and then as the integers compute.

    The loss is the squared error that remains, relative to the one without repair.

    Args:
        train: crops of pictures, see `decoded_crops`.
        validation: crops of held-out pictures.
        runs: schedules and folders of both trainings, on one device, which has memory for all crops.
        rng: draws the batches by which the scales of activations are found.

    Returns:
        The exponential moving average of the trained network, calibrated, on the CPU.
    """
    device, schedule = seeded_device(runs[0]), runs[0].schedule
    crops, held_out = train.to(device), validation.to(device)
    net = RepairNet().to(device, memory_format=torch.channels_last)

    def remaining(net: RepairNet, crops: Crops, index: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Squared error of every crop after repair by each level, and without repair."""
        inputs, targets, importance = crops.take(index)
        with torch.autocast(device.type, torch.bfloat16):
            added = net(inputs.contiguous(memory_format=torch.channels_last))

        def error_of(added: Tensor | float) -> Tensor:
            return ((added - targets).square().mean(-1) * importance).mean((1, 2, 3))

        errors = {name: error_of(x.permute(0, 2, 3, 1).reshape(targets.shape).float()) for name, x in added.items()}
        return errors, error_of(0.0)

    def drawn(rng: np.random.Generator, batch: int) -> Tensor:
        return torch.from_numpy(rng.integers(0, len(crops.inputs), batch))

    def loss_of(net: RepairNet, rng: np.random.Generator, batch: int) -> Tensor:
        return sum(error.mean() for error in remaining(net, crops, drawn(rng, batch))[0].values())  # type: ignore[return-value]

    def evaluate(net: RepairNet) -> dict[str, float]:
        batches = [remaining(net, held_out, index) for index in torch.arange(len(held_out.inputs)).split(schedule.batch)]
        before = torch.cat([without for _, without in batches])
        return {
            f"db_gained_{name}": float(10 * torch.log10(before / torch.cat([errors[name] for errors, _ in batches])).mean())
            for name in batches[0][0]
        }

    net = fit(net, loss_of, evaluate, runs[0], "repair, photo", Muon)
    with torch.no_grad(), net.calibrating():
        for _ in range(CALIBRATED_BATCHES):
            remaining(net, crops, drawn(rng, schedule.batch))
    rounded = net.round().requires_grad_(True)
    return fit(rounded, loss_of, evaluate, runs[1], "repair in integers, photo", Muon).cpu()


def export_synthesis(net: RepairNet) -> dict[str, bytes]:
    """The ONNX file of each level, by its name."""
    return {name: repair_graph(net, name).SerializeToString() for name in net.heads}
