"""Every page in a browser: accessible in both themes, as wide as the screen, light, from our host alone, usable with a keyboard, and its script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from dashboards.app import PAGES
from pipeline.settings.model import Settings
from support.chromium import chromium, needs_chromium
from support.showroom import WIDTHS, Scheme, Showroom, showroom

pytestmark = [pytest.mark.slow, needs_chromium]
LARGEST_LOAD, LARGEST_SCRIPT = 60 * 1024, 4096
FIRST_WITHOUT_STACKS = 701
"""The narrowest screen, in pixels, on which tables have columns."""
FIRST_WITHOUT_SCROLL = 1232
"""The narrowest one on which no table scrolls in a box of its own, so that its head stays on the screen."""
KINDS: tuple[tuple[Scheme, str, int], ...] = (("light", "ru", WIDTHS["wide"]), ("dark", "en", WIDTHS["narrow"]))
TOO_WIDE = """() => {
  if (document.scrollingElement.scrollWidth <= window.innerWidth) return [];
  return [...document.querySelectorAll("body *")].filter((each) => each.getBoundingClientRect().right > window.innerWidth + 1)
    .map((each) => `${each.tagName}.${each.getAttribute("class") || ""} ${Math.round(each.getBoundingClientRect().right)}`).slice(-6);
}"""
FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]"
"""What a key can reach."""
WITHOUT_RING = f"""() => [...document.querySelectorAll({FOCUSABLE!r})].filter((each) => {{
  if (!each.checkVisibility()) return false;
  each.focus();
  const style = getComputedStyle(each);
  return document.activeElement !== each || style.outlineStyle !== "solid" || parseFloat(style.outlineWidth) < 2;
}}).map((each) => each.outerHTML.slice(0, 120))"""


@dataclass
class Seen:
    """What one look at all pages found, by address."""

    violations: list[str] = field(default_factory=list)
    wide: list[str] = field(default_factory=list)
    without_ring: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    loads: dict[str, dict[str, int]] = field(default_factory=dict)
    """Bytes by path of each first load."""


@pytest.fixture(scope="module")
def room(clickhouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Showroom]:
    """Every page with content."""
    with showroom(clickhouse, tmp_path_factory.mktemp("showroom")) as made:
        yield made


@pytest.fixture(scope="module", name="chromium")
def _chromium(room: Showroom) -> Iterator[Browser]:
    """A browser; started after the room, ended with the module, since its event loop is the thread's."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: "-".join(map(str, kind)))
def seen(room: Showroom, chromium: Browser, request: pytest.FixtureRequest) -> Seen:
    """A look at every page: each first load alone, in one theme, language and width."""
    scheme, language, width = request.param
    found = Seen()
    signed_in = dict.fromkeys([*room.addresses(), *room.others()], 200) | room.errors()
    for role, addresses in (("admin", signed_in), (None, room.outside())):
        for address, status in addresses.items():
            context = room.context(chromium, role, scheme=scheme, language=language, width=width)  # type: ignore[arg-type]
            page = context.new_page()
            finished = _listen(page, address, found, room.pages.url)
            answer = page.goto(room.pages.url + address)
            assert answer is not None
            assert answer.status == status, address
            found.loads[address] = {
                urlsplit(each.url).path: sum(each.sizes()[part] for part in ("responseHeadersSize", "responseBodySize"))
                for each in finished
            }
            _look(page, address, found)
            context.close()
    return found


def _listen(page: Page, address: str, found: Seen, ours: str) -> list[Request]:
    finished: list[Request] = []

    def told(message: ConsoleMessage) -> None:
        is_own_status = message.text.startswith("Failed to load resource") and message.location["url"].endswith(address)
        if message.type in ("error", "warning") and not is_own_status:
            found.complaints.append(f"{address}: {message.text}")

    page.on("console", told)
    page.on("pageerror", lambda error: found.complaints.append(f"{address}: {error}"))
    page.on("request", lambda asked: None if asked.url.startswith(f"{ours}/") else found.foreign.append(asked.url))
    page.on("requestfinished", lambda asked: finished.append(asked))
    return finished


def _look(page: Page, address: str, found: Seen) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    for each in Axe().run(page).response["violations"]:
        found.violations += [f"{address}: {each['id']} {node['html'][:160]}" for node in each["nodes"][:3]]
    page.keyboard.press("Tab")
    found.without_ring += [f"{address}: {each}" for each in page.evaluate(WITHOUT_RING)]
    for width in (*WIDTHS.values(), FIRST_WITHOUT_STACKS, FIRST_WITHOUT_SCROLL):
        page.set_viewport_size({"width": width, "height": 800})
        found.wide += [f"{address} at {width}: {each}" for each in page.evaluate(TOO_WIDE)]


def opened(room: Showroom, chromium: Browser, address: str, **kind: object) -> Page:
    """Open a page in a browser of its own."""
    page = room.context(chromium, **kind).new_page()  # type: ignore[arg-type]
    page.goto(room.pages.url + address)
    return page


def column(page: Page, number: int) -> list[str]:
    """Return the texts of a column of the first table."""
    return page.locator(f"tbody tr td:nth-child({number})").all_inner_texts()


def test_axe_finds_nothing_on_any_page(seen: Seen) -> None:
    assert not seen.violations, "\n".join(seen.violations)


def test_no_page_scrolls_sideways(seen: Seen) -> None:
    assert not seen.wide, "\n".join(seen.wide)


def test_whatever_a_key_reaches_shows_that_it_has_the_focus(seen: Seen) -> None:
    assert not seen.without_ring, "\n".join(seen.without_ring)


def test_no_page_makes_the_browser_complain_or_asks_another_host(seen: Seen) -> None:
    assert (seen.complaints, seen.foreign) == ([], [])


def test_every_first_load_is_small(seen: Seen) -> None:
    assert {"/static/pages.css", "/static/pages.js"} <= seen.loads["/"].keys()
    assert all(load.get("/static/pages.js", 0) < LARGEST_SCRIPT for load in seen.loads.values())
    heavy = {address: sum(load.values()) for address, load in seen.loads.items() if sum(load.values()) > LARGEST_LOAD}
    assert not heavy


@pytest.mark.parametrize(("path", "coding"), [("/static/pages.css", "gzip"), ("/static/pages.js", "gzip"), ("/", "")])
def test_only_what_shows_nothing_of_a_person_is_compressed(room: Showroom, path: str, coding: str) -> None:
    answer = room.pages.browser("ops").get(path, **{"Accept-Encoding": "gzip"})
    assert (answer.status, answer.headers.get("content-encoding", "")) == (200, coding)


def test_every_page_of_the_list_is_looked_at(room: Showroom) -> None:
    assert len(room.addresses()) == sum(not of.path.endswith(".{form}") for of in PAGES)


def test_a_look_finds_what_is_too_wide_has_no_ring_or_breaks_the_policy(room: Showroom, chromium: Browser) -> None:
    page, found = room.context(chromium, width=360).new_page(), Seen()
    _listen(page, "/", found, room.pages.url)
    page.goto(f"{room.pages.url}/")
    page.evaluate("""() => {
      const [pre, link] = [document.createElement("pre"), document.createElement("a")];
      pre.style.width = "500px";
      link.href = "/";
      link.style.outline = "none";
      link.innerHTML = "<img src='http://other.example/x.png' onerror='alert(1)'>";
      document.querySelector("main").append(pre, link);
    }""")
    page.wait_for_timeout(100)
    _look(page, "/", found)
    assert any("at 360: PRE" in each for each in found.wide)
    assert any("<a " in each for each in found.without_ring)
    assert any("image-alt" in each for each in found.violations)
    assert any("Content Security Policy" in each for each in found.complaints)
    page.context.close()


@pytest.mark.parametrize("place", [8, 14], ids=["case", "requests"])
def test_the_tab_key_reaches_everything_in_order(room: Showroom, chromium: Browser, place: int) -> None:
    page = opened(room, chromium, room.addresses()[place])
    number: int = page.evaluate(
        f"[...document.querySelectorAll({FOCUSABLE!r})].filter((each) => each.checkVisibility()).map((each, at) => each.dataset.at = at).length"
    )
    walked: list[int] = []
    for _ in range(4 * number):  # a date is several stops
        page.keyboard.press("Tab")
        at = page.evaluate("document.activeElement.dataset.at ?? null")
        if at is None:
            break
        walked += [int(at)] if walked[-1:] != [int(at)] else []
    radios = page.locator("input[type=radio]").count()
    assert walked == sorted(set(walked))
    assert len(walked) == number - max(radios - 1, 0)  # keys walk into a group of choices once
    assert page.evaluate("document.querySelector('[data-at=\"0\"]').className") == "skip"
    page.context.close()


def test_j_and_k_walk_along_a_list_from_where_one_is_and_enter_opens(room: Showroom, chromium: Browser) -> None:
    page = opened(room, chromium, "/technical")
    links = page.locator("[data-list]").first.locator("li a")
    for key, number in (("j", 0), ("j", 1), ("k", 0), ("k", 0)):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.href") == links.nth(number).evaluate("(each) => each.href")
    links.nth(1).focus()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url("**/technical/problems/*")
    page.goto(f"{room.pages.url}/privacy/requests")
    page.locator("#case").press_sequentially("jk")
    assert page.locator("#case").input_value() == "jk"
    page.context.close()


@pytest.mark.parametrize("has_clipboard", [True, False])
def test_a_button_copies_the_lines_with_and_without_a_clipboard(
    room: Showroom, chromium: Browser, has_clipboard: bool
) -> None:
    context = room.context(chromium)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    if not has_clipboard:  # as on a page without https
        page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error('none'))")
    page.goto(f"{room.pages.url}/embed")
    page.locator("[data-copy]").first.click()
    expect(page.locator("[data-copy]").first).to_have_text("Copied")
    lines = page.locator(".lines pre").first.inner_text()
    assert page.evaluate("navigator.clipboard.readText()").strip() == lines.strip()
    expect(page.locator("[data-copy]").first).to_have_text("Copy")
    context.close()


def test_the_head_of_a_column_sorts_by_keyboard_and_says_how(room: Showroom, chromium: Browser) -> None:
    page = opened(room, chromium, "/privacy/audit")
    numbers = [int(each) for each in column(page, 1)]
    assert len(numbers) > 5
    head = page.locator("th").first
    for state, is_down in (("descending", True), ("ascending", False)):
        head.locator("button").press("Enter")
        assert head.get_attribute("aria-sort") == state
        assert [int(each) for each in column(page, 1)] == sorted(numbers, reverse=is_down)
    page.locator("th").nth(3).locator("button").click()
    assert head.get_attribute("aria-sort") is None
    assert column(page, 4) == sorted(column(page, 4), key=str.casefold, reverse=True)
    page.context.close()


@pytest.mark.parametrize(
    ("language", "texts", "down"),
    [
        ("en", ["9", "1,071", "", "1.5", "12%"], ["1,071", "12%", "9", "1.5", ""]),
        ("ru", ["9", "1\u00a0071", "not published", "1,5", "−3"], ["1\u00a0071", "9", "1,5", "−3", "not published"]),
    ],
)
def test_what_is_no_number_stands_below_all_numbers_whichever_way(
    room: Showroom, chromium: Browser, language: str, texts: list[str], down: list[str]
) -> None:
    page = opened(room, chromium, "/privacy/audit", language=language)
    cells = page.locator("tbody tr td:nth-child(1)")
    assert cells.count() >= len(texts)
    cells.evaluate_all("(cells, texts) => cells.forEach((cell, at) => { cell.textContent = texts[at] ?? ''; })", texts)
    head = page.locator("th").first.locator("button")
    head.click()
    assert column(page, 1)[: len(down)] == down
    head.click()
    numbers = [text for text in down if re.search(r"\d", text)]
    assert column(page, 1)[: len(numbers)] == numbers[::-1]
    page.context.close()


def test_the_waiting_page_turns_green_by_itself_when_somebody_comes(room: Showroom, chromium: Browser) -> None:
    page = room.context(chromium).new_page()
    page.clock.install()
    page.goto(f"{room.pages.url}/embed/wait")
    assert "fine" not in (page.locator("#wait .note").get_attribute("class") or "")
    address = page.url
    for _ in range(3):
        room.hit()
    for _ in range(20):
        page.clock.run_for(10_000)
        page.wait_for_timeout(500)
        if page.locator("#wait .note.fine").count():
            break
    expect(page.locator("#wait .note.fine")).to_be_visible()
    assert page.url == address
    page.context.close()


def test_live_numbers_that_cannot_be_asked_look_old_and_an_ended_session_leads_to_signing_in(
    room: Showroom, chromium: Browser
) -> None:
    page = room.context(chromium).new_page()
    page.clock.install()
    page.goto(f"{room.pages.url}/health")
    page.route("**/health", lambda route: route.abort())
    page.clock.run_for(10_000)
    expect(page.locator("#said")).to_have_class(re.compile(r"\bold\b"))
    page.unroute("**/health")
    page.clock.run_for(10_000)
    expect(page.locator("#said")).not_to_have_class(re.compile(r"\bold\b"))
    page.context.clear_cookies(name="clinic-pixel")
    page.clock.run_for(10_000)
    page.wait_for_url("**/sign-in?next=/health")
    page.context.close()


@pytest.mark.parametrize("script", [True, False])
def test_paper_has_the_content_without_menu_and_forms_and_opens_what_folds(
    room: Showroom, chromium: Browser, script: bool, tmp_path: Path
) -> None:
    page = opened(room, chromium, room.addresses()[2], scheme="dark", script=script)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator("h1").is_visible()
    assert not any(page.locator(each).first.is_visible() for each in ("header", "nav", ".strip", "main form"))
    colours = page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    assert colours == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    assert not page.locator("figure details").evaluate("(each) => each.open")
    assert page.locator("figure details table").evaluate(
        "(each) => each.checkVisibility({contentVisibilityAuto: true})"
    )
    page.goto(room.pages.url + room.others()[0])
    query = page.locator("details:has(> pre)").last
    assert query.locator("summary").is_visible()
    assert not query.locator("pre").evaluate("(each) => each.checkVisibility()")
    assert len(page.pdf(path=tmp_path / "report.pdf", format="A4")) > 1000
    page.context.close()
