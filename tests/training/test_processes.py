"""Processes that train together compute what one process computes with as many batches per step."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from rlcodec.training.loop import CHECKPOINT, fit
from rlcodec.training.options import Schedule, TrainingRun

PROGRAM = """
import sys
from pathlib import Path
from tests_program import train
train(Path(sys.argv[1]), 1)
"""


def train(folder, parts: int) -> None:
    """A small model on numbers drawn anew at every step."""
    torch.manual_seed(0)
    model = nn.Conv2d(3, 1, 3, padding=1).to(memory_format=torch.channels_last)

    def loss_of(model, rng, batch):
        x = torch.from_numpy(rng.normal(size=(batch, 3, 4, 4)).astype(np.float32))
        return (model(x + 0.1 * torch.randn_like(x)) - x.sum(1, keepdim=True)).square().mean()

    run = TrainingRun(Schedule(12, 8, 1e-2, parts=parts), folder, resume=False)
    fit(model, loss_of, lambda model: {}, run, "numbers")


@pytest.mark.timeout(240)
def test_two_processes_compute_what_one_computes_with_two_batches(tmp_path):
    (tmp_path / "tests_program.py").write_text(Path(__file__).read_text())
    (tmp_path / "program.py").write_text(PROGRAM)
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(tmp_path / "program.py")]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, *command, str(tmp_path / "two")], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    train(tmp_path / "one", 2)
    train(tmp_path / "half", 1)
    two, one, half = (torch.load(tmp_path / n / CHECKPOINT, weights_only=True)["model"] for n in ("two", "one", "half"))
    assert all(torch.allclose(two[name], one[name], atol=1e-6) for name in one)
    assert not all(torch.allclose(two[name], half[name], atol=1e-6) for name in one)
    assert done.stderr.count("done at step 12") + done.stdout.count("done at step 12") == 1
