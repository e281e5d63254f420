"""A scored day: its cases, their ids when it grows, and what readers see of a run."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.fraud.job import score_days
from pipeline.settings.model import Settings
from support.clinic_day import rows as day_rows
from support.clinic_day import store
from support.server import Rows
from support.suspicion import MadeClient

PAGES = tuple(f"/page-{number}" for number in range(30))
CASES = "SELECT suspect, case_id, band, signals, reasons FROM pixel.fraud_cases FINAL ORDER BY day, suspect"
NOW = datetime.now(UTC)


def test_a_scanner_is_a_likely_case_and_keeps_its_id_as_it_grows(tables: Rows, clickhouse: Settings) -> None:
    scanner = MadeClient({"net_class": "datacenter", "as_org": "Hosting"})
    store(clickhouse, [*day_rows(), *scanner.views(range(9), PAGES, attack="dotfile", status=404)])
    assert score_days(clickhouse, NOW) > 0
    (before,) = [row for row in tables.admin.query(CASES).result_rows if row[0] == scanner.suspect]
    assert before[2:4] == ("likely", ["F17", "F13", "F05"])
    assert before[4][0].startswith("9 attack attempts within 10 minutes (dotfile), such as ")
    assert score_days(clickhouse, NOW) == 0
    store(clickhouse, scanner.views(range(100, 110), PAGES, attack="dotfile", status=404))
    assert score_days(clickhouse, NOW) == 1
    (after,) = [row for row in tables.admin.query(CASES).result_rows if row[0] == scanner.suspect]
    assert after[1] == before[1]
