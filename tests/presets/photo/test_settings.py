"""Settings of photographs in the header: every combination has a number, and no other number is read."""

import itertools

import pytest

from rlcodec.errors import DamagedStreamError
from rlcodec.presets.photo.colors import FIXED
from rlcodec.presets.photo.quantiser import CHROMA_FACTORS, GAINS, SHAPES
from rlcodec.presets.photo.repair import WIDTHS
from rlcodec.presets.photo.settings import PhotoSettings

COUNT = GAINS * SHAPES * len(CHROMA_FACTORS) * len(FIXED) * len(WIDTHS) * 4


def test_headers_name_every_setting():
    choices = (range(GAINS), range(SHAPES), range(len(CHROMA_FACTORS)), range(len(FIXED)), WIDTHS, (False, True), (False, True))
    settings = [PhotoSettings(*choice) for choice in itertools.product(*choices)]
    numbers = [setting.to_number() for setting in settings]
    assert numbers == list(range(COUNT))
    assert [PhotoSettings.from_number(number) for number in numbers] == settings


def test_the_number_is_as_documented():
    """As docs/format.md has it."""
    expected = (((((200 * 8 + 4) * 4 + 3) * 2 + 1) * 3 + 2) * 2 + 1) * 2
    assert PhotoSettings(200, 4, 3, 1, "full", True).to_number() == expected
    assert PhotoSettings(200, 4, 3, 1, "full", True, True).to_number() == expected + 1


@pytest.mark.parametrize("number", [COUNT, COUNT + 1, 2**40])
def test_other_numbers_name_none(number):
    with pytest.raises(DamagedStreamError, match=f"setting {number}"):
        PhotoSettings.from_number(number)
