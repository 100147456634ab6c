"""The report: one page that loads nothing, whose numbers are those of the tables, and figures for papers."""

import base64
import io
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rlcodec.core.metrics import psnr_db
from rlcodec.core.ssimulacra2 import ssimulacra2
from rlcodec.evaluation.perceptual import cvvdp
from rlcodec.evaluation.rate_distortion import load_table, save_table
from rlcodec.evaluation.report import content, pictures
from rlcodec.evaluation.report.content import gather, sizes_at_equal_psnr
from rlcodec.evaluation.report.html import render
from rlcodec.evaluation.report.pictures import compare_at_equal_bytes
from rlcodec.evaluation.report.sources import choice_in_words, read_sources

REFERENCE = Path(__file__).parents[2] / "runs" / "reference" / "photo-shipped"


class Page(HTMLParser):
    """Elements of a page, and the rows of its tables as text by the id of the section around them."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: dict[str, list[list[str]]] = {}
        self.headings: list[str] = []
        self.section, self.text, self.script = "", "", ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "section":
            self.section = dict(attrs)["id"] or ""
        if tag == "tr":
            self.rows.setdefault(self.section, []).append([])
        if tag in ("td", "th", "h1", "h2", "script"):
            self.text = ""

    def handle_data(self, data):
        self.text += data

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.rows[self.section][-1].append(self.text)
        if tag in ("h1", "h2"):
            self.headings.append(self.text)
        if tag == "script" and not self.script:
            self.script = self.text


@pytest.fixture(scope="module")
def page(reported) -> Page:
    return Page(reported.page)


@pytest.fixture(scope="module")
def data(page) -> dict:
    """What the page's scripts draw."""
    return json.loads(page.script)


def test_the_page_loads_nothing(page, reported):
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        assert attributes.get("src", "data:").startswith("data:")
        assert attributes.get("href", "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
    metas = [attributes for tag, attributes in page.elements if tag == "meta"]
    policy = next(m["content"] for m in metas if m.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert not re.search(r"https?:|unsafe-eval|\*", policy)
    styles = reported.page.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in styles
    assert "@import" not in styles


def test_every_part_has_its_heading_and_what_is_shown_its_name(page):
    assert page.headings == [
        "rlcodec report", "Codecs: photos: 2 pictures", "Pictures at equal bytes", "What the policy chose",
        "Share of the oracle's gain", "Learning curves",
    ]  # fmt: skip
    charts = [a for _, a in page.elements if a.get("class") == "chart"]
    assert len(charts) == 8
    assert all(chart["role"] == "img" and chart["aria-label"] for chart in charts)
    assert all("alt" in attributes for tag, attributes in page.elements if tag == "img")


def test_numbers_are_those_of_the_table(page, data, reported):
    rows = [row for row in page.rows["codecs-0"] if len(row) == 12][1:]
    assert len(rows) == reported.table.groupby(["codec", "setting"]).ngroups
    for codec, setting, size, bpp, psnr, quality, _, score, _, kmac, _, _ in rows:
        own = reported.table[(reported.table.codec == codec) & (reported.table.setting == setting)]
        assert (size, bpp) == (f"{own.size_bytes.mean():,.0f}", f"{own.bpp.mean():.4f}")
        assert (psnr, quality) == (f"{own.psnr_db.mean():.2f}", f"{own.ms_ssim.mean():.4f}")
        assert score == f"{own.ssimulacra2.mean():.2f}"
        assert kmac == ("" if codec == "jpeg" else f"{own.decoder_kmac_per_pixel.mean():.2f}")
    drawn = pd.DataFrame(data["comparisons"][0]["rows"])
    for column in ("image", "codec", "setting", "choice", "size_bytes", "bpp", "psnr_db"):
        assert drawn[column].tolist() == reported.table[column].tolist()


def test_pictures_are_what_codecs_show_at_no_more_bytes(reported, data):
    for one in data["compared"][0]:
        original = np.asarray(Image.open(reported.folder / "photos" / one["image"]))
        shown = {v["codec"]: v for v in one["versions"]}
        assert list(shown) == ["original", "rlcodec:photo", "policy:shipped", "jpeg"]
        pixels = {name: pixels_of(v["source"]) for name, v in shown.items()}
        assert (pixels["original"] == original).all()
        own = shown["rlcodec:photo"]
        mine = reported.table[(reported.table.image == one["image"]) & (reported.table.codec == "rlcodec:photo")]
        row = mine.loc[(mine.bpp - 0.5).abs().idxmin()]
        assert (own["size_bytes"], own["psnr_db"]) == (row.size_bytes, pytest.approx(row.psnr_db))
        for name in ("policy:shipped", "jpeg", "rlcodec:photo"):
            assert 0.7 * own["size_bytes"] < shown[name]["size_bytes"] <= one["most_bytes"] == own["size_bytes"]
            assert shown[name]["psnr_db"] == pytest.approx(psnr_db(original, pixels[name]))
            assert shown[name]["ssimulacra2"] == pytest.approx(ssimulacra2(original, pixels[name]))
            assert shown[name]["cvvdp_jod"] is None
        quality = int(shown["jpeg"]["setting"].split()[1])
        saved = io.BytesIO()
        Image.fromarray(original).save(saved, "JPEG", quality=quality, optimize=True, progressive=True)
        assert shown["jpeg"]["size_bytes"] == len(saved.getvalue())


def test_cvvdp_is_measured_if_it_is_asked_for(reported, tmp_path, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycvvdp", None)
    cvvdp.cache_clear()
    code, _, err = run("report", reported.folder / "codecs.csv", "--cvvdp", "--out", tmp_path / "r.html")
    assert code == 2
    assert "pip install rlcodec[cvvdp]" in err
    assert not (tmp_path / "r.html").exists()
    monkeypatch.setattr(pictures, "cvvdp", lambda: lambda original, shown: 10.0 - (original != shown).any())
    monkeypatch.setattr(content, "cvvdp", pictures.cvvdp)
    found = gather(read_sources([reported.folder / "codecs.csv"]), images=1, with_cvvdp=True)
    assert [version.cvvdp_jod for version in found.comparisons[0].compared[0].versions] == [10, 9, 9, 9]
    assert "CVVDP, JOD" in render(found, ["x"])
    assert '<th scope="col" class="number">CVVDP, JOD</th>' not in reported.page


def test_of_large_pictures_the_middle_is_shown_and_the_whole_is_measured(reported, photograph):
    large = np.asarray(photograph.resize((700, 520)))
    rows = reported.table[reported.table.codec == "jpeg"]
    found = compare_at_equal_bytes("large", large, pd.concat([rows, rows.assign(codec="unheard of")]), 0.5)
    assert (found.width, found.height, found.shown) == (700, 520, (512, 512))
    original, jpeg = found.versions
    assert (pixels_of(original.source) == large[4:516, 94:606]).all()
    assert found.most_bytes == round(0.5 * 700 * 520 / 8) >= jpeg.size_bytes
    saved = io.BytesIO()
    Image.fromarray(large).save(saved, "JPEG", quality=int(jpeg.setting.split()[1]), optimize=True, progressive=True)
    assert jpeg.psnr_db == pytest.approx(psnr_db(large, np.asarray(Image.open(saved))))
    assert found.missing == {"unheard of": "is not known here"}


def pixels_of(source: str) -> np.ndarray:
    """The picture in a data URI."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))))


def test_what_the_policy_chose_stands_beside_every_picture(page, reported):
    chosen = reported.table[reported.table.codec == "policy:shipped"]
    head, *rows = page.rows["choices-0"]
    assert head[1:] == list(chosen.setting.unique())
    for image, *choices in rows:
        assert choices == chosen[chosen.image == image].choice.tolist()
    assert sum(attributes.get("class") == "thumbnail" for _, attributes in page.elements) == 2


def test_shares_and_episodes_are_those_that_are_claimed(page):
    rows = page.rows["shares"]
    assert rows[1] == ["photo-shipped", "0.823", "0.739 to 0.868", "41", "61"]
    choices = [row[2] for row in rows if len(row) == 5][3:]
    assert len(choices) == 100
    assert all(re.fullmatch(r"gain \d+, after \d slices?(, synthesis \w+)?", choice) for choice in choices)


def test_learning_curves_are_what_was_logged(page, data, reported):
    assert data["trained"][0]["curves"]["rollout/ep_rew_mean"] == [[0, 10, 20], [1, 2.5, 4.25]]
    assert data["trained"][0]["curves"]["train/clip_fraction"] == [[0], [None]]
    assert ["ppo", "rollout/ep_rew_mean", "3", "0", "1", "20", "4.25"] in page.rows["learning"]
    assert "<dt>seed</dt><dd>7</dd>" in reported.page


def test_a_table_of_a_policy_on_a_trace_is_told_by_its_columns(tmp_path):
    columns = {"kind": ["mse", "psnr"], "lambda_rate": [100.0, 50.0], "lambda_compute": [1.0, 2.0], "J_fixed": [5.0, 4.0]}
    columns |= {"J_oracle": [3.0, 4.0], "gap_counts": [True, False]}
    columns |= {f"share_{name}": [0.75, float("nan")] for name in ("policy", "planner", "threshold")}
    pd.DataFrame(columns).to_csv(tmp_path / "evaluation.csv", index=False)
    (shares,) = read_sources([tmp_path / "evaluation.csv"]).shares
    assert (shares.name, shares.share, shares.interval) == ("evaluation", 0.75, None)
    (again,) = read_sources([tmp_path]).shares
    assert again.share == 0.75


def test_published_curves_stand_alone_or_beside_a_table(reported, tmp_path):
    theirs = {"name": "jpeg", "results": {"bpp": [0.2, 0.9], "psnr": [25.5, 33.25]}}
    (tmp_path / "theirs.json").write_text(json.dumps(theirs))
    alone = gather(read_sources([tmp_path / "theirs.json"]))
    assert alone.comparisons[0].curves.psnr_db.tolist() == [25.5, 33.25]
    assert "33.25" in {text for row in Page(render(alone, ["x"])).rows["codecs-0"] for text in row}
    beside = gather(read_sources([reported.folder / "codecs.csv", tmp_path]), images=0)
    looks = beside.comparisons[0].looks
    assert list(looks) == ["rlcodec:photo", "jpeg", "policy:shipped", "jpeg (published)"]
    assert len({(look.colour, look.symbol) for look in looks.values()}) == 4
    assert beside.comparisons[0].compared == ()


def test_bytes_at_equal_psnr_lie_between_those_that_were_measured():
    curves = pd.DataFrame({"codec": ["a"] * 3 + ["b"] * 2, "bpp": [0.5, 1, 2, 1, 4], "psnr_db": [30.0, 32, 36, 32, 36]})
    found = sizes_at_equal_psnr(curves, 800).set_index(["codec", "level_db"]).size_bytes
    assert found["a", 32] == pytest.approx(100)
    assert found["b", 34] == pytest.approx(200)
    assert 100 < found["a", 34] < 200
    assert ("a", 31) not in found


def test_pictures_that_are_others_by_now_are_left_out_with_a_word(reported, tmp_path, run):
    Image.new("RGB", (320, 213)).save(tmp_path / "wide.png")
    code, _, err = run("report", reported.folder / "codecs.csv", "--pictures", tmp_path, "--out", tmp_path / "r.html")
    assert code == 0
    assert "2 of the pictures of codecs are missing or have changed" in err
    page = Page((tmp_path / "r.html").read_text())
    assert "Pictures at equal bytes" not in page.headings
    assert "Codecs: photos: 2 pictures" in page.headings


def test_a_table_whose_pictures_are_gone_is_reported_without_them(reported, tmp_path, run):
    save_table(load_table(reported.folder / "codecs.csv"), tmp_path / "alone.parquet")
    code, _, err = run("report", tmp_path / "alone.parquet", "--out", tmp_path / "new" / "r.html")
    assert code == 0
    assert "name them by --pictures" in err
    assert (tmp_path / "new" / "r.html").stat().st_size > 1_000_000


def test_names_from_files_are_text_and_never_markup(reported, tmp_path):
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    table = load_table(reported.folder / "codecs.csv").replace({"codec": {"jpeg": evil}, "setting": {"gain 6": evil}})
    save_table(table, tmp_path / "t.csv")
    page = Page(render(gather(read_sources([tmp_path / "t.csv"])), [evil]))
    assert sum(tag == "script" for tag, _ in page.elements) == 4
    assert not [a for tag, a in page.elements if tag == "img" and a.get("src") == "x"]
    assert evil in {text for row in page.rows["codecs-0"] for text in row}


DAMAGED = {
    "cut.parquet": lambda table: None,
    "empty.csv": lambda table: table.iloc[:0],
    "nan.csv": lambda table: table.assign(bpp=np.nan),
    "words.csv": lambda table: table.assign(psnr_db="much"),
    "negative.csv": lambda table: table.assign(size_bytes=-1),
    "impossible.csv": lambda table: table.assign(ms_ssim=1.5),
    "better.csv": lambda table: table.assign(ssimulacra2=100.5),
    "twice.csv": lambda table: pd.concat([table, table]),
    "other.csv": lambda table: table[["bpp"]],
}


@pytest.mark.parametrize("name", sorted(DAMAGED))
def test_damaged_tables_are_refused_in_one_line(name, reported, tmp_path, run):
    table = DAMAGED[name](reported.table)
    if table is None:
        save_table(reported.table, tmp_path / name)
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-200])
    else:
        table.to_csv(tmp_path / name, index=False)
    out = tmp_path / "r.html"
    code, _, err = run("report", tmp_path / name, "--out", out)
    assert code == 2
    assert err.count("\n") == 1
    assert name in err
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("results.json", '{"format": 1}', "no usable results"),
        ("curve.json", '{"results": {"bpp": [], "psnr": []}}', "without points"),
        ("deep.json", "[" * 200_000, "no curve"),
        ("run.txt", "", "nothing to report on"),
    ],
)
def test_files_of_other_kinds_are_refused_in_one_line(name, content, message, tmp_path, run):
    (tmp_path / name).write_text(content)
    code, _, err = run("report", tmp_path / name, "--out", tmp_path / "r.html")
    assert code == 2
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("action", [999, -1])
def test_claims_of_actions_that_do_not_exist_are_refused(action, tmp_path, run):
    claims = json.loads((REFERENCE / "results.json").read_text())
    claims["episodes"][0]["actions"] = [action]
    (tmp_path / "results.json").write_text(json.dumps(claims))
    code, _, err = run("report", tmp_path, "--out", tmp_path / "r.html")
    assert code == 2
    assert "does not have" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "svg,gif"), "unknown format 'gif'; there are: svg, pdf, png"),
        (("--format", ""), "unknown format ''"),
        (("--out", "report.pdf"), "ends in .html"),
        (("--bpp", "0"), "must be positive"),
        (("--pictures", "none"), "left out"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_one_line(arguments, message, reported, tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run("report", reported.folder / "codecs.csv", *arguments)
    assert (code, err.count("\n")) == (0 if "--pictures" in arguments else 2, 1)
    assert message in err


def test_a_folder_without_anything_and_one_that_is_not_there_are_refused(tmp_path, run):
    for path, message in ((tmp_path, "holds nothing to report on"), (tmp_path / "none", "no such file or folder")):
        code, _, err = run("report", path, "--out", tmp_path / "r.html")
        assert code == 2
        assert message in err


def test_figures_for_papers_lie_beside_the_page(reported, tmp_path, run):
    code, out, err = run(
        "report", reported.folder / "codecs.csv", "--out", tmp_path / "r.html", "--images", 0, "--format", "svg"
    )
    assert (code, err) == (0, "")
    names = {f"r-{figure}.svg" for figure in ("rd-psnr", "rd-ms-ssim", "rd-ssimulacra2", "compute", "sizes")}
    assert {path.name for path in tmp_path.iterdir()} == {"r.html"} | names
    assert all(name in out for name in names)
    for codec, look in reported.content.comparisons[0].looks.items():
        assert look.colour in (tmp_path / "r-rd-psnr.svg").read_text(), codec


def test_figures_are_written_in_every_format_a_column_wide(reported, tmp_path, run):
    code, _, err = run("report", reported.folder / "ppo", REFERENCE, "--out", tmp_path / "r.html", "--format", "svg, PDF,png")
    assert (code, err) == (0, "")
    for figure in ("learning", "shares"):
        assert (tmp_path / f"r-{figure}.pdf").read_bytes().startswith(b"%PDF")
        assert (tmp_path / f"r-{figure}.svg").read_text().startswith("<?xml")
        with Image.open(tmp_path / f"r-{figure}.png") as image:
            assert 900 < image.width < 1100


def test_actions_are_told_in_words():
    actions = {"first": ["a", "b"], "later": ["stop", "context"]}
    assert choice_in_words(actions, (1, 1, 1, 0)) == "b, context 2 times"
    with pytest.raises(IndexError):
        choice_in_words(actions, (5,))
    photo = {"first": ["gain 0"], "later": ["stop", "go on"], "stops": ["after 1", "after 2"], "last": ["plain", "full"]}
    assert choice_in_words(photo, (0, 1, 1)) == "gain 0, after 2, full"
    assert choice_in_words(photo, (0, 0, 0)) == "gain 0, after 1, plain"


def test_quiet_prints_nothing(reported, tmp_path, run):
    assert run("report", reported.folder / "ppo", "--out", tmp_path / "r.html", "--quiet") == (0, "", "")
