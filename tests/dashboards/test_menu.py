"""The menu on the smallest screen: whole, and reachable with the keyboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from support.chromium import chromium, needs_chromium
from support.dashboards import Pages

pytestmark = [pytest.mark.slow, needs_chromium]
OUTSIDE = """() => [...document.querySelectorAll("header a, header button")].filter((each) => {
  const place = each.getBoundingClientRect();
  return place.left < 0 || place.right > window.innerWidth;
}).map((each) => each.textContent)"""


@pytest.fixture(name="chromium")
def _chromium() -> Iterator[Browser]:
    """A browser."""
    with chromium() as browser:
        yield browser


def opened(pages: Pages, chromium: Browser, language: str) -> Page:
    """Return the overview of an admin, who has every section, at 360 pixels."""
    context = chromium.new_context(viewport={"width": 360, "height": 800})
    cookies = {**pages.browser("admin").cookies, "lang": language}
    context.add_cookies([{"name": name, "value": value, "url": pages.url} for name, value in cookies.items()])
    page = context.new_page()
    page.goto(pages.url)
    return page


@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_part_of_the_menu_is_cut_off_and_the_tab_key_reaches_each(
    pages: Pages, chromium: Browser, language: str
) -> None:
    page = opened(pages, chromium, language)
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate("document.scrollingElement.scrollWidth") == 360
    links, reached = page.locator("nav a").evaluate_all("(all) => all.map((each) => each.href)"), []
    page.keyboard.press("Tab")  # the link to the content
    for _ in links:
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.href"))
    assert reached == links
    assert len(links) == 7


def test_a_menu_that_is_cut_off_is_found(pages: Pages, chromium: Browser) -> None:
    page = opened(pages, chromium, "ru")
    page.evaluate("document.querySelector('nav').style.flexWrap = 'nowrap'")
    assert page.evaluate(OUTSIDE) != []
