"""Calibrations: what they predict, how they are kept, and what is refused."""

import json

import pytest

import rlcodec
from rlcodec import DataError
from rlcodec.control.decode_time import (
    Calibration,
    Machine,
    Work,
    calibration_path,
    load_calibration,
    save_calibration,
    this_machine,
)
from rlcodec.presets.registry import preset_by_name


def work_of(info: rlcodec.StreamInfo) -> Work:
    return preset_by_name(info.preset).decode_work(info)


def test_a_prediction_is_the_sum_of_its_stages(made_up, digit):
    info = rlcodec.inspect(rlcodec.encode(digit, bit_budget=98, rows=12, tier="context"))
    work = work_of(info)
    costs = made_up.stages["mnist"]
    by_hand = sum(
        costs[stage].fixed_ms + costs[stage].ms_per_kmac * kmac + costs[stage].ms_per_pixel * pixels
        for stage, (kmac, pixels) in work.items()
    )
    assert rlcodec.predicted_decode_ms(info, made_up) == pytest.approx(by_hand)
    kmac = sum(kmac for kmac, _ in work.values())
    assert kmac == pytest.approx(info.decoder_kmac_per_pixel * digit.size)


def test_stages_of_digits(digit, ring, rendered):
    def stages(image, **choices) -> set[str]:
        return set(work_of(rlcodec.inspect(rlcodec.encode(image, preset="mnist", **choices))))

    scanned = rendered(ring(31))
    assert stages(digit, lossless=True) == {"start", "rows, context"}
    assert stages(scanned, lossless=True) == {"start", "rows by bilevel source, context"}
    assert stages(scanned, tier="lm") == {"start", "rows by bilevel source, lm"}
    assert stages(digit, tier="lm") == {"start", "rows, context"}
    assert stages(digit, bit_budget=98, rows=3, tier="table") == {"start", "latents", "synthesis", "rows, table"}
    assert stages(digit, rows=0) == {"start", "synthesis"}


def test_compact(made_up, photograph):
    def predicted(**choices) -> float:
        return rlcodec.predicted_decode_ms(rlcodec.inspect(rlcodec.encode(photograph, preset="compact", **choices)), made_up)

    assert predicted(bit_budget=0) < predicted(tier="table") < predicted(tier="context")


def test_kept_in_a_file(made_up, tmp_path, monkeypatch):
    path = save_calibration(made_up, tmp_path / "new" / "here.json")
    assert load_calibration(path) == made_up
    monkeypatch.setenv("RLCODEC_CALIBRATION", str(path))
    assert calibration_path() == path
    assert load_calibration() == made_up


def test_what_is_no_calibration_is_refused(made_up, tmp_path):
    path = tmp_path / "calibration.json"
    with pytest.raises(DataError, match="no calibration yet; run `rlcodec calibrate`"):
        load_calibration(path)
    fields = json.loads(made_up.to_json())
    negative = made_up.to_json().replace("0.05", "-0.05", 1)
    odd = [{"format": 2}, {"stages": {}}, {"stages": {"mnist": {"start": {"fixed_ms": 1}}}}, {"digests": []}]
    broken = ["", "[]", "{}", "\xff", "nothing", made_up.to_json()[:-40], negative, *(json.dumps(fields | f) for f in odd)]
    for text in broken:
        path.write_text(text, encoding="latin-1")
        with pytest.raises(DataError, match="rlcodec calibrate"):
            load_calibration(path)
        path.unlink()


@pytest.mark.parametrize("field", ["cpu", "cores", "rlcodec"])
def test_another_machine(made_up, tmp_path, field):
    fields = vars(this_machine()) | {field: 1000 if field == "cores" else "other"}
    path = save_calibration(Calibration(Machine(**fields), made_up.digests, made_up.stages), tmp_path / "a.json")
    with pytest.raises(DataError, match=r"another machine.*run `rlcodec calibrate`"):
        load_calibration(path)


def test_another_model_and_a_missing_stage(made_up, digit):
    info = rlcodec.inspect(rlcodec.encode(digit, preset="mnist", lossless=True))
    other = Calibration(made_up.machine, dict(made_up.digests) | {"mnist": "00"}, made_up.stages)
    with pytest.raises(DataError, match="another model of preset mnist; run `rlcodec calibrate`"):
        rlcodec.predicted_decode_ms(info, other)
    lacks = Calibration(made_up.machine, made_up.digests, {"mnist": {}})
    with pytest.raises(DataError, match=r"lacks the stage 'start'.*rlcodec calibrate"):
        rlcodec.predicted_decode_ms(info, lacks)


def test_info_predicts_where_there_is_a_calibration(run, tmp_path, monkeypatch, made_up, digit):
    stream, path = tmp_path / "a.rlc", tmp_path / "calibration.json"
    stream.write_bytes(rlcodec.encode(digit, preset="mnist", lossless=True))
    monkeypatch.setenv("RLCODEC_CALIBRATION", str(path))
    assert json.loads(run("info", stream, "--json")[1])["predicted_decode_ms"] is None
    assert "ms on this machine" not in run("info", stream)[1]
    save_calibration(made_up, path)
    expected = rlcodec.predicted_decode_ms(rlcodec.inspect(stream.read_bytes()))
    assert json.loads(run("info", stream, "--json")[1])["predicted_decode_ms"] == expected
    assert "ms on this machine" in run("info", stream)[1]
    path.write_text("broken")
    code, out, err = run("info", stream, "--json")
    assert code == 0
    assert json.loads(out)["predicted_decode_ms"] is None
    assert "run `rlcodec calibrate`" in err
