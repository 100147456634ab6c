"""Syntheses of photographs: from the plain inverse transform to the full repair network."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

import rlcodec
from rlcodec.core.metrics import psnr_db
from rlcodec.presets.photo.allocation import ALLOCATIONS
from rlcodec.presets.photo.coding import PictureCoder, settings_for
from rlcodec.presets.photo.decoder import shown_pixels, synthesis_macs
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.presets.photo.repair import PLAIN, REPAIRS, WIDTHS
from rlcodec.presets.photo.transform import AREA

LIGHT, FULL = REPAIRS


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_plain_width_takes_least_compute(pictures, mode):
    picture = Image.fromarray(pictures[3]).convert(mode)
    coded = {width: rlcodec.encode(picture, preset="photo", gain=250, synthesis=width) for width in WIDTHS}
    kmac = {width: rlcodec.inspect(data).decoder_kmac_per_pixel for width, data in coded.items()}
    assert kmac["plain"] < kmac["light"] < kmac["full"]
    area = 96 * 64  # whole areas
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


@pytest.fixture(scope="module")
def coarse():
    """A coarsely coded photograph: its pixels, what was coded, and the settings."""
    pixels = np.ascontiguousarray(load_sample_image("flower.jpg")[100:292, 100:356])
    gain, allocation = 330, ALLOCATIONS["psnr"]
    coded = PictureCoder(installed_weights(), pixels).code(gain, allocation, keep=True)
    return pixels, coded, settings_for(gain, allocation, FULL)


def shown(coarse, synthesis: str, repairs: np.ndarray | None = None) -> np.ndarray:
    pixels, coded, settings = coarse
    areas = coded.areas if repairs is None else replace(coded.areas, repairs=repairs)
    return shown_pixels(installed_weights(), areas, settings, coded.colors, pixels.shape[:2], synthesis)


def test_networks_bring_pictures_nearer(coarse):
    plain, light, full = (psnr_db(coarse[0], shown(coarse, width)) for width in WIDTHS)
    assert plain + 0.05 < light
    assert light + 0.05 < full


def test_each_area_has_its_level(coarse):
    repairs = np.zeros((6, 8), np.uint8)
    repairs[:3], repairs[:3, :4] = 1, 2
    everywhere = [shown(coarse, width) for width in WIDTHS]
    mixed = shown(coarse, FULL, repairs)
    levels = np.kron(repairs, np.ones((AREA, AREA), np.uint8))
    for level, picture in enumerate(everywhere):
        assert np.array_equal(mixed[levels == level], picture[levels == level])


def test_syntheses_limit_the_level(coarse):
    repairs = np.full((6, 8), 2, np.uint8)
    repairs[:, 4:] = 0
    plain, light = shown(coarse, PLAIN), shown(coarse, LIGHT)
    limited = shown(coarse, LIGHT, repairs)
    assert np.array_equal(limited[:, : 4 * AREA], light[:, : 4 * AREA])
    assert np.array_equal(limited[:, 4 * AREA :], plain[:, 4 * AREA :])
    assert np.array_equal(shown(coarse, PLAIN, repairs), plain)
