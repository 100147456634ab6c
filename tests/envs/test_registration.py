"""The environments are registered with Gymnasium in every documented way, and encoding does not import Gymnasium."""

import subprocess
import sys

import pytest

from rlcodec.envs.trace_file import save_tables

IDS = ("rlcodec/AdaptiveRate-v0", "rlcodec/AdaptiveRateFlat-v0", "rlcodec/AdaptiveRateMO-v0")
ARGUMENTS = "preset='external', trace='trace.npz'"
MAKE = "".join(f"gymnasium.make('{name}', {ARGUMENTS}); " for name in IDS) + "print('made')"


@pytest.mark.parametrize(
    "program",
    [
        f"import rlcodec.envs, gymnasium; {MAKE}",
        f"import gymnasium, rlcodec.envs; {MAKE}",
        f"import gymnasium, rlcodec; {MAKE}",
        f"import rlcodec, gymnasium; gymnasium.make('rlcodec.envs:rlcodec/AdaptiveRate-v0', {ARGUMENTS}); print('made')",
        f"import gymnasium; gymnasium.make('rlcodec:rlcodec/AdaptiveRate-v0', {ARGUMENTS}); print('made')",
        "import sys, rlcodec, rlcodec.cli.main; print('imported' if 'gymnasium' in sys.modules else 'made')",
    ],
)
def test_registration(program, make_external_trace, tmp_path):
    save_tables(tmp_path / "trace.npz", make_external_trace())
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "made"
