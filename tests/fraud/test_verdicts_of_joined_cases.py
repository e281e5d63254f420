"""Verdicts on two cases that join afterwards: they count for the joined one, and a contradiction confirms nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.claims.advice import advice
from pipeline.database.client import connect
from pipeline.errors import Fatal
from pipeline.fraud import store
from pipeline.fraud.job import score_day
from pipeline.review.cases import Case, all_cases, asked, decide, details, rows_of
from support.days import MIDNIGHT
from support.refunds import SITE, Clinic
from support.server import Rows

DAY = MIDNIGHT.date()
OTHER = "192.0.2.200"


class Joined:
    """Two cases of a day, each with a paid click, until `join` makes them one under the number of the first."""

    def __init__(self, clinic: Clinic) -> None:
        self.clinic = clinic
        clinic.visit(DAY, ["/?gclid=of-the-first"])
        clinic.visit(DAY, ["/?gclid=of-the-second"], OTHER)
        with store.connected(clinic.settings) as client:
            score_day(client, SITE, DAY, datetime.now(UTC), 1)
        self.first, self.second = sorted(case.case for case in self.cases())

    def cases(self) -> list[Case]:
        return asked(self.clinic.settings, all_cases)

    def join(self) -> None:
        """Store what a scoring does that finds them together: the first case took in the second."""
        self.clinic.rows.writer.command(
            "INSERT INTO pixel.fraud_cases SELECT * REPLACE([{second:String}] AS aliases) FROM pixel.fraud_cases FINAL WHERE case_id = {first:String}",
            parameters={"first": self.first, "second": self.second},
        )

    def only(self) -> Case:
        (case,) = self.cases()
        assert (case.case, case.aliases) == (self.first, [self.second])
        return case

    def valid(self) -> int:
        """Return the paid landings that are left of both."""
        (row,) = asked(self.clinic.settings, lambda client: rows_of(client, "totals"))
        return int(row["paid_landings_valid"])

    def decided(self) -> tuple[int, float, float]:
        """Return what the health of the signal that found them says: decided cases, and the shares confirmed and innocent."""
        rows = asked(self.clinic.settings, lambda client: rows_of(client, "signal_health", "signal = 'F17'"))
        return rows[0]["decided"], rows[0]["confirmed"], rows[0]["innocent"]


@pytest.fixture
def joined(tmp_path: Path, tables: Rows) -> Iterator[Joined]:
    yield Joined(Clinic(tmp_path, tables))
    tables.clear()


def test_a_verdict_on_a_case_that_joined_counts_for_claim_totals_health_and_queue(joined: Joined) -> None:
    joined.clinic.decide(joined.second, "confirmed")
    joined.join()
    case = joined.only()
    assert (case.state, case.is_queued) == ("confirmed", False)
    assert joined.decided() == (1, 1.0, 0.0)
    assert joined.valid() == 0
    assert {rule.form for rule in advice(joined.clinic.settings)} >= {"path"}
    for number in (joined.first, joined.second):
        made = joined.clinic.claim(number)
        assert {click.click_id for click in made.clicks} == {"of-the-first", "of-the-second"}
        assert made.case == joined.first


@pytest.mark.parametrize("against", ["innocent", "unsure", "own_monitor"])
@pytest.mark.parametrize("is_first_confirmed", [True, False])
@pytest.mark.parametrize("is_confirmed_later", [True, False])
def test_two_cases_with_contrary_verdicts_confirm_nothing_until_a_person_decides_again(
    joined: Joined, *, against: str, is_first_confirmed: bool, is_confirmed_later: bool
) -> None:
    right, wrong = (joined.first, joined.second) if is_first_confirmed else (joined.second, joined.first)
    joined.clinic.decide(right, "confirmed", seconds=1 if is_confirmed_later else -1)
    joined.clinic.decide(wrong, against)
    joined.join()
    case = joined.only()
    assert (case.state, case.is_queued) == ("reopened", True)
    assert joined.decided()[:2] == (1, 0.0)
    assert joined.valid() == 2
    assert advice(joined.clinic.settings) == []
    with pytest.raises(Fatal, match="two cases joined, and only one was confirmed"):
        joined.clinic.claim(joined.second)
    later = datetime.now(UTC) + timedelta(seconds=9)
    decide(joined.clinic.settings, case, "confirmed", "looked again", now=later, who="anna")
    assert (joined.only().state, joined.valid(), joined.decided()) == ("confirmed", 0, (1, 1.0, 0.0))
    assert len(joined.clinic.claim(joined.first).clicks) == 2
    told = asked(joined.clinic.settings, lambda client: details(client, case))
    assert len(told.verdicts) == 3


def test_a_verdict_against_the_joined_case_takes_the_claim_of_both_away(joined: Joined) -> None:
    for number in (joined.first, joined.second):
        joined.clinic.decide(number, "confirmed")
    joined.join()
    assert joined.only().state == "confirmed"
    later = datetime.now(UTC) + timedelta(seconds=9)
    decide(joined.clinic.settings, joined.only(), "innocent", "a mistake", now=later, who="anna")
    assert joined.only().state == "innocent"
    for number in (joined.first, joined.second):
        with pytest.raises(Fatal, match="its newest verdict is innocent"):
            joined.clinic.claim(number)


def test_the_view_of_a_claim_gives_no_client(joined: Joined) -> None:
    joined.clinic.decide(joined.first, "confirmed")
    found = joined.clinic.rows.writer.query(f"SELECT * FROM rollup.fraud_claim(case = '{joined.first}')")
    assert set(found.column_names) == {
        *("site", "day", "score", "reasons", "reasons_ru", "rules_version", "lists_version"),
        *("case", "state", "decision", "is_torn", "decided_at"),
    }
    reader = connect(joined.clinic.settings, "security")
    with pytest.raises(Exception, match="497"):
        reader.query(f"SELECT * FROM rollup.fraud_claim(case = '{joined.first}')")
    reader.close()
