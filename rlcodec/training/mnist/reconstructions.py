"""Latents and reconstructions of training images, by the integer transforms of preset `mnist` in torch, many at once."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from rlcodec.core.integer_conv import ConvLayer
from rlcodec.training.mnist.autoencoder import pad_to_stride

ANALYSED_AT_ONCE = 500
FILL_ROWS = 6


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


@dataclass(frozen=True)
class AnalysedImages:
    """Images with their latents.

    Attributes:
        images: uint8 (n, h, w).
        latents: int8 (n, slices, rows, columns), -1 or +1.
        synthesis: layers from latent to reconstruction.
    """

    images: np.ndarray
    latents: np.ndarray
    synthesis: tuple[ConvLayer, ...]

    @classmethod
    def analyse(cls, images: np.ndarray, analysis: tuple[ConvLayer, ...], synthesis: tuple[ConvLayer, ...]) -> "AnalysedImages":
        """Computes the latents of images by the layers of the analysis."""
        padded = torch.from_numpy(pad_to_stride(images))[:, None]
        signs = torch.cat([run_layers_batched(analysis, part) >= 0 for part in padded.split(ANALYSED_AT_ONCE)])
        return cls(images, np.where(signs.numpy(), 1, -1).astype(np.int8), synthesis)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def slices(self) -> int:
        """Number of slices of a latent."""
        return self.latents.shape[1]

    def reconstruct(self, index: np.ndarray, budgets: np.ndarray) -> np.ndarray:
        """Reconstructs images from the first slices of their latents.

        Args:
            index: int64 (k,), of the images.
            budgets: int64 (k,), whole slices that are kept of each.

        Returns:
            uint8 (k, h, w).
        """
        latents, (_, height, width) = self.latents[index], self.images.shape
        kept = latents * (np.arange(self.slices)[None, :] < budgets[:, None])[:, :, None, None]
        out = run_layers_batched(self.synthesis, torch.from_numpy(kept))
        return out[:, 0, :height, :width].numpy().astype(np.uint8)

    def context(self, index: np.ndarray, budgets: np.ndarray) -> np.ndarray:
        """As `reconstruct`, as context for pixels: zeros for a budget of 0."""
        out = np.zeros((len(index), *self.images.shape[1:]), np.uint8)
        sent = budgets > 0
        if sent.any():
            out[sent] = self.reconstruct(index[sent], budgets[sent])
        return out


def fit_fill(analysed: AnalysedImages, count: int) -> np.ndarray:
    """Least-squares weights that predict the error of rows from that of the last row sent.

    Args:
        analysed: training images.
        count: number of images, the first ones.

    Returns:
        int32 (slices + 1, FILL_ROWS), in 1/256.
    """
    images = analysed.images[:count]
    fill = np.zeros((analysed.slices + 1, FILL_ROWS), np.int32)
    for budget in range(analysed.slices + 1):
        reconstructed = analysed.reconstruct(np.arange(len(images)), np.full(len(images), budget))
        error = images - reconstructed.astype(np.float64)
        for distance in range(1, FILL_ROWS + 1):
            above, below = error[:, :-distance], error[:, distance:]
            fill[budget, distance - 1] = np.rint(256 * np.clip((above * below).sum() / max((above**2).sum(), 1), 0, 1))
    return fill
