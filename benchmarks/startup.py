"""`rlcodec decode` as a whole process: the first run on a machine, which compiles, and later ones."""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from common import arguments, print_result, seconds

import rlcodec
from rlcodec.envs.sample_images import sample_images

REPEATS = 9


def main() -> None:
    """Measures and prints."""
    options = arguments(__doc__, data=False).parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "digit.rlc").write_bytes(rlcodec.encode(sample_images(1)[0], lossless=True))
        environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / "cache")}
        command = [sys.executable, "-m", "rlcodec", "decode", str(folder / "digit.rlc"), str(folder / "digit.png")]
        messages: list[str] = []

        def run() -> None:
            done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
            messages.append(done.stderr.strip())

        first, *later = (seconds(run) for _ in range(REPEATS + 1))
    print_result(
        options,
        {
            "first run, seconds": first,
            "message of the first run": messages[0],
            f"later runs, seconds, median of {REPEATS}": statistics.median(later),
            "later runs, seconds, slowest": max(later),
        },
    )


if __name__ == "__main__":
    main()
