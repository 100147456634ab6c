"""Training of the auto-encoder of preset `mnist` in torch, with stochastic binarization and nested bits.

Stochastic binarization follows Toderici et al., "Variable Rate Image Compression with Recurrent Neural Networks"
(2016), section 3.1; the ordering of the bits by nested dropout follows Rippel et al., "Learning Ordered
Representations with Nested Dropout" (2014).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlcodec.core.integer_conv import ACTIVATION_MAX, PIXEL_MAX, STRIDE, ConvLayer
from rlcodec.training.loop import Schedule, fit
from rlcodec.training.quantise import to_int16, to_int32, weight_scale_bits

ACTIVATION_SCALE = 128.0
ACTIVATION_CEILING = ACTIVATION_MAX / ACTIVATION_SCALE
"""Upper limit of activations in training, that of the integer network."""
PIXEL_SCALE = 256.0
"""The float network takes and gives pixels divided by this; a power of two, so that integers scale exactly."""
DETERMINISTIC_SHARE = 0.5
"""Share of training images binarized as at inference, not stochastically; the synthesis learns from both."""


@dataclass(frozen=True)
class AutoEncoderConfig:
    """Sizes of the auto-encoder: `channels` binary latents at each position of a grid at 1/4 resolution."""

    channels: int = 16
    analysis_widths: tuple[int, int, int] = (24, 64, 64)
    synthesis_widths: tuple[int, int, int] = (64, 24, 12)


def clipped_relu(x: Tensor) -> Tensor:
    """ReLU with the upper limit of the integer network."""
    return F.hardtanh(x, 0.0, ACTIVATION_CEILING)


class AutoEncoder(nn.Module):
    """The two transforms.

    `analyse` maps images, float (b, 1, h, w), to logits of bits, (b, c, h/4, w/4); `synthesise` maps latents of -1, 0 (not
    sent) and +1 back to images.
    """

    def __init__(self, config: AutoEncoderConfig = AutoEncoderConfig()):
        super().__init__()
        self.config = config
        a, s, c = config.analysis_widths, config.synthesis_widths, config.channels
        self.analysis = nn.ModuleList(
            [
                nn.Conv2d(1, a[0], 5, stride=2, padding=2),
                nn.Conv2d(a[0], a[1], 5, stride=2, padding=2),
                nn.Conv2d(a[1], a[2], 3, padding=1),
                nn.Conv2d(a[2], c, 3, padding=1),
            ]
        )
        self.synthesis = nn.ModuleList(
            [
                nn.Conv2d(c, s[0], 3, padding=1),
                nn.Conv2d(s[0], 4 * s[1], 3, padding=1),
                nn.Conv2d(s[1], 4 * s[2], 3, padding=1),
                nn.Conv2d(s[2], 1, 3, padding=1),
            ]
        )

    def analyse(self, x: Tensor) -> Tensor:
        """Logits of the bits, float (b, c, h/4, w/4), of images (b, 1, h, w)."""
        for layer in self.analysis[:-1]:
            x = clipped_relu(layer(x))
        return self.analysis[-1](x)

    def synthesise(self, bits: Tensor) -> Tensor:
        """Images, float (b, 1, h, w), of latents (b, c, h/4, w/4)."""
        x = clipped_relu(self.synthesis[0](bits))
        for layer in self.synthesis[1:-1]:
            x = clipped_relu(F.pixel_shuffle(layer(x), 2))
        return self.synthesis[-1](x)


def binarize_stochastically(logits: Tensor) -> Tensor:
    """Draws +1 with probability (1 + tanh(logit)) / 2, else -1; the gradient is that of tanh (straight-through)."""
    mean = torch.tanh(logits)
    drawn = torch.where(torch.rand_like(mean) < (1 + mean) / 2, 1.0, -1.0)
    return mean + (drawn - mean).detach()


def binarize_deterministically(logits: Tensor) -> Tensor:
    """The sign of the logits, as at inference; the gradient is that of tanh (straight-through)."""
    mean = torch.tanh(logits)
    return mean + (torch.where(logits >= 0, 1.0, -1.0) - mean).detach()


def budget_mask(budgets: Tensor, channels: int, height: int, width: int) -> Tensor:
    """1 for the first `budgets[i]` bits of image i in channel-major raster order, else 0; float (b, c, h, w)."""
    order = torch.arange(channels * height * width, device=budgets.device)
    return (order[None] < budgets[:, None]).float().view(-1, channels, height, width)


def pad_to_stride(images: np.ndarray) -> np.ndarray:
    """Pads images (n, h, w) with zeros at the bottom and at the right to multiples of the stride."""
    return np.pad(images, ((0, 0), (0, -images.shape[1] % STRIDE), (0, -images.shape[2] % STRIDE)))


def train_autoencoder(
    train: np.ndarray, validation: np.ndarray, schedule: Schedule, folder: Path, resume: bool, device: torch.device
) -> AutoEncoder:
    """Trains the auto-encoder.

    The loss is the squared error at a random bit budget for each image, divided by the running mean error at that budget. All
    budgets then have the same weight, as they have in decibels.

    Args:
        train: uint8 (n, h, w).
        validation: uint8 (n, h, w).
        schedule: length, batch, learning rate and seed.
        folder: receives the checkpoint and TensorBoard's events.
        resume: continue from the folder's checkpoint if there is one.
        device: where to train.

    Returns:
        The exponential moving average of the trained weights.
    """
    train, validation = pad_to_stride(train), pad_to_stride(validation)
    torch.manual_seed(schedule.seed)
    model = AutoEncoder().to(device, memory_format=torch.channels_last)
    channels = model.config.channels
    rows, columns = train.shape[1] // STRIDE, train.shape[2] // STRIDE
    slice_bits = rows * columns
    typical = torch.full((channels + 1,), 0.05, device=device)

    def loss_of(model: nn.Module, rng: np.random.Generator, batch: int) -> Tensor:
        x = torch.from_numpy(train[rng.integers(0, len(train), batch)]).to(device)[:, None].float() / PIXEL_SCALE
        whole = rng.integers(0, channels + 1, batch)
        part = np.where(rng.random(batch) < 0.25, rng.integers(0, slice_bits, batch), 0)
        budgets = torch.from_numpy(np.minimum(whole * slice_bits + part, channels * slice_bits)).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            logits = model.analyse(x.contiguous(memory_format=torch.channels_last))
            deterministic = torch.from_numpy(rng.random(batch) < DETERMINISTIC_SHARE).to(device)[:, None, None, None]
            logits = logits.float()
            bits = torch.where(deterministic, binarize_deterministically(logits), binarize_stochastically(logits))
            bits = bits * budget_mask(budgets, channels, rows, columns)
            out = model.synthesise(bits)
        error = (out.float() - x).square().mean((1, 2, 3))
        index = (budgets + slice_bits // 2) // slice_bits
        with torch.no_grad():
            sums = torch.zeros_like(typical).index_add_(0, index, error)
            counts = torch.zeros_like(typical).index_add_(0, index, torch.ones_like(error))
            decay = 0.98**counts
            typical.copy_(torch.where(counts > 0, decay * typical + (1 - decay) * sums / counts.clamp(min=1), typical))
        return (error / typical[index]).mean()

    @torch.no_grad()
    def evaluate(model: nn.Module) -> dict[str, float]:
        x = torch.from_numpy(validation[:1000]).to(device)[:, None].float() / PIXEL_SCALE
        bits = torch.where(model.analyse(x) >= 0, 1.0, -1.0)
        figures = {}
        for budget in (0, 1, 2, 4, 8, channels):
            kept = bits.clone()
            kept[:, budget:] = 0
            mse = ((model.synthesise(kept) - x) * PIXEL_SCALE).square().mean()
            figures[f"psnr_{budget}_slices"] = float(10 * torch.log10(255.0**2 / mse))
        return figures

    return fit(model, loss_of, evaluate, schedule, folder, resume, "auto-encoder")


def export_transforms(model: AutoEncoder) -> tuple[tuple[ConvLayer, ...], tuple[ConvLayer, ...]]:
    """Exports the integer analysis and synthesis transforms that the runtime runs.

    Raises:
        ModelError: a sum could overflow int32.
    """
    analysis = _export_chain(model.analysis, PIXEL_MAX, PIXEL_SCALE, (2, 2, 1, 1), (1, 1, 1, 1), (-1, 0))
    synthesis = _export_chain(model.synthesis, 1, 1.0, (1, 1, 1, 1), (1, 2, 2, 1), (0, PIXEL_MAX))
    return analysis, synthesis


def _export_chain(
    modules: nn.ModuleList,
    input_max: int,
    input_scale: float,
    strides: tuple[int, ...],
    shuffles: tuple[int, ...],
    last_range: tuple[int, int],
) -> tuple[ConvLayer, ...]:
    layers = []
    for i, module in enumerate(modules):
        weight = module.weight.detach().double().cpu().numpy()
        bias = module.bias.detach().double().cpu().numpy()
        bits = weight_scale_bits(weight.reshape(len(weight), -1), bias[None], input_max, input_scale)
        last = i == len(modules) - 1
        out_scale = PIXEL_SCALE if last else ACTIVATION_SCALE
        # Only the sign of the last analysis layer is used, which needs no scale: sums are clipped to -1 or 0.
        signs = last and last_range[0] < 0
        shift = 0 if signs else bits + int(np.log2(input_scale)) - int(np.log2(out_scale))
        layers.append(
            ConvLayer(
                weight=np.ascontiguousarray(to_int16(weight, bits).transpose(2, 3, 1, 0)),
                bias=to_int32(bias, bits, input_scale),
                shift=shift,
                low=last_range[0] if last else 0,
                high=last_range[1] if last else ACTIVATION_MAX,
                stride=strides[i],
                shuffle=shuffles[i],
            )
        )
        input_max, input_scale = ACTIVATION_MAX, ACTIVATION_SCALE
    return tuple(layers)
