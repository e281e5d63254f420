"""After a suspected leak: which data, how many visitors and days, and whether addresses can be found (clause 5.4)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.audit.log import Audit
from pipeline.database.client import connect
from pipeline.errors import Fatal, Retryable
from pipeline.inventory.columns import Language, inventory
from pipeline.inventory.exposure import _COUNTED, Exposure, Suspicion, examine_exposure
from pipeline.keys.destruction import destroy
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.keys.ring import Keyring
from pipeline.reports.catalogue import Period
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from support.command import command, free_port
from support.server import Rows

NOW = datetime.now(UTC)
TODAY = NOW.date()
PERIOD = Period(
    datetime.combine(TODAY - timedelta(days=5), datetime.min.time(), UTC),
    datetime.combine(TODAY, datetime.min.time(), UTC),
)
ALIVE, DESTROYED, LEAKED, KEYLESS = (TODAY - timedelta(days=age) for age in (1, 2, 3, 4))


def event(day: date, visitor: int, kind: str = "cookie", pseudonym: str = "::7") -> str:
    """Return one row to insert, of noon of that day."""
    return f"('{day} 12:00:00', '{day}', 'clinic', {visitor}, '{kind}', '{pseudonym}')"


@pytest.fixture
def leak(tables: Rows, tmp_path: Path) -> Settings:
    """Four days of events; the keys of three of them were made, one of these is destroyed."""
    rows = [event(day, visitor) for day in (ALIVE, DESTROYED, LEAKED) for visitor in (1, 2)]
    rows += [event(ALIVE, 9, "day"), event(DESTROYED, 9, "day"), event(ALIVE, 0, "none", "::")]
    rows += [event(KEYLESS, 0, "none", "::"), event(TODAY - timedelta(days=6), 5)]
    columns = "received_at, epoch, site, visitor, visitor_kind, ip_token"
    tables.writer.command(f"INSERT INTO pixel.events ({columns}) VALUES {', '.join(rows)}")
    # Keys and audit of this test alone, the database of all.
    here = tables.settings.model_copy(update={"data": tmp_path / "var"})
    here.secrets_dir.parent.mkdir()
    here.secrets_dir.symlink_to(tables.settings.secrets_dir)
    keyring = Keyring(KeyDirectory(here.keys_dir), may_mint=True)
    for day in (ALIVE, DESTROYED, LEAKED):
        assert keyring.day(day, today=TODAY) is not None
    destroy(keyring.files, Audit(here.audit_dir), KeyName.of_day(DESTROYED), now=NOW, by="test", reason="a test")
    return here


def ask(settings: Settings, language: Language = "en", **suspected: object) -> Exposure:
    """Return the exposure of the period."""
    suspicion = Suspicion(PERIOD)._replace(**suspected)
    return examine_exposure(settings, suspicion, now=NOW, who="tester", language=language)


def test_rows_visitors_and_days_are_counted(leak: Settings) -> None:
    found = ask(leak)
    assert [touched.table for touched in found.tables] == ["events"]
    # Two cookies on three days are two visitors; a visitor without a cookie is another one every day.
    assert found.tables[0][2:] == (4, 10, 4, 8)
    assert [(day.day, day.rows, day.visitors, day.with_token) for day in found.days] == [
        (KEYLESS, 1, 0, 0),
        (LEAKED, 2, 2, 2),
        (DESTROYED, 3, 3, 3),
        (ALIVE, 4, 3, 3),
    ]


def test_a_key_says_whether_tokens_lead_to_addresses(leak: Settings) -> None:
    found = ask(leak, key_days=frozenset({LEAKED}))
    assert {day.day: (day.key, day.addresses) for day in found.days} == {
        KEYLESS: ("none", False),
        LEAKED: ("leaked", True),
        DESTROYED: ("destroyed", False),
        ALIVE: ("alive", True),
    }


def test_a_key_that_was_taken_before_its_destruction_still_opens_its_day(leak: Settings) -> None:
    found = ask(leak, key_days=frozenset({DESTROYED}))
    assert {day.key: day.addresses for day in found.days if day.day == DESTROYED} == {"leaked": True}


def test_without_tokens_no_key_leads_anywhere(leak: Settings) -> None:
    found = ask(leak, key_days=frozenset({KEYLESS}))
    assert [day.addresses for day in found.days if day.day == KEYLESS] == [False]


def test_what_a_role_cannot_reach_is_not_said_to_have_leaked(leak: Settings) -> None:
    means = {role: ask(leak, role=role).tables for role in ("ops", "security", "pixel_admin", "pixel_writer")}
    assert means["ops"] == []
    assert "Your IP address" not in means["security"][0].means
    assert "Visitor number" in means["security"][0].means
    assert "Your IP address" in means["pixel_admin"][0].means
    assert "Which page" in means["pixel_writer"][0].means
    assert "Visitor number" not in means["pixel_writer"][0].means
    assert "Your IP address" not in means["pixel_writer"][0].means
    # Who never saw a token cannot find an address, whoever has the keys.
    assert {day.addresses for day in ask(leak, role="security", key_days=frozenset({LEAKED})).days} == {False}


def test_the_words_are_those_that_the_visitor_was_told(leak: Settings) -> None:
    words = {kept.title: kept.words for kept in inventory().plain_words(leak.retention, "ru")}
    found = ask(leak, "ru")
    assert dict(found.data).items() <= words.items()
    assert "Ваш IP-адрес" in dict(found.data)


def test_one_table_can_be_suspected(leak: Settings) -> None:
    assert ask(leak, table="held").tables == []
    writer = connect(leak, "pixel_writer")
    writer.command(f"INSERT INTO pixel.technical (received_at, site) VALUES ('{ALIVE} 10:00:00', 'clinic')")
    writer.close()
    found = ask(leak, table="technical")
    assert [(touched.table, touched.rows, touched.visitors) for touched in found.tables] == [("technical", 1, 0)]
    assert [title for title, _ in found.data] == ["Faults of the page"]


def test_every_table_of_the_inventory_can_be_suspected(tables: Rows) -> None:
    assert set(_COUNTED) == set(inventory().tables)
    for table, (time, people, tokens) in _COUNTED.items():
        tables.admin.query(f"SELECT {time}, {people}, {tokens} FROM pixel.{table} GROUP BY {time}")


@pytest.mark.parametrize("wrong", [{"table": "secrets"}, {"role": "root"}])
def test_a_name_that_is_not_known_is_refused_with_the_names_there_are(leak: Settings, wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="there are: "):
        ask(leak, **wrong)


def test_asking_is_on_record_even_where_the_answer_fails(leak: Settings) -> None:
    away = leak.model_copy(update={"clickhouse": ClickHouse(port=free_port())})
    with pytest.raises(Retryable):
        ask(away, role="ops", key_days=frozenset({LEAKED}))
    entry = [entry for entry, _ in Audit(leak.audit_dir).entries()][-1]
    assert (entry.action, entry.who) == ("exposure", "tester")
    assert entry.facts["role"] == "ops"
    assert entry.facts["key_days"] == LEAKED.isoformat()


def test_nothing_is_counted_where_the_audit_cannot_be_written(leak: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("pipeline.inventory.exposure.connect", lambda *_: asked.append("asked"))
    audit = Audit(leak.audit_dir).file
    audit.unlink()
    audit.mkdir(mode=0o700)
    with pytest.raises((Fatal, Retryable), match="audit"):
        ask(leak)
    assert asked == []


def run(settings: Settings, *arguments: str, code: int = 0) -> str:
    """Return what the command prints."""
    before = f"import os; os.environ['PIXEL_CLICKHOUSE__PORT'] = '{settings.clickhouse.port}'"
    done = command(settings.data, "exposure", *arguments, before=before)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def test_a_person_reads_it_in_both_languages(leak: Settings) -> None:
    period = ("--since", f"{PERIOD.since:%Y-%m-%d}", "--until", f"{PERIOD.until:%Y-%m-%d}", "--format", "table")
    english = run(leak, *period, "--lang", "en", "--days", LEAKED.isoformat())
    assert "10 rows of 4 days; visitors at most 4. Tokens that lead to an address: on 2 of these days." in english
    assert f"keys {LEAKED}" in english
    assert "посетителей не более 4" in run(leak, *period, "--lang", "ru")
    russian = run(leak, *period, "--lang", "ru", "--role", "ops")
    assert "посетителей не более" not in russian
    assert "не менее чем о 3 посетителях" in russian


def test_a_program_reads_it_as_json_and_csv(leak: Settings) -> None:
    period = ("--since", f"{PERIOD.since:%Y-%m-%d}", "--until", f"{PERIOD.until:%Y-%m-%d}")
    found = json.loads(run(leak, *period, "--format", "json"))
    assert [table["table"] for table in found["tables"]] == ["events"]
    assert len(found["days"]) == 4
    lines = run(leak, *period, "--format", "csv").splitlines()
    assert lines[0] == "table,day,rows,visitors,with_token,key,addresses"
    assert f"events,{DESTROYED},3,3,3,destroyed,False" in lines


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--since", "7d", "--days", "yesterday"), "expected days such as"),
        (("--since", "7d", "--role", "root"), "no user"),
        (("--since", "soon"), "is no time"),
        (("--since", "1h", "--until", "7d"), "the earlier time first"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(leak: Settings, arguments: tuple[str, ...], said: str) -> None:
    assert said in " ".join(run(leak, *arguments, code=2).replace("│", " ").split())
