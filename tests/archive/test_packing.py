"""Packing on the command line and back: folders, idx files, failures, and runs that were cut."""

import gzip
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import rlcodec
from rlcodec.archive import packing
from rlcodec.archive import writer as collection_writer
from rlcodec.archive.writer import PARTIAL
from rlcodec.presets.registry import preset_by_name


@pytest.fixture
def folder(tmp_path, digits):
    for number, digit in enumerate(digits[:6]):
        place = tmp_path / "digits" / ("even" if number % 2 == 0 else "odd")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digit).save(place / f"{number}.png")
    return tmp_path / "digits"


@pytest.fixture
def idx(tmp_path, digits):
    place = tmp_path / "idx"
    place.mkdir()
    labels = bytes(range(8))
    for split, images in (("train", digits[:8]), ("t10k", digits[8:16])):
        header = (0x803).to_bytes(4, "big") + b"".join(n.to_bytes(4, "big") for n in images.shape)
        (place / f"{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + images.tobytes()))
        header = (0x801).to_bytes(4, "big") + (8).to_bytes(4, "big")
        (place / f"{split}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(header + labels))
    return place


def test_a_folder_there_and_back(run, folder, tmp_path, digits):
    code, out, _ = run("pack", folder, tmp_path / "set.rlcz", "--max-pixels", 10_000)
    assert code == 0
    assert "6 images packed" in out
    assert not (tmp_path / ("set.rlcz" + PARTIAL)).exists()
    collection = rlcodec.Collection(tmp_path / "set.rlcz")
    assert collection.names == tuple(f"{place}/{n}.png" for place, ns in (("even", (0, 2, 4)), ("odd", (1, 3, 5))) for n in ns)
    code, out, _ = run("unpack", tmp_path / "set.rlcz", tmp_path / "back", "--ending", ".bmp", "--workers", 2)
    assert code == 0
    assert "6 images unpacked" in out
    for number in range(6):
        place = "even" if number % 2 == 0 else "odd"
        assert np.array_equal(np.asarray(Image.open(tmp_path / "back" / place / f"{number}.bmp")), digits[number])
    assert not (tmp_path / "back" / "labels.csv").exists()


def test_idx_files_with_their_labels(run, idx, tmp_path, digits):
    assert run("pack", idx, tmp_path / "set.rlcz", "--split", "train")[0] == 0
    assert run("pack", idx, tmp_path / "set.rlcz", "--split", "test", "--append")[0] == 0
    collection = rlcodec.Collection(tmp_path / "set.rlcz")
    assert collection.labels == (*range(8), *range(8))
    assert (collection.names[0], collection.names[8]) == ("train/0", "t10k/0")
    assert all(np.array_equal(item.pixels, digit) for item, digit in zip(collection, digits[:16], strict=True))
    assert run("unpack", tmp_path / "set.rlcz", tmp_path / "back")[0] == 0
    lines = (tmp_path / "back" / "labels.csv").read_text().splitlines()
    assert lines[:2] == ["file,label", "train/0.png,0"]
    assert len(lines) == 17


def test_options_are_those_of_encode(run, folder, tmp_path, digits):
    assert run("pack", folder, tmp_path / "set.rlcz", "--bit-budget", 98, "--rows", 4)[0] == 0
    assert rlcodec.Collection(tmp_path / "set.rlcz").stream(0) == rlcodec.encode(digits[0], bit_budget=98, rows=4)
    assert run("pack", folder, tmp_path / "whole.rlcz", "--lossless")[0] == 0
    assert rlcodec.Collection(tmp_path / "whole.rlcz").stream(1) == rlcodec.encode(digits[2], preset="mnist", lossless=True)


def test_photographs(run, tmp_path, pictures):
    (tmp_path / "photos").mkdir()
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / "photos" / f"{number}.png")
    assert run("pack", tmp_path / "photos", tmp_path / "set.rlcz", "--preset", "photo", "--gain", 300)[0] == 0
    collection = rlcodec.Collection(tmp_path / "set.rlcz")
    assert collection.stream(1) == rlcodec.encode(pictures[1], preset="photo", gain=300)
    assert run("unpack", tmp_path / "set.rlcz", tmp_path / "back", "--ending", ".jpg")[0] == 0
    assert Image.open(tmp_path / "back" / "3.jpg").size == (50, 65)


def test_a_broken_image_costs_itself_alone(run, folder, tmp_path):
    (folder / "broken.png").write_bytes(b"\x89PNG and no more")
    code, out, err = run("pack", folder, tmp_path / "set.rlcz")
    assert code == 2
    assert "6 images packed" in out
    assert err.count("rlcodec: ") == 1
    assert "broken.png" in err
    assert len(rlcodec.Collection(tmp_path / "set.rlcz")) == 6


def test_a_limit_that_one_image_cannot_meet_costs_that_one(run, folder, tmp_path):
    Image.new("L", (28, 28)).save(folder / "blank.png")
    code, out, err = run("pack", folder, tmp_path / "set.rlcz", "--objective", "lossless", "--max-bytes", 20)
    assert code == 2
    assert "1 images packed" in out
    assert err.count("rlcodec: ") == 6
    assert "even/0.png" in err
    assert rlcodec.Collection(tmp_path / "set.rlcz").names == ("blank.png",)


def test_a_damaged_image_costs_itself_alone(run, folder, tmp_path):
    run("pack", folder, tmp_path / "set.rlcz")
    data = bytearray((tmp_path / "set.rlcz").read_bytes())
    data[50] ^= 1
    (tmp_path / "set.rlcz").write_bytes(data)
    code, out, err = run("unpack", tmp_path / "set.rlcz", tmp_path / "back")
    assert code == 2
    assert "5 images unpacked" in out
    assert "even/0.png" in err
    assert not (tmp_path / "back" / "even" / "0.png").exists()


def test_names_that_differ_in_their_ending_alone(run, folder, tmp_path, digits):
    Image.fromarray(digits[9]).save(folder / "even" / "0.bmp")
    run("pack", folder, tmp_path / "set.rlcz")
    assert run("unpack", tmp_path / "set.rlcz", tmp_path / "back")[0] == 0
    assert np.array_equal(np.asarray(Image.open(tmp_path / "back" / "even" / "0.bmp.png")), digits[9])
    assert np.array_equal(np.asarray(Image.open(tmp_path / "back" / "even" / "0.png.png")), digits[0])
    assert (tmp_path / "back" / "even" / "2.png").exists()


def test_going_on_leaves_alone_what_is_there(run, folder, tmp_path, digits):
    run("pack", folder, tmp_path / "set.rlcz")
    Image.fromarray(digits[9]).save(folder / "new.png")
    code, _, err = run("pack", folder, tmp_path / "set.rlcz", "--append")
    assert code == 2
    assert "--resume" in err
    code, out, _ = run("pack", folder, tmp_path / "set.rlcz", "--append", "--resume")
    assert code == 0
    assert "1 images packed" in out
    assert "6 were there already" in out
    assert rlcodec.Collection(tmp_path / "set.rlcz").names[-1] == "new.png"
    run("unpack", tmp_path / "set.rlcz", tmp_path / "back")
    (tmp_path / "back" / "new.png").unlink()
    code, out, _ = run("unpack", tmp_path / "set.rlcz", tmp_path / "back", "--resume")
    assert code == 0
    assert "1 images unpacked, 6 were there" in out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("{none}", "{out}"), "no such file"),
        (("{empty}", "{out}"), "no images"),
        (("{folder}", "{out}", "--append"), "no collection"),
        (("{folder}", "{out}", "--workers", "0"), "workers"),
        (("{folder}", "{out}", "--lossless", "--tier", "table"), "choose one"),
        (("{folder}", "{out}", "--split", "other"), "split"),
    ],
)
def test_arguments_that_make_no_sense(run, folder, tmp_path, arguments, word):
    (tmp_path / "empty").mkdir()
    names = {"folder": folder, "empty": tmp_path / "empty", "none": tmp_path / "none", "out": tmp_path / "out.rlcz"}
    code, out, err = run("pack", *(a.format(**names) for a in arguments))
    assert (code, out) == (2, "")
    assert word in err
    assert err.count("\n") == 1
    assert not list(tmp_path.glob("out*"))


def test_a_pack_that_is_killed_goes_on(tmp_path, digits, monkeypatch):
    """Killed outright in the middle, a run leaves a partial file; going on gives what an undisturbed run would have given."""
    (tmp_path / "digits").mkdir()
    for number in range(40):
        Image.fromarray(np.roll(digits[number % 64], number, 1)).save(tmp_path / "digits" / f"{number:02}.png")
    slow = (
        "import sys, time; from pathlib import Path\n"
        "import rlcodec.archive.writer as w, rlcodec.archive.packing as p, rlcodec.presets.mnist.preset as m\n"
        "w.SECTION_IMAGES = p.GROUP_IMAGES = 8\n"
        "read = m.PRESET.read_pixels\n"
        "type(m.PRESET).read_pixels = lambda _, *a: (time.sleep(0.05), read(*a))[1]\n"
        "p.pack_images(sys.argv[2], p.folder_sources(Path(sys.argv[1])), p.PackOptions(workers=1, resume=True))\n"
    )
    running = subprocess.Popen([sys.executable, "-c", slow, tmp_path / "digits", tmp_path / "set.rlcz"])
    partial = tmp_path / ("set.rlcz" + PARTIAL)
    deadline = time.monotonic() + 60
    while not (partial.exists() and partial.stat().st_size > 300) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    running.wait(60)
    assert not (tmp_path / "set.rlcz").exists()
    assert 8 <= len(rlcodec.Collection(partial)) < 40
    monkeypatch.setattr(collection_writer, "SECTION_IMAGES", 8)
    for name in ("set.rlcz", "whole.rlcz"):
        packing.pack_images(
            tmp_path / name, packing.folder_sources(tmp_path / "digits"), packing.PackOptions(workers=1, resume=True)
        )
    assert (tmp_path / "set.rlcz").read_bytes() == (tmp_path / "whole.rlcz").read_bytes()


@pytest.mark.parametrize(("step", "options"), [("read_pixels", {}), ("encode", {"tier": "table"})])
def test_no_more_than_a_group_of_images_is_coded_ahead(tmp_path, digits, monkeypatch, step, options):
    """What memory holds must not grow with the number of images."""
    monkeypatch.setattr(packing, "GROUP_IMAGES", 4)
    begun, packed, ahead = [], [], []
    codec = type(preset_by_name("mnist"))
    take, add = getattr(codec, step), packing.CollectionWriter.add

    def count_begun(preset, image, *arguments):
        begun.append(image)
        ahead.append(len(begun) - len(packed))
        return take(preset, image, *arguments)

    def count_packed(writer, *arguments):
        packed.append(arguments)
        add(writer, *arguments)

    monkeypatch.setattr(codec, step, count_begun)
    monkeypatch.setattr(packing.CollectionWriter, "add", count_packed)
    sources = [packing.PackSource(str(n), digits[n]) for n in range(20)]
    packing.pack_images(tmp_path / "set.rlcz", sources, packing.PackOptions(workers=1), **options)
    assert len(packed) == 20
    assert max(ahead) <= 4


def test_sizes_and_threads_are_mixed_as_they_come(tmp_path, digits):
    """Images that differ in size, many and few threads: the same file, and every image comes back."""
    rng = np.random.default_rng(0)
    images = [digit if n % 3 else digit[: 9 + n, n:] for n, digit in enumerate(digits[:11])]
    images.append(rng.integers(0, 256, (64, 64), np.uint8))
    sources = [packing.PackSource(f"{n}", image) for n, image in enumerate(images)]
    for workers in (1, 3, 40):
        packing.pack_images(tmp_path / f"{workers}.rlcz", sources, packing.PackOptions(workers=workers))
    assert (tmp_path / "1.rlcz").read_bytes() == (tmp_path / "3.rlcz").read_bytes() == (tmp_path / "40.rlcz").read_bytes()
    with rlcodec.Collection(tmp_path / "1.rlcz") as collection:
        assert all(np.array_equal(item.pixels, image) for item, image in zip(collection, images, strict=True))
        assert all(np.array_equal(np.asarray(rlcodec.decode(collection.stream(n))), image) for n, image in enumerate(images))
