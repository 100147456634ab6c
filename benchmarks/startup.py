"""Whole processes against P, the time of `python -c "import numpy, PIL.Image"`: importing, help and decoding; and memory.

Commands take turns. A fresh home has no caches of any library; the first decode there shows what a new container pays.
"""

import functools
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from common import arguments, print_result, seconds
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

import rlcodec

REPEATS = 9
UNIT = "import numpy, PIL.Image"
FIRST = ", the first in a fresh home"
NOT_COUNTED = ("numpy", "pillow", "onnxruntime")


def run(command: Sequence[object], environment: Mapping[str, str]) -> None:
    """Runs Python with some arguments and without output."""
    subprocess.run([sys.executable, *map(str, command)], env=environment, check=True, capture_output=True)


def peak_bytes(command: Sequence[object], environment: Mapping[str, str]) -> int:
    """Peak of the memory of such a process; what starts it must be small, since the system counts that, too."""
    program = "import os, sys; print(os.wait4(os.spawnv(os.P_NOWAIT, sys.executable, sys.argv[1:]), 0)[2].ru_maxrss)"
    starter = [sys.executable, "-S", "-c", program, sys.executable, *map(str, command)]
    done = subprocess.run(starter, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return int(done.stdout.splitlines()[-1]) * 1024


def installed_bytes() -> int:
    """Bytes of rlcodec and of the packages that its runtime needs, as installed, without those of NOT_COUNTED."""
    names, wanted = set[str](), ["rlcodec"]
    while wanted:
        name = canonicalize_name(wanted.pop())
        if name in names or name in NOT_COUNTED:
            continue
        names.add(name)
        required = map(Requirement, metadata.requires(name) or ())
        wanted += [each.name for each in required if each.marker is None or each.marker.evaluate({"extra": ""})]
    files = (file.locate() for name in names if name != "rlcodec" for file in metadata.files(name) or ())
    package = Path(rlcodec.__file__).parent.rglob("*")
    return sum(path.stat().st_size for path in map(Path, (*files, *package)) if path.is_file() and path.suffix != ".pyc")


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__, data=False)
    parser.add_argument("photograph", type=Path, help="a picture, of 768x512 pixels for the figures")
    parser.add_argument("digit", type=Path, help="a gray picture of at most 64x64 pixels")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "photo.rlc").write_bytes(rlcodec.encode(Image.open(options.photograph), preset="photo", objective="balanced"))
        (folder / "digit.rlc").write_bytes(rlcodec.encode(Image.open(options.digit).convert("L"), lossless=True))
        # Bytecode is kept, as in any installation.
        environment = {**os.environ, "HOME": name}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        commands = {
            "P": ("-c", UNIT),
            "import rlcodec": ("-c", "import rlcodec"),
            "rlcodec --help": ("-m", "rlcodec", "--help"),
            "rlcodec decode, photograph": ("-m", "rlcodec", "decode", folder / "photo.rlc", folder / "photo.png"),
            "rlcodec decode, digit": ("-m", "rlcodec", "decode", folder / "digit.rlc", folder / "digit.png"),
        }
        run(commands["P"], environment)
        run(commands["import rlcodec"], environment)  # so that the files are in the system's memory
        times: dict[str, list[float]] = {label: [] for label in commands}
        for repeat in range(REPEATS):
            for label, command in commands.items():
                times[label].append(seconds(functools.partial(run, command, environment)))
                if "decode" in label:
                    fresh = {**environment, "HOME": str(folder / f"home-{len(label)}-{repeat}")}
                    times.setdefault(f"{label}{FIRST}", []).append(seconds(functools.partial(run, command, fresh)))
        memory = {label: peak_bytes(command, environment) for label, command in commands.items()}
    middle = {label: statistics.median(values) for label, values in times.items()}
    result: dict[str, object] = {"P, milliseconds": 1000 * middle["P"]}
    result |= {f"{label}, in P": middle[label] / middle["P"] for label in commands if label != "P"}
    result |= {
        f"{name}{FIRST} against later ones": middle[name + FIRST] / middle[name] for name in commands if "decode" in name
    }
    result |= {f"{label}, peak memory in MB": memory[label] / 1e6 for label in commands}
    result["installed without numpy, Pillow and ONNX Runtime, MB"] = installed_bytes() / 1e6
    print_result(options, result)


if __name__ == "__main__":
    main()
