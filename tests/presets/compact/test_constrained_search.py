"""Preset compact under objectives and constraints: the best of all choices, or a refusal that names what can be met."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest

import rlcodec
from rlcodec import OptionError
from rlcodec.control.decode_time import save_calibration
from rlcodec.control.objective import Objective, distortion
from rlcodec.core.metrics import ms_ssim, psnr_db
from rlcodec.presets.compact.choices import BUDGETS, NODES
from rlcodec.presets.compact.preset import PRESET
from rlcodec.presets.compact.process import OBJECTIVES, actions_to

TRIED = [
    *OBJECTIVES.values(),
    Objective("mse", 3e3, 2.0),
    Objective("mse", 1e6, 0.0),
    Objective("psnr", 3.0, 0.0),
    Objective("ms-ssim", 4.0, 0.02),
    Objective("ms-ssim", 60.0, 1.0),
]


@dataclass(frozen=True)
class Choice:
    """One of all streams of the picture, and what is measured of it."""

    data: bytes
    psnr: float
    mse: float
    ms_ssim: float
    kmac: float
    payload_bytes: int
    milliseconds: float


@pytest.fixture(scope="module")
def picture(photograph) -> np.ndarray:
    return np.ascontiguousarray(np.asarray(photograph)[90:160, 40:168])


@pytest.fixture(scope="module")
def every(picture, made_up) -> list[Choice]:
    """Every choice, coded and decoded."""
    choices = []
    for end in (*itertools.product(range(len(BUDGETS)), range(NODES)), None):
        data = PRESET.encode_actions(picture, actions_to(*end)).data if end else encode(picture, bit_budget=0)
        shown, info = np.asarray(rlcodec.decode(data)), rlcodec.inspect(data)
        mse = float(np.square(shown.astype(int) - picture).mean())
        kmac, ms = info.decoder_kmac_per_pixel, rlcodec.predicted_decode_ms(info, made_up)
        choices.append(Choice(data, psnr_db(picture, shown), mse, ms_ssim(picture, shown), kmac, info.payload_bytes, ms))
    return choices


@pytest.fixture(autouse=True)
def calibrated(made_up, tmp_path, monkeypatch):
    """A made-up calibration for rlcodec to find."""
    monkeypatch.setenv("RLCODEC_CALIBRATION", str(save_calibration(made_up, tmp_path / "calibration.json")))


def encode(picture, **options) -> bytes:
    return rlcodec.encode(picture, preset="compact", **options)


def lambdas(objective: Objective) -> dict:
    return {
        "distortion": objective.kind, "lambda_rate": objective.lambda_rate, "lambda_compute": objective.lambda_compute
    }  # fmt: skip


def choice_of(data: bytes, every: list[Choice]) -> Choice:
    return next(choice for choice in every if choice.data == data)


def value(choice: Choice, objective: Objective, picture: np.ndarray) -> float:
    lost = distortion(objective.kind, 1 - choice.ms_ssim if objective.kind == "ms-ssim" else choice.mse)
    return float(objective.value(lost, 8 * choice.payload_bytes / picture[..., 0].size, choice.kmac))


def meeting(every, max_bytes=math.inf, min_psnr=-math.inf, max_decode_ms=math.inf) -> list[Choice]:
    return [c for c in every if len(c.data) <= max_bytes and c.psnr >= min_psnr and c.milliseconds <= max_decode_ms]


@pytest.fixture(scope="module")
def middle(every) -> dict[str, float]:
    """Constraints that some streams meet and others do not, alone and together."""
    sizes, psnrs, times = (
        sorted(values) for values in zip(*((len(c.data), c.psnr, c.milliseconds) for c in every), strict=True)
    )
    return {
        "max_bytes": sizes[2 * len(sizes) // 3], "min_psnr": psnrs[len(psnrs) // 2], "max_decode_ms": times[3 * len(times) // 4]
    }  # fmt: skip


@pytest.mark.parametrize("objective", TRIED, ids=str)
def test_an_objective_gets_the_best_of_all_choices(picture, every, objective):
    found = choice_of(encode(picture, **lambdas(objective)), every)
    assert value(found, objective, picture) == pytest.approx(min(value(c, objective, picture) for c in every), rel=1e-12)


def test_the_objectives_want_different_streams(picture):
    assert len({encode(picture, **lambdas(objective)) for objective in TRIED}) > 3
    assert encode(picture, objective="fast") == encode(picture, **lambdas(OBJECTIVES["fast"]))


@pytest.mark.parametrize(
    "names", [n for k in (1, 2, 3) for n in itertools.combinations(("max_bytes", "min_psnr", "max_decode_ms"), k)]
)
def test_constraints_are_met_by_the_best_stream(picture, every, middle, names):
    limits = {name: middle[name] for name in names}
    kept = meeting(every, **limits)
    assert 0 < len(kept) < len(every)
    found = choice_of(encode(picture, **limits), every)
    assert found in kept
    if "min_psnr" in limits:
        assert len(found.data) == min(len(c.data) for c in kept)
    else:
        finest = max(c.psnr for c in kept)
        assert found.psnr == finest
        assert len(found.data) == min(len(c.data) for c in kept if c.psnr == finest)


@pytest.mark.parametrize("objective", TRIED[1:6:2], ids=str)
def test_an_objective_with_constraints_gets_the_best_that_meets_them(picture, every, middle, objective):
    free = encode(picture, **lambdas(objective))
    for limits in ({"max_bytes": len(free) - 1}, {"min_psnr": choice_of(free, every).psnr + 0.01}, middle):
        kept = meeting(every, **limits)
        if kept:
            found = choice_of(encode(picture, **lambdas(objective), **limits), every)
            assert value(found, objective, picture) == pytest.approx(min(value(c, objective, picture) for c in kept), rel=1e-12)
    assert encode(picture, **lambdas(objective), max_bytes=len(free), max_decode_ms=choice_of(free, every).milliseconds) == free


def test_constraints_at_the_exact_values_of_a_stream(picture, every):
    for choice in every[::40]:
        limits = {"max_bytes": len(choice.data), "min_psnr": choice.psnr, "max_decode_ms": choice.milliseconds}
        assert choice_of(encode(picture, **limits), every) in meeting(every, **limits)


def test_a_refusal_names_the_nearest_that_can_be_met(picture, every, middle):
    least, finest, quickest = min(len(c.data) for c in every), max(c.psnr for c in every), min(c.milliseconds for c in every)
    for limits, nearest in (
        ({"max_bytes": least - 1}, f"max_bytes {least}"),
        ({"min_psnr": math.inf}, f"min_psnr {math.floor(100 * finest) / 100:.2f}"),
        ({"min_psnr": finest + 1}, f"min_psnr {math.floor(100 * finest) / 100:.2f}"),
        ({"max_decode_ms": quickest / 2}, f"max_decode_ms {math.ceil(1e4 * quickest) / 1e4:.4f}"),
        ({"max_bytes": 0, "objective": "small"}, f"max_bytes {least}"),
    ):
        with pytest.raises(OptionError, match=f"the nearest that can be met: {nearest}$"):
            encode(picture, **limits)
    limits = {"max_bytes": least, "min_psnr": middle["min_psnr"]}
    with pytest.raises(OptionError) as refused:
        encode(picture, **limits)
    bytes_enough = min(len(c.data) for c in meeting(every, min_psnr=middle["min_psnr"]))
    assert f"max_bytes {bytes_enough} or min_psnr" in str(refused.value)
    assert len(encode(picture, max_bytes=bytes_enough, min_psnr=middle["min_psnr"])) == bytes_enough


@pytest.mark.parametrize(
    "options",
    [
        {"max_bytes": 10.5},
        {"max_bytes": "many"},
        {"max_bytes": -1},
        {"min_psnr": math.nan},
        {"min_psnr": "good"},
        {"max_decode_ms": 0},
        {"max_bytes": 300, "tier": "table"},
        {"min_psnr": 20, "bit_budget": 100},
        {"objective": "small", "tier": "table"},
        {"objective": "best"},
        {"objective": "small", "lambda_rate": 3.0},
        {"lambda_compute": 3.0},
        {"max_bytes": 300, "lossless": True},
        {"max_bytes": 300, "objective": "lossless"},
        {"max_bytes": 300, "gain": 3},
        {"max_bytes": 300, "rows": 3},
    ],
)
def test_bad_values_are_refused(picture, options):
    with pytest.raises(OptionError):
        encode(picture, **options)


def test_quality_of_gray_pictures_is_measured_in_gray(picture):
    gray = picture[..., 1]
    data = encode(gray, min_psnr=16)
    shown = np.asarray(rlcodec.decode(data))
    assert shown.shape == gray.shape
    finer = encode(gray, min_psnr=psnr_db(gray, shown))
    assert finer == data
    with pytest.raises(OptionError, match="min_psnr"):
        encode(gray, min_psnr=psnr_db(gray, shown) + 0.005, max_bytes=len(data))


def test_the_command_line_takes_objectives_and_constraints(run, photograph, tmp_path):
    source, target = tmp_path / "a.png", tmp_path / "a.rlc"
    photograph.crop((0, 0, 120, 90)).save(source)
    command = ("encode", source, target, "--preset", "compact")
    assert run(*command, "--objective", "small")[0] == 0
    size = target.stat().st_size
    assert run(*command, "--max-bytes", size + 100, "--min-psnr", 10, "--max-decode-ms", 1e6)[0] == 0
    assert target.stat().st_size <= size + 100
    before = target.read_bytes()
    code, _, said = run(*command, "--max-bytes", 5)
    assert code == 2
    assert len(said.splitlines()) == 1
    assert "the nearest that can be met: max_bytes" in said
    assert target.read_bytes() == before


def test_a_limit_on_time_needs_a_calibration(picture, tmp_path, monkeypatch):
    monkeypatch.setenv("RLCODEC_CALIBRATION", str(tmp_path / "none.json"))
    with pytest.raises(rlcodec.DataError, match="rlcodec calibrate"):
        encode(picture, max_decode_ms=5)
