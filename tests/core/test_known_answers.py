"""Known answers: weights are refused where a machine computes something else than the one they come from."""

import json
import shutil

import numpy as np
import pytest
from safetensors import safe_open

from rlcodec.core.known_answers import METADATA_KEY, check_known_answers, known_answers
from rlcodec.core.preset_ids import MNIST
from rlcodec.core.weights_file import WEIGHTS, load_arrays, save_model
from rlcodec.errors import ModelError
from rlcodec.presets.compact.weights import load_compact_model
from rlcodec.presets.mnist.session import decoded_pixels
from rlcodec.presets.mnist.weights import load_model, model_from_arrays
from rlcodec.presets.photo.installed import photo_weights
from rlcodec.training.known_answers import digit_answers


def answers_of(name: str) -> list[dict[str, str]]:
    with safe_open(WEIGHTS / f"{name}.safetensors", "np") as file:
        return json.loads(file.metadata()[METADATA_KEY])


@pytest.mark.parametrize(("name", "count"), [("mnist", 10), ("photo", 2), ("compact", 2)])
def test_shipped_weights_carry_answers_that_hold_here(name, count):
    assert len(answers_of(name)) == count
    {"mnist": load_model, "photo": lambda _: photo_weights(), "compact": lambda _: load_compact_model()}[name](name)


@pytest.mark.parametrize("name", ["mnist", "photo", "compact"])
def test_a_machine_that_computes_differently_is_refused(name, tmp_path):
    path = tmp_path / f"{name}.safetensors"
    shutil.copy(WEIGHTS / "compact-synthesis.onnx", tmp_path)
    answers = answers_of(name)
    answers[-1]["sha256"] = "0" * 64
    save_model(path, load_arrays(WEIGHTS / f"{name}.safetensors"), {METADATA_KEY: json.dumps(answers)})
    load = {
        "mnist": lambda: check_known_answers(path, lambda data: decoded_pixels(load_model(), data)),
        "photo": lambda: photo_weights(path),
        "compact": lambda: load_compact_model(tmp_path),
    }[name]
    with pytest.raises(ModelError, match=f"known answer {len(answers) - 1} to something else"):
        load()


def test_one_wrong_pixel_is_noticed(digits):
    model = load_model()
    metadata = digit_answers(model, digits[:1])
    path = WEIGHTS / "mnist.safetensors"

    def off_by_one(data: bytes) -> np.ndarray:
        pixels = decoded_pixels(model, data).copy()
        pixels[9, 9] ^= 1
        return pixels

    with pytest.raises(ModelError, match="something else"):
        check_known_answers(path, off_by_one)
    assert len(json.loads(metadata[METADATA_KEY])) == 5


def test_answers_leave_the_digest_alone(tmp_path):
    arrays = load_arrays(WEIGHTS / "mnist.safetensors")
    save_model(tmp_path / "bare.safetensors", arrays)
    bare = model_from_arrays(MNIST, load_arrays(tmp_path / "bare.safetensors"))
    assert bare.digest == load_model().digest
    check_known_answers(tmp_path / "bare.safetensors", lambda data: np.zeros(0))


@pytest.mark.parametrize("text", ["{", "[{}]", '[{"stream": "AA", "sha256": ""}]', '[{"stream": 1, "sha256": ""}]'])
def test_answers_that_cannot_be_read_are_refused(text, tmp_path):
    path = tmp_path / "broken.safetensors"
    save_model(path, {"a": np.zeros(1)}, {METADATA_KEY: text})
    with pytest.raises(ModelError, match="known answer"):
        check_known_answers(path, lambda data: decoded_pixels(load_model(), data))


def test_answers_are_what_decoding_gives():
    written = json.loads(known_answers([b"ab"], lambda data: np.frombuffer(data, np.uint8))[METADATA_KEY])
    assert written[0]["stream"] == "YWI="
    assert written[0]["sha256"].startswith("fb8e20fc2e4c3f24")
