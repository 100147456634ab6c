"""Checks that exported policies run without torch, agree with the environment, and that foreign files are refused."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from rlcodec import OptionError, PolicyError, decode, encode
from rlcodec.control.objective import NAMED, Objective
from rlcodec.control.onnx_policy import FORMAT, METADATA_KEY, load_policy
from rlcodec.core.metrics import ms_ssim_loss
from rlcodec.core.weights_file import WEIGHTS
from rlcodec.envs.gym_env import AdaptiveRateEnv
from rlcodec.presets.mnist.planner import Planner
from rlcodec.presets.mnist.policy import encode_under_policy
from rlcodec.presets.mnist.weights import load_model

SHIPPED = WEIGHTS / "mnist-policy.onnx"
OBJECTIVES = [
    *NAMED.values(),
    Objective("mse", 1200.0, 0.0),
    Objective("psnr", 45.0, 0.3),
    Objective("psnr", 150.0, 0.01),
    Objective("ms-ssim", 60.0, 0.3),
    Objective("ms-ssim", 110.0, 0.01),
    Objective("ms-ssim", 200.0, 1.0),
]
UNWANTED = {"torch", "gymnasium", "stable_baselines3", "pandas", "matplotlib", "sklearn"}


def changed_policy(path: Path, old: str, new: str) -> Path:
    graph = onnx.load(SHIPPED)
    entry = next(e for e in graph.metadata_props if e.key == METADATA_KEY)
    assert old in entry.value
    entry.value = entry.value.replace(old, new)
    path.write_bytes(graph.SerializeToString())
    return path


def test_encoder_does_what_the_environment_says(digits):
    model = load_model()
    policy = load_policy(None, model)
    images = np.stack(digits[:3])
    env = AdaptiveRateEnv(images=images, predictor=policy.predictor)
    for index in range(len(images)):
        for objective in OBJECTIVES:
            seen, info = env.reset(options={"image_index": index, "objective": objective})
            done = False
            while not done:
                action = int(policy.logits(np.concatenate(list(seen.values()))[None]).argmax())
                seen, _, done, _, info = env.step(action)
            encoded = encode_under_policy(policy, model, images[index], objective)
            assert sum(s.bits for s in encoded.segments) == info["bits"]
            assert encoded.decoder_macs / 1000 / 784 == pytest.approx(info["decoder_kmac_per_pixel"], rel=1e-12)
            assert encoded.mse == info["mse"]
            assert 1 - float(ms_ssim_loss(encoded.picture, images[index])) == info["ms_ssim"]
            assert np.array_equal(np.asarray(decode(encoded.data)), encoded.picture)


def test_a_smaller_objective_gives_smaller_files(digits):
    sizes = {name: sum(len(encode(d, objective=name)) for d in digits[:5]) for name in ("small", "balanced", "lossless")}
    assert sizes["small"] < sizes["balanced"] < sizes["lossless"]


@pytest.mark.parametrize("options", [{"objective": "balanced"}, {"distortion": "ms-ssim", "lambda_rate": 90.0}])
@pytest.mark.parametrize(("height", "width"), [(19, 33), (64, 64), (6, 40)])
def test_policy_codes_other_sizes(height, width, options):
    image = np.zeros((height, width), np.uint8)
    image[4:15, 10:14] = 255
    assert decode(encode(image, **options)).size == (width, height)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f'"format": {FORMAT}', '"format": 99'),
        (load_model().digest, "0" * 64),
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
    policy = load_policy(None, load_model())
    declared = sum(field["length"] for field in policy.metadata["observation"])
    env = AdaptiveRateEnv(images=np.zeros((1, 28, 28), np.uint8), predictor=policy.predictor)
    seen, _ = env.reset(seed=0)
    assert sum(len(field) for field in seen.values()) == declared
    assert isinstance(env._episodes.planner, Planner)


def test_runtime_imports_nothing_heavy():
    program = (
        "import sys, numpy as np, rlcodec\n"
        "image = np.zeros((28, 28), np.uint8); image[5:20, 12:15] = 200\n"
        "data = rlcodec.encode(image, objective='small'); rlcodec.decode(data); rlcodec.inspect(data)\n"
        f"print(sorted({UNWANTED!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
