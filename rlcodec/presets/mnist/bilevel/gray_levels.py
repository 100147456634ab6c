"""Which gray levels a digit from a bilevel source of some side can have, to rule out most sides after a look at a few pixels.

The area of a box pixel is a sum of products of what its source rows and columns cover. Small sides have few such sums, and so
few gray levels. Sides are tried from the smallest on, and the levels of a digit contradict nearly all sides before its own. The
tables never rule out a possible side, so they save time and change no result.
"""

import functools

from rlcodec.presets.mnist.bilevel._gray_levels import LARGEST_SIDE, LEVEL_SIDES, LevelTables, is_possible
from rlcodec.presets.mnist.bilevel.geometry import all_grids

__all__ = ["LARGEST_SIDE", "LEVEL_SIDES", "LevelTables", "is_possible", "level_tables"]


@functools.cache
def level_tables() -> LevelTables:
    """The tables, computed once per process."""
    return LevelTables(all_grids())
