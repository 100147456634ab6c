"""Milliseconds of encoding and decoding one digit on one core, by setting."""

import os
from collections.abc import Callable, Sequence
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from common import arguments, print_result, seconds, test_images, use_one_core

from rlcodec.evaluation.codecs import codec_by_name

CODEC = "rlcodec:mnist/parts"


def milliseconds(run: Callable[[Any], Any], items: Sequence[Any]) -> float:
    """Median time of one call, after a first call that is not counted."""
    run(items[0])
    return 1000 * float(np.median([seconds(lambda item=item: run(item)) for item in items]))


def main() -> None:
    """Measures and prints."""
    options = arguments(__doc__, images=500).parse_args()
    use_one_core()
    codec, images = codec_by_name(CODEC), list(test_images(options))
    result: dict[str, Any] = {"images, each coded once": len(images)}
    for setting, choice in codec.settings.items():
        streams = [codec.encode(image, choice) for image in images]
        result[f"encode ms, {setting}"] = milliseconds(lambda image, c=choice: codec.encode(image, c), images)
        result[f"decode ms, {setting}"] = milliseconds(lambda data: codec.decode(data, "L"), streams)
    print_result(options, result)


if __name__ == "__main__":
    main()
