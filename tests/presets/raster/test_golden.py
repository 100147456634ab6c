"""Golden streams of preset raster: the bytes of a picture may not change by accident, since all of the coding is integers.

`python tests/presets/raster/test_golden.py` regenerates the digests, which is only justified by a new format, new weights or a
different choice of the encoder.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import rlcodec

FOLDER = Path(__file__).parents[2] / "golden"
DIGESTS = FOLDER / "raster.json"
STREAMS = {
    "photo-table": ("photo.png", {"predictor": "table"}),
    "photo-context": ("photo.png", {"predictor": "context"}),
    "photo-ensemble": ("photo.png", {"predictor": "ensemble"}),
    "photo-error-2": ("photo.png", {"max_error": 2}),
    "digit-context": ("scanned.png", {"predictor": "context"}),
    "digit-ensemble": ("odd.png", {"predictor": "ensemble"}),
}


def encoded(name: str) -> bytes:
    picture, options = STREAMS[name]
    return rlcodec.encode(FOLDER / picture, preset="raster", **options)


@pytest.mark.parametrize("name", STREAMS)
def test_streams_have_the_same_bytes(name):
    data = encoded(name)
    assert hashlib.sha256(data).hexdigest() == json.loads(DIGESTS.read_text())[name]
    picture, options = STREAMS[name]
    original = np.asarray(Image.open(FOLDER / picture)).astype(int)
    assert np.abs(np.asarray(rlcodec.decode(data)) - original).max() <= options.get("max_error", 0)


def write() -> None:
    digests = {name: hashlib.sha256(encoded(name)).hexdigest() for name in STREAMS}
    DIGESTS.write_text(json.dumps(digests, indent=2) + "\n")


if __name__ == "__main__":
    write()
