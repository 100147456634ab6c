"""Milliseconds of encoding and decoding one image on one core, by setting."""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable
from typing import Any

import numpy as np
from common import arguments, print_result, test_images

import rlcodec
from rlcodec.api import encode_image

SETTINGS: dict[str, dict[str, Any]] = {
    "lossless, context": {"lossless": True},
    "lossless, table": {"tier": "table"},
    "lossless, lm": {"tier": "lm"},
    "8 latent slices, context": {"bit_budget": 392, "rows": 0, "tier": "context"},
    "policy, small": {"objective": "small"},
    "policy, balanced": {"objective": "balanced"},
    "policy, fast": {"objective": "fast"},
}


def milliseconds(run: Callable[[Any], Any], items: list[Any]) -> float:
    """Median time of one call, after a warm-up call."""
    run(items[0])
    times = []
    for item in items:
        started = time.perf_counter()
        run(item)
        times.append(time.perf_counter() - started)
    return 1000 * float(np.median(times))


def main() -> None:
    """Measures and prints."""
    options = arguments(__doc__ or "", images=500).parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    images = list(test_images(options))
    result: dict[str, Any] = {"images, each coded once": len(images)}
    for name, setting in SETTINGS.items():
        streams = [rlcodec.encode(image, **setting) for image in images]
        result[f"encode ms, {name}"] = milliseconds(lambda image, s=setting: encode_image(image, **s), images)
        result[f"decode ms, {name}"] = milliseconds(rlcodec.decode, streams)
    print_result(options, result)


if __name__ == "__main__":
    main()
