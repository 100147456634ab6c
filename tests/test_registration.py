"""Checks that the environments are registered whichever of rlcodec and Gymnasium is imported first."""

import subprocess
import sys

import pytest

MAKE = "gymnasium.make('rlcodec/AdaptiveRate-v0'); gymnasium.make('rlcodec/AdaptiveRateFlat-v0'); print('made')"


@pytest.mark.parametrize(
    "program",
    [
        f"import rlcodec, gymnasium; {MAKE}",
        f"import gymnasium, rlcodec; {MAKE}",
        "import gymnasium; gymnasium.make('rlcodec:rlcodec/AdaptiveRate-v0'); print('made')",
        "import sys, rlcodec; print('made' if 'gymnasium' not in sys.modules else 'imported')",
    ],
)
def test_registration(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "made"
