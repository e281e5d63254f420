"""What a reviewer sees beside a case: the path of a suspect, the text of a claim, the advice, and the filters of the queue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.database.client import connect
from support.dashboards import serving
from support.reviewing import WAYS, Desk, busy_day, clicker, decide, home_of, scanner
from support.server import Rows
from support.suspicion import MadeClient


@pytest.fixture
def desk(tables: Rows, tmp_path: Path) -> Iterator[Desk]:
    """The pages over a database without rows."""
    with serving(tables.settings, home_of(tables.settings, tmp_path)) as pages:
        yield Desk(pages, tables)


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """The pages of a busy day."""
    return desk.scored(*busy_day())


def test_the_path_has_the_pages_of_one_suspect_in_order_and_the_time_between_them(busy: Desk) -> None:
    browser = busy.reviewer()
    case = busy.cases(browser)[0]["case"]
    page = browser.get(f"/fraud/cases/{case}")
    path = page.text[page.text.index('id="way"') :]
    places = [path.index(f">{address}<") for address in WAYS[:12]]
    assert places == sorted(places)
    assert "12 hits in order" in page.words
    assert "paid click" in page.words
    assert "attack: hidden files" in page.words
    assert busy.audited()[-1] == ("fraud_case", {"case": case, "purpose": "weekly review"}, "olga")


def test_no_path_is_shown_before_the_purpose_and_none_of_a_suspect_of_another_case(busy: Desk) -> None:
    browser = busy.pages.browser("security")
    first = busy.cases(browser)[0]["case"]
    assert "/page-3" not in browser.get(f"/fraud/cases/{first}").text
    reviewer = busy.reviewer()
    of_others = busy.rows.admin.query(
        "SELECT subject FROM fraud.suspects WHERE case != {case:String}", parameters={"case": first}
    ).result_rows
    for subject in (*(subject for (subject,) in of_others), "x", "' OR 1=1 --"):
        assert reviewer.get(f"/fraud/cases/{first}?suspect={subject}").status in (400, 404)
        with_other = busy.rows.admin.query(
            "SELECT count() FROM fraud.path(case = {case:String}, subject = {subject:String})",
            parameters={"case": first, "subject": subject},
        )
        assert with_other.result_rows == [(0,)]


def test_the_path_of_a_blocked_person_is_empty_and_no_other_reader_may_ask_for_one(desk: Desk, tables: Rows) -> None:
    made = MadeClient()
    desk.scored(made.views(range(12), WAYS, attack="dotfile"))
    ask = "SELECT count() FROM fraud.path(case = {case:String}, subject = {subject:String})"
    security = connect(tables.settings, "security")
    ((case, subject),) = security.query("SELECT case, subject FROM fraud.suspects").result_rows
    values = {"case": case, "subject": subject}
    assert security.query(ask, parameters=values).result_rows == [(12,)]
    tables.block(visitor=made.suspect)
    assert security.query(ask, parameters=values).result_rows == [(0,)]
    security.close()
    for user in ("ops", "privacy"):
        other = connect(tables.settings, user)
        with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
            other.query(ask, parameters=values)
        other.close()


def test_the_text_of_a_claim_has_the_clicks_of_a_confirmed_case_and_nothing_of_a_visitor(busy: Desk) -> None:
    browser = busy.reviewer()
    first, second = (each["case"] for each in busy.cases(browser)[:2])
    assert 'id="letter"' not in browser.get(f"/fraud/cases/{first}").text
    assert decide(browser, first, "confirmed", "a scanner").status == 303
    page = browser.get(f"/fraud/cases/{first}").text
    letter = page[page.index('<pre id="letter">') :].partition("</pre>")[0]
    assert "refund 12 paid clicks" in letter
    assert "12 attack attempts" in letter
    rows = busy.rows.admin.query("SELECT subject, ip_token FROM fraud.suspects").result_rows
    assert [word for row in rows for word in row if word in letter] == []
    assert "olga" not in letter
    russian = browser.get(f"/fraud/cases/{first}?lang=ru").text
    assert "Просим проверить и возместить" in russian
    assert decide(browser, second, "confirmed", "no click").status == 303
    assert 'id="letter"' not in browser.get(f"/fraud/cases/{second}").text


def test_the_advice_waits_for_a_confirmed_case_and_names_whom_a_rule_would_hit(busy: Desk) -> None:
    browser = busy.reviewer()
    assert "No confirmed case" in browser.get("/fraud/advice").words
    assert decide(browser, busy.cases(browser)[0]["case"], "confirmed", "a scanner").status == 303
    words = browser.get("/fraud/advice").words
    assert "dotfile" in words
    assert "People hit" in words
    assert "such as /.env, /.git/, /.aws/." in words
    assert "it would have hit people" not in words
    assert "За последние 28 дней правило" not in browser.get("/fraud/advice?lang=ru").words
    assert busy.pages.browser("ops").get("/fraud/advice").status == 404


def test_the_queue_is_filtered_by_the_kind_of_signal_and_when_a_case_was_last_seen(desk: Desk) -> None:
    desk.scored(clicker(), scanner())
    browser = desk.pages.browser("security")
    every = {each["case"] for each in desk.cases(browser)}
    kinds = {
        str(family): {each["case"] for each in desk.cases(browser, f"?family={family}")}
        for (family,) in desk.rows.admin.query(
            "SELECT DISTINCT arrayJoin(mapKeys(families)) FROM fraud.suspects"
        ).result_rows
    }
    assert every in kinds.values()
    assert desk.cases(browser, "?family=L") == []
    assert {each["case"] for each in desk.cases(browser, "?seen=28d")} == every
    for query in ("family=guilty", "seen=10y"):
        assert browser.get(f"/fraud?{query}").status == 400
