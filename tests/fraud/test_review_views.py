"""What reviewers read: cases with state and harm, suspects, signals, their health, and totals; and who may read it."""

from __future__ import annotations

from pipeline.fraud.job import score_days
from pipeline.settings.model import Settings
from support.server import Rows


def test_x(tables: Rows, clickhouse: Settings) -> None:
    from pipeline.database.client import connect

    c = connect(clickhouse, "security")
    for v in ("runs", "cases", "suspects", "signals", "signal_health", "totals", "verdicts", "reports"):
        r = c.query(f"SELECT * FROM fraud.{v}")
        print(v, r.column_names, r.result_rows[:3])
