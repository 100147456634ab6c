"""Whether photographs are coded alike one by one and in batches, with 1 and 2 threads, after a fork, and in a process whose
libraries use no vector instructions beyond the oldest.

The guarantees of preset `photo` are compared exactly: the bytes of streams, and the quantised areas that decoders read
from them. Pixels may differ by one level, since the synthesis rounds in float; those that do are counted.
"""

import hashlib
import json
import multiprocessing
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import NO_VECTORS, arguments, in_process, print_result

import rlcodec
from rlcodec.presets.photo.decoder import decoded_values
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.training.data import load_pictures

SETTINGS: tuple[dict[str, Any], ...] = (
    {"gain": 120},
    {"gain": 280, "synthesis": "full"},
    {"objective": "balanced"},
    {"objective": "small", "distortion": "psnr"},
    {"max_bytes": 12_000},
)
SCALAR = NO_VECTORS | {"OMP_NUM_THREADS": "1"}


def encode_batches(pictures: Sequence[np.ndarray], workers: int) -> list[bytes]:
    """Streams of all pictures at every setting."""
    return [data for setting in SETTINGS for data in rlcodec.encode_many(pictures, preset="photo", workers=workers, **setting)]


def digests(streams: Sequence[bytes]) -> list[str]:
    """SHA-256 of the coefficients that decoders read from each stream."""
    return [hashlib.sha256(decoded_values(installed_weights(), data).tobytes()).hexdigest() for data in streams]


def decoded(data: bytes) -> np.ndarray:
    """What decoders show, int16."""
    return np.asarray(rlcodec.decode(data)).astype(np.int16)


def measure_other(folder: Path, pictures: Sequence[np.ndarray]) -> None:
    """What this process makes of the same: digests of its own streams and of the given ones' coefficients, and pixels."""
    given = [path.read_bytes() for path in sorted(folder.glob("*.rlc"))]
    for number, data in enumerate(given):
        np.save(folder / f"{number:05d}.npy", decoded(data))
    streams = [hashlib.sha256(data).hexdigest() for data in encode_batches(pictures, 1)]
    print(json.dumps({"streams": streams, "values": digests(given)}))


def count_differences(ours: Sequence[Any], theirs: Sequence[Any]) -> int:
    """How many items differ."""
    return sum(a != b for a, b in zip(ours, theirs, strict=True))


def main() -> None:
    """Compares and prints how many differ."""
    parser = arguments(__doc__, images=100)
    parser.add_argument("--other", type=Path, help="be the other process, on the streams in this folder")
    options = parser.parse_args()
    pictures = load_pictures(options.data)[: options.images]
    if options.other:
        measure_other(options.other, pictures)
        return
    streams = [rlcodec.encode(picture, preset="photo", **setting) for setting in SETTINGS for picture in pictures]
    result = {"pictures": len(pictures), "settings": len(SETTINGS), "streams": len(streams)}
    for workers in (1, 2):
        result[f"streams that differ: {workers} workers"] = count_differences(streams, encode_batches(pictures, workers))
    values, pixels = digests(streams), [decoded(data) for data in streams]
    together = rlcodec.decode_many(streams, workers=2)
    result["pictures that differ: 2 workers"] = sum(not np.array_equal(a, b) for a, b in zip(pixels, together, strict=True))
    with multiprocessing.get_context("fork").Pool(1) as pool:
        result["coefficients that differ: after a fork"] = count_differences(values, pool.apply(digests, (streams,)))
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(streams):
            (Path(folder) / f"{number:05d}.rlc").write_bytes(data)
        scalar = in_process(__file__, [options.data, "--images", len(pictures), "--other", folder], SCALAR)
        theirs = [np.load(Path(folder) / f"{number:05d}.npy") for number in range(len(streams))]
    ours = [hashlib.sha256(data).hexdigest() for data in streams]
    result["streams that differ: no vector instructions"] = count_differences(ours, scalar["streams"])
    result["coefficients that differ: no vector instructions"] = count_differences(values, scalar["values"])
    apart = [np.abs(a - b) for a, b in zip(pixels, theirs, strict=True)]
    result["pixels that differ: no vector instructions"] = int(sum((a > 0).sum() for a in apart))
    result["of"] = int(sum(a.size for a in apart))
    result["by at most, levels"] = int(max(a.max() for a in apart))
    print_result(options, result)


if __name__ == "__main__":
    main()
