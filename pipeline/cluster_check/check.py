"""The checks of a cluster: does each server answer, has each the same version, tables and columns, do they reach each other, do replicas keep up.

Works as `pixel_admin` through the addresses of `clickhouse.shards`. Replicas without an address there are seen through Keeper, as
their shard sees them. A check changes nothing; an error of one server does not hide the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from clickhouse_connect.driver import Client

from pipeline.database.client import address, unreachable, working_as
from pipeline.database.cluster import AT_HOME, BLOCKS, SHARDED, is_home, shards, stored_in
from pipeline.errors import PixelError
from pipeline.settings.model import Settings
from pipeline.told import Told

SENTENCES: Final = "pipeline.cluster_check/cluster.toml"
LAG_SECONDS: Final = 300
"""A replica that is so far behind may lose rows with its shard's other replica."""
State = Literal["ok", "note", "problem"]
Seen = Iterator[tuple[State, str]]
Rows = Sequence[Sequence[Any]]

_COLUMNS: Final = (
    "SELECT table, name, type FROM system.columns WHERE database = 'pixel' AND table IN {tables:Array(String)}"
)
_SHARDS: Final = "SELECT uniqExact(shard_num) FROM system.clusters WHERE cluster = {cluster:String}"
_MUTATIONS: Final = "SELECT count() FROM system.mutations WHERE database = 'pixel' AND NOT is_done"
_KEEPER: Final = "SELECT countIf(NOT is_expired) FROM system.zookeeper_connection"
_REPLICAS: Final = (
    "SELECT table, replica_name, is_readonly, absolute_delay, queue_size, replica_is_active FROM system.replicas"
    " WHERE database = 'pixel' ORDER BY table"
)


class Replica(NamedTuple):
    """A row of system.replicas: one table as one server sees it."""

    table: str
    name: str
    is_read_only: bool
    delay: int
    queue: int
    is_active: Mapping[str, int]


def examine(settings: Settings) -> Seen:
    """Yield the findings of all checks, the first shard first."""
    if not settings.clickhouse.cluster:
        yield "problem", said("no_cluster")
        return
    versions: list[str] = []
    columns: list[Mapping[str, Mapping[str, str]]] = []
    for number, server in enumerate(shards(settings), 1):
        if why := unreachable(server):
            yield "problem", said("shard_away", n=number, address=address(server), why=why)
            continue
        try:
            with working_as(server, "pixel_admin", timeout=10) as client:
                versions.append(str(client.server_version))
                columns.append(_columns(client, server))
                yield from _of_shard(client, server, number, columns[-1])
        except PixelError as error:
            yield "problem", said("shard_fails", n=number, why=error)
    if len(set(versions)) > 1:
        yield "problem", said("other_versions", versions=", ".join(sorted(set(versions))))
    if len(columns) == len(settings.clickhouse.shards):
        yield from _compared(columns)


def said(key: str, **values: object) -> Told:
    """Return a sentence about a cluster."""
    return Told(SENTENCES, key, values)


def _of_shard(client: Client, server: Settings, number: int, columns: Mapping[str, Mapping[str, str]]) -> Seen:
    tables = [stored_in(server, table) for table in SHARDED] + (list(AT_HOME) if is_home(server) else [BLOCKS])
    missing = [table for table in tables if table not in columns]
    for table in missing:
        yield "problem", said("not_migrated", n=number, table=table)
    if missing:
        return
    (rows,) = _row(client, f"SELECT count() FROM pixel.{stored_in(server, 'events')}")  # noqa: S608 - a table of ours
    yield "ok", said("shard_answers", n=number, version=client.server_version, address=address(server), rows=rows)
    yield from _neighbours(client, server, number)
    (mutations,) = _row(client, _MUTATIONS)
    if mutations:
        yield "note", said("mutations", n=number, mutations=mutations)
    if server.clickhouse.replicated:
        (sessions,) = _row(client, _KEEPER)
        if not sessions:
            yield "problem", said("no_keeper", n=number)
        yield from of_replicas([Replica(*row) for row in client.query(_REPLICAS).result_rows], number, tables)


def _neighbours(client: Client, server: Settings, number: int) -> Seen:
    """Whether the server knows the cluster, and can read from the others what a report needs."""
    cluster, wanted = server.clickhouse.cluster, len(server.clickhouse.shards)
    (found,) = _row(client, _SHARDS, cluster=cluster)
    if not found:
        yield "problem", said("unknown_cluster", n=number, cluster=cluster)
    elif found != wanted:
        yield "problem", said("other_shards", n=number, cluster=cluster, found=found, wanted=wanted)
    try:
        with working_as(server, "pixel_admin", timeout=30) as asking:
            asking.query(f"SELECT count() FROM pixel.{SHARDED[-1] if is_home(server) else BLOCKS}")  # noqa: S608 - of ours
    except PixelError as error:
        yield "problem", said("home_blind" if is_home(server) else "blocks_unseen", n=number, why=error)
    else:
        if is_home(server):
            yield "ok", said("home_reaches")


def of_replicas(replicas: Sequence[Replica], number: int, tables: Sequence[str]) -> Seen:
    """Yield what the replicated tables of a shard say of themselves and of their other replicas."""
    findings: list[tuple[State, str]] = []
    # The copy of the hits of a scoring is no one's but the server's that scores.
    plain = sorted({*tables} - {each.table for each in replicas} - {"fraud_hits"})
    findings += [("problem", said("not_replicated", n=number, table=table)) for table in plain]
    away: dict[str, int] = {}
    for each in replicas:
        if each.is_read_only:
            findings.append(("problem", said("read_only", n=number, table=each.table, replica=each.name)))
        elif each.delay > LAG_SECONDS:
            behind = said(
                "lagging", n=number, replica=each.name, seconds=each.delay, table=each.table, queue=each.queue
            )
            findings.append(("problem", behind))
        for name, is_active in each.is_active.items():
            if not is_active:
                away[name] = away.get(name, 0) + 1
    findings += [("problem", said("replica_away", n=number, replica=name, tables=of)) for name, of in away.items()]
    yield from findings or [("ok", said("replicas_well", n=number, tables=len(replicas)))]


def _columns(client: Client, server: Settings) -> Mapping[str, Mapping[str, str]]:
    tables = [*(stored_in(server, table) for table in SHARDED), *AT_HOME]
    found: dict[str, dict[str, str]] = {}
    for table, name, kind in client.query(_COLUMNS, parameters={"tables": tables}).result_rows:
        found.setdefault(table, {})[name] = kind
    return found


def _compared(columns: Sequence[Mapping[str, Mapping[str, str]]]) -> Seen:
    """Whether the tables of each shard have the columns of the first shard's."""
    findings: list[tuple[State, str]] = []
    for number, own in enumerate(columns[1:], 2):
        for table in own.keys() & columns[0].keys():
            differing = {name for name, _ in own[table].items() ^ columns[0][table].items()}
            if differing:
                text = said("other_columns", n=number, table=table, columns=", ".join(sorted(differing)))
                findings.append(("problem", text))
    yield from findings or [("ok", said("same_columns"))]


def _row(client: Client, query: str, **values: str) -> Sequence[Any]:
    rows: Rows = client.query(query, parameters=values).result_rows
    return rows[0]
