"""Whether digits are coded to the same streams and pixels one by one, in batches, with 1 and 2 threads, through torch, on a GPU
if there is one, and without vector instructions."""

import hashlib
import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from common import NO_VECTORS, arguments, in_process, print_result, test_images

import rlcodec

LM = {"tier": "lm"}
SETTINGS = (
    {"lossless": True},
    {"bit_budget": 98, "rows": 14, "tier": "context"},
    {"bit_budget": 392, "rows": 0, "tier": "table"},
    LM,
)
Setting = dict[str, Any]
Coder = Callable[[np.ndarray, Setting], tuple[list[bytes], list[Any]]]
"""From images and a setting to streams and decoded pictures."""


def one_by_one(images: np.ndarray, setting: Setting) -> tuple[list[bytes], list[Any]]:
    """Streams and pictures without batches."""
    streams = [rlcodec.encode(image, **setting) for image in images]
    return streams, [rlcodec.decode(data) for data in streams]


def in_batches(**how: Any) -> Coder:
    """Streams and pictures by `encode_many` and `decode_many`, with a number of `workers`, or a `device` both ways."""

    def run(images: np.ndarray, setting: Setting) -> tuple[list[bytes], list[Any]]:
        streams = rlcodec.encode_many(images, **how, **setting)
        return streams, rlcodec.decode_many(streams, **how)

    return run


def hashes(coder: Coder, images: np.ndarray, settings: list[Setting]) -> list[list[str]]:
    """For every setting and image, the SHA-256 of stream and pixels."""
    out = []
    for setting in settings:
        pairs = zip(*coder(images, setting), strict=True)
        out.append([hashlib.sha256(data + np.asarray(picture).tobytes()).hexdigest() for data, picture in pairs])
    return out


def main() -> None:
    """Compares and prints how many images differ."""
    parser = arguments(__doc__)
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
        print(json.dumps(hashes(in_batches(workers=2), images, settings)))
        return
    with ThreadPoolExecutor(1) as pool:  # the other process runs meanwhile
        scalar = pool.submit(in_process, __file__, [*sys.argv[1:], "--hashes"], NO_VECTORS)
        runs = {f"{n} workers": hashes(in_batches(workers=n), images, settings) for n in (1, 2)}
        if LM in settings:
            some = images[: options.torch_images]
            runs["tier lm by torch"] = hashes(in_batches(device="cpu"), some, [LM])
            if torch.cuda.is_available():
                runs["tier lm on a GPU"] = hashes(in_batches(device="cuda"), some, [LM])
        reference = hashes(one_by_one, images, settings)
        runs["no vector instructions"] = scalar.result()
    result = {"images": len(images), "settings": len(settings)}
    for name, found in runs.items():
        compared = [reference[settings.index(LM)]] if name.startswith("tier lm") else reference
        pairs = [(a, b) for x, y in zip(compared, found, strict=True) for a, b in zip(x, y, strict=False)]
        result[f"compared: {name}"] = len(pairs)
        result[f"differ: {name}"] = sum(a != b for a, b in pairs)
    print_result(options, result)


if __name__ == "__main__":
    main()
