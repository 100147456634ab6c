"""Training of the auto-encoder of preset `compact` in torch: COMPACT (Rekhi), with stochastic binarization.

Six convolutions with generalised divisive normalisation (GDN) between them, a binary latent, and six up-convolutions with
inverse GDN between them. GDN is that of Balle, Laparra and Simoncelli, "Density Modeling of Images using a Generalized
Normalization Transformation" (2016), equation 2; the binarization is that of `rlcodec.training.autoencoder`. The publication
used Adam at 5e-5, decayed, and a batch of 8. It leaves the strides open: here every convolution halves the resolution, so that
256 bits for each 64x64 pixels give the published 7.5 kilobytes for 1280x720. Half of a batch is binarized as at inference, by
the sign: a synthesis trained on stochastic bits alone loses up to 3 dB at inference.
"""

import io
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from rlcodec.core.files import write_bytes
from rlcodec.presets.compact.transform import CHANNELS, LATENT_CHANNELS, LAYERS, STRIDE
from rlcodec.training.autoencoder import DETERMINISTIC_SHARE, binarize_deterministically, binarize_stochastically
from rlcodec.training.loop import Schedule, fit

CROP, HELD_OUT = 192, 10
KERNEL = 5
OPSET = 17
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


def to_pixels(crops: np.ndarray, device: torch.device) -> Tensor:
    """Converts crops, uint8 (n, h, w, 3), to the networks' input: float32 (n, 3, h, w) between -1 and 1."""
    pixels = torch.from_numpy(crops).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
    return pixels.contiguous(memory_format=torch.channels_last)


def train_compact(pictures: list[np.ndarray], schedule: Schedule, folder: Path, resume: bool, device: torch.device) -> Compact:
    """Trains on random crops. The loss is the mean squared error of pixels between -1 and 1.

    Args:
        pictures: uint8 (height, width, 3), with sides of at least CROP; the last HELD_OUT are for validation.
        schedule: length, batch of crops, learning rate and seed.
        folder: receives the checkpoint and TensorBoard's events.
        resume: continue from the folder's checkpoint if there is one.
        device: where to train.

    Returns:
        The exponential moving average of the trained weights.
    """
    torch.manual_seed(schedule.seed)
    train, held = pictures[:-HELD_OUT], pictures[-HELD_OUT:]
    model = Compact().to(device, memory_format=torch.channels_last)
    held_crops = to_pixels(np.stack([p[:CROP, :CROP] for p in held]), device)

    def crops(rng: np.random.Generator, count: int) -> np.ndarray:
        out = np.empty((count, CROP, CROP, 3), np.uint8)
        for i in range(count):
            picture = train[rng.integers(len(train))]
            y, x = (int(rng.integers(0, side - CROP + 1)) for side in picture.shape[:2])
            crop = picture[y : y + CROP, x : x + CROP]
            out[i] = crop[:, ::-1] if rng.random() < 0.5 else crop
        return out

    def loss_of(model: nn.Module, rng: np.random.Generator, batch: int) -> Tensor:
        pixels = to_pixels(crops(rng, batch), device)
        with torch.autocast(device.type, torch.bfloat16):
            logits = model.analysis(pixels)  # type: ignore[operator]
            some = round(batch * DETERMINISTIC_SHARE)
            bits = torch.cat([binarize_deterministically(logits[:some]), binarize_stochastically(logits[some:])])
            shown = model.synthesis(bits)  # type: ignore[operator]
        return (shown.float() - pixels).square().mean()

    @torch.no_grad()
    def evaluate(model: nn.Module) -> dict[str, float]:
        shown = model.synthesis(binarize_deterministically(model.analysis(held_crops))).clamp(-1, 1)  # type: ignore[operator]
        errors = (shown - held_crops).square().mean((1, 2, 3)) * 127.5**2
        return {"psnr_db": float(10 * torch.log10(255**2 / errors).mean())}

    return fit(model, loss_of, evaluate, schedule, folder, resume, "auto-encoder, compact", evaluate_every=250)  # type: ignore[return-value]


def export_compact(model: Compact, folder: Path) -> dict[str, Path]:
    """Writes both transforms as ONNX files into a folder and returns them by name, "analysis" and "synthesis"."""
    model = model.cpu().float().eval()
    examples = {
        "analysis": torch.zeros(1, 3, 2 * STRIDE, 2 * STRIDE),
        "synthesis": torch.zeros(1, LATENT_CHANNELS, 2, 2),
    }
    written = {}
    for name, example in examples.items():
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                getattr(model, name), (example,), buffer, input_names=["from"], output_names=["to"], opset_version=OPSET,
                dynamic_axes={n: {2: "rows", 3: "columns"} for n in ("from", "to")}, dynamo=False,
            )  # fmt: skip
        onnx.checker.check_model(onnx.load_from_string(buffer.getvalue()))
        written[name] = folder / f"compact-{name}.onnx"
        write_bytes(written[name], buffer.getvalue())
    return written
