"""One schema for one server and for a cluster: the SQL files differ by the words that are filled in, and by nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.database import cluster
from pipeline.errors import Fatal
from pipeline.operations.daily_partitions import TIMES
from pipeline.reports.views import view_statements
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse, Retention
from sql import MIGRATIONS_DIR, fill, statements
from support.server import Rows

EARLIER = Path(__file__).parents[1] / "data" / "migrations"
FILES = sorted(MIGRATIONS_DIR.glob("*.sql"))
SHARDS, REPLICATED = cluster.Flavour("clinics"), cluster.Flavour("clinics", replicated=True)
SERVERS = ("http://one.example:8123", "http://two.example:8123")
REPLICATED_SETTINGS = Settings(
    clickhouse=ClickHouse(url=SERVERS[0], shards=SERVERS, cluster="clinics", replicated=True)
)


def rendered(file: Path, flavour: cluster.Flavour) -> list[str]:
    """Return the statements of a migration for a flavour."""
    spans = {f"after_{name}": str(value + 1) for name, value in Retention().model_dump().items()}
    return statements(fill(file.read_text(encoding="utf-8"), {**spans, **cluster.words(flavour)}))


def test_on_one_server_the_tables_are_those_of_the_text_that_was_recorded_before() -> None:
    before = (EARLIER / "0001_tables.sql").read_text(encoding="utf-8")
    for table, time in TIMES.items():  # `migrate` gives these a partition for each day
        head, name, tail = before.partition(f"CREATE TABLE IF NOT EXISTS pixel.{table}\n")
        before = head + name + tail.replace(f"toYYYYMM({time})", f"toYYYYMMDD({time})", 1)
    assert rendered(MIGRATIONS_DIR / "0001_tables.sql", cluster.Flavour()) == statements(before)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_with_replicas_every_statement_is_for_all_servers_and_every_table_that_lasts_is_replicated(file: Path) -> None:
    texts = rendered(file, REPLICATED)
    assert texts
    for text in texts:
        assert re.match(r"(CREATE (DATABASE|TABLE) IF NOT EXISTS|ALTER TABLE) [\w.]+ ON CLUSTER clinics\b", text), text
        engines = re.findall(r"ENGINE = (\w+)", text)
        assert len(engines) == text.startswith("CREATE TABLE")
        # The copy of the hits of a scoring is read only where it was written.
        scratch = {"MergeTree"} if " pixel.fraud_hits " in text else set()
        assert set(engines) <= {"ReplicatedMergeTree", "ReplicatedReplacingMergeTree"} | scratch
        assert "non_replicated" not in text


def test_with_replicas_every_view_is_made_on_all_servers(tables: Rows) -> None:
    for name, text in view_statements(REPLICATED_SETTINGS).items():
        assert text.startswith(f"CREATE OR REPLACE VIEW {name} ON CLUSTER clinics")
        assert " DEFINER = pixel_viewer SQL SECURITY DEFINER AS\n" in text
        tables.admin.query("SELECT formatQuery({text:String})", parameters={"text": text})


def test_without_replicas_a_statement_is_for_the_server_that_gets_it() -> None:
    texts = [text for file in FILES for text in rendered(file, SHARDS)]
    assert not [text for text in texts if "ON CLUSTER" in text or "Replicated" in text]


@pytest.mark.parametrize("flavour", [cluster.Flavour(), SHARDS, REPLICATED], ids=["one server", "shards", "replicated"])
def test_clickhouse_understands_every_statement(flavour: cluster.Flavour, tables: Rows) -> None:
    for text in (text for file in FILES for text in rendered(file, flavour)):
        assert "$" not in text
        tables.admin.query("SELECT formatQuery({text:String})", parameters={"text": text})


def test_every_table_has_its_place_on_a_cluster() -> None:
    made = {name for file in FILES for name in re.findall(r"pixel\.(\w+)", "\n".join(rendered(file, SHARDS)))}
    assert made | {cluster.EVERYWHERE} == {*cluster.SHARDED, *cluster.AT_HOME, cluster.EVERYWHERE}


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE IF NOT EXISTS pixel.new (a UInt8)", "ALTER TABLE pixel.new ADD COLUMN a UInt8"]
)
def test_a_table_without_a_place_is_refused_on_a_cluster_and_taken_on_one_server(statement: str) -> None:
    assert cluster.placed(statement, cluster.Flavour()) == statement
    for flavour in (SHARDS, REPLICATED):
        with pytest.raises(Fatal, match=r"pixel\.new has no place"):
            cluster.placed(statement, flavour)


def test_a_sharded_table_is_made_under_its_local_name_and_with_a_path_of_its_shard() -> None:
    made = next(text for text in rendered(FILES[0], REPLICATED) if " pixel.events " in text)
    text = cluster.placed(made, REPLICATED)
    assert text.startswith("CREATE TABLE IF NOT EXISTS pixel.events_local ON CLUSTER clinics")
    assert "ENGINE = ReplicatedMergeTree('/clinic-pixel/{shard}/{database}/{table}', '{replica}')" in text


def test_a_table_of_the_home_has_one_path_for_all_servers_and_keeps_its_version_column() -> None:
    made = next(text for text in rendered(FILES[0], REPLICATED) if " pixel.hourly " in text)
    path = "ReplicatedReplacingMergeTree('/clinic-pixel/{database}/{table}', '{shard}-{replica}', computed_at)"
    assert path in cluster.placed(made, REPLICATED)


def test_other_shards_get_their_own_tables_and_no_others() -> None:
    made = [text for file in FILES for text in rendered(file, SHARDS) if cluster.is_sharded(text)]
    names = {name for text in made for name in re.findall(r"TABLE(?: IF NOT EXISTS)? pixel\.(\w+)", text)}
    assert names == set(cluster.SHARDED)
    assert [text for text in made if text.startswith("CREATE DATABASE")]
