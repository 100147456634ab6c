"""Draws the README's second picture: a photograph at equal bytes, by rlcodec and by the codecs that people use."""

from pathlib import Path

from rlcodec.evaluation.figures import save_figure
from rlcodec.evaluation.photographs import SAMPLE_BYTES, SAMPLE_CROP, at_equal_bytes, sample_photograph
from rlcodec.evaluation.versions import plot_versions


def main() -> None:
    """Writes docs/photo.png."""
    picture = sample_photograph()
    versions = at_equal_bytes(picture, SAMPLE_BYTES)
    save_figure(plot_versions(picture, versions, SAMPLE_CROP), Path(__file__).with_name("photo.png"))


if __name__ == "__main__":
    main()
