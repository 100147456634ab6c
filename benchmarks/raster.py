"""Preset raster: bits per pixel of whole files and speed on the pictures of folders; every stream is decoded and compared.

DATA is a folder of pictures, or of the idx files of digits; --further names more. With --max-error the streams are nearly
lossless. Speeds are in megapixels a second of all pictures one after another, each with as many threads as --workers says.
"""

import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from common import arguments, print_result
from tqdm import tqdm

import rlcodec
from rlcodec.images.exact import read_exact
from rlcodec.presets.raster.format import RASTER
from rlcodec.presets.raster.settings import PREDICTORS
from rlcodec.training.data import IMAGE_SUFFIXES, find_idx, read_idx_images


def pictures_of(folder: Path, every: int, limit: int | None) -> Iterator[np.ndarray]:
    """Pictures of a folder, uint8 (height, width) or (height, width, channels): each `every`-th, at most `limit`."""
    index = find_idx(folder, "test")
    if index:
        yield from read_idx_images(index)[::every][:limit]
        return
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    for path in paths[::every][:limit]:
        yield read_exact(path, RASTER)


def measured(folder: Path, predictor: str, options: Namespace) -> dict[str, object]:
    """Values by name of one predictor on the pictures of a folder."""
    rates: list[float] = []
    pixels, encode_seconds, decode_seconds, wrong = 0, 0.0, 0.0, 0
    for picture in tqdm(list(pictures_of(folder, options.every, options.images)), f"{folder.name}, {predictor}", leave=False):
        area = picture.shape[0] * picture.shape[1]
        start = time.perf_counter()
        data = rlcodec.encode(
            picture, preset="raster", predictor=predictor, max_error=options.max_error, workers=options.workers
        )
        between = time.perf_counter()
        decoded = np.asarray(rlcodec.decode(data, workers=options.workers))
        decode_seconds += time.perf_counter() - between
        encode_seconds += between - start
        rates.append(8 * len(data) / area)
        pixels += area
        wrong += int(np.abs(decoded.astype(int) - picture.reshape(decoded.shape)).max()) > options.max_error
    name = f"{folder.name}, {predictor}"
    return {
        f"{name}: pictures": len(rates),
        f"{name}: beyond the bound": wrong,
        f"{name}: bits per pixel, mean of files": float(np.mean(rates)),
        f"{name}: encode and decode, megapixels a second": (
            f"{pixels / 1e6 / encode_seconds:.2f} and {pixels / 1e6 / decode_seconds:.2f}"
        ),
    }


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__)
    parser.add_argument("--further", type=Path, nargs="*", default=[], help="more folders")
    parser.add_argument("--predictors", nargs="*", default=list(PREDICTORS), choices=PREDICTORS, help="to measure")
    parser.add_argument("--every", type=int, default=1, help="takes each so many-th picture")
    parser.add_argument("--max-error", type=int, default=0, help="bound on the error of a sample")
    parser.add_argument("--workers", type=int, help="threads; all cores by default")
    options = parser.parse_args()
    rlcodec.encode(np.zeros((8, 8), np.uint8), preset="raster")  # loads the weights
    result: dict[str, object] = {}
    for folder in (options.data, *options.further):
        for predictor in options.predictors:
            result |= measured(folder, predictor, options)
    print_result(options, result)


if __name__ == "__main__":
    main()
