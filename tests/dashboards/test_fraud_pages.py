"""The fraud pages as a reviewer reads them: the queue, the purpose, one case, the verdict, and who may read nothing."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest

from dashboards.access.roles import Role
from pipeline.audit.log import Audit
from pipeline.fraud.job import score_days
from pipeline.settings.sections import Fraud
from support.clinic_day import store
from support.dashboards import Answer, Browser, Pages, serving
from support.server import Rows
from support.suspicion import UNEVEN, MadeClient

PATHS = ("/fraud", "/fraud/totals", "/fraud/signals", "/reports/fraud/cases.csv", "/reports/fraud/totals.json")
WAYS = tuple(f"/page-{number}" for number in range(30))
HOSTILE = "<script>alert(1)</script>"
PURPOSE = "weekly review"


@dataclass
class Desk:
    """A reviewer at the pages, with an audit of their own."""

    pages: Pages
    rows: Rows

    def scored(self, *made: list[dict[str, object]]) -> Desk:
        """Store rows and score their day."""
        store(self.pages.settings, [each for rows in made for each in rows])
        score_days(self.pages.settings, datetime.now(UTC))
        return self

    def cases(self, browser: Browser, query: str = "") -> list[dict[str, Any]]:
        """Return the cases as they are downloaded."""
        found: list[dict[str, Any]] = json.loads(browser.get(f"/reports/fraud/cases.json{query}").text)
        return found

    def audited(self) -> list[tuple[str, dict[str, str], str]]:
        """Return the acts with their facts and who did them."""
        return [
            (str(entry.action), dict(entry.facts), entry.who)
            for entry, _ in Audit(self.pages.settings.audit_dir).entries()
        ]

    def verdicts(self) -> list[tuple[object, ...]]:
        """Return the stored verdicts."""
        query = "SELECT decision, band, reason, reviewer FROM pixel.verdicts ORDER BY decided_at"
        return [tuple(row) for row in self.rows.admin.query(query).result_rows]

    def reviewer(self, name: str = "olga") -> Browser:
        """Return the browser of somebody who has given a purpose."""
        browser = self.pages.browser("security", name=name)
        case = self.cases(browser, "?state=all")[0]["case"]
        assert browser.send(f"/fraud/cases/{case}", {"purpose": PURPOSE}).status == 303
        return browser


@pytest.fixture
def desk(tables: Rows, tmp_path: Path) -> Iterator[Desk]:
    """The pages over a database without rows."""
    home = tmp_path / "var"
    home.mkdir()
    (home / "secrets").symlink_to(tables.settings.secrets_dir)
    with serving(tables.settings, home) as pages:
        yield Desk(pages, tables)


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """A day with a scanner that clicked on ads, one that did not, and a client that is unclear."""
    return desk.scored(clicker(), scanner(), hasty().views(UNEVEN[:9], WAYS))


def hasty() -> MadeClient:
    """Return a client whose views of pages in a burst are unclear."""
    return MadeClient({"as_org": "Hosting"})


def clicker(**facts: object) -> list[dict[str, object]]:
    """Return the views of a scanner that clicked on ads and read the booking form."""
    made = MadeClient(facts)
    return made.views(UNEVEN, WAYS, attack="dotfile", paid=True, click_kind="gclid", page_role="form")


def scanner(**facts: object) -> list[dict[str, object]]:
    """Return the views of a scanner."""
    return MadeClient(facts).views(UNEVEN[:9], WAYS, attack="dotfile")


def decided(page: Answer) -> dict[str, str]:
    """Return what the verdict form of a page carries."""
    return dict(re.findall(r'name="(form|seen)" value="([^"]*)"', page.text))


def test_before_the_first_scoring_the_page_says_how_to_get_one(desk: Desk) -> None:
    page = desk.pages.browser("security").get("/fraud")
    assert page.status == 200
    assert "clinic-pixel fraud score does it now" in page.words


def test_the_queue_says_what_waits_and_begins_with_the_most_harm(busy: Desk) -> None:
    page = busy.pages.browser("security").get("/fraud")
    assert "2 suspected cases wait for your decision." in page.words
    assert "Suspected, not decided: 12 paid clicks." in page.words
    assert page.words.index("12 attack attempts") < page.words.index("9 attack attempts")
    assert "ads" in page.words
    assert 'class="plain cases" data-list' in page.text


def test_nobody_is_red_or_called_more_than_suspected_before_a_decision(busy: Desk) -> None:
    browser = busy.reviewer()
    pages = [browser.get("/fraud"), *(browser.get(f"/fraud/cases/{each['case']}") for each in busy.cases(browser))]
    assert len(pages) > 2
    assert all('class="state bad"' not in page.text for page in pages)
    assert all("■" not in page.text and "fraudster" not in page.words.lower() for page in pages)
    assert "Suspected: case" in pages[1].words


def test_filters_are_in_the_address_and_an_unknown_one_gets_a_clear_page(busy: Desk) -> None:
    browser = busy.pages.browser("security")
    assert {each["band"] for each in busy.cases(browser, "?band=likely")} == {"likely"}
    assert busy.cases(browser, "?state=confirmed") == []
    assert "No case is like this." in browser.get("/fraud?state=confirmed").words
    assert len(busy.cases(browser, "?state=all")) == 3
    for query in ("band=worst", "state=guilty", "net=half", "since=10y", f"band={'x' * 7000}"):
        page = browser.get(f"/fraud?{query}")
        assert (page.status, "There is no such filter" in page.words) == (400, True)
    assert browser.get("/fraud?site=another").status == 404


def test_a_download_has_all_columns_and_no_cell_is_run_as_a_formula(desk: Desk) -> None:
    desk.scored(clicker(), scanner(as_org="=cmd()"))
    browser = desk.pages.browser("security")
    answer = browser.get("/reports/fraud/cases.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["harm"] for row in rows] == ["12.0", "0.0"]
    assert rows[0]["touched"] == "ads | booking"
    assert all(not value.startswith(("=", "+", "@")) for row in rows for value in row.values())
    assert json.loads(browser.get("/reports/fraud/signals.json").text)[0]["signal"] == "F02"
    for path in ("/reports/fraud/cases.xml", "/reports/fraud/verdicts.csv"):
        assert browser.get(path).status == 404


def test_the_toggle_takes_confirmed_cases_off_and_suspected_ones_never(busy: Desk) -> None:
    browser = busy.reviewer()
    case = busy.cases(browser)[0]["case"]
    since = {net: browser.get(f"/fraud/totals?net={net}&since=28d").words for net in ("gross", "givt", "sivt")}
    assert all("12 landings from paid clicks" in words for words in since.values())
    assert decide(browser, case, "confirmed", "a scanner").status == 303
    after = {net: browser.get(f"/fraud/totals?net={net}&since=28d").words for net in ("gross", "givt", "sivt")}
    assert "12 landings from paid clicks" in after["gross"]
    assert "12 landings from paid clicks" in after["givt"]
    assert "0 landings from paid clicks" in after["sivt"]
    assert "Confirmed cases: 12 (not in the bars)" in after["sivt"]


def decide(browser: Browser, case: str, decision: str, reason: str) -> Answer:
    """Open a case and decide on it."""
    page = browser.get(f"/fraud/cases/{case}")
    return browser.post(f"/fraud/cases/{case}", {**decided(page), "decision": decision, "reason": reason})


def test_a_case_is_read_only_with_a_purpose_which_is_asked_once_and_recorded_each_time(busy: Desk) -> None:
    browser = busy.pages.browser("security", name="olga")
    first, second = (each["case"] for each in busy.cases(browser)[:2])
    asked = browser.get(f"/fraud/cases/{first}")
    assert "Why do you read cases?" in asked.words
    assert "dotfile" not in asked.words
    assert busy.audited() == []
    assert browser.send(f"/fraud/cases/{first}", {"purpose": " \n "}).status == 400
    assert browser.send(f"/fraud/cases/{first}", {"purpose": "x" * 201}).status == 400
    assert busy.audited() == []
    assert browser.send(f"/fraud/cases/{first}", {"purpose": PURPOSE}).status == 303
    for case in (first, second, first):
        assert "How the points" in browser.get(f"/fraud/cases/{case}").words
    assert busy.audited() == [
        ("fraud_case", {"case": case, "purpose": PURPOSE}, "olga") for case in (first, second, first)
    ]
    assert "Why do you read cases?" in busy.pages.browser("security").get(f"/fraud/cases/{first}").words


def test_a_case_shows_its_steps_the_usual_values_and_innocent_explanations_before_the_form(busy: Desk) -> None:
    browser = busy.reviewer()
    case = busy.cases(browser)[0]
    page = browser.get(f"/fraud/cases/{case['case']}")
    assert page.words.index("A security test that the clinic ordered.") < page.words.index("What is it?")
    assert 'class="step"' in page.text
    assert f"Sum {case['score']:g}" in page.words.replace(".0", "")
    assert "Attack strings F17" in page.words
    assert "Rostelecom" in page.words
    russian = browser.get(f"/fraud/cases/{case['case']}?lang=ru").words
    assert "Невинным объяснением было бы:" in russian
    assert "Попыток атаки" in russian


def test_a_verdict_is_stored_and_recorded_under_the_name_of_the_person(busy: Desk) -> None:
    browser = busy.reviewer()
    case = busy.cases(browser)[0]["case"]
    assert decide(browser, case, "confirmed", "  scans\n every   night ").status == 303
    assert busy.verdicts() == [("confirmed", "likely", "scans every night", "olga")]
    facts = {"case": case, "decision": "confirmed", "band": "likely", "reason": "scans every night"}
    assert ("fraud_verdict", facts, "olga") in busy.audited()
    page = browser.get(f"/fraud/cases/{case}")
    assert f"Confirmed: case {case}" in page.words
    assert "scans every night" in page.words
    assert case not in {each["case"] for each in busy.cases(browser)}
    assert "Confirmed: 12 paid clicks" in browser.get("/fraud").words


@pytest.mark.parametrize(
    ("decision", "reason", "kept"),
    [
        ("", "why", "why"),
        ("guilty", "why", "why"),
        ("confirmed", " ", " "),
        ("innocent", "x" * 201, "x" * 200),
        ("unsure", "a\0b", "ab"),
    ],
)
def test_a_verdict_without_a_known_decision_or_a_reason_is_not_stored_and_keeps_what_was_written(
    busy: Desk, decision: str, reason: str, kept: str
) -> None:
    browser = busy.reviewer()
    answer = decide(browser, busy.cases(browser)[0]["case"], decision, reason)
    assert answer.status == 400
    assert 'role="alert"' in answer.text
    assert f'value="{kept}"' in answer.text
    assert busy.verdicts() == []


def test_who_decides_second_in_another_tab_gets_a_clear_page_and_changes_nothing(busy: Desk) -> None:
    olga, ivan = busy.reviewer("olga"), busy.reviewer("ivan")
    case = busy.cases(olga)[0]["case"]
    stale = decided(ivan.get(f"/fraud/cases/{case}"))
    assert decide(olga, case, "innocent", "a test that we ordered").status == 303
    answer = ivan.post(f"/fraud/cases/{case}", {**stale, "decision": "confirmed", "reason": "scans us"})
    assert answer.status == 409
    assert "Your decision was not stored: the case changed" in answer.words
    assert "olga" in answer.words
    assert "a test that we ordered" in answer.words
    assert "scans us" in answer.words
    assert len(busy.verdicts()) == 1
    assert decide(ivan, case, "confirmed", "scans us").status == 303
    assert [row[0] for row in busy.verdicts()] == ["innocent", "confirmed"]


def test_of_two_verdicts_at_the_same_moment_one_is_stored(busy: Desk) -> None:
    browsers = [busy.reviewer(name) for name in ("olga", "ivan", "pavel")]
    case = busy.cases(browsers[0])[0]["case"]
    forms = [decided(browser.get(f"/fraud/cases/{case}")) for browser in browsers]

    def send(number: int) -> int:
        form = {**forms[number], "decision": "unsure", "reason": "looked"}
        return browsers[number].post(f"/fraud/cases/{case}", form).status

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(send, range(3))) == [303, 409, 409]
    assert len(busy.verdicts()) == 1


def test_a_verdict_on_a_case_whose_suspicion_rose_since_is_not_stored(desk: Desk) -> None:
    client = hasty()
    desk.scored(client.views(UNEVEN[:9], WAYS))
    browser = desk.reviewer()
    (case,) = desk.cases(browser, "?state=all")
    stale = decided(browser.get(f"/fraud/cases/{case['case']}"))
    desk.scored(client.views([300 + second for second in UNEVEN], WAYS, attack="dotfile"))
    answer = browser.post(f"/fraud/cases/{case['case']}", {**stale, "decision": "innocent", "reason": "slow reader"})
    assert (case["band"], answer.status) == ("unclear", 409)
    assert "The case is now suspected, likely." in answer.words
    assert desk.verdicts() == []


def test_a_verdict_without_a_purpose_or_from_a_foreign_form_is_refused(busy: Desk) -> None:
    reader, fresh = busy.reviewer(), busy.pages.browser("security")
    case = busy.cases(reader)[0]["case"]
    form = {**decided(reader.get(f"/fraud/cases/{case}")), "decision": "innocent", "reason": "why"}
    own = decided(fresh.get(f"/fraud/cases/{case}"))
    assert fresh.post(f"/fraud/cases/{case}", {**form, **own}).status == 403
    assert fresh.post(f"/fraud/cases/{case}", form).status == 403
    assert reader.post(f"/fraud/cases/{case}", {**form, "form": ""}).status == 403
    assert reader.post(f"/fraud/cases/{case}", form, Origin="http://evil.example").status == 403
    assert busy.verdicts() == []


def test_an_earlier_or_shortened_number_leads_to_the_case_and_another_to_a_clear_page(busy: Desk) -> None:
    browser = busy.reviewer()
    case = busy.cases(browser)[0]["case"]
    answer = browser.get(f"/fraud/cases/{case[:8]}")
    assert (answer.status, answer.headers["location"]) == (303, f"/fraud/cases/{case}")
    for number in ("ffffffffffff", "%3Cscript%3E", "x" * 500):
        page = browser.get(f"/fraud/cases/{number}")
        assert (page.status, "There is no such case" in page.words) == (404, True)
        assert "<script>" not in page.text


def test_stored_words_of_a_visitor_and_of_a_reviewer_are_text_and_never_markup(desk: Desk) -> None:
    desk.scored(clicker(as_org=HOSTILE, browser=HOSTILE), scanner(as_org=HOSTILE))
    browser = desk.reviewer()
    case = desk.cases(browser)[0]["case"]
    assert decide(browser, case, "own_monitor", f"{HOSTILE}\"'").status == 303
    for path in ("/fraud?state=all", f"/fraud/cases/{case}"):
        page = browser.get(path)
        assert "<script>alert" not in page.text
        assert "style=" not in page.text
    assert HOSTILE in page.words
    assert "[[sites.monitors]]" in page.words


def test_cases_of_the_same_network_and_days_are_neighbours(busy: Desk) -> None:
    browser = busy.reviewer()
    first, second = (each["case"] for each in busy.cases(browser)[:2])
    page = browser.get(f"/fraud/cases/{first}")
    assert f'href="/fraud/cases/{second}"' in page.text
    assert "the same network (Rostelecom), which alone means little" in page.words


def test_signals_have_their_fires_and_what_was_decided(busy: Desk) -> None:
    browser = busy.reviewer()
    decide(browser, busy.cases(browser)[0]["case"], "confirmed", "a scanner")
    page = browser.get("/fraud/signals")
    assert "Attack strings F17 0 2 1 100%" in page.words or "Attack strings F17 2 2 1 100%" in page.words
    assert "signals that nobody set off in 28 days" in page.words


@pytest.mark.parametrize("role", [role for role in get_args(Role) if role not in ("security", "admin")])
def test_no_other_role_gets_a_page_of_fraud(busy: Desk, role: Role) -> None:
    case = busy.cases(busy.pages.browser("admin"))[0]["case"]
    browser = busy.pages.browser(role)
    for path in (*PATHS, f"/fraud/cases/{case}"):
        answer = browser.get(path)
        assert (answer.status, "attack" in answer.words, case in answer.text) == (404, False, False)
    assert browser.post(f"/fraud/cases/{case}", {"decision": "innocent", "reason": "why"}).status == 404
    assert busy.audited() == []


def test_a_reviewer_of_one_site_sees_nothing_of_another(busy: Desk) -> None:
    case = busy.cases(busy.pages.browser("security"))[0]["case"]
    stranger = busy.pages.browser("security", "elsewhere")
    assert busy.cases(stranger, "?state=all") == []
    assert json.loads(stranger.get("/reports/fraud/totals.json?since=28d").text) == []
    assert "12 paid clicks" not in stranger.get("/fraud").words
    assert stranger.get(f"/fraud/cases/{case}").status == 404
    assert busy.audited() == []


def test_where_the_review_is_off_every_page_says_so(desk: Desk) -> None:
    off = desk.pages.settings.model_copy(update={"fraud": Fraud(enabled=False)})
    with serving(off) as pages:
        browser = pages.browser("security")
        for path in (*PATHS, "/fraud/cases/abc"):
            page = browser.get(path)
            assert (page.status, "The fraud review is switched off" in page.words) == (404, True)
            assert "fraud.enabled" in page.words


def test_the_pages_run_no_script_or_style_of_their_own(busy: Desk) -> None:
    browser = busy.reviewer()
    case = busy.cases(browser)[0]["case"]
    for path in ("/fraud", "/fraud/totals", "/fraud/signals", f"/fraud/cases/{case}"):
        page = browser.get(path)
        assert "style-src 'self'" in page.headers["content-security-policy"]
        assert " style=" not in page.text
        assert " onclick=" not in page.text
        assert page.text.count("<script") == 1
