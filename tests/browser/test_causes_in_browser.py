"""Faults of a real browser's way after weeks of a made-up clinic: the engine names the fault and its cause, check-tag the reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, islice, takewhile
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import pytest
from playwright.sync_api import Browser, Page, Request
from playwright.sync_api import Error as PlaywrightError
from starlette.applications import Starlette
from starlette.requests import Request as Asked
from starlette.responses import HTMLResponse
from starlette.routing import Route

from bench.problems.rows import Product, store
from pipeline.embedding.snippet import Wish, snippet
from pipeline.enrich.rows import Row
from pipeline.enrich.steps import EnrichTables, enrich
from pipeline.problems.counting import table_of
from pipeline.problems.job import Evaluation
from pipeline.problems.problem import Problem
from pipeline.problems.store import connected
from pipeline.settings.model import Settings
from pipeline.settings.sections import Collector
from pipeline.settings.site import Site
from pipeline.traffic.history import clinic_until, planned_history, visits_of
from pipeline.traffic.send import PlannedHit
from pipeline.traffic.visits import Visit
from support.command import command, free_port
from support.edge import Edge, Served
from support.server import Rows
from support.waiting import wait_until

pytestmark = pytest.mark.slow

# The same Wednesday of the made-up clinic, whenever the test runs, moved by whole weeks to the last one. Its morning is an ordinary
# one and the fault begins at noon: a day with a quiet morning may be a holiday, and its loss of people is not named.
DRAWN: Final = datetime(2026, 11, 25, 18, tzinfo=UTC)
MOVED: Final = (datetime.now(UTC) - DRAWN) // timedelta(weeks=1) * timedelta(weeks=1)
NOW: Final = DRAWN + MOVED
SINCE: Final = NOW - timedelta(hours=6)
DAYS: Final = 15
PEOPLE: Final = 160
PAUSE: Final = timedelta(seconds=40)
CLINIC: Final = Site(id="clinic", hosts=("clinic.example", "localhost"), timezone="UTC")
ASKING: Final = Site(id="asking", hosts=("asking.example", "localhost"), timezone="UTC", consent="explicit")
SITES: Final = (CLINIC, ASKING)


class Seen(NamedTuple):
    """The problems of a site after the visits."""

    problems: list[Problem]

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """Watch, place and cause of each problem."""
        return [(each.watch, each.place.name, each.facts.cause) for each in self.problems if each.is_active]


class Ground:
    """The server with the histories, and the steps from a browser's hits to the problems."""

    def __init__(self, rows: Rows, settings: Settings) -> None:
        self._rows, self.settings = rows, settings
        for site in SITES:
            product = Product(settings, now_ms=_ms(NOW))
            store(settings, product.rows(_history(site)))
            assert not product.refused

    def evaluate(self, *sites: Site, stored: Sequence[Row] = ()) -> list[Seen]:
        """Return the problems of these sites with these rows of browsers, which are gone afterwards."""
        store(self.settings, stored)
        try:
            found = Evaluation(self.settings.model_copy(update={"sites": sites})).run(NOW, wait=False)
        finally:
            self._rows.age(f"received_at >= toDateTime64({_ms(SINCE) / 1000}, 3)")
            self._rows.clear("problems")
            with connected(self.settings) as client:
                for site in sites:
                    table_of(client, self.settings, site, NOW)  # the hours without the rows of this test
        return [Seen(found[site.id]) for site in sites]


@pytest.fixture(scope="module")
def ground(clickhouse: Settings) -> Iterator[Ground]:
    rows = Rows(clickhouse)
    rows.clear()
    with rows.views_of(SITES) as settings:
        yield Ground(rows, settings)
    rows.clear()
    rows.close()


def _history(site: Site) -> Iterator[PlannedHit]:
    """Yield the hits of the weeks before the fault; with a banner, everybody has agreed.

    Only browsers that can be had, and no view of an error page: its few links that lead nowhere may be a problem of their own.
    """
    first = DRAWN.date() - timedelta(days=DAYS)
    agreed = {"c": "1"} if site.consent == "explicit" else {}
    for hit in takewhile(
        lambda hit: hit.at_ms < _ms(SINCE - MOVED), planned_history(site, first, DAYS + 1, visitors=PEOPLE, opt_out=0.0)
    ):
        if not {"a", "e"} & hit.query.keys() and "Chrome/" in hit.agent:
            yield replace(hit, at_ms=hit.at_ms + MOVED // timedelta(milliseconds=1), query={**hit.query, **agreed})


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def visits(count: int) -> list[Visit]:
    """Return so many visits of people of Chromium with scripts, each on its way from page to page."""
    day = DRAWN.date()
    clinic = clinic_until(CLINIC, day, 1, 2 * count + PEOPLE, 7, 0.0, None)
    people = (
        visit
        for visit in visits_of(clinic, day)
        if visit.is_person and visit.browser.engine == "Blink" and not visit.person.startswith("staff")
    )
    return list(islice((visit for visit in people if visit.views[0].mode == "js"), count))


def path_of(visit: Visit) -> list[str]:
    return [view.page.partition("?")[0] for view in visit.views if not view.ads]


class Fault(NamedTuple):
    """The way in which a site is broken: its tag, the header of its pages, the pages without a tag."""

    wish: Wish
    policy: str = ""
    bare: Sequence[str] = ()
    change: Callable[[str], str] = str


def clinic_app(fault: Fault) -> Starlette:
    """Return a small clinic: every path is a page with the tag."""
    tag = fault.change(snippet(fault.wish)[0].text)

    def page(asked: Asked) -> HTMLResponse:
        own = "" if asked.url.path in fault.bare else tag
        headers = {"Content-Security-Policy": fault.policy} if fault.policy else {}
        return HTMLResponse(f"<!doctype html><html><body>{own}<h1>Clinic</h1></body></html>", headers=headers)

    return Starlette(routes=[Route("/{rest:path}", page)])


class Crowd:
    """Browsers that walk through a site one after another, and what reached the collector."""

    def __init__(self, chromium: Browser, edge: Edge) -> None:
        self._chromium, self._edge = chromium, edge
        self.failed: list[str] = []
        self.refused: list[str] = []
        self._hits: list[int] = []

    def walk(
        self,
        url: str,
        ways: Sequence[tuple[Visit, Sequence[str]]],
        *,
        bare: Sequence[str] = (),
        counted: bool,
        **how: object,
    ) -> None:
        """Walk the ways; `counted`: each page with the tag tells its view, and the walk waits until it is told."""
        for place, (visit, way) in enumerate(ways):
            headers = {**visit.browser.headers, "X-Forwarded-For": f"203.0.113.{place + 1}"}
            context = self._chromium.new_context(user_agent=visit.browser.agent, extra_http_headers=headers, **how)  # type: ignore[arg-type]
            context.set_default_timeout(15_000)
            context.on("requestfailed", lambda request: self.failed.append(request.url))
            context.on("console", lambda message: self.refused.append(message.text))
            page, before = context.new_page(), visit.views[0].referrer
            hits, self._until = 0, "commit" if counted else "load"
            for path in way:
                is_told = counted and path not in bare
                with ExitStack() as until:
                    if is_told:
                        until.enter_context(page.expect_request_finished(_is_hit))
                    self._open(page, url + path, before)
                hits += is_told
                before = url + path
            context.close()
            self._hits.append(self._arrived(hits))

    def _open(self, page: Page, address: str, referrer: str) -> None:
        try:
            page.goto(address, referer=referrer or None, wait_until=self._until)
        except PlaywrightError as error:
            assert "ERR_CONNECTION_REFUSED" in error.message  # noqa: PT017 - a browser shows its own page then

    def _arrived(self, hits: int) -> int:
        """Return how many hits came since the visit before: at least these, for a busy browser may load an image twice."""
        before = sum(self._hits)
        wait_until(lambda: len(self._edge.events()) >= before + hits)
        return len(self._edge.events()) - before

    def rows(self) -> list[Row]:
        """Return the rows as if the visits were spread over the hours since the begin, on pages with a certificate."""
        tables = EnrichTables.load(self._edge.settings)
        each = (NOW - SINCE) * 0.95 / len(self._hits)
        moments = chain.from_iterable(
            (SINCE + place * each + number * PAUSE for number in range(hits)) for place, hits in enumerate(self._hits)
        )
        # An image that a browser loads twice may come after the last look: it has no moment and is left out.
        return [
            enrich(msgspec.structs.replace(event, received_ms=_ms(at), page_scheme="https"), tables, BATCH)
            for event, at in zip(self._edge.events(), moments, strict=False)
        ]


BATCH: Final = "01900000-0000-7000-8000-000000000000"


def _is_hit(request: Request) -> bool:
    return request.url.endswith("/e") or "/p.gif?" in request.url


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    proxied = Collector(trusted_proxies=("127.0.0.1/32", "::1/128"))  # type: ignore[arg-type]
    with Edge(tmp_path / "var", sites=SITES, collector=proxied) as edge:
        yield edge


@pytest.fixture
def crowd(chromium: Browser, edge: Edge) -> Crowd:
    return Crowd(chromium, edge)


def check_tag(url: str, tmp_path: Path) -> list[str]:
    """Return the problems and notes of check-tag, or its error."""
    done = command(tmp_path / "check", "check-tag", url, "--format", "json")
    if not done.stdout:
        return [done.stderr]
    return [one["text"] for one in json.loads(done.stdout)["findings"] if one["level"] != "ok"]


def ways(count: int, longest: int | None = None) -> list[tuple[Visit, list[str]]]:
    """Return the ways of so many visits; of pages that tell nothing, two are as good as all."""
    return [(visit, path_of(visit)[:longest]) for visit in visits(count)]


VISITS: Final = 30
ENOUGH: Final = 60
"""So many visits are those of six ordinary hours, and make the loss of a page of every third visitor certain."""
SILENT: Final = [("all_traffic", "", "check_tag")]
BLOCKED_SCRIPT: Final = "default-src 'self'; script-src 'self'; img-src *; connect-src *"


def blocked(crowd: Crowd, part: str) -> int:
    """Return how many requests of a part of the tag the browsers refused."""
    return sum(part in url for url in crowd.failed)


def test_a_policy_that_blocks_the_script_is_silence_and_check_tag_names_the_policy(ground, crowd, edge, tmp_path):
    with Served(clinic_app(Fault(Wish(site="clinic", collector=edge.url), BLOCKED_SCRIPT))) as site:
        crowd.walk(site.url, ways(VISITS, 2), counted=False)
        found = check_tag(site.url, tmp_path)
    assert blocked(crowd, "/p.js") == sum(len(way) for _, way in ways(VISITS, 2))
    (seen,) = ground.evaluate(CLINIC, stored=crowd.rows())
    assert seen.told == SILENT
    assert any("Content-Security-Policy script-src: the script will not run" in text for text in found)


def test_with_people_who_run_no_scripts_the_blocked_script_is_named_itself(ground, crowd, edge):
    with Served(clinic_app(Fault(Wish(site="clinic", collector=edge.url), BLOCKED_SCRIPT))) as site:
        people = ways(32)
        for first in range(0, len(people), 8):
            crowd.walk(site.url, [(visit, way[:2]) for visit, way in people[first : first + 5]], counted=False)
            crowd.walk(site.url, people[first + 5 : first + 8], counted=True, java_script_enabled=False)
    (seen,) = ground.evaluate(CLINIC, stored=crowd.rows())
    assert seen.told == [("script_lost", "", "script_blocked")]
    assert "all_traffic" in seen.problems[0].facts.symptoms


def test_a_policy_that_blocks_the_hits_is_silence_and_check_tag_names_the_directives(ground, crowd, edge, tmp_path):
    policy = "default-src * 'unsafe-inline'; connect-src 'self'; img-src 'self'"
    with Served(clinic_app(Fault(Wish(site="clinic", collector=edge.url), policy))) as site:
        crowd.walk(site.url, ways(VISITS, 2), counted=False)
        found = check_tag(site.url, tmp_path)
    assert crowd.failed == []
    assert sum("connect-src" in text for text in crowd.refused) >= sum(len(way) for _, way in ways(VISITS, 2))
    (seen,) = ground.evaluate(CLINIC, stored=crowd.rows())
    assert seen.told == SILENT
    assert any("connect-src: the script runs, but its page views are not sent" in text for text in found)
    assert any("img-src: no image" in text for text in found)


def test_a_consent_manager_that_never_releases_the_tag_is_silence_and_check_tag_names_it(ground, crowd, edge, tmp_path):
    held = Fault(
        Wish(site="asking", collector=edge.url, consent="explicit"),
        change=lambda tag: tag.replace("<script ", '<script type="text/plain" '),
    )
    with Served(clinic_app(held)) as site:
        crowd.walk(site.url, ways(VISITS, 2), counted=False)
        found = check_tag(site.url, tmp_path)
    (seen,) = ground.evaluate(ASKING, stored=crowd.rows())
    assert seen.told == SILENT
    assert any("a consent manager: nobody is counted before consent" in text for text in found)


def test_a_banner_that_never_gives_consent_loses_no_page_view_and_passes_for_no_other_fault(ground, crowd, edge):
    with Served(clinic_app(Fault(Wish(site="asking", collector=edge.url, consent="explicit")))) as site:
        crowd.walk(site.url, ways(ENOUGH), counted=True)
    rows = crowd.rows()
    assert {(row.visitor_kind, row.cookie_state) for row in rows} == {("none", "refused")}
    (seen,) = ground.evaluate(ASKING, stored=rows)
    assert seen.told == []


def test_a_server_that_is_down_is_silence_and_check_tag_says_that_it_does_not_answer(ground, crowd, tmp_path):
    down = f"http://localhost:{free_port()}"
    crowd.walk(down, ways(VISITS, 2), counted=False)
    (seen,) = ground.evaluate(CLINIC, stored=crowd.rows())
    assert seen.told == SILENT
    (error,) = check_tag(down, tmp_path)
    assert "cannot be loaded" in error
    assert "is the address right and the site up?" in error


def test_a_page_that_loses_its_tag_is_told_from_one_to_which_nobody_goes(ground, crowd, edge):
    wish = Wish(site="clinic", collector=edge.url)
    with Served(clinic_app(Fault(wish, bare=["/services/"]))) as site:
        crowd.walk(site.url, ways(ENOUGH), bare=["/services/"], counted=True)
    (seen,) = ground.evaluate(CLINIC, stored=crowd.rows())
    assert seen.told == [("silent_page", "/services", "tag_lost")]


def test_a_page_to_which_no_link_leads_any_more_has_lost_its_people(ground, crowd, edge):
    with Served(clinic_app(Fault(Wish(site="clinic", collector=edge.url)))) as site:
        without = [(visit, [path for path in way if path != "/services/"]) for visit, way in ways(ENOUGH)]
        crowd.walk(site.url, [(visit, way) for visit, way in without if way], counted=True)
    (seen,) = ground.evaluate(CLINIC, stored=crowd.rows())
    assert seen.told == [("silent_page", "/services", "people_lost")]


def test_a_collector_that_is_down_silences_all_its_sites(ground, crowd):
    down = f"http://localhost:{free_port()}"
    for each in SITES:
        with Served(clinic_app(Fault(Wish(site=each.id, collector=down)))) as site:
            crowd.walk(site.url, ways(5, 2), counted=False)
    assert [seen.told for seen in ground.evaluate(*SITES)] == [[("all_traffic", "", "collector_gap")]] * 2
