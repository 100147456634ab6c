"""Lossless coding of pictures: bits per pixel of whole files, and speed, of preset raster beside PNG, WebP and JPEG XL.

Every file is decoded and compared. Encoding and decoding are timed in turns, all codecs of a picture one after another in one
process; speeds are all pixels over the sum of the medians. JPEG XL needs the extra `jxl`. With --max-error preset raster alone
is measured, nearly lossless.
"""

import io
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, in_turns, print_result
from PIL import Image, features
from tqdm import tqdm

import rlcodec
from rlcodec.presets.raster.settings import PREDICTORS
from rlcodec.training.data import load_images, load_pictures

Encode = Callable[[np.ndarray], bytes]
Decode = Callable[[bytes], np.ndarray]


def _pillow(kind: str, **options: Any) -> tuple[Encode, Decode]:
    """A format of Pillow's, losslessly."""

    def encode(picture: np.ndarray) -> bytes:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, kind, **options)
        return file.getvalue()

    def decode(data: bytes) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(data)))

    return encode, decode


def _raster(**options: Any) -> tuple[Encode, Decode]:
    """Preset raster."""
    return lambda picture: rlcodec.encode(picture, preset="raster", **options), lambda data: np.asarray(rlcodec.decode(data))


def codecs(max_error: int) -> Mapping[str, tuple[Encode, Decode]]:
    """All codecs by name; those that allow an error of a sample if that is not 0."""
    found = {f"raster, {predictor}": _raster(predictor=predictor, max_error=max_error) for predictor in PREDICTORS}
    if max_error:
        return found
    found["PNG"] = _pillow("PNG", optimize=True)
    if features.check("webp"):
        found["WebP, method 6"] = _pillow("WEBP", lossless=True, exact=True, method=6)
    try:
        import pillow_jxl  # noqa: F401
    except ImportError:
        return found
    return found | {f"JPEG XL, effort {effort}": _pillow("JXL", lossless=True, effort=effort) for effort in (7, 9)}


def pictures_of(folder: Path) -> list[np.ndarray]:
    """Pictures of a folder, or digits of one with idx files."""
    if any(folder.glob("*idx3*")):
        return list(load_images(folder, "test"))
    return load_pictures(folder)


def measure(folder: Path, options: Namespace) -> dict[str, object]:
    """Rates and speeds of all codecs on the pictures of a folder."""
    pictures, made = pictures_of(folder)[:: options.every][: options.images], codecs(options.max_error)
    sizes = {name: [] for name in made}
    seconds = {name: np.zeros(2) for name in made}
    for picture in tqdm(pictures, desc=folder.name, disable=None):
        files = {name: encode(picture) for name, (encode, _) in made.items()}
        for name, (_, decode) in made.items():
            shown = decode(files[name])
            shown = shown[..., 0] if shown.ndim > picture.ndim else shown  # WebP has no gray
            if np.abs(shown.astype(int) - picture).max() > options.max_error:
                raise SystemExit(f"{folder.name}: a picture does not come back from {name}")
            sizes[name].append(8 * len(files[name]) / (picture.shape[0] * picture.shape[1]))
        if options.repeats:
            runs = [lambda encode=encode, picture=picture: encode(picture) for encode, _ in made.values()]
            runs += [lambda decode=decode, data=files[name]: decode(data) for name, (_, decode) in made.items()]
            medians = np.median(in_turns(runs, options.repeats), 0).reshape(2, -1)
            for name, times in zip(made, medians.T, strict=True):
                seconds[name] += times
    total = sum(picture.shape[0] * picture.shape[1] for picture in pictures) / 1e6
    result: dict[str, object] = {f"{folder.name}: pictures": len(pictures)}
    for name in made:
        speeds = "; encode and decode {:.3g} and {:.3g} MP/s".format(*(total / seconds[name])) if options.repeats else ""
        result[f"{folder.name}: {name}"] = f"{np.mean(sizes[name]):.3f} bits per pixel{speeds}"
    return result


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__, data=False)
    parser.add_argument("pictures", type=Path, nargs="+", help="folders, each measured alone")
    parser.add_argument("--images", type=int, help="at most so many of each folder")
    parser.add_argument("--every", type=int, default=1, help="takes each so many-th picture")
    parser.add_argument("--max-error", type=int, default=0, help="bound on the error of a sample")
    parser.add_argument("--repeats", type=int, default=3, help="of everything that is timed; 0 for none")
    options = parser.parse_args()
    result: dict[str, object] = {}
    for folder in options.pictures:
        result |= measure(folder, options)
    print_result(options, result)


if __name__ == "__main__":
    main()
