"""The Ray backend on two local workers: what the local backend gives, byte for byte; and workers that die."""

import gc
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rlcodec.core.weights_file import WEIGHTS
from rlcodec.errors import BackendError, DataError
from rlcodec.parallel.backends import map_items
from rlcodec.parallel.options import MapOptions
from rlcodec.parallel.ray_backend import default_workers

pytestmark = pytest.mark.timeout(300)  # each run starts actors, which load the codec
ray = pytest.importorskip("ray")
pytest.importorskip("ray.data")
TIMES = ["encode_ms", "decode_ms"]


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """A Ray of two workers for all tests of this file."""
    ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def folder(tmp_path, digits):
    path = tmp_path / "digits"
    path.mkdir()
    for number, digit in enumerate(digits[:5]):
        Image.fromarray(digit).save(path / f"{number}.png")
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_encode(run, folder, tmp_path):
    """A broken file costs itself alone, with the same message; what is there is left alone."""
    (folder / "broken.png").write_bytes(b"\x89PNG and no more")
    local = run("encode", folder, tmp_path / "local", "--lossless", "--workers", 1)
    far = run("encode", folder, tmp_path / "ray", "--lossless", "--backend", "ray", "--workers", 2)
    assert far[0] == local[0] == 2
    assert far[1].replace("/ray:", "/local:") == local[1]
    assert far[2] == local[2]
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    (tmp_path / "ray" / "2.rlc").unlink()
    (tmp_path / "ray" / "1.rlc").write_bytes(b"mine")
    (folder / "broken.png").unlink()
    code, out, _ = run("encode", folder, tmp_path / "ray", "--lossless", "--backend", "ray", "--workers", 2, "--resume")
    assert code == 0
    assert "1 of 1 files" in out
    assert "4 were there already" in out
    assert contents(tmp_path / "ray") == contents(tmp_path / "local") | {"1.rlc": b"mine"}


def test_evaluate(run, folder, tmp_path):
    """The same rows but for the times, and rows that are there are kept."""
    codecs = ("--codecs", "png,rlcodec:mnist", "--workers", 2)
    assert run("evaluate", folder, *codecs, "--out", tmp_path / "local.csv", "--json")[0] == 0
    (tmp_path / "few").mkdir()
    for name in ("0.png", "1.png"):
        shutil.copy(folder / name, tmp_path / "few" / name)
    far = ("--out", tmp_path / "ray.csv", "--backend", "ray", "--json")
    assert run("evaluate", tmp_path / "few", *codecs, *far)[0] == 0
    before = pd.read_csv(tmp_path / "ray.csv")
    code, out, _ = run("evaluate", folder, *codecs, *far)
    assert code == 0
    assert f'"kept_rows": {len(before)}' in out
    local, found = (pd.read_csv(tmp_path / name) for name in ("local.csv", "ray.csv"))
    assert found.drop(columns=TIMES).equals(local.drop(columns=TIMES))
    assert found[: len(before)].equals(before)


def test_trace(run, tmp_path, folder):
    assert run("trace", folder, tmp_path / "local.npz", "--workers", 1)[0] == 0
    assert run("trace", folder, tmp_path / "ray.npz", "--workers", 2, "--backend", "ray")[0] == 0
    assert (tmp_path / "ray.npz").read_bytes() == (tmp_path / "local.npz").read_bytes()


def test_trace_of_photographs(run, tmp_path, pictures):
    (tmp_path / "photos").mkdir()
    for number in range(2):
        Image.fromarray(pictures[number][:32, :32]).save(tmp_path / "photos" / f"{number}.png")
    options = ("--preset", "compact", "--workers")
    assert run("trace", tmp_path / "photos", tmp_path / "local.npz", *options, 1)[0] == 0
    assert run("trace", tmp_path / "photos", tmp_path / "ray.npz", *options, 2, "--backend", "ray")[0] == 0
    assert (tmp_path / "ray.npz").read_bytes() == (tmp_path / "local.npz").read_bytes()


class Dies:
    """Notes every item in a folder; dies at item 7, once or always."""

    def __init__(self, folder, always):
        self.folder, self.always = Path(folder), always

    def __call__(self, group):
        for item in group:
            (self.folder / f"{item}.{len(list(self.folder.glob(f'{item}.*')))}").touch()
            if item == 7 and (self.always or not (self.folder / "died").exists()):
                (self.folder / "died").touch()
                os._exit(1)
        return [item * item for item in group]


def test_a_worker_that_dies_costs_what_it_had_not_finished(tmp_path):
    found = list(map_items(Dies, (str(tmp_path), False), range(64), MapOptions("ray", 2)))
    assert sorted(found) == [(n, n * n) for n in range(64)]
    again = {int(path.stem) for path in tmp_path.glob("*.1")}
    assert 7 in again
    assert len(again) <= 4  # those of its block


def test_a_worker_that_always_dies_is_given_up(tmp_path):
    with pytest.raises(BackendError, match="Ray gave up"):
        list(map_items(Dies, (str(tmp_path), True), range(8), MapOptions("ray", 2)))


def test_relative_paths_are_meant_from_where_the_command_runs(run, monkeypatch, folder, tmp_path):
    """And not from the folder of the cluster, which was started elsewhere."""
    shutil.copy(WEIGHTS / "mnist-policy.onnx", tmp_path / "mine.onnx")
    monkeypatch.chdir(tmp_path)
    far = ("--backend", "ray", "--workers", 2)
    assert run("encode", "digits", "ray", "--policy", "mine.onnx", *far)[0] == 0
    assert run("encode", "digits", "local", "--objective", "balanced")[0] == 0
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    assert run("trace", "digits", "ray.npz", *far)[0] == 0
    assert (tmp_path / "ray.npz").exists()
    assert run("evaluate", "digits", "--codecs", "policy:mine.onnx,png", "--out", "ray.csv", *far)[0] == 0
    found = pd.read_csv(tmp_path / "ray.csv")
    assert len(found) == 5 * (5 + 1)
    assert set(found.codec) == {"policy:mine.onnx", "png"}


@pytest.mark.parametrize(
    ("resources", "gpus", "count"),
    [
        ({"CPU": 16.0, "GPU": 2.0}, 0, 16),
        ({"CPU": 16.0, "GPU": 2.0}, 1, 2),
        ({"CPU": 16.0, "GPU": 2.0}, 0.5, 4),
        ({"CPU": 16.0}, 1, 1),
        ({"CPU": 0.5}, 0, 1),
        ({}, 0, 1),
    ],
)
def test_as_many_workers_as_the_cluster_has_cores_or_gpus(resources, gpus, count):
    assert default_workers(resources, gpus) == count


def test_a_gpu_that_no_cluster_can_give_is_not_waited_for(folder, tmp_path):
    command = [sys.executable, "-m", "rlcodec", "encode", folder, tmp_path / "out", "--tier", "lm", "--device", "cuda"]
    alone = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"} | {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([*command, "--backend", "ray"], env=alone, capture_output=True, text=True)
    assert done.returncode == 2
    assert "no GPU" in done.stderr


class Item:
    """Counted by `Counts`."""


class Counts:
    """Tells of every item how many its process holds, and of its file what was read."""

    def __call__(self, group):
        alive = sum(type(thing) is Item for thing in gc.get_objects())
        return [(alive, getattr(content, "data", "not read")) for _, content in group]


def test_a_worker_holds_its_own_items_alone(tmp_path):
    """However many there are."""
    files = [tmp_path / str(number) for number in range(30)]
    for file in files:
        file.write_text(file.name)
    found = dict(map_items(Counts, (), [Item() for _ in files], MapOptions("ray", 2), files=files))
    assert [found[number][1] for number in range(30)] == [file.read_bytes() for file in files]
    assert max(alive for alive, _ in found.values()) <= 2


def test_files_by_two_names_and_files_that_are_gone(run, folder, tmp_path):
    """Each name becomes a stream, and what is gone costs itself alone."""
    (folder / "again.png").symlink_to(folder / "0.png")
    files = [folder / "0.png", folder / "again.png", folder / "gone.png"]
    code, out, err = run("encode", *files, tmp_path / "ray", "--lossless", "--backend", "ray", "--workers", 2)
    assert code == 2
    assert "2 of 3 files" in out
    assert "gone.png: no such file" in err
    assert sorted(contents(tmp_path / "ray")) == ["0.rlc", "again.rlc"]


class Refuses:
    """Takes no item."""

    def __call__(self, group):
        raise DataError("not this")


def test_what_a_worker_raises_is_raised():
    with pytest.raises(DataError, match="not this"):
        list(map_items(Refuses, (), [np.zeros(3)] * 4, MapOptions("ray", 2)))
