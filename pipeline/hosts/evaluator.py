"""The choice of the host that works for all: problems, fraud, publishing, roll-ups, the end of old days.

Owns the report of this host and the answer to "is it this one?". Theory of operation:

* `ship.evaluator` names the host. Without it every host would do the work, as a single one should.
* A host reports, then looks at the reports of all. Of several that would do the work, the one that began first does it, and the others stand down
  and say so: a mistake in the settings does not publish an hour twice with different noise.
* This is no lease: a host that hangs in the middle of its work may end it after another began. ClickHouse cannot refuse such a late insert, with
  Keeper or without, so a lease in a `KeeperMap` would give no more. The damage of a late insert is bounded elsewhere: of two publications of
  an hour readers see one, problems and scores are whole rows of which the newest is valid.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from time import monotonic, time
from typing import Final
from uuid import UUID

import msgspec

from pipeline.database.client import working_as
from pipeline.errors import Fatal
from pipeline.hosts import table
from pipeline.hosts.host import NEVER, SILENT, Host, Look, instance_of, name_of, read_look, write_look
from pipeline.settings.model import Settings

REPORT_SECONDS: Final = 60
ASK_SECONDS: Final = 20

StoredBefore = Callable[[Settings], datetime | None]


class Hosts:
    """This host among those of its database; may be used from several threads.

    `stored_before` tells the time before which everything that was received here is stored, `works` the names of the works for all.
    """

    def __init__(self, stored_before: StoredBefore = lambda _: None, works: Iterable[str] = ()) -> None:
        self._stored_before = stored_before
        self._works = tuple(works)
        self._worked: dict[str, datetime] = {}
        self._since: datetime | None = None
        self._look: Look | None = None
        self._looked = 0.0
        self._written: datetime | None = None
        self._twin: tuple[str, float] = "", 0.0
        self._lock = threading.Lock()

    def report(self, settings: Settings) -> None:
        """Tell the others of this host, and look at them.

        Raises `Retryable` when ClickHouse is unavailable, `Fatal` when it refuses or a key is unsafe, `OSError` without disk.
        """
        with self._lock:
            self._report(settings)

    def evaluates(self, settings: Settings) -> bool:
        """Say whether this host does the work for all now; raises what `report` raises."""
        with self._lock:
            if self._look is None or monotonic() - self._looked > 2 * REPORT_SECONDS:
                self._report(settings)
            first = self._look.evaluator if self._look else None
            return self._look is not None and first is not None and first.instance == self._look.own

    def stored_before(self) -> datetime | None:
        """Return the time before which the other working hosts have stored everything; None if there are none."""
        look = self._look
        return look.stored_before() if look else None

    def note(self, work: str, at: datetime) -> None:
        """Note a success of a work for all."""
        with self._lock:
            self._worked[work] = at

    def _report(self, settings: Settings) -> None:
        instance, is_ready = instance_of(settings), settings.ship.evaluator in ("", name_of(settings))
        with working_as(settings, "pixel_writer", timeout=ASK_SECONDS) as client:
            row = table.own_row(
                client,
                settings,
                instance,
                evaluates_since=self._since if is_ready else NEVER,
                worked=self._worked if is_ready else {},
                stored_before=self._stored_before(settings),
            )
            self._since = row.evaluates_since if is_ready else None
            for work in self._works if is_ready else ():
                self._worked.setdefault(work, row.reported_at)
            self._notice_a_twin(table.read(client, instance), row)
            self._written = row.reported_at
            table.write(client, row)
            twin = self._twin[0] if monotonic() - self._twin[1] <= SILENT.total_seconds() else ""
            look = table.read(client, instance).told_by(row)
            self._look, self._looked = msgspec.structs.replace(look, twin=twin), monotonic()
        write_look(settings.run_dir, self._look)

    def _notice_a_twin(self, before: Look, row: Host) -> None:
        # A row under our identity that is newer than our last one is that of a copy of this machine.
        for host in before.hosts:
            if host.instance == row.instance and self._written and self._written < host.reported_at <= row.reported_at:
                self._twin = host.host, monotonic()


def refuse_elsewhere(settings: Settings) -> None:
    """Refuse a command of a person whose work another host does; raises `Fatal`."""
    named = settings.ship.evaluator
    if named and named != name_of(settings):
        raise Fatal(
            f"ship.evaluator names the host {named}, and this is {name_of(settings)}: run it there, or name this host on all of them"
        )


def look_now(settings: Settings) -> Look:
    """Return the hosts as they are now, for `doctor`; raises `Retryable` or `Fatal` as a query does."""
    with working_as(settings, "pixel_admin", timeout=ASK_SECONDS) as client:
        look = table.read(client, UUID(int=0))
    last = read_look(settings.run_dir, time())
    look = msgspec.structs.replace(look, twin=last.twin) if last else look
    own = next((host for host in last.hosts if host.instance == last.own), None) if last else None
    hides = any(own is not None and host.instance == own.instance and host.reported_at > look.at for host in look.hosts)
    return look.told_by(own) if own is not None and hides else look
