"""How well predicted milliseconds of decoding agree with measured ones, on images that the calibration has not seen."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, print_result, test_images
from PIL import Image

import rlcodec
from rlcodec.evaluation.calibrate import calibrate
from rlcodec.presets.photo.repair import WIDTHS

REPEATS = 9
DIGITS: dict[str, dict[str, Any]] = {
    **{f"lossless, {tier}": {"tier": tier} for tier in ("table", "context", "lm")},
    **{f"policy, {name}": {"objective": name} for name in ("small", "fast")},
    "98 latents, context": {"bit_budget": 98, "rows": 0},
}
GAINS = (14, 30)


def median_ms(runs: list[Callable[[], object]]) -> np.ndarray:
    """Median milliseconds of each, which take turns."""
    times = np.empty((REPEATS, len(runs)))
    for row in times:
        for i, run in enumerate(runs):
            started = time.perf_counter()
            run()
            row[i] = time.perf_counter() - started
    return 1000 * np.median(times, 0)


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__ or "", images=40)
    parser.add_argument("--photos", type=Path, help="folder of PNG files; presets photo and compact are left out without it")
    parser.add_argument("--pictures", type=int, default=8, help="at most so many of them")
    options = parser.parse_args()
    streams: dict[str, list[bytes]] = {
        f"mnist, {name}": [rlcodec.encode(image, **setting) for image in test_images(options)]
        for name, setting in DIGITS.items()
    }
    files = sorted(options.photos.glob("*.png"))[: options.pictures] if options.photos else []
    pictures = [Image.open(file).convert("RGB") for file in files]
    if pictures:
        for width in WIDTHS:
            encoded = [rlcodec.encode(p, preset="photo", gain=g, synthesis=width) for p in pictures for g in GAINS]
            streams[f"photo, {width}"] = encoded
        streams["compact"] = [rlcodec.encode(picture, preset="compact") for picture in pictures]

    started = time.perf_counter()
    calibration = calibrate()
    result: dict[str, Any] = {"seconds of calibrating": time.perf_counter() - started, "repeats of a decode": REPEATS}
    for name, group in streams.items():
        measured = median_ms([lambda data=data: rlcodec.decode(data) for data in group])  # type: ignore[misc]
        predicted = np.array([rlcodec.predicted_decode_ms(rlcodec.inspect(data), calibration) for data in group])
        low, middle, high = np.quantile(predicted / measured, (0.1, 0.5, 0.9))
        result[name] = (
            f"{len(group)} streams, median {np.median(measured):.3g} ms; predicted / measured: median {middle:.2f}, "
            f"10% to 90% {low:.2f} to {high:.2f}"
        )
    print_result(options, result)


if __name__ == "__main__":
    main()
