"""The work of `ship` on the audit: print its head, and copy its acts into ClickHouse.

Owns the clock and the settings; the audit itself is `pipeline.audit.log`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC

import msgspec
from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.audit.chain import Entry, Head
from pipeline.audit.log import Audit
from pipeline.database.client import connect, explain
from pipeline.settings.model import Settings

log = logging.getLogger(__name__)

MOST_ASKED = 1_000
"""Digests in one query on the table: 70 KB, and more acts than are recorded between two copies."""


def print_audit_head(settings: Settings) -> None:
    """Prove the audit's chain and print its head: a copy of this log elsewhere shows whether the audit was written anew.

    Raises `Fatal` where the chain is broken.
    """
    log.info("audit head %s", Audit(settings.audit_dir).verify_chain())


def copy_audit(settings: Settings) -> None:
    """Copy the acts that are missing in `pixel.audit`, so that SQL can read them; the file stays the proof.

    Acts are identified by their digest in the chain, so several hosts may copy into one table. Raises `Fatal` where the
    chain is broken, `Retryable` while ClickHouse is unavailable.
    """
    audit = Audit(settings.audit_dir)
    if not audit.newest(1):
        return
    client = connect(settings, "pixel_writer")
    try:
        lines = [_line(entry, head.digest) for entry, head in _missing(client, audit)]
        if lines:
            client.raw_insert("pixel.audit", insert_block=b"\n".join(lines), fmt="JSONEachRow")
    except ClickHouseError as error:
        raise explain(error, settings, "pixel_writer") from None
    finally:
        client.close()


def _missing(client: Client, audit: Audit) -> list[tuple[Entry, Head]]:
    """Return the acts that the table does not have yet, oldest first."""
    acts = audit.newest(MOST_ASKED)
    known = _known(client, acts)
    if not known and acts[0][0].seq > 1:
        acts = list(audit.entries())
        for start in range(0, len(acts), MOST_ASKED):
            known |= _known(client, acts[start : start + MOST_ASKED])
    return [(entry, head) for entry, head in acts if head.digest not in known]


def _known(client: Client, acts: Sequence[tuple[Entry, Head]]) -> set[str]:
    # By the digest, not by the number: several hosts copy their chains into the table.
    query = "SELECT hash FROM pixel.audit WHERE hash IN {digests:Array(String)}"
    answer = client.query(query, parameters={"digests": [head.digest for _, head in acts]})
    return {str(row[0]) for row in answer.result_rows}


def _line(entry: Entry, digest: str) -> bytes:
    at = entry.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    facts = {name: str(value) for name, value in entry.facts.items()}
    row = {"seq": entry.seq, "at": at, "action": entry.action, "who": entry.who, "facts": facts, "hash": digest}
    return msgspec.json.encode(row)
