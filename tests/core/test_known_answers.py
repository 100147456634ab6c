"""Known answers: weights are refused on a machine that computes something else than the one that wrote them."""

import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from rlcodec.core.known_answers import METADATA_KEY, check_known_answers, known_answers
from rlcodec.core.weights_file import WEIGHTS, load_arrays, save_model
from rlcodec.errors import ModelError
from rlcodec.presets.compact.installed import installed_weights as installed_compact_weights
from rlcodec.presets.mnist.installed import installed_weights
from rlcodec.presets.mnist.session import decoded_pixels
from rlcodec.presets.mnist.weights import weights_from_arrays
from rlcodec.presets.photo.installed import installed_weights as installed_photo_weights
from rlcodec.presets.registry import preset_by_name
from rlcodec.training.mnist.pretrain import mnist_answers

decode_digits = functools.partial(decoded_pixels, installed_weights())
LOADERS: dict[str, Callable[[Path], object]] = {
    "mnist": lambda path: check_known_answers(path, decode_digits),
    "photo": installed_photo_weights,
    "compact": lambda path: installed_compact_weights(path.parent),
}
"""Each loads or checks weights in a file."""


def answers_of(name: str) -> list[dict[str, str]]:
    with safe_open(WEIGHTS / f"{name}.safetensors", "np") as file:
        return json.loads(file.metadata()[METADATA_KEY])


@pytest.mark.parametrize(("name", "count"), [("mnist", 10), ("photo", 3), ("compact", 2)])
def test_shipped_weights_have_answers_that_hold_here(name, count):
    assert len(answers_of(name)) == count
    preset_by_name(name).weights()


@pytest.mark.parametrize("name", LOADERS)
def test_a_machine_that_computes_differently_is_refused(name, tmp_path):
    path = tmp_path / f"{name}.safetensors"
    shutil.copy(WEIGHTS / "compact-synthesis.onnx", tmp_path)
    answers = answers_of(name)
    answers[-1]["sha256"] = "0" * 64
    save_model(path, load_arrays(WEIGHTS / f"{name}.safetensors"), {METADATA_KEY: json.dumps(answers)})
    with pytest.raises(ModelError, match=f"known answer {len(answers) - 1} to something else"):
        LOADERS[name](path)


def test_one_wrong_pixel_is_detected(digits):
    metadata = mnist_answers(installed_weights(), digits[:1])
    path = WEIGHTS / "mnist.safetensors"

    def off_by_one(data: bytes) -> np.ndarray:
        pixels = decode_digits(data).copy()
        pixels[9, 9] ^= 1
        return pixels

    with pytest.raises(ModelError, match="something else"):
        check_known_answers(path, off_by_one)
    assert len(json.loads(metadata[METADATA_KEY])) == 5


def test_answers_do_not_change_the_digest(tmp_path):
    arrays = load_arrays(WEIGHTS / "mnist.safetensors")
    save_model(tmp_path / "bare.safetensors", arrays)
    assert weights_from_arrays(load_arrays(tmp_path / "bare.safetensors")).digest == installed_weights().digest
    check_known_answers(tmp_path / "bare.safetensors", lambda data: np.zeros(0))


@pytest.mark.parametrize("text", ["{", "[{}]", '[{"stream": "AA", "sha256": ""}]', '[{"stream": 1, "sha256": ""}]'])
def test_answers_that_cannot_be_read_are_refused(text, tmp_path):
    path = tmp_path / "broken.safetensors"
    save_model(path, {"a": np.zeros(1)}, {METADATA_KEY: text})
    with pytest.raises(ModelError, match="known answer"):
        check_known_answers(path, decode_digits)


def test_answers_are_digests_of_what_is_decoded():
    written = json.loads(known_answers([b"ab"], lambda data: np.frombuffer(data, np.uint8))[METADATA_KEY])
    assert written[0]["stream"] == "YWI="
    assert written[0]["sha256"].startswith("fb8e20fc2e4c3f24")
