"""How well predicted milliseconds of decoding agree with measured ones, on images that the calibration has not seen."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, in_turns, print_result, test_images

import rlcodec
from rlcodec.evaluation.calibrate import calibrate
from rlcodec.evaluation.codecs import codec_by_name
from rlcodec.training.data import load_pictures

REPEATS = 9
DIGIT_CODECS = ("rlcodec:mnist", "policy:shipped:mnist/low-compute")
PHOTO_CODECS = ("rlcodec:photo/plain", "rlcodec:photo/light", "rlcodec:photo/full", "rlcodec:compact")
MOST_SETTINGS = 3
"""Settings of each codec, from its first to its last."""


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__, images=40)
    parser.add_argument("--photos", type=Path, help="folder of photographs; presets photo and compact are left out without it")
    parser.add_argument("--pictures", type=int, default=8, help="at most so many of them")
    options = parser.parse_args()
    pictures = load_pictures(options.photos)[: options.pictures] if options.photos else []
    streams: dict[str, list[bytes]] = {}
    for names, images in ((DIGIT_CODECS, test_images(options)), (PHOTO_CODECS, pictures)):
        for name in names if len(images) else ():
            codec = codec_by_name(name)
            settings = list(codec.settings.items())
            chosen = np.unique(np.linspace(0, len(settings) - 1, MOST_SETTINGS).round().astype(int))
            for number in chosen:
                setting, choice = settings[number]
                streams[f"{name}, {setting}"] = [codec.encode(image, choice) for image in images]
    started = time.perf_counter()
    calibration = calibrate()
    result: dict[str, Any] = {"seconds of calibrating": time.perf_counter() - started, "repeats of a decode": REPEATS}
    for name, group in streams.items():
        runs = [lambda data=data: rlcodec.decode(data) for data in group]
        measured = 1000 * np.median(in_turns(runs, REPEATS), 0)
        predicted = np.array([rlcodec.predicted_decode_ms(rlcodec.inspect(data), calibration) for data in group])
        low, middle, high = np.quantile(predicted / measured, (0.1, 0.5, 0.9))
        result[name] = (
            f"{len(group)} streams, median {np.median(measured):.3g} ms; predicted / measured: median {middle:.2f}, "
            f"10% to 90% {low:.2f} to {high:.2f}"
        )
    print_result(options, result)


if __name__ == "__main__":
    main()
