"""What a policy for photographs chooses among: widths, gains and ends of streams; what each costs is what decoders find."""

import itertools

import numpy as np
import pytest
from PIL import Image

import rlcodec
from rlcodec.core.metrics import ms_ssim
from rlcodec.errors import DamagedStreamError
from rlcodec.presets.photo.coefficient_coder import GAINS, SLICE_COUNT, SLICE_OF, step_of
from rlcodec.presets.photo.decisions import (
    ACTIONS,
    ENDINGS,
    GAIN_CHOICES,
    GO_ACTION,
    SETTINGS,
    STOP_ACTION,
    STOPS,
    energy_of,
    known_mse,
    photo_features,
)
from rlcodec.presets.photo.decoder import PLAIN_BASE, PhotoSettings, synthesis_macs
from rlcodec.presets.photo.features import (
    BINS,
    BINS_PER_OCTAVE,
    ENERGY_BINS,
    ENERGY_BINS_PER_OCTAVE,
    FEATURES,
    LEAST_ENERGY,
    SENT_FROM,
    count_magnitudes,
    gain_features,
)
from rlcodec.presets.photo.installed import photo_weights
from rlcodec.presets.photo.policy import encode_actions
from rlcodec.presets.photo.repair import WIDTHS
from rlcodec.presets.photo.strips import decode_values, encode_photo, strips_of
from rlcodec.presets.photo.transform import BLOCK, to_planes


@pytest.mark.parametrize("width", WIDTHS)
def test_headers_name_every_setting(width):
    settings = [PhotoSettings(gain, width, gray) for gain in range(GAINS) for gray in (False, True)]
    numbers = [setting.to_number() for setting in settings]
    assert [PhotoSettings.from_number(number) for number in numbers] == settings
    assert len(set(numbers)) == len(settings)
    assert PLAIN_BASE == 192  # as docs/format.md has it


def test_other_numbers_name_none():
    known = {
        PhotoSettings(gain, width, gray).to_number() for gain in range(GAINS) for width in WIDTHS for gray in (False, True)
    }
    assert known == {n for n in range(3 * PLAIN_BASE) if _reads(n)}


def _reads(number: int) -> bool:
    try:
        PhotoSettings.from_number(number)
    except DamagedStreamError:
        return False
    return True


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_plain_width_takes_least_compute(pictures, mode):
    picture = Image.fromarray(pictures[3]).convert(mode)
    coded = {width: rlcodec.encode(picture, preset="photo", gain=28, synthesis=width) for width in WIDTHS}
    kmac = {width: rlcodec.inspect(data).decoder_kmac_per_pixel for width, data in coded.items()}
    assert kmac["plain"] < kmac["light"] < kmac["full"]
    area = 80 * 64  # whole blocks
    assert kmac["light"] - kmac["plain"] == pytest.approx(
        (synthesis_macs(area, "light") - synthesis_macs(area, "plain")) / 65 / 50 / 1000
    )
    shown = rlcodec.decode(coded["plain"])
    assert (shown.mode, shown.size) == (mode, picture.size)
    assert np.array_equal(np.asarray(rlcodec.decode(coded["full"], synthesis="plain")), np.asarray(shown))
    assert not np.array_equal(np.asarray(rlcodec.decode(coded["light"])), np.asarray(shown))


def test_plain_is_the_inverse_transform(pictures):
    """Fine enough for centroids not to matter much, the picture itself comes back."""
    shown = np.asarray(rlcodec.decode(rlcodec.encode(pictures[0], preset="photo", gain=0, synthesis="plain")))
    assert np.abs(shown.astype(int) - pictures[0]).mean() < 2


@pytest.mark.parametrize("slices", range(1, SLICE_COUNT + 1))
@pytest.mark.parametrize("gain", [9, 30, 47])
def test_streams_may_end_after_any_slice(photograph, slices, gain):
    model, picture = photo_weights(), np.asarray(photograph)[:, 40:136]  # no whole number of blocks high
    picture = np.concatenate([picture, picture[:80]])  # two strips
    coded = encode_photo(model, picture, gain, keep=True)
    payload = np.frombuffer(coded.payload(slices), np.uint8).copy()
    values, segments = decode_values(model, payload, *picture.shape[:2], gain)
    assert np.array_equal(values, coded.up_to(slices))
    assert np.array_equal(values, np.where(slices > SLICE_OF, coded.values, 0))
    assert all(s.complete for s in segments)
    found = np.zeros(SLICE_COUNT, np.int64)
    np.add.at(found, [s.slice for s in segments], [s.macs for s in segments])
    assert np.array_equal(found[:slices], coded.macs.sum(0)[:slices])
    assert not found[slices:].any()
    assert coded.macs[:, :slices].sum() > 0


@pytest.mark.parametrize("gain", [0, 24, 47])
def test_errors_are_those_of_the_coefficients(pictures, gain):
    model, picture = photo_weights(), pictures[3]
    strips = strips_of(picture, 1)
    coded = encode_photo(model, strips, gain, keep=True, measure=True)
    wanted, step = np.concatenate(strips, 1).astype(np.float64), step_of(gain)
    magnitude = np.abs(coded.values).astype(np.int64)
    diagonal = np.add.outer(np.arange(BLOCK), np.arange(BLOCK))
    shrink = np.stack([model.centroids[p][diagonal, np.clip(magnitude[p], 1, 3) - 1] for p in range(3)])
    given = np.sign(coded.values) * np.where(magnitude, magnitude - shrink, 0) * step
    for index in range(SLICE_COUNT):
        here = index == SLICE_OF
        sent, lost = ((wanted - shown)[..., here] for shown in (given, 0 * given))
        energy = np.square(lost).sum()
        assert coded.errors[0, index] == pytest.approx(np.square(sent).sum(), rel=1e-4, abs=1e-7 * energy)  # of float32
        assert coded.errors[1, index] == pytest.approx(energy, rel=1e-5)
    area = wanted[0].size
    for stop, known in zip(STOPS, known_mse(coded.errors, area), strict=True):
        planes = to_planes(np.where(stop > SLICE_OF, given, 0).astype(np.float32))
        assert known == pytest.approx(np.square(planes - to_planes(np.concatenate(strips, 1))).mean(), rel=1e-3)
    assert not encode_photo(model, strips, gain).errors.any()


def test_energy_is_the_error_of_an_even_gray(pictures):
    assert energy_of(strips_of(pictures[0], 1)) == pytest.approx(np.square(pictures[0].astype(float) - 128).mean(), rel=1e-4)


def test_counts_are_those_of_numpy(pictures):
    strips = strips_of(np.tile(pictures[0], (5, 1, 1)), 1)  # two strips
    assert len(strips) == 2
    steps = np.array([step_of(gain) for gain in GAIN_CHOICES])
    counts = count_magnitudes(strips, steps, 1)
    coefficients = np.concatenate(strips, 1)
    size = np.maximum(np.abs(coefficients), 1).astype(np.float64)
    octave = np.floor(np.log2(size)).astype(np.int64)
    bins = np.minimum(BINS_PER_OCTAVE * octave + ((size / 2.0**octave - 1) * BINS_PER_OCTAVE).astype(np.int64), BINS - 1)
    for kind, planes in enumerate((slice(0, 1), slice(1, 3))):
        for index in range(SLICE_COUNT):
            expected = np.bincount(bins[planes][..., index == SLICE_OF].reshape(-1), minlength=BINS)
            assert np.array_equal(counts.magnitudes[kind, index], expected)
    whole = np.square(coefficients[0].astype(np.float64))[..., SLICE_OF > 0].sum(-1) / BLOCK**2
    level = np.log2(np.maximum(whole, LEAST_ENERGY) / LEAST_ENERGY) * ENERGY_BINS_PER_OCTAVE
    expected = np.bincount(np.minimum(level.astype(np.int64), ENERGY_BINS - 1).reshape(-1), minlength=ENERGY_BINS)
    assert np.abs(counts.blocks - expected).sum() <= 2  # a block may lie on an edge
    assert counts.blocks.sum() == expected.sum() == coefficients[0].size // BLOCK**2


def test_features_foretell_how_many_coefficients_are_sent(pictures):
    strips = strips_of(pictures[2], 1)
    features = photo_features(strips, 1)
    assert features.shape == (SETTINGS, FEATURES)
    assert np.isfinite(features).all()
    brightness = np.abs(strips[0][0])
    for setting, gain in enumerate(GAIN_CHOICES):
        for index in range(SLICE_COUNT):
            sent = (brightness[..., index == SLICE_OF] >= SENT_FROM * step_of(gain)).sum() * 1e6 / brightness.size
            assert 2 ** features[setting, index] - 1 == pytest.approx(sent, rel=0.1, abs=2000)
    counts = count_magnitudes(strips, np.array([step_of(gain) for gain in GAIN_CHOICES]), 2)
    assert np.array_equal(features, gain_features(counts, np.array([step_of(gain) for gain in GAIN_CHOICES])))


def path(setting: int, stop: int, ending: int) -> tuple[int, ...]:
    """The actions that lead to a stop and an ending."""
    return setting, *[GO_ACTION] * stop, *([STOP_ACTION] if stop < len(STOPS) - 1 else []), ending


@pytest.mark.parametrize(("image", "setting"), [(1, 3), (3, 10)])
def test_actions_do_what_traces_say_and_decoders_find(pictures, picture_trace, image, setting):
    for stop, ending in itertools.product(range(len(STOPS)), range(len(ENDINGS))):
        at = image, setting, stop, ending
        coded = encode_actions(pictures[image], path(setting, stop, ending))
        shown = np.asarray(rlcodec.decode(coded.data))
        assert np.array_equal(shown, coded.picture)
        found = rlcodec.inspect(coded.data)
        assert found.payload_bytes == picture_trace.payload_bytes[at]
        assert coded.decoder_macs == picture_trace.macs[at]
        assert found.decoder_kmac_per_pixel == pytest.approx(picture_trace.macs[at] / 1000 / pictures[image][..., 0].size)
        squared = np.square(shown.astype(np.int64) - pictures[image])
        assert squared.sum() == picture_trace.sse[at]
        assert squared.mean() == coded.mse
        assert ms_ssim(pictures[image], shown) == picture_trace.ms_ssim[at]


def test_actions_that_end_early_stop_there_plain(pictures):
    whole, short = encode_actions(pictures[1], path(5, 1, 0)), encode_actions(pictures[1], (5, GO_ACTION))
    assert whole.data == short.data


def test_every_setting_is_an_action():
    assert max(SETTINGS, len(ENDINGS), 2) == ACTIONS
    assert set(GAIN_CHOICES) <= set(range(GAINS))
    assert list(STOPS) == sorted(set(STOPS))
    assert STOPS[-1] == SLICE_COUNT
