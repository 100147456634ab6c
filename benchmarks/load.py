"""Whether one process can encode and decode for hours: its memory over many rounds, from several threads at once."""

import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from common import arguments, print_result
from tqdm import trange

import rlcodec
from rlcodec.training.data import load_pictures

WARM_UP = 0.1
"""Share of the rounds in which caches, threads and the allocator's arenas fill; it does not count."""
CUT = 0.7
"""Share of a stream's bytes that is left when a cut stream is decoded."""
PAGE_BYTES = 4096
OBJECTIVES = ("small", "balanced", "fast")


def code(number: int, pictures: Sequence[np.ndarray], digits: np.ndarray) -> None:
    """One round: codes a digit under the policy and a picture in several ways, and decodes whole, cut and broken streams."""
    digit, picture = digits[number % len(digits)], pictures[number % len(pictures)]
    streams = [
        rlcodec.encode(digit, objective=(*OBJECTIVES, "lossless")[number % 4]),
        rlcodec.encode(picture, preset="photo", objective=OBJECTIVES[number % 3]),
        rlcodec.encode(picture, preset="photo", gain=number % 512),
        rlcodec.encode(picture, preset="photo", max_bytes=4000 + 100 * (number % 50)),
    ]
    if number % 10 == 0:
        streams.append(rlcodec.encode(picture, preset="compact"))
    for data in streams:
        rlcodec.decode(data)
        rlcodec.decode(data[: int(CUT * len(data))])
        try:
            rlcodec.decode(data[:-1] + bytes([data[-1] ^ 1]))
        except rlcodec.DamagedStreamError:
            continue
        raise AssertionError("a broken stream was decoded")


def main() -> None:
    """Codes, watches and prints."""
    parser = arguments(__doc__, data=False)
    parser.add_argument("photos", type=Path, help="folder of pictures")
    parser.add_argument(
        "--rounds", type=int, default=5000, help="each codes four pictures or more, and decodes them three times"
    )
    parser.add_argument("--threads", type=int, default=2, help="side by side")
    parser.add_argument("--side", type=int, default=192, help="of the part of each picture that is coded, pixels")
    options = parser.parse_args()
    warnings.simplefilter("ignore", rlcodec.TruncatedStreamWarning)
    side = options.side
    pictures = [np.ascontiguousarray(picture[:side, :side]) for picture in load_pictures(options.photos)[:20]]
    rng = np.random.default_rng(0)
    digits = np.where(rng.random((20, 28, 28)) < 0.1, rng.integers(0, 256, (20, 28, 28)), 0).astype(np.uint8)
    memory, started = [], time.monotonic()
    with ThreadPoolExecutor(options.threads) as pool:
        for at in trange(0, options.rounds, 10, disable=None):
            list(pool.map(lambda number: code(number, pictures, digits), range(at, at + 10)))
            memory.append(int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES)  # as Linux reports it
    warm = memory[int(WARM_UP * len(memory)) :]
    third = max(len(warm) // 3, 1)
    early, late = float(np.median(warm[:third])), float(np.median(warm[-third:]))
    print_result(
        options,
        {
            "rounds": options.rounds,
            "seconds": round(time.monotonic() - started),
            "memory in the first third after warming up, MiB": early / 2**20,
            "in the last third, MiB": late / 2**20,
            "growth": late / early - 1,
        },
    )


if __name__ == "__main__":
    main()
