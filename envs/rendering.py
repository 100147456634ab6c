"""Renders episodes: the original, the picture so far and what it has cost, as a frame or in a window."""

from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from rlcodec.core.metrics import psnr_db

SMALLEST_SIDE = 224
"""Pictures whose longer side has fewer pixels are enlarged."""
LINE_PIXELS, LINES = 14, 3
"""Height of a line of text, and number of lines."""


def draw_frame(original: np.ndarray, shown: np.ndarray, bits: float, kmac_per_pixel: float) -> np.ndarray:
    """A frame with the original and the decoded picture side by side, and bits, compute and quality below.

    Args:
        original: uint8 (h, w) or (h, w, 3).
        shown: the decoded picture, uint8 of the same shape.
        bits: code length of what was sent.
        kmac_per_pixel: compute of decoding it.

    Returns:
        uint8 (height, width, 3). Small pictures are enlarged by a whole factor.
    """
    factor = max(1, -(-SMALLEST_SIDE // max(original.shape[:2])))
    pair = np.concatenate([original, shown], 1).repeat(factor, 0).repeat(factor, 1)
    frame = Image.new("RGB", (pair.shape[1], pair.shape[0] + LINES * LINE_PIXELS), "white")
    frame.paste(Image.fromarray(pair).convert("RGB"), (0, 0))
    quality = psnr_db(original, shown)
    height, width = original.shape[:2]
    lines = (
        f"{bits:.1f} bits, {bits / (height * width):.3f} per pixel",
        f"{kmac_per_pixel:.3f} decoder kMAC per pixel",
        "exact" if np.isinf(quality) else f"{quality:.2f} dB PSNR",
    )
    pen = ImageDraw.Draw(frame)
    for i, line in enumerate(lines):
        pen.text((4, pair.shape[0] + i * LINE_PIXELS), line, fill="black")
    return np.asarray(frame)


class Window:
    """A window of matplotlib that shows frames; it does nothing without a display.

    Args:
        frames_per_second: the highest rate at which frames are shown.
    """

    def __init__(self, frames_per_second: float):
        from matplotlib import pyplot as plt

        self._plt: Any = plt
        self._seconds = 1 / frames_per_second
        self._figure, axes = plt.subplots(num="rlcodec")
        axes.axis("off")
        self._axes = axes
        self._picture: Any = None

    def show(self, frame: np.ndarray) -> None:
        """Shows a frame, uint8 (height, width, 3), and waits until the next is due."""
        if self._picture is None:
            self._picture = self._axes.imshow(frame)
        self._picture.set_data(frame)
        self._figure.canvas.draw_idle()
        if self._plt.get_backend().lower() != "agg":
            self._plt.show(block=False)
            self._figure.canvas.flush_events()
            self._figure.canvas.start_event_loop(self._seconds)

    def close(self) -> None:
        """Closes the window."""
        self._plt.close(self._figure)
