"""The whole product with content on every page: problems, cases of fraud, a request of a person, and who may look at it.

Owns which address shows a page of `PAGES` with content (`addresses`): a new page with an unknown part in its path has to be added here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

from playwright.sync_api import Browser, BrowserContext

from dashboards.access.roles import Role
from dashboards.app import PAGES
from pipeline.settings.model import Settings
from support.clinic_day import rows as clinic_rows
from support.dashboards import Browser as PlainBrowser
from support.dashboards import Pages
from support.days import MIDNIGHT
from support.edge import Edge
from support.office import Person, office
from support.reviewing import PURPOSE, Desk, busy_day
from support.server import Rows
from support.stored_problems import of_each_state, store_problems

REQUEST: Final = {"case": "12/2026-4", "requester": "Anna", "basis": "letter of today"}
PROBLEM: Final = "0a1b2c3d"
WIDTHS: Final = {"narrow": 360, "wide": 1440}
Scheme = Literal["light", "dark"]


@dataclass
class Showroom:
    """What runs, and the addresses of its content."""

    pages: Pages
    edge: Edge
    rows: Rows
    case: str
    person: Person
    _signed_in: dict[str, dict[str, str]]

    def addresses(self) -> list[str]:
        """Return an address for each page that a browser shows; raises KeyError for a page whose content is not known here."""
        return [self._address(of.path) for of in PAGES if not of.path.endswith(".{form}")]

    def _address(self, path: str) -> str:
        known = {
            "/technical/problems/{id}": f"/technical/problems/{PROBLEM}",
            "/technical/{name}": "/technical/pages?since=7d",
            "/fraud/cases/{id}": f"/fraud/cases/{self.case}",
            "/privacy/request": f"/privacy/request?case={quote(REQUEST['case'], safe='')}",
            "/privacy/reports/{name}": "/privacy/reports/retention",
        }
        return known[path] if "{" in path or path in known else path

    def context(
        self, chromium: Browser, role: Role = "admin", *, language: str = "en", width: int = 1440,
        scheme: Scheme = "light", script: bool = True,
    ) -> BrowserContext:  # fmt: skip
        """Return a browser's context, signed in as somebody of the role."""
        context = chromium.new_context(
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            java_script_enabled=script,
            reduced_motion="reduce",
        )
        cookies = {**self._cookies(role), "lang": language}
        context.add_cookies([{"name": name, "value": value, "url": self.pages.url} for name, value in cookies.items()])
        context.set_default_timeout(15_000)
        return context

    def _cookies(self, role: Role) -> dict[str, str]:
        if role not in self._signed_in:
            browser = self.pages.browser(role)
            if role in ("admin", "security"):
                give_purpose(browser, self.case)
            self._signed_in[role] = dict(browser.cookies)
        return self._signed_in[role]


def give_purpose(browser: PlainBrowser, case: str) -> None:
    """Say once for a session why cases are read."""
    assert browser.send(f"/fraud/cases/{case}", {"purpose": PURPOSE}).status == 303


@contextmanager
def showroom(settings: Settings, directory: Path) -> Iterator[Showroom]:
    """Fill the empty tables of a server, and run a collector and the dashboards over them."""
    rows = Rows(settings)
    rows.clear()
    with office(settings, directory / "var") as pages, Edge(directory / "edge") as edge:
        desk = Desk(pages, rows).scored(clinic_rows(), *busy_day())
        store_problems(settings, of_each_state(MIDNIGHT))
        person = Person(pages.settings)
        person.visits(rows, "/", "/doctors", "/contacts")
        first = pages.browser("admin", name="first")
        case = desk.cases(first)[0]["case"]
        give_purpose(first, case)
        opened = first.send("/privacy/requests", {**REQUEST, "code": person.code()})
        assert opened.status == 200
        assert re.search(r"\b3 events", opened.words)
        yield Showroom(pages, edge, rows, case, person, {"admin": dict(first.cookies)})
    rows.close()
