"""Photographs under goals: how near `max_bytes` and `min_psnr` are met, and what a PSNR for every picture saves in bytes."""

import time

import numpy as np
from common import arguments, print_result
from PIL import Image

import rlcodec
from rlcodec.core.metrics import psnr_db
from rlcodec.presets.photo.coefficient_coder import GAINS

WANTED_DB, MOST_BYTES = 33.0, 20_000


def decoded_psnr(picture: Image.Image, data: bytes) -> float:
    """PSNR of what a stream decodes to, in dB."""
    return psnr_db(np.asarray(picture), np.asarray(rlcodec.decode(data)))


def main() -> None:
    """Measures and prints."""
    options = arguments(__doc__ or "").parse_args()
    files = sorted(options.data.glob("*.png"))[: options.images]
    pictures = [Image.open(f).convert("RGB") for f in files]
    started = time.perf_counter()
    single = [rlcodec.encode(p, preset="photo", gain=24) for p in pictures]
    encoded = time.perf_counter()
    by_psnr = [rlcodec.encode(p, preset="photo", min_psnr=WANTED_DB) for p in pictures]
    searched = time.perf_counter()
    by_bytes = [len(rlcodec.encode(p, preset="photo", max_bytes=MOST_BYTES)) for p in pictures]
    excess = np.array([decoded_psnr(p, d) for p, d in zip(pictures, by_psnr, strict=True)]) - WANTED_DB
    # The one setting that is good enough for every picture: the coarsest gain at which the worst of them is.
    for gain in range(GAINS - 1, -1, -1):
        fixed = [rlcodec.encode(p, preset="photo", gain=gain) for p in pictures]
        if all(decoded_psnr(p, d) >= WANTED_DB for p, d in zip(pictures, fixed, strict=True)):
            break
    print_result(
        options,
        {
            "pictures": len(pictures),
            f"least PSNR less {WANTED_DB:g} dB": float(excess.min()),
            f"median PSNR less {WANTED_DB:g} dB": float(np.median(excess)),
            f"most bytes, of {MOST_BYTES}": max(by_bytes),
            "median share of the bytes used": float(np.median(by_bytes) / MOST_BYTES),
            f"bytes a picture, {WANTED_DB:g} dB in each": float(np.mean([len(d) for d in by_psnr])),
            f"bytes a picture, one gain for all ({gain})": float(np.mean([len(d) for d in fixed])),
            "bytes saved": 1 - sum(map(len, by_psnr)) / sum(map(len, fixed)),
            "time of an encode to a PSNR, in encodes": (searched - encoded) / (encoded - started),
            "bytes a picture, gain 24": float(np.mean([len(d) for d in single])),
        },
    )


if __name__ == "__main__":
    main()
