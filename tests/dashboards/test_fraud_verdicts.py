"""What a verdict changes on the fraud pages, and what the pages say of other days than a busy one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dashboards.access.store import access_file
from dashboards.pages import fraud
from dashboards.view import QUERY_SECONDS
from pipeline.settings.sections import Fraud
from pipeline.system import locks
from support.command import free_port
from support.dashboards import serving
from support.reviewing import WAYS, Desk, busy_day, clicker, decide, decided, hasty, home_of, scanner
from support.server import Rows
from support.suspicion import UNEVEN

HOSTILE = "<script>alert(1)</script>"
PATHS = ("/fraud", "/fraud/totals", "/fraud/signals", "/reports/fraud/cases.csv", "/reports/fraud/totals.json")


@pytest.fixture
def desk(tables: Rows, tmp_path: Path) -> Iterator[Desk]:
    """The pages over a database without rows."""
    with serving(tables.settings, home_of(tables.settings, tmp_path)) as pages:
        yield Desk(pages, tables)


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """The pages of a busy day."""
    return desk.scored(*busy_day())


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
    assert "Landings from paid clicks: 12 of 12 are left." in since["gross"]
    assert "Landings from paid clicks: 0 of 12 are left." in after["gross"]


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


def test_a_verdict_waits_while_another_process_stores_one(busy: Desk) -> None:
    browser = busy.reviewer()
    case = busy.cases(browser)[0]["case"]
    lock = access_file(busy.pages.settings).with_name("deciding.lock")
    with ThreadPoolExecutor(1) as pool:
        with locks.locked(lock):
            sent = pool.submit(decide, browser, case, "unsure", "looked")
            with pytest.raises(TimeoutError):
                sent.result(timeout=2)
            assert busy.verdicts() == []
        assert sent.result().status == 303
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


def test_signals_have_their_fires_and_what_was_decided(busy: Desk) -> None:
    browser = busy.reviewer()
    decide(browser, busy.cases(browser)[0]["case"], "confirmed", "a scanner")
    page = browser.get("/fraud/signals")
    assert "Attack strings F17 0 2 1 100%" in page.words or "Attack strings F17 2 2 1 100%" in page.words
    assert "signals that nobody set off in 28 days" in page.words


def test_before_the_first_scoring_the_page_says_how_to_get_one(desk: Desk) -> None:
    browser = desk.pages.browser("security")
    for path in ("/", "/fraud"):
        page = browser.get(path)
        assert page.status == 200
        assert "clinic-pixel fraud score does it now" in page.words
        assert "No suspected case" not in page.words


def test_where_the_review_is_off_every_page_says_so(desk: Desk) -> None:
    off = desk.pages.settings.model_copy(update={"fraud": Fraud(enabled=False)})
    with serving(off) as pages:
        browser = pages.browser("security")
        for path in (*PATHS, "/fraud/cases/abc"):
            page = browser.get(path)
            assert (page.status, "The fraud review is switched off" in page.words) == (404, True)
            assert "fraud.enabled" in page.words
        assert "The fraud review is switched off" in browser.get("/").words


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


def test_a_question_of_the_pages_ends_after_half_a_minute_and_a_slow_one_gets_a_clear_page(
    busy: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fraud.SECONDS == QUERY_SECONDS == 30
    browser = busy.reviewer()
    monkeypatch.setattr("dashboards.pages.fraud.SECONDS", 1)
    monkeypatch.setattr("pipeline.review.cases.Case._fields", ("sleepEachRow(0.9)",))
    page = browser.get("/fraud")
    assert (page.status, "The fraud review takes too long" in page.words) == (504, True)
    assert "clinic-pixel fraud cases" in page.words


def test_without_the_database_a_page_says_what_to_do(desk: Desk) -> None:
    gone = desk.pages.settings.clickhouse.model_copy(update={"port": free_port()})
    with serving(desk.pages.settings.model_copy(update={"clickhouse": gone})) as pages:
        browser = pages.browser("security")
        for path in ("/fraud", "/fraud/signals", "/fraud/cases/abc", "/reports/fraud/cases.csv"):
            page = browser.get(path)
            assert (page.status, "The database does not answer" in page.words) == (503, True)
