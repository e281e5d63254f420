"""Compares visits of a browser on the demo clinic with the rows as the worker would insert them."""

from __future__ import annotations

from functools import cache
from typing import Any

from playwright.sync_api import BrowserContext, Page, Request

from pipeline.enrich.rows import Row
from pipeline.enrich.steps import EnrichTables, enrich
from pipeline.event import Event
from pipeline.settings.model import Settings
from support.edge import CLINIC, Edge, Served
from support.waiting import wait_until

BATCH = "01900000-0000-7000-8000-000000000000"
COMPARED: list[tuple[str, str, str, object, object]] = []


@cache
def _tables() -> EnrichTables:
    return EnrichTables.load(Settings(sites=(CLINIC,)))


def remember(test: str, browser: str, expected: dict[str, object], found: dict[str, object]) -> None:
    """Compare by name, and keep both for the table of all cases."""
    case = test.removeprefix("test_").replace("_", " ")
    COMPARED.extend((case, browser, name, expected[name], found[name]) for name in expected)
    wrong = {name: (expected[name], found[name]) for name in expected if found[name] != expected[name]}
    assert not wrong, wrong


class Walk:
    """One browser context before the demo clinic: what it sent, what went wrong in its pages, what was stored."""

    def __init__(self, edge: Edge, demo: Served, context: BrowserContext, name: str, browser: str) -> None:
        self.edge, self.demo, self.context, self.name, self.browser = edge, demo, context, name, browser
        self.errors: list[str] = []
        self.sent: list[Request] = []
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on("request", lambda request: self.sent.append(request))
        context.set_default_timeout(15_000)

    def goto(self, path: str, page: Page | None = None, **how: Any) -> Page:
        page = page or self.context.new_page()
        page.goto(self.demo.url + path, **how)
        return page

    def after(self, count: int, page: Page | None = None) -> list[Row]:
        """Return the rows once there are `count`."""

        def enough() -> bool:
            if page is not None and not page.is_closed():
                page.wait_for_timeout(20)  # hands control to the browser's events
            return len(self.edge.events()) >= count

        wait_until(enough)
        return self.rows()

    def recognised(self) -> None:
        """Wait until the browser holds the id cookie: an event is on disk before its answer has arrived."""
        wait_until(self.cookies)

    def cookies(self) -> list[Any]:
        """Return the browser's cookies."""
        return list(self.context.cookies())

    def rows(self) -> list[Row]:
        return [enrich(event, _tables(), BATCH) for event in self.edge.events()]

    def compare(self, stored: Row | Event, **expected: object) -> None:
        """Compare field by field, and remember it for the table of all cases."""
        self.compare_values(expected, {name: getattr(stored, name) for name in expected})

    def compare_values(self, expected: dict[str, object], found: dict[str, object]) -> None:
        """Compare what is not in one row, such as a number of events."""
        remember(self.name, self.browser, expected, found)

    def settled(self, page: Page) -> list[Row]:
        """Return all rows once the page is quiet and a hit sent afterwards is stored too."""
        page.wait_for_load_state("networkidle")
        page.request.get(f"{self.edge.url}/p.gif?s=clinic&m=server&u={self.demo.url}/end&n=1")
        wait_until(lambda: any(event.page == "/end" for event in self.edge.events()))
        return [row for row in self.rows() if row.page != "/end"]
