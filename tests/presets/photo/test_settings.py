"""Settings of photographs in the header: every combination has a number, and no other number is read."""

import itertools

import pytest

from rlcodec.errors import DamagedStreamError
from rlcodec.presets.photo.coefficient_coder import GAINS
from rlcodec.presets.photo.repair import WIDTHS
from rlcodec.presets.photo.settings import PLAIN_BASE, PhotoSettings


@pytest.mark.parametrize("synthesis", WIDTHS)
def test_headers_name_every_setting(synthesis):
    settings = [PhotoSettings(gain, synthesis, gray) for gain in range(GAINS) for gray in (False, True)]
    numbers = [setting.to_number() for setting in settings]
    assert [PhotoSettings.from_number(number) for number in numbers] == settings
    assert len(set(numbers)) == len(settings)
    assert PLAIN_BASE == 192  # as docs/format.md has it


def test_other_numbers_name_none():
    known = {
        PhotoSettings(gain, synthesis, gray).to_number()
        for gain, synthesis, gray in itertools.product(range(GAINS), WIDTHS, (False, True))
    }
    assert known == {n for n in range(3 * PLAIN_BASE) if _reads(n)}


def _reads(number: int) -> bool:
    try:
        PhotoSettings.from_number(number)
    except DamagedStreamError:
        return False
    return True
