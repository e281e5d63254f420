"""The fraud pages as a reviewer reads them: the queue, the purpose, one case, the verdict form, and who may read nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from dashboards.access.roles import Role
from pipeline.settings.model import Settings
from support.dashboards import serving
from support.reviewing import PURPOSE, Desk, busy_day, decide, decided, home_of, score
from support.server import Rows

PATHS = ("/fraud", "/fraud/totals", "/fraud/signals", "/reports/fraud/cases.csv", "/reports/fraud/totals.json")


@pytest.fixture(scope="module")
def scored(clickhouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rows]:
    """The database of a busy day, which no test of this file changes."""
    rows = Rows(clickhouse)
    rows.clear()
    home = home_of(clickhouse, tmp_path_factory.mktemp("scoring"))
    score(clickhouse.model_copy(update={"data": home}), *busy_day())
    yield rows
    rows.close()


@pytest.fixture
def busy(scored: Rows, tmp_path: Path) -> Iterator[Desk]:
    """The pages of a busy day, with people and an audit of the test's own."""
    with serving(scored.settings, home_of(scored.settings, tmp_path)) as pages:
        yield Desk(pages, scored)


def test_the_queue_says_what_waits_and_begins_with_the_most_harm(busy: Desk) -> None:
    page = busy.pages.browser("security").get("/fraud")
    assert "2 suspected cases wait for your decision." in page.words
    assert "Suspected, not decided: 12 paid clicks." in page.words
    assert page.words.index("12 attack attempts") < page.words.index("9 attack attempts")
    assert "ads" in page.words
    assert 'class="plain cases" data-list' in page.text


def test_the_overview_answers_whether_anyone_is_cheating_for_those_who_may_know(busy: Desk) -> None:
    for role in ("security", "admin"):
        words = busy.pages.browser(role).get("/").words
        assert "Is anyone cheating? ▲ 2 suspected cases wait for your decision." in words
        assert "Suspected, not decided: 12 paid clicks." in words
    assert "cheating" not in busy.pages.browser("ops").get("/").words


def test_nobody_is_red_or_called_more_than_suspected_before_a_decision(busy: Desk) -> None:
    browser = busy.reviewer()
    pages = [browser.get("/fraud"), *(browser.get(f"/fraud/cases/{each['case']}") for each in busy.cases(browser))]
    assert len(pages) > 2
    # The strip tells of machines, and is red where the collector does not answer.
    shown = [re.sub(r'<div class="strip".*?</div>', "", page.text, count=1, flags=re.DOTALL) for page in pages]
    assert all("<h1" in text and 'class="state bad"' not in text for text in shown)
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
    assert "12 попыток атаки за 10 минут" in russian


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


def test_cases_of_the_same_network_and_days_are_neighbours(busy: Desk) -> None:
    browser = busy.reviewer()
    first, second = (each["case"] for each in busy.cases(browser)[:2])
    page = browser.get(f"/fraud/cases/{first}")
    assert f'href="/fraud/cases/{second}"' in page.text
    assert "the same network: Rostelecom" in page.words


def test_a_case_begins_with_the_answer_and_leads_to_the_decision_and_to_the_next_case(busy: Desk) -> None:
    browser = busy.reviewer()
    first, second, *_ = (each["case"] for each in busy.cases(browser))
    page = browser.get(f"/fraud/cases/{first}")
    answer = "suspected, likely . Probably no ordinary visitor. Nobody has decided yet."
    assert page.words.index(answer) < page.words.index("12 paid clicks") < page.words.index("Why")
    assert 'href="#verdict"' in page.text
    assert f'<a href="/fraud/cases/{second}">Next case that waits</a>' in page.text
    last = busy.cases(browser)[-1]["case"]
    assert f'<a href="/fraud/cases/{first}">Next case that waits</a>' in browser.get(f"/fraud/cases/{last}").text


def test_kinds_of_networks_and_countries_are_words_of_the_language(busy: Desk) -> None:
    browser = busy.reviewer()
    case = busy.cases(browser)[0]["case"]
    assert "Russia" in browser.get(f"/fraud/cases/{case}").words
    russian = browser.get(f"/fraud/cases/{case}?lang=ru").words
    assert "Россия" in russian
    assert "datacenter" not in russian


def test_a_shipped_value_has_a_star_and_the_page_explains_it_once(busy: Desk) -> None:
    page = busy.pages.browser("security").get("/fraud")
    assert "*." in page.words
    assert page.words.count("Shipped value, not yet calibrated on this site.") == 1
    assert "(shipped value" not in page.words


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


def test_the_pages_run_no_script_or_style_of_their_own(busy: Desk) -> None:
    browser = busy.reviewer()
    case = busy.cases(browser)[0]["case"]
    for path in ("/fraud", "/fraud/totals", "/fraud/signals", f"/fraud/cases/{case}"):
        page = browser.get(path)
        assert "style-src 'self'" in page.headers["content-security-policy"]
        assert " style=" not in page.text
        assert " onclick=" not in page.text
        assert page.text.count("<script") == 1
