"""Golden streams: neither the bytes of an encoder nor the pixels of a decoder may change by accident.

`python tests/presets/mnist/test_golden.py` writes them anew. Only a new format or new weights are a reason to.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import rlcodec

FOLDER = Path(__file__).parents[2] / "golden"
HASHES = FOLDER / "pixels.json"
PICTURES = ("scanned", "drawn", "odd")
SETTINGS = {
    "lossless": {"lossless": True},
    "table": {"tier": "table"},
    "lm": {"tier": "lm"},
    "latents": {"bit_budget": 392, "rows": 0},
    "latents-table": {"bit_budget": 120, "rows": 0, "tier": "table"},
    "all": {"bit_budget": 98},
    "stopped": {"bit_budget": 49, "rows": 13},
    "stopped-lm": {"tier": "lm", "rows": 15},
    "stopped-table": {"bit_budget": 0, "rows": 9, "tier": "table"},
}
"""Every tier, and stops in the latents, in the pixels and at the end."""


def pixels_hash(data: bytes) -> str:
    return hashlib.sha256(np.asarray(rlcodec.decode(data)).tobytes()).hexdigest()


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("picture", PICTURES)
def test_streams_are_the_same_byte_by_byte(picture, setting):
    golden = (FOLDER / f"{picture}-{setting}.rlc").read_bytes()
    assert rlcodec.encode(FOLDER / f"{picture}.png", preset="mnist", **SETTINGS[setting]) == golden
    assert pixels_hash(golden) == json.loads(HASHES.read_text())[f"{picture}-{setting}"]


def write() -> None:
    hashes = {}
    for picture in PICTURES:
        for name, setting in SETTINGS.items():
            path = FOLDER / f"{picture}-{name}.rlc"
            path.write_bytes(rlcodec.encode(FOLDER / f"{picture}.png", **setting))
            hashes[path.stem] = pixels_hash(path.read_bytes())
    HASHES.write_text(json.dumps(hashes, indent=1) + "\n")


if __name__ == "__main__":
    write()
