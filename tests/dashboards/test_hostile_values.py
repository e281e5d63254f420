"""Markup and SQL in every parameter, part of an address, field and stored value: shown as text, never run, never an error of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from starlette.routing import Route

from dashboards.access.people import Person as Somebody
from dashboards.app import PAGES
from dashboards.pages.report import reports
from pipeline.fraud.job import score_days
from pipeline.problems.problem import Place
from pipeline.settings.model import Settings
from support.clinic_day import store
from support.dashboards import PASSWORD, Answer, Browser, Pages, serving
from support.markup import MARK, MARKUP, fields, foreign
from support.office import Person, own_data
from support.reviewing import PURPOSE, clicker, decided
from support.routes import ROUTES, path_of
from support.server import Rows
from support.stored_problems import problem, store_problems

VALUES = (
    MARKUP,
    "' OR 1=1 -- \\' {site:String} ')) UNION ALL SELECT 1",
    "javascript:alert(1)",
    "../../../etc/passwd",
    "\x00\x1b[31m\r\nX-Evil: 1",
    "\N{RIGHT-TO-LEFT OVERRIDE}\ud7ff\uffff\N{COMBINING ACUTE ACCENT}" * 20,
    "9" * 400,
    "-1",
    "1e999",
    "nan",
    "9999-99-99",
    "0001-01-01",
    "999999w",
)
NUMBER = "7/2026"
CLEAR = {200, 303, 400, 403, 404, 405, 409, 414}
SHOWN = tuple(route for route in ROUTES if route.path != "/sign-out")
TAKEN = {page.path for page in PAGES if page.send} | {"/sign-in", "/welcome"}


class Desk:
    """Pages with hostile values in every store, an administrator who gave a purpose, and all parameters and fields."""

    def __init__(self, pages: Pages) -> None:
        self.pages, self.browser = pages, pages.browser("admin", name="root")
        self.case = str(json.loads(self.browser.get("/reports/fraud/cases.json?state=all").text)[0]["case"])
        self.browser.send(self.at("/fraud/cases/{id}"), {"purpose": PURPOSE})
        shown = [self.browser.get(self.at(route.path)).text for route in SHOWN]
        texts = [text for text in shown if "<html" in text]
        names = {name for text in texts for name in re.findall(r"[?&](?:amp;)?(\w+)=", text)}
        self.parameters = {name for text in texts for name in fields(text, "get")} | names
        self.parameters |= {name for report in reports() for name in report.parameters} | {"lang", "next", "token"}
        self.fields = {name for text in texts for name in fields(text, "post")} - {"form"} | {"purpose"}

    def at(self, path: str, **parts: str) -> str:
        """Return the address of a route with what is stored."""
        route = next(each for each in ROUTES if each.path == path)
        known = {"id": self.case} if path.startswith("/fraud") else {}
        address = path_of(route, **{**known, **parts})
        return f"{address}?{urlencode({'case': NUMBER})}" if path == "/privacy/request" else address

    def word(self) -> str:
        """Return the word of the session."""
        found = re.search(r'name="form" value="([^"]+)"', self.browser.get("/embed/check").text)
        assert found
        return found[1]


@pytest.fixture(scope="module")
def desk(clickhouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Pages over a database and files into which attackers wrote what they could."""
    rows, now = Rows(clickhouse), datetime.now(UTC)
    rows.clear()
    settings = own_data(clickhouse, tmp_path_factory.mktemp("hostile") / "var")
    words = dict.fromkeys(
        (
            "page",
            "ref_page",
            "ref_host",
            "ref_term",
            "utm_source",
            "utm_medium",
            "utm_campaign",
            "utm_content",
            "utm_term",
        ),
        MARKUP,
    )
    facts = {**words, "as_org": MARKUP, "browser": MARKUP, "os": MARKUP}
    known = {str(row[0]) for row in rows.admin.query("DESCRIBE TABLE pixel.events").result_rows}
    store(settings, [{**row, **{name: value for name, value in facts.items() if name in known}} for row in clicker()])
    score_days(settings, now)
    told = problem(
        now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=3),
        place=Place("page", f"/{MARKUP}"), works_for=(Place("browser", MARKUP),), changed=(f"release {MARKUP}",), cause="tag_lost", fixed_by=MARKUP,
    )  # fmt: skip
    store_problems(settings, [told])
    with serving(settings) as pages:
        person = Person(pages.settings)
        person.visits(rows, "/", MARKUP.replace("'", "\\'"))
        opener = pages.browser("privacy", name="opener")
        opened = opener.send(
            "/privacy/requests", {"case": NUMBER, "requester": MARKUP, "basis": MARKUP, "code": person.code()}
        )
        assert opened.status == 200, opened.words
        made = Desk(pages)
        decision = {**decided(made.browser.get(f"/fraud/cases/{made.case}")), "decision": "unsure", "reason": MARKUP}
        answer = made.browser.post(f"/fraud/cases/{made.case}", decision)
        assert answer.status == 303, (answer.words, made.browser.get(f"/fraud/cases/{made.case}").words)
        yield made
    rows.close()


def is_harmless(answer: Answer) -> bool:
    """Return whether an answer is clear, of ours alone, and never blank."""
    assert "Traceback" not in answer.text
    assert "49" not in re.findall(r"49", answer.text.partition("x-evil")[2][:60])
    if answer.headers.get("content-type", "").startswith("text/html") and answer.status != 303:
        assert "<h1" in answer.text
        assert foreign(answer.text) == []
    assert "x-evil" not in {name.lower() for name in answer.headers}
    return answer.status in CLEAR


def test_the_parser_finds_what_a_page_without_escapes_would_have() -> None:
    for text in (f'<p title="{MARKUP}">', MARKUP, '<a href="javascript:x">', "<p style='x'>", "<script>x</script>"):
        assert foreign(text) != []
    assert foreign('<script src="/static/pages.js" defer></script><a href="/x?y=%3C">&lt;x-evil&gt;</a>') == []


def test_every_page_and_every_form_is_among_the_routes_that_are_tried() -> None:
    assert {page.path for page in PAGES} <= {route.path for route in SHOWN}
    assert {page.path for page in PAGES if page.send} <= TAKEN


def test_the_parameters_and_fields_are_those_of_the_pages(desk: Desk) -> None:
    assert {"site", "since", "until", "band", "state", "lang", "case"} <= desk.parameters
    assert {"reason", "decision", "url", "case", "basis", "name", "password"} <= desk.fields


@pytest.mark.parametrize("language", ["en", "ru"])
def test_what_attackers_stored_is_text_on_every_page(desk: Desk, language: str) -> None:
    seen = set()
    desk.browser.cookies["lang"] = language
    paths = {route.path: desk.at(route.path) for route in SHOWN if not route.path.startswith("/reports")}
    paths |= {
        path: path for report in reports() for path in (f"/technical/{report.name}", f"/privacy/reports/{report.name}")
    }
    ids = re.findall(r"/technical/problems/(\w+)", desk.browser.get("/technical").text)
    assert ids
    paths |= {f"/technical/problems/{each}": f"/technical/problems/{each}" for each in ids}
    for path, address in paths.items():
        answer = desk.browser.get(address)
        assert is_harmless(answer), (path, answer.status)
        if f"&lt;{MARK}" in answer.text:
            seen.add(path)
    assert {
        "/technical",
        f"/technical/problems/{ids[0]}",
        "/fraud/cases/{id}",
        "/privacy/requests",
        "/privacy/request",
    } <= seen


@pytest.mark.parametrize("route", SHOWN, ids=lambda route: route.path)
def test_a_hostile_value_of_any_parameter_is_a_clear_page(desk: Desk, route: Route) -> None:
    address = desk.at(route.path)
    joined = "&" if "?" in address else "?"
    for value in VALUES:
        asked = {"all at once": dict.fromkeys(sorted(desk.parameters - {"lang"}), value)}
        if value in VALUES[:2]:  # alone, too: together, the first one that is refused would hide the others
            asked |= {name: {name: value} for name in sorted(desk.parameters)}
        for name, query in asked.items():
            answer = desk.browser.get(f"{address}{joined}{urlencode(query)}"[:8000])
            assert is_harmless(answer), (name, value[:30], answer.status)


@pytest.mark.parametrize("route", [route for route in SHOWN if "{" in route.path], ids=lambda route: route.path)
def test_a_hostile_part_of_an_address_is_a_clear_page(desk: Desk, route: Route) -> None:
    for value in VALUES:
        for part in re.findall(r"\{(\w+)\}", route.path):
            answer = desk.browser.get(desk.at(route.path, **{part: quote(value, safe="")}))
            assert is_harmless(answer), (part, value[:30], answer.status)
            assert answer.status in (303, 400, 404)


@pytest.mark.parametrize("path", sorted(TAKEN))
def test_a_hostile_value_of_any_field_is_a_clear_page(desk: Desk, path: str) -> None:
    word = desk.word()
    for value in VALUES:
        names = sorted(desk.fields - {"name", "password"})
        forms = [dict.fromkeys(names, value), *({name: value} for name in names if value in VALUES[:2])]
        for form in forms if path not in ("/sign-in", "/welcome") else forms[:1]:
            answer = desk.browser.post(desk.at(path), {**form, "form": word})
            assert is_harmless(answer) or answer.status in (401, 429), (list(form)[:1], value[:30], answer.status)


def test_a_hostile_name_at_signing_in_is_shown_as_text_and_is_nobody(desk: Desk) -> None:
    browser = Browser(desk.pages.url)
    answer = browser.post("/sign-in", {"name": MARKUP, "password": "' OR 1=1 --", "next": MARKUP})
    assert (answer.status, foreign(answer.text)) == (401, [])
    assert f"&lt;{MARK}" in answer.text
    with pytest.raises(ValueError, match="expected at most 64"):
        desk.pages.people.add(Somebody(MARKUP[:60], "admin"), PASSWORD)


def test_a_download_of_hostile_rows_runs_nowhere(desk: Desk, tmp_path: Path) -> None:
    for path in (
        "/reports/fraud/cases.csv?state=all",
        "/reports/fraud/cases.json?state=all",
        "/reports/technical/problems.json",
    ):
        answer = desk.browser.get(path)
        assert answer.status == 200
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert not answer.headers["content-type"].startswith("text/html")
