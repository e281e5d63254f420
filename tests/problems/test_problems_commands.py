"""`clinic-pixel problems` and `mark`, as a person types them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import build_app
from pipeline.errors import Fatal
from pipeline.problems import commands, job, store
from pipeline.problems.problem import Place, Problem
from pipeline.settings.model import Settings
from pipeline.system import locks
from support import made_faults
from support.made_site import MadeSite
from support.server import Rows
from support.stored_problems import problem, store_problems

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
BERLIN = ZoneInfo("Europe/Berlin")
ERRORS = made_faults.flag("/doctors/", "server_error", 0.3)
SERIES = {
    "site": "String", "hour": "DateTime('UTC')", "dimension": "String", "name": "String", "views": "UInt32", "people": "UInt32",
    "numbers": "Map(String, UInt32)", "counted_at": "DateTime64(3, 'UTC')",
}  # fmt: skip


@dataclass
class Person:
    """Somebody at a terminal of 80 columns."""

    config: Path
    settings: Settings

    def types(self, *words: str, language: str = "en_US.UTF-8") -> Result:
        """Type a command."""
        environment = {"LC_ALL": language, "COLUMNS": "80", "NO_COLOR": "1", "PIXEL_CONFIG": str(self.config)}
        return CliRunner().invoke(build_app(), words, env=environment)

    def reads(self, *words: str) -> list[dict[str, Any]]:
        """Type a command of `problems` and return its rows."""
        result = self.types("problems", *words, "--format", "json")
        assert result.exit_code == 0, result.output
        rows: list[dict[str, Any]] = json.loads(result.stdout)
        return rows

    def stored(self, beginning: str) -> Problem:
        """Return the problem whose id begins so."""
        with store.connected(self.settings) as client:
            (found,) = [
                each for of in store.newest(client, NOW + DAY).values() for each in of if each.id.startswith(beginning)
            ]
        return found


def text_of(result: Result) -> str:
    """Return the output in one line, without the frame of an error."""
    return " ".join(result.output.replace("│", " ").split())


@pytest.fixture
def person(tables: Rows, tmp_path: Path) -> Person:
    """A person with two sites and no problem."""
    config = tmp_path / "pixel.toml"
    settings = tables.settings
    sites = (
        '[[sites]]\nid = "clinic"\nhosts = ["clinic.example"]\n'
        '[[sites]]\nid = "branch"\nhosts = ["branch.example"]\ntimezone = "Europe/Berlin"\n'
    )
    config.write_text(
        f'data = "{settings.data}"\n[clickhouse]\nport = {settings.clickhouse.port}\n{sites}', encoding="utf-8"
    )
    return Person(config, settings)


@pytest.fixture
def troubled(person: Person) -> Person:
    """A person with an open problem of each site, a muted, a resolved and a closed one."""
    begin = NOW - 5 * HOUR
    store_problems(
        person.settings,
        [
            problem(begin, id="0a1b2c3d", lost=120.0),
            problem(begin, id="0a9f8e7d", site="branch", state="open", lost=300.0, watch="program_lost", place=Place("browser", "Safari")),
            problem(begin, id="2c3d4e5f", watch="network_lost", place=Place("network", "AS8359 MTS"), muted_until=NOW + 9 * DAY),
            problem(begin, id="3d4e5f60", state="resolved", until=begin + 2 * HOUR, watch="dead_ad", place=Place("ad", "top")),
            problem(begin, id="4e5f6071", state="closed", place=Place("page", "/about"), fixed_by="release 1.4.1", verdict="waiting"),
        ],
    )  # fmt: skip
    return person


# list


def test_the_open_problems_are_listed_the_most_costly_first_each_in_a_sentence(troubled: Person) -> None:
    rows = troubled.reads("list")
    assert [(row["problem"], row["site"], row["state"]) for row in rows] == [
        ("0a9f8e7d", "branch", "open"),
        ("0a1b2c3d", "clinic", "ongoing"),
    ]
    assert rows[0]["sentence"].startswith("Page views in Safari stopped between ")
    assert f"{(NOW - 4 * HOUR).astimezone(BERLIN):%H:%M}" in rows[0]["sentence"]
    assert f"{NOW - 4 * HOUR:%H:%M}" in rows[1]["sentence"]


def test_all_of_them_are_listed_on_demand_the_open_ones_first(troubled: Person) -> None:
    states = [row["state"] for row in troubled.reads("list", "--all")]
    assert states[:3] == ["open", "ongoing", "ongoing"]
    assert sorted(states[3:]) == ["closed", "resolved"]


def test_the_list_may_be_of_one_site(troubled: Person) -> None:
    assert [row["problem"] for row in troubled.reads("list", "--site", "clinic")] == ["0a1b2c3d"]
    result = troubled.types("problems", "list", "--site", "elsewhere")
    assert result.exit_code == 2
    assert "no site 'elsewhere' in the settings; there are: clinic, branch" in text_of(result)


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Page views in Safari stopped"), ("ru", "Просмотры в браузере Safari прекратились")]
)
def test_the_table_is_in_the_language_and_fits_80_columns(language: str, said: str, troubled: Person) -> None:
    result = troubled.types("problems", "list", "--all", "--format", "table", "--lang", language)
    lines = result.output.splitlines()
    assert result.exit_code == 0
    assert max(map(len, lines)) <= 80
    assert ["problem", "site", "state", "sentence"] in [line.split() for line in lines]
    assert {"0a1b2c3d", "0a9f8e7d", "2c3d4e5f", "3d4e5f60", "4e5f6071"} < set(result.output.split())
    sentences = [line[line.index("sentence") if "sentence" in line else 28 :] for line in lines]
    assert said in " ".join(" ".join(sentences).split())


@pytest.mark.parametrize("language", ["en", "ru"])
def test_without_a_problem_the_list_says_after_how_much_history_it_names_what(language: str, person: Person) -> None:
    told = text_of(person.types("problems", "list", "--format", "table", "--lang", language))
    assert told == commands.NOTHING[language]
    assert person.reads("list") == []


def test_the_list_fails_for_cron_only_while_a_problem_is_open(troubled: Person, tables: Rows) -> None:
    fails = ("problems", "list", "--fail-on", "open")
    assert troubled.types(*fails).exit_code == 1
    assert troubled.types(*fails, "--site", "branch").exit_code == 1
    tables.clear("problems")
    begin = NOW - 5 * HOUR
    quiet = [
        problem(begin, id="2c3d4e5f", muted_until=NOW + 9 * DAY),
        problem(begin, id="3d4e5f60", state="resolved", until=begin + 2 * HOUR),
        problem(begin, id="4e5f6071", state="closed"),
    ]
    store_problems(troubled.settings, quiet)
    assert troubled.types(*fails).exit_code == 0
    assert troubled.types(*fails, "--all").exit_code == 0
    store_problems(troubled.settings, [problem(begin, id="5f607182", muted_until=NOW - DAY)])
    assert troubled.types(*fails).exit_code == 1


def test_the_list_fails_on_nothing_else(person: Person) -> None:
    result = person.types("problems", "list", "--fail-on", "ongoing")
    assert result.exit_code == 2
    assert "only `open` is known" in text_of(result)


# show


@pytest.mark.parametrize(
    ("language", "title", "question"),
    [("en", "No page views in Safari", "What changed?"), ("ru", "Safari", "Что изменилось?")],
)
def test_one_problem_is_shown_with_the_answers_to_five_questions(
    language: str, title: str, question: str, troubled: Person
) -> None:
    result = troubled.types("problems", "show", "0a9", "--format", "table", "--lang", language)
    lines = result.output.splitlines()
    assert result.exit_code == 0
    assert title in lines[0]
    assert max(map(len, lines)) <= 80
    rows = json.loads(troubled.types("problems", "show", "0a9", "--format", "json", "--lang", language).stdout)
    assert len(rows) == 7
    assert question in [row["question"] for row in rows]
    assert [(row["question"], row["answer"]) for row in rows[-2:]] == [("id", "0a9f8e7d"), ("state", "open")]


def test_a_whole_id_and_one_in_capitals_name_a_problem(troubled: Person) -> None:
    assert troubled.reads("show", "0A1B2C3D")[-2]["answer"] == "0a1b2c3d"
    assert troubled.reads("show", "3d")[-1]["answer"] == "resolved"


@pytest.mark.parametrize("words", [("show",), ("mute", "--until", "7d", "--reason", "x"), ("close", "--fixed-by", "x")])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("ff", "'ff': no problem has it; see `clinic-pixel problems list --all`"),
        ("0a", "'0a': several problems begin with it"),
        ("", "'': no problem"),
    ],
)
def test_an_unknown_and_an_ambiguous_id_are_told_apart_and_change_nothing(
    words: tuple[str, ...], given: str, said: str, troubled: Person, tables: Rows
) -> None:
    result = troubled.types("problems", words[0], given, *words[1:])
    assert result.exit_code == 2
    assert said in text_of(result)
    assert tables.writer.query("SELECT count() FROM pixel.problems").result_rows == [(5,)]


# mute and close


def test_a_muted_problem_is_listed_no_more_and_keeps_the_reason(troubled: Person) -> None:
    before = datetime.now(UTC)
    result = troubled.types("problems", "mute", "0a1", "--until", "7d", "--reason", "the page is being rebuilt")
    assert result.exit_code == 0
    assert result.output.startswith("muted 0a1b2c3d until ")
    muted = troubled.stored("0a1")
    assert muted.muted_until is not None
    assert timedelta() <= muted.muted_until + timedelta(seconds=1) - (before + 7 * DAY) < timedelta(minutes=2)
    assert muted.facts.mute_reason == "the page is being rebuilt"
    assert muted.state == "ongoing"
    assert [row["problem"] for row in troubled.reads("list")] == ["0a9f8e7d"]
    assert "0a1b2c3d" in [row["problem"] for row in troubled.reads("list", "--all")]


def test_a_problem_is_muted_until_the_end_of_a_day_of_its_site(troubled: Person) -> None:
    result = troubled.types("problems", "mute", "0a9", "--until", "2036-07-01", "--reason", "x")
    assert result.output == "muted 0a9f8e7d until 2036-07-02 00:00\n"
    assert troubled.stored("0a9").muted_until == datetime(2036, 7, 1, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    "until",
    [
        "tomorrow",
        "2036-02-30",
        "2036",
        "-7d",
        "d",
        "99999d",
        "9999-12-31",
        "0001-01-01",
        "2200-01-01",
        "7h",
        "",
        "٧d",
        "2020-01-01",
        "0d",
    ],
)
def test_a_date_that_is_none_or_cannot_be_stored_or_is_over_is_refused(until: str, troubled: Person) -> None:
    result = troubled.types("problems", "mute", "0a1", f"--until={until}", "--reason", "x")
    assert result.exit_code == 2, result.output
    assert "expected a day" in text_of(result)
    assert troubled.stored("0a1").muted_until is None


UNPRINTABLE = ["", "   ", "x" * 201, "a\x1b[31mb", "a\u202eb", "a\x00b"]


@pytest.mark.parametrize("text", UNPRINTABLE, ids=ascii)
def test_a_reason_and_a_fix_are_printable_and_not_long(text: str, troubled: Person) -> None:
    for words in (("mute", "0a1", "--until", "7d", "--reason", text), ("close", "0a1", "--fixed-by", text)):
        result = troubled.types("problems", *words)
        assert result.exit_code == 2
        assert "expected 1 to 200 printable characters" in text_of(result)
    assert troubled.stored("0a1").changed_at < NOW


def test_a_closed_problem_waits_for_its_verdict(troubled: Person) -> None:
    result = troubled.types("problems", "close", "0a1", "--fixed-by", "release  1.4.2")
    assert result.exit_code == 0
    assert "`clinic-pixel problems show 0a1b2c3d` will say whether the fix held" in text_of(result)
    closed = troubled.stored("0a1")
    assert (closed.state, closed.fixed_by, closed.facts.verdict) == ("closed", "release 1.4.2", "waiting")
    assert [row["problem"] for row in troubled.reads("list")] == ["0a9f8e7d"]
    assert any("release 1.4.2" in row["answer"] for row in troubled.reads("show", "0a1"))


# check, backtest and release: with numbers.


@pytest.fixture
def counted(person: Person) -> Person:
    """A person whose clinic has had errors of a server for eight hours; of the branch there are no numbers."""
    made = MadeSite(3, 20_000, start=NOW - 3 * DAY)
    made.level[:] = 1_000  # the tests run at any time of the day
    ERRORS(made, made.size - 8)
    rows = [["clinic", row.hour, *row.slice, row.views, row.people, dict(row.flags), NOW] for row in made.rows(5)]
    with store.connected(person.settings) as client:
        client.insert("series", rows, list(SERIES), database="pixel", column_type_names=list(SERIES.values()))
    return person


def test_a_check_evaluates_now_stores_and_lists(counted: Person) -> None:
    (row,) = counted.reads("check")
    assert (row["site"], row["state"]) == ("clinic", "open")
    assert "on the page /doctors/" in row["sentence"]
    assert counted.stored(row["problem"]).watch == "server_errors"
    assert counted.reads("list") == [row]


def test_a_check_of_one_site_lists_this_site(counted: Person) -> None:
    assert counted.reads("check", "--site", "branch") == []
    assert len(counted.reads("list")) == 1


def test_a_check_beside_a_running_evaluation_says_so(counted: Person) -> None:
    run_dir = counted.settings.run_dir
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locks.locked(run_dir / job.LOCK):
        result = counted.types("problems", "check")
    assert isinstance(result.exception, Fatal)
    assert "`ship` evaluates right now" in str(result.exception)


def test_a_check_names_the_sites_whose_numbers_could_not_be_evaluated(
    counted: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> list[Problem]:
        raise ZeroDivisionError

    monkeypatch.setattr(job, "evaluate", fails)
    result = counted.types("problems", "check")
    assert isinstance(result.exception, Fatal)
    assert "site clinic: unforeseen ZeroDivisionError" in str(result.exception)


def test_a_backtest_lists_what_would_have_been_said_when_and_stores_nothing(counted: Person, tables: Rows) -> None:
    (row,) = counted.reads("backtest", "--since", "1d", "--site", "clinic")
    since = f"{NOW - 8 * HOUR:%Y-%m-%d %H:%M}"
    assert (row["site"], row["since"], row["until"]) == ("clinic", since, "")
    assert 1 <= row["hours"] <= 3
    assert f"{NOW - 8 * HOUR + row['hours'] * HOUR:%Y-%m-%d %H:%M}" == row["named"]
    assert "on the page /doctors/" in row["sentence"]
    assert tables.writer.query("SELECT count() FROM pixel.problems").result_rows == [(0,)]
    assert counted.reads("backtest", "--since", "2d", "--until", "1d") == []


@pytest.mark.parametrize("option", ["--since", "--until"])
@pytest.mark.parametrize("given", ["yesterday", "2036-02-30", "0001-01-01", "9999-12-31", "1h"])
def test_a_backtest_refuses_a_time_that_is_none(option: str, given: str, counted: Person) -> None:
    result = counted.types("problems", "backtest", option, given)
    assert result.exit_code == 2, result.output
    assert "expected a day" in text_of(result)


@pytest.mark.parametrize(("language", "verdict"), [("en", "may have broken"), ("ru", "возможно, сломал")])
def test_a_release_is_told_what_it_may_have_broken(language: str, verdict: str, counted: Person) -> None:
    at = f"{NOW - 8 * HOUR:%Y-%m-%d %H:%M}"
    assert counted.types("mark", "release 1.4", "--site", "clinic", "--at", at).exit_code == 0
    counted.reads("check")
    (row,) = counted.reads("release", "release 1.4", "--lang", language)
    assert (row["site"], row["release"], row["verdict"]) == ("clinic", f"release 1.4 ({at})", verdict)
    assert "/doctors/" in row["sentence"]
    assert counted.reads("list")[0]["sentence"].count("release 1.4") == 1


def test_a_release_after_which_nobody_came_cannot_be_judged_yet(counted: Person) -> None:
    counted.types("mark", "release 1.5")
    rows = counted.reads("release", "release 1.5")
    assert [(row["site"], row["verdict"]) for row in rows] == [
        ("clinic", "cannot say yet"),
        ("branch", "cannot say yet"),
    ]


def test_a_release_that_nobody_marked_is_refused(person: Person) -> None:
    result = person.types("problems", "release", "release 9")
    assert result.exit_code == 2
    assert "no mark 'release 9'; `clinic-pixel mark` makes one" in text_of(result)


# mark


def test_a_mark_is_written_at_the_time_of_the_site(person: Person) -> None:
    result = person.types("mark", "release  1.4", "--site", "branch", "--at", "2026-07-01 10:00")
    assert result.output == "marked at 2026-07-01 10:00 (Europe/Berlin): release 1.4\n"
    with store.connected(person.settings) as client:
        ((site, mark),) = store.marks_of(client, datetime(2026, 8, 1, tzinfo=UTC))
    assert (site, mark.at, mark.text) == ("branch", datetime(2026, 7, 1, 8, tzinfo=UTC), "release 1.4")


def test_a_mark_without_a_time_is_of_now_and_of_every_site(person: Person) -> None:
    before = datetime.now(UTC)
    assert person.types("mark", "новый сервер").exit_code == 0
    with store.connected(person.settings) as client:
        ((site, mark),) = store.marks_of(client, before)
    assert (site, mark.text) == ("", "новый сервер")
    assert before - timedelta(seconds=1) <= mark.at <= datetime.now(UTC)


@pytest.mark.parametrize("text", ["", " ", "x" * 101, "a\x1b[31mb", "a\u202eb", "a\x00b", "a\x07"], ids=ascii)
def test_a_mark_with_control_characters_or_without_a_name_is_refused(text: str, person: Person) -> None:
    result = person.types("mark", text)
    assert result.exit_code == 2
    assert "expected 1 to 100 printable characters" in text_of(result)
    with store.connected(person.settings) as client:
        assert store.marks_of(client, NOW + DAY) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--site", "elsewhere"), "no site 'elsewhere' in the settings"),
        (("--at", "yesterday"), "does not match the formats"),
        (("--at", "0001-01-01 00:00"), "expected a time"),
        (("--at", "9999-12-31 23:59"), "expected a time"),
    ],
)
def test_a_mark_of_an_unknown_site_or_an_impossible_time_is_refused(
    words: tuple[str, ...], said: str, person: Person
) -> None:
    result = person.types("mark", "release 1.4", *words)
    assert result.exit_code == 2, result.output
    assert said in text_of(result)
    with store.connected(person.settings) as client:
        assert store.marks_of(client, NOW + DAY) == []
