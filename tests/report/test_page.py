"""The HTML report: one file, offline, complete, quick with thousands of scenarios."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe

from harness.report import load
from tests.report.sample import write_run
from tests.support.browser import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Scheme = Literal["light", "dark"]
CHECKSUM_OF_FETCHES = re.compile(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//|@import|url\((?!["']?data:)""")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


class Opened:
    """A page that is ready, with what it asked for and complained of."""

    def __init__(self, browser: Browser, path: Path, **options: Any) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page: Page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]")


def test_a_page_fetches_nothing_by_its_source(runs: Path) -> None:
    for name in ("failing", "empty", "good"):
        text = (runs / name / "report.html").read_text()
        assert not CHECKSUM_OF_FETCHES.search(text)
        assert "default-src 'none'" in text


def test_the_head_says_the_finding(runs: Path) -> None:
    assert (
        "<title>3 of 60 scenarios failed, 1 could not be judged · failing</title>"
        in (runs / "failing" / "report.html").read_text()
    )
    assert "<title>All 40 scenarios passed · good</title>" in (runs / "good" / "report.html").read_text()
    assert "<title>Nothing was executed · empty</title>" in (runs / "empty" / "report.html").read_text()


def test_failures_can_be_read_without_a_script(runs: Path) -> None:
    text = (runs / "failing" / "report.html").read_text()
    for row in (
        load(runs / "failing")
        .scenarios.query("outcome == 'failed' and attempt == 2 or outcome == 'error'")
        .itertuples()
    ):
        assert str(row.failure).split("   ")[0] in text


@pytest.mark.browser
def test_a_failure_opens_down_to_its_evidence(browser: Browser, runs: Path) -> None:
    opened = Opened(browser, runs / "failing" / "report.html")
    page = opened.page
    detail = page.locator("#detail")
    assert detail.locator("h3").inner_text() == "A day before the start everything is refunded"
    assert "expected BOOKING_CONFIRMED" in detail.locator("pre.failure").inner_text()
    failed = detail.locator("details.step.failed")
    assert failed.get_attribute("open") is not None
    text = failed.inner_text()
    for word in (
        "IDLE",
        "insert Booking",
        "currentState",
        "calendly: GET",
        "booking.created",
        "POST /api/scheduling/bookings/create → 200",
        "Clock 2030-03-04T09:00:03Z",
    ):
        assert word in text, word
    assert "[object" not in detail.inner_text()
    assert detail.locator(".copy code").inner_text() == "harness run 'scenarios/cancelling.yaml:20' --seed 7"
    detail.locator("details.step summary", has_text="deliver").first.click()
    detail.get_by_text("attempt 2 → 200 delivered").first.wait_for()
    assert opened.requests == [(runs / "failing" / "report.html").as_uri()]
    assert opened.complaints == []
    page.close()


@pytest.mark.browser
def test_filters_search_and_keys(browser: Browser, runs: Path) -> None:
    page = Opened(browser, runs / "failing" / "report.html").page
    shown = page.locator("#shown")
    page.locator("button.tile.failed").click()
    assert shown.inner_text() == "3 of 60"
    page.locator("button.tile.flaky").click()
    assert shown.inner_text() == "6 of 60"
    page.locator("#clear").click()
    assert shown.inner_text() == "60"
    page.locator("button[data-rule=R16]").click()
    assert shown.inner_text() == "6 of 60"
    assert page.locator("button[data-rule=R16]").get_attribute("aria-pressed") == "true"
    page.locator("#clear").click()
    page.locator("#tag").select_option("refunds")
    assert shown.inner_text() == "6 of 60"
    page.locator("#clear").click()
    page.locator("h1").click()
    page.keyboard.press("/")
    page.keyboard.type("no e-mail quick")
    assert shown.inner_text() == "1 of 60"
    page.locator("#list").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_function("document.querySelector('#detail h3').textContent.startsWith('No e-mail')")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'detail'")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "list"
    page.locator("#search").fill("nothing has this name")
    assert "No scenario fits" in page.locator("#list").inner_text()
    page.close()


@pytest.mark.browser
def test_a_flaky_scenario_shows_both_attempts(browser: Browser, runs: Path) -> None:
    page = Opened(browser, runs / "failing" / "report.html").page
    page.locator("button.tile.flaky").click()
    page.locator(".row").first.click()
    tabs = page.locator("#detail [role=tab]")
    assert tabs.all_inner_texts() == ["Attempt 1", "Attempt 2"]
    tabs.first.click()
    page.wait_for_selector("#detail .badge.failed")
    page.close()


@pytest.mark.browser
def test_a_phone_is_wide_enough(browser: Browser, runs: Path, tmp_path: Path) -> None:
    """Features with long names, hundreds of cases and minutes of time stand within the width, with all their columns."""
    text = (runs / "failing" / "report.html").read_text()
    row = re.search(r'<tr><th scope="row"><button.*?</tr>', text, re.DOTALL)
    assert row is not None
    long = re.sub(
        r'(<td class="num">)[^<]*', r"\g<1>100.04 s", row[0].replace("</button>", " of internationalisation</button>")
    )
    (tmp_path / "report.html").write_text(text.replace(row[0], long))
    page = Opened(browser, tmp_path / "report.html", viewport={"width": 390, "height": 844}).page
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.add_style_tag(content=".features .bar.small{min-width:200px !important}")
    assert page.evaluate("document.documentElement.scrollWidth") > 390, "what is too wide would have been noticed"
    page.close()


@pytest.mark.browser
def test_an_empty_and_a_good_run_open_without_complaint(browser: Browser, runs: Path) -> None:
    for name, words in (("empty", "This run holds no scenario"), ("good", "A free session is booked")):
        opened = Opened(browser, runs / name / "report.html", color_scheme="dark")
        assert words in opened.page.locator("#list").inner_text()
        assert opened.complaints == []
        opened.page.close()


@pytest.mark.browser
def test_every_control_has_a_name_and_headings_do_not_skip(browser: Browser, runs: Path) -> None:
    page = Opened(browser, runs / "failing" / "report.html").page
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, [role=listbox], [role=img]')]
             .filter(node => !(node.getAttribute('aria-label') || node.textContent.trim())).map(node => node.outerHTML)"""
    )
    assert nameless == []
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map(node => Number(node.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.locator("html").get_attribute("lang") == "en"
    page.close()


@pytest.mark.browser
def test_text_is_readable_in_both_schemes(browser: Browser, runs: Path) -> None:
    for scheme in ("light", "dark"):
        page = Opened(browser, runs / "failing" / "report.html", color_scheme=scheme).page
        assert page.evaluate(_LOW_CONTRAST) == []
        page.close()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["failing", "good", "empty"])
def test_axe_finds_nothing_with_everything_unfolded(browser: Browser, runs: Path, name: str, scheme: Scheme) -> None:
    page = opened_for_axe(browser, runs / name / "report.html", scheme)
    assert wrong(page) == []
    page.context.close()


@pytest.mark.browser
def test_axe_would_notice(browser: Browser, runs: Path) -> None:
    page = opened_for_axe(browser, runs / "failing" / "report.html", "light")
    page.evaluate("document.querySelector('#search').removeAttribute('aria-label')")
    page.evaluate("document.querySelector('#search').removeAttribute('placeholder')")
    assert [found.split(":")[0] for found in wrong(page)] == ["label"]
    page.context.close()


def opened_for_axe(browser: Browser, path: Path, scheme: Scheme) -> Page:
    """The page with a scenario chosen and all of its evidence unfolded."""
    context = browser.new_context(bypass_csp=True, color_scheme=scheme, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    if page.locator(".row").count():
        page.locator(".row").first.click()
        page.wait_for_selector("#detail.chosen")
        for _ in range(3):  # a step fills itself when it is unfolded, and has more to unfold
            page.evaluate("document.querySelectorAll('#detail details').forEach(node => { node.open = true; })")
            page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page


def wrong(page: Page) -> list[str]:
    """What axe complains of: its rule and the element."""
    violations = Axe().run(page).response["violations"]
    return [f"{each['id']}: {node['html'][:200]}" for each in violations for node in each["nodes"]]


@pytest.mark.browser
@pytest.mark.slow
def test_five_thousand_scenarios_open_at_once(browser: Browser, tmp_path: Path) -> None:
    write_run(tmp_path / "r", 5000)
    page = Opened(browser, tmp_path / "r" / "report.html").page
    ready_ms = page.evaluate("performance.now()")
    assert page.locator(".row").count() < 60, "only what is seen is in the page"
    page.locator("#list").focus()
    page.keyboard.press("End")
    page.wait_for_function(
        "document.querySelector('.row[aria-selected=true]')?.getAttribute('aria-posinset') === '5000'"
    )
    assert ready_ms < 5000
    page.close()


_LOW_CONTRAST = """() => {
  const parsed = new Map();
  const parse = text => { if (!parsed.has(text)) { const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1); parsed.set(text, [...canvas.getImageData(0, 0, 1, 1).data]); } return parsed.get(text); };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = node => { for (; node; node = node.parentElement) { const colour = parse(getComputedStyle(node).backgroundColor);
    if (colour[3] > 200) return colour; } return [255, 255, 255, 255]; };
  const bad = new Set();
  for (const node of document.querySelectorAll('h1, h2, h3, h4, p, td, th, dt, dd, button, code, summary span, .row span, .badge, pre')) {
    if (!node.textContent.trim() || !node.offsetParent || node.closest('.sr, .mark, :disabled')) continue;
    const one = light(parse(getComputedStyle(node).color)), two = light(ground(node));
    const ratio = (Math.max(one, two) + .05) / (Math.min(one, two) + .05);
    if (ratio < 4.5) bad.add(`${node.tagName}.${node.className} ${ratio.toFixed(2)}`);
  }
  return [...bad];
}"""


def test_a_failure_can_be_read_and_copied_on_a_phone(runs: Path, browser: Browser) -> None:
    opened = Opened(browser, runs / "failing" / "report.html", viewport={"width": 400, "height": 800})
    page = opened.page
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    inside = """selector => [...document.querySelectorAll(selector)].every(node => {
        const box = node.getBoundingClientRect();
        return node.scrollWidth <= node.clientWidth + 1 && box.left >= 0 && box.right <= 400; })"""
    for selector in (".copy button", "#detail pre", ".step .facts-in", ".wide", ".wide td", ".copy"):
        assert page.locator(selector).count()
        assert page.evaluate(inside, selector), selector
    assert min(page.evaluate("[...document.querySelectorAll('.step .ttl')].map(node => node.clientWidth)")) > 250
    heads = page.evaluate("[...document.querySelector('.wide tbody tr').children].map(cell => cell.dataset.label)")
    assert heads == ["Outcome", "Kind", "Where", "Expected", "Got", "Line"]
    page.close()


def test_failures_come_first_and_cases_of_a_matrix_say_their_values(runs: Path, browser: Browser) -> None:
    opened = Opened(browser, runs / "failing" / "report.html")
    page = opened.page
    above = "document.getElementById(%r).getBoundingClientRect().top"
    assert page.evaluate(f"{above % 'scenarios'} < {above % 'rules-title'}")
    rows = page.locator(".row .sub.bad").all_inner_texts()
    assert len(rows) == 6  # two are skipped
    assert all(row.startswith("[session=") for row in rows)
    assert page.locator("#detail .step").count()
    page.close()
    calm = Opened(browser, runs / "good" / "report.html").page
    assert calm.evaluate(f"{above % 'scenarios'} > {above % 'rules-title'}")
    calm.close()


def test_steps_have_the_numbers_that_messages_name(runs: Path, browser: Browser) -> None:
    page = Opened(browser, runs / "failing" / "report.html").page
    numbers = page.locator("#detail .step .number").all_inner_texts()
    assert numbers == [str(number) for number in range(len(numbers))]
    page.close()


def test_the_command_can_be_typed_again(tmp_path: Path) -> None:
    write_run(tmp_path / "run", 1, command=("harness", "run", "-k", "free session"))
    assert "harness run -k &#39;free session&#39;" in (tmp_path / "run" / "report.html").read_text()
