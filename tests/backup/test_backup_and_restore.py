"""A backup of the real ClickHouse and its way back: every event once, no erased person, no key beyond its life."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.audit.log import Audit
from pipeline.backup import rows as backup_rows
from pipeline.backup.make import back_up, prune
from pipeline.backup.places import backups, name_of, read_manifest
from pipeline.backup.request_copies import copy_requests
from pipeline.backup.restore import Wanted, restore
from pipeline.database.client import working_as
from pipeline.delivery.journal import Journal, kept_quiet
from pipeline.delivery.journal_entries import Begun, Done
from pipeline.errors import Fatal
from pipeline.event import RawAddress
from pipeline.headers.cookies import DAY_SECONDS, IdCookie
from pipeline.keys.destruction import destroy
from pipeline.keys.directory import DESTROYED, KeyDirectory, KeyName
from pipeline.keys.ring import Keyring
from pipeline.keys.tokens import DayTokens, cookie_visitor
from pipeline.operations import migrate
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from pipeline.ship.retention import LIVES
from pipeline.ship.worker import Worker
from pipeline.subjects import request_code
from pipeline.subjects.desk import Desk
from pipeline.system.private_files import private_directory
from support import clinic_day
from support.auditor import Stored
from support.days import MIDNIGHT
from support.server import Rows
from support.shipping import counts, event, write_segment

pytestmark = pytest.mark.slow  # a restore makes every view again

NOW = datetime.now(UTC).replace(microsecond=0)
TODAY = NOW.date()
ANNA, OTHER = "A" * 22, "B" * 22
ADDRESS = RawAddress("198.51.100.7")


class Machine:
    """A data directory on the shared ClickHouse, and a place for its backups."""

    def __init__(self, home: Path, tables: Rows, *, fresh: bool = False) -> None:
        self.tables, self.place = tables, home / "backups"
        url = f"http://127.0.0.1:{tables.settings.clickhouse.port}"
        self.settings = Settings(data=home / ("new" if fresh else "var"), clickhouse=ClickHouse(url=url))
        self.settings.data.mkdir(mode=0o700)
        self.settings.secrets_dir.mkdir(mode=0o700)
        password = "clickhouse.json"
        shutil.copy2(tables.settings.secrets_dir / password, self.settings.secrets_dir / password)
        if not fresh:
            keyring = Keyring(KeyDirectory(self.settings.keys_dir), may_mint=True)
            assert keyring.day(TODAY, today=TODAY)
            assert keyring.visitor_key(TODAY, today=TODAY)

    @property
    def keys(self) -> KeyDirectory:
        return KeyDirectory(self.settings.keys_dir)

    def desk(self) -> Desk:
        return Desk(self.settings, now=NOW, who="olga")

    def visitor(self, secret: str) -> int:
        return cookie_visitor(self.keys.year_key(TODAY.year) or b"", secret)

    def code(self, secret: str, now: datetime = NOW) -> str:
        return request_code.make(IdCookie(secret, int(NOW.timestamp()) // DAY_SECONDS), self.keys.year_key, now=now)

    def store(self, secret: str, number: int) -> None:
        """Store page views of the holder of a cookie."""
        token = DayTokens(self.keys.read(KeyName.of_day(TODAY)) or b"").ip_token(ADDRESS)
        who = {"visitor": self.visitor(secret), "visitor_kind": "cookie", "ip_token": token}
        at = MIDNIGHT + timedelta(hours=9)
        clinic_day.store(
            self.settings, [clinic_day.row(at, event_id=uuid.uuid4(), nonce=0, **who) for _ in range(number)]
        )

    def spool(self, seq: int, nonces: range, **facts: object) -> Path:
        records = [event(nonce, **facts) for nonce in nonces]
        return write_segment(self.settings.spool_dir, seq, [*records, counts(len(records))])

    def ship(self) -> None:
        Worker(self.settings, stop=threading.Event(), jobs=()).run(until_empty=True)

    def back_up(self, at: datetime = NOW, keep_days: int = 7) -> dict[str, object]:
        return back_up(self.settings, self.place, now=at, who="root", keep_days=keep_days)

    def restore(self, **wanted: object) -> dict[str, object]:
        given = Wanted(**{"backup": self.place, **wanted})  # type: ignore[arg-type]
        return restore(self.settings, given, now=NOW, who="root")

    def stored(self) -> Counter[int]:
        return Stored.in_clickhouse(self.tables.admin).nonces

    def counters(self) -> dict[str, int]:
        return dict(self.tables.admin.query("SELECT name, sum(value) FROM pixel.counters GROUP BY name").result_rows)


@pytest.fixture
def machine(tmp_path: Path, tables: Rows) -> Iterator[Machine]:
    yield Machine(tmp_path, tables)
    tables.clear()
    migrate.end_restore(tables.settings)


@pytest.fixture
def replacement(tmp_path: Path, tables: Rows, machine: Machine) -> Machine:
    """An empty machine; `lose` takes the first one away."""
    return Machine(tmp_path, tables, fresh=True)


def lose(machine: Machine) -> None:
    machine.tables.clear()
    shutil.rmtree(machine.settings.data)


def views(settings: Settings) -> int:
    with working_as(settings, "pixel_migrator") as client:
        return len(client.query("SHOW TABLES FROM technical").result_rows)


def test_every_event_is_stored_once_after_the_disk_was_lost(machine: Machine, replacement: Machine) -> None:
    machine.spool(1, range(100))
    machine.ship()
    machine.spool(2, range(100, 130))
    left_open = machine.spool(3, range(130, 140))
    torn = left_open.with_suffix(".open")
    left_open.rename(torn)
    with torn.open("ab") as stream:
        stream.write(b"not yet a line")
    made = machine.back_up()
    assert (made["events"], made["waiting_in_spool"]) == (100, 40)
    machine.ship()  # after the backup: known to the lost machine only
    lose(machine)
    told = replacement.restore()
    assert (told["events"], told["waiting_in_spool"]) == (100, 40)
    replacement.ship()
    assert replacement.stored() == Counter(range(140))
    sums = replacement.counters()
    assert sums["spooled"] == sums["stored"] == 140
    assert views(replacement.settings) > 0


def test_an_erased_person_stays_erased_and_a_blocked_one_hidden(machine: Machine, replacement: Machine) -> None:
    machine.store(ANNA, 3)
    machine.store(OTHER, 5)
    machine.store("C" * 22, 2)
    code = machine.code(ANNA)
    assert machine.desk().open_by_code("1", "Anna", "asks", code).days
    machine.spool(1, range(3), visitor=machine.visitor(ANNA), visitor_kind="cookie")
    machine.back_up()
    machine.desk().erase("1", "asks")
    machine.desk().open_by_code("2", "Boris", "asks", machine.code(OTHER))
    machine.desk().block("2", "asks")
    copy_requests(machine.settings, machine.place)
    anna, boris = machine.visitor(ANNA), machine.visitor(OTHER)
    lose(machine)
    told = replacement.restore()
    assert (told["persons_erased_again"], told["rows_erased_again"], told["blocks_in_force"]) == (1, 3, 1)
    replacement.ship()
    admin = replacement.tables.admin
    assert admin.query(f"SELECT count() FROM pixel.events WHERE visitor = {anna}").result_rows == [(0,)]
    with working_as(replacement.settings, "pixel_viewer") as reader:
        seen = reader.query("SELECT visitor, count() FROM pixel.events GROUP BY visitor").result_rows
    assert {boris, anna}.isdisjoint(visitor for visitor, _ in seen)
    assert sum(number for _, number in seen) == 2
    with pytest.raises(Fatal, match="it opened request 1"):
        replacement.desk().open_by_code("3", "Anna", "asks again", code)
    later = NOW + timedelta(minutes=2)
    again = Desk(replacement.settings, now=later, who="olga")
    assert again.open_by_code("3", "Anna", "asks again", replacement.code(ANNA, later)).days == []
    assert (replacement.desk().book.find("1") or pytest.fail("no request")).state == "erased"
    Audit(replacement.settings.audit_dir).verify_chain()
    assert "restore" in [entry.action for entry, _ in Audit(replacement.settings.audit_dir).entries()]


def test_no_view_exists_until_the_erasures_were_carried_out_again(
    machine: Machine, replacement: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.store(ANNA, 3)
    machine.back_up()
    lose(machine)

    def stopped(settings: Settings, _now: datetime) -> dict[str, int]:
        assert backup_rows.count(replacement.tables.admin, "events") == 3
        assert views(settings) == 0
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pipeline.backup.restore.replay", stopped)
        with pytest.raises(KeyboardInterrupt):
            replacement.restore()
    assert views(replacement.settings) == 0
    with pytest.raises(Fatal, match="a restore was begun and did not end"):
        migrate.migrate(replacement.settings)
    assert views(replacement.settings) == 0
    assert replacement.restore(into_empty=True)["events"] == 3
    assert views(replacement.settings) > 0


def test_a_place_that_is_not_empty_is_refused_and_left_as_it_was(machine: Machine) -> None:
    machine.store(ANNA, 3)
    machine.back_up()
    with pytest.raises(Fatal, match=r"the data directory is not empty \(\d+ files\); nothing was changed"):
        machine.restore()
    assert backup_rows.count(machine.tables.admin, "events") == 3
    machine.store(ANNA, 1)
    told = machine.restore(into_empty=True)
    assert told["events"] == 3
    assert list((Path(str(told["moved_aside"])) / "keys").glob("*.key"))


def test_tables_with_rows_are_refused(machine: Machine, replacement: Machine) -> None:
    machine.store(ANNA, 3)
    machine.back_up()
    with pytest.raises(Fatal, match=r"has \d+ rows; a restore needs empty tables"):
        replacement.restore()


def test_without_a_copy_of_the_requests_a_restore_is_refused(machine: Machine, replacement: Machine) -> None:
    machine.store(ANNA, 3)
    machine.back_up()
    lose(machine)
    shutil.rmtree(machine.place / "requests")
    with pytest.raises(Fatal, match="persons who were erased after the backup would come back"):
        replacement.restore()
    assert replacement.restore(without_requests=True)["events"] == 3


def test_a_key_ends_in_the_place_with_the_key_itself_and_none_comes_back(
    machine: Machine, replacement: Machine
) -> None:
    old = KeyName.of_day(TODAY - timedelta(days=89))
    ended = KeyName.of_day(TODAY - timedelta(days=200))
    ordered = KeyName.of_day(TODAY - timedelta(days=3))
    for name in (old, ended, ordered):
        machine.keys.create(name, b"k" * 32)
    machine.back_up()
    copies = KeyDirectory(machine.place / "keys")
    assert {old, ended, ordered} <= set(copies.names())
    destroy(machine.keys, Audit(machine.settings.audit_dir), ordered, now=NOW, by="olga", reason="leak")
    elsewhere = machine.place.with_name("requests-disk")
    copy_requests(machine.settings, elsewhere)
    assert copies.exists(ordered)
    lose(machine)
    told = replacement.restore(requests=elsewhere)
    assert told["keys_left_out"] == 2
    names = set(replacement.keys.names())
    assert old in names
    assert {ended, ordered}.isdisjoint(names)
    assert replacement.keys.exists(ordered, DESTROYED)
    copy_requests(replacement.settings, machine.place)
    assert not copies.exists(ordered)
    back_up(replacement.settings, machine.place, now=NOW + timedelta(seconds=5), who="root")
    assert {ended, ordered}.isdisjoint(copies.names())
    assert copies.exists(ordered, DESTROYED)


def test_rows_beyond_their_term_are_not_loaded(machine: Machine, replacement: Machine) -> None:
    machine.store(ANNA, 3)
    machine.back_up()
    lose(machine)
    late = NOW + timedelta(days=machine.settings.retention.rows_days + 1)
    told = restore(replacement.settings, Wanted(backup=machine.place), now=late, who="root")
    assert (told["rows_beyond_their_term"], told["events"]) == (3, 0)


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.table)
def test_a_file_of_rows_ends_on_the_day_on_which_ship_would_drop_them(life: object, tables: Rows) -> None:
    settings = tables.settings
    begin = life.begin(settings.retention)  # type: ignore[attr-defined]
    form = "%Y%m%d" if life.setting == "rows_days" else "%Y%m"  # type: ignore[attr-defined]
    [(first,)] = tables.admin.query(f"SELECT formatDateTime({begin}, '{form}')").result_rows
    step = timedelta(days=1)
    kept = date(int(first[:4]), int(first[4:6]), int(first[6:] or 1))
    gone = (kept - step).strftime(form)
    assert (backup_rows.ends(life.table, first, settings.retention) or date.min) > TODAY  # type: ignore[attr-defined]
    assert (backup_rows.ends(life.table, gone, settings.retention) or date.max) <= TODAY  # type: ignore[attr-defined]


def test_a_damaged_file_is_named_before_anything_changes(machine: Machine, replacement: Machine) -> None:
    machine.store(ANNA, 3)
    machine.back_up()
    lose(machine)
    [directory] = backups(machine.place)
    file = next((directory / "rows" / "events").iterdir())
    content = bytearray(file.read_bytes())
    content[20] ^= 1
    file.write_bytes(content)
    with pytest.raises(Fatal, match=rf"{file.name}: damaged \(its checksum differs\)"):
        replacement.restore()
    file.unlink()
    with pytest.raises(Fatal, match=rf"{file.name}: missing; this backup is not complete"):
        replacement.restore()
    assert replacement.keys.names() == []


def test_every_file_of_a_backup_is_private(machine: Machine) -> None:
    machine.store(ANNA, 3)
    machine.back_up()
    for path in machine.place.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_old_and_unfinished_backups_are_removed_and_the_newest_and_strangers_files_stay(machine: Machine) -> None:
    machine.store(ANNA, 1)
    for days in (9, 2):
        machine.back_up(NOW - timedelta(days=days), keep_days=30)
    broken = machine.place / name_of(NOW - timedelta(days=1))
    broken.mkdir(mode=0o700)
    (machine.place / "clinic-pixel-notes").mkdir()
    linked = machine.place / name_of(NOW - timedelta(days=8))
    linked.symlink_to(machine.settings.data)
    assert machine.back_up()["backups_removed"] == 2
    assert [path.name for path in backups(machine.place)] == [name_of(NOW - timedelta(days=2)), name_of(NOW)]
    assert (machine.place / "clinic-pixel-notes").is_dir()
    assert prune(machine.place, NOW + timedelta(days=400), 7).removed == [name_of(NOW - timedelta(days=2))]
    [last] = backups(machine.place)
    assert not list((last / "rows" / "events").iterdir())


def test_a_damaged_backup_is_named_and_does_not_keep_the_rows_of_the_others(machine: Machine) -> None:
    machine.store(ANNA, 1)
    for days in (2, 1):
        machine.back_up(NOW - timedelta(days=days))
    older, newer = backups(machine.place)
    (older / "manifest.json").write_text("{")
    assert machine.back_up()["backups_damaged"] == older.name
    assert prune(machine.place, NOW + timedelta(days=400), 1000).damaged == [older.name]
    assert list((older / "rows" / "events").iterdir())
    assert not list((newer / "rows" / "events").iterdir())
    assert prune(machine.place, NOW + timedelta(days=400), 7).removed == [older.name, newer.name]


def test_the_copy_of_another_machine_is_not_overwritten(machine: Machine, replacement: Machine) -> None:
    machine.back_up()
    with pytest.raises(Fatal, match="the copy of another machine, or of this one before its disk was lost"):
        copy_requests(replacement.settings, machine.place)
    assert (machine.place / "requests" / "audit" / "audit.log").stat().st_size


def test_a_cluster_is_refused_because_one_server_knows_its_own_rows_alone(machine: Machine) -> None:
    url = str(machine.settings.clickhouse.url)
    on_cluster = ClickHouse(url=url, cluster="clinics", shards=(url, "http://127.0.0.1:1"))
    machine.settings = machine.settings.model_copy(update={"clickhouse": on_cluster})
    with pytest.raises(Fatal, match="a cluster is not backed up by this command"):
        machine.back_up()
    with pytest.raises(Fatal, match="a cluster is not backed up by this command"):
        machine.restore()
    assert not machine.place.exists()


def test_a_backup_inside_the_data_directory_is_refused(machine: Machine) -> None:
    with pytest.raises(Fatal, match="is inside of the data directory"):
        back_up(machine.settings, machine.settings.data / "copies", now=NOW, who="root")


def test_a_backup_of_a_newer_version_is_refused(machine: Machine, replacement: Machine) -> None:
    machine.back_up()
    [directory] = backups(machine.place)
    manifest = directory / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text.replace('"format": 1', '"format": 2'))
    with pytest.raises(Fatal, match="made by the newer clinic-pixel"):
        replacement.restore()
    manifest.write_text(text.replace('"schema": [', '"schema": ["9999_later.sql",'))
    with pytest.raises(Fatal, match=r"9999_later\.sql is not known here\. Nothing was changed"):
        replacement.restore()


def test_the_rows_alone_come_back_beside_a_journal_that_knows_more_than_they(machine: Machine) -> None:
    machine.spool(1, range(10))
    machine.ship()
    machine.back_up()
    machine.spool(2, range(10, 20))
    machine.ship()  # its segment is gone
    machine.spool(3, range(20, 30))
    shipper = Worker(machine.settings, stop=threading.Event(), jobs=())
    plan = shipper._next_plan() or pytest.fail("no plan")
    shipment = shipper._build(plan) or pytest.fail("no shipment")
    with Journal(machine.settings.journal_dir) as journal:  # confirmed, and its segment still there
        journal.write(Begun(plan), *(Done(plan.id, batch.id, batch.rows) for batch in shipment.batches))
    machine.tables.clear()
    told = machine.restore(only="rows")
    assert (told["segments_lost"], told["batches_asked_again"], told["events"]) == (1, 1, 10)
    machine.ship()
    assert machine.stored() == Counter([*range(10), *range(20, 30)])


def test_a_running_ship_is_named(machine: Machine) -> None:
    machine.back_up()
    with Journal(machine.settings.journal_dir), pytest.raises(Fatal, match="another ship is at work here"):
        machine.restore(into_empty=True)


def test_a_delivery_waits_for_a_backup_and_a_backup_for_a_delivery(machine: Machine) -> None:
    machine.spool(1, range(5))
    with kept_quiet(machine.settings.journal_dir):
        shipping = threading.Thread(target=machine.ship, daemon=True)
        shipping.start()
        shipping.join(1)
        assert shipping.is_alive()
        assert machine.stored() == Counter()
    shipping.join(60)
    assert machine.stored() == Counter(range(5))


def test_a_partition_that_changed_during_the_export_is_exported_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.spool(1, range(5))
    machine.ship()
    machine.spool(2, range(5, 9))
    shipped: list[bool] = []
    real = backup_rows.export

    def slow(*given: object) -> object:
        part = real(*given)  # type: ignore[arg-type]
        if not shipped:
            shipped.append(True)
            machine.ship()
        return part

    monkeypatch.setattr(backup_rows, "export", slow)
    made = machine.back_up()
    assert (made["events"], made["waiting_in_spool"]) == (9, 0)
    [directory] = backups(machine.place)
    assert sum(part.rows for part in read_manifest(directory).parts if part.table == "events") == 9


def test_the_number_of_rows_is_that_of_the_file_even_if_rows_go_during_the_export(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.store(ANNA, 3)
    real, calls = backup_rows._exported, []

    def slow(*given: object) -> object:
        part = real(*given)  # type: ignore[arg-type]
        if not calls:
            with working_as(machine.settings, "pixel_migrator") as migrator:
                migrator.command("TRUNCATE TABLE pixel.events")
        calls.append(part)
        return part

    monkeypatch.setattr(backup_rows, "_exported", slow)
    place = private_directory(machine.place)
    with working_as(machine.settings, "pixel_admin") as client:
        [partition] = [each for each in backup_rows.partitions(client) if each[0] == "events"]
        part = backup_rows.export(client, place, partition, machine.settings.retention)
    assert (part.rows, len(calls)) == (0, 2)


def test_after_a_restore_that_was_killed_at_its_first_file_nothing_ships(
    machine: Machine, replacement: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.spool(1, range(5))
    machine.ship()
    machine.back_up()
    lose(machine)
    with monkeypatch.context() as patched:
        patched.setattr("pipeline.backup.restore.place_requests", _killed)
        with pytest.raises(KeyboardInterrupt):
            replacement.restore()
    for begin in (replacement.ship, lambda: migrate.migrate(replacement.settings), replacement.back_up):
        with pytest.raises(Fatal, match="a restore was begun and did not end; run `clinic-pixel restore` again"):
            begin()
    replacement.restore(into_empty=True)
    replacement.ship()
    assert replacement.stored() == Counter(range(5))


def test_what_a_full_disk_left_unfinished_is_gone_before_the_next_backup_writes_rows(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.store(ANNA, 1)
    seen: list[list[Path]] = []

    def full(*_: object) -> object:
        seen.append(backups(machine.place))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(backup_rows, "export", full)
        for hour in (2, 1):
            with pytest.raises(OSError, match="No space left"):
                machine.back_up(NOW - timedelta(hours=hour))
    assert [len(found) for found in seen] == [1, 1]
    assert machine.back_up()["backups_removed"] == 1
    assert [path.name for path in backups(machine.place)] == [name_of(NOW)]


def _killed(*_: object) -> int:
    raise KeyboardInterrupt


def test_a_copy_of_the_requests_that_is_older_than_the_backup_is_refused_and_the_newest_one_taken(
    machine: Machine, replacement: Machine, tmp_path: Path
) -> None:
    machine.store(ANNA, 2)
    other = private_directory(tmp_path / "other")
    copy_requests(machine.settings, other)
    machine.back_up()
    own = machine.place / "requests"
    own.rename(tmp_path / "kept")
    lose(machine)
    with pytest.raises(Fatal, match="older than the backup: persons who were erased between the two would come back"):
        replacement.restore(requests=other)
    assert replacement.keys.names() == []
    (tmp_path / "kept").rename(own)
    assert replacement.restore(requests=other)["events"] == 2
    assert Audit(replacement.settings.audit_dir).verify_chain().seq >= 2
