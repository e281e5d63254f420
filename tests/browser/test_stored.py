"""Compares visits of a browser on the demo clinic with the rows in ClickHouse, every column, on the running system."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from collector.demo.site import demo_app
from pipeline.database.client import connect
from pipeline.embedding.snippet import Wish
from support.edge import Served
from support.system import System
from support.waiting import wait_until
from support.walk import remember

Row = dict[str, Any]
NOBODY = IPv6Address("::")
# Values that a test cannot know, or that differ between machines; `check_own` looks at these.
OWN = {"received_at", "event_id", "epoch", "visitor", "ip_token", "net_token", "ua_token", "click_token", "nonce"}
OWN |= {"batch_id", "browser_major", "engine_major", "scrubbed", "collector"}

# The first page view of a browser without a past, told by the script; each case says what differs.
VIEW: Row = {
    "site": "clinic",
    "kind": "pageview",
    "mode": "js",
    "policy": "1",
    "visitor_kind": "day",
    "cookie_state": "new",
    "privacy_signal": "none",
    "consent": "unknown",
    "cookie_age": "new",
    "cookies": {},
    "ip_version": 4,
    "country": "",
    "asn": 0,
    "as_org": "",
    "net_class": "other",
    "browser": "HeadlessChrome",
    "os": "Linux",
    "os_major": 0,
    "device": "robot",
    "engine": "Blink",
    "webview": False,
    "hints": "agree",
    "hints_detail": "",
    "fetch": "agree",
    "agent_signed": "none",
    "robot": "HeadlessChrome",
    "ua_raw": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/* Safari/537.36",
    "page_host": "localhost",
    "page_flags": 0,
    "page_role": "",
    "attack": "",
    "page_scheme": "http",
    "page_from": "parameter",
    "status": 0,
    "campaign": {},
    "release": "",
    "paid": False,
    "click_kind": "",
    "click_sealed": "",
    "ad": "",
    "referrer_host": "",
    "referrer_page": "",
    "referrer_kind": "none",
    "ivt_reasons": ["declared_robot", "automation_token"],
    "dropped_params": 0,
}
IMAGE: Row = {"mode": "img", "page_from": "referer"}
KNOWN: Row = {"cookie_state": "returning", "cookie_age": "day", "visitor_kind": "cookie"}
SENSITIVE: Row = {"page": "/services/~sensitive", "cookie_state": "none", "cookie_age": "none", "visitor_kind": "none"}
INSIDE: Row = {"referrer_host": "localhost", "referrer_kind": "internal"}


class Visit:
    """One browser before the demo clinic, and the rows that ClickHouse holds of it."""

    def __init__(self, system: System, demo: Served, context: BrowserContext, name: str, version: str) -> None:
        self.system, self.demo, self.context, self.name, self.version = system, demo, context, name, version
        self.since = datetime.now(UTC).replace(tzinfo=None) - timedelta(milliseconds=2)
        context.set_default_timeout(15_000)

    def goto(self, path: str, page: Page | None = None) -> Page:
        page = page or self.context.new_page()
        page.goto(self.demo.url + path)
        return page

    def stored(self, count: int, table: str = "events", where: str = "page_host = 'localhost'") -> list[Row]:
        """Return the rows of this visit, oldest first, once there are `count`."""
        client = connect(self.system.settings, "pixel_admin")
        query = (
            f"SELECT * FROM pixel.{table} WHERE received_at >= {{since:DateTime64(3)}} AND {where} ORDER BY received_at"
        )

        def rows() -> list[Row]:
            found = list(client.query(query, parameters={"since": self.since}).named_results())
            return found if len(found) >= count else []

        try:
            found = wait_until(rows)
        finally:
            client.close()
        assert len(found) == count
        return found

    def check(self, row: Row, page: str, **differs: object) -> None:
        """Compare every column of an event."""
        expected = VIEW | {"page": page} | differs
        remember(f"stored_{self.name}", f"Chromium {self.version}", expected, {name: row[name] for name in expected})
        assert set(row) == set(expected) | OWN
        self.check_own(row, expected)

    def check_own(self, row: Row, expected: Row) -> None:
        """Look at the columns that differ from run to run."""
        now = datetime.now(UTC).replace(tzinfo=None)
        assert self.since <= row["received_at"] <= now
        assert row["epoch"] in {self.since.date(), now.date()}
        assert row["browser_major"] == row["engine_major"] == int(self.version.partition(".")[0])
        assert row["collector"].endswith("-w0")
        assert isinstance(row["event_id"], UUID)
        assert row["batch_id"].int
        assert row["scrubbed"]  # at least the browser's full version in the agent
        nobody = expected["visitor_kind"] == "none"
        for name in ("visitor", "ua_token"):
            assert (row[name] == 0) == nobody, name
        for name in ("ip_token", "net_token"):
            assert (row[name] == NOBODY) == nobody, name
        assert (row["click_token"] != 0) == expected["paid"]
        assert (row["nonce"] != 0) == (expected["mode"] == "js")


@pytest.fixture
def visit(system: System, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Visit]]:
    """Open the clinic in a browser without a past; `how` is the browser's, the rest the page owner's."""
    opened: list[Callable[..., object]] = []

    def open_clinic(how: dict[str, Any] | None = None, **wish: Any) -> Visit:
        url = f"http://localhost:{system.settings.collector.port}"  # the same site as the clinic's, as in real life
        demo = Served(demo_app(Wish(site="clinic", collector=url, ads=True, **wish))).__enter__()
        context = chromium.new_context(viewport={"width": 1100, "height": 700}, **(how or {}))
        opened.extend((demo.__exit__, context.close))
        name = request.node.name.removeprefix("test_")
        return Visit(system, demo, context, name, chromium.version)

    yield open_clinic
    for close in reversed(opened):
        close()


def test_script(visit):
    here = visit()
    here.goto("/doctors?utm_source=yandex&yclid=7000123&phone=79123456789#frag-ivanov")
    (row,) = here.stored(1)
    here.check(row, "/doctors", campaign={"utm_source": "yandex"}, paid=True, click_kind="yclid")


def test_noscript(visit):
    here = visit({"java_script_enabled": False})
    here.goto("/doctors?phone=79123456789")
    (row,) = here.stored(1)
    # Chromium sends no client hints from a page whose scripts are off.
    here.check(row, "/doctors", mode="noscript", page_from="referer", dropped_params=1, hints="none")


@pytest.mark.parametrize(
    ("path", "differs"),
    [
        ("/print", IMAGE),
        ("/prices", {"mode": "server"}),
        ("/nowhere", {"mode": "server", "status": 404}),
        ("/partner", IMAGE | {"kind": "impression", "ad": "spring-checkup"}),
    ],
    ids=["without_script", "from_a_template", "on_an_error_page", "of_an_ad_block_on_a_foreign_page"],
)
def test_image(visit, path, differs):
    here = visit()
    here.goto(path)
    (row,) = here.stored(1)
    here.check(row, path, **differs)


def test_single_page_application(visit):
    here = visit()
    page = here.goto("/my")
    wait_until(here.context.cookies)
    page.click("[data-view][href='/my/week']")
    page.wait_for_load_state("networkidle")
    page.go_back()
    first, second, third = here.stored(3)
    here.check(first, "/my")
    here.check(second, "/my/week", **KNOWN, **INSIDE, referrer_page="/my")
    here.check(third, "/my", **KNOWN, **INSIDE, referrer_page="/my/week")
    assert len({row["nonce"] for row in (first, second, third)}) == 3
    assert second["visitor"] == third["visitor"]


def test_ad_block_in_view(visit):
    here = visit()
    page = here.goto("/")
    wait_until(here.context.cookies)
    page.evaluate("document.querySelector('[data-pixel-ad]').scrollIntoView({block: 'center', behavior: 'instant'})")
    view, impression = here.stored(2)
    here.check(view, "/")
    here.check(impression, "/", **KNOWN, kind="impression", ad="spring-checkup")
    assert impression["nonce"] == view["nonce"]
    assert impression["ip_token"] == view["ip_token"]


def test_sensitive_page(visit):
    here = visit()
    page = here.goto("/services/hiv")
    page.wait_for_load_state("networkidle")
    here.goto("/services/oncology", page)
    for row in here.stored(2):
        here.check(row, **SENSITIVE)


def test_measurements(visit):
    here = visit(technical=("errors", "resources", "vitals"), release="v2.1")
    with here.context.expect_event("response", lambda response: response.url.endswith("/web-vitals.js")):
        page = here.goto("/doctors?phone=79123456789")
    page.wait_for_load_state("networkidle")  # t.js listens
    with here.context.expect_event("weberror"):
        page.evaluate("""() => setTimeout(() => { throw new TypeError('Patient "Ivanov" 79123456789 not found') })""")
    page.evaluate(
        """() => new Promise((done) =>
          document.body.append(Object.assign(new Image(), { onerror: () => done(), src: "/static/79123456789.png" })))"""
    )
    here.goto("/print", page)  # the page that is left tells its vitals
    rows = here.stored(6, "technical", "release = 'v2.1'")
    shared: Row = {"site": "clinic", "page": "/doctors", "browser": "HeadlessChrome", "os": "Linux", "device": "robot"}
    shared |= {"country": "", "release": "v2.1"}
    error = {"kind": "js_error", "name": "TypeError", "template": "* <text> <n> not found", "value": 0.0}
    resource = {"kind": "resource", "name": "img", "template": "", "source_host": "localhost", "value": 0.0}
    vital = {"kind": "vital", "template": "", "source_host": "", "source_file": "", "source_line": 0}
    for row in rows:
        expected = shared | {"js_error": error, "resource": resource, "vital": vital}[row["kind"]]
        found = {name: row[name] for name in expected}
        remember(f"stored_{here.name} {row['kind']}", f"Chromium {here.version}", expected, found)
        assert here.since <= row["received_at"] <= datetime.now(UTC).replace(tzinfo=None)
        assert row["batch_id"].int
    told = {row["name"]: row["value"] for row in rows if row["kind"] == "vital"}
    assert set(told) == {"LCP", "FCP", "TTFB", "CLS"}
    assert 0 < told["FCP"] < 60_000
