"""Lossless rate over a test set of digits: one stream per image, all of them decoded and compared."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from common import arguments, print_result, test_images

from rlcodec.api import decode_stream, parse
from rlcodec.core.segment_choice import TIERS
from rlcodec.presets.mnist.encoder import constant_choices, encode_with
from rlcodec.presets.mnist.installed import installed_weights
from rlcodec.presets.mnist.preset import BY_SOURCE

CHUNK = 200


def code_chunk(images: np.ndarray, tier: str, search_source: bool) -> np.ndarray:
    """Sums over images: code length in bits, payload bytes, file bytes, images that are not exact, images with a source."""
    sums, weights, choices = np.zeros(5), installed_weights(), constant_choices(TIERS.index(tier))
    for image in images:
        encoded = encode_with(weights, image, 0, choices, search_source)
        stream = parse(encoded.data)
        decoded = decode_stream(stream)
        exact = np.array_equal(decoded.picture, image)
        sums += encoded.bits, len(stream.payload), len(encoded.data), not exact, decoded.details[BY_SOURCE]
    return sums


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__)
    parser.add_argument("--tier", default="context", choices=TIERS, help="of all rows")
    parser.add_argument("--without-sources", action="store_true", help="code all digits pixel by pixel, not by their sources")
    options = parser.parse_args()
    images = test_images(options)
    chunks = [images[i : i + CHUNK] for i in range(0, len(images), CHUNK)]
    count = len(chunks)
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        parts = pool.map(code_chunk, chunks, [options.tier] * count, [not options.without_sources] * count)
        bits, payload, size, wrong, sources = sum(parts)
    print_result(
        options,
        {
            "images": len(images),
            "not exact": int(wrong),
            "coded through a bilevel source": int(sources),
            "segments, ideal code length, bits per pixel": bits / images.size,
            "segments with flushes, bits per pixel": 8 * payload / images.size,
            "files with all framing, bits per pixel": 8 * size / images.size,
            "files, bytes": int(size),
        },
    )


if __name__ == "__main__":
    main()
