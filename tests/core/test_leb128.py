"""Numbers of variable length: what is written is read, cuts are noticed, and too long ones are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlcodec.core.leb128 import read_leb128, write_leb128
from rlcodec.errors import DamagedStreamError

MAX_BYTES = 4


@given(value=st.integers(0, (1 << 7 * MAX_BYTES) - 1), before=st.binary(max_size=3), behind=st.binary(max_size=3))
def test_numbers_come_back_wherever_they_stand(value, before, behind):
    written = write_leb128(value)
    for data in (before + written + behind, np.frombuffer(before + written + behind, np.uint8)):
        assert read_leb128(data, len(before), MAX_BYTES) == (value, len(before) + len(written), True)


@pytest.mark.parametrize("value", [128, 300, 1 << 20])
def test_a_cut_number_gives_its_lower_bits(value):
    written = write_leb128(value)
    for kept in range(len(written)):
        assert read_leb128(written[:kept], 0, MAX_BYTES) == (value % (1 << 7 * kept), kept, False)


def test_numbers_that_are_too_long_are_damage():
    with pytest.raises(DamagedStreamError, match="too long"):
        read_leb128(b"\xff" * MAX_BYTES, 0, MAX_BYTES)
    assert not read_leb128(b"\xff" * (MAX_BYTES - 1), 0, MAX_BYTES).complete
