"""Golden streams of preset photo: what a decoder reads from them may not change by accident.

Coefficients are compared exactly; what an encoder chooses and the last, float step of the synthesis may differ by machine.
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
from rlcodec.presets.photo.decoder import decoded_values
from rlcodec.presets.photo.encoder import stream_of
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.presets.photo.process import Choice
from rlcodec.presets.photo.strips import encode_photo

FOLDER = Path(__file__).parents[2] / "golden"
PICTURE, HASHES = FOLDER / "photo.png", FOLDER / "photo.json"
STREAMS = {
    "2": (2, "full", 5), "22": (22, "full", 5), "40": (40, "full", 5),
    "22-plain-3": (22, "plain", 3), "10-light-4": (10, "light", 4), "34-light-3": (34, "light", 3),
}  # fmt: skip
"""Gain, width of the synthesis, and slices that are sent: every stop and every width."""


def values_hash(data: bytes) -> str:
    return hashlib.sha256(decoded_values(installed_weights(), data).tobytes()).hexdigest()


def encoded(name: str) -> bytes:
    gain, width, slices = STREAMS[name]
    original = np.asarray(Image.open(PICTURE))
    coded = encode_photo(installed_weights(), original, gain)
    return stream_of(installed_weights(), coded, ColorImage(original, False), Choice(gain, slices, width)).data


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
