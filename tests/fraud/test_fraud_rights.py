"""Who may not read what of the fraud review, by which way ever, and that nobody who reads or scores can change a verdict."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.database.client import connect
from pipeline.fraud.job import score_days
from pipeline.settings.model import Settings
from support.clinic_day import store
from support.server import Rows
from support.suspicion import UNEVEN, MadeClient

DENIED = "ACCESS_DENIED"
TIMES = "since = '2020-01-01 00:00:00', until = '2040-01-01 00:00:00'"
WAYS = {
    "table": ("SELECT * FROM pixel.{table}", DENIED),
    "count": ("SELECT count() FROM pixel.{table}", DENIED),
    "merge": ("SELECT * FROM merge('pixel', '^{table}$')", f"{DENIED}|CANNOT_EXTRACT_TABLE_STRUCTURE"),
    "view": ("SELECT * FROM view(SELECT * FROM pixel.{table})", DENIED),
    "remote": ("SELECT * FROM remote('127.0.0.1', pixel.{table})", DENIED),
    "all replicas": ("SELECT * FROM clusterAllReplicas('default', pixel.{table})", f"{DENIED}|CLUSTER_DOESNT_EXIST"),
    "explain": ("EXPLAIN SELECT * FROM pixel.{table}", DENIED),
    "describe": ("DESCRIBE TABLE pixel.{table}", DENIED),
    "copy": ("INSERT INTO pixel.{table} SELECT * FROM pixel.{table}", DENIED),
    "condition": ("SELECT * FROM fraud.cases WHERE case IN (SELECT toString(visitor) FROM pixel.{table})", DENIED),
}
VIEWS = (
    f"fraud_hits(site = 'clinic', {TIMES}, run = '2026-01-01 00:00:00.000', most = 9)",
    f"fraud_F17(site = 'clinic', {TIMES}, run = '2026-01-01 00:00:00.000', most = 9)",
    f"fraud_clicks(site = 'clinic', case = 'x', {TIMES})",
    "fraud_claim(case = 'x')",
)
CHANGES = (
    "ALTER TABLE pixel.verdicts DELETE WHERE 1",
    "ALTER TABLE pixel.verdicts UPDATE reviewer = 'x' WHERE 1",
    "DELETE FROM pixel.verdicts WHERE 1",
    "TRUNCATE TABLE pixel.verdicts",
    "ALTER TABLE pixel.verdicts DROP PARTITION tuple()",
    "DROP TABLE pixel.verdicts",
)


@pytest.mark.parametrize("user", ["ops", "security", "privacy"])
def test_no_reader_reaches_a_row_a_copied_hit_or_a_click_id_by_any_way(
    tables: Rows, clickhouse: Settings, user: str
) -> None:
    store(clickhouse, MadeClient().views(UNEVEN, ("/a", "/b", "/c"), attack="dotfile"))
    score_days(clickhouse, datetime.now(UTC))
    client = connect(clickhouse, user)  # type: ignore[arg-type]
    for table in ("events", "fraud_hits", "fraud_cases", "fraud_signals", "subject_blocks"):
        for query, refusal in WAYS.values():
            with pytest.raises(DatabaseError, match=refusal):
                client.query(query.format(table=table))
    for view in VIEWS:
        with pytest.raises(DatabaseError, match=DENIED):
            client.query(f"SELECT * FROM rollup.{view}")
    client.close()


@pytest.mark.parametrize("user", ["ops", "security", "privacy", "pixel_writer", "pixel_admin"])
def test_nobody_who_reads_or_scores_changes_a_verdict(tables: Rows, clickhouse: Settings, user: str) -> None:
    tables.writer.command(
        "INSERT INTO pixel.verdicts (decided_at, case_id, decision, reviewer) VALUES (now64(3), 'a', 'innocent', 'olga')"
    )
    client = connect(clickhouse, user)  # type: ignore[arg-type]
    for change in CHANGES:
        with pytest.raises(DatabaseError, match=DENIED):
            client.command(change)
    client.close()
    assert tables.admin.query("SELECT decision, reviewer FROM pixel.verdicts").result_rows == [("innocent", "olga")]


def test_the_worker_counts_the_copied_hits_of_a_run_by_suspect_and_reads_no_token_or_page_of_them(tables: Rows) -> None:
    tables.writer.query("SELECT count() FROM pixel.fraud_hits WHERE run = now64(3)")
    for column in ("visitor", "ip_token", "page", "ua_raw", "event_id"):
        with pytest.raises(DatabaseError, match=DENIED):
            tables.writer.query(f"SELECT {column} FROM pixel.fraud_hits")
