"""Draws the published figure of COMPACT (the original, COMPACT, JPEG and WebP) from a photograph of scikit-learn."""

from pathlib import Path

from rlcodec.evaluation.compact_table import plot_compact
from rlcodec.evaluation.figures import save_figure
from rlcodec.evaluation.photographs import sample_photograph


def main() -> None:
    """Writes docs/compact.png."""
    save_figure(plot_compact(sample_photograph()), Path(__file__).with_name("compact.png"))


if __name__ == "__main__":
    main()
