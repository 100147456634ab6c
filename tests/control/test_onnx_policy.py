"""Policy files: foreign, broken and missing ones are refused, and so are objectives that no policy was trained for."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from rlcodec import OptionError, PolicyError, encode
from rlcodec.control.onnx_policy import FORMAT, METADATA_KEY
from rlcodec.envs.gym_env import AdaptiveRateEnv
from rlcodec.presets.policies import policy_of
from rlcodec.presets.registry import preset_by_name

PRESET = preset_by_name("mnist")
SHIPPED = PRESET.shipped_policy


def changed_policy(path: Path, old: str, new: str) -> Path:
    graph = onnx.load(SHIPPED)
    entry = next(e for e in graph.metadata_props if e.key == METADATA_KEY)
    assert old in entry.value
    entry.value = entry.value.replace(old, new)
    path.write_bytes(graph.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f'"format": {FORMAT}', '"format": 99'),
        (PRESET.weights().digest, "0" * 64),
        ('"name": "regret"', '"name": "luck"'),
        ('"preset": "mnist"', '"preset": "none"'),
        ('"predictor"', '"forgotten"'),
    ],
)
def test_foreign_policies_are_refused(tmp_path, digits, old, new):
    path = changed_policy(tmp_path / "policy.onnx", old, new)
    with pytest.raises((PolicyError, OptionError)):
        encode(digits[0], policy=path)


@pytest.mark.parametrize("content", [b"", b"not a policy", SHIPPED.read_bytes()[:5000]])
def test_broken_files_are_refused(tmp_path, digits, content):
    path = tmp_path / "policy.onnx"
    path.write_bytes(content)
    with pytest.raises(PolicyError):
        encode(digits[0], policy=path)


def test_a_missing_file_is_refused(tmp_path, digits):
    with pytest.raises(PolicyError, match="no such policy"):
        encode(digits[0], policy=tmp_path / "none.onnx")


@pytest.mark.parametrize(
    "options",
    [
        {"lambda_rate": 1e9},
        {"lambda_rate": 1e-3},
        {"lambda_rate": 1000.0, "lambda_compute": 1e3},
        {"lambda_rate": 1000.0, "distortion": "ms-ssim"},
    ],
)
def test_objectives_that_no_policy_knows_are_refused(digits, options):
    with pytest.raises(OptionError, match="policies know"):
        encode(digits[0], **options)


def test_observations_have_the_declared_length():
    policy = policy_of(PRESET, None)
    declared = sum(field["length"] for field in policy.metadata["observation"])
    env = AdaptiveRateEnv(images=np.zeros((1, 28, 28), np.uint8), predictor=policy.predictor)
    seen, _ = env.reset(seed=0)
    assert sum(len(field) for field in seen.values()) == declared
