from datetime import UTC, datetime

from pipeline.audit.log import Audit
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
