"""Training of the auto-encoder of preset `compact` in torch: COMPACT (Rekhi), with stochastic binarization.

Six convolutions with generalised divisive normalisation (GDN) between them, a binary latent, and six up-convolutions with
inverse GDN between them. GDN is that of Balle, Laparra and Simoncelli, "Density Modeling of Images using a Generalized
Normalization Transformation" (2016), equation 2; the binarization is that of `rlcodec.training.binarization`. The publication
used Adam at 5e-5, decayed, and a batch of 8. It leaves widths, kernels and strides open: `rlcodec.presets.compact.transform`
lists them. 256 bits for each 64x64 pixels give the published 7.5 kilobytes for 1280x720.
"""

import numpy as np
import torch
from torch import Tensor, nn

from rlcodec.presets.compact.transform import COLORS, LATENT_CHANNELS, LAYERS, STRIDE
from rlcodec.training.binarization import binarize_deterministically, binarize_stochastically
from rlcodec.training.compact.initialise import initialise
from rlcodec.training.data import random_rescaled_crop
from rlcodec.training.loop import fit, seeded_device
from rlcodec.training.onnx_export import halve_weights, onnx_graph
from rlcodec.training.options import TrainingRun

CROP = 256
"""Side of crops. Smaller ones would teach a latent whose positions are nearly all at a border."""
INITIAL_CROPS = 300
STOCHASTIC_SHARE = 1 / 8
"""Share of crops binarized stochastically, the others as at inference."""
PARTIAL_SHARE = 1 / 4
"""Share of crops of which only the first channels are sent, any number of them. Their errors count by the share that is sent,
or those of a few channels would dominate."""
VALIDATED_SIDE = 512
SMALLEST_BETA = 1e-3


class DivisiveNormalisation(nn.Module):
    """GDN: divides channels by the root of a learned positive combination of all channels' squares; the inverse multiplies."""

    def __init__(self, channels: int, inverse: bool = False):
        super().__init__()
        self.inverse = inverse
        self.root_beta = nn.Parameter(torch.ones(channels))
        self.root_gamma = nn.Parameter((0.1 * torch.eye(channels) + 1e-4).sqrt())

    def forward(self, x: Tensor) -> Tensor:
        """The normalised channels, of the shape of `x`, (n, channels, rows, columns)."""
        gamma = self.root_gamma.square()[:, :, None, None]
        norm = nn.functional.conv2d(x * x, gamma, self.root_beta.square() + SMALLEST_BETA).sqrt()
        return x * norm if self.inverse else x / norm


class Compact(nn.Module):
    """The two transforms; pixels are between -1 and 1.

    `analysis` maps images, float (n, 3, h, w), to logits of bits, (n, LATENT_CHANNELS, h/64, w/64); `synthesis` maps latents of
    -1, 0 (not sent) and +1 back to images.
    """

    def __init__(self) -> None:
        super().__init__()
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        finer = COLORS
        for layer in LAYERS:
            if down:
                down.append(DivisiveNormalisation(finer))
                up.append(DivisiveNormalisation(finer, inverse=True))
            padding = (layer.kernel - layer.stride) // 2
            down.append(nn.Conv2d(finer, layer.channels, layer.kernel, layer.stride, padding))
            up.append(nn.ConvTranspose2d(layer.channels, finer, layer.kernel, layer.stride, padding))
            finer = layer.channels
        self.analysis, self.synthesis = nn.Sequential(*down), nn.Sequential(*reversed(up))


def to_pixels(pictures: list[np.ndarray], device: torch.device) -> Tensor:
    """Pictures of one size, uint8 (h, w, 3), as the input of the analysis, float32 (n, 3, h, w)."""
    pixels = torch.from_numpy(np.stack(pictures)).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
    return pixels.contiguous(memory_format=torch.channels_last)


def train_compact(train: list[np.ndarray], validation: list[np.ndarray], run: TrainingRun) -> Compact:
    """Trains on random crops at random scales. The loss is the mean squared error of pixels between -1 and 1.

    Args:
        train: pictures, uint8 (h, w, 3), with sides of at least CROP.
        validation: held-out pictures.
        run: schedule, folder and device.

    Returns:
        The exponential moving average of the trained network.

    Raises:
        DataError: a picture is smaller than a crop.
    """
    device = seeded_device(run)
    model = Compact()
    rng = np.random.default_rng(run.schedule.seed)
    crops = [random_rescaled_crop(train, CROP, rng) for _ in range(INITIAL_CROPS)]
    initialise(model.analysis, model.synthesis, to_pixels(crops, torch.device("cpu")))
    model = model.to(device, memory_format=torch.channels_last)
    held_out = [to_pixels([whole_positions(picture)], device) for picture in validation]

    def loss_of(model: Compact, rng: np.random.Generator, batch: int) -> Tensor:
        pixels = to_pixels([random_rescaled_crop(train, CROP, rng) for _ in range(batch)], device)
        split, partial = round(batch * STOCHASTIC_SHARE), round(batch * PARTIAL_SHARE)
        numbers = [*[LATENT_CHANNELS] * (batch - partial), *rng.integers(1, LATENT_CHANNELS + 1, partial)]
        sent = torch.tensor(numbers, device=device)
        with torch.autocast(device.type, torch.bfloat16):
            logits = model.analysis(pixels)
            bits = torch.cat([binarize_stochastically(logits[:split]), binarize_deterministically(logits[split:])])
            decoded = model.synthesis(first_channels(bits, sent))
        errors = (decoded.float() - pixels).square().mean((1, 2, 3))
        return (errors * sent).mean() / LATENT_CHANNELS

    def evaluate(model: Compact) -> dict[str, float]:
        return {
            "psnr_db": validation_psnr(model, LATENT_CHANNELS),
            "psnr_half_db": validation_psnr(model, LATENT_CHANNELS // 2),
        }

    def validation_psnr(model: Compact, channels: int) -> float:
        """Mean PSNR of the held-out pictures from the first channels of their latents, dB."""
        errors = []
        for pixels in held_out:
            bits = binarize_deterministically(model.analysis(pixels))
            decoded = model.synthesis(first_channels(bits, torch.tensor([channels], device=device))).clamp(-1, 1)
            errors.append((decoded - pixels).square().mean() * 127.5**2)
        return float(10 * torch.log10(255**2 / torch.stack(errors)).mean())

    return fit(model, loss_of, evaluate, run, "auto-encoder, compact")


def first_channels(bits: Tensor, sent: Tensor) -> Tensor:
    """Latents, (n, LATENT_CHANNELS, rows, columns), with 0 in place of all but their first `sent` channels, int64 (n,)."""
    return bits * (torch.arange(LATENT_CHANNELS, device=bits.device) < sent[:, None])[:, :, None, None]


def whole_positions(picture: np.ndarray) -> np.ndarray:
    """The top left part of a picture, of at most VALIDATED_SIDE, whose sides are multiples of STRIDE; uint8 (h, w, 3)."""
    height, width = (min(side, VALIDATED_SIDE) // STRIDE * STRIDE for side in picture.shape[:2])
    return picture[:height, :width]


def export_compact(model: Compact) -> dict[str, bytes]:
    """The ONNX files of both transforms, by name, "analysis" and "synthesis"."""
    shapes = {"analysis": (3, 2 * STRIDE, 2 * STRIDE), "synthesis": (LATENT_CHANNELS, 2, 2)}
    axes = {2: "rows", 3: "columns"}
    graphs = {
        name: onnx_graph(getattr(model, name), torch.zeros(1, *shape), ("from", "to"), axes) for name, shape in shapes.items()
    }
    return {name: halve_weights(graph).SerializeToString() for name, graph in graphs.items()}
