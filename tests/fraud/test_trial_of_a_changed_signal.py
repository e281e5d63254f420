"""A changed signal on the tables: what its trial reads, and that it gives points only after it passed here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.fraud import job
from pipeline.fraud.normals import counts_of
from pipeline.scoring.rules import Signal, all_signals
from pipeline.settings.model import Settings
from support.clinic_day import rows as day_rows
from support.clinic_day import store
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
    other = changed.model_copy(update={"levels": ((3, 60),)})
    other.__dict__.pop("fingerprint", None)
    assert counts_of(tables.writer, [other]) == []


def _history(tables: Rows, signal: Signal, people: int) -> None:
    rows = [
        ((NOW - timedelta(days=back)).date(), "trial", signal.name, signal.fingerprint, 900, 20, people, NOW)
        for back in range(1, 29)
    ]
    names = ["day", "site", "signal", "fingerprint", "clients", "flagged", "people", "computed_at"]
    tables.writer.insert("fraud_normals", rows, names, database="pixel")
