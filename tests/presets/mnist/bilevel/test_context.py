"""Tables and state of the coder of bilevel sources."""

import numpy as np

from rlcodec.presets.mnist.bilevel.coder import source_of
from rlcodec.presets.mnist.bilevel.context import MARGIN, source_state
from rlcodec.presets.mnist.bilevel.geometry import BOX, MAX_SIDE, MIN_SIDE, grid
from rlcodec.presets.mnist.installed import installed_weights


def test_shipped_tables_agree_with_the_grids():
    tables = installed_weights().source_tables
    cells, areas, peaks = (np.asarray(array) for array in (tables.cells, tables.areas, tables.peaks))
    for side in range(MIN_SIDE, MAX_SIDE + 1):
        resampling = grid(side)
        for part in range(2):
            r = np.minimum(cells[side - MIN_SIDE, :side] + part, BOX - 1)
            area = areas[side - MIN_SIDE, :side, part]
            assert np.array_equal(area[area > 0], resampling.single[r, np.arange(side)][area > 0])
        assert (peaks[side - MIN_SIDE] == resampling.peaks[0]).any()


def test_state_holds_the_source_below_empty_rows(rendered, ring):
    source = source_of(installed_weights().source_tables, rendered(ring(36)))
    state = source_state(source)
    lines = np.asarray(state.lines)
    assert not lines[:MARGIN].any()
    assert np.array_equal(lines[MARGIN : MARGIN + 36], source.rows)
