"""`clinic-pixel report`, as a person types it."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import build_app
from pipeline.database.client import connect
from pipeline.errors import Fatal, Retryable
from pipeline.reports import catalogue, run
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse, Fraud
from support import clinic_day
from support.command import free_port
from support.server import Rows


@dataclass
class Person:
    """Somebody at a terminal of 80 columns."""

    config: Path

    def types(self, *words: str, language: str = "en_US.UTF-8") -> Result:
        """Type a report command."""
        environment = {"LC_ALL": language, "COLUMNS": "80", "NO_COLOR": "1", "PIXEL_CONFIG": str(self.config)}
        return CliRunner().invoke(build_app(), ["report", *words], env=environment)


@pytest.fixture
def person(tables: Rows, tmp_path: Path) -> Person:
    config = tmp_path / "pixel.toml"
    settings = tables.settings
    config.write_text(f'data = "{settings.data}"\n[clickhouse]\nport = {settings.clickhouse.port}\n', encoding="utf-8")
    return Person(config)


@pytest.fixture
def day(tables: Rows) -> tuple[str, ...]:
    """The options that ask for the made-up day, which is stored."""
    clinic_day.store(tables.settings, clinic_day.rows())
    return ("--since", f"{clinic_day.SINCE:%Y-%m-%d}", "--until", f"{clinic_day.UNTIL:%Y-%m-%d}")


def test_the_answer_comes_first_then_the_rows_then_the_limits(person: Person, day: tuple[str, ...]) -> None:
    result = person.types("error_pages", *day, "--format", "table")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == "Which pages answer visitors with errors?"
    assert lines[1].startswith("Most visitors got error 404 on /old-price: about ")
    assert lines[3].split() == ["page", "status", "visitors", "hits", "internal", "attacks", "robots"]
    assert "fewer than 5 people" in " ".join(result.output.split())


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_report_fits_80_columns(language: str, person: Person, day: tuple[str, ...]) -> None:
    for report in catalogue.all_reports():
        result = person.types(report.path, *day, "--format", "table", "--lang", language)
        assert result.exit_code == 0, report.path
        assert max(len(line) for line in result.output.splitlines()) <= 80, report.path
        assert "…" not in result.output, report.path
        assert report.words(language).question in " ".join(result.output.split())


def test_json_and_csv_hold_the_same_rows(person: Person, day: tuple[str, ...]) -> None:
    told = json.loads(person.types("browsers", *day, "--format", "json").output)
    read = list(csv.DictReader(io.StringIO(person.types("browsers", *day, "--format", "csv").output)))
    assert told
    assert [{name: str(value) for name, value in row.items()} for row in told] == read


def test_the_language_is_that_of_the_terminal(person: Person) -> None:
    russian = person.types("bursts", "--format", "table", language="ru_RU.UTF-8")
    assert russian.output.startswith("Какие посетители")


def test_an_empty_report_says_what_to_do(person: Person) -> None:
    result = person.types("browsers", "--format", "table")
    assert result.exit_code == 0
    assert "Nothing to show of clinic" in result.output
    assert "clinic-pixel simulate" in " ".join(result.output.split())


def test_an_empty_report_is_an_empty_list_in_a_pipe(person: Person) -> None:
    assert json.loads(person.types("browsers").output) == []


def test_the_list_names_every_report(person: Person) -> None:
    listed = {row["report"] for row in json.loads(person.types("--list").output)}
    assert listed == {report.path for report in catalogue.all_reports()}


def test_the_printed_query_has_everything_filled_in_and_gives_the_rows_of_the_report(
    person: Person, tables: Rows, day: tuple[str, ...]
) -> None:
    for report in catalogue.all_reports():
        printed = person.types(report.path, *day, "--sql")
        assert printed.exit_code == 0, report.path
        asked = run.run(tables.settings, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL)
        by_hand = tables.admin.query(printed.output).result_rows
        assert [list(row) for row in by_hand] == [[_as_stored(value) for value in row] for row in asked.rows], (
            report.path
        )


def _as_stored(value: object) -> object:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


@pytest.mark.parametrize(
    ("name", "column"), [("traffic_by_hour", "hour"), ("robots", "last_seen"), ("bursts", "began")]
)
def test_times_are_published_as_times_in_utc(name: str, column: str, tables: Rows, day: tuple[str, ...]) -> None:
    report = catalogue.find(name, catalogue.all_reports())
    table = run.run(tables.settings, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL)
    place = table.columns.index(column)
    moments = [row[place] for row in table.rows if row[-1] is not True]
    assert moments
    assert all(isinstance(moment, datetime) and moment.tzinfo is UTC for moment in moments)
    assert [row[place] for row in table.rows if row[-1] is True] == [None] * (len(table.rows) - len(moments))


def test_many_reports_are_asked_through_one_connection(tables: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect(tables.settings, "ops")
    monkeypatch.setattr("pipeline.database.client.connect", None)
    for name in ("browsers", "networks"):
        report = catalogue.find(name, catalogue.all_reports())
        run.run(tables.settings, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL, client=client)
    assert client.query("SELECT 1").result_rows == [(1,)]
    client.close()


@pytest.mark.parametrize(
    "words",
    [
        ("browsers", "--set", "page"),
        ("browsers", "--set", "page=/doctors"),
        ("no_such_report",),
        ("browsers", "--since", "yesterday"),
        ("browsers", "--site", "elsewhere"),
        ("browsers", "--lang", "de"),
    ],
)
def test_wrong_use_is_exit_code_2(person: Person, words: tuple[str, ...]) -> None:
    assert person.types(*words).exit_code == 2


def test_a_site_that_is_not_asked_for_is_not_counted(tables: Rows, day: tuple[str, ...]) -> None:
    report = catalogue.find("browsers", catalogue.all_reports())
    assert run.run(tables.settings, report, "other-clinic", clinic_day.SINCE, clinic_day.UNTIL).rows == []
    assert run.run(tables.settings, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL).rows


def test_without_fraud_review_a_fraud_report_says_why(tables: Rows) -> None:
    settings = tables.settings.model_copy(update={"fraud": Fraud(enabled=False)})
    report = catalogue.find("bursts", catalogue.all_reports())
    with pytest.raises(Fatal, match=r"fraud.enabled is false"):
        run.run(settings, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL)


def test_a_missing_view_says_to_migrate(tables: Rows) -> None:
    report = catalogue.find("browsers", catalogue.all_reports()).model_copy(update={"name": "not_there_yet"})
    with pytest.raises(Fatal, match=r"technical.not_there_yet is missing; run `clinic-pixel migrate`"):
        run.run(tables.settings, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL)


def test_a_database_that_is_away_is_trouble_that_passes(tables: Rows) -> None:
    away: Settings = tables.settings.model_copy(update={"clickhouse": ClickHouse(port=free_port())})
    report = catalogue.find("browsers", catalogue.all_reports())
    with pytest.raises(Retryable, match="does not answer"):
        run.run(away, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL)
