"""The state of a database by its table `pixel.migrations`: its migrations, the version that made it, a restore under way.

Owns that table after its making. The newest record of a name counts. A database is of a newer version where it has a numbered
migration that this version does not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline import __version__
from sql import MIGRATIONS_DIR

if TYPE_CHECKING:
    from clickhouse_connect.driver import Client

_NUMBERED: Final = "[0-9][0-9][0-9][0-9]_*.sql"
_NUMBER: Final = re.compile(r"\d{4}_")
RESTORE, VERSION = "restore", "clinic-pixel"
"""Names in `pixel.migrations` that are no files: whether a restore is under way, and the version that migrated last."""
BEGUN: Final = "begun"


def recorded_in(client: Client) -> dict[str, str]:
    """Return the newest checksum of each recorded name; the client's user must be able to read `pixel.migrations`."""
    rows = client.query("SELECT name, argMax(checksum, applied_at) FROM pixel.migrations GROUP BY name")
    return {str(name): str(checksum) for name, checksum in rows.result_rows}


def newer_files(recorded: Iterable[str]) -> list[str]:
    """Return the recorded numbered files that this version does not have: a newer one has applied them."""
    known = {file.name for file in numbered_files()}
    return sorted(name for name in recorded if _NUMBER.match(name) and name not in known)


def restore_is_open(recorded: Mapping[str, str]) -> bool:
    """Return whether a restore was begun and did not end: there is no view then."""
    return recorded.get(RESTORE) == BEGUN


def missing_files(recorded: Iterable[str]) -> list[str]:
    """Return the numbered files that are not recorded: not applied, or not to their end."""
    return [file.name for file in numbered_files() if file.name not in set(recorded)]


def newer_schema(newer: Sequence[str], made_by: str) -> str:
    """Return the sentence about a database of a newer version."""
    return (
        f"the database was migrated by the newer clinic-pixel {made_by or '(version not recorded)'}, this is {__version__}: "
        f"{', '.join(newer)} is not known here. Nothing was changed; install that version again, or restore a backup made before the upgrade"
    )


def record(client: Client, name: str, checksum: str, *, unless: Mapping[str, str] | None = None) -> None:
    """Record a name, except where it is in `unless` with this checksum; the client's user is `pixel_migrator`."""
    if unless is None or unless.get(name) != checksum:
        row = [[name, checksum, datetime.now(UTC)]]
        client.insert("pixel.migrations", row, column_names=["name", "checksum", "applied_at"])


def numbered_files() -> list[Path]:
    """Return the numbered migrations of this version, in order."""
    return sorted(MIGRATIONS_DIR.glob(_NUMBERED))
