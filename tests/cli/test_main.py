"""Checks the command line: round trips, one clear line and exit code 2 for bad input, and the path from images to a policy."""

import errno
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import rlcodec
from rlcodec.agents.hyperparameters import FOLDER


@pytest.fixture
def png(tmp_path, digit):
    path = tmp_path / "digit.png"
    Image.fromarray(digit).save(path)
    return path


@pytest.fixture
def stream(tmp_path, digit):
    path = tmp_path / "digit.rlc"
    path.write_bytes(rlcodec.encode(digit, preset="mnist", lossless=True))
    return path


def refused(result, word=""):
    code, out, err = result
    assert code == 2
    assert out == ""
    assert err.startswith("rlcodec: ")
    assert err.count("\n") == 1
    assert word in err


def test_lossless_round_trip(run, tmp_path, png, digit):
    assert run("encode", png, tmp_path / "a.rlc", "--lossless")[0] == 0
    assert run("decode", tmp_path / "a.rlc", tmp_path / "a.png")[0] == 0
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), digit)


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--objective", "small"),
        ("--lambda-rate", 2000, "--lambda-compute", 5),
        ("--lambda-rate", 40, "--distortion", "psnr"),
        ("--lambda-rate", 60, "--distortion", "ms-ssim"),
        ("--bit-budget", 196, "--rows", 0, "--tier", "table"),
    ],
)
def test_the_same_options_as_python(run, tmp_path, png, digit, options):
    assert run("encode", png, tmp_path / "a.rlc", *options)[0] == 0
    names = {name[2:].replace("-", "_"): value for name, value in zip(options[::2], options[1::2], strict=True)}
    assert (tmp_path / "a.rlc").read_bytes() == rlcodec.encode(digit, **names)


def test_info_as_json_agrees_with_the_file(run, stream):
    code, out, _ = run("info", stream, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["size_bytes"] == stream.stat().st_size == found["header_bytes"] + found["payload_bytes"]
    assert found["lossless"]
    assert [s["index"] for s in found["segments"]] == list(range(28))
    bits = sum(s["bits"] for s in found["segments"])
    assert 8 * (found["payload_bytes"] - 1) < bits <= 8 * found["payload_bytes"]


def test_info_for_people(run, stream):
    code, out, _ = run("info", stream)
    assert code == 0
    assert "lossless" in out
    assert "pixels 27" in out


def test_what_is_no_gray_small_image_is_refused(run, tmp_path, digit):
    text, colour, large = tmp_path / "text.png", tmp_path / "colour.png", tmp_path / "large.png"
    text.write_text("no image")
    Image.fromarray(digit).convert("RGB").save(colour)
    Image.new("L", (500, 20)).save(large)
    for path, word in ((text, "not an image"), (colour, "RGB"), (large, "64x64"), (tmp_path / "none.png", "no such file")):
        refused(run("encode", path, tmp_path / "a.rlc", "--preset", "mnist"), word)
    assert not (tmp_path / "a.rlc").exists()


def test_cut_streams(run, tmp_path, stream):
    data = stream.read_bytes()
    for kept in (0, 1, 5, 8, 20, len(data) - 1):
        stream.write_bytes(data[:kept])
        refused(run("decode", stream, tmp_path / "a.png"))
        assert not (tmp_path / "a.png").exists()
    command = [sys.executable, "-m", "rlcodec.cli.main", "decode", str(stream), str(tmp_path / "a.png"), "--partial"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.count("\n") == 1
    assert "1 of its" in done.stderr
    assert Image.open(tmp_path / "a.png").size == (28, 28)


def test_changed_streams_are_refused(run, tmp_path, stream):
    data = stream.read_bytes()
    for at, value in ((2, 0x22), (2, 0x3E), (3, data[3] ^ 1), (30, data[30] ^ 4), (0, 0)):
        stream.write_bytes(data[:at] + bytes([value]) + data[at + 1 :])
        refused(run("decode", stream, tmp_path / "a.png"))
        refused(run("info", stream))
    assert not (tmp_path / "a.png").exists()


def test_outputs_that_cannot_be_written(run, tmp_path, png, stream, monkeypatch):
    refused(run("encode", png, tmp_path / "none" / "a.rlc"), "cannot be written")
    refused(run("decode", stream, tmp_path / "a.xyz"), "take .png")
    (tmp_path / "old.rlc").write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    refused(run("encode", png, tmp_path / "old.rlc"), "No space left")
    assert (tmp_path / "old.rlc").read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["digit.png", "digit.rlc", "old.rlc"]


@pytest.mark.parametrize(
    "options",
    [
        ("--lossless", "--objective", "small"),
        ("--objective", "huge"),
        ("--lambda-compute", 1),
        ("--objective", "small", "--lambda-rate", 3),
        ("--tier", "lm2"),
        ("--rows", 29),
        ("--bit-budget", 10_000),
        ("--preset", "none"),
    ],
)
def test_options_that_make_no_sense(run, tmp_path, png, options):
    refused(run("encode", png, tmp_path / "a.rlc", *options))
    assert not (tmp_path / "a.rlc").exists()


def test_unusable_data(run, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    refused(run("trace", empty, tmp_path / "t.npz"), "neither idx files nor images")
    refused(run("trace", tmp_path / "none", tmp_path / "t.npz"), "no such file or folder")
    refused(run("pretrain", "autoencoder", "mnist", "--data", empty, "--out", tmp_path / "out"), "neither idx")
    refused(run("pretrain", "raster", "mnist", "--data", empty, "--out", tmp_path / "out"), "neither idx")
    (tmp_path / "t.npz").write_bytes(b"no trace")
    refused(run("train", tmp_path / "t.npz", "--out", tmp_path / "run"), "not a usable trace")
    refused(run("evaluate", tmp_path / "t.npz"), "not a usable trace")
    refused(run("export", tmp_path / "none", tmp_path / "p.onnx"), "no usable run")
    refused(run("train", tmp_path / "t.npz", "--timesteps", 0), "must be positive")
    refused(run("train", tmp_path / "t.npz", "--hyperparameters", tmp_path / "none.yml"), "No such file")
    (tmp_path / "broken.yml").write_text("a:\n  - [")
    refused(run("train", tmp_path / "t.npz", "--hyperparameters", tmp_path / "broken.yml"), "cannot be read")


def test_from_images_to_a_policy(run, tmp_path, png, digits):
    folder, table = tmp_path / "images", tmp_path / "table.csv"
    folder.mkdir()
    for i, digit in enumerate(digits[:24]):
        Image.fromarray(digit).save(folder / f"{i:02}.png")
    trace, policy = tmp_path / "trace.npz", tmp_path / "policy.onnx"
    assert run("trace", folder, trace, "--workers", 1)[0] == 0
    own, into = tmp_path / "own.yml", ("--out", tmp_path / "run")
    text = (FOLDER / "ppo.yml").read_text().replace("batch_size: 4096", "batch_size: 512")
    own.write_text(text.replace("n_envs: 256", "n_envs: 16"))
    assert run("train", trace, *into, "--timesteps", 2000, "--hyperparameters", own)[0] == 0
    refused(run("train", trace, *into, "--hyperparameters", FOLDER / "ppo.yml"), "batch_size 512, not 4096")
    code, out, _ = run("train", trace, *into, "--timesteps", 4000)
    assert code == 0
    assert "4000 steps" in out
    stored = json.loads((tmp_path / "run" / "run.json").read_text())["settings"]
    assert (stored["batch_size"], stored["n_envs"], stored["n_timesteps"]) == (512, 16, 4000)
    assert run("export", tmp_path / "run", policy)[0] == 0
    code, out, _ = run("evaluate", trace, "--policy", policy, "--out", table, "--json")
    assert code == 0
    assert 0.3 < json.loads(out)["share"] <= 1
    assert table.read_text().startswith("kind,lambda_rate")
    assert run("encode", png, tmp_path / "a.rlc", "--policy", policy, "--objective", "small")[0] == 0
    assert run("decode", tmp_path / "a.rlc", tmp_path / "a.png")[0] == 0


def test_as_a_process(tmp_path, stream):
    done = subprocess.run([sys.executable, "-m", "rlcodec.cli.main", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"rlcodec {rlcodec.__version__}"
    stream.write_bytes(b"garbage")
    command = [sys.executable, "-m", "rlcodec.cli.main", "decode", str(stream), str(tmp_path / "a.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    refused((done.returncode, done.stdout, done.stderr), "not an rlcodec stream")


def test_evaluating_a_preset_needs_images(run, tmp_path):
    refused(run("evaluate", "mnist"), "--data")
    refused(run("evaluate", "mnist", "--data", tmp_path / "none"))


def test_quiet_prints_errors_and_json_alone(tmp_path, digit, run):

    Image.fromarray(digit).save(tmp_path / "digit.png")
    assert run("encode", tmp_path / "digit.png", tmp_path / "digit.rlc", "--lossless", "--quiet") == (0, "", "")
    assert run("info", tmp_path / "digit.rlc", "-q") == (0, "", "")
    code, out, _ = run("info", tmp_path / "digit.rlc", "--json", "--quiet")
    assert code == 0
    assert json.loads(out)["lossless"]
    code, out, err = run("decode", tmp_path / "nothing.rlc", tmp_path / "x.png", "--quiet")
    assert (code, out) == (2, "")
    assert "nothing.rlc" in err


@pytest.mark.parametrize("words", [["encode"], ["decode"], ["info"], ["train"], ["evaluate"], ["pretrain", "raster"], ["demo"]])
def test_help_ends_with_examples(words, run):
    code, out, _ = run(*words, "--help")
    assert code == 0
    assert "rlcodec " + " ".join(words) in out[out.index("Examples:") :]
