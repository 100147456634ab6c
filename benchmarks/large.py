"""Large pictures: seconds and peak memory of encoding and decoding, in a process each, by megapixels."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import arguments, print_result
from PIL import Image

MEGAPIXELS = (6, 12, 25, 50)
WIDTH = 8192


def picture(photographs: list[Path], megapixels: int) -> np.ndarray:
    """Photographs side by side and below one another, uint8 (height, WIDTH, 3)."""
    height = megapixels * 1_000_000 // WIDTH
    tiles = [np.asarray(Image.open(path).convert("RGB").resize((512, 512))) for path in photographs]
    rows = -(-height // 512)
    lines = [np.concatenate([tiles[(r * 7 + c) % len(tiles)] for c in range(WIDTH // 512)], 1) for r in range(rows)]
    return np.concatenate(lines)[:height]


def measure(step: str, folder: Path) -> None:
    """One step in this process; prints seconds and peak memory as JSON."""
    import rlcodec

    small = rlcodec.encode(np.zeros((300, 20, 3), np.uint8), preset="photo")
    rlcodec.decode(small)
    started = time.perf_counter()
    if step == "encode":
        data = rlcodec.encode(np.load(folder / "picture.npy"), preset="photo")
        (folder / "picture.rlc").write_bytes(data)
    elif step == "decode":
        rlcodec.decode((folder / "picture.rlc").read_bytes())
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}))


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--step", nargs=2, metavar=("STEP", "FOLDER"), help="measure one step in this process")
    options = parser.parse_args()
    if options.step:
        measure(options.step[0], Path(options.step[1]))
        return
    photographs = sorted(options.data.glob("*.png"))[: options.images]
    result: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        for megapixels in MEGAPIXELS:
            np.save(Path(name) / "picture.npy", picture(photographs, megapixels))
            for step in ("encode", "decode"):
                command = [sys.executable, __file__, str(options.data), "--step", step, name]
                found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                result[f"{megapixels} megapixels, {step} s"] = found["seconds"]
                result[f"{megapixels} megapixels, {step} peak GB"] = found["gigabytes"]
    print_result(options, result)


if __name__ == "__main__":
    main()
