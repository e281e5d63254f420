"""The end of a key: what is due, what holds it, what a crash leaves, what the act says."""

from __future__ import annotations

import errno
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.audit.certificate import act_of_destruction
from pipeline.audit.log import Audit
from pipeline.errors import Fatal, Retryable
from pipeline.keys.destruction import destroy, destroy_due, due
from pipeline.keys.directory import DESTROYED, KeyDirectory, KeyName
from pipeline.keys.ring import Keyring
from pipeline.keys.tokens import fingerprint

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
DAY = KeyName.of_day(TODAY)


class House:
    """A key directory and its audit."""

    def __init__(self, directory: Path) -> None:
        self.files = KeyDirectory(directory / "keys")
        self.audit = Audit(directory / "audit")

    def mint(self, *names: str) -> list[KeyName]:
        parsed = [KeyName.parse(name) for name in names]
        made = [name for name in parsed if name is not None]
        for name in made:
            assert self.files.create(name, os.urandom(32))
        return made

    def destroy_due(
        self, now: datetime = NOW, holds: frozenset[date] = frozenset(), *, lived: bool = True
    ) -> list[str]:
        if lived:  # as where a collector ran the day before
            self.files.create(KeyName.of_day((now - timedelta(days=1)).date()), bytes(32))
        gone = destroy_due(self.files, self.audit, now=now, retention_days=90, holds=holds, by="ship")
        return [name.text for name in gone]

    def destroy(self, name: KeyName, holds: frozenset[date] = frozenset()) -> None:
        destroy(self.files, self.audit, name, now=NOW, by="anna", reason="copied by mistake", holds=holds)

    def audited(self) -> list[str]:
        return [entry.facts["key"] for entry, _ in self.audit.entries() if entry.action == "key_destroyed"]


@pytest.fixture(name="house")
def key_house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_key_is_due_when_its_last_day_is_more_than_the_retention_ago(house: House) -> None:
    house.mint("2026-08-23", "2026-08-24", "2026-11-22", "2026-12-01", "visitor-2025", "visitor-2026")
    assert [name.text for name in due(house.files, TODAY, 90)] == ["visitor-2025", "2026-08-23"]
    assert house.destroy_due() == ["visitor-2025", "2026-08-23"]
    assert house.audited() == ["visitor-2025", "2026-08-23"]
    assert house.destroy_due() == []
    assert house.destroy_due(NOW + timedelta(days=1)) == ["2026-08-24"]


def test_a_destroyed_key_that_is_copied_back_from_another_host_is_destroyed_again(house: House) -> None:
    (name,) = house.mint("2026-08-01")
    copy = house.files.content(name)
    assert house.destroy_due() == ["2026-08-01"]
    house.files.file(name).write_bytes(copy)
    house.files.file(name).chmod(0o600)
    assert house.files.read(name) is None
    assert house.destroy_due() == ["2026-08-01"]
    assert not house.files.file(name).exists()


def test_where_no_collector_runs_any_more_the_refusal_names_the_command_that_destroys(house: House) -> None:
    house.mint("2026-08-01")
    for day in range(3):
        with pytest.raises(Fatal, match="where none runs any more, `clinic-pixel keys destroy` destroys them"):
            house.destroy_due(NOW + timedelta(days=day), lived=False)


def test_a_clock_that_jumped_ahead_destroys_nothing(house: House) -> None:
    house.mint("2026-11-20", "2026-11-21", "2026-11-22", "visitor-2026")
    jumped = NOW + timedelta(days=100)
    house.mint("2027-03-02", "visitor-2027")
    with pytest.raises(Fatal, match="3 keys are due, but there is no key of the 7 days before 2027-03-02"):
        house.destroy_due(jumped, lived=False)
    assert house.audited() == []
    assert house.files.names(DESTROYED) == []


def test_a_host_that_was_off_for_weeks_destroys_on_its_second_day(house: House) -> None:
    house.mint("2026-08-01", "2026-11-22")
    with pytest.raises(Fatal, match="expected the right time"):
        house.destroy_due(lived=False)
    assert house.destroy_due(NOW + timedelta(days=1), lived=False) == ["2026-08-01"]


def test_the_visitor_key_ends_when_its_year_is_over_for_the_retention(house: House) -> None:
    house.mint("visitor-2025")
    assert house.destroy_due(datetime(2026, 3, 31, 23, 59, tzinfo=UTC)) == []
    assert house.destroy_due(datetime(2026, 4, 1, 0, 0, tzinfo=UTC)) == ["visitor-2025"]


def test_a_destroyed_key_is_overwritten_unlinked_and_on_record(house: House) -> None:
    house.mint(DAY.text)
    key = house.files.read(DAY)
    assert key is not None
    file = house.files.file(DAY)
    second_name = file.with_name("snapshot")
    second_name.hardlink_to(file)
    house.destroy(DAY)
    assert not house.files.exists(DAY)
    assert second_name.read_bytes() == bytes(32)
    tombstone = house.files.tombstone(DAY)
    assert tombstone is not None
    assert (tombstone.fingerprint, tombstone.at, tombstone.by) == (fingerprint(key), NOW, "anna")
    (entry, _), *others = house.audit.entries()
    assert not others
    assert entry.facts == {
        "key": DAY.text,
        "fingerprint": fingerprint(key),
        "at": "2026-11-22T03:00:00Z",
        "by": "anna",
        "cause": "order",
        "reason": "copied by mistake",
    }


def test_destroying_twice_is_one_destruction(house: House) -> None:
    house.mint(DAY.text)
    house.destroy(DAY)
    house.destroy(DAY)
    assert house.audited() == [DAY.text]


def test_a_key_is_never_made_again_after_its_destruction(house: House) -> None:
    keyring = Keyring(house.files, may_mint=True)
    assert keyring.day(TODAY, today=TODAY) is not None
    house.destroy(DAY)
    assert Keyring(house.files, may_mint=True).day(TODAY, today=TODAY) is None
    assert Keyring(house.files, may_mint=True).day(TODAY + timedelta(days=1), today=TODAY + timedelta(days=1))


def test_an_open_block_holds_the_keys_of_its_days(house: House) -> None:
    house.mint("2026-01-05", "2026-01-06", "visitor-2025", "visitor-2024")
    held = frozenset({date(2026, 1, 5), date(2025, 6, 1)})
    assert house.destroy_due(holds=held) == ["visitor-2024", "2026-01-06"]
    (name,) = [name for name in house.files.names() if name.text == "2026-01-05"]
    with pytest.raises(Fatal, match="an open block needs this key for 2026-01-05; expected `subject unblock` first"):
        house.destroy(name, holds=held)
    assert house.destroy_due() == ["visitor-2025", "2026-01-05"]


def test_what_is_not_there_cannot_be_destroyed(house: House) -> None:
    with pytest.raises(Fatal, match=r"2026-11-22\.key: missing; expected one of"):
        house.destroy(DAY)
    assert house.audited() == []
    assert house.files.names(DESTROYED) == []


def test_a_key_that_was_never_whole_can_be_destroyed(house: House) -> None:
    house.files.create(DAY, b"half")
    house.destroy(DAY)
    assert house.audited() == [DAY.text]


class Crash(Exception):
    """The process dies here."""


def _dies(*_: object, **__: object) -> None:
    raise Crash


@pytest.mark.parametrize("step", ["create", "overwrite", "record", "unlink"])
def test_a_crash_at_any_step_leaves_the_key_whole_or_on_its_way_out(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    (name,) = house.mint("2026-01-05")
    with monkeypatch.context() as patch:
        patch.setattr(house.audit if step == "record" else house.files, step, _dies)
        with pytest.raises(Crash):
            house.destroy_due()
    if step == "create":
        assert house.files.read(name) is not None
        assert house.audited() == []
    else:
        assert house.files.read(name) is None
        assert house.files.exists(name)
    assert house.destroy_due() == ["2026-01-05"]
    assert not house.files.exists(name)
    assert set(house.audited()) == {"2026-01-05"}


def test_a_destruction_cut_short_is_finished_even_if_a_block_came_meanwhile(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    (name,) = house.mint("2026-01-05")
    with monkeypatch.context() as patch:
        patch.setattr(house.audit, "record", _dies)
        with pytest.raises(Crash):
            house.destroy_due()
    assert house.destroy_due(holds=frozenset({name.last})) == ["2026-01-05"]


def test_a_full_disk_destroys_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    (name,) = house.mint("2026-01-05")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.keys.directory.os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            house.destroy_due()
    assert house.files.read(name) is not None
    assert house.files.names(DESTROYED) == []


def test_two_processes_destroying_one_key_both_end_well(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    (name,) = house.mint("2026-01-05")
    overwrite = house.files.overwrite

    def other_was_faster(asked: KeyName) -> None:
        monkeypatch.setattr(house.files, "overwrite", overwrite)
        House(house.files.path.parent).destroy(name)
        overwrite(asked)

    monkeypatch.setattr(house.files, "overwrite", other_was_faster)
    house.destroy(name)
    assert house.audited() == ["2026-01-05"]


def test_one_key_that_resists_does_not_keep_the_others(house: House) -> None:
    house.mint("2026-01-04", "2026-01-05", "2026-01-06")
    (house.files.path / "2026-01-05.key").chmod(0o644)
    with pytest.raises(Fatal, match=r"2026-01-05\.key: others can reach it"):
        house.destroy_due()
    assert [name.text for name in house.files.names()] == ["2026-01-05", "2026-11-21"]


def test_nothing_is_destroyed_on_a_clock_set_back(house: House) -> None:
    house.mint("2026-01-05")
    house.audit.record("look", {}, now=NOW + timedelta(days=1), who="anna")
    with pytest.raises(Fatal, match="set the clock right"):
        house.destroy_due()
    assert house.audited() == []


def test_an_unwritable_audit_keeps_the_file_until_it_can_be_written(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    (name,) = house.mint("2026-01-05")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.audit.log.write_all", full)
        with pytest.raises(Retryable):
            house.destroy_due()
    assert house.files.exists(name)
    assert house.destroy_due() == ["2026-01-05"]
    assert house.audited() == ["2026-01-05"]


def test_the_act_names_all_the_order_asks_for_and_nothing_else_destroyed(house: House) -> None:
    aged, on_order, other = house.mint("2026-01-05", "2026-11-22", "2026-11-21")
    house.destroy_due()
    house.destroy(on_order)
    house.destroy(other)
    head = next(head for entry, head in house.audit.entries() if entry.facts["key"] == "2026-01-05")
    act = act_of_destruction(house.audit, [aged.text, on_order.text], operator="ООО «Клиника», Москва")
    for expected in (
        "от 28.10.2022 № 179",
        "ООО «Клиника», Москва",
        "2026-01-05, отпечаток",
        "причина: истёк срок хранения",
        "причина: copied by mistake",
        "ключ перезаписан нулями",
        "2026-11-22T03:00:00Z key_destroyed ship: key=2026-01-05",
        str(head),
        "подпись",
    ):
        assert expected in act
    assert "2026-11-21" not in act
    assert "____" in act_of_destruction(house.audit, [aged.text], operator="")


def test_leftovers_of_dead_processes_go_with_the_daily_destruction(house: House) -> None:
    left = house.files.path / ".2026-11-22.key.aa.new"
    left.write_bytes(b"k" * 32)
    os.utime(left, (0, 0))
    house.destroy_due()
    assert not left.exists()
