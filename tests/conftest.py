"""Shared images: scikit-learn's small digits, enlarged to look like MNIST's."""

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image
from sklearn.datasets import load_digits

settings.register_profile("rlcodec", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("rlcodec")

SIDE, BOX = 28, 20
DIGITS = 64


def enlarge(digit: np.ndarray) -> np.ndarray:
    """An 8x8 digit of values 0 to 16 as white ink on black, uint8 (28, 28)."""
    small = Image.fromarray((digit * 255 / 16).astype(np.uint8)).resize((BOX, BOX), Image.Resampling.BICUBIC)
    ink = np.clip((np.asarray(small, np.float64) - 40) * 1.5, 0, 255)
    out = np.zeros((SIDE, SIDE), np.uint8)
    margin = (SIDE - BOX) // 2
    out[margin : margin + BOX, margin : margin + BOX] = ink
    return out


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    """Digits as uint8 (64, 28, 28), read-only."""
    images = np.stack([enlarge(digit) for digit in load_digits().images[:DIGITS]])
    images.setflags(write=False)
    return images


@pytest.fixture(scope="session")
def digit(digits: np.ndarray) -> np.ndarray:
    """One digit, uint8 (28, 28), read-only."""
    return digits[3]
