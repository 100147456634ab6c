"""The script for a GPU runs on a CPU, leaves what it should, and goes on when a step fails."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image


@pytest.fixture(scope="module")
def gpu(benchmark_module):
    """The benchmark as a module."""
    return benchmark_module("gpu")


@pytest.fixture
def data(photograph, ring, rendered, tmp_path):
    """A folder of digits and one of photographs."""
    digits, photos = tmp_path / "digits", tmp_path / "photos"
    digits.mkdir()
    photos.mkdir()
    for side in (22, 31):
        Image.fromarray(rendered(ring(side))).save(digits / f"{side}.png")
    for number in range(12):
        photograph.crop((8 * number, number, 8 * number + 200, number + 192)).save(photos / f"{number:02d}.png")
    return digits, photos


@pytest.mark.timeout(300)  # three processes that import torch, one after another
def test_all_steps_run_on_a_cpu_and_a_checkpoint_is_continued(gpu, benchmark_module, data, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    arguments = [*data, "--device", "cpu", "--quick", "--json"]
    results = benchmark_module("common").in_process(gpu.__file__, [*arguments, "--out", first], {"OMP_NUM_THREADS": "1"})
    assert results["lm: streams that differ"] == results["lm: pictures that differ"] == 0
    assert results["ppo: steps a second, device"] > 0
    assert results["repair: last step"] == gpu.QUICK_STEPS
    files = [path for path in first.rglob("*") if path.is_file()]
    assert len(files) <= 8
    assert max(path.stat().st_size for path in files) < 16e6
    assert {"results.json", "photo-light.onnx", "photo-full.onnx"} < {path.name for path in files}
    curve = json.loads((first / "results.json").read_text())["repair"]["validation"]["rounded"]["db_gained_full"]
    assert curve[-1][0] == gpu.QUICK_STEPS

    (second / gpu.REPAIR).mkdir(parents=True)
    (first / gpu.REPAIR / gpu.CHECKPOINT).rename(second / gpu.REPAIR / gpu.CHECKPOINT)
    until = ["--out", second, "--step", "repair"]
    again = benchmark_module("common").in_process(gpu.__file__, [*arguments, *until], {"OMP_NUM_THREADS": "1"})
    assert (again["first step"], again["last step"]) == (gpu.QUICK_STEPS, 2 * gpu.QUICK_STEPS)


def test_failures_are_results(gpu, data, monkeypatch):
    options = gpu.parser().parse_args([*map(str, data), "--quick", "--device", "cpu"])
    options.photos = Path("nowhere")
    assert "holds no pictures" in gpu.run_here("repair", options)["failed"]

    def too_long(*arguments, **keywords):
        raise subprocess.TimeoutExpired("gpu.py", 1)

    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    monkeypatch.setattr(gpu, "in_process", too_long)
    assert gpu.run_apart("lm", 0.0)["failed"] == "out of time"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_a_result(gpu, data):
    options = gpu.parser().parse_args([*map(str, data), "--images", "2"])
    assert "cuda" in gpu.run_here("lm", options)["failed"].lower()
