"""Initial weights of preset `compact`: a linear code by principal components, which training then improves.

Photographs have far more energy in low frequencies than in high ones, and twelve layers of random weights need thousands of
steps to find out. Here both transforms begin as a cascade of principal component analyses. Each convolution starts with the
components of the areas that its stride covers, scaled to similar variance, and its up-convolution with the inverse; the taps of
the kernel beyond the stride start near zero. Bits start as signs of random projections of the last components, in which
components count by their importance, and the first up-convolution with the best linear estimate from such bits.
"""

import torch
from torch import Tensor, nn

NORMALISATION = 0.01
"""Initial weight of a channel's own square in its normalisation; small, so that layers are nearly linear."""
POOLING = 1e-4
"""Sum of the initial weights of all channels' squares: not zero, as the weights are stored as square roots."""
SCALING, FIRST_DEVIATION = 0.5, 2.0
"""Exponent of the deviation by which components are divided, and the deviation of the first component after that. An exponent
of 0 would keep their ratios, 1 make all equal."""
IMPORTANCE = 0.6
"""Exponent of the deviation in the weight of a component in random projections."""
NOISE = 0.1
"""Deviation of the other taps, relative to that which would keep variances."""
LAST_NOISE = 0.01
"""The same for the last up-convolution, which makes pixels."""
RIDGE = 1e-2
"""Regularisation of the linear estimate from bits, relative to the variance of a bit."""
SMALLEST_ENERGY = 1e-6
"""Of a component, relative to the first; with fewer examples than values some components would otherwise have none."""


@torch.no_grad()
def initialise(analysis: nn.Sequential, synthesis: nn.Sequential, pixels: Tensor) -> None:
    """Sets the initial weights of both transforms.

    Args:
        analysis: convolutions with normalisations between them. None makes more channels than an area of its stride has values.
        synthesis: the mirrored up-convolutions.
        pixels: examples, float32 (n, 3, h, w); the more positions the latent of all has, the better.
    """
    for module in (*analysis[1::2], *synthesis[1::2]):
        channels = len(module.root_beta)
        module.root_gamma.copy_((NORMALISATION * torch.eye(channels) + POOLING / channels).sqrt())
    color = pixels.mean((0, 2, 3))
    values, scales = pixels - color[:, None, None], torch.ones(len(color))
    pairs = list(zip(analysis[::2], reversed(synthesis[::2]), strict=True))
    for down, up in pairs:
        stride = down.stride[0]
        rows, columns = (side // stride for side in values.shape[2:])
        areas = nn.functional.unfold(values, stride, stride=stride).transpose(1, 2).flatten(0, 1)
        finer_scales = scales.repeat_interleave(stride**2)
        deviations, components = principal_components(areas, down.out_channels)
        scales = deviations**SCALING * deviations[0] ** (1 - SCALING) / FIRST_DEVIATION
        encoder, decoder = components / scales, components.T * scales[:, None]
        if down is analysis[-1]:
            encoder, decoder = binary_code(areas, deviations, components)
        for layer, noise in ((down, NOISE), (up, LAST_NOISE if up is synthesis[-1] else NOISE)):
            nn.init.normal_(layer.weight, std=noise / (layer.in_channels * layer.kernel_size[0] ** 2) ** 0.5)
            nn.init.zeros_(layer.bias)
        set_central_taps(down.weight, (encoder * finer_scales[:, None]).T, stride)
        set_central_taps(up.weight, decoder / finer_scales, stride)
        values = (areas @ components).unflatten(0, (len(pixels), rows, columns)).permute(0, 3, 1, 2)
    first, last = pairs[0]
    first.bias.copy_(-first.weight.sum((2, 3)) @ color)
    last.bias.copy_(color)


def principal_components(areas: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Deviations, (count,), and directions, (values, count), of the first components of areas without mean, (n, values)."""
    energies, directions = torch.linalg.eigh((areas.T @ areas).double() / len(areas))
    energies, directions = energies.flip(0)[:count], directions.flip(1)[:, :count]
    return energies.clamp_min(SMALLEST_ENERGY * float(energies[0])).sqrt().float(), directions.float()


def binary_code(areas: Tensor, deviations: Tensor, components: Tensor) -> tuple[Tensor, Tensor]:
    """Random projections of components, and the linear estimate from their signs.

    Args:
        areas: float32 (n, values).
        deviations: of the components, (bits,).
        components: directions, (values, bits).

    Returns:
        An encoder from areas to logits, (values, bits), and a decoder from bits to areas, (bits, values).
    """
    rotation = nn.init.orthogonal_(torch.empty(len(deviations), len(deviations)))
    encoder = components * deviations ** (IMPORTANCE - 1) @ rotation
    encoder /= (areas @ encoder).std()
    bits = torch.sign(areas @ encoder)
    gram = bits.T @ bits / len(bits) + RIDGE * torch.eye(len(deviations))
    return encoder, torch.linalg.solve(gram, bits.T @ areas / len(bits))


def set_central_taps(weight: Tensor, matrix: Tensor, stride: int) -> None:
    """Writes a matrix, (filters, channels * stride * stride), to the central taps of a layer's filters."""
    first = (weight.shape[-1] - stride) // 2
    taps = slice(first, first + stride)
    weight[:, :, taps, taps] = matrix.unflatten(1, (-1, stride, stride))
