"""Photographs under constraints: how near `max_bytes` and `min_psnr` are met, and the bytes that a PSNR for each saves."""

import time

import numpy as np
from common import arguments, print_result

from rlcodec.core.metrics import psnr_db
from rlcodec.evaluation.codecs import codec_by_name
from rlcodec.evaluation.versions import Version, version_at
from rlcodec.training.data import load_pictures

CODEC = "rlcodec:photo"
LEAST_PSNR_DB, MOST_BYTES = 33.0, 20_000
COMPARED_SETTING = "gain 220"


def main() -> None:
    """Measures and prints."""
    options = arguments(__doc__).parse_args()
    pictures, codec = load_pictures(options.data)[: options.images], codec_by_name(CODEC)

    def psnrs(versions: list[Version]) -> np.ndarray:
        return np.array([psnr_db(pixels, version.pixels) for pixels, version in zip(pictures, versions, strict=True)])

    started = time.perf_counter()
    single = [codec.encode(pixels, codec.settings[COMPARED_SETTING]) for pixels in pictures]
    encoded = time.perf_counter()
    streams = [codec.encode(pixels, {"min_psnr": LEAST_PSNR_DB}) for pixels in pictures]
    searched = time.perf_counter()
    by_psnr = [Version(data, codec.decode(data, "RGB")) for data in streams]
    by_bytes = [len(codec.encode(pixels, {"max_bytes": MOST_BYTES})) for pixels in pictures]
    excess = psnrs(by_psnr) - LEAST_PSNR_DB
    # The coarsest setting that is good enough for every picture.
    for setting, choice in codec.fine_settings.items():
        fixed = [version_at(codec, pixels, setting, choice) for pixels in pictures]
        if psnrs(fixed).min() >= LEAST_PSNR_DB:
            break
    sizes, fixed_sizes = (np.array([len(version.data) for version in versions]) for versions in (by_psnr, fixed))
    print_result(
        options,
        {
            "pictures": len(pictures),
            f"least PSNR less {LEAST_PSNR_DB:g} dB": float(excess.min()),
            f"median PSNR less {LEAST_PSNR_DB:g} dB": float(np.median(excess)),
            f"most bytes, of {MOST_BYTES}": max(by_bytes),
            "median share of the bytes used": float(np.median(by_bytes) / MOST_BYTES),
            f"bytes a picture, {LEAST_PSNR_DB:g} dB in each": float(sizes.mean()),
            f"bytes a picture, one setting for all ({setting})": float(fixed_sizes.mean()),
            "bytes saved": 1 - float(sizes.sum() / fixed_sizes.sum()),
            "time of an encode to a PSNR, in encodes": (searched - encoded) / (encoded - started),
            f"bytes a picture, {COMPARED_SETTING}": float(np.mean([len(data) for data in single])),
        },
    )


if __name__ == "__main__":
    main()
