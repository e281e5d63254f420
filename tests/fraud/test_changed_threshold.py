"""An operator changes the threshold of a signal: through `migrate` into the views, and into the next scoring as a trial."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.database.client import connect
from pipeline.fraud.job import score_days
from pipeline.operations.migrate import migrate
from pipeline.scoring import rules
from pipeline.settings.model import Settings
from support.clinic_day import store
from support.server import Rows
from support.suspicion import MadeClient

PAGES = tuple(f"/page-{number}" for number in range(30))
FOUND = "SELECT value, threshold, is_shadow FROM pixel.fraud_signals FINAL WHERE signal = 'F17'"


@pytest.fixture
def thresholds(clickhouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The operator's file of thresholds; afterwards the shipped ones and their views are in force again."""

    def forget() -> None:
        rules.all_signals.cache_clear()
        rules.rules_version.cache_clear()

    file = tmp_path / "thresholds.toml"
    with monkeypatch.context() as patched:
        patched.setattr(rules, "CHANGED_THRESHOLDS", file)
        forget()
        yield file
    forget()
    migrate(clickhouse)


def test_a_changed_threshold_is_in_the_views_measures_at_once_and_gives_no_points_at_first(
    tables: Rows, clickhouse: Settings, thresholds: Path
) -> None:
    signal = rules.shipped_signals()["F17"]
    shipped = rules.rules_version.__wrapped__
    thresholds.write_text("[fraud_signals.F17]\nlevels = [[7, 60]]\n", encoding="utf-8")
    assert (7, 60) not in signal.levels
    migrate(clickhouse)
    reviewer = connect(clickhouse, "security")
    on_trial = "SELECT is_shadow FROM fraud.signal_health WHERE signal = 'F17'"
    assert reviewer.query(on_trial).result_rows == [(True,)]
    few, many = MadeClient(), MadeClient()
    for each, number in ((few, 4), (many, 9)):
        store(clickhouse, each.views(range(number), PAGES, attack="dotfile", status=404))
    assert score_days(clickhouse, datetime.now(UTC)) > 0
    assert tables.admin.query(FOUND).result_rows == [(9.0, 7.0, True)]
    scored = "SELECT DISTINCT arrayJoin(mapKeys(mapFilter((name, points) -> points >= 60, families))) FROM pixel.fraud_cases FINAL"
    assert tables.admin.query(scored).result_rows == []
    ((used,),) = tables.admin.query("SELECT DISTINCT rules_version FROM pixel.fraud_runs FINAL").result_rows
    thresholds.write_text("", encoding="utf-8")
    rules.all_signals.cache_clear()
    assert used != shipped()
    reviewer.close()
