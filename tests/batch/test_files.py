"""Many files on the command line: the same bytes as one by one, and a file that fails costs itself alone."""

import numpy as np
import pytest
from PIL import Image

import rlcodec


@pytest.fixture
def folder(tmp_path, digits):
    path = tmp_path / "digits"
    path.mkdir()
    for i, digit in enumerate(digits[:5]):
        Image.fromarray(digit).save(path / f"{i}.png")
    (path / "notes.txt").write_text("no image")
    return path


def test_a_folder_there_and_back(run, folder, tmp_path, digits):
    code, out, _ = run("encode", folder, tmp_path / "streams", "--lossless")
    assert code == 0
    assert "5 of 5 files" in out
    for i, digit in enumerate(digits[:5]):
        assert (tmp_path / "streams" / f"{i}.rlc").read_bytes() == rlcodec.encode(digit, lossless=True)
    assert run("decode", tmp_path / "streams", tmp_path / "back", "--ending", ".bmp", "--workers", 2)[0] == 0
    for i, digit in enumerate(digits[:5]):
        assert np.array_equal(np.asarray(Image.open(tmp_path / "back" / f"{i}.bmp")), digit)


def test_several_files_and_a_folder_that_is_there(run, folder, tmp_path):
    (tmp_path / "out").mkdir()
    assert run("encode", folder / "0.png", folder / "1.png", tmp_path / "out", "--tier", "table")[0] == 0
    assert run("encode", folder / "2.png", tmp_path / "out", "--tier", "table")[0] == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["0.rlc", "1.rlc", "2.rlc"]


def test_a_broken_file_costs_itself_alone(run, folder, tmp_path):
    (folder / "broken.png").write_bytes(b"\x89PNG and no more")
    code, out, err = run("encode", folder, tmp_path / "streams", "--lossless")
    assert code == 2
    assert "5 of 6 files" in out
    assert err.count("rlcodec: ") == 1
    assert "broken.png" in err
    assert len(list((tmp_path / "streams").iterdir())) == 5


def test_names_that_collide_are_refused_before_anything_is_written(run, folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "0.png").write_bytes((folder / "0.png").read_bytes())
    code, _, err = run("encode", folder, other, tmp_path / "streams", "--lossless")
    assert code == 2
    assert "0.rlc" in err
    assert not (tmp_path / "streams").exists()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("{folder}/0.png",), "what to write"),
        (("{folder}/0.png", "{folder}/1.png", "{folder}/notes.txt"), "is a file"),
        (("{empty}", "{out}"), "no files"),
        (("{folder}", "{out}", "--workers", "0"), "workers"),
    ],
)
def test_arguments_that_make_no_sense(run, folder, tmp_path, arguments, word):
    (tmp_path / "empty").mkdir()
    names = {"folder": folder, "empty": tmp_path / "empty", "out": tmp_path / "out"}
    code, out, err = run("encode", *(a.format(**names) for a in arguments))
    assert code == 2
    assert out == ""
    assert word in err


def test_a_device_writes_the_same_files(run, folder, tmp_path, digits):
    (folder / "broken.png").write_bytes(b"\x89PNG and no more")
    code, out, err = run("encode", folder, tmp_path / "streams", "--tier", "lm", "--device", "cpu")
    assert code == 2
    assert "5 of 6 files" in out
    assert "broken.png" in err
    for i, digit in enumerate(digits[:5]):
        assert (tmp_path / "streams" / f"{i}.rlc").read_bytes() == rlcodec.encode(digit, tier="lm")
    (tmp_path / "streams" / "0.rlc").write_bytes(b"no stream")
    code, out, err = run("decode", tmp_path / "streams", tmp_path / "back", "--device", "cpu")
    assert code == 2
    assert "4 of 5 files" in out
    assert "magic" in err
    assert np.array_equal(np.asarray(Image.open(tmp_path / "back" / "1.png")), digits[1])


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--tier", "nonsense"), "unknown tier"),
        (("--lossless", "--rows", 3), "choose one of"),
        (("--preset", "photo", "--gain", 999), "gain is 999"),
        (("--policy", "nowhere.onnx"), "no such policy"),
        (("--rows", 29), "this image has 28"),
        (("--tier", "lm", "--bit-budget", 9999, "--device", "cpu"), "bit_budget is 9999"),
    ],
)
def test_what_fits_no_image_is_said_once(run, folder, tmp_path, options, word):
    code, _, err = run("encode", folder, tmp_path / "streams", *options)
    assert code == 2
    assert err.count("rlcodec: ") == 1
    assert word in err
    assert not list((tmp_path / "streams").iterdir())


@pytest.mark.parametrize("device", [(), ("--device", "cpu")])
def test_what_does_not_fit_one_image_costs_that_one_alone(run, folder, tmp_path, digits, device):
    Image.fromarray(digits[0][:20]).save(folder / "flat.png")
    code, out, err = run("encode", folder, tmp_path / "streams", "--tier", "lm", "--rows", 24, *device)
    assert code == 2
    assert "5 of 6 files" in out
    assert err == f"rlcodec: {folder / 'flat.png'}: rows is 24; this image has 20\n"


def test_a_limit_that_one_image_cannot_meet_costs_that_one_alone(run, folder, tmp_path, digits):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)).save(folder / "noise.png")
    code, out, err = run("encode", folder, tmp_path / "streams", "--lossless", "--max-bytes", 400)
    assert code == 2
    assert "5 of 6 files" in out
    assert err.count("rlcodec: ") == 1
    assert "noise.png: no stream of this image was found with max_bytes 400; the nearest" in err


def test_a_synthesis_is_for_the_photographs_among_streams(run, tmp_path, digit):
    (tmp_path / "digit.rlc").write_bytes(rlcodec.encode(digit))
    (tmp_path / "photo.rlc").write_bytes(rlcodec.encode(digit, preset="photo", gain=350))
    code, out, err = run("decode", tmp_path, tmp_path / "back", "--synthesis", "light")
    assert code == 2
    assert "1 of 2 files" in out
    assert err == f"rlcodec: {tmp_path / 'digit.rlc'}: synthesis is an option of preset photo, not of mnist\n"


def test_a_device_needs_tier_lm(run, folder, tmp_path):
    code, _, err = run("encode", folder, tmp_path / "streams", "--lossless", "--device", "cpu")
    assert code == 2
    assert "tier lm" in err


def test_resuming_leaves_alone_what_is_written(tmp_path, digits, run):
    (tmp_path / "digits").mkdir()
    for number in range(4):
        Image.fromarray(digits[number]).save(tmp_path / "digits" / f"{number}.png")
    streams = tmp_path / "streams"
    assert run("encode", tmp_path / "digits", streams, "--lossless")[0] == 0
    whole = {path.name: path.read_bytes() for path in streams.iterdir()}
    (streams / "2.rlc").unlink()
    (streams / "1.rlc").write_bytes(b"mine")
    code, out, _ = run("encode", tmp_path / "digits", streams, "--lossless", "--resume")
    assert code == 0
    assert "1 of 1 files" in out
    assert "3 were there already" in out
    assert (streams / "1.rlc").read_bytes() == b"mine"
    assert (streams / "2.rlc").read_bytes() == whole["2.rlc"]
    assert run("encode", tmp_path / "digits", streams, "--lossless")[0] == 0
    assert {path.name: path.read_bytes() for path in streams.iterdir()} == whole
