"""A key that was exchanged is noticed by its fingerprint in the audit."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from pipeline.audit.actions import Action
from pipeline.audit.log import Audit
from pipeline.errors import Fatal
from pipeline.hosts.host import NEVER, Host, Look, write_look
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.keys.tokens import fingerprint
from pipeline.settings.model import Settings
from pipeline.ship.key_jobs import compare_keys


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path)


def acts(settings: Settings) -> list[dict[str, str]]:
    return [dict(entry.facts) for entry, _ in Audit(settings.audit_dir).entries() if entry.action == Action.KEY_SEEN]


def names() -> tuple[KeyName, KeyName]:
    today = datetime.now(UTC).date()
    return KeyName.of_day(today), KeyName.of_year(today)


def test_each_new_key_is_noted_once_and_never_shown(settings: Settings) -> None:
    files = KeyDirectory.of(settings)
    day, year = names()
    files.create(day, b"d" * 32)
    compare_keys(settings)
    files.create(year, b"y" * 32)
    compare_keys(settings)
    compare_keys(settings)
    assert [act["key"] for act in acts(settings)] == [day.text, year.text]
    assert b"d" * 32 not in (settings.audit_dir / "audit.log").read_bytes()


def test_an_exchanged_key_is_named_until_the_former_one_is_back(settings: Settings) -> None:
    files = KeyDirectory.of(settings)
    day, _ = names()
    files.create(day, b"d" * 32)
    compare_keys(settings)
    files.file(day).write_bytes(b"x" * 32)
    for _ in range(2):
        with pytest.raises(
            Fatal, match=rf"{day.text}\.key is not the key with the fingerprint [0-9a-f]{{16}}; restore it"
        ):
            compare_keys(settings)
    files.file(day).write_bytes(b"d" * 32)
    compare_keys(settings)
    assert len(acts(settings)) == 1


def test_a_wrong_key_of_a_coming_day_may_be_replaced(settings: Settings) -> None:
    files = KeyDirectory.of(settings)
    tomorrow = KeyName.of_day(datetime.now(UTC).date() + timedelta(days=2))
    files.create(tomorrow, b"w" * 32)
    compare_keys(settings)
    files.file(tomorrow).write_bytes(b"r" * 32)
    compare_keys(settings)
    assert acts(settings) == []


@pytest.mark.parametrize("copied", [True, False], ids=["from the host that makes keys", "from elsewhere"])
def test_a_wrong_key_may_be_replaced_by_that_of_the_host_that_makes_keys(settings: Settings, copied: bool) -> None:
    files = KeyDirectory.of(settings)
    day, _ = names()
    files.create(day, b"w" * 32)
    compare_keys(settings)
    right = b"r" * 32
    maker = Host(
        instance=UUID(int=1),
        reported_at=datetime.now(UTC),
        host="a",
        version="1",
        clock_ms=0,
        round_trip_ms=1,
        mints=True,
        evaluates_since=NEVER,
        keys={day.text: fingerprint(right)},
        worked={},
        stored_before=NEVER,
    )
    write_look(settings.run_dir, Look(at=maker.reported_at, own=UUID(int=2), hosts=(maker,)))
    files.file(day).write_bytes(right if copied else b"x" * 32)
    if copied:
        compare_keys(settings)
        assert [act["fingerprint"] for act in acts(settings)] == [fingerprint(b"w" * 32), fingerprint(right)]
    else:
        with pytest.raises(Fatal, match="is not the key with the fingerprint"):
            compare_keys(settings)


def test_a_destroyed_key_is_not_missed(settings: Settings) -> None:
    files = KeyDirectory.of(settings)
    old = KeyName.of_day(date(2026, 1, 5))
    files.create(old, b"d" * 32)
    compare_keys(settings)
    files.file(old).unlink()
    compare_keys(settings)
