"""Time and size of the pages of the dashboards over tables of a million rows and more, asked by a signed-in administrator.

The dashboards run as shipped, in a process of their own; a page is asked as a browser without JavaScript asks it.
"""

from __future__ import annotations

import json
import math
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
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
from dashboards.app import PAGES
from pipeline.fraud.job import score_days
from pipeline.operations.migrate import migrate
from pipeline.problems import store
from pipeline.problems.problem import Facts, Place, Problem
from pipeline.reports import catalogue
from pipeline.settings.model import Settings

HOUR: Final = timedelta(hours=1)
NAME: Final = "measuring"
PASSWORD: Final = "measured once and never kept"  # noqa: S105 - of a person in a directory that is deleted
FIXED: Final = tuple(of.path for of in PAGES if "{" not in of.path and of.path != "/privacy/request")
"""Every page whose address has no part to fill in; a request of a person reads no table of this size."""
FIRST_LOAD: Final = ("/", "/static/pages.css", "/static/pages.js", "/static/icon.svg")
PERIODS: Final = ("24h", "28d")
ANSWERS: Final = 20
PATIENCE: Final = 10.0
"""Seconds for the answers of one page, fewer where `LONGEST` nears."""
LONGEST: Final = 420.0
"""Seconds for the pages of one table, if none takes longer than its part for one answer: two tables are measured within 20 minutes."""


class Opened(NamedTuple):
    """A page: seconds until 95 of 100 answers are there, bytes of an answer, and its status."""

    seconds: float
    size: int
    status: int


def measure(effort: Effort) -> Findings:
    figures: list[Figure] = []
    tables: list[Table] = []
    skipped: list[str] = []
    for rows in effort.tables:
        effort.say(f"pages over {rows:,} rows")
        with clickhouse(effort.scratch / str(rows), table.SITES) as (_, settings):
            migrate(settings)
            table.fill(settings, rows)
            table.publish(settings)
            table.copy_cells(settings)
            score_days(settings, datetime.now(UTC), most=1, only=table.BUSY)
            problem = _stored_problem(settings)
            found, first_load = _pages(settings, effort, problem)
        figures += _figures(rows, found, first_load)
        tables.append(_table(rows, found))
        if not any(path.startswith("/fraud/cases/") for path in found):
            skipped.append(f"{rows:,} rows have no case of fraud: its page is not measured")
    return Findings(tuple(figures), tuple(tables), tuple(skipped))


def _pages(settings: Settings, effort: Effort, problem: str) -> tuple[Mapping[str, Opened], int]:
    People(access_file(settings)).add(Person(NAME, "admin", ()), PASSWORD)
    port = free_port()
    url = f"http://localhost:{port}"
    file = _configuration(settings, port)
    with running([*CLI, "dashboards", "--config", str(file)], url=f"{url}/sign-in"):
        browser = _signed_in(url)
        found, paths = dict[str, Opened](), [*_paths(), f"/technical/problems/{problem}", *_case(browser, url)]
        until = time.monotonic() + LONGEST
        for number, path in enumerate(paths):
            effort.say(path)
            left = (until - time.monotonic()) / (len(paths) - number)
            found[_named(path)] = _opened(browser, url + path, patience=max(0.0, min(PATIENCE, left)))
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
        if report.is_for_tools or report.purpose == "fraud":
            continue
        place = "/technical" if report.purpose == "technical" else "/privacy/reports"
        yield from (f"{place}/{report.name}?site={table.BUSY}&since={period}" for period in PERIODS)


def _named(path: str) -> str:
    """Return the path without what is another one in each run."""
    return re.sub(r"(/problems/|/cases/).*", r"\1…", path)


def _stored_problem(settings: Settings) -> str:
    """Store a problem of the busy site, begun in its last day, and return its id."""
    since = table.midnight() - 12 * HOUR
    facts = Facts(number="people", seen=1, expected=130, of=0, days=28)
    problem = Problem(
        id="0a1b2c3d", site=table.BUSY, watch="silent_page", state="ongoing", place=Place("page", "/page/0"), quiet_until=since - HOUR,
        since=since, until=None, opened_at=since + HOUR, changed_at=since + 2 * HOUR, muted_until=None, fixed_by="", lost_low=96, lost=123,
        lost_high=151, confidence=23, facts=facts,
    )  # fmt: skip
    with store.connected(settings) as client:
        store.write(client, [store.change(settings.chosen_site(table.BUSY), problem)])
    return problem.id


def _case(browser: OpenerDirector, url: str) -> Iterator[str]:
    """Yield the path of a case, for which the browser has said why it is read; nothing where the table is too small for one."""
    with browser.open(f"{url}/reports/fraud/cases.json?state=all") as answer:
        cases = json.loads(answer.read())
    if not cases:
        return
    path = f"/fraud/cases/{cases[0]['case']}"
    with browser.open(url + path) as answer:
        word = re.search(r'name="form" value="([^"]+)"', answer.read().decode())
    form = urlencode({"form": word[1] if word else "", "purpose": "measurement"}).encode()
    browser.open(Request(url + path, form, {"Origin": url, "Sec-Fetch-Site": "same-origin"}))  # noqa: S310 - http
    yield path


def _opened(browser: OpenerDirector, url: str, *, patience: float) -> Opened:
    """Open once for warming up and then `ANSWERS` times, fewer times where that takes longer than the patience."""
    seen: list[float] = []
    while not seen or (len(seen) <= ANSWERS and sum(seen) < patience):
        began = time.perf_counter()
        status, size = _open(browser, url)
        seen.append(time.perf_counter() - began)
    kept = sorted(seen[1:] or seen)
    return Opened(kept[math.ceil(0.95 * len(kept)) - 1], size, status)


def _open(browser: OpenerDirector, url: str) -> tuple[int, int]:
    try:
        with browser.open(Request(url, headers={"Accept-Encoding": "gzip"}), timeout=60) as answer:  # noqa: S310 - http
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
    heaviest = max(found, key=lambda path: found[path].size)
    largest = f"bytes of the largest page, {heaviest}, {rows:,} rows"
    yield Figure(f"pages.{rows}.largest", largest, "bytes", (found[heaviest].size,), at_most(60 * 1024))
    yield Figure(f"pages.{rows}.first_load", "bytes of the first load", "bytes", (first_load,), at_most(60 * 1024))


def _table(rows: int, found: Mapping[str, Opened]) -> Table:
    lines: Sequence[tuple[str, ...]] = [
        (path, f"{page.seconds:.3f}", f"{page.size / 1024:.1f}") for path, page in found.items()
    ]
    return Table(f"pages over {rows:,} rows", ("page", "p95 s", "KiB"), tuple(lines))
