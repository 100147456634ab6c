"""ONNX Runtime writes nothing and calls nobody, and users who set its variable are heeded."""

import os
import subprocess
import sys

import pytest

from rlcodec.core.onnx_session import TELEMETRY_VARIABLE

SECONDS = 4
"""Within which ONNX Runtime's telemetry, where it is enabled, writes its first file."""
PROGRAM = """
import sys, time
from pathlib import Path
from PIL import Image
import rlcodec

picture, folder = Path(sys.argv[1]), Path(sys.argv[2])
for preset, image in (("photo", Image.open(picture)), ("mnist", Image.open(picture).convert("L").resize((28, 28)))):
    stream = rlcodec.encode(image, preset=preset, objective="balanced")
    (folder / f"{preset}.rlc").write_bytes(stream)
    rlcodec.decode(stream).save(folder / f"{preset}.png")
rlcodec.decode((folder / "photo.rlc").read_bytes(), synthesis="full").save(folder / "full.png")
time.sleep(float(sys.argv[3]))
"""


def test_a_run_writes_only_what_it_is_told_to(tmp_path, photograph):
    photograph.save(tmp_path / "picture.png")
    folder, home = tmp_path / "out", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))}
    environment = kept | {"HOME": str(home), "TMPDIR": str(home)}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "picture.png"), str(folder), str(SECONDS)]
    subprocess.run(command, env=environment, cwd=home, check=True)
    assert sorted(path.name for path in folder.rglob("*")) == ["full.png", "mnist.png", "mnist.rlc", "photo.png", "photo.rlc"]
    assert not [*home.rglob("*")]


@pytest.mark.parametrize(("given", "kept"), [({}, "1"), ({TELEMETRY_VARIABLE: "0"}, "0")])
def test_a_setting_of_the_user_is_kept(given, kept):
    program = "from rlcodec.core.onnx_session import *; onnx_runtime(); print(os.environ[TELEMETRY_VARIABLE])"
    environment = {name: value for name, value in os.environ.items() if name != TELEMETRY_VARIABLE} | given
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == kept
