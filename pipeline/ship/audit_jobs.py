"""The work of `ship` on the audit: print its head, and copy its acts into ClickHouse.

Owns the clock and the settings; the audit itself is `pipeline.audit.log`.
"""

from __future__ import annotations

import logging
from datetime import UTC

import msgspec
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.audit.chain import Entry
from pipeline.audit.log import Audit
from pipeline.database.client import connect, explain
from pipeline.settings import Settings

log = logging.getLogger(__name__)


def print_audit_head(settings: Settings) -> None:
    """Prove the audit's chain and print its head, so that the log elsewhere shows an audit written anew.

    Raises `Fatal` where the chain is broken.
    """
    log.info("audit head %s", Audit(settings.audit_dir).verify_chain())


def copy_audit(settings: Settings) -> None:
    """Copy the acts that `pixel.audit` lacks, so that they can be asked for in SQL; the file stays the proof.

    Acts are told apart by their place in the chain, so several hosts may copy into one table. Raises `Fatal` where the
    chain is broken, `Retryable` while ClickHouse is away.
    """
    acts = list(Audit(settings.audit_dir).entries())
    if not acts:
        return
    client = connect(settings, "pixel_writer")
    try:
        known = {row[0] for row in client.query("SELECT hash FROM pixel.audit").result_rows}
        lines = [_line(entry, head.digest) for entry, head in acts if head.digest not in known]
        if lines:
            client.raw_insert("pixel.audit", insert_block=b"\n".join(lines), fmt="JSONEachRow")
    except ClickHouseError as error:
        raise explain(error, settings, "pixel_writer") from None
    finally:
        client.close()


def _line(entry: Entry, digest: str) -> bytes:
    at = entry.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    facts = {name: str(value) for name, value in entry.facts.items()}
    row = {"seq": entry.seq, "at": at, "action": entry.action, "who": entry.who, "facts": facts, "hash": digest}
    return msgspec.json.encode(row)
