"""The journeys of four people through the dashboards: by links, forms and buttons alone, in both languages, with a script and without, narrow and wide.

They walk through the product as `clinic-pixel up` runs it, after four weeks of a made-up clinic whose booking form broke for one browser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from dashboards.access.people import People, Person
from dashboards.access.roles import Role
from dashboards.access.store import access_file
from dashboards.words.catalogue import Language, Words
from pipeline.audit.actions import Action
from pipeline.audit.log import Audit
from pipeline.settings.site import Site
from support.chromium import chromium, needs_chromium
from support.dashboards import PASSWORD
from support.pictures import code_of_a_visitor, lived
from support.system import System

pytestmark = [pytest.mark.slow, needs_chromium]
BROKEN = "Yandex"
"""The browser for which `simulate --fault browser-form` breaks the booking form."""


@dataclass(frozen=True)
class Way:
    """How somebody looks at the pages."""

    language: Language
    has_script: bool
    width: int

    def __str__(self) -> str:
        return f"{self.language}-{'script' if self.has_script else 'plain'}-{self.width}"

    @property
    def site(self) -> str:
        """A site where nobody was yet, for the page owner."""
        return f"new-{self}"

    @property
    def words(self) -> Words:
        """The texts in the language of the pages."""
        return Words(self.language)


WAYS = (Way("en", True, 1440), Way("ru", False, 360), Way("en", False, 1440), Way("ru", True, 360))
"""Each language, script or none, and each width meet each other once or more."""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The product after its four weeks."""
    with lived(tmp_path_factory.mktemp("journeys"), *(Site(id=way.site, hosts=("localhost",)) for way in WAYS)) as made:
        yield made


@pytest.fixture(scope="module", name="chromium")
def _chromium(system: System) -> Iterator[Browser]:
    """A browser."""
    with chromium() as browser:
        yield browser


class Desk:
    """Somebody with a role, who signs in by the form and from then on follows links."""

    def __init__(self, system: System, chromium: Browser, way: Way, role: Role, *sites: str) -> None:
        self.url = f"http://localhost:{system.settings.dashboards.port}"
        self.name = f"{role}-{way}"
        People(access_file(system.settings)).add(Person(self.name, role, sites), PASSWORD)
        self.context: BrowserContext = chromium.new_context(
            viewport={"width": way.width, "height": 800},
            java_script_enabled=way.has_script,
            locale={"en": "en-GB", "ru": "ru-RU"}[way.language],
        )
        self.context.set_default_timeout(20_000)
        self.page: Page = self.context.new_page()
        self.page.goto(self.url)
        self.page.fill("[name=name]", self.name)
        self.page.fill("[name=password]", PASSWORD)
        self.page.click("main button")

    def section(self, title: str) -> None:
        """Go to a section by the menu."""
        self.page.get_by_role("navigation").first.get_by_role("link", name=title, exact=True).click()

    def close(self) -> None:
        """Close the browser's window; nothing was wider than it."""
        width = self.page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
        self.context.close()
        assert width <= 0


@pytest.fixture(params=WAYS, ids=str)
def way(request: pytest.FixtureRequest) -> Way:
    """One way to look at the pages."""
    made: Way = request.param
    return made


def test_an_engineer_finds_the_browser_that_broke_the_booking_form(system: System, chromium: Browser, way: Way) -> None:
    desk = Desk(system, chromium, way, "ops")
    page = desk.page
    expect(page.get_by_role("heading", name=way.words.say("question_broken"))).to_be_visible()
    desk.section(way.words.say("section_technical"))
    booking = {"en": "Completed bookings", "ru": "Завершённые записи"}[way.language]
    page.locator("main a[href^='/technical/problems/']", has_text=re.compile(booking, re.IGNORECASE)).first.click()
    answers = page.locator("dl.answers")
    expect(answers).to_contain_text(BROKEN)
    expect(answers.locator("dd")).to_have_count(5)
    expect(page.locator("#closer")).to_be_visible()
    expect(page.locator("#history")).to_be_visible()
    desk.close()


def test_a_reviewer_decides_a_case_and_the_reading_is_recorded(system: System, chromium: Browser, way: Way) -> None:
    desk = Desk(system, chromium, way, "security")
    page, say = desk.page, way.words.say
    desk.section(say("section_fraud"))
    link = page.locator(".cases a[href^='/fraud/cases/']").first
    case = str(link.get_attribute("href")).rpartition("/")[2].partition("?")[0]
    link.click()
    page.fill("#purpose", "weekly review")
    page.get_by_role("button", name=say("purpose_send")).click()
    expect(page.locator("#verdict")).to_contain_text(say("case_innocent"))
    page.locator("input[name=decision][value=unsure]").check()
    page.fill("#reason", "asks again next week")
    page.get_by_role("button", name=say("case_send")).click()
    expect(page.locator("main")).to_contain_text("asks again next week")
    acts = [
        (entry.action, entry.facts.get("case"), entry.who) for entry, _ in Audit(system.settings.audit_dir).entries()
    ]
    assert (Action.FRAUD_CASE, case, desk.name) in acts
    desk.close()


def test_a_page_owner_embeds_the_pixel_and_sees_the_first_visit(
    system: System, chromium: Browser, way: Way, tmp_path: Path
) -> None:
    desk = Desk(system, chromium, way, "owner", way.site)
    page, say = desk.page, way.words.say
    desk.section(say("section_embed"))
    tag = page.locator("#line_tag").inner_text()
    assert f'data-site="{way.site}"' in tag
    page.get_by_role("link", name=say("wait_link")).click()
    expect(page.locator("#wait")).to_contain_text(say("wait_why"))
    (tmp_path / "index.html").write_text(f"<!doctype html><title>Clinic</title>\n{tag}\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path))) as site:
        Thread(target=site.serve_forever, daemon=True).start()
        for _ in range(2):  # one's own visit, and the first of somebody else
            visitor = chromium.new_context()
            opened = visitor.new_page()
            with opened.expect_response(lambda answer: "/e" in answer.url or "/p.gif" in answer.url):
                opened.goto(f"http://localhost:{site.server_port}/")
            visitor.close()
        site.shutdown()
    if not way.has_script:  # the page asks to be loaded again every 15 seconds; a reader's key is faster
        for _ in range(30):
            page.reload()
            if page.locator("#wait .state.good").count():
                break
            page.wait_for_timeout(1000)
    expect(page.locator("#wait .state.good")).to_be_visible(timeout=40_000)
    desk.close()


def test_a_data_protection_officer_blocks_and_exports_a_person(system: System, chromium: Browser, way: Way) -> None:
    desk = Desk(system, chromium, way, "privacy")
    page, say = desk.page, way.words.say
    code = code_of_a_visitor(chromium, system.settings)
    desk.section(say("section_privacy"))
    page.get_by_role("link", name=say("privacy_to_requests")).click()
    number = f"7/2026-{WAYS.index(way)}"
    for field, text in {"case": number, "requester": "M. Petrova", "basis": "letter of today", "code": code}.items():
        page.fill(f"#{field}", text)
    page.get_by_role("button", name=say("request_find")).click()
    expect(page.locator("main")).to_contain_text(say("found_title", n=2))
    expect(page.locator("dl.fields")).to_contain_text(say("request_due_told"))
    page.get_by_role("button", name=say("step_block")).click()
    expect(page.locator("main .answer")).to_contain_text(say("state_of_blocked"))
    expect(page.locator("pre.letter").first).to_contain_text(number)
    with page.expect_download() as taken:
        page.get_by_role("button", name=say("step_export")).click()
    text = Path(taken.value.path()).read_text()
    assert "/contacts" in text
    assert "ip_token" not in text
    page.reload()
    page.get_by_role("button", name=say("step_unblock")).click()
    expect(page.locator("main .answer")).to_contain_text(say("state_of_unblocked"))
    desk.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass
