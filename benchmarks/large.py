"""Large pictures: seconds and peak memory of encoding and decoding, in a process each, by megapixels."""

import json
import resource
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from common import arguments, in_process, print_result, seconds
from PIL import Image

import rlcodec
from rlcodec.training.data import load_pictures

MEGAPIXELS = (6, 12, 25, 50)
WIDTH, TILE = 8192, 512
PRESET = "photo"


def mosaic(pictures: Sequence[np.ndarray], megapixels: int) -> np.ndarray:
    """Photographs side by side and below one another, uint8 (height, WIDTH, 3)."""
    height = megapixels * 1_000_000 // WIDTH
    tiles = [np.asarray(Image.fromarray(picture).resize((TILE, TILE))) for picture in pictures]
    rows = -(-height // TILE)
    lines = [np.concatenate([tiles[(r * 7 + c) % len(tiles)] for c in range(WIDTH // TILE)], 1) for r in range(rows)]
    return np.concatenate(lines)[:height]


def measure(step: str, folder: Path) -> None:
    """One step in this process; prints seconds and peak memory as JSON."""
    stream = folder / "picture.rlc"
    rlcodec.decode(rlcodec.encode(np.zeros((300, 20, 3), np.uint8), preset=PRESET))
    if step == "encode":
        taken = seconds(lambda: stream.write_bytes(rlcodec.encode(np.load(folder / "picture.npy"), preset=PRESET)))
    else:
        taken = seconds(lambda: rlcodec.decode(stream.read_bytes()))
    print(json.dumps({"seconds": taken, "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}))


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__)
    parser.add_argument("--step", nargs=2, metavar=("STEP", "FOLDER"), help="measure one step in this process")
    options = parser.parse_args()
    if options.step:
        measure(options.step[0], Path(options.step[1]))
        return
    pictures = load_pictures(options.data)[: options.images]
    result: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for megapixels in MEGAPIXELS:
            np.save(Path(folder) / "picture.npy", mosaic(pictures, megapixels))
            for step in ("encode", "decode"):
                measured = in_process(__file__, [options.data, "--step", step, folder])
                result[f"{megapixels} megapixels, {step} s"] = measured["seconds"]
                result[f"{megapixels} megapixels, {step} peak GB"] = measured["gigabytes"]
    print_result(options, result)


if __name__ == "__main__":
    main()
