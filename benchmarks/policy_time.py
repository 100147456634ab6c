"""Photographs: what deciding costs the encoder, in parts of the encode that is decided on, picture by picture in one run."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import arguments, print_result

from rlcodec.control.objective import Objective
from rlcodec.control.onnx_policy import load_policy
from rlcodec.images.color import ColorImage
from rlcodec.presets.photo.decisions import ENDINGS, GAIN_CHOICES, STOPS
from rlcodec.presets.photo.decoder import PhotoSettings, shown_pixels
from rlcodec.presets.photo.policy import choose_under_policy, encode_under_policy, pack_photo
from rlcodec.presets.photo.strips import encode_photo, strips_of
from rlcodec.presets.photo.installed import photo_weights
from rlcodec.training.data import load_pictures

OBJECTIVE = Objective("psnr", 5.6, 0.0056)
"""About one bit per pixel."""
REPEATS, SEARCHED = 7, 2


def seconds(run: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__ or "", images=9)
    parser.add_argument("--policy", type=Path, help="a policy file; the shipped one if not given")
    parser.add_argument("--tiles", type=int, default=1, help="so many copies of the picture side by side, and as many below")
    options = parser.parse_args()
    model = photo_weights()
    policy = load_policy(options.policy, model)
    ratios, plain_ms, searches = [], [], []
    for number, picture in enumerate(load_pictures(options.data)[: options.images]):
        picture = np.tile(picture, (options.tiles, options.tiles, 1))
        image = ColorImage(picture, False)
        choice, _ = choose_under_policy(policy, strips_of(picture), image, OBJECTIVE)
        setting = PhotoSettings(choice.gain, choice.width, False)

        def as_chosen(picture=picture, choice=choice, setting=setting) -> None:
            pack_photo(encode_photo(model, strips_of(picture), choice.gain), picture.shape, setting, choice.slices)

        def search(picture=picture) -> None:
            strips = strips_of(picture)
            for gain in GAIN_CHOICES:
                coded = encode_photo(model, strips, gain, keep=True)
                for slices in STOPS:
                    for width in ENDINGS:
                        setting = PhotoSettings(gain, width, False)
                        shown_pixels(model, coded.up_to(slices), setting, *picture.shape[:2], width)

        pairs = [
            (seconds(as_chosen), seconds(lambda image=image: encode_under_policy(policy, image, OBJECTIVE)))
            for _ in range(REPEATS)
        ]
        plain, under = np.array(pairs).T
        ratios.append(np.median(under / plain))
        plain_ms.append(1000 * np.median(plain))
        if number < SEARCHED and options.tiles == 1:
            searches.append(seconds(search) / np.median(plain))
    result = {
        "pictures": len(ratios),
        "repeats": REPEATS,
        "encode as chosen, ms, median": float(np.median(plain_ms)),
        "deciding, of the encode, median of ratios": float(np.median(ratios) - 1),
    }
    if searches:
        result["trying everything, in encodes"] = float(np.mean(searches))
    print_result(options, result)


if __name__ == "__main__":
    main()
