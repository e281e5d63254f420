"""The places of the tables, on one server or on the shards of a cluster, and the statements for these places.

Owns the words `$merge_tree`, `$replacing_merge_tree`, `$deduplication_window` and `$on_cluster` of the SQL files. Pure. On a
cluster of several shards:

* The tables of rows (`SHARDED`) are in parts, one on each shard as `pixel.<table>_local`. The *home*, the server at
  `clickhouse.url`, has all other tables (`AT_HOME`) and every view. There `pixel.<table>` is a `Distributed` table over all shards, so that
  a report reads the same names everywhere and gives the same numbers.
* The rows of blocked persons are hidden where they are stored. A query that came through `pixel.<table>` works there as
  `pixel_viewer`, whoever asked. So erasure, which must see those rows, asks each shard itself.
* Every shard must know the open blocks: it reads
  `pixel.subject_blocks` of the home, and answers nothing when it cannot.
* With replicas a table is `Replicated...`, and a statement runs `ON CLUSTER`, on every server; tables that are not sharded
  are replicated to all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from pipeline.errors import Fatal
from pipeline.settings.model import Settings

SHARDED: Final = ("events", "technical", "counters", "rejects", "held")
"""The tables whose rows are spread over the shards: those that delivery writes, and the copies that stay where the row was."""
EVERYWHERE: Final = "migrations"
"""Each server records what it has."""
BLOCKS: Final = "subject_blocks"
AT_HOME: Final = (
    BLOCKS, "audit", "cells", "fraud_cases", "fraud_hits", "fraud_normals", "fraud_runs", "fraud_signals", "hosts", "hourly",
    "marks", "problems", "publications", "series", "verdicts",
)  # fmt: skip
"""The tables that the home has alone; with replicas each server has all of their rows."""
_MADE: Final = re.compile(r"(?:CREATE TABLE IF NOT EXISTS|ALTER TABLE) pixel\.(\w+)")
_NAMES: Final = re.compile(rf"\bpixel\.({'|'.join(SHARDED)})\b")
_REPLICATED: Final = re.compile(r"\bENGINE = (Replicated\w*MergeTree)(?:\(([^)]*)\))?")
_OWN_PATH: Final = "'/clinic-pixel/{shard}/{database}/{table}', '{replica}'"
_SHARED_PATH: Final = "'/clinic-pixel/{database}/{table}', '{shard}-{replica}'"


class Flavour(NamedTuple):
    """The place of the tables: one server, or a named cluster, with replicas or without."""

    cluster: str = ""
    replicated: bool = False


def flavour(settings: Settings) -> Flavour:
    """Return the flavour for the settings."""
    return Flavour(settings.clickhouse.cluster, settings.clickhouse.replicated)


def words(flavour: Flavour) -> dict[str, str]:
    """Return the text of each word of the SQL files."""
    replicated = "Replicated" if flavour.replicated else ""
    return {
        "merge_tree": f"{replicated}MergeTree",
        "replacing_merge_tree": f"{replicated}ReplacingMergeTree",
        "deduplication_window": "replicated_deduplication_window"
        if flavour.replicated
        else "non_replicated_deduplication_window",
        "on_cluster": f" ON CLUSTER {flavour.cluster}" if flavour.replicated else "",
    }


def shards(settings: Settings) -> tuple[Settings, ...]:
    """Return the settings with which each shard is asked, in the order of `clickhouse.shards`; one server is one shard."""
    return tuple(_at(settings, url) for url in settings.clickhouse.shards) or (settings,)


def home_cluster(cluster: str) -> str:
    """Return the name in `remote_servers` of the cluster that is the home alone."""
    return f"{cluster}_home"


def is_home(settings: Settings) -> bool:
    """Say whether these settings ask the server that has every table and view; the only server is one."""
    return settings.clickhouse.shards[:1] in ((), (settings.clickhouse.url,))


def stored_in(settings: Settings, table: str) -> str:
    """Return the name of the table on a shard that has the rows of a table."""
    return f"{table}_local" if settings.clickhouse.cluster and table in SHARDED else table


def placed(statement: str, flavour: Flavour) -> str:
    """Return a statement that makes or changes a table as a shard of the cluster runs it; on one server it is unchanged.

    Raises `Fatal` for a table that has no place yet.
    """
    if not flavour.cluster:
        return statement
    made = _MADE.match(statement)
    if made and made[1] not in (*SHARDED, *AT_HOME, EVERYWHERE):
        raise Fatal(f"pixel.{made[1]} has no place on a cluster: name it in pipeline/database/cluster.py")
    path = _OWN_PATH if re.match(rf"CREATE TABLE IF NOT EXISTS {_NAMES.pattern}", statement) else _SHARED_PATH
    text = _NAMES.sub(r"pixel.\1_local", statement)
    return _REPLICATED.sub(lambda match: f"ENGINE = {match[1]}({', '.join(filter(None, (path, match[2])))})", text)


def is_sharded(statement: str) -> bool:
    """Say whether a shard other than the home runs a statement, too: those about its own tables, and about databases."""
    made = _MADE.match(statement)
    return made[1] in (*SHARDED, EVERYWHERE) if made else statement.startswith("CREATE DATABASE")


def distributed(flavour: Flavour) -> Iterator[str]:
    """Yield the statements that make the names of the home over its shards, anew: such a table has no rows."""
    on_cluster = words(flavour)["on_cluster"]
    for table in SHARDED if flavour.cluster else ():
        yield f"DROP TABLE IF EXISTS pixel.{table}{on_cluster} SYNC"
        yield (
            f"CREATE TABLE pixel.{table}{on_cluster} AS pixel.{table}_local"
            f" ENGINE = Distributed('{flavour.cluster}', 'pixel', '{table}_local')"
        )


def blocks_of_home(made: str, flavour: Flavour) -> str:
    """Return the statement by which a shard without replicas reads the open blocks of the home, from the one that makes the table."""
    columns = made.partition("\nENGINE")[0]
    return f"{columns}\nENGINE = Distributed('{home_cluster(flavour.cluster)}', 'pixel', '{BLOCKS}')"


def _at(settings: Settings, url: str) -> Settings:
    return settings.model_copy(update={"clickhouse": settings.clickhouse.model_copy(update={"url": url})})
