"""Analysis and synthesis transforms in exact integers: convolutions with the same result on every machine.

Weights are int16, activations are integers in [0, 1023], and every accumulator is an int32 whose bound is proved from the
weights at export (`rlcodec.training.quantise`). There are no floats, so the reconstruction may be context for coding pixels.
"""

import functools
from dataclasses import dataclass

import numpy as np

from rlcodec.core._integer_conv import convolve
from rlcodec.core.int16_products import to_pairs

PIXEL_MAX = 255
STRIDE = 4
"""Image pixels per latent, along each axis."""


@dataclass(frozen=True)
class ConvLayer:
    """One integer convolution with zero padding, then rounding shift and clip.

    Attributes:
        weight: int16, (kernel height, kernel width, channels in, channels out).
        bias: int32, (channels out,).
        shift: the accumulator is divided by 2**shift, rounding half up.
        low: smallest output.
        high: largest output.
        stride: 1 or 2.
        shuffle: 2 to rearrange channels to pixels, (h, w, 4c) to (2h, 2w, c), after the convolution; 1 for nothing.
    """

    weight: np.ndarray
    bias: np.ndarray
    shift: int
    low: int
    high: int
    stride: int
    shuffle: int

    @functools.cached_property
    def pairs(self) -> np.ndarray:
        """The weights of each row of the kernel, as `convolve` takes them."""
        taps_y, taps_x, channels, filters = self.weight.shape
        return to_pairs(self.weight.reshape(taps_y, taps_x * channels, filters))

    def macs(self, height: int, width: int) -> int:
        """Multiply-accumulates for an input of height x width."""
        return -(-height // self.stride) * -(-width // self.stride) * int(self.weight.size)


def run_layers(layers: tuple[ConvLayer, ...], x: np.ndarray) -> np.ndarray:
    """Runs the layers on one input.

    Args:
        layers: the network.
        x: int16, (height, width, channels).

    Returns:
        int16, (height', width', channels').
    """
    for layer in layers:
        taps_x = layer.weight.shape[1]
        out = convolve(x, layer.pairs, layer.bias, taps_x, layer.shift, layer.low, layer.high, layer.stride)
        if layer.shuffle == 2:
            height, width, channels = out.shape[0], out.shape[1], out.shape[2] // 4
            out = out.reshape(height, width, channels, 2, 2).transpose(0, 3, 1, 4, 2)
            out = np.ascontiguousarray(out.reshape(2 * height, 2 * width, channels))
        x = out
    return x


def latent_shape(height: int, width: int) -> tuple[int, int]:
    """Latents along each axis of an image of height x width pixels."""
    return -(-height // STRIDE), -(-width // STRIDE)


def analyse(layers: tuple[ConvLayer, ...], image: np.ndarray) -> np.ndarray:
    """Analysis transform with deterministic binarization.

    Args:
        layers: the analysis network.
        image: uint8, (height, width).

    Returns:
        int8, (channels, latent height, latent width), -1 or +1, the most important channel first.
    """
    rows, columns = latent_shape(*image.shape)
    padded = np.zeros((rows * STRIDE, columns * STRIDE, 1), np.int16)
    padded[: image.shape[0], : image.shape[1], 0] = image
    return np.where(run_layers(layers, padded) >= 0, 1, -1).astype(np.int8).transpose(2, 0, 1).copy()


def keep_bits(latent: np.ndarray, bit_budget: int) -> np.ndarray:
    """The first `bit_budget` binary latents, channel by channel in raster order; the rest is 0, unknown."""
    kept = np.zeros(latent.size, np.int8)
    kept[:bit_budget] = latent.reshape(-1)[:bit_budget]
    return kept.reshape(latent.shape)


def synthesise(layers: tuple[ConvLayer, ...], latent: np.ndarray, height: int, width: int) -> np.ndarray:
    """Synthesis transform.

    Args:
        layers: the synthesis network.
        latent: int8, (channels, latent height, latent width), -1 or +1, and 0 where a bit was not sent.
        height: of the image, pixels.
        width: of the image, pixels.

    Returns:
        uint8, (height, width).
    """
    x = np.ascontiguousarray(latent.transpose(1, 2, 0).astype(np.int16))
    return run_layers(layers, x)[:height, :width, 0].astype(np.uint8)
