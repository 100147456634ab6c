"""Synthetic pictures with the statistics of photographs, the same on every machine, for calibration and benchmarks."""

import numpy as np
from PIL import Image

NOISE_OCTAVES = ((64, 60.0), (16, 25.0), (4, 10.0))
"""Cell size in pixels and amplitude of each octave of smooth noise."""
EDGES = 4
GRAIN = 4.0
"""Standard deviation of the noise that every pixel gets."""


def drawing(height: int, width: int, seed: int) -> np.ndarray:
    """Draws smooth noise with straight edges across it.

    Args:
        height: pixels.
        width: pixels.
        seed: of the random generator; a seed gives the same picture on every machine.

    Returns:
        uint8 (height, width).
    """
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    total = np.zeros((height, width))
    for cell, amplitude in NOISE_OCTAVES:
        coarse = random.standard_normal((height // cell + 2, width // cell + 2)).astype(np.float32)
        total += amplitude * np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    for _ in range(EDGES):
        angle, offset = random.uniform(0, 2 * np.pi), random.uniform(-0.4, 0.4)
        beyond = (x / width - 0.5) * np.cos(angle) + (y / height - 0.5) * np.sin(angle) > offset
        total += beyond * random.uniform(-60, 60)
    total += random.standard_normal((height, width)) * GRAIN
    return np.clip(total + 128, 0, 255).astype(np.uint8)


def colours(height: int, width: int, seed: int) -> np.ndarray:
    """Draws a colour picture whose planes are correlated, as those of photographs are.

    Args:
        height: pixels.
        width: pixels.
        seed: as `drawing`.

    Returns:
        uint8 (height, width, 3).
    """
    gray, *others = (drawing(height, width, 3 * seed + i).astype(np.int64) for i in range(3))
    planes = [gray, *((3 * gray + other) // 4 for other in others)]
    return np.stack(planes, 2).astype(np.uint8)
