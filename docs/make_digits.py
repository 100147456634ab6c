"""Draws the README's picture: MNIST test digits under the shipped policy's objectives."""

import sys
from pathlib import Path

from rlcodec.api import DEFAULT_PRESET, encode_image
from rlcodec.evaluation.figures import plot_digits, save_figure
from rlcodec.options import LOSSLESS
from rlcodec.presets.registry import preset_by_name
from rlcodec.training.data import load_images

DIGITS = (7, 15, 18, 61)


def main() -> None:
    """Writes docs/digits.png from the folder of images that the command line names."""
    images = load_images(Path(sys.argv[1]), "test", max(DIGITS) + 1)
    digits = [images[number] for number in DIGITS]
    columns = {
        name: [encode_image(digit, objective=name) for digit in digits] for name in preset_by_name(DEFAULT_PRESET).objectives
    }
    columns[LOSSLESS] = [encode_image(digit, lossless=True) for digit in digits]
    save_figure(plot_digits(digits, columns), Path(__file__).with_name("digits.png"))


if __name__ == "__main__":
    main()
