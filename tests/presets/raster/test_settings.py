"""Settings: all have a number of their own, and other numbers are refused."""

import itertools

import pytest

from rlcodec.errors import DamagedStreamError, OptionError
from rlcodec.presets.raster.settings import (
    MODES,
    MOST_ERROR,
    PREDICTORS,
    RasterSettings,
    check_max_error,
    check_predictor,
)


def test_settings_have_numbers_of_one_byte():
    every = list(itertools.starmap(RasterSettings, itertools.product(MODES, PREDICTORS, range(MOST_ERROR + 1))))
    assert {settings.to_number() for settings in every} == set(range(len(every)))
    assert len(every) <= 128
    assert [RasterSettings.from_number(settings.to_number()) for settings in every] == every
    with pytest.raises(DamagedStreamError, match="setting 108"):
        RasterSettings.from_number(108)


def test_options_out_of_range_are_refused():
    with pytest.raises(OptionError, match="unknown predictor 'best'"):
        check_predictor("best")
    with pytest.raises(OptionError, match="max_error is 9"):
        check_max_error(9)
