"""Whether streams and pixels are the same one by one, in batches, with 1 and 2 threads, through torch, on a GPU where there
is one, and without vector instructions."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import torch
from common import arguments, print_result, test_images

import rlcodec
from rlcodec.api import decode, encode

LM = {"tier": "lm"}
SETTINGS = (
    {"lossless": True},
    {"bit_budget": 98, "rows": 14, "tier": "context"},
    {"bit_budget": 392, "rows": 0, "tier": "table"},
    LM,
)
NARROW = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_NUM_THREADS": "1", "NUMBA_CACHE_DIR": ""}


def one_by_one(images: np.ndarray, setting: dict) -> tuple[list[bytes], list]:
    """Streams and pictures without batches."""
    streams = [encode(image, **setting) for image in images]
    return streams, [decode(data) for data in streams]


def in_batches(workers: int):
    """Streams and pictures by `encode_many` and `decode_many`."""

    def run(images: np.ndarray, setting: dict) -> tuple[list[bytes], list]:
        streams = rlcodec.encode_many(images, workers=workers, **setting)
        return streams, rlcodec.decode_many(streams, workers=workers)

    return run


def on_device(device: str):
    """The same in tier `lm`, with its network in torch on both ways; in the other settings none runs there."""

    def run(images: np.ndarray, setting: dict) -> tuple[list[bytes], list]:
        options = {"device": device} if setting == LM else {}
        streams = rlcodec.encode_many(images, **setting, **options)
        return streams, rlcodec.decode_many(streams, **options)

    return run


def hashes(run, images: np.ndarray, settings: list[dict]) -> list[list[str]]:
    """For every setting and image, the SHA-256 of stream and pixels."""
    out = []
    for setting in settings:
        pairs = zip(*run(images, setting), strict=True)
        out.append([hashlib.sha256(data + np.asarray(picture).tobytes()).hexdigest() for data, picture in pairs])
    return out


def main() -> None:
    """Compares and prints how many images differ."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--hashes", action="store_true", help="print this process's hashes, for the comparison")
    parser.add_argument("--torch-images", type=int, help="run tier lm in torch on at most so many; all if not given")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--without-lm", action="store_true", help="leave tier lm out, which takes most of the time")
    only.add_argument("--only-lm", action="store_true", help="nothing but tier lm")
    options = parser.parse_args()
    left_out = options.without_lm, options.only_lm
    settings = [setting for setting in SETTINGS if not left_out[setting is not LM]]
    images = test_images(options)
    if options.hashes:
        print(json.dumps(hashes(in_batches(2), images, settings)))
        return
    narrow = subprocess.Popen(
        [sys.executable, __file__, *sys.argv[1:], "--hashes"], env=os.environ | NARROW, stdout=subprocess.PIPE, text=True
    )
    runs = {f"{n} workers": hashes(in_batches(n), images, settings) for n in (1, 2)}
    if LM in settings:
        some = images[: options.torch_images]
        runs["tier lm by torch"] = hashes(on_device("cpu"), some, [LM])
        if torch.cuda.is_available():
            runs["tier lm on a GPU"] = hashes(on_device("cuda"), some, [LM])
    alone = hashes(one_by_one, images, settings)
    runs["no vector instructions"] = json.loads(narrow.communicate()[0])
    result = {"images": len(images), "settings": len(settings)}
    for name, found in runs.items():
        beside = alone[settings.index(LM) :][:1] if name.startswith("tier lm") else alone
        pairs = [(a, b) for x, y in zip(beside, found, strict=True) for a, b in zip(x, y, strict=False)]
        result[f"compared: {name}"] = len(pairs)
        result[f"differ: {name}"] = sum(a != b for a, b in pairs)
    print_result(options, result)


if __name__ == "__main__":
    main()
