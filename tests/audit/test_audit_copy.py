import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.audit.log import Audit
from pipeline.settings.sections import ClickHouse
from pipeline.ship import audit_jobs
from pipeline.ship.audit_jobs import copy_audit
from support.server import Rows


def test_acts_are_copied_into_the_table_once_and_with_their_place_in_the_chain(tables: Rows) -> None:
    audit = Audit(tables.settings.audit_dir)
    before = len(list(audit.entries()))
    for number in range(3):
        audit.record("look", {"number": str(number)}, now=datetime.now(UTC), who="anna")
    copy_audit(tables.settings)
    copy_audit(tables.settings)
    audit.record("look", {"number": "3"}, now=datetime.now(UTC), who="anna")
    copy_audit(tables.settings)
    stored = tables.admin.query("SELECT seq, action, who, facts, hash FROM pixel.audit ORDER BY seq").result_rows
    assert [row[-1] for row in stored] == [head.digest for _, head in audit.entries()]
    assert [dict(row[3])["number"] for row in stored[before:]] == ["0", "1", "2", "3"]
    assert {(row[1], row[2]) for row in stored[before:]} == {("look", "anna")}


@pytest.mark.parametrize("asked", [1, 3, 1_000])
def test_acts_of_several_hosts_share_the_table_and_each_copies_what_it_lacks(
    tables: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: int
) -> None:
    monkeypatch.setattr(audit_jobs, "MOST_ASKED", asked)
    shutil.copytree(tables.settings.secrets_dir, tmp_path / "secrets")
    # As a copy of another host: the same server, an audit of its own with the same numbers.
    other = tables.settings.model_copy(
        update={
            "data": tmp_path,
            "clickhouse": ClickHouse(url=f"http://127.0.0.1:{tables.settings.clickhouse.port}"),
        }
    )
    expected: list[str] = []
    for turn in range(2):
        for number, settings in enumerate((tables.settings, other)):
            for _ in range(5):
                Audit(settings.audit_dir).record("look", {}, now=datetime.now(UTC), who=f"user {number} {turn}")
            copy_audit(settings)
    for settings in (tables.settings, other):
        expected += [head.digest for _, head in Audit(settings.audit_dir).entries()]
    stored = tables.admin.query("SELECT hash FROM pixel.audit").result_rows
    assert sorted(row[0] for row in stored) == sorted(expected)
