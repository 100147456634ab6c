"""Whether streams and pixels are the same under other Pythons, another numpy, and libraries without vector instructions.

Sets up environments of the runtime alone, with pip, and codes the same digits and photographs in each, by itself and, where
torch is there, in tier `lm` through torch. What is compared are bytes of streams, a digit's pixels, and of photographs the
coefficients that decoders read.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import rlcodec
from rlcodec.presets.photo.decoder import decoded_values
from rlcodec.presets.photo.installed import photo_weights

DIGITS = ({"lossless": True}, {"tier": "lm"}, {"bit_budget": 98, "rows": 14, "tier": "table"}, {"objective": "balanced"})
PHOTOGRAPHS = ({"gain": 9}, {"gain": 30, "synthesis": "full"}, {"objective": "balanced"}, {"max_bytes": 12_000})
NO_VECTORS = {
    "NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "",
    "NPY_DISABLE_CPU_FEATURES": "SSE42 AVX F16C FMA3 AVX2 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL",
    "OPENBLAS_CORETYPE": "Prescott", "ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41",
}  # fmt: skip
"""The libraries' own switches; ONNX Runtime has none."""


def fingerprints(folder: Path, torch: bool) -> dict[str, list[str]]:
    """By setting and kind, a SHA-256 for each image in a folder; `torch`: of tier lm through torch alone."""
    digits = np.load(folder / "digits.npy")
    photographs = [np.load(path) for path in sorted(folder.glob("photo-*.npy"))]
    found: dict[str, list[str]] = {}

    def keep(name: str, parts: list[bytes]) -> None:
        found[name] = [hashlib.sha256(part).hexdigest() for part in parts]

    if torch:
        streams = rlcodec.encode_many(digits, tier="lm", device="cpu")
        keep("digits {'tier': 'lm'}: streams", streams)
        keep(
            "digits {'tier': 'lm'}: pixels",
            [np.asarray(image).tobytes() for image in rlcodec.decode_many(streams, device="cpu")],
        )
        return found
    for setting in DIGITS:
        streams = [rlcodec.encode(image, **setting) for image in digits]
        keep(f"digits {setting}: streams", streams)
        keep(f"digits {setting}: pixels", [np.asarray(rlcodec.decode(data)).tobytes() for data in streams])
    model = photo_weights()
    for setting in PHOTOGRAPHS:
        streams = [rlcodec.encode(image, preset="photo", **setting) for image in photographs]
        keep(f"photographs {setting}: streams", streams)
        keep(f"photographs {setting}: coefficients", [decoded_values(model, data).tobytes() for data in streams])
    return found


def environment(folder: Path, python: str, numpy: str) -> Path:
    """The Python of a new environment with the runtime and some numpy."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    inside = folder / "bin" / "python"
    root = Path(__file__).parents[1]
    subprocess.run([inside, "-m", "pip", "install", "-q", f"numpy{numpy}", str(root)], check=True, stderr=subprocess.DEVNULL)
    return inside


def run_there(python: str | Path, images: Path, more: dict[str, str], *flags: str) -> dict[str, list[str]]:
    """The fingerprints that another process makes."""
    with tempfile.TemporaryDirectory() as cache:
        there = os.environ | {"NUMBA_CACHE_DIR": cache} | more
        done = subprocess.run(
            [python, __file__, "--fingerprints", images, *flags], env=there, stdout=subprocess.PIPE, text=True, check=True
        )
    return json.loads(done.stdout)


def main() -> None:
    """Compares and prints how many differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="folder of idx files")
    parser.add_argument("photos", type=Path, nargs="?", help="folder of photographs")
    parser.add_argument("--images", type=int, default=1000, help="at most so many digits")
    parser.add_argument("--photographs", type=int, default=20, help="at most so many photographs")
    parser.add_argument(
        "--environments",
        default="python3.11:>=2,<3;python3.11:==1.26.*;python3.12:>=2,<3;python3.12:==1.26.*;python3.13:>=2,<3",
        help="interpreters and numpy's versions",
    )
    parser.add_argument(
        "--without-torch", action="store_true", help="leave tier lm through torch out, which takes most of the time"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--fingerprints", type=Path, help="be another process, on the images in this folder")
    parser.add_argument("--torch", action="store_true", help="the other process's tier lm runs in torch")
    options = parser.parse_args()
    if options.fingerprints:
        print(json.dumps(fingerprints(options.fingerprints, options.torch)))
        return
    if not options.photos:
        parser.error("name a folder of digits and one of photographs")

    from common import print_result

    from rlcodec.training.data import load_images, load_pictures

    with tempfile.TemporaryDirectory() as work:
        images = Path(work) / "images"
        images.mkdir()
        np.save(images / "digits.npy", load_images(options.data, "test", options.images))
        for number, picture in enumerate(load_pictures(options.photos)[: options.photographs]):
            np.save(images / f"photo-{number:04d}.npy", picture)
        runs = {"here, no vector instructions": run_there(sys.executable, images, NO_VECTORS)}
        if not options.without_torch:
            runs["tier lm through torch"] = run_there(sys.executable, images, {}, "--torch")
            runs["tier lm through torch, no vector instructions"] = run_there(sys.executable, images, NO_VECTORS, "--torch")
        for number, text in enumerate(options.environments.split(";")):
            python, _, numpy = text.partition(":")
            inside = environment(Path(work) / f"environment{number}", python, numpy)
            versions = "import sys, numpy; print(f'Python {sys.version.split()[0]}, numpy {numpy.__version__}')"
            name = subprocess.run([inside, "-c", versions], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
            runs[name] = run_there(inside, images, {})
        here = run_there(sys.executable, images, {})
    compared = sum(map(len, here.values()))
    result: dict[str, object] = {"digits": options.images, "photographs": options.photographs, "hashes here": compared}
    for name, there in runs.items():
        differ = {kind: sum(a != b for a, b in zip(here[kind], found, strict=True)) for kind, found in there.items()}
        result[f"differ: {name}"] = sum(differ.values())
        result |= {f"  of {kind}": count for kind, count in differ.items() if count}
    print_result(options, result)


if __name__ == "__main__":
    main()
