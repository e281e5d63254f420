"""Faults between hosts: keys, clocks, the work for all. Each finding has a case in which it is silent."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from pipeline.alerts.outbox import read_outbox
from pipeline.alerts.send import tell
from pipeline.alerts.texts import body, subject
from pipeline.hosts.findings import CLOCK_MS, DAYS_AHEAD, IDLE, KINDS, findings, minted, problems_now, said
from pipeline.hosts.host import FORGOTTEN, NEVER, SILENT, Host, Look, read_look, write_look
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.settings.model import Settings

NOW = datetime(2026, 12, 29, 12, tzinfo=UTC)
TODAY = NOW.date()


def keys_until(days: int) -> dict[str, str]:
    names = {
        name.text
        for ahead in range(-3, days + 1)
        for name in (
            KeyName.of_day(TODAY + timedelta(days=ahead)),
            KeyName.of_year(TODAY + timedelta(days=ahead)),
            KeyName.of_quarter(TODAY + timedelta(days=ahead)),
        )
    }
    return dict.fromkeys(sorted(names), "1" * 16)


def host(name: str, number: int, **given: Any) -> Host:
    values = {
        "instance": UUID(int=number),
        "reported_at": NOW - timedelta(seconds=30),
        "host": name,
        "version": "1",
        "clock_ms": 3,
        "round_trip_ms": 10,
        "mints": number == 1,
        "evaluates_since": NOW - timedelta(days=1) if number == 1 else NEVER,
        "keys": keys_until(DAYS_AHEAD),
        "worked": {"score": NOW - timedelta(minutes=5)} if number == 1 else {},
        "stored_before": NOW,
    }
    return Host(**(values | given))


def found(*hosts: Host, named: str = "") -> list[tuple[str, str]]:
    look = Look(at=NOW, own=UUID(int=1), hosts=hosts)
    return [(one.kind, str(one.text)) for one in findings(look, named, 90)]


def kinds(*hosts: Host, named: str = "") -> list[str]:
    return [kind for kind, _ in found(*hosts, named=named)]


def test_hosts_that_agree_have_no_finding() -> None:
    assert found(host("a", 1), host("b", 2), host("c", 3)) == []


def test_a_single_host_that_makes_its_keys_needs_none_in_advance() -> None:
    assert found(host("a", 1, keys={})) == []


@pytest.mark.parametrize(
    ("days", "named"),
    [
        (DAYS_AHEAD, ""),
        (DAYS_AHEAD - 1, "2027-01-03, which is needed from 2027-01-03"),
        (2, "visitor-2027, click-2027-q1, which is needed from 2027-01-01"),
        (-1, "which is needed from 2026-12-29"),
    ],
)
def test_a_key_of_a_coming_day_that_was_not_copied_is_named_days_before(days: int, named: str) -> None:
    told = found(host("a", 1), host("b", 2, keys=keys_until(days)))
    assert [kind for kind, _ in told] == ([] if not named else ["key_missing"])
    assert all(named in text and text.startswith("b has no key ") for _, text in told)


def test_hosts_with_different_keys_for_a_day_are_named_with_the_fingerprints_and_the_host_to_copy_from() -> None:
    wrong = keys_until(DAYS_AHEAD) | {"2026-12-30": "2" * 16}
    ((kind, text),) = found(host("a", 1), host("b", 2, keys=wrong), host("c", 3))
    assert kind == "keys_differ"
    assert "different keys 2026-12-30 (a, c: 1111111111111111; b: 2222222222222222)" in text
    assert "Copy the file from a to the others" in text


def test_a_different_key_of_a_day_that_is_over_is_no_longer_named() -> None:
    assert found(host("a", 1), host("b", 2, keys=keys_until(DAYS_AHEAD) | {"2026-12-28": "2" * 16})) == []


def test_two_hosts_that_make_keys_are_named_before_their_keys_differ() -> None:
    ((kind, text),) = found(host("a", 1), host("b", 2, mints=True))
    assert kind == "several_mint"
    assert "several hosts make keys: a, b." in text


@pytest.mark.parametrize(
    ("clock_ms", "round_trip_ms", "named"),
    [
        (CLOCK_MS, 10, ""),
        (CLOCK_MS + 100, 10, "5.1 s ahead of"),
        (-CLOCK_MS - 100, 10, "5.1 s behind"),
        (CLOCK_MS + 100, 1_000, ""),
    ],
)
def test_a_clock_beyond_the_limit_is_named_unless_a_slow_answer_may_be_the_cause(
    clock_ms: int, round_trip_ms: int, named: str
) -> None:
    told = found(host("a", 1), host("b", 2, clock_ms=clock_ms, round_trip_ms=round_trip_ms))
    assert [kind for kind, _ in told] == (["clock_off"] if named else [])
    assert all(f"the clock of b is {named} that of ClickHouse" in text for _, text in told)


def test_two_hosts_that_would_work_for_all_are_named_with_the_one_that_does() -> None:
    ((kind, text),) = found(host("a", 1), host("b", 2, evaluates_since=NOW - timedelta(hours=1)))
    assert kind == "several_evaluate"
    assert "Only a does, as it began first" in text


@pytest.mark.parametrize(
    ("named", "words"), [("", "of each names another one"), ("z", "names z, and it does not report")]
)
def test_that_nobody_works_for_all_is_named(named: str, words: str) -> None:
    ((kind, text),) = found(host("a", 1, evaluates_since=NEVER), host("b", 2), named=named)
    assert kind == "nobody_evaluates"
    assert words in text


def test_while_no_shipper_runs_nothing_is_said_of_who_works_for_all() -> None:
    assert kinds(host("a", 1, reported_at=NOW - timedelta(hours=1))) == ["host_silent"]
    assert kinds() == []


def test_a_host_that_works_for_all_without_success_is_named_with_the_oldest_work() -> None:
    worked = {"score": NOW - IDLE, "publish numbers": NOW - IDLE - timedelta(hours=1), "x": NOW - 2 * IDLE}
    ((kind, text),) = found(host("a", 1, worked=worked))
    assert kind == "evaluator_idle"
    assert "last success in 'x' was at 2026-12-29 04:00 UTC" in text
    assert found(host("a", 1, worked={"score": NOW - IDLE})) == []


def test_a_silent_host_is_named_and_nothing_else_is_asked_of_it() -> None:
    silent = host("b", 2, reported_at=NOW - SILENT - timedelta(seconds=1), keys={}, clock_ms=10**6)
    ((kind, text),) = found(host("a", 1), silent)
    assert kind == "host_silent"
    assert "b has not reported since 2026-12-29 11:49 UTC" in text
    assert timedelta(days=1) < FORGOTTEN


def test_two_hosts_of_one_name_are_named() -> None:
    assert kinds(host("a", 1), host("a", 2)) == ["same_name"]


def test_keys_past_their_term_on_a_host_are_a_note() -> None:
    old = KeyName.of_day(TODAY - timedelta(days=92)).text
    look = Look(at=NOW, own=UUID(int=1), hosts=(host("a", 1, keys=keys_until(9) | {old: "3" * 16}),))
    ((kind, is_problem),) = [(one.kind, one.is_problem) for one in findings(look, "", 90)]
    assert (kind, is_problem) == ("keys_kept", False)


def test_a_wrong_key_counts_as_minted_only_if_another_host_makes_keys() -> None:
    look = Look(at=NOW, own=UUID(int=2), hosts=(host("a", 1), host("b", 2)))
    assert minted(look) == host("a", 1).keys
    assert minted(msgspec.structs.replace(look, own=UUID(int=1))) == {}
    assert minted(msgspec.structs.replace(look, hosts=(host("a", 1), host("b", 2, mints=True)))) == {}


def settings_of(tmp_path: Path, **sections: object) -> Settings:
    return Settings.model_validate({"data": tmp_path, "collector": {"name": "b", "mint_keys": False}, **sections})


def fill(settings: Settings, until: int, *, today: datetime) -> None:
    files = KeyDirectory.of(settings)
    for ahead in range(until + 1):
        day = today.date() + timedelta(days=ahead)
        for name in (KeyName.of_day(day), KeyName.of_year(day), KeyName.of_quarter(day)):
            if not files.exists(name):
                files.create(name, os.urandom(32))


def test_a_missing_key_is_named_while_the_database_is_away_too(tmp_path: Path) -> None:
    settings, now = settings_of(tmp_path), datetime.now(UTC)
    assert problems_now(settings, now) == [], "before the first start"
    fill(settings, 2, today=now)
    (one,) = problems_now(settings, now)
    assert one.kind == "key_missing"
    fill(settings, DAYS_AHEAD, today=now)
    assert problems_now(settings, now) == []


def test_an_old_or_damaged_look_tells_nothing(tmp_path: Path) -> None:
    settings, now = settings_of(tmp_path), datetime.now(UTC).timestamp()
    look = Look(at=NOW, own=UUID(int=1), hosts=(host("a", 1),))
    write_look(settings.run_dir, look)
    assert read_look(settings.run_dir, now) == look
    assert read_look(settings.run_dir, now + SILENT.total_seconds() + 60) is None
    whole = msgspec.json.encode(look)
    for damaged in (b"{", b"\xff", b"[" * 100_000, whole.replace(b"Z", b""), whole.replace(b'"a"', b'"\xff"')):
        (settings.run_dir / "hosts.json").write_bytes(damaged)
        assert read_look(settings.run_dir, now) is None


def test_a_finding_is_told_once_before_the_problems_of_sites_in_the_language_of_the_alerts(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path, alerts={"language": "ru", "sinks": ["webhook"], "webhook_url": "http://127.0.0.1:9/"}
    )
    now = datetime.now(UTC)
    wrong = {"2026-12-30": "2" * 16}
    hosts = (host("a", 1), host("b", 2, keys=keys_until(DAYS_AHEAD) | wrong))
    write_look(settings.run_dir, Look(at=NOW, own=UUID(int=1), hosts=hosts))
    for minute in range(4):
        tell(settings, {}, now + timedelta(minutes=minute))
    (waiting,) = read_outbox(settings.run_dir).waiting
    assert waiting.message.kind == "opened"
    assert subject(waiting.message, "ru") == "[clinic] Неполадка: На узлах разные ключи"
    text = body(waiting.message, "ru")
    assert "на узлах разные ключи 2026-12-30 (a: 1111111111111111; b: 2222222222222222)" in text
    assert "clinic-pixel doctor" in text
    assert "problems show" not in text


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_title_in_both_languages(kind: str) -> None:
    title = said(f"title_{kind}")
    assert title.of("ru") != title.of("en")
