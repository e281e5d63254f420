"""The inventory and the tables say the same, and a visitor can read it."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from pipeline.database.access import USERS
from pipeline.database.client import connect
from pipeline.errors import Fatal
from pipeline.inventory.columns import Inventory, amount, inventory
from pipeline.inventory.docs_page import page
from pipeline.inventory.readers import ROLES, purposes, reach
from pipeline.keys.directory import KeyName
from pipeline.keys.sealed import SEALED_DAYS
from pipeline.reports.catalogue import all_reports
from pipeline.settings.model import Settings
from pipeline.settings.sections import Retention
from sql import SQL_DIR
from support.server import Rows

FIELDS = {"ip", "cookie", "program", "time", "page", "referrer"}  # the six of clause 3.3


def stored(rows: Rows) -> list[tuple[str, str]]:
    """Return every column that the database has, table by table."""
    names = [row[0] for row in rows.admin.query("SHOW TABLES FROM pixel").result_rows]
    return [(name, row[0]) for name in names for row in rows.admin.query(f"DESCRIBE TABLE pixel.{name}").result_rows]


def listed(known: Inventory) -> list[tuple[str, str]]:
    """Return every column that the inventory has."""
    return [(column.table, column.name) for column in known.columns]


def test_the_inventory_lists_exactly_the_columns_of_the_tables(tables: Rows) -> None:
    assert sorted(listed(inventory())) == sorted(stored(tables))


def test_a_column_that_nobody_listed_is_noticed(tables: Rows, clickhouse: Settings) -> None:
    migrator = connect(clickhouse, "pixel_migrator")
    migrator.command("ALTER TABLE pixel.rejects ADD COLUMN smuggled String")
    try:
        assert set(stored(tables)) - set(listed(inventory())) == {("rejects", "smuggled")}
    finally:
        migrator.command("ALTER TABLE pixel.rejects DROP COLUMN smuggled")
        migrator.close()


def test_every_column_of_events_comes_from_clause_33_or_is_our_own() -> None:
    assert {column.source for column in inventory().of("events")} == FIELDS | {"ours"}


def test_only_addresses_and_numbers_of_a_person_hold_a_raw_field_as_a_token() -> None:
    raw = {column.name for column in inventory().of("events") if column.source == "ip" and not column.derived}
    assert raw == {"ip_token", "net_token"}
    assert raw < {column.name for column in inventory().of("events") if column.is_token}


def test_a_copy_that_is_held_has_the_same_columns_and_its_own_term() -> None:
    held, events = inventory().of("held"), inventory().of("events")
    assert [column.name for column in held] == [column.name for column in events]
    assert {column.term.name for column in held} == {"block"}


def test_each_kind_of_key_has_its_place() -> None:
    day = date(2026, 11, 22)
    files = {name.text for name in (KeyName.of_day(day), KeyName.of_year(day), KeyName.of_quarter(day))}
    forms = {re.sub(r"q\d$", "qN", file.replace("2026", "YYYY").replace("-11-22", "-MM-DD")) for file in files}
    assert {f"keys/{form}.key" for form in forms} <= {place.path for place in inventory().places}


def test_a_sealed_click_id_ends_by_the_term_that_the_worker_keeps() -> None:
    (column,) = (column for column in inventory().of("events") if column.name == "click_sealed")
    assert column.term.text(Retention(), "en") == f"{SEALED_DAYS} days"
    assert column.term.text(Retention(), "ru") == f"{SEALED_DAYS} дней"


def test_a_group_for_visitors_tells_the_term_of_its_columns() -> None:
    for column in inventory().of("events"):
        if column.group.words:
            assert column.term == column.group.term, column.name


def test_nothing_of_a_visitor_is_hidden_in_a_group_without_words() -> None:
    personal = {column.name for column in inventory().of("events") if not column.group.words}
    assert personal == {"event_id", "batch_id"}


@pytest.mark.parametrize(
    ("days", "english", "russian"),
    [
        (1, "1 day", "1 день"),
        (3, "3 days", "3 дня"),
        (12, "12 days", "12 дней"),
        (21, "21 days", "21 день"),
        (90, "90 days", "90 дней"),
        (111, "111 days", "111 дней"),
    ],
)
def test_a_term_follows_the_settings_in_both_languages(days: int, english: str, russian: str) -> None:
    retention = Retention(keys_days=1, rows_days=days, quarantine_days=1)
    assert english in {kept.term for kept in inventory().plain_words(retention, "en")}
    assert russian in {kept.term for kept in inventory().plain_words(retention, "ru")}


def test_a_term_in_months_is_spelled_in_both_languages() -> None:
    assert [amount(number, "months", "en") for number in (1, 25)] == ["1 month", "25 months"]
    assert [amount(number, "months", "ru") for number in (1, 2, 25)] == ["1 месяц", "2 месяца", "25 месяцев"]


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_visitor_reads_no_name_of_a_column(language: str) -> None:
    told = inventory().plain_words(Retention(), "ru" if language == "ru" else "en")
    assert len(told) > 10
    for kept in told:
        assert kept.words.endswith(".")
        assert kept.term
        assert "_" not in kept.words + kept.title


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ('"derived: program", "3.3", "find faults by browser"', '"derived: mood", "3.3", "x"', "events.browser: source mood"),
        ('received_at = ["time", "time"', 'received_at = ["eternity", "time"', "eternity"),
        ('holds = "one row per page view or ad impression"\nretention = "rows"', "", "retention"),
    ],
)  # fmt: skip
def test_a_word_that_is_not_known_is_named(tmp_path: Path, right: str, wrong: str, named: str) -> None:
    text = (SQL_DIR / "inventory.toml").read_text(encoding="utf-8")
    assert right in text
    broken = tmp_path / "inventory.toml"
    broken.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(Fatal, match=named):
        inventory(broken)


def test_tokens_are_named_by_no_technical_report() -> None:
    for column in inventory().of("events"):
        if column.term.name == "tokens":
            assert "technical" not in purposes(column, all_reports()), column.name


def test_the_page_lists_every_column_and_every_place() -> None:
    text = page(inventory(), all_reports())
    for column in inventory().columns:
        assert f"| `{column.name}` |" in text
    for place in inventory().places:
        assert f"`{place.path}`" in text


def test_a_role_reaches_what_the_reports_of_its_purpose_name() -> None:
    reports, columns = all_reports(), inventory().columns
    reached = {role: {column.name for column in reach(columns, role, reports)} for role in ROLES}
    # Published numbers and the collector's own counts, and no column of an event.
    assert {"keys", "visitors", "numbers", "value"} <= reached["ops"]
    assert not {"page", "visitor", "ip_token", "country", "batch_id"} & reached["ops"]
    assert "page" in reached["security"]
    assert reached["ops"] < reached["security"]
    assert "visitor" in reached["security"]
    # A reviewer sees the token of a suspect, and of no other event.
    tables = {
        role: {column.table for column in reach(columns, role, reports) if column.name == "ip_token"} for role in ROLES
    }
    assert tables["security"] == {"fraud_cases"}
    assert tables["pixel_writer"] == {"fraud_cases", "fraud_signals"}
    of_signs = {column.name for column in reach(inventory().of("fraud_signals"), "security", reports)}
    assert {"value", "evidence"} <= of_signs
    assert "visitor" not in of_signs
    assert reached["pixel_admin"] == {column.name for column in columns}
    # The worker counts cells before they have noise.
    assert {"page", "browser", "asn"} <= reached["pixel_writer"]
    of_events = {column.name for column in reach(inventory().of("events"), "pixel_writer", reports)}
    assert not {"visitor", "ip_token", "event_id"} & of_events
    assert reached["pixel_migrator"] == set()
    with pytest.raises(ValueError, match="no user 'somebody'; there are: ops"):
        reach(columns, "somebody", reports)


def test_the_known_roles_are_the_users_of_the_database() -> None:
    assert set(ROLES) == set(USERS)


def test_every_directory_of_the_settings_is_in_the_inventory() -> None:
    settings = Settings(data=Path("data"))
    properties = [name for name in vars(Settings) if name.endswith(("_dir", "_file"))]
    places = {place.path.split("/")[0] for place in inventory().places} | {"clickhouse"}
    assert len(properties) >= 9
    assert {getattr(settings, name).relative_to("data").parts[0] for name in properties} <= places


def test_clickhouse_keeps_no_log_in_tables_of_its_own(tables: Rows) -> None:
    # A query may hold what somebody asked for; such a table would be one more place to list.
    tables.admin.command("SELECT 1")
    made = [file.name for file in tables.settings.clickhouse_dir.rglob("*.sql")]
    assert "events.sql" in made
    assert [name for name in made if "_log" in name] == []
