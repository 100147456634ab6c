"""Training of the auto-encoder of preset `mnist` in torch, with stochastic binarization and nested bits.

The ordering of the bits by nested dropout follows Rippel et al., "Learning Ordered Representations with Nested Dropout" (2014).
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlcodec.core.int16_products import ACTIVATION_MAX
from rlcodec.core.integer_conv import PIXEL_MAX, STRIDE, ConvLayer
from rlcodec.training.binarization import DETERMINISTIC_SHARE, binarize_deterministically, binarize_stochastically
from rlcodec.training.loop import fit, seeded_device
from rlcodec.training.options import Schedule, TrainingRun
from rlcodec.training.quantise import ACTIVATION_SCALE, PIXEL_SCALE, clipped_relu, quantise_layer, shift_between

SCHEDULE = Schedule(steps=30_000, batch=128, learning_rate=2e-3)
EVALUATED_IMAGES, EVALUATED_BUDGETS = 1000, (0, 1, 2, 4, 8)
PARTIAL_SLICE_SHARE = 0.25
"""Share of training images whose bit budget may end within a slice."""


class AutoEncoder(nn.Module):
    """The two transforms.

    `analyse` maps images, float (b, 1, h, w), to logits of bits, (b, c, h/4, w/4); `synthesise` maps latents of -1, 0 (not
    sent) and +1 back to images.

    Args:
        channels: c, binary latents at each position of a grid at a quarter of the resolution.
        analysis_widths: channels between the layers of the analysis.
        synthesis_widths: channels between the layers of the synthesis.
    """

    def __init__(
        self,
        channels: int = 16,
        analysis_widths: tuple[int, int, int] = (24, 64, 64),
        synthesis_widths: tuple[int, int, int] = (64, 24, 12),
    ):
        super().__init__()
        self.channels = channels
        a, s = analysis_widths, synthesis_widths
        down = ((1, a[0], 5, 2), (a[0], a[1], 5, 2), (a[1], a[2], 3, 1), (a[2], channels, 3, 1))
        up = ((channels, s[0]), (s[0], 4 * s[1]), (s[1], 4 * s[2]), (s[2], 1))
        self.analysis = nn.ModuleList(nn.Conv2d(i, o, side, stride, side // 2) for i, o, side, stride in down)
        self.synthesis = nn.ModuleList(nn.Conv2d(i, o, 3, padding=1) for i, o in up)

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


def budget_mask(budgets: Tensor, channels: int, height: int, width: int) -> Tensor:
    """1 for the first `budgets[i]` bits of image i in channel-major raster order, else 0; float (b, c, h, w)."""
    order = torch.arange(channels * height * width, device=budgets.device)
    return (order[None] < budgets[:, None]).float().view(-1, channels, height, width)


def pad_to_stride(images: np.ndarray) -> np.ndarray:
    """Pads images (n, h, w) with zeros at the bottom and at the right to multiples of the stride."""
    return np.pad(images, ((0, 0), (0, -images.shape[1] % STRIDE), (0, -images.shape[2] % STRIDE)))


def train_autoencoder(train: np.ndarray, validation: np.ndarray, run: TrainingRun) -> AutoEncoder:
    """Trains the auto-encoder.

    The loss is the squared error at a random bit budget for each image, divided by the running mean error at that budget. All
    budgets then have the same weight, as they have in decibels.

    Args:
        train: uint8 (n, h, w).
        validation: uint8 (n, h, w).
        run: schedule, folder and device.

    Returns:
        The exponential moving average of the trained network.
    """
    train, validation = pad_to_stride(train), pad_to_stride(validation)
    device = seeded_device(run)
    model = AutoEncoder().to(device, memory_format=torch.channels_last)
    channels = model.channels
    rows, columns = train.shape[1] // STRIDE, train.shape[2] // STRIDE
    slice_bits = rows * columns
    typical = torch.full((channels + 1,), 0.05, device=device)

    def loss_of(model: AutoEncoder, rng: np.random.Generator, batch: int) -> Tensor:
        x = torch.from_numpy(train[rng.integers(0, len(train), batch)]).to(device)[:, None].float() / PIXEL_SCALE
        whole = rng.integers(0, channels + 1, batch)
        part = np.where(rng.random(batch) < PARTIAL_SLICE_SHARE, rng.integers(0, slice_bits, batch), 0)
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

    def evaluate(model: AutoEncoder) -> dict[str, float]:
        x = torch.from_numpy(validation[:EVALUATED_IMAGES]).to(device)[:, None].float() / PIXEL_SCALE
        bits = torch.where(model.analyse(x) >= 0, 1.0, -1.0)
        scores = {}
        for budget in (*EVALUATED_BUDGETS, channels):
            kept = bits.clone()
            kept[:, budget:] = 0
            mse = ((model.synthesise(kept) - x) * PIXEL_SCALE).square().mean()
            scores[f"psnr_{budget}_slices"] = float(10 * torch.log10(255.0**2 / mse))
        return scores

    return fit(model, loss_of, evaluate, run, "auto-encoder")


def export_transforms(model: AutoEncoder) -> tuple[tuple[ConvLayer, ...], tuple[ConvLayer, ...]]:
    """Exports the integer analysis and synthesis transforms that the runtime runs.

    Raises:
        ModelError: a sum could overflow int32.
    """
    analysis = _export_chain(model.analysis, PIXEL_MAX, PIXEL_SCALE, (-1, 0))
    synthesis = _export_chain(model.synthesis, 1, 1.0, (0, PIXEL_MAX))
    return analysis, synthesis


def _export_chain(
    modules: nn.ModuleList, input_max: int, input_scale: float, last_range: tuple[int, int]
) -> tuple[ConvLayer, ...]:
    layers = []
    for i, module in enumerate(modules):
        weight, bias = (parameter.detach().double().cpu().numpy() for parameter in (module.weight, module.bias))
        layer = quantise_layer(weight, bias, input_max, input_scale)
        last = i == len(modules) - 1
        # Only the sign of the last analysis layer is used, which needs no scale: sums are clipped to -1 or 0.
        signs = last and last_range[0] < 0
        shuffled = i + 1 < len(modules) and modules[i + 1].in_channels < len(weight)
        layers.append(
            ConvLayer(
                weight=np.ascontiguousarray(layer.weight.transpose(2, 3, 1, 0)),
                bias=layer.bias,
                shift=0 if signs else layer.bits + shift_between(input_scale, PIXEL_SCALE if last else ACTIVATION_SCALE),
                low=last_range[0] if last else 0,
                high=last_range[1] if last else ACTIVATION_MAX,
                stride=module.stride[0],
                shuffle=2 if shuffled else 1,
            )
        )
        input_max, input_scale = ACTIVATION_MAX, ACTIVATION_SCALE
    return tuple(layers)
