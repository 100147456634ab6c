"""Whole processes against P, the time of `python -c "import numpy, PIL.Image"`: importing, help and decoding; and memory.

Commands take turns. A fresh home has no caches of any library; the first decode there shows what a new container pays.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from common import arguments, print_result, seconds
from PIL import Image

import rlcodec

REPEATS = 9
UNIT = "import numpy, PIL.Image"
NOT_COUNTED = ("numpy", "pillow", "onnxruntime")


def run(command: Sequence[object], environment: Mapping[str, str]) -> int:
    """Runs Python with some arguments and without output; returns the peak of its memory in bytes."""
    with open(os.devnull, "w") as nothing:
        actions = [(os.POSIX_SPAWN_DUP2, nothing.fileno(), descriptor) for descriptor in (1, 2)]
        process = os.posix_spawn(sys.executable, [sys.executable, *map(str, command)], environment, file_actions=actions)
        _, status, usage = os.wait4(process, 0)
    if status:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit status {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss * 1024


def installed_bytes() -> int:
    """Bytes of rlcodec and of the packages that its runtime needs, as installed, without those of NOT_COUNTED."""
    names, wanted = set[str](), ["rlcodec"]
    while wanted:
        name = wanted.pop().lower()
        if name in names or name in NOT_COUNTED:
            continue
        names.add(name)
        for requirement in metadata.requires(name) or ():
            if "extra ==" not in requirement:
                wanted.append(requirement.split(";")[0].split("[")[0].rstrip("<>=!~.,0123456789 ("))
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
        environment = {**os.environ, "HOME": name}
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
        memory = dict.fromkeys(commands, 0)
        first: dict[str, float] = {}
        for repeat in range(REPEATS):
            for label, command in commands.items():
                fresh = {**environment, "HOME": str(folder / f"home-{label}-{repeat}")}
                if "decode" in label and repeat == 0:
                    first[label] = seconds(lambda command=command, fresh=fresh: run(command, fresh))
                times[label].append(
                    seconds(lambda label=label, command=command: memory.update({label: run(command, environment)}))
                )
    middle = {label: statistics.median(values) for label, values in times.items()}
    result: dict[str, object] = {"P, milliseconds": 1000 * middle["P"]}
    result |= {f"{label}, in P": middle[label] / middle["P"] for label in commands if label != "P"}
    result |= {f"{label}, the first in a fresh home against later ones": first[label] / middle[label] for label in first}
    result |= {f"{label}, peak memory in MB": memory[label] / 1e6 for label in commands}
    result["installed without numpy, Pillow and ONNX Runtime, MB"] = installed_bytes() / 1e6
    print_result(options, result)


if __name__ == "__main__":
    main()
