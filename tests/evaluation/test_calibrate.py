"""Calibrating: the fit, and one short measurement of this machine."""

import json

import numpy as np
import pytest

import rlcodec
from rlcodec.control.decode_time import Calibration, StageCost, load_calibration, this_machine
from rlcodec.evaluation import calibrate as calibrating
from rlcodec.presets.photo.repair import WIDTHS


def test_the_fit_finds_the_costs_and_none_below_zero():
    random = np.random.default_rng(5)
    truth = {"a": StageCost(0.5, 0.0, 2e-3), "b": StageCost(0.0, 1e-2, 0.0)}
    works = [
        {"a": (0.0, random.uniform(10, 1000))} | ({"b": (random.uniform(1, 500), 0.0)} if i % 2 else {}) for i in range(20)
    ]
    calibration = Calibration(this_machine(), {}, {"": truth})
    taken = np.array([sum(stage_ms(calibration, stage, *amounts) for stage, amounts in work.items()) for work in works])
    found = calibrating.fit(works, taken)
    for stage, cost in truth.items():
        assert vars(found[stage]) == pytest.approx(vars(cost), abs=1e-5)
    noisy = calibrating.fit(works, taken * random.uniform(0.5, 2, len(taken)))
    assert all(value >= 0 for cost in noisy.values() for value in vars(cost).values())


def stage_ms(calibration: Calibration, stage: str, kmac: float, pixels: float) -> float:
    cost = calibration.stages[""][stage]
    return cost.fixed_ms + cost.ms_per_kmac * kmac + cost.ms_per_pixel * pixels


def test_measuring_this_machine(run, tmp_path, monkeypatch, digit, photograph):
    monkeypatch.setattr(calibrating, "ROUNDS", 1)
    path = tmp_path / "calibration.json"
    code, out, _ = run("calibrate", "--json", "--out", path)
    assert code == 0
    assert json.loads(out) == json.loads(path.read_text())
    calibration = load_calibration(path)
    streams = [rlcodec.encode(digit, tier=tier, bit_budget=49) for tier in ("table", "context", "lm")]
    streams += [rlcodec.encode(photograph, preset="photo", synthesis=width) for width in WIDTHS]
    streams += [rlcodec.encode(photograph, preset="compact")]
    for data in streams:
        assert 0 < rlcodec.predicted_decode_ms(rlcodec.inspect(data), calibration) < 10_000


def test_calibrate_for_people(run, tmp_path, monkeypatch, made_up):
    monkeypatch.setattr(calibrating, "calibrate", lambda report: made_up)
    code, out, _ = run("calibrate", "--out", tmp_path / "a.json")
    assert code == 0
    assert "ms per kMAC" in out
    assert "synthesis" in out
