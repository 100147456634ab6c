"""Shared images: scikit-learn's small digits, enlarged to look like MNIST's, and pictures that have a scan."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image
from toy import toy_registered

from rlcodec.cli import main as cli
from rlcodec.control.decode_time import SYNTHESIS, Calibration, StageCost, this_machine
from rlcodec.envs.measure import MeasureOptions
from rlcodec.envs.tasks import task_of
from rlcodec.presets.mnist.bilevel.geometry import BOX, WORDS, area_of_ink, grid, levels_of, set_pixel
from rlcodec.presets.registry import preset_by_name

settings.register_profile("rlcodec", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("rlcodec")

SIDE = 28
DIGITS = 64


def enlarge(digit: np.ndarray) -> np.ndarray:
    """An 8x8 digit of values 0 to 16 as white ink on black, uint8 (28, 28)."""
    small = Image.fromarray((digit * 255 / 16).astype(np.uint8)).resize((BOX, BOX), Image.Resampling.BICUBIC)
    ink = np.clip((np.asarray(small, np.float64) - 40) * 1.5, 0, 255)
    out = np.zeros((SIDE, SIDE), np.uint8)
    margin = (SIDE - BOX) // 2
    out[margin : margin + BOX, margin : margin + BOX] = ink
    return out


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    """Digits as uint8 (64, 28, 28), read-only."""
    images = np.stack([enlarge(digit) for digit in load_digits().images[:DIGITS]])
    images.setflags(write=False)
    return images


@pytest.fixture(scope="session")
def digit(digits: np.ndarray) -> np.ndarray:
    """One digit, uint8 (28, 28), read-only."""
    return digits[3]


@pytest.fixture(scope="session")
def ring() -> Callable[[int], np.ndarray]:
    """Rows of a scan of a given side with a ring that touches all four edges, uint64 (side, WORDS)."""

    def draw(side: int) -> np.ndarray:
        y, x = np.mgrid[:side, :side] - (side - 1) / 2
        distance = np.hypot(y, x)
        rows = np.zeros((side, WORDS), np.uint64)
        for i, j in zip(*np.nonzero((distance <= side / 2) & (distance >= side / 2 - 5)), strict=True):
            set_pixel(rows[i], j)
        return rows

    return draw


@pytest.fixture(scope="session")
def rendered() -> Callable[..., np.ndarray]:
    """The digit that a scan's rows render to, uint8 (28, 28), with its box at a given place."""

    def render(rows: np.ndarray, top: int = 4, left: int = 4) -> np.ndarray:
        one = grid(len(rows))
        areas = np.array([[area_of_ink(rows, one.single, one.start, one.stop, r, c) for c in range(BOX)] for r in range(BOX)])
        image = np.zeros((SIDE, SIDE), np.uint8)
        image[top : top + BOX, left : left + BOX] = [[levels_of(area, areas.max())[0] for area in line] for line in areas]
        return image

    return render


@pytest.fixture(scope="session")
def traced(digits: np.ndarray, ring: Callable[[int], np.ndarray], rendered: Callable[..., np.ndarray]) -> Any:
    """The trace of a few digits, some with a scan."""
    scanned = [rendered(ring(side)) for side in (22, 31, 40, 53)]
    return task_of("mnist").measure(np.stack([*digits[:8], *scanned]), MeasureOptions(workers=1))


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a command in this process; returns exit code, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["rlcodec", *map(str, arguments)])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture(scope="session")
def made_up() -> Calibration:
    """A calibration of this machine that nobody measured: every stage has a fixed cost and costs by kMAC and pixel."""
    from rlcodec.presets.compact.decode_cost import CODING
    from rlcodec.presets.mnist.decode_cost import LATENTS, ROWS, SOURCE_ROWS, START
    from rlcodec.presets.photo.decode_cost import COEFFICIENTS, INVERSE
    from rlcodec.presets.photo.repair import WIDTHS

    widths = tuple(f"synthesis, {width}" for width in WIDTHS)
    stages = {
        "mnist": (START, LATENTS, SYNTHESIS, *ROWS, *SOURCE_ROWS),
        "photo": (COEFFICIENTS, INVERSE, *widths),
        "compact": (*CODING, SYNTHESIS),
    }
    costs = {preset: dict.fromkeys(names, StageCost(0.05, 1e-4, 1e-5)) for preset, names in stages.items()}
    return Calibration(this_machine(), {preset: preset_by_name(preset).weights().digest for preset in stages}, costs)


@pytest.fixture(scope="session")
def photograph() -> Image.Image:
    """A photograph of 320x213 pixels that comes with scikit-learn."""
    return Image.fromarray(load_sample_image("china.jpg")).resize((320, 213), Image.Resampling.LANCZOS)


@pytest.fixture(scope="session")
def pictures() -> list[np.ndarray]:
    """Small parts of scikit-learn's photographs, of four sizes, uint8 (height, width, 3)."""
    china, flower = (load_sample_image(name) for name in ("china.jpg", "flower.jpg"))
    places = (china, 100, 200, 64, 64), (china, 220, 300, 48, 80), (flower, 150, 250, 64, 96), (flower, 200, 0, 65, 50)
    return [np.ascontiguousarray(image[y : y + height, x : x + width]) for image, y, x, height, width in places]


@pytest.fixture(scope="session")
def picture_trace(pictures: list[np.ndarray]) -> Any:
    """Their trace."""
    return task_of("photo").measure(pictures, MeasureOptions(workers=1))


@pytest.fixture(scope="session")
def foreseen(picture_trace: Any) -> Any:
    """What an encoder would expect of them: fitted for a moment."""
    from rlcodec.envs.photo.fit import fit_photo_predictor

    return fit_photo_predictor(picture_trace, 20, 2)


@pytest.fixture(scope="module")
def toy() -> Any:
    """The toy preset, registered with its task and its kind of distortion."""
    with toy_registered() as preset:
        yield preset


@pytest.fixture(scope="module")
def toy_trace(toy: Any, digits: np.ndarray) -> Any:
    """The trace of the toy preset on a few digits."""
    return task_of("toy").measure(list(digits[:8]), MeasureOptions(workers=1))
