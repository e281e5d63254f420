"""The work of `ship` on keys: destroy the keys that are older than their retention.

Owns the clock and the settings; the work itself is `pipeline.keys.destruction`.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from pipeline.audit.log import Audit
from pipeline.keys.destruction import destroy_due, due
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.holds import blocked_days
from pipeline.settings import Settings

log = logging.getLogger(__name__)


def destroy_expired_keys(settings: Settings) -> None:
    """Destroy the keys that are older than `retention.keys_days` and that no open block holds.

    Raises `Retryable` while a key is due and ClickHouse does not return the blocked days, and the errors of `destroy_due`.
    """
    now, files, days = datetime.now(UTC), KeyDirectory.of(settings), settings.retention.keys_days
    if not due(files, now.date(), days):
        return
    holds = blocked_days(settings, now.date())
    destroyed = destroy_due(files, Audit(settings.audit_dir), now=now, retention_days=days, holds=holds, by="ship")
    if destroyed:
        names = " ".join(name.text for name in destroyed)
        log.info("destroyed %s; `clinic-pixel keys destroy %s` prints the act", names, names)
