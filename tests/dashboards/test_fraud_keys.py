"""A reviewer at the keyboard of a browser: j, k and Enter in the queue, the filters of the address, a verdict, and two tabs on one case."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from support.chromium import chromium, needs_chromium
from support.dashboards import serving
from support.reviewing import Desk, busy_day, home_of
from support.server import Rows

pytestmark = [pytest.mark.slow, needs_chromium]


@pytest.fixture
def busy(tables: Rows, tmp_path: Path) -> Iterator[Desk]:
    """The pages of a busy day."""
    with serving(tables.settings, home_of(tables.settings, tmp_path)) as pages:
        yield Desk(pages, tables).scored(*busy_day())


@pytest.fixture(name="chromium")
def _chromium() -> Iterator[Browser]:
    """A browser."""
    with chromium() as browser:
        yield browser


def tab_of(busy: Desk, chromium: Browser) -> Page:
    """Return a tab of a reviewer who has given a purpose."""
    return _context(busy, chromium).new_page()


def _context(busy: Desk, chromium: Browser) -> BrowserContext:
    context = chromium.new_context()
    cookies = {**busy.reviewer().cookies, "lang": "en"}
    context.add_cookies([{"name": name, "value": value, "url": busy.pages.url} for name, value in cookies.items()])
    return context


def focused(page: Page) -> str:
    """Return the address of the link that has the focus."""
    return str(page.evaluate("document.activeElement.getAttribute('href')"))


def test_j_and_k_move_along_the_queue_and_enter_opens_the_case(busy: Desk, chromium: Browser) -> None:
    page = tab_of(busy, chromium)
    page.goto(f"{busy.pages.url}/fraud")
    cases = page.eval_on_selector_all("[data-list] > li a", "all => all.map(each => each.getAttribute('href'))")
    assert len(cases) > 1
    went = []
    for key in ("j", "j", "k", "k", "j"):
        page.keyboard.press(key)
        went.append(focused(page))
    assert went == [cases[0], cases[1], cases[0], cases[0], cases[1]]
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{cases[1]}")


def test_a_filter_stays_in_the_address_when_another_one_is_chosen(busy: Desk, chromium: Browser) -> None:
    page = tab_of(busy, chromium)
    page.goto(f"{busy.pages.url}/fraud")
    page.get_by_role("link", name="suspected, likely", exact=True).click()
    page.get_by_role("link", name="7 days").first.click()
    assert page.url.endswith("/fraud?band=likely&seen=7d")
    assert page.locator(".cases > li").count() == 2
    page.reload()
    assert page.locator(".filters [aria-current]").all_inner_texts()[:3] == ["suspected, likely", "waiting", "7 days"]


def test_of_two_tabs_that_decide_one_case_the_second_sees_what_was_decided(busy: Desk, chromium: Browser) -> None:
    first = tab_of(busy, chromium)
    first.goto(f"{busy.pages.url}/fraud")
    first.locator("[data-list] a").first.click()
    second = first.context.new_page()
    second.goto(first.url)
    for tab, decision, reason in ((first, "confirmed", "scans every night"), (second, "innocent", "our own test")):
        tab.check(f"[value={decision}]")
        tab.fill("#reason", reason)
        tab.get_by_role("button", name="Store the decision").click()
    assert "scans every night" in first.inner_text("main > .note")
    assert "Your decision was not stored" in second.inner_text("h1")
    assert "our own test" in second.inner_text("pre")
    second.get_by_role("link", name="Open the case as it is now").click()
    assert "Confirmed: case" in second.inner_text("h1")
    assert [row[0] for row in busy.verdicts()] == ["confirmed"]
