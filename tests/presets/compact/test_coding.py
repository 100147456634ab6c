"""Preset compact: round trips, prefixes, tiles, options, and the inverse of coding an episode's actions."""

import warnings

import numpy as np
import pytest

import rlcodec
from rlcodec.core.container import pack, unpack
from rlcodec.core.metrics import psnr_db
from rlcodec.core.weights_file import fingerprint_of
from rlcodec.presets.compact import transform
from rlcodec.presets.compact.choices import BUDGETS
from rlcodec.presets.compact.format import COMPACT
from rlcodec.presets.compact.preset import PRESET
from rlcodec.presets.compact.transform import LATENT_CHANNELS, MARGIN, STRIDE, analyse, latent_size, synthesise


@pytest.fixture(scope="module")
def coded(photograph) -> bytes:
    return rlcodec.encode(photograph, preset="compact")


@pytest.mark.parametrize("tier", ["table", "context"])
@pytest.mark.parametrize("size", [(1, 1), (64, 64), (65, 130), (200, 64)])
def test_decoding_restores_the_latent(photograph, tier, size):
    picture = np.asarray(photograph)[: size[0], : size[1]]
    data = rlcodec.encode(picture, preset="compact", tier=tier)
    shown = np.asarray(rlcodec.decode(data))
    assert np.array_equal(shown, synthesise(analyse(picture), *picture.shape[:2]))
    rows, columns = latent_size(*picture.shape[:2])
    info = rlcodec.inspect(data)
    assert info.settings.bit_budget == sum(s.segment.symbols for s in info.segments) == LATENT_CHANNELS * rows * columns
    assert {s.tier_name for s in info.segments} == {tier}


def test_context_needs_fewer_bits_than_the_table_or_none(photograph):
    sizes = [len(rlcodec.encode(photograph, preset="compact", tier=tier)) for tier in ("context", "table")]
    rows, columns = latent_size(photograph.height, photograph.width)
    assert sizes[0] < 0.9 * min(sizes[1], LATENT_CHANNELS * rows * columns // 8)


def test_tiles_have_no_seams(photograph, monkeypatch):
    picture = np.tile(np.asarray(photograph), (2, 2, 1))
    latent = analyse(picture)
    whole = synthesise(latent, *picture.shape[:2]).astype(int)
    monkeypatch.setattr(transform, "TILE", MARGIN)
    assert np.array_equal(analyse(picture), latent)
    assert np.abs(synthesise(latent, *picture.shape[:2]) - whole).max() <= 1


def test_gray_stays_gray(photograph):
    assert rlcodec.decode(rlcodec.encode(photograph.convert("L"), preset="compact")).mode == "L"


def test_every_prefix_is_a_picture(photograph, coded):
    first = rlcodec.inspect(coded).header_bytes
    original, quality = np.asarray(photograph), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rlcodec.TruncatedStreamWarning)
        for length in np.linspace(first, len(coded) - 1, 6, dtype=int):
            quality.append(psnr_db(original, np.asarray(rlcodec.decode(coded[:length]))))
    assert quality == sorted(quality)
    assert quality[0] + 2 < quality[-1] < quality[2] + 3
    assert abs(psnr_db(original, np.asarray(rlcodec.decode(coded))) - quality[-1]) < 0.5


def test_a_budget_keeps_the_first_bits(photograph, coded):
    data = rlcodec.encode(photograph, preset="compact", bit_budget=700)
    info = rlcodec.inspect(data)
    assert info.settings.bit_budget == 700 == sum(s.segment.symbols for s in info.segments)
    assert len(data) < len(coded) / 4
    assert len(rlcodec.inspect(rlcodec.encode(photograph, preset="compact", bit_budget=0)).segments) == 0


def test_changed_bytes_are_detected(coded):
    for at in range(0, len(coded), 37):
        broken = bytearray(coded)
        broken[at] ^= 16
        with warnings.catch_warnings():
            warnings.simplefilter("error", rlcodec.TruncatedStreamWarning)
            with pytest.raises((rlcodec.StreamError, rlcodec.TruncatedStreamWarning)):
                rlcodec.decode(bytes(broken))


@pytest.mark.parametrize("number", [2 * (LATENT_CHANNELS + 1), 1 << 27])
def test_impossible_headers_are_refused(coded, number):
    fingerprint = fingerprint_of(rlcodec.inspect(coded).model_digest)
    with pytest.raises(rlcodec.DamagedStreamError, match="latent bits"):
        rlcodec.decode(pack(COMPACT, fingerprint, STRIDE, STRIDE, number, b"abc"))
    with pytest.raises(rlcodec.DamagedStreamError, match="pixels"):
        rlcodec.decode(pack(COMPACT, fingerprint, 1 << 16, 1 << 16, 2, b"abc"), max_pixels=1 << 32)
    with pytest.raises(rlcodec.UnknownModelError):
        rlcodec.decode(pack(COMPACT, b"??", STRIDE, STRIDE, 2, b"abc"))


@pytest.mark.parametrize(
    "options",
    [
        {"tier": "lm"},
        {"bit_budget": -1},
        {"bit_budget": 1 << 20},
        {"rows": 2},
        {"gain": 2},
        {"lossless": True},
        {"objective": "lossless"},
    ],
)
def test_contradictory_options_are_refused(photograph, options):
    with pytest.raises(rlcodec.OptionError):
        rlcodec.encode(photograph.crop((0, 0, 32, 32)), preset="compact", **options)


ACTIONS = [(), (0, 0), (3, 1, 0), (3, 2, 1, 0), (7, 1, 2, 2, 1), (5, 2, 2, 2, 2)]


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("actions", ACTIONS)
def test_actions_are_read_from_the_stream_that_they_lead_to(photograph, actions, gray):
    picture = np.asarray(photograph.convert("L") if gray else photograph)[:100, :70]
    encoded = PRESET.encode_actions(picture, actions)
    assert PRESET.actions_of(unpack(encoded.data)) == actions
    assert np.array_equal(encoded.picture, np.asarray(rlcodec.decode(encoded.data)))
    assert encoded.picture.shape == encoded.original.shape == picture.shape


def test_actions_that_stop_early_are_those_of_an_episode_that_stops(photograph):
    picture = np.asarray(photograph)[:64, :64]
    for actions in ((4,), (4, 2), (4, 2, 1)):
        encoded = PRESET.encode_actions(picture, actions)
        assert encoded.data == PRESET.encode_actions(picture, (*actions, 0)).data
        assert PRESET.actions_of(unpack(encoded.data)) == (*actions, 0)


def test_a_stream_that_no_episode_leads_to_has_no_actions(photograph, coded):
    for data in (rlcodec.encode(photograph, preset="compact", bit_budget=700), coded[:-3]):
        with pytest.raises(rlcodec.MisfitError, match="no episode"):
            PRESET.actions_of(unpack(data))
    assert PRESET.actions_of(unpack(coded)) == (len(BUDGETS) - 1, 2, 2, 2, 2)


def test_the_command_line_codes_with_the_preset(run, photograph, tmp_path):
    photograph.save(tmp_path / "a.png")
    code, out, _ = run("encode", tmp_path / "a.png", tmp_path / "a.rlc", "--preset", "compact")
    assert code == 0
    assert "PSNR" in out
    assert run("decode", tmp_path / "a.rlc", tmp_path / "b.png")[0] == 0
    assert "preset compact" in run("info", tmp_path / "a.rlc")[1]
