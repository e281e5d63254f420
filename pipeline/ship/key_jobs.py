"""The work of `ship` on keys: destroy the keys that are older than their retention, notice one that was exchanged.

Owns the clock and the settings; the destruction itself is `pipeline.keys.destruction`.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime

from pipeline.audit.actions import Action
from pipeline.audit.log import Audit
from pipeline.errors import Fatal
from pipeline.hosts.findings import minted
from pipeline.hosts.host import read_look
from pipeline.keys.destruction import destroy_due, due
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.holds import blocked_days, refuse_a_wrong_clock
from pipeline.keys.tokens import fingerprint
from pipeline.settings.model import Settings

log = logging.getLogger(__name__)


def destroy_expired_keys(settings: Settings) -> None:
    """Destroy the keys that are older than `retention.keys_days` and that no open block holds.

    Raises `Retryable` while a key is due and ClickHouse does not return the blocked days, `Fatal` where its clock is of another day, and the
    errors of `destroy_due`.
    """
    now, files, days = datetime.now(UTC), KeyDirectory.of(settings), settings.retention.keys_days
    if not due(files, now.date(), days):
        return
    refuse_a_wrong_clock(settings, now.date())
    holds = blocked_days(settings, now.date())
    destroyed = destroy_due(files, Audit(settings.audit_dir), now=now, retention_days=days, holds=holds, by="ship")
    if destroyed:
        names = " ".join(name.text for name in destroyed)
        log.info("destroyed %s; `clinic-pixel keys destroy %s` prints the act", names, names)


def compare_keys(settings: Settings) -> None:
    """Note the fingerprint of each key that came into use in the audit, and compare those of the others with it.

    A key of a coming day may be copied again: nothing was made with it yet. A key that is now that of the host which makes keys was a wrong
    one before, and is noted again. Raises `Fatal` that names a key which was exchanged otherwise: under another key the visitors of its days
    count twice, and blocks and request codes no longer match.
    """
    files, audit, today = KeyDirectory.of(settings), Audit(settings.audit_dir), datetime.now(UTC).date()
    look = read_look(settings.run_dir, time.time())
    right = minted(look) if look else {}
    seen = {
        entry.facts["key"]: entry.facts["fingerprint"]
        for entry, _ in audit.entries()
        if entry.action == Action.KEY_SEEN
    }
    exchanged: list[str] = []
    for name in files.names():
        key = files.read(name) if name.first <= today else None
        if key is None:
            continue
        now = fingerprint(key)
        if name.text not in seen or (seen[name.text] != now and right.get(name.text) == now):
            audit.record(Action.KEY_SEEN, {"key": name.text, "fingerprint": now}, now=datetime.now(UTC), who="ship")
        elif seen[name.text] != now:
            exchanged.append(f"{files.file(name)} is not the key with the fingerprint {seen[name.text]}")
    if exchanged:
        raise Fatal(
            f"{'; '.join(exchanged)}; restore it from a copy, else visitors count twice and blocks do not match"
        )
