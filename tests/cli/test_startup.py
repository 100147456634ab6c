"""A command loads what it needs and no more, so that it starts at once."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import rlcodec

HEAVY = {"onnxruntime", "rich", "platformdirs", "multiprocessing", "torch", "gymnasium"}
PROGRAM = """
import sys
from rlcodec.cli.main import main

sys.argv = ["rlcodec", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert not end.code
print("loaded:", *sys.modules)
"""


def loaded_by(*arguments: object) -> set[str]:
    """Modules that a process has loaded once a command has ended."""
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return set(done.stdout.rpartition("loaded:")[2].split())


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["encode", "--help"]])
def test_help(words):
    assert not loaded_by(*words) & HEAVY


def test_a_digit_and_a_photograph(tmp_path, digit, photograph):
    Image.fromarray(digit).save(tmp_path / "digit.png")
    photograph.save(tmp_path / "photo.png")
    stream, picture = tmp_path / "digit.rlc", tmp_path / "decoded.png"
    stream.write_bytes(rlcodec.encode(digit, lossless=True))
    loaded = loaded_by("decode", stream, picture)
    assert loaded & HEAVY == set()
    assert not loaded & {"rlcodec.presets.photo.decoder", "rlcodec.archive.reader", "PIL.TiffImagePlugin"}
    assert np.array_equal(np.asarray(Image.open(picture)), digit)
    stream.write_bytes(rlcodec.encode(photograph, preset="photo", gain=200, synthesis="plain"))
    assert not loaded_by("decode", stream, picture) & HEAVY


def test_commands_are_completed():
    done = subprocess.run(
        [sys.executable, "-m", "rlcodec"],
        env={"_RLCODEC_COMPLETE": "bash_complete", "COMP_WORDS": "rlcodec pretrain ", "COMP_CWORD": "2"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["plain,autoencoder", "plain,raster"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_of_shells(run, shell):
    code, out, _ = run("--show-completion", shell)
    assert code == 0
    assert f"_RLCODEC_COMPLETE={shell}_complete" in out


def test_a_misspelt_command(run):
    code, _, err = run("encod")
    assert code == 2
    assert "'encode'" in err
