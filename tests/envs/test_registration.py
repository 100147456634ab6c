"""The environments are registered with Gymnasium in every documented way, and encoding does not import Gymnasium."""

import subprocess
import sys

import pytest

IDS = ("rlcodec/AdaptiveRate-v0", "rlcodec/AdaptiveRateFlat-v0", "rlcodec/AdaptiveRateMO-v0")
SPECS = "".join(f"gymnasium.spec('{name}'); " for name in IDS) + "print('registered')"


@pytest.mark.parametrize(
    "program",
    [
        f"import rlcodec.envs, gymnasium; {SPECS}",
        f"import gymnasium, rlcodec.envs; {SPECS}",
        f"import gymnasium, rlcodec; {SPECS}",
        "import rlcodec, gymnasium; gymnasium.spec('rlcodec.envs:rlcodec/AdaptiveRate-v0'); print('registered')",
        "import gymnasium; gymnasium.spec('rlcodec:rlcodec/AdaptiveRate-v0'); print('registered')",
        "import sys, rlcodec.api, rlcodec.cli.main; print('imported' if 'gymnasium' in sys.modules else 'registered')",
    ],
)
def test_registration(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "registered"
