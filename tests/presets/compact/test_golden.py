"""Golden streams of preset compact: the bits that a decoder reads from them must not change.

Bits are compared exactly. Analysis and synthesis are float networks, so latents and pixels may differ slightly by machine.
`python tests/presets/compact/test_golden.py` rewrites them, which only a new format or new weights justify.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import rlcodec
from rlcodec.core.metrics import psnr_db
from rlcodec.presets.compact.installed import installed_weights
from rlcodec.presets.compact.latent_coder import latent_of_stream

FOLDER = Path(__file__).parents[2] / "golden"
PICTURE, HASHES = FOLDER / "photo.png", FOLDER / "compact.json"
SETTINGS = {
    "all": {},
    "table": {"tier": "table"},
    "stopped": {"bit_budget": 301},
    "stopped-table": {"bit_budget": 96, "tier": "table"},
}
"""Both tiers, and stops inside the latent."""


def latent_hash(data: bytes) -> str:
    return hashlib.sha256(latent_of_stream(installed_weights(), data).tobytes()).hexdigest()


@pytest.mark.parametrize("name", SETTINGS)
def test_streams_hold_the_same_bits(name):
    data = (FOLDER / f"compact-{name}.rlc").read_bytes()
    known = json.loads(HASHES.read_text())[name]
    assert latent_hash(data) == known["latent"]
    original = np.asarray(Image.open(PICTURE))
    assert psnr_db(original, np.asarray(rlcodec.decode(data))) == pytest.approx(known["psnr_db"], abs=0.02)
    again = rlcodec.encode(PICTURE, preset="compact", **SETTINGS[name])
    assert abs(len(again) - len(data)) <= 2


def write() -> None:
    original, known = np.asarray(Image.open(PICTURE)), {}
    for name, setting in SETTINGS.items():
        data = rlcodec.encode(PICTURE, preset="compact", **setting)
        (FOLDER / f"compact-{name}.rlc").write_bytes(data)
        known[name] = {"latent": latent_hash(data), "psnr_db": psnr_db(original, np.asarray(rlcodec.decode(data)))}
    HASHES.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    write()
