"""Draws the README's picture: MNIST test digits under the shipped policy's objectives."""

import sys
from pathlib import Path

from rlcodec.evaluation.demo import code_digits
from rlcodec.evaluation.figures import plot_digits, save_figure
from rlcodec.training.data import load_images

DIGITS = (7, 15, 18, 61)


def main() -> None:
    """Writes docs/digits.png from the folder of images that the command line names."""
    images = load_images(Path(sys.argv[1]), "test", max(DIGITS) + 1)
    digits = [images[number] for number in DIGITS]
    save_figure(plot_digits(digits, code_digits(digits)), Path(__file__).with_name("digits.png"))


if __name__ == "__main__":
    main()
