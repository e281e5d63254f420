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
from pipeline.reports.header import REST
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse, Fraud
from support import booking_day, clinic_day, clinic_faults, stored_problems
from support.command import free_port
from support.publishing import store_published_day, store_published_faults
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
def person(published: Settings, tmp_path: Path) -> Person:
    config = tmp_path / "pixel.toml"
    port = published.clickhouse.port
    sites = "".join(
        f'[[sites]]\nid = "{site}"\nhosts = ["{site}.example"]\n' for site in (clinic_day.SITE, clinic_faults.SITE)
    )
    config.write_text(f'data = "{published.data}"\n[clickhouse]\nport = {port}\n{sites}', encoding="utf-8")
    return Person(config)


@pytest.fixture(scope="module")
def published(clickhouse: Settings) -> Settings:
    """The settings of a server with the made-up days, published; no test of this file changes it."""
    store_published_day(clickhouse)
    booking_day.store_and_publish(clickhouse)
    store_published_faults(clickhouse)
    stored_problems.store_problems(clickhouse, stored_problems.of_each_state(clinic_day.SINCE))
    return clickhouse


SITES = """\
[[sites]]
id = "booking"
hosts = ["booking.example"]
[[sites.roles]]
role = "form"
path = "/booking"
"""


@pytest.fixture
def with_bookings(person: Person) -> Person:
    """A person whose settings name the site with bookings, too."""
    person.config.write_text(person.config.read_text(encoding="utf-8") + SITES, encoding="utf-8")
    return person


@pytest.fixture
def day() -> tuple[str, ...]:
    """The options that ask for the made-up day."""
    return ("--since", f"{clinic_day.SINCE:%Y-%m-%d}", "--until", f"{clinic_day.UNTIL:%Y-%m-%d}")


def test_the_answer_comes_first_then_the_rows_then_the_limits(person: Person, day: tuple[str, ...]) -> None:
    result = person.types("error_pages", *day, "--format", "table")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == "Which pages answer visitors with errors?"
    assert lines[1].startswith("Most visitors got error 404 on /old-price: about ")
    assert lines[3].split() == ["page", "status", "visitors", "hits", "internal", "first_seen", "probes", "robots"]
    assert any(line.startswith(" (fewer") for line in lines)
    assert "An address that fewer than 5 visitors met is not named" in " ".join(result.output.split())


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_report_fits_80_columns(language: str, with_bookings: Person, day: tuple[str, ...]) -> None:
    for report in catalogue.all_reports():
        # technical/now has the last day alone
        period = () if report.path == "technical/now" else day
        made = booking_day.SITE if report.path in booking_day.REPORTS else clinic_faults.SITE
        site = ("--site", made) if report.path in (*booking_day.REPORTS, *clinic_faults.REPORTS) else ()
        result = with_bookings.types(report.path, *period, *site, "--format", "table", "--lang", language)
        assert result.exit_code == 0, report.path
        assert max(len(line) for line in result.output.splitlines()) <= 80, report.path
        assert "…" not in result.output, report.path
        assert report.words(language).question in " ".join(result.output.split())
        columns = [*(report.screen or report.columns)]
        assert report.is_for_tools or columns in [line.split() for line in result.output.splitlines()]


@pytest.mark.parametrize(
    ("name", "roles"),
    [("funnel", "form, done"), ("broken_browsers", "form, done"), ("one_time_links", "confirm, cancel")],
)
def test_a_report_that_needs_roles_of_pages_says_which_are_not_configured(
    name: str, roles: str, person: Person, day: tuple[str, ...]
) -> None:
    told = " ".join(person.types(name, *day, "--format", "table").output.split())
    assert f"Not configured: no page of clinic has the role {roles}." in told
    assert "Nothing is published" not in told
    russian = " ".join(person.types(name, *day, "--format", "table", "--lang", "ru").output.split())
    assert f"Не настроено: ни у одной страницы сайта clinic нет роли {roles}." in russian


def test_of_the_roles_that_a_report_needs_only_the_missing_one_is_named(
    with_bookings: Person, day: tuple[str, ...]
) -> None:
    result = with_bookings.types("funnel", *day, "--site", booking_day.SITE, "--format", "table")
    assert "Not configured: no page of booking has the role done." in " ".join(result.output.split())
    assert "landing" in result.output


def test_of_roles_of_which_a_report_needs_any_one_is_enough(with_bookings: Person, day: tuple[str, ...]) -> None:
    with_bookings.config.write_text(
        with_bookings.config.read_text(encoding="utf-8") + '[[sites.roles]]\nrole = "cancel"\npath = "/cancel/*"\n',
        encoding="utf-8",
    )
    result = with_bookings.types("one_time_links", *day, "--site", booking_day.SITE, "--format", "table")
    assert "30 of 90 opens of /cancel/* are not people." in " ".join(result.output.split())


def test_json_and_csv_hold_the_same_rows(person: Person, day: tuple[str, ...]) -> None:
    told = json.loads(person.types("error_pages", *day, "--format", "json").output)
    read = list(csv.DictReader(io.StringIO(person.types("error_pages", *day, "--format", "csv").output)))
    assert told
    assert [{name: "" if value is None else str(value) for name, value in row.items()} for row in told] == read
    assert [row["small"] for row in told] == [0] * (len(told) - 1) + [1]


def test_the_language_is_that_of_the_terminal(person: Person) -> None:
    russian = person.types("bursts", "--format", "table", language="ru_RU.UTF-8")
    assert russian.output.startswith("Какие посетители")


def test_an_empty_report_says_what_to_do(person: Person) -> None:
    result = person.types("browsers", "--since", "60d", "--until", "50d", "--format", "table")
    assert result.exit_code == 0
    assert "Nothing is published of clinic" in result.output
    assert "clinic-pixel simulate" in " ".join(result.output.split())


def test_a_report_of_faults_without_a_row_says_that_nothing_was_found(person: Person) -> None:
    result = person.types("dead_links", "--since", "60d", "--until", "50d", "--format", "table")
    assert result.exit_code == 0
    assert "Nothing found on clinic in this time" in " ".join(result.output.split())
    assert "simulate" not in result.output


@pytest.mark.parametrize(
    ("name", "until", "said"),
    [
        ("browsers", "0h", "The numbers of this day are published a few minutes after it ends, at "),
        ("traffic_by_hour", "0h", "The numbers of this hour are published a few minutes after it ends, at "),
        ("browsers", "2d", ""),
        ("bursts", "0h", ""),
    ],
)
def test_a_period_up_to_now_says_when_its_last_numbers_come(name: str, until: str, said: str, person: Person) -> None:
    told = " ".join(person.types(name, "--since", "4d", "--until", until, "--format", "table").output.split())
    assert said in told
    assert bool(said) is ("a few minutes after it ends" in told)


def test_numbers_are_to_the_right_also_beside_rows_without_numbers(person: Person, day: tuple[str, ...]) -> None:
    lines = person.types("traffic_by_hour", *day, "--format", "table").output.splitlines()
    end = next(line.index("visitors") + len("visitors") for line in lines if " visitors " in line and "hits" in line)
    small, shown = (next(line for line in lines[3:] if f" {hour}:00 " in line) for hour in ("03", "10"))
    assert small[:end].endswith("  <5")
    assert shown[:end].endswith(" 43")


@pytest.mark.parametrize("name", ["cells", "publications"])
def test_rows_of_all_times_are_for_tools_and_not_for_a_terminal(
    name: str, person: Person, day: tuple[str, ...]
) -> None:
    told = person.types(name, "--format", "table").output
    rows = json.loads(person.types(name, "--format", "json").output)
    assert f"{len(rows):,} rows, made for tools: take them with --format csv or" in " ".join(told.split())
    assert len(told.splitlines()) < 10
    starts = [row["start"] if name == "cells" else row["end"] for row in rows]
    assert starts == sorted(starts, reverse=True)
    assert {row["corrected"] for row in rows} == {0}


def test_an_empty_report_is_an_empty_list_in_a_pipe(person: Person) -> None:
    assert json.loads(person.types("browsers", "--since", "60d", "--until", "50d").output) == []


def test_the_list_names_every_report_but_those_for_tools(person: Person) -> None:
    listed = {row["report"] for row in json.loads(person.types("--list").output)}
    everything = {report.path for report in catalogue.all_reports()}
    assert everything - listed == {"technical/cells", "technical/publications"}
    assert listed < everything


def test_the_printed_query_has_everything_filled_in_and_gives_the_rows_of_the_report(
    person: Person, published: Settings, day: tuple[str, ...]
) -> None:
    admin = connect(published, "pixel_admin")
    for report in catalogue.all_reports():
        printed = person.types(report.path, *day, "--sql")
        assert printed.exit_code == 0, report.path
        asked = run.run(published, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL)
        by_hand = admin.query(printed.output).result_rows
        assert [list(row) for row in by_hand] == [[_as_stored(value) for value in row] for row in asked.rows], (
            report.path
        )
    admin.close()


def _as_stored(value: object) -> object:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


@pytest.mark.parametrize(
    ("name", "column"), [("traffic_by_hour", "hour"), ("robots", "last_seen"), ("bursts", "began")]
)
def test_times_are_published_as_times_in_utc(name: str, column: str, published: Settings, day: tuple[str, ...]) -> None:
    report = catalogue.find(name, catalogue.all_reports())
    table = run.run(published, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL)
    place = table.columns.index(column)
    moments = [row[place] for row in table.rows]
    assert moments
    assert all(isinstance(moment, datetime) and moment.tzinfo is UTC for moment in moments)


def test_the_row_of_the_dropped_cells_is_the_last_one(published: Settings, day: tuple[str, ...]) -> None:
    report = catalogue.find("error_pages", catalogue.all_reports())
    table = run.run(published, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL)
    assert table.rows[-1] == (REST, *[None] * 7, True)
    assert [row[0] for row in table.rows].count(REST) == 1


def test_many_reports_are_asked_through_one_connection(published: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect(published, "ops")
    monkeypatch.setattr("pipeline.database.client.connect", None)
    for name in ("browsers", "networks"):
        report = catalogue.find(name, catalogue.all_reports())
        run.run(published, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL, client=client)
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


def test_a_site_that_is_not_asked_for_is_not_counted(published: Settings, day: tuple[str, ...]) -> None:
    report = catalogue.find("browsers", catalogue.all_reports())
    assert run.run(published, report, "other-clinic", clinic_day.SINCE, clinic_day.UNTIL).rows == []
    assert run.run(published, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL).rows


def test_without_fraud_review_a_fraud_report_says_why(published: Settings) -> None:
    settings = published.model_copy(update={"fraud": Fraud(enabled=False)})
    report = catalogue.find("bursts", catalogue.all_reports())
    with pytest.raises(Fatal, match=r"fraud.enabled is false"):
        run.run(settings, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL)


def test_a_missing_view_says_to_migrate(published: Settings) -> None:
    report = catalogue.find("browsers", catalogue.all_reports()).model_copy(update={"name": "not_there_yet"})
    with pytest.raises(Fatal, match=r"technical.not_there_yet is missing; run `clinic-pixel migrate`"):
        run.run(published, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL)


def test_a_database_that_is_away_is_trouble_that_passes(published: Settings) -> None:
    away: Settings = published.model_copy(update={"clickhouse": ClickHouse(port=free_port())})
    report = catalogue.find("browsers", catalogue.all_reports())
    with pytest.raises(Retryable, match="does not answer"):
        run.run(away, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL)


# `--fail-on`, for cron.


@pytest.mark.parametrize(
    ("state", "status"), [("open", 1), ("ongoing", 1), ("muted", 1), ("closed", 1), ("resolved", 1), ("unknown", 0)]
)
def test_a_report_fails_on_a_row_of_the_given_state(
    state: str, status: int, person: Person, day: tuple[str, ...]
) -> None:
    result = person.types("problems", *day, "--fail-on", state, "--format", "json")
    assert result.exit_code == status
    assert len(json.loads(result.stdout)) == 5
    assert person.types("problems", *day, "--fail-on", state, "--format", "table").exit_code == status


def test_a_problem_that_goes_on_is_open_for_cron_and_one_that_ended_is_not(
    person: Person, published: Settings, day: tuple[str, ...]
) -> None:
    rows = Rows(published)
    everything = {each.id: each for each in stored_problems.of_each_state(clinic_day.SINCE)}
    try:
        for state, status in (("ongoing", 1), ("resolved", 0)):
            rows.clear("problems")
            of_state = [each for each in everything.values() if each.state == state and each.muted_until is None]
            stored_problems.store_problems(published, of_state)
            assert person.types("problems", *day, "--fail-on", "open").exit_code == status
        rows.clear("problems")
        assert person.types("problems", *day, "--fail-on", "open").exit_code == 0
    finally:
        stored_problems.store_problems(published, stored_problems.of_each_state(clinic_day.SINCE))
        rows.close()


def test_a_report_without_states_refuses_to_fail_on_one(person: Person, day: tuple[str, ...]) -> None:
    result = person.types("browsers", *day, "--fail-on", "open")
    assert result.exit_code == 2
    assert "technical/browsers has no column `state`" in " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("language", "answer", "nothing"),
    [
        ("en", "Page views on the page /doctors stopped", "No problem is open."),
        ("ru", "Просмотры на странице /doctors прекратились", "Открытых проблем нет."),
    ],
)
def test_the_answer_of_the_problems_is_the_most_costly_open_one(
    language: str, answer: str, nothing: str, person: Person, published: Settings, day: tuple[str, ...]
) -> None:
    asked = ("problems", *day, "--format", "table", "--lang", language)
    assert answer in person.types(*asked).output
    rows = Rows(published)
    try:
        rows.clear("problems")
        stored_problems.store_problems(
            published,
            [
                each
                for each in stored_problems.of_each_state(clinic_day.SINCE)
                if each.muted_until or not each.is_active
            ],
        )
        told = person.types(*asked).output
        assert nothing in told
        assert "2c3d4e5f" in told
    finally:
        rows.clear("problems")
        stored_problems.store_problems(published, stored_problems.of_each_state(clinic_day.SINCE))
        rows.close()
