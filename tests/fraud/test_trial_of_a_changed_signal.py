"""A changed signal on the tables: what its trial reads, and that it gives points only after it passed here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.fraud import job, measure
from pipeline.fraud.normals import counts_of
from pipeline.scoring.rules import Signal, all_signals
from pipeline.scoring.trial import ENOUGH_FLAGGED, TRIAL_DAYS, trial_of
from pipeline.settings.model import Settings
from support.clinic_day import SINCE, store
from support.clinic_day import rows as day_rows
from support.server import Rows
from support.suspicion import MadeClient

NOW = datetime.now(UTC)
PAGES = tuple(f"/page-{number}" for number in range(30))


@pytest.mark.parametrize(("people", "is_live"), [(0, True), (1, False)])
def test_a_changed_signal_gives_points_after_it_flagged_nobody_who_is_a_person(
    tables: Rows, clickhouse: Settings, monkeypatch: pytest.MonkeyPatch, people: int, is_live: bool
) -> None:
    changed = all_signals()["F17"].model_copy(update={"judged": "000000000000"})
    monkeypatch.setattr(job, "measurable", lambda _site: [changed])
    _history(tables, changed, people)
    scanner = MadeClient()
    store(clickhouse, [*day_rows(), *scanner.views(range(9), PAGES, attack="dotfile", status=404)])
    job.score_days(clickhouse, NOW)
    found = tables.admin.query("SELECT suspect FROM pixel.fraud_cases FINAL").result_rows
    assert ((scanner.suspect,) in found) is is_live
    (shadow,) = {row[0] for row in tables.admin.query("SELECT is_shadow FROM pixel.fraud_signals").result_rows}
    assert bool(shadow) is not is_live


def test_a_day_that_is_over_counts_for_the_text_that_measured_it(
    tables: Rows, clickhouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = all_signals()["F17"].model_copy(update={"judged": "000000000000"})
    monkeypatch.setattr(job, "measurable", lambda _site: [changed])
    person = MadeClient({"cookie_age": "month"})
    store(clickhouse, [*day_rows(), *person.views(range(9), PAGES, attack="dotfile", status=404)])
    job.score_days(clickhouse, NOW)
    counts = [each for each in counts_of(tables.writer, [changed]) if each.flagged]
    assert [(each.fingerprint, each.flagged, each.people) for each in counts] == [(changed.fingerprint, 1, 1)]
    assert (counts[0].seen, counts[0].is_cut) == (NOW.date(), False)
    other = changed.model_copy(update={"levels": ((3, 60),)})
    other.__dict__.pop("fingerprint", None)
    assert counts_of(tables.writer, [other]) == []


def test_days_scored_again_do_not_pass_a_changed_signal_and_its_first_use_is_remembered(
    tables: Rows, clickhouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = all_signals()["F17"].model_copy(update={"judged": "000000000000"})
    monkeypatch.setattr(job, "measurable", lambda _site: [changed])
    for back in range(TRIAL_DAYS):
        made = [hit for _ in range(12) for hit in MadeClient().views(range(2), PAGES, attack="dotfile")]
        store(clickhouse, [{**hit, "received_at": SINCE - timedelta(days=back, hours=-10)} for hit in made])
    job.score_days(clickhouse, NOW, days=TRIAL_DAYS + 3)
    counts = counts_of(tables.writer, [changed])
    assert sum(each.flagged for each in counts) > ENOUGH_FLAGGED
    assert len({each.day for each in counts}) == TRIAL_DAYS
    assert trial_of(changed, counts, NOW.date()).state == "trial"
    # Without the day of the first use these days would pass it.
    forgotten = [each._replace(seen=SINCE.date() - timedelta(days=TRIAL_DAYS)) for each in counts]
    assert trial_of(changed, forgotten, NOW.date()).state == "passed"
    # A day that is scored once more, the day after, does not begin the trial again.
    store(clickhouse, MadeClient().views(range(2), PAGES, attack="dotfile"))
    assert job.score_days(clickhouse, NOW + timedelta(days=1), days=TRIAL_DAYS + 3) == 1
    assert {each.seen for each in counts_of(tables.writer, [changed])} == {NOW.date()}


def test_a_day_that_was_cut_is_stored_as_such(
    tables: Rows, clickhouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = all_signals()["F17"].model_copy(update={"judged": "000000000000"})
    monkeypatch.setattr(job, "measurable", lambda _site: [changed])
    monkeypatch.setattr(measure, "MOST_ROWS", 2)
    store(clickhouse, [row for _ in range(3) for row in MadeClient().views(range(2), PAGES, attack="dotfile")])
    job.score_days(clickhouse, NOW)
    assert [(each.flagged, each.is_cut) for each in counts_of(tables.writer, [changed])] == [(2, True)]


def _history(tables: Rows, signal: Signal, people: int = 0) -> None:
    seen = (NOW - timedelta(days=29)).date()
    rows = [
        ((NOW - timedelta(days=back)).date(), "trial", signal.name, signal.fingerprint, 900, 20, people, seen, NOW)
        for back in range(1, 29)
    ]
    names = ["day", "site", "signal", "fingerprint", "clients", "flagged", "people", "seen", "computed_at"]
    tables.writer.insert("fraud_normals", rows, names, database="pixel")
