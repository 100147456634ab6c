"""Golden streams of preset photo: what a decoder reads from them may not change by accident.

Coefficients are compared exactly; what an encoder chooses and the last, float step of the synthesis may differ by machine.
`python tests/photo/test_golden_photo.py` writes them anew. Only a new format or new weights are a reason to.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import rlcodec
from rlcodec.metrics import psnr_db
from rlcodec.photo.codec import decode_values
from rlcodec.photo.model import load_photo_model
from rlcodec.photo.stream import PhotoSetting
from rlcodec.stream import unpack

FOLDER = Path(__file__).parents[1] / "golden"
PICTURE, HASHES = FOLDER / "photo.png", FOLDER / "photo.json"
GAINS = (2, 22, 40)


def values_hash(data: bytes) -> str:
    stream = unpack(data)
    gain = PhotoSetting.from_number(stream.header.bit_budget).gain
    values, _ = decode_values(load_photo_model(), stream.payload, stream.header.height, stream.header.width, gain)
    return hashlib.sha256(values.tobytes()).hexdigest()


@pytest.mark.parametrize("gain", GAINS)
def test_streams_hold_the_same_coefficients(gain):
    data = (FOLDER / f"photo-{gain}.rlc").read_bytes()
    known = json.loads(HASHES.read_text())[str(gain)]
    assert values_hash(data) == known["values"]
    original = np.asarray(Image.open(PICTURE))
    assert psnr_db(original, np.asarray(rlcodec.decode(data))) == pytest.approx(known["psnr_db"], abs=0.02)
    again = rlcodec.encode(PICTURE, preset="photo", gain=gain)
    assert abs(len(again) - len(data)) <= 0.01 * len(data)


def write() -> None:
    from sklearn.datasets import load_sample_image

    Image.fromarray(load_sample_image("china.jpg")[100:228, 200:296]).save(PICTURE)
    original, known = np.asarray(Image.open(PICTURE)), {}
    for gain in GAINS:
        data = rlcodec.encode(PICTURE, preset="photo", gain=gain)
        (FOLDER / f"photo-{gain}.rlc").write_bytes(data)
        known[gain] = {"values": values_hash(data), "psnr_db": psnr_db(original, np.asarray(rlcodec.decode(data)))}
    HASHES.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    write()
