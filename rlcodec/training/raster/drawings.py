"""Drawn pictures for training: screens of text, tables, bars and icons, and small pictures of textures on black."""

import string

import numpy as np
from PIL import Image, ImageDraw, ImageFont

WORD_LETTERS = 2, 11
FONT_SIZES = 9, 22
FAR_SHADE = 96
"""Shades of text differ from those behind it by at least this."""
ICONS = 6


def draw_screen(side: int, rng: np.random.Generator) -> np.ndarray:
    """Draws a screen: panels with lines of text, rules, bars and repeated icons.

    Args:
        side: of the picture in pixels.
        rng: draws.

    Returns:
        uint8 (side, side, 3).
    """
    dark = rng.random() < 0.4
    ground = _color(rng, 0, 48) if dark else _color(rng, 208, 256)
    image = Image.new("RGB", (side, side), ground)
    pen = ImageDraw.Draw(image)
    words = ["".join(rng.choice(list(string.ascii_letters + string.digits), rng.integers(*WORD_LETTERS))) for _ in range(40)]
    icons = [_icon(int(rng.integers(8, 24)), rng) for _ in range(ICONS)]
    top = 0
    while top < side:
        height = int(rng.integers(24, side // 2))
        panel = _near(ground, rng) if rng.random() < 0.6 else ground
        left = int(rng.integers(0, side // 4)) if rng.random() < 0.5 else 0
        pen.rectangle((left, top, side, top + height), fill=panel, outline=_near(panel, rng) if rng.random() < 0.4 else None)
        _fill_panel(pen, image, (left, top, side, min(top + height, side)), panel, words, icons, rng)
        top += height + int(rng.integers(0, 12))
    return np.asarray(image)


def _fill_panel(
    pen: ImageDraw.ImageDraw,
    image: Image.Image,
    box: tuple[int, int, int, int],
    panel: tuple[int, int, int],
    words: list[str],
    icons: list[Image.Image],
    rng: np.random.Generator,
) -> None:
    left, top, right, bottom = box
    font = ImageFont.load_default(int(rng.integers(*FONT_SIZES)))
    step = int(font.size * rng.uniform(1.2, 1.9))
    colors = [_far(panel, rng) for _ in range(3)]
    kind = rng.choice(["text", "table", "bars"], p=[0.6, 0.25, 0.15])
    for y in range(top + 3, bottom - step, step):
        x = left + 6 + (int(rng.integers(0, 4)) * 12 if kind == "text" else 0)
        if rng.random() < 0.2:
            image.paste(icons[int(rng.integers(len(icons)))], (x, y))
            x += 26
        if kind == "bars":
            pen.rectangle((x, y, x + int(rng.integers(4, max(5, right - x))), y + step // 2), fill=colors[int(rng.integers(3))])
            continue
        if kind == "table":
            pen.line((left, y - 2, right, y - 2), fill=_near(panel, rng))
        end = right if kind == "table" else x + int(rng.integers(20, max(21, right - x)))
        while x < end:
            word = words[int(rng.integers(len(words)))]
            pen.text((x, y), word, font=font, fill=colors[int(rng.choice(3, p=[0.7, 0.2, 0.1]))])
            x += 64 if kind == "table" else int(pen.textlength(word + " ", font=font))


def _icon(side: int, rng: np.random.Generator) -> Image.Image:
    large = Image.new("RGB", (side * 4, side * 4), _color(rng, 0, 256))
    pen = ImageDraw.Draw(large)
    for _ in range(3):
        corners = rng.integers(0, side * 4, (3, 2))
        pen.polygon([(int(x), int(y)) for x, y in corners], fill=_color(rng, 0, 256))
    return large.resize((side, side), Image.Resampling.BOX)


def _color(rng: np.random.Generator, low: int, high: int) -> tuple[int, int, int]:
    if rng.random() < 0.5:
        return (int(rng.integers(low, high)),) * 3
    red, green, blue = rng.integers(low, high, 3)
    return int(red), int(green), int(blue)


def _near(color: tuple[int, int, int], rng: np.random.Generator) -> tuple[int, int, int]:
    change = int(rng.integers(-20, 21))
    red, green, blue = (min(max(value + change, 0), 255) for value in color)
    return red, green, blue


def _far(color: tuple[int, int, int], rng: np.random.Generator) -> tuple[int, int, int]:
    while True:
        other = _color(rng, 0, 256)
        if abs(sum(other) - sum(color)) > 3 * FAR_SHADE:
            return other


def cut_small(picture: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """Makes a small gray picture of a part of a photograph: reduced, and sometimes cut out on black.

    Args:
        picture: uint8 (h, w, 3).
        side: of the small picture in pixels.
        rng: draws.

    Returns:
        uint8 (side, side).
    """
    most = min(picture.shape[:2])
    part = int(rng.integers(min(2 * side, most), most + 1))
    y, x = (int(rng.integers(0, length - part + 1)) for length in picture.shape[:2])
    gray = Image.fromarray(picture[y : y + part, x : x + part]).convert("L").resize((side, side), Image.Resampling.LANCZOS)
    if rng.random() < 0.3:
        return np.asarray(gray)
    mask = Image.new("L", (side * 4, side * 4), 0)
    pen = ImageDraw.Draw(mask)
    for _ in range(int(rng.integers(1, 4))):
        corners = rng.integers(0, side * 4, (int(rng.integers(3, 7)), 2)).tolist()
        pen.polygon([(x, y) for x, y in corners], fill=255)
        low, high = sorted(rng.integers(0, side * 4, 2).tolist())
        pen.rectangle((low, int(rng.integers(0, side)), high, int(rng.integers(side * 2, side * 4))), fill=255)
    inside = mask.resize((side, side), Image.Resampling.BOX)
    return np.asarray(Image.composite(gray, Image.new("L", (side, side), 0), inside))
