"""Syntheses of photographs: from the plain inverse transform to the full repair network."""

import numpy as np
import pytest
from PIL import Image

import rlcodec
from rlcodec.presets.photo.decoder import synthesis_macs
from rlcodec.presets.photo.repair import WIDTHS


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_plain_width_takes_least_compute(pictures, mode):
    picture = Image.fromarray(pictures[3]).convert(mode)
    coded = {width: rlcodec.encode(picture, preset="photo", gain=28, synthesis=width) for width in WIDTHS}
    kmac = {width: rlcodec.inspect(data).decoder_kmac_per_pixel for width, data in coded.items()}
    assert kmac["plain"] < kmac["light"] < kmac["full"]
    area = 80 * 64  # whole blocks
    assert kmac["light"] - kmac["plain"] == pytest.approx(
        (synthesis_macs(area, "light") - synthesis_macs(area, "plain")) / 65 / 50 / 1000
    )
    shown = rlcodec.decode(coded["plain"])
    assert (shown.mode, shown.size) == (mode, picture.size)
    assert np.array_equal(np.asarray(rlcodec.decode(coded["full"], synthesis="plain")), np.asarray(shown))
    assert not np.array_equal(np.asarray(rlcodec.decode(coded["light"])), np.asarray(shown))


def test_plain_is_the_inverse_transform(pictures):
    """Fine enough for centroids not to matter much, the picture itself comes back."""
    shown = np.asarray(rlcodec.decode(rlcodec.encode(pictures[0], preset="photo", gain=0, synthesis="plain")))
    assert np.abs(shown.astype(int) - pictures[0]).mean() < 2
