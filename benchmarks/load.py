"""Whether one process may encode and decode for hours: its memory over many rounds, from several threads at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from common import arguments, print_result
from tqdm import trange

import rlcodec
from rlcodec.training.data import load_pictures

WARM_UP = 0.1
"""Of the rounds: caches, threads and the allocator's arenas fill in them."""
CUT = 0.7
"""Of a stream's bytes are left in the rounds that decode a cut one."""


def resident_bytes() -> int:
    """Memory of this process that is there, as Linux tells."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def coded(number: int, pictures: list[np.ndarray], digits: np.ndarray) -> None:
    """One round: a digit under the policy, a picture under a policy, a size and a gain, a cut and a broken stream."""
    digit, picture = digits[number % len(digits)], pictures[number % len(pictures)]
    streams = [
        rlcodec.encode(digit, objective=("small", "balanced", "fast", "lossless")[number % 4]),
        rlcodec.encode(picture, preset="photo", objective=("small", "balanced", "fast")[number % 3]),
        rlcodec.encode(picture, preset="photo", gain=number % 48),
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
    parser = arguments(__doc__ or "", data=False)
    parser.add_argument("photos", type=Path, help="folder of pictures")
    parser.add_argument(
        "--rounds", type=int, default=5000, help="each codes four pictures or more, and decodes them three times"
    )
    parser.add_argument("--threads", type=int, default=2, help="side by side")
    parser.add_argument("--side", type=int, default=192, help="of the part of each picture that is taken, pixels")
    options = parser.parse_args()
    import warnings

    warnings.simplefilter("ignore", rlcodec.TruncatedStreamWarning)
    pictures = [np.ascontiguousarray(p[: options.side, : options.side]) for p in load_pictures(options.photos)[:20]]
    rng = np.random.default_rng(0)
    digits = np.where(rng.random((20, 28, 28)) < 0.1, rng.integers(0, 256, (20, 28, 28)), 0).astype(np.uint8)
    memory, started = [], time.monotonic()
    with ThreadPoolExecutor(options.threads) as pool:
        for at in trange(0, options.rounds, 10, disable=None):
            list(pool.map(lambda n: coded(n, pictures, digits), range(at, at + 10)))
            memory.append(resident_bytes())
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
