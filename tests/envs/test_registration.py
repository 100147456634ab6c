"""Checks that the environments are registered whichever of rlcodec and Gymnasium is imported first."""

import subprocess
import sys

import pytest

from rlcodec.envs.mnist.trace import save_trace

IDS = ("rlcodec/AdaptiveRate-v0", "rlcodec/AdaptiveRateFlat-v0")
MAKE = "".join(f"gymnasium.make('{name}', trace='trace.npz'); " for name in IDS) + "print('made')"


@pytest.mark.parametrize(
    "program",
    [
        f"import rlcodec, gymnasium; {MAKE}",
        f"import gymnasium, rlcodec; {MAKE}",
        "import gymnasium; gymnasium.make('rlcodec:rlcodec/AdaptiveRate-v0'); print('made')",
        "import sys, rlcodec; print('made' if 'gymnasium' not in sys.modules else 'imported')",
    ],
)
def test_registration(program, traced, tmp_path):
    save_trace(tmp_path / "trace.npz", traced)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "made"
