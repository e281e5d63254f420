"""The whole product with content on every page: hits that arrive, problems, cases of fraud, requests of persons, and who may look at it.

Owns which address shows a page of `PAGES` with content (`addresses`): a new page with an unknown part in its path has to be added here.
"""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

import urllib3
from playwright.sync_api import Browser, BrowserContext

from collector.app import Collector
from dashboards.access.links import Invitation, Links
from dashboards.access.roles import Role
from dashboards.access.store import access_file
from dashboards.app import PAGES
from pipeline.operations.migrate import migrate
from pipeline.problems import store
from pipeline.settings import sections
from pipeline.settings.model import Settings
from pipeline.settings.site import DEMO_SITE, Site
from pipeline.ship.worker import Worker
from support import clinic_faults
from support.clinic_day import rows as clinic_rows
from support.command import free_port
from support.dashboards import Browser as PlainBrowser
from support.dashboards import Pages, serving
from support.days import MIDNIGHT
from support.edge import Served
from support.office import Person
from support.reviewing import PURPOSE, Desk, busy_day, decide, score
from support.server import Rows
from support.shown_days import store_days
from support.stored_problems import of_each_state
from support.system import AGENT

REQUEST: Final = {"case": "12/2026-4", "requester": "Anna", "basis": "letter of today"}
CLOSED: Final = {"case": "12/2026-3", "requester": "Boris", "basis": "visit of today"}
PROBLEM: Final = "0a1b2c3d"
SITES: Final = (DEMO_SITE, Site(id=clinic_faults.SITE, hosts=(clinic_faults.HOST,)))
WIDTHS: Final = {"narrow": 360, "wide": 1440}
Scheme = Literal["light", "dark"]


@dataclass
class Showroom:
    """What runs, and the addresses of its content."""

    pages: Pages
    collector: str
    rows: Rows
    cases: dict[str, str]
    _signed_in: dict[str, dict[str, str]]

    def addresses(self) -> list[str]:
        """Return an address for each page that a browser shows; raises KeyError for a page whose content is not known here."""
        return [self._address(of.path) for of in PAGES if not of.path.endswith(".{form}")]

    def others(self) -> list[str]:
        """Return more addresses of these pages, where other content stands: charts, letters, texts of a claim."""
        return [
            "/technical/traffic_by_day?since=28d",
            "/technical/broken_links?site=branch&since=7d",
            "/technical/now",
            "/technical/collector_health",
            "/fraud?state=all",
            f"/fraud/cases/{self.cases['confirmed']}",
            f"/privacy/request?case={quote(CLOSED['case'], safe='')}",
            "/embed?platform=wordpress",
        ]

    def errors(self) -> dict[str, int]:
        """Return addresses of what cannot be shown to somebody who is signed in, with the status of the answer."""
        return {"/technical/nothing": 404, "/technical/pages?since=never": 400, "/technical/pages?site=none": 404}

    def outside(self) -> dict[str, int]:
        """Return the addresses of what is shown without a session, with the status of the answer."""
        token = Links(access_file(self.pages.settings)).make(Invitation("guest", "ops"))
        return {"/sign-in": 200, f"/welcome?token={token}": 200, "/welcome?token=none": 404, "/nothing": 404}

    def _address(self, path: str) -> str:
        known = {
            "/technical/problems/{id}": f"/technical/problems/{PROBLEM}",
            "/technical/{name}": "/technical/pages?since=7d",
            "/fraud/cases/{id}": f"/fraud/cases/{self.cases['new']}",
            "/privacy/request": f"/privacy/request?case={quote(REQUEST['case'], safe='')}",
            "/privacy/reports/{name}": "/privacy/reports/retention",
        }
        return known[path] if "{" in path or path in known else path

    def hit(self, page: str = "/", site: str = "clinic") -> None:
        """Send a hit to the collector; it is stored within a second."""
        fields = {"s": site, "u": f"https://clinic.example{page}", "m": "js"}
        sent = urllib3.request("GET", f"{self.collector}/p.gif", fields=fields, headers={"User-Agent": AGENT})
        assert sent.status == 200

    def context(
        self, chromium: Browser, role: Role | None = "admin", *, language: str = "en", width: int = 1440,
        scheme: Scheme = "light", script: bool = True,
    ) -> BrowserContext:  # fmt: skip
        """Return a browser's context, signed in as somebody of the role, or not signed in."""
        context = chromium.new_context(
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            java_script_enabled=script,
            reduced_motion="reduce",
        )
        cookies = {**(self._cookies(role) if role else {}), "lang": language}
        context.add_cookies([{"name": name, "value": value, "url": self.pages.url} for name, value in cookies.items()])
        context.set_default_timeout(15_000)
        return context

    def _cookies(self, role: Role) -> dict[str, str]:
        if role not in self._signed_in:
            browser = self.pages.browser(role)
            if role in ("admin", "security"):
                give_purpose(browser, self.cases["new"])
            self._signed_in[role] = dict(browser.cookies)
        return self._signed_in[role]


def give_purpose(browser: PlainBrowser, case: str) -> None:
    """Say once for a session why cases are read."""
    assert browser.send(f"/fraud/cases/{case}", {"purpose": PURPOSE}).status == 303


@contextmanager
def showroom(settings: Settings, directory: Path) -> Iterator[Showroom]:
    """Fill the empty tables of a server, and run a collector, a shipper and the dashboards over them."""
    rows = Rows(settings)
    rows.clear()
    here = furnished(settings, directory / "var")
    migrate(here)
    try:
        score(here.model_copy(update={"sites": (DEMO_SITE,)}), clinic_rows(), *busy_day(), *busy_day())
        store_days(here, rows)
        with Served(Collector(here), port=here.collector.port) as collector, shipping(here), serving(here) as pages:
            with store.connected(here) as client:
                store.write(client, [store.change(here.chosen_site(one.site), one) for one in of_each_state(MIDNIGHT)])
            first = pages.browser("admin", name="first")
            cases = reviewed(Desk(pages, rows), first)
            room = Showroom(pages, collector.url, rows, cases, {"admin": dict(first.cookies)})
            room.hit()
            for request in (CLOSED, REQUEST):
                requested(room, first, request)
            yield room
    finally:
        migrate(settings)  # the views of the sites and costs that the other tests know
        rows.close()


def furnished(settings: Settings, data: Path) -> Settings:
    """Return settings with a data directory of their own, where collector, shipper and dashboards meet; it has the secrets of the server."""
    made = settings.model_copy(
        update={
            "data": data,
            "sites": SITES,
            "collector": sections.Collector(port=free_port()),
            "spool": sections.Spool(segment_seconds=0.2),
            "ship": sections.Ship(poll_seconds=0.1),
            "fraud": sections.Fraud(click_cost={"gclid": 120.0}, currency="RUB"),
        }
    )
    # A collector takes no link for its secrets.
    shutil.copytree(settings.secrets_dir, made.secrets_dir)
    return made


@contextmanager
def shipping(settings: Settings) -> Iterator[None]:
    """Deliver what the collector spools; the jobs of a shipper do not run, which would end the problems of a test."""
    stop = threading.Event()
    thread = threading.Thread(target=Worker(settings, stop=stop, jobs=()).run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


def reviewed(desk: Desk, browser: PlainBrowser) -> dict[str, str]:
    """Confirm the case with most harm, find one innocent, and return a case of each state."""
    cases = [each["case"] for each in desk.cases(browser, "?state=all")]
    give_purpose(browser, cases[0])
    assert decide(browser, cases[0], "confirmed", "asked for files with passwords").status == 303
    assert decide(browser, cases[-1], "innocent", "a test of our own").status == 303
    return {"confirmed": cases[0], "new": cases[1], "innocent": cases[-1]}


def requested(room: Showroom, browser: PlainBrowser, request: dict[str, str]) -> None:
    """Open the request of a person with three events; one of them ends with an erasure."""
    person = Person(room.pages.settings)
    person.visits(room.rows, "/", "/doctors", "/contacts")
    opened = browser.send("/privacy/requests", {**request, "code": person.code()})
    assert opened.status == 200
    assert re.search(r"\b3 events", opened.words)
    if request is CLOSED:
        here = f"/privacy/request?case={quote(request['case'], safe='')}"
        assert browser.send(here, {"step": "block", "basis": request["basis"]}).status == 303
        erased = browser.send(here, {"step": "erase", "basis": request["basis"], "again": request["case"]})
        assert erased.status == 303
