"""Without the name of a preset, images are coded by the one that suits them."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

import rlcodec
import rlcodec.pillow_plugin
from rlcodec.errors import OptionError
from rlcodec.presets.photo.options import PhotoOptions
from rlcodec.presets.raster.options import RasterOptions


def preset_of(data: bytes) -> str:
    return rlcodec.inspect(data).preset


def page(mode: str = "RGB") -> Image.Image:
    """Text on a plain background."""
    image = Image.new("RGB", (120, 96), (245, 245, 250))
    pen = ImageDraw.Draw(image)
    for y in range(4, 90, 12):
        pen.text((4, y), f"line {y} of the page", fill=(10, 20, 60))
    return image.convert(mode)


def transparent() -> Image.Image:
    image = page("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def digit() -> np.ndarray:
    pixels = np.zeros((28, 28), np.uint8)
    pixels[5:23, 13:16] = 255
    return pixels


def clothing() -> np.ndarray:
    """A small gray picture that is no digit: shaded and noisy."""
    shade = np.linspace(60, 230, 28)
    return np.clip(shade[:, None] * 0.5 + shade[None] * 0.5 + np.random.default_rng(0).normal(0, 6, (28, 28)), 0, 255).astype(
        np.uint8
    )


@pytest.mark.parametrize(
    ("image", "options", "wanted"),
    [
        (digit(), {}, "mnist"),
        (digit(), {"lossless": True}, "mnist"),
        (clothing(), {"lossless": True}, "raster"),
        (page(), {}, "raster"),
        (page(), {"lossless": True}, "raster"),
        (page(), {"objective": "lossless"}, "raster"),
        (page(), {"max_error": 2}, "raster"),
        (page(), {"gain": 100}, "photo"),
        (page(), {"objective": "small"}, "photo"),
        (page("LA"), {}, "raster"),
        (transparent(), {}, "raster"),
        (transparent(), {"objective": "small"}, "photo"),
        (transparent(), {"lossless": True}, "raster"),
        (digit(), {"bit_budget": 16}, "mnist"),
    ],
)
def test_the_preset_suits_image_and_options(image, options, wanted):
    assert preset_of(rlcodec.encode(image, **options)) == wanted


def test_photographs_go_to_preset_photo(photograph, tmp_path):
    photograph.save(tmp_path / "x.png")
    assert preset_of(rlcodec.encode(tmp_path / "x.png")) == "photo"
    assert preset_of(rlcodec.encode(tmp_path / "x.png", lossless=True)) == "raster"
    page().save(tmp_path / "page.jpg", quality=80)
    assert preset_of(rlcodec.encode(tmp_path / "page.jpg")) == "photo"


@pytest.mark.parametrize("image", [digit(), clothing(), page(), transparent(), page("L"), page("LA"), page("P"), page("1")])
def test_lossless_is_exact_on_anything(image, tmp_path):
    source = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    source.save(tmp_path / "x.rlc", lossless=True)
    with Image.open(tmp_path / "x.rlc") as shown:
        assert np.array_equal(np.asarray(shown.convert("RGBA")), np.asarray(source.convert("RGBA")))


def test_options_dataclasses_name_their_preset(photograph):
    assert preset_of(rlcodec.encode(page(), PhotoOptions(gain=200))) == "photo"
    assert preset_of(rlcodec.encode(photograph, RasterOptions())) == "raster"


def test_options_of_no_preset_are_refused():
    with pytest.raises(OptionError, match="no preset takes"):
        rlcodec.encode(page(), gain=100, max_error=2)
