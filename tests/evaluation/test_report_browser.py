"""The report in a real browser, Debian's chromium without a screen: by keyboard, on a phone's width, in the dark."""

import json
import os
import re
import shutil
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER) and os.environ.get("CI_BROWSER") != "1", reason="chromium and chromedriver are not installed"
)
FLAGS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,900")
PHONE = {"width": 375, "height": 800, "deviceScaleFactor": 2, "mobile": True}


@pytest.fixture(scope="module")
def browser(reported) -> Iterator[webdriver.Chrome]:
    """A browser that shows the report."""
    assert BROWSER
    assert DRIVER
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.get((reported.folder / "report.html").as_uri())
    yield driver
    driver.quit()


@pytest.fixture
def find(browser):
    """An element by its CSS selector."""
    return lambda selector: browser.find_element(By.CSS_SELECTOR, selector)


def shown(browser) -> dict[str, list[str]]:
    """The numbers beside the slider: left and right, by line."""
    rows = browser.find_elements(By.CSS_SELECTOR, ".slider .numbers tbody tr")
    cells = [[cell.text for cell in row.find_elements(By.CSS_SELECTOR, "th, td")] for row in rows]
    return {name: sides for name, *sides in cells}


def drawn(browser, chart: str) -> dict[str, list[float]]:
    """What a chart has on its upright axis, by trace."""
    script = "return document.querySelector(`[data-chart=${arguments[0]}]`).data.map((t) => [t.name, t.y])"
    return dict(browser.execute_script(script, chart))


def test_the_slider_is_moved_by_keyboard(browser, find):
    divider = find(".slider input[type=range]")
    find(".slider select.right").send_keys(Keys.TAB)
    for _ in range(20):
        if browser.switch_to.active_element == divider:
            break
        browser.switch_to.active_element.send_keys(Keys.TAB)
    assert browser.switch_to.active_element == divider
    left = find(".slider .clip").rect["x"]
    divider.send_keys(Keys.ARROW_RIGHT * 10)
    assert divider.get_attribute("value") == "60"
    assert divider.get_attribute("aria-valuetext") == "60% original, the rest rlcodec:photo"
    assert find(".slider .clip").value_of_css_property("clip-path") == "inset(0px 40% 0px 0px)"
    stage, line = find(".slider .stage").rect, find(".slider .divider").rect
    assert line["x"] + line["width"] / 2 == pytest.approx(left + 0.6 * stage["width"], abs=1)
    divider.send_keys(Keys.HOME)
    assert find(".slider .clip").value_of_css_property("clip-path") == "inset(0px 100% 0px 0px)"


def test_the_sides_are_chosen_and_their_numbers_and_pictures_follow(browser, find, reported):
    (one, other) = reported.content.comparisons[0].compared
    for compared in (one, other):
        Select(find(".slider select.picture")).select_by_visible_text(compared.image)
        for version in compared.versions[1:]:
            Select(find(".slider select.left")).select_by_visible_text(version.codec)
            numbers = {name: sides[0] for name, sides in shown(browser).items()}
            assert numbers["codec"] == version.codec
            assert numbers["setting"] == version.setting
            assert numbers["bytes"] == f"{version.size_bytes:,}"
            assert numbers["bits per pixel"] == f"{version.bpp:.4f}"
            assert numbers["PSNR, dB"] == f"{version.psnr_db:.2f}"
            assert numbers["MS-SSIM"] == f"{version.ms_ssim:.4f}"
            assert numbers["SSIMULACRA2"] == f"{version.ssimulacra2:.2f}"
            assert "CVVDP, JOD" not in numbers
            image = find(".slider img.left")
            assert image.get_attribute("src") == version.source
            assert version.codec in image.get_attribute("alt")
            browser.execute_async_script("arguments[0].decode().then(arguments[1])", image)
            size = browser.execute_script("return [arguments[0].naturalWidth, arguments[0].naturalHeight]", image)
            assert size == list(compared.shown)
        assert str(compared.most_bytes) in find(".slider .about").text.replace(",", "")


def test_zoom_goes_by_buttons_and_by_keys(find):
    def transform() -> list[float]:
        return [float(n) for n in re.findall(r"-?[\d.]+", find(".slider img.left").value_of_css_property("transform"))]

    def scale() -> int:
        return int(find(".slider .scale").text[:-1])

    stage = find(".slider .stage")
    find(".slider button.in").click()
    assert scale() == 2
    assert transform()[0] == 2
    stage.send_keys("+")
    assert (scale(), transform()[0]) == (3, 3)
    before = transform()
    stage.send_keys(Keys.ARROW_RIGHT)
    assert transform()[4] == before[4] - 40
    assert find(".slider img.right").value_of_css_property("transform") == find(".slider img.left").value_of_css_property(
        "transform"
    )
    stage.send_keys(Keys.ARROW_LEFT * 100)
    assert transform()[4] == 0
    stage.send_keys("-")
    assert scale() == 2
    find(".slider button.whole").click()
    assert (scale(), transform()) == (1, [1, 0, 0, 1, 0, 0])


def test_a_picture_is_filtered_and_codecs_are_hidden(browser, find, reported):
    Select(find("#codecs-0 select.image")).select_by_visible_text("wide.png")
    own = reported.table[(reported.table.image == "wide.png") & (reported.table.codec == "jpeg")].sort_values("bpp")
    assert drawn(browser, "psnr_db")["jpeg"] == pytest.approx(own.psnr_db.tolist())
    find("#codecs-0 details summary").click()
    cells = [cell.text for cell in browser.find_elements(By.CSS_SELECTOR, "#codecs-0 table.rows td")]
    assert all(f"{size:,}" in cells for size in own.size_bytes)
    find("#codecs-0 .codecs input[value=jpeg]").send_keys(Keys.SPACE)
    for chart in ("psnr_db", "ms_ssim_db", "ssimulacra2", "compute"):
        assert list(drawn(browser, chart)) == ["rlcodec:photo", "policy:shipped"]
    assert drawn(browser, "sizes").popitem()[1] == ["rlcodec:photo", "policy:shipped"]
    assert "jpeg" not in find("#codecs-0 table.rows").text
    find("#codecs-0 .codecs input[value=jpeg]").send_keys(Keys.SPACE)
    Select(find("#codecs-0 select.image")).select_by_index(0)
    assert len(drawn(browser, "psnr_db")["jpeg"]) == len(own)


def test_other_plots_follow_their_selects(browser, find, reported):
    Select(find("#learning select.tag")).select_by_visible_text("train/loss")
    assert drawn(browser, "learning")["ppo"] == pytest.approx([1, 1 / 2, 1 / 3])
    Select(find("#shares select.kind")).select_by_visible_text("ms-ssim")
    shares = reported.content.shares[0].table
    wanted = shares[shares.counts & (shares.kind == "ms-ssim")].share_policy
    assert sorted(drawn(browser, "shares")["policy"]) == pytest.approx(sorted(wanted))
    chosen = reported.table[reported.table.codec == "policy:shipped"]
    Select(find("#choices-0 select.setting")).select_by_visible_text(chosen.setting.iloc[0])
    points = [value for values in drawn(browser, "choices").values() for value in values]
    assert sorted(points) == pytest.approx(sorted(chosen[chosen.setting == chosen.setting.iloc[0]].psnr_db))


def test_nothing_is_wider_than_a_phone(browser):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    try:
        browser.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 300))")
        assert browser.execute_script("return [innerWidth, document.documentElement.scrollWidth]") == [375, 375]
        for chart in browser.find_elements(By.CSS_SELECTOR, ".chart, .stage, .stage img, .slider input"):
            assert chart.rect["x"] >= 0
            assert chart.rect["x"] + chart.rect["width"] <= 375
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_dark_is_dark_and_plots_follow(browser, find):
    def light(colour: str) -> float:
        parts = [float(n) for n in re.findall(r"[\d.]+", colour)[:3]]
        return sum(parts) / 3

    letters = ".chart[data-chart=psnr_db] .xtick text"
    seen = {}
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        browser.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 100))")
        seen[scheme] = (
            light(find("body").value_of_css_property("background-color")),
            light(find(letters).value_of_css_property("fill")),
        )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert seen["light"][0] > 200 > 100 > seen["light"][1]
    assert seen["dark"][0] < 60 < 180 < seen["dark"][1]


def test_after_all_that_nothing_was_logged_or_loaded(browser, reported):
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    loaded = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert (reported.folder / "report.html").as_uri() in loaded
    assert all(url.startswith(("file://", "data:", "blob:")) for url in loaded)
    assert sum(url.startswith("file://") for url in loaded) == 1
