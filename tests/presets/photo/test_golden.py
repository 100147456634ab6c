"""Golden streams of preset photo: what a decoder reads from them may not change by accident.

Quantised areas are compared exactly; what an encoder chooses and the last, float step of the synthesis may differ by machine.
`python tests/presets/photo/test_golden.py` writes them anew. Only a new format or new weights are a reason to.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import rlcodec
from rlcodec.core.metrics import psnr_db
from rlcodec.images.color import ColorImage
from rlcodec.presets.photo.allocation import ALLOCATIONS
from rlcodec.presets.photo.coding import PictureCoder
from rlcodec.presets.photo.decoder import decoded_values
from rlcodec.presets.photo.encoder import stream_of
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.presets.photo.process import Choice

FOLDER = Path(__file__).parents[2] / "golden"
PICTURE, HASHES = FOLDER / "photo.png", FOLDER / "photo.json"
STREAMS = {
    "40": (40, "psnr", "full", 5), "200": (200, "ssimulacra2", "full", 5), "400": (400, "ssimulacra2", "full", 5),
    "200-plain-3": (200, "psnr", "plain", 3), "120-light-4": (120, "ms-ssim", "light", 4),
    "300-light-3": (300, "ssimulacra2", "light", 3),
}  # fmt: skip
"""Gain, kind of distortion, width of the synthesis, and slices that are sent: every stop, width and allocation."""


def values_hash(data: bytes) -> str:
    return hashlib.sha256(decoded_values(installed_weights(), data).tobytes()).hexdigest()


def encoded(name: str) -> bytes:
    gain, kind, width, slices = STREAMS[name]
    original, allocation = np.asarray(Image.open(PICTURE)), ALLOCATIONS[kind]
    coded = PictureCoder(installed_weights(), original).code(gain, allocation)
    return stream_of(installed_weights(), coded, ColorImage(original, False), allocation, Choice(gain, slices, width)).data


@pytest.mark.parametrize("name", STREAMS)
def test_streams_hold_the_same_coefficients(name):
    data = (FOLDER / f"photo-{name}.rlc").read_bytes()
    known = json.loads(HASHES.read_text())[name]
    assert values_hash(data) == known["values"]
    original = np.asarray(Image.open(PICTURE))
    assert psnr_db(original, np.asarray(rlcodec.decode(data))) == pytest.approx(known["psnr_db"], abs=0.02)
    assert abs(len(encoded(name)) - len(data)) <= 0.01 * len(data)


def write() -> None:
    from sklearn.datasets import load_sample_image

    Image.fromarray(load_sample_image("china.jpg")[100:228, 200:296]).save(PICTURE)
    original, known = np.asarray(Image.open(PICTURE)), {}
    for name in STREAMS:
        data = encoded(name)
        (FOLDER / f"photo-{name}.rlc").write_bytes(data)
        known[name] = {"values": values_hash(data), "psnr_db": psnr_db(original, np.asarray(rlcodec.decode(data)))}
    HASHES.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    write()
