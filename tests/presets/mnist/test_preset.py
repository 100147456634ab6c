"""Preset `mnist` as callers use it: options, policies, actions and streams, batches, and what the runtime imports."""

import subprocess
import sys

import numpy as np
import pytest

from rlcodec import DamagedStreamError, ImageError, MisfitError, OptionError, UnknownModelError, decode, encode
from rlcodec.core.container import pack, unpack
from rlcodec.presets.mnist.format import MNIST
from rlcodec.presets.mnist.options import MnistOptions
from rlcodec.presets.mnist.preset import PRESET
from rlcodec.presets.mnist.segments import BUDGET_SLICES

UNWANTED = {"torch", "gymnasium", "stable_baselines3", "pandas", "matplotlib", "sklearn"}
FINGERPRINT = PRESET.weights().fingerprint


def test_a_smaller_objective_gives_smaller_files(digits):
    sizes = {name: sum(len(encode(d, objective=name)) for d in digits[:5]) for name in ("small", "balanced", "lossless")}
    assert sizes["small"] < sizes["balanced"] < sizes["lossless"]


@pytest.mark.parametrize("options", [{"objective": "balanced"}, {"distortion": "ms-ssim", "lambda_rate": 90.0}])
@pytest.mark.parametrize(("height", "width"), [(19, 33), (64, 64), (6, 40)])
def test_policy_codes_other_sizes(height, width, options):
    image = np.zeros((height, width), np.uint8)
    image[4:15, 10:14] = 255
    assert decode(encode(image, **options)).size == (width, height)


def test_actions_and_streams_stand_for_each_other(digit):
    rng = np.random.default_rng(0)
    for budget, slices in enumerate(BUDGET_SLICES):
        for rows in (0, int(rng.integers(1, 28)), 28):
            latents = rng.integers(1, 3, slices).tolist()
            actions = (budget, *latents, *rng.integers(1, 3, rows).tolist(), *([] if rows == 28 else [0]))
            coded = PRESET.encode_actions(digit, actions)
            assert PRESET.actions_of(unpack(coded.data)) == actions
            assert (coded.mse == 0) == (rows == 28)


def test_actions_that_end_early_stop_there(digit):
    assert PRESET.encode_actions(digit, (3, 1)).data == PRESET.encode_actions(digit, (3, 1, 0)).data
    assert PRESET.encode_actions(digit, ()).data == PRESET.encode_actions(digit, (0, 0)).data
    assert np.array_equal(PRESET.show_nothing(digit), PRESET.encode_actions(digit, (0, 0)).picture)


@pytest.mark.parametrize("options", [{"bit_budget": 50}, {"bit_budget": 5 * 49}])
def test_streams_that_no_episode_leads_to_have_no_actions(digit, options):
    with pytest.raises(MisfitError):
        PRESET.actions_of(unpack(encode(digit, **options)))


def test_cut_streams_have_no_actions(digit):
    with pytest.raises(MisfitError, match="cut"):
        PRESET.actions_of(unpack(encode(digit, preset="mnist", lossless=True)[:-9]))


def test_batches_decode_as_single_streams_do(digits, rendered, ring):
    images = [digits[0], digits[1][4:24], rendered(ring(31)), digits[2]]
    data = [encode(image, tier="table") for image in images]
    data += [encode(digits[3], bit_budget=98), encode(digits[4], rows=7), encode(digits[5], objective="small")]
    streams = [unpack(one) for one in data]
    foreign = unpack(pack(MNIST, b"no", 28, 28, 0, streams[0].payload.tobytes()))
    *pictures, error = PRESET.decode_batch([*streams, foreign], PRESET.decode_options())
    assert isinstance(error, UnknownModelError)
    for picture, one in zip(pictures, data, strict=True):
        assert np.array_equal(picture, np.asarray(decode(one)))


def test_packed_batches_are_lossless(digits, rendered, ring):
    images = [digits[0], digits[1][4:24], rendered(ring(31)), digits[2]]
    for image, data in zip(images, PRESET.pack_batch(images), strict=True):
        assert np.array_equal(np.asarray(decode(data)), image)


def test_more_latents_than_an_image_has_are_damage(digit):
    stream = unpack(pack(MNIST, FINGERPRINT, 28, 28, 785, b"\0"))
    with pytest.raises(DamagedStreamError):
        PRESET.settings(stream.header)
    with pytest.raises(DamagedStreamError):
        PRESET.decode(stream, PRESET.decode_options())
    assert PRESET.settings(unpack(encode(digit, bit_budget=98)).header).bit_budget == 98


@pytest.mark.parametrize(("mode", "size", "suits"), [("L", (28, 28), True), ("1", (64, 1), True), ("L", (65, 9), False)])
def test_small_gray_images_suit(mode, size, suits):
    assert PRESET.suits(mode, size) == suits
    assert not PRESET.suits("RGB", size)


@pytest.mark.parametrize(
    "options", [{"tier": "table"}, {"tier": "lm", "objective": "small"}, {"tier": "lm", "max_bytes": 9}, {"lossless": True}]
)
def test_a_device_is_for_tier_lm_alone(digit, options):
    with pytest.raises(OptionError):
        PRESET.encode_on_device([digit], MnistOptions(**options), "cpu")


def test_large_images_are_refused_by_name_of_the_option(digit):
    with pytest.raises(ImageError, match="max_pixels"):
        encode(digit, lossless=True, max_pixels=100)


def test_runtime_imports_nothing_heavy():
    program = (
        "import sys, numpy as np, rlcodec\n"
        "image = np.zeros((28, 28), np.uint8); image[5:20, 12:15] = 200\n"
        "data = rlcodec.encode(image, objective='small'); rlcodec.decode(data); rlcodec.inspect(data)\n"
        f"print(sorted({UNWANTED!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
