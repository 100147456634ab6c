"""Draws the README's picture: MNIST test digits under the shipped policy's objectives."""

import sys
from pathlib import Path

from rlcodec.api import encode_image
from rlcodec.control.objective import NAMED
from rlcodec.evaluation.figures import plot_digits, save_figure
from rlcodec.training.data import load_images

DIGITS = (7, 15, 18, 61)


def main() -> None:
    """Writes docs/digits.png from the folder of images that the command line names."""
    images = load_images(Path(sys.argv[1]), "test", max(DIGITS) + 1)
    digits = [images[i] for i in DIGITS]
    columns = {name: [encode_image(d, objective=name) for d in digits] for name in NAMED}
    columns["lossless"] = [encode_image(d, lossless=True) for d in digits]
    save_figure(plot_digits(digits, columns), Path(__file__).with_name("digits.png"))


if __name__ == "__main__":
    main()
