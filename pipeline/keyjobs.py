"""What `ship` does daily for keys and audit: destroy what is due, and print the head of the audit.

Owns the clock and the settings of both; the work itself is `pipeline.destruction` and `pipeline.audit`.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from pipeline.audit import Audit
from pipeline.destruction import destroy_due, due
from pipeline.holds import blocked_days
from pipeline.keyfiles import KeyDirectory
from pipeline.settings import Settings

log = logging.getLogger(__name__)


def key_files(settings: Settings) -> KeyDirectory:
    """Return the key directory; raises `Fatal` where it is unsafe."""
    return KeyDirectory(settings.keys_dir, forbidden=(settings.spool_dir, settings.clickhouse_dir))


def destroy_expired_keys(settings: Settings) -> None:
    """Destroy the keys whose age passed `retention.keys_days` and that no open block holds.

    Raises `Retryable` while a key is due and ClickHouse cannot say which days are blocked, and what `destroy_due` raises.
    """
    now, files, days = datetime.now(UTC), key_files(settings), settings.retention.keys_days
    if not due(files, now.date(), days):
        return
    holds = blocked_days(settings, now.date())
    destroyed = destroy_due(files, Audit(settings.audit_dir), now=now, retention_days=days, holds=holds, by="ship")
    if destroyed:
        names = " ".join(name.text for name in destroyed)
        log.info("destroyed %s; `clinic-pixel keys destroy %s` prints the act", names, names)


def print_audit_head(settings: Settings) -> None:
    """Prove the audit's chain and print its head, so that the log elsewhere shows an audit written anew.

    Raises `Fatal` where the chain is broken.
    """
    log.info("audit head %s", Audit(settings.audit_dir).verify_chain())
