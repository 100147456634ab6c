"""Encoding by actions: streams cost and show what traces say, and stand for the actions that made them."""

import itertools

import numpy as np
import pytest

import rlcodec
from rlcodec.control.objective import Objective
from rlcodec.core.container import unpack
from rlcodec.core.metrics import ms_ssim
from rlcodec.core.ssimulacra2 import ssimulacra2
from rlcodec.errors import MisfitError, OptionError
from rlcodec.images.color import ColorImage
from rlcodec.presets.photo.decisions import (
    ACTIONS,
    ALLOCATED_KINDS,
    ALLOCATION_OF,
    ENDINGS,
    GAIN_CHOICES,
    GO_ACTION,
    KINDS,
    OBJECTIVES,
    OBJECTIVES_OF,
    SETTINGS,
    STOPS,
)
from rlcodec.presets.photo.encoder import PolicyEncoder
from rlcodec.presets.photo.preset import PRESET
from rlcodec.presets.photo.process import actions_of_choice
from rlcodec.presets.photo.quantiser import GAINS
from rlcodec.presets.photo.transform import SLICES
from rlcodec.presets.policies import policy_of


@pytest.mark.parametrize(
    ("image", "setting", "kind"), [(1, 3, "mse"), (3, 10, "psnr"), (0, 12, "ms-ssim"), (2, 7, "ssimulacra2")]
)
def test_actions_do_what_traces_say_and_decoders_find(pictures, picture_trace, image, setting, kind):
    for stop, ending in itertools.product(range(len(STOPS)), range(len(ENDINGS))):
        at = image, ALLOCATION_OF[KINDS.index(kind)], setting, stop, ending
        coded = PRESET.encode_actions(pictures[image], actions_of_choice(setting, stop, ending), kind)
        shown = np.asarray(rlcodec.decode(coded.data))
        assert np.array_equal(shown, coded.picture)
        assert np.array_equal(coded.original, pictures[image])
        assert PRESET.encode_actions(pictures[image], PRESET.actions_of(unpack(coded.data)), kind).data == coded.data
        found = rlcodec.inspect(coded.data)
        assert found.segments == coded.segments
        assert found.settings == coded.settings
        assert coded.bits == 8 * found.payload_bytes
        assert found.payload_bytes == picture_trace.payload_bytes[at]
        assert coded.decoder_macs == picture_trace.macs[at]
        assert found.decoder_kmac_per_pixel == pytest.approx(picture_trace.macs[at] / 1000 / pictures[image][..., 0].size)
        squared = np.square(shown.astype(np.int64) - pictures[image])
        assert squared.sum() == picture_trace.sse[at]
        assert squared.mean() == coded.mse
        score = {"ms-ssim": ms_ssim, "ssimulacra2": ssimulacra2}.get(kind, lambda *_: 0.0)(pictures[image], shown)
        assert picture_trace.scores[at] == pytest.approx(score, abs=1e-9)


def test_actions_that_end_early_stop_there_plain(pictures):
    whole, short = (PRESET.encode_actions(pictures[1], actions) for actions in (actions_of_choice(5, 1, 0), (5, GO_ACTION)))
    assert whole.data == short.data


def test_every_setting_is_an_action():
    assert max(SETTINGS, len(ENDINGS), 2) == ACTIONS
    assert set(GAIN_CHOICES) <= set(range(GAINS))
    assert list(STOPS) == sorted(set(STOPS))
    assert STOPS[-1] == SLICES


def test_every_kind_of_distortion_has_an_allocation():
    assert [ALLOCATED_KINDS[index] for index in ALLOCATION_OF] == ["psnr", "psnr", "ms-ssim", "ssimulacra2"]
    assert list(OBJECTIVES_OF) == list(KINDS)
    assert all(objective.kind == kind for kind, named in OBJECTIVES_OF.items() for objective in named.values())


@pytest.mark.parametrize("actions", [(0, 0, 0), (3, 1, 0, 2), (5, 1, 1, 1)])
def test_streams_tell_their_actions(pictures, actions):
    assert PRESET.actions_of(unpack(PRESET.encode_actions(pictures[1], actions).data)) == actions


def test_streams_of_no_episode_have_no_actions(pictures):
    with pytest.raises(MisfitError, match="no action chooses gain 211"):
        PRESET.actions_of(unpack(rlcodec.encode(pictures[0], preset="photo", gain=211)))


@pytest.mark.parametrize("mode", ["colours", "gray"])
def test_what_a_policy_decides_can_be_replayed(pictures, mode):
    pixels = pictures[2] if mode == "colours" else pictures[2][..., 1]
    for name in OBJECTIVES:
        for kind in KINDS:
            data = rlcodec.encode(pixels, preset="photo", objective=name, distortion=kind)
            replayed = PRESET.encode_actions(pixels, PRESET.actions_of(unpack(data)), kind)
            assert replayed.data == data
            assert np.array_equal(replayed.original, pixels)


def test_one_encoder_serves_several_objectives(pictures):
    picture = ColorImage(pictures[3], False)
    spec, policy = PRESET.process_spec(), policy_of(PRESET, None)
    shared = PolicyEncoder(PRESET.weights(), spec, policy, picture, 1)
    for objective in (*OBJECTIVES.values(), *OBJECTIVES_OF["psnr"].values()):
        alone = PolicyEncoder(PRESET.weights(), spec, policy, picture, 1)
        assert shared.encode(objective).data == alone.encode(objective).data
    with pytest.raises(OptionError, match="lambda_rate is 1e-05"):
        shared.encode(Objective("mse", 1e-5, 0.0))


def test_nothing_is_an_even_gray(pictures):
    assert (PRESET.show_nothing(pictures[0]) == 128).all()
    assert PRESET.show_nothing(pictures[0][..., 0]).shape == pictures[0].shape[:2]


def test_evaluations_measure_a_synthesis_by_its_name():
    assert PRESET.compared_settings("full").fixed["gain 100"] == {"gain": 100, "synthesis": "full"}
    gains = [options["gain"] for options in PRESET.compared_settings("").fine.values()]
    assert gains == sorted(gains, reverse=True)
    assert gains[0] == GAINS - 1
    with pytest.raises(OptionError, match="unknown synthesis"):
        PRESET.compared_settings("heavy")
