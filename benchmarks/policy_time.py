"""Photographs: what deciding costs the encoder, relative to encoding as decided, picture by picture in one run."""

from pathlib import Path

import numpy as np
from common import arguments, in_turns, print_result, seconds

from rlcodec.core.container import unpack
from rlcodec.presets.photo.coding import PictureCoder, allocation_for, settings_for
from rlcodec.presets.photo.decisions import DEFAULT_KIND, ENDINGS, GAIN_CHOICES, STOPS
from rlcodec.presets.photo.decoder import shown_pixels
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.presets.registry import preset_by_name
from rlcodec.training.data import load_pictures

PRESET = "photo"
OBJECTIVE = {"distortion": DEFAULT_KIND, "lambda_rate": 24.0, "lambda_compute": 0.024}
"""About one bit per pixel."""
REPEATS, SEARCHED = 7, 2


def try_everything(pixels: np.ndarray) -> None:
    """Codes a picture at every gain, and shows it after every number of slices with every synthesis."""
    weights, allocation = installed_weights(), allocation_for(DEFAULT_KIND)
    coder = PictureCoder(weights, pixels)
    for gain in GAIN_CHOICES:
        coded = coder.code(gain, allocation, keep=True)
        assert coded.areas is not None
        for slices in STOPS:
            areas = coded.areas.of_slices(slices)
            for synthesis in ENDINGS:
                settings = settings_for(gain, allocation, synthesis)
                shown_pixels(weights, areas, settings, coded.colors, pixels.shape[:2], synthesis)


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__, images=9)
    parser.add_argument("--policy", type=Path, help="a policy file; the shipped one if not given")
    parser.add_argument("--tiles", type=int, default=1, help="copies of each picture side by side, and as many below")
    options = parser.parse_args()
    preset = preset_by_name(PRESET)
    under_policy = preset.options(policy=options.policy, **OBJECTIVE)
    ratios, plain_ms, searches = [], [], []
    for number, picture in enumerate(load_pictures(options.data)[: options.images]):
        pixels = np.tile(picture, (options.tiles, options.tiles, 1))
        actions = preset.actions_of(unpack(preset.encode(pixels, under_policy).data))
        runs = (
            lambda pixels=pixels, actions=actions: preset.encode_actions(pixels, actions, DEFAULT_KIND),
            lambda pixels=pixels: preset.encode(pixels, under_policy),
        )
        plain, decided = in_turns(runs, REPEATS).T
        ratios.append(np.median(decided / plain))
        plain_ms.append(1000 * np.median(plain))
        if number < SEARCHED and options.tiles == 1:
            searches.append(seconds(lambda pixels=pixels: try_everything(pixels)) / np.median(plain))
    result = {
        "pictures": len(ratios),
        "repeats": REPEATS,
        "encode as decided, ms, median": float(np.median(plain_ms)),
        "deciding, relative to that, median of ratios": float(np.median(ratios) - 1),
    }
    if searches:
        result["trying every choice, relative to that"] = float(np.mean(searches))
    print_result(options, result)


if __name__ == "__main__":
    main()
