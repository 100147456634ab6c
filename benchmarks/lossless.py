"""Lossless rate over a test set: one stream per image, all of them decoded and compared."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from common import arguments, print_result, test_images

import rlcodec
from rlcodec.api import encode_image
from rlcodec.core.range_coder import COST_UNIT, payload_bytes
from rlcodec.core.segment_choice import TIERS
from rlcodec.presets.mnist import session
from rlcodec.presets.mnist.weights import load_model

CHUNK = 200


def code_chunk(images: np.ndarray, tier: str, scans_used: bool) -> tuple[int, ...]:
    """Cost of the segments, payload bytes, file bytes, images that did not come back exactly, and images with a scan."""
    cost = payload = size = wrong = scans = 0
    if not scans_used:
        session.scan_of = lambda *_: None
    for image in images:
        encoded = encode_image(image, tier=tier)
        scans += session.scan_of(load_model().scan_tables, image) is not None
        one = sum(segment.cost for segment in encoded.segments)
        cost, payload, size = cost + one, payload + payload_bytes(one), size + len(encoded.data)
        wrong += not np.array_equal(np.asarray(rlcodec.decode(encoded.data)), image)
    return cost, payload, size, wrong, scans


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--tier", default="context", help="of all rows: " + ", ".join(TIERS))
    parser.add_argument("--without-scans", action="store_true", help="code all digits pixel by pixel")
    options = parser.parse_args()
    images = test_images(options)
    load_model()
    chunks = [images[i : i + CHUNK] for i in range(0, len(images), CHUNK)]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        parts = pool.map(code_chunk, chunks, [options.tier] * len(chunks), [not options.without_scans] * len(chunks))
        cost, payload, size, wrong, scans = (sum(column) for column in zip(*parts, strict=True))
    print_result(
        options,
        {
            "images": len(images),
            "not exact": wrong,
            "coded by way of a scan": scans,
            "segments, ideal code length, bits per pixel": cost / COST_UNIT / images.size,
            "segments with flushes, bits per pixel": 8 * payload / images.size,
            "files with all framing, bits per pixel": 8 * size / images.size,
            "files, bytes": size,
        },
    )


if __name__ == "__main__":
    main()
