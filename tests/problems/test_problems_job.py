"""The evaluation over a real database: what it stores, that one process works at a time, and what happens when something is away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from clickhouse_connect.driver import Client

from pipeline.database.client import connect
from pipeline.detection.series import Table
from pipeline.errors import Fatal, Retryable
from pipeline.marks.record import write_mark
from pipeline.problems import evaluate, job, store
from pipeline.problems.job import Evaluation, Watching
from pipeline.problems.problem import Facts, Place, Problem
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse, Ship
from pipeline.settings.site import Site
from pipeline.system import locks
from support import clinic_day, made_faults
from support.command import free_port
from support.made_site import MadeSite
from support.server import Rows

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
SEED, DAYS = 5, 3
CLINIC = Site(id="clinic", hosts=("clinic.example",))
BRANCH = Site(id="branch", hosts=("branch.example",), timezone="Europe/Berlin")
ERRORS = made_faults.flag("/doctors/", "server_error", 0.3)
COLUMNS = {
    "site": "String", "hour": "DateTime('UTC')", "dimension": "String", "name": "String", "views": "UInt32", "people": "UInt32",
    "numbers": "Map(String, UInt32)", "counted_at": "DateTime64(3, 'UTC')",
}  # fmt: skip


def store_series(settings: Settings, site: str, *faults: made_faults.Fault) -> None:
    """Store the series of three days that end now, with faults in the last eight hours."""
    made = MadeSite(DAYS, 20_000, start=NOW - DAYS * 24 * HOUR)
    made.level[:] = 1_000  # the tests run at any time of the day
    for fault in faults:
        fault(made, made.size - 8)
    rows = [[site, row.hour, *row.slice, row.views, row.people, dict(row.flags), NOW] for row in made.rows(SEED)]
    with store.connected(settings) as client:
        client.insert("series", rows, list(COLUMNS), database="pixel", column_type_names=list(COLUMNS.values()))


def stored(settings: Settings) -> list[tuple[str, str, str]]:
    """Return site, watch and state of every stored row, in order of time."""
    with store.connected(settings) as client:
        query = "SELECT site, watch, toString(state) FROM pixel.problems ORDER BY changed_at, site"
        return [(str(site), str(watch), str(state)) for site, watch, state in client.query(query).result_rows]


@pytest.fixture
def two_sites(tables: Rows) -> Settings:
    """The settings of two sites: the clinic with errors of a server, the branch with a dead link."""
    settings = tables.settings.model_copy(update={"sites": (CLINIC, BRANCH)})
    store_series(settings, CLINIC.id, ERRORS)
    store_series(settings, BRANCH.id, made_faults.flag("/about/", "error", 1.0))
    return settings


class Heard:
    """A listener: the problems of each evaluation by site and watch, or None for one that could not be made."""

    def __init__(self) -> None:
        self.told: list[dict[str, list[str]] | None] = []

    def __call__(self, _: Settings, problems: Mapping[str, list[Problem]] | None, __: datetime) -> None:
        found = None if problems is None else {site: [each.watch for each in of] for site, of in problems.items()}
        self.told.append(found)


FOUND = {"clinic": ["server_errors"], "branch": ["missing_page"]}


# The rows of an evaluation.


def test_stored_events_become_a_problem_with_its_sentence_in_both_languages(tables: Rows) -> None:
    settings = tables.settings.model_copy(update={"sites": (CLINIC,)})
    begin = NOW - 40 * HOUR
    made = [
        clinic_day.row(
            begin + hour * HOUR + person * MINUTE / 2,
            event_id=f"{hour:08x}-0000-4000-8000-{person:012x}",
            visitor=1 + hour * 100 + person,
            visitor_kind="cookie",
            cookie_state="returning",
            nonce=1 + hour * 100 + person,
            ip_token=f"2001:db8:{hour:x}:{person:x}::1",
            net_token=f"2001:db8:{hour:x}:{person:x}::",
            page="/doctors" if person % 3 == 0 else "/",
            status=503 if person % 3 == 0 and hour >= 34 else 0,
        )
        for hour in range(40)
        for person in range(60)
    ]
    clinic_day.store(settings, made)
    evaluation = Evaluation(settings)
    # Events of earlier hours just came: half of a backlog looks like an outage, so the first look says nothing.
    assert evaluation.run(NOW) == {"clinic": []}
    (only,) = evaluation.run(NOW)["clinic"]
    assert (only.watch, only.place, only.state) == ("server_errors", Place("page", "/doctors"), "open")
    assert only.since == begin + 34 * HOUR
    with store.connected(settings) as client:
        ((english, russian),) = client.query("SELECT sentence, sentence_ru FROM pixel.problems").result_rows
        assert store.newest(client, NOW) == {"clinic": [only]}
    assert "/doctors" in english
    assert "/doctors" in russian
    assert "server" in english
    assert "сервер" in russian


def test_a_second_evaluation_writes_no_row_when_nothing_changed(two_sites: Settings) -> None:
    evaluation = Evaluation(two_sites)
    first = evaluation.run(NOW, wait=False)
    assert {site: [each.watch for each in of] for site, of in first.items()} == FOUND
    rows = [("branch", "missing_page", "open"), ("clinic", "server_errors", "open")]
    assert stored(two_sites) == rows
    evaluation.run(NOW, wait=False)
    evaluation.run(NOW + MINUTE, wait=False)
    Evaluation(two_sites).run(NOW + 2 * MINUTE, wait=False)
    assert stored(two_sites) == rows


def test_an_evaluation_an_hour_later_stores_that_the_problems_go_on_under_their_ids(two_sites: Settings) -> None:
    first = Evaluation(two_sites).run(NOW, wait=False)
    later = Evaluation(two_sites).run(NOW + HOUR, wait=False)
    assert {each.id for of in later.values() for each in of} == {each.id for of in first.values() for each in of}
    assert [state for *_, state in stored(two_sites)] == ["open", "open", "ongoing", "ongoing"]


def test_a_loss_is_stored_again_only_when_it_changed_by_a_tenth(
    two_sites: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = Evaluation(two_sites).run(NOW, wait=False)["clinic"]
    for lost, rows in ((1.09 * first.lost, 2), (1.11 * first.lost, 3), (1.15 * first.lost, 3), (0.9 * first.lost, 4)):
        with store.connected(two_sites) as client:
            before = store.newest(client, NOW + HOUR)["clinic"]
        after = [msgspec.structs.replace(each, lost=lost, changed_at=NOW + rows * MINUTE) for each in before]
        monkeypatch.setattr(job, "evaluate", lambda _, site, old, after=after, **__: after if site == "clinic" else old)
        Evaluation(two_sites).run(NOW + rows * MINUTE, wait=False)
        assert len(stored(two_sites)) == rows


def test_a_mark_of_one_site_is_named_at_this_site_and_a_mark_of_all_at_each(two_sites: Settings) -> None:
    begin = NOW - 8 * HOUR
    write_mark(two_sites, "clinic", "release 1.4", begin)
    write_mark(two_sites, "", "new firewall", begin + MINUTE)
    found = Evaluation(two_sites).run(NOW, wait=False)
    assert [each.facts.changed for each in found["clinic"]] == [("release 1.4", "new firewall")]
    assert [each.facts.changed for each in found["branch"]] == [("new firewall",)]


def test_a_site_without_numbers_has_no_problem(tables: Rows) -> None:
    settings = tables.settings.model_copy(update={"sites": (CLINIC,)})
    assert Evaluation(settings).run(NOW, wait=False) == {"clinic": []}
    assert stored(settings) == []


# One at a time, and faults.


def test_two_evaluations_exclude_each_other(two_sites: Settings) -> None:
    seen: list[str] = []

    def meanwhile(site: str) -> None:
        with pytest.raises(locks.Held):
            Evaluation(two_sites).run(NOW, wait=False)
        seen.append(site)

    Evaluation(two_sites).run(NOW, meanwhile, wait=False)
    assert seen == ["clinic", "branch"]
    Evaluation(two_sites).run(NOW, wait=False)


def watched(watching: Watching, settings: Settings) -> None:
    """Call the job twice: at the first call nobody knows yet up to when everything is stored."""
    watching(settings)
    watching(settings)


def test_the_job_waits_until_everything_is_stored_then_tells_its_listener(two_sites: Settings) -> None:
    heard = Heard()
    watching = Watching(heard)
    watching(two_sites)
    assert heard.told == []
    watching(two_sites)
    assert heard.told == [FOUND]


def test_the_job_rests_ten_times_as_long_as_it_worked(two_sites: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, heard = [100.0], Heard()
    monkeypatch.setattr(job, "monotonic", lambda: clock[0])
    run = Evaluation.run

    def slowly(self: Evaluation, until: datetime) -> dict[str, list[Problem]]:
        clock[0] += 3.0
        return run(self, until)

    monkeypatch.setattr(Evaluation, "run", slowly)
    watching = Watching(heard)
    watched(watching, two_sites)
    assert len(heard.told) == 1
    for at, evaluations in ((103.0, 1), (132.9, 1), (133.0, 2)):
        clock[0] = at
        watching(two_sites)
        assert len(heard.told) == evaluations


def test_the_job_leaves_the_work_to_a_check_that_runs(two_sites: Settings) -> None:
    heard = Heard()
    two_sites.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locks.locked(two_sites.run_dir / job.LOCK):
        watched(Watching(heard), two_sites)
    assert heard.told == []
    assert stored(two_sites) == []


def test_without_clickhouse_the_job_is_to_be_tried_again_and_its_listener_knows(two_sites: Settings) -> None:
    away = two_sites.model_copy(update={"clickhouse": ClickHouse(port=free_port())})
    heard = Heard()
    with pytest.raises(Retryable):
        watched(Watching(heard), away)
    assert heard.told == [None]


@contextmanager
def broken_at(site: str, error: Exception) -> Iterator[None]:
    """Make the evaluation of one site fail."""

    def fails(table: Table, of: str, *given: object, **more: object) -> list[Problem]:
        if of == site:
            raise error
        return evaluate.evaluate(table, of, *given, **more)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "evaluate", fails)
        yield


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("/secret"), KeyError("/secret"), TypeError("/secret"), ValueError("/secret")]
)
def test_a_fault_of_the_software_at_one_site_hides_no_problem_of_another(two_sites: Settings, error: Exception) -> None:
    heard = Heard()
    watching = Watching(heard)
    with (
        broken_at("clinic", error),
        pytest.raises(Fatal, match=f"site clinic: unforeseen {type(error).__name__}") as told,
    ):
        watched(watching, two_sites)
    assert "secret" not in str(told.value)
    assert heard.told == [{"branch": ["missing_page"]}]
    assert stored(two_sites) == [("branch", "missing_page", "open")]


def test_a_site_is_evaluated_again_once_the_fault_of_the_software_is_gone(two_sites: Settings) -> None:
    evaluation = Evaluation(two_sites)
    with broken_at("clinic", ValueError()):
        assert list(evaluation.run(NOW, wait=False)) == ["branch"]
    assert list(evaluation.failed) == ["clinic"]
    assert list(evaluation.run(NOW, wait=False)) == ["clinic", "branch"]
    assert evaluation.failed == {}


def test_an_evaluation_that_is_switched_off_does_nothing(two_sites: Settings) -> None:
    heard = Heard()
    off = two_sites.model_copy(update={"ship": Ship(problems=False)})
    watched(Watching(heard), off)
    assert heard.told == []
    assert stored(off) == []


# The rows.

WHOLE = Problem(
    id="0a1b2c3d",
    site="clinic",
    watch="silent_page",
    state="closed",
    place=Place("page", "/запись/'\"\\"),
    quiet_until=NOW - 5 * HOUR,
    since=NOW - 4 * HOUR,
    until=NOW - HOUR,
    opened_at=NOW - 3 * HOUR,
    changed_at=NOW + timedelta(milliseconds=123),
    muted_until=NOW + 24 * HOUR,
    fixed_by="выпуск 1.4",
    lost_low=1.25,
    lost=10.5,
    lost_high=20.75,
    confidence=14.125,
    facts=Facts(
        number="people",
        seen=2.5,
        expected=13.0,
        of=7.0,
        also=(Place("section", "/запись"), Place("page", "/b")),
        works_for=(Place("page", "/c"),),
        cause="tag_lost",
        changed=("release 1.4", "list tor"),
        days=27.5,
        mute_reason="rebuilt",
        verdict="waiting",
        reopened=3,
        symptoms=("dead_ad",),
        by="anna",
    ),
)


@pytest.fixture
def client(tables: Rows) -> Iterator[Client]:
    made = connect(tables.settings, "pixel_writer")
    yield made
    made.close()


def test_every_field_of_a_problem_is_read_as_it_was_written(client: Client) -> None:
    fields = (*Problem.__struct_fields__, *(f"facts.{name}" for name in Facts.__struct_fields__))
    plain = Problem(
        **{
            **{name: getattr(WHOLE, name) for name in Problem.__struct_fields__},
            "facts": Facts(number="", seen=0, expected=0, of=0),
        }
    )
    same = [name for name in Facts.__struct_fields__ if getattr(WHOLE.facts, name) == getattr(plain.facts, name)]
    assert same == [], f"of {len(fields)} fields some have no value of their own here"
    store.write(client, [store.Change(WHOLE, "A sentence.", "Предложение.")])
    assert store.newest(client, NOW + HOUR) == {"clinic": [WHOLE]}
    assert client.query("SELECT sentence, sentence_ru FROM pixel.problems").result_rows == [
        ("A sentence.", "Предложение.")
    ]


def test_a_problem_that_has_not_ended_and_is_not_muted_is_read_so(client: Client) -> None:
    goes_on = msgspec.structs.replace(WHOLE, state="open", until=None, muted_until=None)
    store.write(client, [store.Change(goes_on, "", "")])
    assert store.newest(client, NOW + HOUR) == {"clinic": [goes_on]}


def test_of_each_problem_its_newest_row_is_read_by_site_the_oldest_problem_first(client: Client) -> None:
    later = msgspec.structs.replace(WHOLE, state="resolved", changed_at=WHOLE.changed_at + MINUTE)
    older = msgspec.structs.replace(WHOLE, id="ffffffff", opened_at=WHOLE.opened_at - HOUR)
    other = msgspec.structs.replace(WHOLE, site="branch")
    store.write(client, [store.Change(each, "", "") for each in (later, WHOLE, older, other)])
    assert store.newest(client, NOW + HOUR) == {"clinic": [older, later], "branch": [other]}


def test_problems_of_long_ago_are_not_read(client: Client) -> None:
    store.write(client, [store.Change(WHOLE, "", "")])
    assert store.newest(client, WHOLE.changed_at + store.KEPT) == {"clinic": [WHOLE]}
    assert store.newest(client, WHOLE.changed_at + store.KEPT + MINUTE) == {}


def test_no_change_sends_no_row(client: Client) -> None:
    store.write(client, [])
    assert client.query("SELECT count() FROM pixel.problems").result_rows == [(0,)]


def test_a_mark_is_read_with_the_words_of_the_person_who_made_it(tables: Rows, client: Client) -> None:
    settings = tables.settings.model_copy(update={"sites": (CLINIC,)})
    write_mark(settings, "clinic", "release 1.4", NOW)
    write_mark(settings, "", "new firewall", NOW - HOUR)
    write_mark(settings, "", "of last year", NOW - store.KEPT - MINUTE)
    found = store.marks_of(client, NOW)
    assert found == [("", evaluate.Mark(NOW - HOUR, "new firewall")), ("clinic", evaluate.Mark(NOW, "release 1.4"))]
