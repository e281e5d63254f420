"""Writes this host's row into `pixel.hosts` and reads those of all.

Owns the two queries, and the comparison of this host's clock with that of ClickHouse. Works as `pixel_writer`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final
from uuid import UUID

import msgspec
from clickhouse_connect.driver import Client

from pipeline import __version__
from pipeline.clock import now_ms
from pipeline.database.client import in_utc
from pipeline.errors import Fatal
from pipeline.hosts.host import FORGOTTEN, NEVER, Host, Look, name_of
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.tokens import fingerprint
from pipeline.settings.model import Settings

_COLUMNS: Final = Host.__struct_fields__
_READ: Final = (
    f"/* hosts */ SELECT {', '.join(_COLUMNS)} FROM pixel.hosts FINAL"  # noqa: S608 - names of our own
    " WHERE reported_at > now64(3, 'UTC') - toIntervalSecond({seconds:UInt32}) ORDER BY host, instance"
)


def own_row(
    client: Client,
    settings: Settings,
    instance: UUID,
    *,
    evaluates_since: datetime | None,
    worked: Mapping[str, datetime],
    stored_before: datetime | None,
) -> Host:
    """Return what this host tells of itself now; `evaluates_since` is `NEVER`, or None for one that begins now.

    Raises `Fatal` where the directory of the keys is unsafe, and the errors of the driver.
    """
    clock, began = now_ms(), monotonic()
    server_ms = int(client.query("/* clock */ SELECT toUnixTimestamp64Milli(now64(3))").result_rows[0][0])
    round_trip_ms = round((monotonic() - began) * 1000)
    reported_at = datetime.fromtimestamp(server_ms / 1000, UTC)
    return Host(
        instance=instance,
        reported_at=reported_at,
        host=name_of(settings),
        version=__version__,
        clock_ms=clock + round_trip_ms // 2 - server_ms,
        round_trip_ms=round_trip_ms,
        mints=settings.collector.mint_keys,
        evaluates_since=reported_at if evaluates_since is None else evaluates_since,
        keys=dict(_fingerprints(KeyDirectory.of(settings))),
        worked=worked,
        stored_before=stored_before or NEVER,
    )


def _fingerprints(files: KeyDirectory) -> Iterator[tuple[str, str]]:
    for name in files.names():
        with suppress(Fatal, OSError):  # a damaged key is as good as none; `doctor` on its host names it
            if (key := files.read(name)) is not None:
                yield name.text, fingerprint(key)


def write(client: Client, host: Host) -> None:
    """Replace the row of a host; raises the errors of the driver."""
    client.raw_insert("pixel.hosts", insert_block=msgspec.json.encode(_row(host)), fmt="JSONEachRow")


def read(client: Client, own: UUID) -> Look:
    """Return the hosts that reported lately; raises the errors of the driver."""
    answer = client.query(_READ, parameters={"seconds": int(FORGOTTEN.total_seconds())}).result_rows
    hosts = tuple(_host(dict(zip(_COLUMNS, row, strict=True))) for row in answer)
    ((at,),) = client.query("/* clock */ SELECT now64(3, 'UTC')").result_rows
    return Look(at=in_utc(at), own=own, hosts=hosts)


def _row(host: Host) -> dict[str, object]:
    values = msgspec.structs.asdict(host)
    for name in ("reported_at", "evaluates_since", "stored_before"):
        values[name] = _text(values[name])
    return values | {"instance": str(host.instance), "worked": {name: _text(at) for name, at in host.worked.items()}}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _host(values: dict[str, Any]) -> Host:
    utc = {name: in_utc(value) for name, value in values.items() if isinstance(value, datetime)}
    worked = {name: in_utc(at) for name, at in values["worked"].items()}
    return Host(**(values | utc | {"worked": worked}))
