"""Training of the auto-encoder of preset `compact` in torch: COMPACT (Rekhi), with stochastic binarization.

Six convolutions with generalised divisive normalisation (GDN) between them, a binary latent, and six up-convolutions with
inverse GDN between them. GDN is that of Balle, Laparra and Simoncelli, "Density Modeling of Images using a Generalized
Normalization Transformation" (2016), equation 2; the binarization is that of `rlcodec.training.binarization`. The publication
used Adam at 5e-5, decayed, and a batch of 8. It leaves the strides open: here every convolution halves the resolution, so that
256 bits for each 64x64 pixels give the published 7.5 kilobytes for 1280x720.
"""

import numpy as np
import torch
from torch import Tensor, nn

from rlcodec.presets.compact.transform import CHANNELS, LATENT_CHANNELS, LAYERS, STRIDE
from rlcodec.training.binarization import DETERMINISTIC_SHARE, binarize_deterministically, binarize_stochastically
from rlcodec.training.data import random_mirrored_crop
from rlcodec.training.loop import fit, seeded_device
from rlcodec.training.onnx_export import onnx_graph
from rlcodec.training.options import TrainingRun

CROP = 192
KERNEL = 5
SMALLEST_BETA = 1e-3
ANALYSIS_GAIN, SYNTHESIS_GAIN, LAST_GAIN = 1.2, 0.8, 0.08
"""Approximate gains of layers at initialisation. With torch's default, which is smaller, twelve layers learn far slower."""


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
        widths = (3, *(CHANNELS,) * (LAYERS - 1), LATENT_CHANNELS)
        down, up = [], []
        for i in range(LAYERS):
            down.append(nn.Conv2d(widths[i], widths[i + 1], KERNEL, 2, KERNEL // 2))
            up.append(nn.ConvTranspose2d(widths[-1 - i], widths[-2 - i], KERNEL, 2, KERNEL // 2, output_padding=1))
            if i + 1 < LAYERS:
                down.append(DivisiveNormalisation(CHANNELS))
                up.append(DivisiveNormalisation(CHANNELS, inverse=True))
        self.analysis, self.synthesis = nn.Sequential(*down), nn.Sequential(*up)
        gains = [(layer, ANALYSIS_GAIN) for layer in down[::2]] + [(layer, 2 * SYNTHESIS_GAIN) for layer in up[::2]]
        gains[-1] = up[-1], 2 * LAST_GAIN
        for layer, gain in gains:
            nn.init.normal_(layer.weight, std=gain / (layer.in_channels * KERNEL**2) ** 0.5)
            nn.init.zeros_(layer.bias)


def train_compact(train: list[np.ndarray], validation: list[np.ndarray], run: TrainingRun) -> Compact:
    """Trains on random crops. The loss is the mean squared error of pixels between -1 and 1.

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
    model = Compact().to(device, memory_format=torch.channels_last)

    def to_pixels(crops: list[np.ndarray]) -> Tensor:
        """Crops, uint8 (CROP, CROP, 3), as the input of the analysis, float32 (n, 3, CROP, CROP)."""
        pixels = torch.from_numpy(np.stack(crops)).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
        return pixels.contiguous(memory_format=torch.channels_last)

    held_out = to_pixels([picture[:CROP, :CROP] for picture in validation])

    def loss_of(model: Compact, rng: np.random.Generator, batch: int) -> Tensor:
        pixels = to_pixels([random_mirrored_crop(train, CROP, rng) for _ in range(batch)])
        with torch.autocast(device.type, torch.bfloat16):
            logits = model.analysis(pixels)
            split = round(batch * DETERMINISTIC_SHARE)
            bits = torch.cat([binarize_deterministically(logits[:split]), binarize_stochastically(logits[split:])])
            decoded = model.synthesis(bits)
        return (decoded.float() - pixels).square().mean()

    def evaluate(model: Compact) -> dict[str, float]:
        decoded = model.synthesis(binarize_deterministically(model.analysis(held_out))).clamp(-1, 1)
        errors = (decoded - held_out).square().mean((1, 2, 3)) * 127.5**2
        return {"psnr_db": float(10 * torch.log10(255**2 / errors).mean())}

    return fit(model, loss_of, evaluate, run, "auto-encoder, compact")


def export_compact(model: Compact) -> dict[str, bytes]:
    """The ONNX files of both transforms, by name, "analysis" and "synthesis"."""
    shapes = {"analysis": (3, 2 * STRIDE, 2 * STRIDE), "synthesis": (LATENT_CHANNELS, 2, 2)}
    axes = {2: "rows", 3: "columns"}
    return {
        name: onnx_graph(getattr(model, name), torch.zeros(1, *shape), ("from", "to"), axes).SerializeToString()
        for name, shape in shapes.items()
    }
