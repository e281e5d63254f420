"""Hosts of one database: their rows in a real ClickHouse, and who of them does the work for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from pipeline.database.client import working_as
from pipeline.errors import Fatal
from pipeline.hosts import table
from pipeline.hosts.evaluator import Hosts, look_now, refuse_elsewhere
from pipeline.hosts.findings import findings
from pipeline.hosts.host import NEVER, SILENT, Host, instance_of, name_of, read_look
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.ring import Keyring
from pipeline.settings.model import Settings
from support.server import Rows

Make = Callable[..., Settings]


@pytest.fixture
def host_of(tables: Rows, tmp_path: Path) -> Iterator[Make]:
    """Make a host with a data directory of its own, which works with the shared ClickHouse."""

    def make(name: str, *, mints: bool = False, evaluator: str = "") -> Settings:
        data = tmp_path / name
        if not data.exists():
            data.mkdir()
            (data / "secrets").symlink_to(tables.settings.secrets_dir)
        collector = tables.settings.collector.model_copy(update={"name": name, "mint_keys": mints})
        ship = tables.settings.ship.model_copy(update={"evaluator": evaluator})
        return tables.settings.model_copy(update={"data": data, "collector": collector, "ship": ship})

    tables.clear("hosts")
    yield make
    tables.clear("hosts")


def test_a_host_tells_its_keys_by_fingerprints_and_its_clock_and_reads_the_others(host_of: Make) -> None:
    first, second = host_of("a", mints=True), host_of("b")
    today = datetime.now(UTC).date()
    Keyring(KeyDirectory.of(first), may_mint=True).mint_ahead(today, 3)
    key = (first.keys_dir / f"{today}.key").read_bytes()
    Hosts(works=["score"]).report(first)
    Hosts().report(second)
    look = read_look(second.run_dir, datetime.now(UTC).timestamp())
    assert look is not None
    assert [host.host for host in look.hosts] == ["a", "b"]
    of_first, of_second = look.hosts
    assert (of_first.instance, of_first.mints, look.own) == (instance_of(first), True, of_second.instance)
    assert {today.isoformat(), f"visitor-{today.year}"} <= set(of_first.keys)
    assert key.hex()[:16] not in str(of_first)
    assert of_second.keys == {}
    assert abs(of_first.clock_ms) <= 1000 + of_first.round_trip_ms, "both are this machine"
    assert of_first.worked == {"score": of_first.reported_at}
    assert of_first.stored_before == NEVER


def test_a_damaged_key_is_as_good_as_none_and_keeps_no_host_from_reporting(host_of: Make) -> None:
    host, today = host_of("a"), datetime.now(UTC).date()
    Keyring(KeyDirectory.of(host), may_mint=True).mint_ahead(today, 2)
    (host.keys_dir / f"{today}.key").chmod(0o644)
    Hosts().report(host)
    (found,) = look_now(host).hosts
    assert today.isoformat() not in found.keys
    assert (today + timedelta(days=1)).isoformat() in found.keys


def test_a_renamed_host_is_the_same_one(host_of: Make) -> None:
    host = host_of("a")
    Hosts().report(host)
    renamed = host.model_copy(update={"collector": host.collector.model_copy(update={"name": "z"})})
    Hosts().report(renamed)
    assert [each.host for each in look_now(renamed).hosts] == ["z"]


def test_a_damaged_identity_is_refused_with_what_to_do(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    first = instance_of(settings)
    assert instance_of(settings) == first
    (settings.run_dir / "instance").write_bytes(b"\xff")
    with pytest.raises(Fatal, match="instance: expected a UUID: delete the file"):
        instance_of(settings)


def test_a_single_host_does_everything_with_nothing_set(host_of: Make) -> None:
    assert Hosts().evaluates(host_of("a"))


def test_the_named_host_does_the_work_for_all_and_no_other_one(host_of: Make) -> None:
    first, second, third = (Hosts() for _ in range(3))
    a, b, c = (host_of(name, evaluator="b") for name in "abc")
    assert [first.evaluates(a), second.evaluates(b), third.evaluates(c)] == [False, True, False]
    assert look_now(a).evaluator is not None
    assert [host.host for host in look_now(a).hosts if host.evaluates] == ["b"]


def test_of_two_hosts_that_would_both_work_by_mistake_the_first_goes_on_alone(host_of: Make) -> None:
    first, second = Hosts(), Hosts()
    z, a = host_of("z"), host_of("a")
    assert first.evaluates(z)
    assert not second.evaluates(a)
    for _ in range(2):  # reports in any order change nothing
        second.report(a)
        first.report(z)
    assert first.evaluates(z)
    assert not second.evaluates(a)


def test_a_host_takes_over_from_a_silent_one_and_gives_back(host_of: Make) -> None:
    a, b = host_of("a"), host_of("b")
    first, second = Hosts(), Hosts()
    assert first.evaluates(a)
    assert not second.evaluates(b)
    look = look_now(b)
    later = msgspec.structs.replace(look, at=look.at + SILENT + timedelta(minutes=1))
    assert later.evaluator is None, "both are silent"
    heard = [msgspec.structs.replace(h, reported_at=later.at) if h.host == "b" else h for h in look.hosts]
    alone = msgspec.structs.replace(later, hosts=tuple(heard))
    assert alone.evaluator is not None
    assert alone.evaluator.host == "b"
    heard = [msgspec.structs.replace(h, reported_at=later.at) for h in look.hosts]
    again = msgspec.structs.replace(later, hosts=tuple(heard)).evaluator
    assert again is not None
    assert again.host == "a", "it began first, so both agree on it"


def test_the_others_have_stored_what_the_slowest_of_them_has(host_of: Make) -> None:
    early, late = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
    own = Hosts()
    own.report(host_of("a"))
    assert own.stored_before() is None
    Hosts(lambda _: late).report(host_of("b"))
    own.report(host_of("a"))
    assert own.stored_before() == late
    Hosts(lambda _: early).report(host_of("c"))
    own.report(host_of("a"))
    assert own.stored_before() == early
    Hosts(lambda _: None).report(host_of("d"))
    own.report(host_of("a"))
    assert own.stored_before() == NEVER


def test_a_silent_host_keeps_nobody_waiting(host_of: Make) -> None:
    host = host_of("a")
    own = Hosts()
    own.report(host)
    gone = Host(
        instance=uuid4(),
        reported_at=datetime.now(UTC) - SILENT - timedelta(minutes=1),
        host="gone",
        version="0",
        clock_ms=0,
        round_trip_ms=1,
        mints=False,
        evaluates_since=datetime(2026, 1, 1, tzinfo=UTC),
        keys={},
        worked={},
        stored_before=NEVER,
    )
    with working_as(host, "pixel_writer") as client:
        table.write(client, gone)
    own.report(host)
    assert own.stored_before() is None
    assert own.evaluates(host)
    assert {each.host for each in look_now(host).hosts} == {"a", "gone"}


def test_rows_of_a_time_to_come_neither_stop_the_work_nor_keep_a_host_waiting(host_of: Make) -> None:
    a, b = host_of("a", evaluator="a"), host_of("b", evaluator="a")
    own, other = Hosts(lambda _: NEVER), Hosts(lambda _: NEVER)
    own.report(a)
    other.report(b)
    with working_as(a, "pixel_writer") as client:  # as both did while the clock of ClickHouse was a year ahead
        for host in look_now(a).hosts:
            table.write(client, msgspec.structs.replace(host, reported_at=host.reported_at + timedelta(days=365)))
    own.report(a)
    other.report(b)
    assert own.evaluates(a)
    assert own.stored_before() is None, "it is not waited for a host of which nothing new is seen"
    assert [host.host for host in look_now(a).reporting] == ["a"]
    assert [host.host for host in look_now(b).reporting] == ["b"]


def test_a_copied_machine_that_reports_under_the_same_identity_is_named(host_of: Make) -> None:
    first, copy = host_of("a"), host_of("b")
    own, other = Hosts(), Hosts()
    own.report(first)
    own.report(first)
    assert look_now(first).twin == "", "a host is not its own copy"
    copy.run_dir.mkdir()
    (copy.run_dir / "instance").write_bytes((first.run_dir / "instance").read_bytes())
    other.report(copy)
    own.report(first)
    look = look_now(first)
    assert look.twin == "b"
    assert ("same_instance", "b") in {(one.kind, one.about) for one in findings(look, "", 90)}


def test_a_command_of_a_person_is_refused_where_another_host_works(host_of: Make) -> None:
    refuse_elsewhere(host_of("a"))
    refuse_elsewhere(host_of("a", evaluator="a"))
    with pytest.raises(Fatal, match=r"ship\.evaluator names the host b, and this is a: run it there"):
        refuse_elsewhere(host_of("a", evaluator="b"))


def test_a_host_without_a_name_has_that_of_the_machine(host_of: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.hosts.host.gethostname", lambda: "machine")
    assert name_of(host_of("")) == "machine"
