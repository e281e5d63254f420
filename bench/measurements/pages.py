"""Time and size of the pages of the dashboards over tables of a million rows and more, asked by a signed-in administrator.

The dashboards run as shipped, in a process of their own; a page is asked as a browser without JavaScript asks it.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Final, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

from bench import made_up_table as table
from bench.effort import Effort
from bench.figures import Figure, Findings, Table, at_most
from bench.processes import free_port, running
from bench.servers import CLI, clickhouse
from dashboards.access.people import People, Person
from dashboards.access.store import access_file
from pipeline.operations.migrate import migrate
from pipeline.reports import catalogue
from pipeline.settings.model import Settings

NAME: Final = "measuring"
PASSWORD: Final = "measured once and never kept"  # noqa: S105 - of a person in a directory that is deleted
FIXED: Final = (
    "/",
    "/technical",
    "/fraud",
    "/fraud/signals",
    "/fraud/totals",
    "/health",
    "/privacy",
    "/privacy/inventory",
    "/privacy/keys",
    "/privacy/exposure",
    "/embed",
)
FIRST_LOAD: Final = ("/", "/static/pages.css", "/static/pages.js", "/static/icon.svg")
PERIODS: Final = ("24h", "28d")
ANSWERS: Final = 20
PATIENCE: Final = 30.0
"""Seconds for the answers of one page."""


class Opened(NamedTuple):
    """A page: seconds until 95 of 100 answers are there, bytes of an answer, and its status."""

    seconds: float
    size: int
    status: int


def measure(effort: Effort) -> Findings:
    figures: list[Figure] = []
    tables: list[Table] = []
    for rows in effort.tables:
        effort.say(f"pages over {rows:,} rows")
        with clickhouse(effort.scratch / str(rows), table.SITES) as (_, settings):
            migrate(settings)
            table.fill(settings, rows)
            table.publish(settings)
            table.copy_cells(settings)
            found, first_load = _pages(settings, effort)
        figures += _figures(rows, found, first_load)
        tables.append(_table(rows, found))
    return Findings(tuple(figures), tuple(tables))


def _pages(settings: Settings, effort: Effort) -> tuple[Mapping[str, Opened], int]:
    People(access_file(settings)).add(Person(NAME, "admin", ()), PASSWORD)
    port = free_port()
    url = f"http://localhost:{port}"
    file = _configuration(settings, port)
    with running([*CLI, "dashboards", "--config", str(file)], url=f"{url}/sign-in"):
        browser = _signed_in(url)
        found = {}
        for path in _paths():
            effort.say(path)
            found[path] = _opened(browser, url + path)
        return found, sum(_open(browser, url + path)[1] for path in FIRST_LOAD)


def _configuration(settings: Settings, port: int) -> Path:
    file = settings.data / "pixel.toml"
    sites = "".join(f'[[sites]]\nid = "{site.id}"\nhosts = ["{site.hosts[0]}"]\n' for site in settings.sites)
    file.write_text(
        f'data = "{settings.data}"\n[clickhouse]\nport = {settings.clickhouse.port}\n[dashboards]\nport = {port}\n{sites}',
        encoding="utf-8",
    )
    return file


def _signed_in(url: str) -> OpenerDirector:
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    form = urlencode({"name": NAME, "password": PASSWORD}).encode()
    browser.open(Request(f"{url}/sign-in", form, {"Origin": url, "Sec-Fetch-Site": "same-origin"}))  # noqa: S310 - http
    return browser


def _paths() -> Iterator[str]:
    yield from FIXED
    for report in catalogue.all_reports():
        if report.purpose == "technical" and not report.is_for_tools:
            yield from (f"/technical/{report.name}?site={table.BUSY}&since={period}" for period in PERIODS)


def _opened(browser: OpenerDirector, url: str) -> Opened:
    """Open once for warming up and then `ANSWERS` times, fewer times where that takes longer than `PATIENCE`."""
    seen: list[float] = []
    while len(seen) <= ANSWERS and sum(seen) < PATIENCE:
        began = time.perf_counter()
        status, size = _open(browser, url)
        seen.append(time.perf_counter() - began)
    kept = sorted(seen[1:] or seen)
    return Opened(kept[math.ceil(0.95 * len(kept)) - 1], size, status)


def _open(browser: OpenerDirector, url: str) -> tuple[int, int]:
    try:
        with browser.open(url, timeout=60) as answer:
            return answer.status, len(answer.read())
    except HTTPError as error:
        return error.code, len(error.read())


def _figures(rows: int, found: Mapping[str, Opened], first_load: int) -> Iterator[Figure]:
    failed = [path for path, page in found.items() if page.status != 200]
    if failed:
        sys.exit(f"these pages do not answer: {', '.join(failed)}")
    slowest = max(found, key=lambda path: found[path].seconds)
    yield Figure(
        f"pages.{rows}.slowest_s", f"p95 of the slowest page, {slowest}, {rows:,} rows", "s", (found[slowest].seconds,)
    )
    yield Figure(f"pages.{rows}.overview_s", f"p95 of the overview, {rows:,} rows", "s", (found["/"].seconds,))
    yield Figure(f"pages.{rows}.first_load", "bytes of the first load", "bytes", (first_load,), at_most(60 * 1024))


def _table(rows: int, found: Mapping[str, Opened]) -> Table:
    lines: Sequence[tuple[str, ...]] = [
        (path, f"{page.seconds:.3f}", f"{page.size / 1024:.1f}") for path, page in found.items()
    ]
    return Table(f"pages over {rows:,} rows", ("page", "p95 s", "KiB"), tuple(lines))
