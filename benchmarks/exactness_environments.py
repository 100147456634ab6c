"""Whether streams and pixels are the same under other Pythons, another numpy, and libraries without vector instructions.

Sets up environments of the runtime alone, with pip, and codes the same digits and photographs in each, and in this environment
also in tier `lm` through torch. Bytes of streams, pixels of digits, and coefficients that decoders read of photographs are
compared.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import NO_VECTORS, arguments, print_result
from exactness_photo import SETTINGS as PHOTOGRAPHS

import rlcodec
from rlcodec.presets.photo.decoder import decoded_values
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.training.data import load_images, load_pictures

LM = {"tier": "lm"}
DIGITS: tuple[dict[str, Any], ...] = (
    {"lossless": True},
    LM,
    {"bit_budget": 98, "rows": 14, "tier": "table"},
    {"objective": "balanced"},
)
Fingerprints = dict[str, list[str]]
"""A SHA-256 for each image, by setting and kind."""


def fingerprints(folder: Path, torch: bool) -> Fingerprints:
    """Fingerprints of the images in a folder; with `torch`, of tier `lm` through torch alone."""
    digits = np.load(folder / "digits.npy")
    pictures = [np.load(path) for path in sorted(folder.glob("photo-*.npy"))]
    found: Fingerprints = {}

    def keep(name: str, parts: Sequence[bytes]) -> None:
        found[name] = [hashlib.sha256(part).hexdigest() for part in parts]

    device = "cpu" if torch else None
    for setting in (LM,) if torch else DIGITS:
        streams = rlcodec.encode_many(digits, workers=1, device=device, **setting)
        keep(f"digits {setting}: streams", streams)
        decoded = rlcodec.decode_many(streams, workers=1, device=device)
        keep(f"digits {setting}: pixels", [np.asarray(image).tobytes() for image in decoded])
    for setting in () if torch else PHOTOGRAPHS:
        streams = [rlcodec.encode(image, preset="photo", **setting) for image in pictures]
        keep(f"photographs {setting}: streams", streams)
        values = [decoded_values(installed_weights(), data).tobytes() for data in streams]
        keep(f"photographs {setting}: coefficients", values)
    return found


def make_environment(folder: Path, python: str, numpy: str) -> Path:
    """The Python of a new environment with the runtime and a version of numpy."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    inside = folder / "bin" / "python"
    root = Path(__file__).parents[1]
    subprocess.run([inside, "-m", "pip", "install", "-q", f"numpy{numpy}", str(root)], check=True, stderr=subprocess.DEVNULL)
    return inside


def fingerprints_of(python: str | Path, images: Path, environment: Mapping[str, str], *flags: str) -> Fingerprints:
    """The fingerprints that another process computes."""
    command = [python, __file__, "--fingerprints", images, *flags]
    done = subprocess.run(command, env=os.environ | environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    """Compares and prints how many differ."""
    parser = arguments(__doc__, data=False)
    parser.add_argument("data", type=Path, nargs="?", help="folder of idx files")
    parser.add_argument("photos", type=Path, nargs="?", help="folder of photographs")
    parser.add_argument("--images", type=int, default=1000, help="at most so many digits")
    parser.add_argument("--photographs", type=int, default=20, help="at most so many photographs")
    parser.add_argument(
        "--environments",
        default="python3.11:>=2,<3;python3.11:==1.26.*;python3.12:>=2,<3;python3.12:==1.26.*;python3.13:>=2,<3",
        help="interpreters and versions of numpy",
    )
    parser.add_argument(
        "--without-torch", action="store_true", help="leave tier lm through torch out, which takes most of the time"
    )
    parser.add_argument("--fingerprints", type=Path, help="be another process, on the images in this folder")
    parser.add_argument("--torch", action="store_true", help="the other process runs tier lm in torch")
    options = parser.parse_args()
    if options.fingerprints:
        print(json.dumps(fingerprints(options.fingerprints, options.torch)))
        return
    if not options.photos:
        parser.error("name a folder of digits and one of photographs")
    with tempfile.TemporaryDirectory() as work:
        images = Path(work) / "images"
        images.mkdir()
        np.save(images / "digits.npy", load_images(options.data, "test", options.images))
        for number, picture in enumerate(load_pictures(options.photos)[: options.photographs]):
            np.save(images / f"photo-{number:04d}.npy", picture)
        runs = {"here, no vector instructions": fingerprints_of(sys.executable, images, NO_VECTORS)}
        if not options.without_torch:
            runs["tier lm through torch"] = fingerprints_of(sys.executable, images, {}, "--torch")
            runs["tier lm through torch, no vector instructions"] = fingerprints_of(
                sys.executable, images, NO_VECTORS, "--torch"
            )
        for number, text in enumerate(options.environments.split(";")):
            python, _, numpy = text.partition(":")
            inside = make_environment(Path(work) / f"environment{number}", python, numpy)
            versions = "import sys, numpy; print(f'Python {sys.version.split()[0]}, numpy {numpy.__version__}')"
            name = subprocess.run([inside, "-c", versions], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
            runs[name] = fingerprints_of(inside, images, {})
        reference = fingerprints_of(sys.executable, images, {})
    compared = sum(map(len, reference.values()))
    result: dict[str, object] = {"digits": options.images, "photographs": options.photographs, "hashes here": compared}
    for name, found in runs.items():
        differ = {kind: sum(a != b for a, b in zip(reference[kind], of_kind, strict=True)) for kind, of_kind in found.items()}
        result[f"differ: {name}"] = sum(differ.values())
        result |= {f"  of {kind}": count for kind, count in differ.items() if count}
    print_result(options, result)


if __name__ == "__main__":
    main()
