"""The report in a real browser: Debian's Chromium, headless, with the file as a reader opens it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from .conftest import write_report
from .written_study import CURVES, spec, write_study

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="needs chromium and chromedriver (Debian: apt-get install chromium chromium-driver)",
)

_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip

WIDTHS = {"laptop": 1280, "phone": 390}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for option in (*_OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(option)
    # The driver is named, so that nothing looks for one elsewhere.
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    markup = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    long_label = "A model whose name is as long as names of checkpoints on a hub are " * 2
    folder = write_study(tmp_path_factory.mktemp("study"), claim=markup)
    return write_report(folder, spec(label=long_label, configuration=f"study: {'x' * 300}"))


def _open(browser: webdriver.Chrome, file: Path, width: int = WIDTHS["laptop"]) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(file.as_uri())


def _events(browser: webdriver.Chrome) -> list[dict[str, Any]]:
    return [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_it_opens_without_an_error_or_a_request(
    browser: webdriver.Chrome, file: Path, width: int
) -> None:
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get_log("performance")
    _open(browser, file, width)
    assert browser.title == "Essential sparsity: study tiny"
    assert browser.get_log("browser") == []
    requested = [
        event["params"]["request"]["url"]
        for event in _events(browser)
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert file.as_uri() in requested
    assert [url for url in requested if url != file.as_uri() and not url.startswith("data:")] == []


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_every_picture_is_there(browser: webdriver.Chrome, file: Path, width: int) -> None:
    _open(browser, file, width)
    pictures = browser.find_elements(By.TAG_NAME, "img")
    assert len(pictures) == 3
    for picture in pictures:
        assert picture.get_property("naturalWidth") > 0
        assert picture.get_attribute("alt")


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_only_boxes_scroll_sideways(browser: webdriver.Chrome, file: Path, width: int) -> None:
    _open(browser, file, width)
    for part in browser.find_elements(By.TAG_NAME, "details"):
        browser.execute_script("arguments[0].open = true", part)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    outside = browser.execute_script(
        """return [...document.querySelectorAll("main *, header *")].filter((element) =>
           !element.closest(".scroll, pre") &&
           element.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML)"""
    )
    assert outside == []


def test_wide_tables_and_figures_scroll_in_their_own_box(
    browser: webdriver.Chrome, file: Path
) -> None:
    _open(browser, file, WIDTHS["phone"])
    wider = browser.execute_script(
        """return [...document.querySelectorAll(".scroll")].filter((box) =>
           box.scrollWidth > box.clientWidth).map((box) => box.getAttribute("aria-label"))"""
    )
    assert any(str(label).startswith("Essential sparsity: the largest") for label in wider)
    assert "Essential sparsities, by task and model" in wider
    told = browser.execute_script(
        """return [...document.querySelectorAll(".scroll")].filter((box) =>
           getComputedStyle(box, "::before").content.startsWith('"More to the right')
           ).map((box) => box.getAttribute("aria-label"))"""
    )
    assert told == wider


def test_what_is_wider_once_unfolded_is_told_too(browser: webdriver.Chrome, file: Path) -> None:
    _open(browser, file, WIDTHS["phone"])
    browser.find_element(By.CSS_SELECTOR, "#reproduce summary").click()
    (box,) = browser.find_elements(By.CSS_SELECTOR, "#reproduce details .scroll")
    WebDriverWait(browser, 10).until(lambda _: "wider" in str(box.get_attribute("class")))


def _column(table: WebElement, heading: int) -> list[str]:
    rows = table.find_elements(By.CSS_SELECTOR, "tbody tr")
    return [row.find_elements(By.TAG_NAME, "td")[heading].text for row in rows]


def test_a_table_is_sorted_by_keyboard_alone(browser: webdriver.Chrome, file: Path) -> None:
    _open(browser, file)
    table = browser.find_element(By.CSS_SELECTOR, "#essential table")
    headings = table.find_elements(By.TAG_NAME, "th")
    titles = [heading.text.strip() for heading in headings]
    at = titles.index("Essential sparsity, %")
    assert len(_column(table, at)) == len(CURVES)
    button = headings[at].find_element(By.TAG_NAME, "button")
    button.send_keys(Keys.ENTER)
    assert _column(table, at) == ["< 10", "not resolved", "> 90"]
    assert headings[at].get_attribute("aria-sort") == "ascending"
    button.send_keys(Keys.SPACE)
    assert _column(table, at) == ["> 90", "not resolved", "< 10"]
    assert headings[at].get_attribute("aria-sort") == "descending"
    # By number, what is unknown last, and one column at a time.
    certified = titles.index("Certified, %")
    headings[certified].find_element(By.TAG_NAME, "button").click()
    assert _column(table, certified) == ["10", "≥ 90", "–"]
    assert headings[at].get_attribute("aria-sort") == "none"


def test_claims_are_sorted_by_their_number(browser: webdriver.Chrome, file: Path) -> None:
    _open(browser, file)
    table = browser.find_element(By.CSS_SELECTOR, "#claims table")
    button = table.find_element(By.CSS_SELECTOR, "th button")
    button.click()
    assert [name.split()[0] for name in _column(table, 0)] == ["C2", "C10"]
    button.click()
    assert [name.split()[0] for name in _column(table, 0)] == ["C10", "C2"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(
    browser: webdriver.Chrome, file: Path, scheme: str
) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    _open(browser, file)
    for selector in ("body", ".note", "h1 em", "td.open span", "td.yes span", "a"):
        ink, paper = browser.execute_script(
            """const of = (element, key) => getComputedStyle(element)[key].match(/[\\d.]+/g);
               return [of(document.querySelector(arguments[0]), "color"),
                       of(document.body, "backgroundColor")]""",
            selector,
        )
        assert _contrast(ink, paper) >= 4.5, (selector, ink, paper)


def _contrast(one: list[str], other: list[str]) -> float:
    """Return the contrast ratio of two colours by WCAG 2."""
    low, high = sorted(_luminance(colour) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: list[str]) -> float:
    shares = [float(value) / 255 for value in colour[:3]]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(w * value for w, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_on_paper_everything_is_unfolded_and_nothing_cut(
    browser: webdriver.Chrome, file: Path
) -> None:
    _open(browser, file)
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.find_elements(By.CSS_SELECTOR, "details:not([open])") == []
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = browser.execute_script(
        """return [...document.querySelectorAll(".scroll")].map((box) =>
           getComputedStyle(box).overflowX)"""
    )
    assert set(shown) == {"visible"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
