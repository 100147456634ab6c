"""Lossless rate over a test set: one stream per image, all of them decoded and compared."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from common import arguments, print_result, test_images

import rlcodec
from rlcodec.codec import encode_image
from rlcodec.coder import COST_UNIT, payload_bytes
from rlcodec.model import load_model

CHUNK = 200


def code_chunk(images: np.ndarray) -> tuple[int, int, int, int]:
    """Cost of the segments, payload bytes, file bytes, and images that did not come back exactly."""
    cost = payload = size = wrong = 0
    for image in images:
        encoded = encode_image(image, lossless=True)
        one = sum(segment.cost for segment in encoded.segments)
        cost, payload, size = cost + one, payload + payload_bytes(one), size + len(encoded.data)
        wrong += not np.array_equal(np.asarray(rlcodec.decode(encoded.data)), image)
    return cost, payload, size, wrong


def main() -> None:
    """Measures and prints."""
    options = arguments(__doc__ or "").parse_args()
    images = test_images(options)
    load_model()
    chunks = [images[i : i + CHUNK] for i in range(0, len(images), CHUNK)]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        cost, payload, size, wrong = (sum(column) for column in zip(*pool.map(code_chunk, chunks), strict=True))
    print_result(
        options,
        {
            "images": len(images),
            "not exact": wrong,
            "segments, ideal code length, bits per pixel": cost / COST_UNIT / images.size,
            "segments with flushes, bits per pixel": 8 * payload / images.size,
            "files with all framing, bits per pixel": 8 * size / images.size,
            "files, bytes": size,
        },
    )


if __name__ == "__main__":
    main()
