"""Every page in a browser: accessible in both themes, as wide as the screen, light, from our host alone, usable with a keyboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright, Response, sync_playwright

from dashboards.app import PAGES
from pipeline.settings.model import Settings
from support.showroom import WIDTHS, Scheme, Showroom, showroom

pytestmark = pytest.mark.slow
LARGEST_LOAD, LARGEST_SCRIPT = 60 * 1024, 4096


@pytest.fixture(scope="module")
def room(clickhouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Showroom]:
    """Every page with content."""
    with showroom(clickhouse, tmp_path_factory.mktemp("showroom")) as made:
        yield made


@pytest.fixture(scope="module")
def chromium(room: Showroom) -> Iterator[Browser]:
    """A browser; started after the room, ended with the module, since its event loop is the thread's."""
    with sync_playwright() as started:
        yield from _launched(started)


def _launched(started: Playwright) -> Iterator[Browser]:
    browser = started.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
    yield browser
    browser.close()


def shown(room: Showroom, page: Page, address: str) -> None:
    """Open a page and everything that folds."""
    answer = page.goto(room.pages.url + address)
    assert answer is not None
    assert answer.status == 200, address
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")


def sideways(page: Page) -> list[str]:
    """Return what makes a page wider than its window: nothing, or the widest elements."""
    return page.evaluate("""() => {
      if (document.scrollingElement.scrollWidth <= window.innerWidth) return [];
      return [...document.querySelectorAll("body *")].filter((each) => each.getBoundingClientRect().right > window.innerWidth + 1)
        .map((each) => `${each.tagName}.${each.getAttribute("class") || ""} ${Math.round(each.getBoundingClientRect().right)}`).slice(-6);
    }""")  # type: ignore[no-any-return]


@pytest.mark.parametrize(("scheme", "language"), [("light", "ru"), ("dark", "en")])
def test_axe_finds_nothing_on_any_page(room: Showroom, chromium: Browser, scheme: Scheme, language: str) -> None:
    page = room.context(chromium, scheme=scheme, language=language).new_page()
    found: list[str] = []
    for address in room.addresses():
        shown(room, page, address)
        for each in Axe().run(page).response["violations"]:
            found += [f"{address}: {each['id']} {node['html'][:160]}" for node in each["nodes"][:3]]
    page.context.close()
    assert not found, "\n".join(found)


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_page_scrolls_sideways(room: Showroom, chromium: Browser, width: int, language: str) -> None:
    page = room.context(chromium, width=width, language=language).new_page()
    wide = {}
    for address in room.addresses():
        shown(room, page, address)
        if found := sideways(page):
            wide[address] = found
    page.context.close()
    assert not wide


def test_what_is_too_wide_is_named(room: Showroom, chromium: Browser) -> None:
    page = room.context(chromium, width=360).new_page()
    shown(room, page, "/")
    page.evaluate("document.querySelector('main').append(document.createElement('pre'))")
    page.evaluate("document.querySelector('main > pre').style.width = '500px'")
    assert any(each.startswith("PRE") for each in sideways(page))
    page.context.close()


def test_a_first_load_is_small_and_from_our_host_alone(room: Showroom, chromium: Browser) -> None:
    heavy, foreign = {}, []
    for address in room.addresses():
        context = room.context(chromium)
        page, answers = context.new_page(), list[Response]()
        page.on("response", lambda answer, into=answers: into.append(answer))
        page.goto(room.pages.url + address, wait_until="networkidle")
        sizes = {each.url: len(each.body()) for each in answers if each.status == 200}
        foreign += [url for url in sizes if not url.startswith(room.pages.url + "/")]
        assert next(size for url, size in sizes.items() if url.endswith("pages.js")) < LARGEST_SCRIPT
        if sum(sizes.values()) > LARGEST_LOAD:
            heavy[address] = sum(sizes.values())
        context.close()
    assert not foreign
    assert not heavy


def test_the_keyboard_reaches_the_content_first_and_walks_along_a_list(room: Showroom, chromium: Browser) -> None:
    page = room.context(chromium).new_page()
    shown(room, page, "/technical")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    places = page.evaluate("[...document.querySelectorAll('[tabindex]')].map((each) => each.tabIndex)")
    assert all(place == 0 for place in places)
    links = page.locator("[data-list]").first.locator("li a")
    for key, number in (("j", 0), ("j", 1), ("k", 0)):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.href") == links.nth(number).evaluate("(each) => each.href")
    page.keyboard.press("Enter")
    page.wait_for_url("**/technical/problems/*")
    page.context.close()


def test_paper_shows_the_content_without_the_menu(room: Showroom, chromium: Browser) -> None:
    page = room.context(chromium, scheme="dark").new_page()
    shown(room, page, room.addresses()[2])
    page.emulate_media(media="print")
    assert not page.locator("header").is_visible()
    assert page.locator("h1").is_visible()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    page.context.close()


def test_every_page_of_the_list_is_looked_at(room: Showroom) -> None:
    assert len(room.addresses()) == sum(not of.path.endswith(".{form}") for of in PAGES)
