"""Cases of persons: numbers, deadlines, and why a request code cannot be played twice."""

from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.errors import Fatal
from pipeline.subjects.request_code import Request
from pipeline.subjects.requests import CaseBook, check_words, due_day
from support.subject import CASE, CODE, NOW, REQUEST


@pytest.fixture
def book(tmp_path: Path) -> CaseBook:
    return CaseBook(tmp_path / "cases")


def test_a_case_is_kept_under_any_number_in_a_private_file(book: CaseBook) -> None:
    book.put(CASE)
    assert book.find(CASE.case) == CASE
    assert book.all() == [CASE]
    (file,) = book.directory.glob("*.json")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_keeps_the_name_that_the_first_version_gave_to_the_basis(book: CaseBook) -> None:
    book.put(CASE)
    (file,) = book.directory.glob("*.json")
    assert json.loads(file.read_bytes())["ground"] == CASE.basis
    assert "basis" not in json.loads(file.read_bytes())


def test_an_unknown_and_a_closed_case_are_refused(book: CaseBook) -> None:
    with pytest.raises(Fatal, match="--case: unknown; expected one of `clinic-pixel subject list`"):
        book.working("12")
    book.put(replace(CASE, state="erased", closed=NOW))
    with pytest.raises(Fatal, match="closed on 2026-11-20 09:00 \\(erased\\)"):
        book.working(CASE.case)


def test_an_erasure_that_was_cut_off_is_not_closed(book: CaseBook) -> None:
    book.put(replace(CASE, state="erasing", closed=NOW))
    assert book.working(CASE.case).state == "erasing"


def test_a_code_opens_one_case_only(book: CaseBook) -> None:
    book.put(CASE)
    book.refuse_replay(CASE.case, CODE, REQUEST)
    with pytest.raises(Fatal, match="it opened request 12/2026-№4 on 2026-11-20; expected a new code"):
        book.refuse_replay("other", CODE.lower(), REQUEST)


def test_after_a_case_is_closed_only_a_later_code_of_its_visitor_counts(book: CaseBook) -> None:
    book.put(replace(CASE, state="unblocked", closed=NOW))
    earlier, later = (Request(NOW + timedelta(minutes=offset), {2026: 77}) for offset in (-60, 1))
    with pytest.raises(Fatal, match="made before request 12/2026-№4 of this visitor was closed"):
        book.refuse_replay("other", "ANOTHER", earlier)
    book.refuse_replay("other", "ANOTHER", later)
    book.refuse_replay("other", "ANOTHER", earlier._replace(visitors={2026: 78}))


@pytest.mark.parametrize(
    ("opened", "due"),
    [
        pytest.param(datetime(2026, 11, 20, tzinfo=UTC), date(2026, 12, 4), id="a Friday"),
        pytest.param(datetime(2026, 11, 21, tzinfo=UTC), date(2026, 12, 4), id="a Saturday"),
        pytest.param(datetime(2026, 11, 23, tzinfo=UTC), date(2026, 12, 7), id="a Monday"),
    ],
)
def test_a_person_is_answered_within_ten_working_days(opened: datetime, due: date) -> None:
    assert due_day(opened) == due


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("", "Anna", "request"), "--case"),
        (("../../etc/passwd", "Anna", "request"), "--case"),
        (("1" * 65, "Anna", "request"), "--case"),
        (("1", " ", "request"), "--requester"),
        (("1", "Anna", "two\nlines"), "--basis"),
        (("1", "Anna", "x" * 301), "--basis"),
    ],
)
def test_words_that_no_record_should_hold_are_refused(words: tuple[str, str, str], option: str) -> None:
    with pytest.raises(ValueError, match=f"^{option}: expected"):
        check_words(*words)


def test_a_damaged_case_is_named_and_not_passed_over(book: CaseBook) -> None:
    book.put(CASE)
    (file,) = book.directory.glob("*.json")
    file.write_text("{}")
    with pytest.raises(Fatal, match="not a request of a person"):
        book.all()


def test_two_commands_do_not_work_on_the_cases_at_once(book: CaseBook) -> None:
    entered = threading.Event()

    def other() -> None:
        with book.locked():
            entered.set()

    thread = threading.Thread(target=other)
    with book.locked():
        thread.start()
        assert not entered.wait(0.2)
    thread.join(5)
    assert entered.is_set()
