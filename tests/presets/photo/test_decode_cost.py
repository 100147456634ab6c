"""The work of decoding photographs by stage: strips share the cores, and every synthesis is a stage of its own."""

import pytest

import rlcodec
from rlcodec.control.decode_time import this_machine
from rlcodec.core.segment_choice import CONTEXT
from rlcodec.presets.photo.decode_cost import COEFFICIENTS, INVERSE, decode_work
from rlcodec.presets.photo.preset import PRESET
from rlcodec.presets.photo.repair import KMAC, WIDTHS
from rlcodec.presets.photo.strips import coded_segment


@pytest.mark.parametrize("synthesis", WIDTHS)
def test_the_work_is_what_inspect_tells(photograph, synthesis):
    info = rlcodec.inspect(rlcodec.encode(photograph.crop((0, 0, 160, 128)), preset="photo", gain=200, synthesis=synthesis))
    work, pixels = PRESET.decode_work(info), 160 * 128
    assert list(work) == [COEFFICIENTS, INVERSE, f"synthesis, {synthesis}"]
    assert work[COEFFICIENTS] == (pytest.approx(sum(s.macs for s in info.segments) / 1000), pixels)
    assert work[INVERSE] == (0, pixels)
    assert work[f"synthesis, {synthesis}"] == ((KMAC[synthesis] * pixels, 0) if KMAC[synthesis] else (0, pixels))


def test_predictions_grow_with_what_pictures_hold(made_up):
    def predicted(kmac: int, synthesis: str) -> float:
        work = decode_work((512, 512), [coded_segment(0, 0, 9, 1000 * kmac, CONTEXT)], synthesis)
        return made_up.predicted_ms("photo", PRESET.weights().digest, work)

    by_compute = [predicted(kmac, WIDTHS[0]) for kmac in (0, 1000, 50_000)]
    assert by_compute == sorted(set(by_compute))
    by_synthesis = [predicted(1000, synthesis) for synthesis in sorted(WIDTHS, key=KMAC.__getitem__)]
    assert by_synthesis == sorted(set(by_synthesis))


def test_strips_share_the_cores():
    cores = this_machine().cores
    segments = [coded_segment(index, strip, 1, 500_000, CONTEXT) for index in range(2) for strip in range(2 * cores)]
    assert decode_work((512 * cores, 64), segments, WIDTHS[0])[COEFFICIENTS] == (2000, 512 * cores * 64)
    assert decode_work((256, 64), segments[:1], WIDTHS[0])[COEFFICIENTS] == (500, 256 * 64)


def test_calibrations_time_every_stage(monkeypatch):
    monkeypatch.setattr("rlcodec.presets.photo.decode_cost.CALIBRATION_SIZES", ((48, 64), (64, 48), (64, 64)))
    samples = PRESET.decode_samples()
    assert len(samples) == 6 * (len(WIDTHS) + 2)
    assert {stage for sample in samples for stage in sample.work} == {
        COEFFICIENTS,
        INVERSE,
        *(f"synthesis, {w}" for w in WIDTHS),
    }
    for sample in samples[: len(WIDTHS) + 2]:
        sample.run()
