"""Whether photographs code alike however it is done: one by one and in batches, with 1 and 2 threads, after a fork, and in a
process whose libraries may not use vector instructions beyond the oldest.

What preset photo promises is compared exactly: the bytes of streams, and the quantised coefficients that decoders read from
them. Pixels may differ by one level where the synthesis, in float, rounds; how many do is counted.
"""

import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from common import arguments, print_result

import rlcodec
from rlcodec.presets.photo.decoder import decoded_values
from rlcodec.presets.photo.installed import photo_weights
from rlcodec.training.data import load_pictures

SETTINGS = ({"gain": 9}, {"gain": 30, "synthesis": "full"}, {"objective": "balanced"}, {"max_bytes": 12_000})
NARROW = {
    "NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_NUM_THREADS": "1", "NUMBA_CACHE_DIR": "",
    "NPY_DISABLE_CPU_FEATURES": "SSE42 AVX F16C FMA3 AVX2 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL",
    "OPENBLAS_CORETYPE": "Prescott", "OMP_NUM_THREADS": "1",
}  # fmt: skip
"""numba's, numpy's and OpenBLAS's own switches; ONNX Runtime has none."""


def encoded(pictures: list[np.ndarray], workers: int) -> list[list[bytes]]:
    """Streams of every setting and picture."""
    return [rlcodec.encode_many(pictures, preset="photo", workers=workers, **setting) for setting in SETTINGS]


def digest(data: bytes) -> str:
    """SHA-256 of what decoders read from a stream."""
    return hashlib.sha256(decoded_values(photo_weights(), data).tobytes()).hexdigest()


def shown(data: bytes) -> np.ndarray:
    """What decoders show, int16."""
    return np.asarray(rlcodec.decode(data)).astype(np.int16)


def read_all(folder: Path) -> list[bytes]:
    """The streams in a folder, in order."""
    return [path.read_bytes() for path in sorted(folder.glob("*.rlc"))]


def other_process(folder: Path, data: Path, images: int | None) -> None:
    """What another process makes of the same: streams' digests, what it reads from the given ones, and its pixels."""
    streams = [stream for part in encoded(load_pictures(data)[:images], 1) for stream in part]
    given = read_all(folder)
    for number, stream in enumerate(given):
        np.save(folder / f"{number:05d}.npy", shown(stream))
    found = {"streams": [hashlib.sha256(s).hexdigest() for s in streams], "values": [digest(s) for s in given]}
    print(json.dumps(found))


def _forked(streams: list[bytes]) -> list[str]:
    return [digest(stream) for stream in streams]


def main() -> None:
    """Compares and prints how many differ."""
    parser = arguments(__doc__ or "", images=100)
    parser.add_argument("--other", type=Path, help="be the other process, on the streams in this folder")
    options = parser.parse_args()
    if options.other:
        other_process(options.other, options.data, options.images)
        return
    pictures = load_pictures(options.data)[: options.images]
    alone = [[rlcodec.encode(picture, preset="photo", **setting) for picture in pictures] for setting in SETTINGS]
    flat = [stream for part in alone for stream in part]
    result = {"pictures": len(pictures), "settings": len(SETTINGS), "streams": len(flat)}
    for workers in (1, 2):
        found = [stream for part in encoded(pictures, workers) for stream in part]
        result[f"streams that differ: {workers} workers"] = sum(a != b for a, b in zip(flat, found, strict=True))
    values, pixels = [digest(stream) for stream in flat], [shown(stream) for stream in flat]
    together = rlcodec.decode_many(flat, workers=2)
    result["pictures that differ: 2 workers"] = sum(not np.array_equal(a, b) for a, b in zip(pixels, together, strict=True))
    with multiprocessing.get_context("fork").Pool(1) as pool:
        found = pool.apply(_forked, (flat,))
    result["coefficients that differ: after a fork"] = sum(a != b for a, b in zip(values, found, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        for number, stream in enumerate(flat):
            (Path(folder) / f"{number:05d}.rlc").write_bytes(stream)
        arguments_of_other = [sys.executable, __file__, options.data, "--images", len(pictures), "--other", folder]
        done = subprocess.run(
            list(map(str, arguments_of_other)), env=os.environ | NARROW, stdout=subprocess.PIPE, text=True, check=True
        )
        narrow = json.loads(done.stdout)
        theirs = [np.load(Path(folder) / f"{number:05d}.npy") for number in range(len(flat))]
    mine = [hashlib.sha256(stream).hexdigest() for stream in flat]
    result["streams that differ: no vector instructions"] = sum(a != b for a, b in zip(mine, narrow["streams"], strict=True))
    result["coefficients that differ: no vector instructions"] = sum(
        a != b for a, b in zip(values, narrow["values"], strict=True)
    )
    apart = [np.abs(a - b) for a, b in zip(pixels, theirs, strict=True)]
    result["pixels that differ: no vector instructions"] = int(sum((a > 0).sum() for a in apart))
    result["of"] = int(sum(a.size for a in apart))
    result["by at most, levels"] = int(max(a.max() for a in apart))
    print_result(options, result)


if __name__ == "__main__":
    main()
