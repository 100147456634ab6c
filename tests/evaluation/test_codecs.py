"""Codecs beside each other: tables, curves, BD-rates and exchanged JSON, as `rlcodec evaluate DATA --codecs` makes them."""

import io
import json
import math

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import rlcodec
from rlcodec.core.metrics import ms_ssim, psnr_db
from rlcodec.core.ssimulacra2 import ssimulacra2
from rlcodec.errors import DataError, OptionError
from rlcodec.evaluation import rate_distortion
from rlcodec.evaluation.codecs import FORMATS, codec_by_name, register_formats
from rlcodec.evaluation.curves import bd_rates, mean_curves, read_curve, summary_of, write_curves
from rlcodec.evaluation.perceptual import psnr_hvs_m_db
from rlcodec.evaluation.rate_distortion import ADDED, TableOptions, load_table, measure_codecs, save_table


@pytest.fixture(scope="module")
def folder(tmp_path_factory, pictures):
    """A folder of two small pictures."""
    path = tmp_path_factory.mktemp("pictures")
    for number, pixels in enumerate(pictures[:2]):
        Image.fromarray(pixels).save(path / f"{number}.png")
    (path / "notes.txt").write_text("no picture")
    return path


@pytest.fixture(scope="module")
def table(folder):
    """What some codecs make of them."""
    return measure_codecs(folder, ["rlcodec:photo", "jpeg", "policy:shipped"], TableOptions(workers=1)).table


def curve(codec: str, rates, decibels) -> pd.DataFrame:
    """Rows of a made-up codec, one picture a setting."""
    rows = [
        rate_distortion.Row("a", "", codec, f"s{n}", "", 8, 8, int(8 * r), r, q, 1 - 10 ** (-q / 20), 1.0, 2.0, math.nan)
        for n, (r, q) in enumerate(zip(rates, decibels, strict=True))
    ]
    return pd.DataFrame(rows)


def test_a_row_tells_what_one_would_measure_by_hand(table, folder):
    pixels = np.asarray(Image.open(folder / "1.png"))
    row = table[(table.image == "1.png") & (table.codec == "rlcodec:photo") & (table.setting == "gain 220")].iloc[0]
    data = rlcodec.encode(pixels, preset="photo", gain=220)
    shown = np.asarray(rlcodec.decode(data))
    assert (row.size_bytes, row.width, row.height) == (len(data), pixels.shape[1], pixels.shape[0])
    assert row.bpp == pytest.approx(8 * len(data) / pixels[..., 0].size)
    assert row.psnr_db == pytest.approx(psnr_db(pixels, shown))
    assert row.ms_ssim == pytest.approx(ms_ssim(pixels, shown))
    assert row.ssimulacra2 == pytest.approx(ssimulacra2(pixels, shown))
    assert row.psnr_hvs_m_db == pytest.approx(psnr_hvs_m_db(pixels, shown), nan_ok=True)
    assert row.decoder_kmac_per_pixel == pytest.approx(rlcodec.inspect(data).decoder_kmac_per_pixel)
    assert row.encode_ms > 0
    assert row.decode_ms > 0


def test_every_picture_is_there_at_every_setting_and_policies_say_what_they_chose(table):
    counts = table.groupby("codec").size()
    assert counts["jpeg"] == 2 * len(FORMATS["jpeg"].settings)
    assert table[["image", "codec", "setting"]].duplicated().sum() == 0
    chosen = table[table.codec == "policy:shipped"].choice
    assert chosen.str.match(r"gain \d+, \d slices, (plain|light|full)").all()
    assert (table[table.codec == "jpeg"].choice == "").all()
    assert table[table.codec == "jpeg"].decoder_kmac_per_pixel.isna().all()


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_formats_code_pictures_and_digits(name, pictures, digit):
    register_formats()
    if FORMATS[name].pillow_name not in Image.SAVE:
        with pytest.raises(OptionError, match="Pillow cannot write"):
            codec_by_name(name)
        return
    codec = codec_by_name(name)
    for pixels, mode in ((pictures[1], "RGB"), (digit, "L")):
        sizes = [len(codec.encode(pixels, options)) for options in codec.settings.values()]
        assert sizes == sorted(sizes)
        finest = codec.decode(codec.encode(pixels, list(codec.settings.values())[-1]), mode)
        assert finest.shape == pixels.shape
        assert psnr_db(pixels, finest) > 28


def test_a_table_that_is_there_is_gone_on_with(folder, tmp_path, monkeypatch):
    out = tmp_path / "run" / "codecs.csv"
    first = measure_codecs(folder, ["jpeg"], TableOptions(out, workers=1))
    assert first.kept == 0
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(folder / "2.png")
    measured = []
    monkeypatch.setattr(rate_distortion, "measure", lambda *a, real=rate_distortion.measure: measured.append(a[2]) or real(*a))
    second = measure_codecs(folder, ["jpeg"], TableOptions(out, workers=1))
    (folder / "2.png").unlink()
    assert set(measured) == {"2.png"}
    assert second.kept == len(first.table)
    assert load_table(out).psnr_db.tolist() == second.table.psnr_db.tolist()
    assert second.table.image.tolist() == sorted(second.table.image)
    anew = measure_codecs(folder, ["jpeg"], TableOptions(out, workers=1, resume=False))
    assert anew.kept == 0


def test_rows_of_a_codec_that_has_changed_are_measured_again(folder, tmp_path):
    out = tmp_path / "codecs.parquet"
    measure_codecs(folder, ["jpeg", "png"], TableOptions(out, workers=1))
    beside = out.with_suffix(".json")
    told = json.loads(beside.read_text())
    assert told["data"] == str(folder.resolve())
    told["codecs"]["jpeg"] = "another library"
    beside.write_text(json.dumps(told))
    again = measure_codecs(folder, ["jpeg", "png"], TableOptions(out, workers=1))
    assert again.kept == 2


def test_rows_of_a_table_without_the_newer_scores_are_read_and_measured_again(folder, tmp_path):
    out = tmp_path / "codecs.csv"
    new = measure_codecs(folder, ["png"], TableOptions(out, workers=1)).table
    save_table(new.drop(columns=list(ADDED)), out)
    assert load_table(out)[list(ADDED)].isna().all(axis=None)
    assert mean_curves(load_table(out)).ssimulacra2.isna().all()
    again = measure_codecs(folder, ["png"], TableOptions(out, workers=1))
    assert (again.kept, len(again.table)) == (0, len(new))
    assert (again.table.ssimulacra2 == 100).all()


@pytest.mark.parametrize(
    ("name", "pillow_options"),
    [
        ("avif", {"subsampling": "4:4:4", "speed": 4}),
        ("avif:444:speed=4", {"subsampling": "4:4:4", "speed": 4}),
        ("avif:speed=9:420", {"subsampling": "4:2:0", "speed": 9}),
        ("webp:method=0", {"method": 0}),
        ("jpeg:444:progressive=false", {"optimize": True, "subsampling": "4:4:4"}),
        ("jpeg:subsampling=420", {"optimize": True, "progressive": True, "subsampling": "4:2:0"}),
    ],
)
def test_options_in_a_name_are_those_of_pillow(name, pillow_options, pictures):
    codec = codec_by_name(name)
    saved = io.BytesIO()
    Image.fromarray(pictures[1]).save(saved, codec.name.partition(":")[0], quality=45, **pillow_options)
    assert codec.encode(pictures[1], codec.settings["quality 45"]) == saved.getvalue()


@pytest.mark.parametrize("name", ["jpeg:444", "avif:420"])
def test_gray_pictures_have_no_colours_to_store(name, digit):
    short, quality = name.partition(":")[0], {"quality": 80}
    assert codec_by_name(name).encode(digit, quality) == codec_by_name(short).encode(digit, quality)


def test_options_in_the_name_of_a_preset_are_those_of_encode(pictures):
    codec = codec_by_name("rlcodec:photo:synthesis=plain")
    assert codec.settings["gain 220"] == {"gain": 220, "synthesis": "plain"}
    expected = rlcodec.encode(pictures[1], preset="photo", gain=220, synthesis="plain")
    assert codec.encode(pictures[1], codec.settings["gain 220"]) == expected


def test_processes_find_what_one_finds(folder):
    names = ["rlcodec:photo", "webp"]
    columns = ["image", "codec", "setting", "size_bytes", "psnr_db"]
    one, two = (measure_codecs(folder, names, TableOptions(workers=workers)).table[columns] for workers in (1, 2))
    pd.testing.assert_frame_equal(one, two)


def test_a_broken_picture_costs_itself_alone(folder, tmp_path, run):
    for path in folder.glob("*.png"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    code, out, err = run("evaluate", tmp_path, "--codecs", "jpeg,webp", "--workers", 1, "--json")
    assert code == 2
    assert "broken.png" in err
    assert json.loads(out)["codecs"][0]["pictures"] == 2


def test_digits_are_gray_and_presets_for_both_do_not_mix(digits, tmp_path):
    for number in range(2):
        Image.fromarray(digits[number]).save(tmp_path / f"{number}.png")
    found = measure_codecs(tmp_path, ["rlcodec:mnist", "webp", "policy:shipped:mnist"], TableOptions(workers=1)).table
    exact = found[found.setting == "lossless, context"]
    assert np.isinf(exact.psnr_db).all()
    assert mean_curves(found).psnr_db.max() < 60
    with pytest.raises(OptionError, match="mnist takes gray images"):
        measure_codecs(tmp_path, ["rlcodec:mnist", "rlcodec:photo"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--codecs", "gif"), "unknown codec 'gif'"),
        (("--codecs", "gif:444"), "unknown codec 'gif:444'"),
        (("--codecs", "avif:4"), "write OPTION=VALUE"),
        (("--codecs", "avif:speed="), "write OPTION=VALUE"),
        (("--codecs", "avif:speed=11"), "speed is '11'; give a whole number from 0 to 10"),
        (("--codecs", "avif:speed=4:speed=4"), "given twice"),
        (("--codecs", "avif:effort=7"), "avif has no option effort; it has: subsampling, speed"),
        (("--codecs", "webp:444"), "webp has no option subsampling"),
        (("--codecs", "jpeg:quality=90"), "quality cannot be set"),
        (("--codecs", "jpeg:progressive=1"), "it can be: true, false"),
        (("--codecs", "jxl:effort=0"), "effort is '0'"),
        (("--codecs", "rlcodec:photo:speed=4"), "preset photo has no option speed"),
        (("--codecs", "rlcodec:photo:workers=two"), "workers is 'two'; give a number"),
        (("--codecs", "jpeg,jpeg"), "named twice"),
        (("--codecs", ","), "name codecs"),
        (("--codecs", "rlcodec:mnist/full"), "no variant 'full'"),
        (("--codecs", "policy:none.onnx"), "no such policy file"),
        (("--codecs", "jpeg", "--anchor", "avif", "--workers", "1"), "not among the codecs"),
        (("--codecs", "jpeg", "--out", "table.txt"), ".csv or .parquet"),
        (("--codecs", "jpeg", "--run", "x"), "presets and traces"),
        (("--anchor", "jpeg"), "go with codecs"),
        ((), "name --codecs"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(folder, run, arguments, message):
    code, _, err = run("evaluate", folder, *arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(DataError, match="neither idx files nor pictures"):
        measure_codecs(tmp_path, ["jpeg"])


def test_what_is_no_table_is_not_gone_on_with(tmp_path, folder):
    out = tmp_path / "codecs.csv"
    out.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="lacks image"):
        measure_codecs(folder, ["jpeg"], TableOptions(out))
    assert out.read_text() == "a,b\n1,2\n"


def test_bd_rate_of_a_codec_with_half_the_bits_is_minus_fifty():
    rates, decibels = [0.25, 0.5, 1, 2], [28, 32, 36, 40]
    curves = mean_curves(pd.concat([curve("one", rates, decibels), curve("half", [r / 2 for r in rates], decibels)]))
    found = bd_rates(curves, "one").set_index("measure")
    assert found.bd_rate_percent["psnr_db"] == pytest.approx(-50, abs=1e-6)
    assert (found.low_db["psnr_db"], found.high_db["psnr_db"], found.overlap["psnr_db"]) == (28, 40, 1)
    assert found.bd_rate_percent["ms_ssim_db"] == pytest.approx(-50, abs=1e-6)
    assert math.isnan(found.bd_rate_percent["ssimulacra2"])


def test_bd_rates_are_also_by_ssimulacra2():
    rates, scores = [0.25, 0.5, 1, 2], [-5, 40, 70, 85]
    one, half = (curve(name, np.array(rates) * by, [28, 32, 36, 40]) for name, by in (("one", 1), ("half", 0.5)))
    found = bd_rates(mean_curves(pd.concat([one, half]).assign(ssimulacra2=scores * 2)), "one").set_index("measure")
    assert found.bd_rate_percent["ssimulacra2"] == pytest.approx(-50, abs=1e-6)
    assert (found.low_db["ssimulacra2"], found.high_db["ssimulacra2"]) == (-5, 85)


def test_bd_rate_says_what_it_spans_and_stays_silent_where_curves_do_not_meet():
    curves = mean_curves(
        pd.concat([curve("a", [1, 2, 3], [30, 32, 34]), curve("b", [1, 2], [33, 35]), curve("c", [1, 2], [50, 51])])
    )
    found = bd_rates(curves, "a")
    psnr = found[found.measure == "psnr_db"].set_index("codec")
    assert (psnr.low_db["b"], psnr.high_db["b"]) == (33, 34)
    assert psnr.overlap["b"] == pytest.approx(0.2)
    assert math.isnan(psnr.bd_rate_percent["c"])


def test_points_that_others_beat_do_not_upset_a_curve():
    good = curve("a", [1, 2, 3], [30, 32, 34])
    bent = curve("b", [1, 1.5, 2, 3], [30, 28, 32, 34])
    found = bd_rates(mean_curves(pd.concat([good, bent])), "a")
    assert found.bd_rate_percent[0] == pytest.approx(0, abs=1e-9)


def test_curves_are_exchanged_and_come_back(table, tmp_path):
    curves = mean_curves(table)
    files = write_curves(curves, tmp_path, {"jpeg": "about it"})
    assert sorted(file.name for file in files) == ["jpeg.json", "policy-shipped.json", "rlcodec-photo.json"]
    content = json.loads((tmp_path / "jpeg.json").read_text())
    assert (content["name"], content["description"]) == ("jpeg", "about it")
    assert set(content["results"]) - {"psnr-hvs-m"} == {"bpp", "psnr", "ms-ssim", "ssimulacra2"}
    back = read_curve(tmp_path / "jpeg.json")
    ours = curves[curves.codec == "jpeg"]
    assert back.bpp.tolist() == pytest.approx(ours.bpp.tolist(), abs=1e-6)
    assert back.ms_ssim_db.tolist() == pytest.approx(ours.ms_ssim_db.tolist(), abs=1e-2)
    assert back.ssimulacra2.tolist() == pytest.approx(ours.ssimulacra2.tolist(), abs=1e-6)


def test_published_curves_stand_beside_measured_ones(folder, tmp_path, run):
    published = {"name": "theirs", "results": {"bpp": [0.1, 0.5, 3.0], "psnr-rgb": [24, 30, 40], "encoding_time": [1, 1, 1]}}
    (tmp_path / "theirs.json").write_text(json.dumps(published))
    code, out, _ = run(
        "evaluate", folder, "--codecs", "jpeg", "--workers", 1, "--published", tmp_path / "theirs.json", "--json",
        "--curves", tmp_path / "curves",
    )  # fmt: skip
    assert code == 0
    theirs = json.loads(out)["codecs"][1]
    assert theirs["codec"] == "theirs"
    assert theirs["bd_rate_percent_psnr"] < 0
    assert theirs["bd_rate_percent_ms_ssim"] is None
    assert (tmp_path / "curves" / "jpeg.json").exists()


@pytest.mark.parametrize(
    "content",
    ["[]", "{", '{"results": {"bpp": [1, 2], "psnr": [30]}}', '{"results": {"psnr": [30]}}', '{"results": {"bpp": [1]}}',
     '{"results": {"bpp": ["x"], "psnr": [30]}}', '{"results": {"bpp": [NaN], "psnr": [30]}}'],
)  # fmt: skip
def test_a_file_that_is_no_curve_is_refused_before_anything_is_measured(content, folder, tmp_path, run):
    path = tmp_path / "broken.json"
    path.write_text(content)
    out = tmp_path / "codecs.csv"
    code, _, err = run("evaluate", folder, "--codecs", "jpeg", "--published", path, "--out", out)
    assert code == 2
    assert "no curve" in err
    assert not out.exists()


def test_the_summary_is_a_table_that_people_can_read(table, folder, run):
    code, out, _ = run("evaluate", folder, "--codecs", "jpeg,webp", "--workers", 1)
    assert code == 0
    assert "BD-rates relative to jpeg" in out
    assert "BD-rate, SSIMULACRA2" in out
    summary = summary_of(mean_curves(table), "jpeg")
    assert summary.codec.tolist() == ["rlcodec:photo", "jpeg", "policy:shipped"]
    assert summary.encode_ms.notna().all()
