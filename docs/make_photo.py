"""Draws the README's second picture: a photograph at equal bytes, by rlcodec and by the codecs that people use."""

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

import rlcodec
from rlcodec.evaluation.figures import plot_pictures, save_figure
from rlcodec.metrics import psnr_db

MOST_BYTES = 14_000
CROP = (slice(120, 300), slice(250, 490))
CLASSICAL = {"JPEG": ("JPEG", {"optimize": True, "progressive": True}), "WebP": ("WEBP", {"method": 6}), "AVIF": ("AVIF", {})}


def classical(picture: Image.Image, kind: str, options: dict) -> bytes:
    """The largest file of one of Pillow's formats that is no larger than MOST_BYTES."""
    best = b""
    for quality in range(1, 96):
        buffer = io.BytesIO()
        picture.save(buffer, kind, quality=quality, **options)
        if buffer.tell() <= MOST_BYTES:
            best = buffer.getvalue()
    return best


def main() -> None:
    """Writes docs/photo.png, or where the command line says."""
    picture = Image.fromarray(load_sample_image("flower.jpg"))
    original = np.asarray(picture)
    shown = {"original": (original, original.size)}
    data = rlcodec.encode(picture, preset="photo", max_bytes=MOST_BYTES)
    shown["rlcodec"] = (np.asarray(rlcodec.decode(data)), len(data))
    for name, (kind, options) in CLASSICAL.items():
        data = classical(picture, kind, options)
        shown[name] = (np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), len(data))
    titles = {}
    for name, (pixels, size) in shown.items():
        quality = "" if name == "original" else f", {psnr_db(original, pixels):.2f} dB"
        titles[f"{name}: {size:,} bytes{quality}"] = pixels[CROP]
    figure = plot_pictures(titles)
    save_figure(figure, Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("photo.png"))


if __name__ == "__main__":
    main()
