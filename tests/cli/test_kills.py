"""Commands that are killed, as by `kill -9`, in the middle: no file is half-written, and the same command goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

import rlcodec
from rlcodec.agents.training import load_trained
from rlcodec.envs.measure import MeasureOptions
from rlcodec.envs.tasks import task_of
from rlcodec.envs.trace_file import save_tables
from rlcodec.evaluation.rate_distortion import load_table
from rlcodec.training.loop import fit
from rlcodec.training.options import Schedule, TrainingRun

PATIENCE = 90


def kill_when(ready: Callable[[], bool], *arguments: object) -> None:
    """Runs Python with these arguments and kills it once something is so; what it has started must end, too."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen([sys.executable, *map(str, arguments)], start_new_session=True, env=environment) as process:
        wait_for(lambda: ready() or process.poll() is not None)
        assert process.poll() is None, "it ended before it could be killed"
        process.kill()
    wait_for(lambda: not living(process.pid))


def terminate_when(ready: Callable[[], bool], temporary: Path, *arguments: object) -> None:
    """Runs the command line and sends it SIGTERM once something is so; it ends silently, and all that it has started ends."""
    temporary.mkdir()
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(temporary)}
    command = [sys.executable, "-m", "rlcodec", *map(str, arguments)]
    with subprocess.Popen(command, start_new_session=True, env=environment, stderr=subprocess.PIPE) as process:
        wait_for(lambda: ready() or process.poll() is not None)
        process.terminate()
        _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (143, b"")
    wait_for(lambda: not living(process.pid))
    assert not [path for path in temporary.iterdir() if not path.name.startswith("torchinductor_")]  # a cache of torch's


def wait_for(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def living(group: int) -> bool:
    """Whether any process of a group runs; one that has ended and is not yet waited for does not."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = status.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state != "Z":
            return True
    return False


@pytest.fixture
def folder(tmp_path: Path, digits: np.ndarray) -> Path:
    """64 digits as files."""
    path = tmp_path / "digits"
    path.mkdir()
    for number, digit in enumerate(digits):
        Image.fromarray(digit).save(path / f"{number:02d}.png")
    return path


def test_many_files(tmp_path, folder, digits, run):
    streams = tmp_path / "streams"
    command = ("encode", folder, streams, "--lossless", "--workers", "1")
    kill_when(lambda: len([*streams.glob("*.rlc")]) > 3, "-m", "rlcodec.cli.main", *command)
    first = {path: path.stat().st_mtime_ns for path in streams.glob("*.rlc")}
    assert 3 < len(first) < 64
    assert run(*command, "--resume")[0] == 0
    assert len([*streams.glob("*.rlc")]) == 64
    for number, path in enumerate(sorted(streams.glob("*.rlc"))):
        assert np.array_equal(rlcodec.decode(path.read_bytes()), digits[number])
        assert path.stat().st_mtime_ns == first.get(path, path.stat().st_mtime_ns)


def test_trace(tmp_path, folder, digits, run):
    out = tmp_path / "trace.npz"
    partial = tmp_path / "trace.npz.partial"
    kill_when(lambda: any(partial.glob("*.npz")), "-m", "rlcodec.cli.main", "trace", folder, out, "--workers", "1")
    assert not out.exists()
    kept = next(partial.glob("*.npz"))
    with np.load(kept) as file:
        tables = dict(file)
    np.savez(kept, **tables | {"row_busy": tables["row_busy"] + 1})  # a mark: what is there is not measured again
    assert run("trace", folder, out, "--workers", "1")[0] == 0
    assert not partial.exists()
    task = task_of("mnist")
    found, whole = task.load(out), task.measure(digits, MeasureOptions(workers=1))
    assert np.array_equal(found.pixel_cost, whole.pixel_cost)
    assert np.array_equal(found.stop_loss, whole.stop_loss)
    assert sorted(np.unique(found.row_busy - whole.row_busy)) == [0, 1]


def test_workers_end_with_the_one_they_work_for(tmp_path):
    program = (
        "import pathlib, sys\nfrom rlcodec.parallel.processes import worker_pool\n"
        "if __name__ == '__main__':\n"
        "  with worker_pool(2) as pool:\n"
        "    pool.submit(pathlib.Path(sys.argv[1]).touch).result()\n    pool.submit(input).result()"
    )
    script = tmp_path / "program.py"
    script.write_text(program)
    kill_when((tmp_path / "begun").exists, script, tmp_path / "begun")


def test_training(tmp_path, traced, run):
    save_tables(tmp_path / "trace.npz", traced)
    out = tmp_path / "run"
    command = ("train", tmp_path / "trace.npz", "--out", out, "--envs", "16")
    kill_when((out / "checkpoint.zip").exists, "-m", "rlcodec.cli.main", *command)
    before = load_trained(out).actor.module.state_dict()
    assert not (out / "policy.onnx").exists()
    assert run(*command, "--timesteps", "16")[0] == 0  # which are done: what was learned is exported as it was
    after = load_trained(out).actor.module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert (out / "policy.onnx").exists()


def test_codecs_on_pictures(tmp_path, photograph, run):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(24):
        photograph.crop((8 * number, 8 * number, 8 * number + 200, 8 * number + 200)).save(pictures / f"{number}.png")
    out = tmp_path / "codecs.csv"
    command = ("evaluate", pictures, "--codecs", "jpeg,webp", "--out", out, "--workers", "1")
    kill_when(out.exists, "-m", "rlcodec.cli.main", *command)
    cut = load_table(out)
    assert run(*command)[0] == 0
    whole = load_table(out)
    assert 0 < len(cut) < len(whole)
    assert whole.image.nunique() == 24
    both = pd.concat([cut, whole]).duplicated()  # times among the columns: what was measured was not measured again
    assert both.sum() == len(cut)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_trace_is_terminated(tmp_path, folder, workers):
    out = tmp_path / "trace.npz"
    partial = tmp_path / "trace.npz.partial"
    terminate_when(lambda: any(partial.glob("*.npz")), tmp_path / "tmp", "trace", folder, out, "--workers", workers)
    assert not out.exists()
    assert not [*partial.glob("*.tmp"), *partial.glob(".*")]


def test_a_trace_is_interrupted(tmp_path, folder):
    out = tmp_path / "trace.npz"
    partial = tmp_path / "trace.npz.partial"
    command = [sys.executable, "-m", "rlcodec", "trace", folder, out, "--workers", "2"]
    heeded = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731 (a background job ignores it)
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, preexec_fn=heeded) as process:
        wait_for(lambda: any(partial.glob("*.npz")) or process.poll() is not None)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (130, b"\nrlcodec: interrupted\n")


def test_coding_of_many_files_is_terminated(tmp_path, folder, digits):
    streams = tmp_path / "streams"
    begun = lambda: any(streams.glob("*.rlc"))  # noqa: E731
    terminate_when(begun, tmp_path / "tmp", "encode", folder, streams, "--tier", "lm", "--workers", "2")
    for path in streams.iterdir():
        assert np.array_equal(rlcodec.decode(path.read_bytes()), digits[int(path.stem)])


def test_packing_is_terminated(tmp_path, folder, run):
    begun = (tmp_path / "digits.rlcz.partial").exists
    command = ("pack", folder, tmp_path / "digits.rlcz", "--objective", "small", "--workers", "2")
    terminate_when(begun, tmp_path / "tmp", *command)
    assert run(*command, "--resume")[0] == 0


def test_training_is_terminated(tmp_path, traced):
    save_tables(tmp_path / "trace.npz", traced)
    out = tmp_path / "run"
    begun = (out / "checkpoint.zip").exists
    terminate_when(begun, tmp_path / "tmp", "train", tmp_path / "trace.npz", "--out", out, "--envs", "16", "--quiet")
    load_trained(out)


def test_an_evaluation_is_terminated(tmp_path, photograph):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(24):
        photograph.crop((8 * number, 8 * number, 8 * number + 200, 8 * number + 200)).save(pictures / f"{number}.png")
    out = tmp_path / "codecs.csv"
    command = ("evaluate", pictures, "--codecs", "jpeg,webp", "--out", out, "--workers", "2")
    terminate_when(out.exists, tmp_path / "tmp", *command)
    assert len(load_table(out)) > 0


def test_pretraining_comes_to_what_it_would_have(tmp_path):
    schedule = Schedule(steps=12, batch=4, learning_rate=1e-2)

    def train(folder: Path, cut: int | None) -> nn.Module:
        torch.manual_seed(5)
        model, taken = nn.Linear(3, 1), 0

        def loss_of(module: nn.Module, rng: np.random.Generator, batch: int) -> torch.Tensor:
            nonlocal taken
            taken += 1
            if taken == cut:
                raise KeyboardInterrupt
            seen = torch.from_numpy(rng.random((batch, 3), np.float32)) + 0.1 * torch.randn(batch, 3)
            return (module(seen) - 1).square().mean()

        return fit(model, loss_of, lambda _: {}, TrainingRun(schedule, folder, checkpoint_seconds=0), "test")

    whole = train(tmp_path / "whole", None)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", 7)
    resumed = train(tmp_path / "cut", None)
    assert torch.equal(whole.weight, resumed.weight)
    assert torch.equal(whole.bias, resumed.bias)
