"""Personal data: requests of persons from the code to the act of erasure, exposure with its notices, inventory, keys, audit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest

from dashboards.office.letters import Leak, letters, notices
from dashboards.office.privacy import ACTS
from dashboards.words.catalogue import Language, Words
from pipeline.audit.chain import TORN
from pipeline.audit.log import Audit
from pipeline.inventory.columns import inventory
from pipeline.inventory.exposure import Suspicion, examine_exposure
from pipeline.keys.destruction import destroy
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.keys.ring import Keyring
from pipeline.reports.catalogue import Period
from pipeline.settings.model import Settings
from pipeline.subjects.requests import CaseBook, PersonRequest
from support.dashboards import Browser, Pages
from support.office import Person, office, put
from support.server import Rows
from support.subject import CASE

TODAY = datetime.now(UTC).date()
REQUEST = {"case": "12/2026-№4", "requester": "Анна <b>", "basis": "letter of today"}
HERE = f"/privacy/request?case={quote(REQUEST['case'], safe='')}"
PATHS = ("", "/inventory", "/keys", "/audit", "/requests", "/request?case=1", "/exposure", "/reports/retention")


@pytest.fixture
def desk(tables: Rows, tmp_path: Path) -> Iterator[Pages]:
    """The dashboards with requests, keys and audit of this test alone."""
    with office(tables.settings, tmp_path / "var") as pages:
        yield pages


def acts(settings: Settings) -> list[tuple[str, str]]:
    """Return who did what."""
    return [(entry.who, entry.action) for entry, _ in Audit(settings.audit_dir).entries()]


def test_a_person_is_found_blocked_exported_and_erased_by_pages(desk: Pages, tables: Rows) -> None:
    browser, person = desk.browser("privacy", name="irina"), Person(desk.settings)
    person.visits(tables, "/", "/doctors", "/contacts")
    put(tables, TODAY, 4321, "/other")
    found = browser.send("/privacy/requests", {**REQUEST, "code": person.code()})
    assert found.status == 200
    assert "3 events are stored" in found.words
    assert "Анна <b>" in found.words
    assert "<b>" not in found.text
    assert f"- {TODAY}: 3" in found.text
    assert "Сохранено событий вашего браузера: 3, по дням (UTC)" in found.text
    assert "3 events of your browser are stored" in found.text
    assert browser.send(HERE, {"step": "block", "basis": "asked"}).headers["location"] == HERE
    assert "Your data is blocked" in browser.get(HERE).words
    assert "мы заблокировали ваши данные" in browser.get(HERE).text
    again = browser.send(HERE, {"step": "block", "basis": "asked"})
    assert (again.status, "does not fit the state of the request" in again.words) == (400, True)
    exported = browser.send(HERE, {"step": "export", "basis": "asked"})
    assert exported.headers["content-disposition"] == 'attachment; filename="request-12_2026-_4.json"'
    assert {row["page"] for row in json.loads(exported.text)["events"]} == {"/", "/doctors", "/contacts"}
    assert str(person.visitor) not in exported.text
    refused = browser.send(HERE, {"step": "erase", "basis": "asked", "again": "12"})
    assert (refused.status, "Nothing was erased" in refused.words) == (400, True)
    assert left(tables, person.visitor) == 3
    assert browser.send(HERE, {"step": "erase", "basis": "asked", "again": REQUEST["case"]}).status == 303
    assert left(tables, person.visitor) == 0
    assert left(tables, 4321) == 1
    closed = browser.get(HERE)
    assert "АКТ ОБ УНИЧТОЖЕНИИ" in closed.text
    assert "we erased all your data" in closed.text
    assert 'name="step"' not in closed.text
    audit = acts(desk.settings)
    assert {who for who, _ in audit} == {"irina (pages)"}
    done = [act for _, act in audit]
    assert done == ["subject_find", "subject_block", "subject_export", "subject_erase", "subject_erased"]


def left(tables: Rows, visitor: int) -> int:
    """Return the number of rows of a visitor."""
    count: int = tables.admin.query(f"SELECT count() FROM pixel.events WHERE visitor = {visitor}").result_rows[0][0]
    return count


def test_a_block_is_lifted_by_a_page_and_the_request_closed(desk: Pages, tables: Rows) -> None:
    browser, person = desk.browser("admin"), Person(desk.settings)
    browser.send("/privacy/requests", {**REQUEST, "code": person.code()})
    browser.send(HERE, {"step": "block", "basis": "asked"})
    browser.send(HERE, {"step": "unblock", "basis": "checked"})
    assert "The block of your data was lifted" in browser.get(HERE).text
    case = CaseBook(desk.settings.cases_dir).find(REQUEST["case"])
    assert (case and case.state, case and case.basis) == ("unblocked", "checked")


def test_nothing_found_has_its_own_letter(desk: Pages) -> None:
    found = desk.browser("privacy").send("/privacy/requests", {**REQUEST, "code": Person(desk.settings).code()})
    assert "No event is stored that we could tell to be yours" in found.text
    assert "Событий, о которых можно сказать, что они ваши, нет" in found.text


def test_by_address_there_is_a_number_and_a_block_and_nothing_more(desk: Pages) -> None:
    browser = desk.browser("privacy")
    Person(desk.settings)
    days = {"from": TODAY.isoformat(), "to": TODAY.isoformat()}
    found = browser.send("/privacy/requests", {**REQUEST, "ip": "198.51.100.201", **days})
    assert found.status == 200
    assert set(re.findall(r'name="step" value="(\w+)"', found.text)) == {"find", "block"}
    assert "Others may" not in found.words
    assert "Several people can have the same address" in found.text
    for step in ("export", "erase"):
        answer = browser.send(HERE, {"step": step, "basis": "asked", "again": REQUEST["case"]})
        assert answer.status == 400
        assert "which others may share" in answer.words
    files = [file for file in desk.settings.data.rglob("*") if file.is_file() and not file.is_symlink()]
    assert files
    assert not any(b"198.51.100.201" in file.read_bytes() for file in files)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "Give either a request code or an address with its days."),
        ({"code": "x", "ip": "198.51.100.1"}, "Give either a request code or an address with its days."),
        ({"code": "7ABCD-00000"}, "This was not done: --code"),
        ({"ip": "198.51.100.1"}, "Give one IPv4 or IPv6 address and two days."),
        ({"ip": "198.51.100.1 or more", "from": "2026-11-01", "to": "2026-11-02"}, "Give one IPv4 or IPv6 address"),
        ({"ip": "198.51.100.1", "from": "2026-11-02", "to": "2026-11-01"}, "expected two days in order"),
        ({"code": "x", "case": "../1"}, "--case: expected a request number"),
        ({"code": "x", "basis": " "}, "--basis: expected one line"),
        ({"code": "x", "requester": "a\nb"}, "--requester: expected one line"),
    ],
)
def test_a_request_that_is_not_well_formed_is_refused_in_words(desk: Pages, more: dict[str, str], said: str) -> None:
    answer = desk.browser("privacy").send("/privacy/requests", {**REQUEST, **more})
    assert answer.status == 400
    assert said in answer.words
    assert "198.51.100.1" not in answer.text
    assert CaseBook(desk.settings.cases_dir).all() == []


@pytest.mark.parametrize("case", ["", "99", "../1", "x" * 5000, "<script>"])
def test_an_unknown_request_is_a_clear_page(desk: Pages, case: str) -> None:
    answer = desk.browser("privacy").get(f"/privacy/request?case={quote(case)}")
    assert (answer.status, "There is no such request" in answer.words) == (404, True)


def test_requests_that_are_late_come_first(desk: Pages) -> None:
    book = CaseBook(desk.settings.cases_dir)
    for number, days in (("late", -3), ("soon", 2), ("far", 9)):
        book.put(_case(number, TODAY + timedelta(days=days)))
    browser = desk.browser("privacy")
    words = browser.get("/privacy").words
    assert "3 requests wait for an answer late , Anna: 3 days late soon , Anna: 2 days left far" in words
    assert "опоздание 3 дня" in browser.get("/privacy/requests?lang=ru").words


def _case(number: str, due: date) -> PersonRequest:
    from msgspec.structs import replace

    return replace(CASE, case=number, due=due)


@pytest.mark.parametrize("role", ["ops", "security", "owner"])
def test_personal_data_is_open_to_nobody_else(pages: Pages, role: str) -> None:
    browser = pages.browser(role)  # type: ignore[arg-type]
    assert {browser.get(f"/privacy{path}").status for path in PATHS} == {404}
    assert {browser.post(f"/privacy{path}", {}).status for path in PATHS} == {404}
    assert browser.get("/reports/privacy/retention.csv").status == 404


@pytest.mark.parametrize("path", ["/requests", "/request?case=1", "/exposure"])
def test_a_form_without_the_word_of_the_session_does_nothing(desk: Pages, path: str) -> None:
    browser: Browser = desk.browser("privacy")
    assert browser.post(f"/privacy{path}", {**REQUEST, "form": "guess"}).status == 403
    assert browser.post(f"/privacy{path}", REQUEST, **{"Sec-Fetch-Site": "cross-site"}).status == 403
    assert acts(desk.settings) == []


def test_keys_have_their_age_and_the_day_of_their_destruction(desk: Pages) -> None:
    ring = Keyring(KeyDirectory.of(desk.settings), may_mint=True)
    for days in (0, 1, 2):
        assert ring.day(TODAY - timedelta(days=days), today=TODAY)
    gone = KeyName.of_day(TODAY - timedelta(days=2))
    destroy(ring.files, Audit(desk.settings.audit_dir), gone, now=datetime.now(UTC), by="test", reason="a test")
    browser = desk.browser("privacy")
    words = browser.get("/privacy/keys").words
    assert re.search(rf"{TODAY} in use [0-9a-f]+ 0 in 91 days, on {TODAY + timedelta(days=91)}", words)
    assert re.search(rf"{TODAY - timedelta(days=1)} kept [0-9a-f]+ 1 in 90 days", words)
    assert re.search(rf"{gone.text} destroyed [0-9a-f]+ 2 destroyed \d", words)
    assert "events rows_days = 90" in words
    assert "будет уничтожен через 90 дней" in browser.get("/privacy?lang=ru").words


def test_the_inventory_names_every_column_under_its_clause(desk: Pages) -> None:
    text = unescape(desk.browser("privacy").get("/privacy/inventory").text)
    for clause in {column.clause for column in inventory().columns}:
        assert f"Clause {clause}" in text
        part = text.partition(f"<h2>Clause {clause}</h2>")[2].partition("<h2>")[0]
        cells = re.findall(r"<tr><td>[^<]*</td><td[^>]*>([^<]*)", part)
        tables = [each.split(": ") for cell in cells for each in cell.split("; ")]
        names = {(table, name) for table, listed in tables for name in listed.split(", ")}
        assert names == {(column.table, column.name) for column in inventory().columns if column.clause == clause}


def test_the_audit_shows_its_acts_and_a_broken_chain_is_named(desk: Pages) -> None:
    browser = desk.browser("privacy", name="irina")
    browser.send("/privacy/exposure", {"since": "7d"})
    words = browser.get("/privacy/audit").words
    assert "The chain is whole: 1 act." in words
    assert "irina (pages) extent of a leak examined since" in words
    log = desk.settings.audit_dir / "audit.log"
    log.write_text(log.read_text().replace("irina", "boris"))
    broken = browser.get("/privacy/audit")
    assert (broken.status, "The chain is whole" in broken.words) == (503, False)
    assert "audit.log" in broken.words


def test_the_extent_of_a_leak_is_counted_and_both_notices_written(desk: Pages, tables: Rows) -> None:
    alive, gone = TODAY - timedelta(days=1), TODAY - timedelta(days=3)
    ring = Keyring(KeyDirectory.of(desk.settings), may_mint=True)
    assert ring.day(alive, today=TODAY)
    put(tables, alive, 1, "/", "/a")
    put(tables, alive, 2, "/")
    put(tables, gone, 1, "/")
    form = {"since": "7d", "table": "events", "noticed": "2026-11-20T10:00", "cause": "a lost <b>disk</b>"}
    answer = desk.browser("privacy", name="irina").send("/privacy/exposure", form)
    assert "At most 2 people, 4 rows with 4 pseudonyms of addresses, of 2 days." in answer.words
    assert "may lead to addresses on 1 of these days; on 1 days nobody can read them" in answer.words
    assert "First notice to the authority: by 21 Nov, 10:00. The term is over." in answer.words
    assert "Second notice, with the result of the inquiry: by 23 Nov, 10:00." in answer.words
    assert "людей не более 2; записей 4, дней 2" in answer.words
    assert "Presumed cause: a lost <b>disk</b>" in answer.words
    assert "<b>" not in answer.text
    assert acts(desk.settings) == [("irina (pages)", "exposure")]


@pytest.mark.parametrize(
    "form",
    [
        {"since": "never"},
        {"since": "7d", "until": "8d"},
        {"since": "7d", "table": "secrets"},
        {"since": "7d", "role": "root"},
        {"since": "7d", "days": "yesterday"},
        {"since": "7d", "noticed": "soon"},
    ],
)
def test_a_suspicion_that_cannot_be_examined_is_told_and_nothing_counted(desk: Pages, form: dict[str, str]) -> None:
    answer = desk.browser("privacy").send("/privacy/exposure", form)
    assert (answer.status, "This was not examined" in answer.words) == (400, True)
    assert acts(desk.settings) == []


def test_the_notices_name_the_data_in_their_own_language(tables: Rows, desk: Pages) -> None:
    put(tables, TODAY, 1, "/")
    now = datetime.now(UTC)
    period = Period(now - timedelta(days=2), now + timedelta(hours=1))
    for language in ("en", "ru"):
        found = examine_exposure(desk.settings, Suspicion(period), now=now, who="test", language=language)  # type: ignore[arg-type]
        first, second = notices(desk.settings, found, Leak(now, "", "", ""), UTC)
        for notice in (first, second):
            assert "- When. The time when a page was opened." in notice.texts["en"]
            assert "- Когда. Время открытия страницы." in notice.texts["ru"]


@pytest.mark.parametrize("state", ["open", "blocked", "unblocked", "erasing", "erased"])
def test_every_state_has_a_letter_that_is_filled_in(desk: Pages, state: str) -> None:
    from msgspec.structs import replace

    case = replace(CASE, state=state, closed=datetime.now(UTC))
    for letter in letters(desk.settings, case, [(TODAY, 2)], TODAY):
        for text in letter.texts.values():
            assert CASE.case in text
            assert not re.search(r"\{|\}|None", text)


def test_a_privacy_report_is_shown_and_downloaded_as_a_technical_one(desk: Pages, tables: Rows) -> None:
    put(tables, TODAY, 1, "/", "/a")
    browser = desk.browser("privacy")
    assert "How much is stored of each day" in browser.get("/privacy/reports/retention").words
    assert f"{TODAY},2," in browser.get("/reports/privacy/retention.csv").text
    assert browser.get("/privacy/reports/browsers").status == 404


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_act_of_the_audit_has_its_words(language: Language) -> None:
    assert all(Words(language).say(f"act_of_{act}") for act in ACTS)
    assert {TORN, "subject_erase", "sql"} < ACTS
