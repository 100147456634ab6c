"""The division of pictures into strips: threads have the same work, and damaged divisions are refused."""

import numpy as np
import pytest

import rlcodec
from rlcodec.errors import DamagedStreamError
from rlcodec.presets.photo import repair
from rlcodec.presets.photo.allocation import ALLOCATIONS
from rlcodec.presets.photo.coding import PictureCoder
from rlcodec.presets.photo.colors import ANGLES
from rlcodec.presets.photo.division import (
    LEAST_ROWS,
    MOST_ROWS,
    balanced_division,
    division_bytes,
    division_of,
    even_division,
    strip_count,
)
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.presets.photo.strips import decode_areas, unpack_segments
from rlcodec.presets.photo.transform import AREA


def busy_below(height: int, calm: int, width: int = 96) -> np.ndarray:
    """A picture that is smooth above row `calm` and full of noise below it."""
    picture = np.random.default_rng(3).integers(0, 256, (height, width, 3)).astype(np.uint8)
    picture[:calm] = np.arange(width)[None, :, None]
    return picture


@pytest.mark.parametrize("height", [1, 31, 256, 257, 300, 511, 512, 600, 768, 1000, 2047, 5000])
@pytest.mark.parametrize("calm", [0.0, 0.3, 0.5, 0.8, 1.0])
def test_strips_cover_the_picture(height, calm):
    strips = balanced_division(busy_below(height, round(calm * height), 8), 20)
    rows = -(-height // AREA)
    assert [row for part in strips for row in range(part.start, part.stop)] == list(range(rows))
    assert len(strips) == strip_count(height)
    assert len(strips) == 1 or len(strips) % 2 == 0
    assert len(strips) == 1 or all(LEAST_ROWS <= part.stop - part.start <= MOST_ROWS for part in strips)
    payload = np.frombuffer(b"abc" + division_bytes(strips) + b"more", np.uint8)
    assert division_of(payload, 3, height) == strips
    if len(strips) > 1:
        assert division_of(payload[: 2 + len(strips) - 1], 3, height) == even_division(height)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_narrow_pictures_are_divided(width):
    assert len(balanced_division(busy_below(512, 200, width), 20)) == 2


def test_strips_take_about_as_many_bits():
    picture = busy_below(512, 256)
    coded = PictureCoder(installed_weights(), picture).code(200, ALLOCATIONS["ssimulacra2"])
    lengths = [length for _, length in unpack_segments(np.frombuffer(coded.payload(), np.uint8), 512)]
    above, below = sum(lengths[::2]), sum(lengths[1::2])
    assert max(above, below) < 0.6 * (above + below)
    assert coded.division[0].stop > 10


@pytest.mark.parametrize("rows", [0, 1, 13, 15, 255])
def test_damaged_divisions_are_refused(rows):
    coded = PictureCoder(installed_weights(), busy_below(512, 256)).code(400, ALLOCATIONS["ssimulacra2"])
    payload = np.frombuffer(coded.payload(), np.uint8).copy()
    assert division_of(payload, ANGLES, 512) == coded.division
    payload[ANGLES] = rows
    with pytest.raises(DamagedStreamError, match="divided"):
        decode_areas(installed_weights(), payload, (512, 96))


@pytest.mark.parametrize("height", [600, 1100])
def test_bands_do_not_change_pixels(photograph, monkeypatch, height):
    picture = np.resize(np.asarray(photograph)[:, :64], (height, 64, 3))
    stream = rlcodec.encode(picture, preset="photo", gain=260, synthesis="full")
    whole = np.asarray(rlcodec.decode(stream))
    monkeypatch.setattr(repair, "PIXELS_AT_ONCE", 1)
    assert np.array_equal(np.asarray(rlcodec.decode(stream)), whole)
