"""Payloads of many digits of one size in one compiled loop, lossless and without latents, in both directions.

When to use it: for collections of digits. Decoding gives the same pixels as `rlcodec.decode`, and allocates nothing for an
image. Encoding searches for the bilevel source of a digit with a narrow beam, rules out most sides by their gray levels, and
codes a digit for which no source is found pixel by pixel. That takes a fraction of the time of `rlcodec.encode`; streams are as
exact, and on average a little longer.
"""

import functools
import threading
from collections.abc import Sequence

import numpy as np

from rlcodec.presets.mnist._batch import BatchWorkspace, check_rendering
from rlcodec.presets.mnist.bilevel.context import PEAK_BITS, source_state
from rlcodec.presets.mnist.bilevel.geometry import all_grids
from rlcodec.presets.mnist.bilevel.gray_levels import level_tables
from rlcodec.presets.mnist.bilevel.search import Beam, SourceFinder, source_prior
from rlcodec.presets.mnist.installed import installed_weights
from rlcodec.presets.mnist.rows import row_coder
from rlcodec.presets.mnist.weights import MnistWeights

SIZES_KEPT = 8
"""Coders that are kept, one for each size; a collection has images of few sizes."""
NARROW, WIDER = 2, 12
"""Widths of the beam; the second is tried if the first finds nothing."""


@functools.lru_cache(maxsize=SIZES_KEPT)
def digit_coder(height: int, width: int) -> "DigitCoder":
    """The shared coder of images of a size in pixels, for the installed weights."""
    return DigitCoder(installed_weights(), height, width)


class DigitCoder:
    """Codes digits of one size, many at a time; threads may share one.

    Args:
        weights: of the preset.
        height: pixels.
        width: pixels.
    """

    def __init__(self, weights: MnistWeights, height: int, width: int) -> None:
        self.weights, self.shape = weights, (height, width)
        self._of_thread = threading.local()

    def encode(self, images: np.ndarray, tier: int) -> list[bytes]:
        """Payloads of lossless streams with all rows in one tier.

        Args:
            images: uint8 (n, height, width).
            tier: index into `rlcodec.core.segment_choice.TIERS`.
        """
        return self._workspace().encode(np.array(images, np.uint8, order="C"), tier, *self._search())

    def decode(self, payloads: Sequence[bytes]) -> list[np.ndarray | None]:
        """Images, uint8 (height, width), of payloads of streams without latents; None if not all rows were sent."""
        lengths = np.array([len(payload) for payload in payloads], np.int64)
        images = np.empty((len(payloads), *self.shape), np.uint8)
        self._workspace().decode(b"".join(payloads), lengths, images)
        # Copies, so that one image does not keep all of them in memory.
        return [image.copy() if length else None for image, length in zip(images, lengths.tolist(), strict=True)]

    def _workspace(self) -> BatchWorkspace:
        """The workspace of this thread."""
        try:
            return self._of_thread.workspace
        except AttributeError:
            rows = row_coder(self.weights, np.zeros(self.shape, np.uint8), source_state())
            self._of_thread.workspace = BatchWorkspace(rows)
            return self._of_thread.workspace

    def _search(self) -> tuple[SourceFinder, Beam, Beam]:
        """The search for bilevel sources of this thread."""
        try:
            return self._of_thread.search
        except AttributeError:
            check_rendering(self.weights.source_tables, all_grids())
            finder = SourceFinder(all_grids(), source_prior(self.weights.source_tables.near), level_tables(), 1 << PEAK_BITS)
            self._of_thread.search = finder, Beam(NARROW), Beam(WIDER)
            return self._of_thread.search
