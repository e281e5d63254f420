"""Keys: who may make which, how processes agree on one, and what is refused."""

from __future__ import annotations

import errno
import logging
import multiprocessing
import os
import stat
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from pipeline.errors import Fatal
from pipeline.event import RawAddress
from pipeline.keys.directory import DESTROYED, KeyDirectory, KeyName, Tombstone
from pipeline.keys.ring import CHECK_SECONDS, MAX_DAYS_OPEN, Keyring
from pipeline.keys.tokens import DayTokens

TODAY = date(2026, 11, 22)
DAY = KeyName.of_day(TODAY)
ADDRESS = RawAddress("192.0.2.1")


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(name="directory")
def key_directory(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture(name="keyring")
def minting_keyring(directory: Path) -> Keyring:
    return Keyring(KeyDirectory(directory), may_mint=True)


def tombstone(files: KeyDirectory, name: KeyName, cause: Literal["retention", "order"] = "retention") -> None:
    record = Tombstone(key=name.text, fingerprint="f" * 16, at=datetime.now(UTC), by="test", cause=cause, reason="test")
    files.create(name, msgspec.json.encode(record), DESTROYED)


def test_todays_key_is_made_once_and_for_its_owner_only(keyring: Keyring, directory: Path) -> None:
    tokens = keyring.day(TODAY, today=TODAY)
    assert tokens is not None
    again = Keyring(KeyDirectory(directory), may_mint=False).day(TODAY, today=TODAY)
    assert again is not None
    assert tokens.ip_token(ADDRESS) == again.ip_token(ADDRESS)
    file = directory / "2026-11-22.key"
    assert file.stat().st_size == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert [entry.name for entry in directory.iterdir()] == ["2026-11-22.key"]


def test_the_visitor_key_lives_a_year_in_a_file_of_its_own(keyring: Keyring, directory: Path) -> None:
    first = keyring.visitor_key(date(2026, 1, 1))
    assert first is not None
    assert keyring.visitor_key(date(2026, 12, 31)) == first == (directory / "visitor-2026.key").read_bytes()
    assert keyring.visitor_key(date(2027, 1, 1)) not in (None, first)


def test_a_process_that_may_not_mint_has_no_tokens_and_says_why(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    keyring = Keyring(KeyDirectory(directory), may_mint=False, monotonic=clock)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert keyring.day(TODAY, today=TODAY) is None
            assert keyring.visitor_key(TODAY) is None
            clock.now += CHECK_SECONDS
    assert "visitor-2026.key: missing" in keyring.problem
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert list(directory.iterdir()) == []


def test_a_key_copied_later_is_found_within_a_second(directory: Path, tmp_path: Path) -> None:
    clock = Clock()
    keyring = Keyring(KeyDirectory(directory), may_mint=False, monotonic=clock)
    assert keyring.day(TODAY, today=TODAY) is None
    Keyring(KeyDirectory(tmp_path / "other host"), may_mint=True).mint_ahead(TODAY, 1)
    (directory / DAY.text).with_suffix(".key").write_bytes((tmp_path / "other host" / "2026-11-22.key").read_bytes())
    (directory / DAY.text).with_suffix(".key").chmod(0o600)
    clock.now += CHECK_SECONDS
    assert keyring.day(TODAY, today=TODAY) is not None
    assert keyring.problem == ""


@pytest.mark.parametrize(
    ("epoch", "made"),
    [
        pytest.param(TODAY, True, id="today"),
        pytest.param(TODAY - timedelta(days=90), True, id="oldest day inside retention"),
        pytest.param(TODAY - timedelta(days=91), False, id="a day past retention"),
        pytest.param(TODAY + timedelta(days=1), False, id="tomorrow"),
    ],
)
def test_a_key_is_made_for_today_or_a_past_day_inside_retention(keyring: Keyring, epoch: date, made: bool) -> None:
    assert (keyring.day(epoch, today=TODAY) is not None) is made
    assert (keyring.problem == "") is made


def test_a_key_minted_ahead_is_used_when_its_day_comes(keyring: Keyring, directory: Path) -> None:
    made = keyring.mint_ahead(date(2026, 12, 25), 14)
    assert [name.text for name, _ in made[:5]] == [
        "visitor-2026",
        "visitor-2027",
        "click-2026-q4",
        "click-2027-q1",
        "2026-12-25",
    ]
    assert all(new for _, new in made)
    assert len(made) == 18
    assert not any(new for _, new in keyring.mint_ahead(date(2026, 12, 25), 14))
    last = date(2027, 1, 7)
    assert Keyring(KeyDirectory(directory), may_mint=False).day(last, today=last) is not None


def test_a_destroyed_day_is_never_minted_again(keyring: Keyring) -> None:
    tombstone(keyring.files, DAY, "order")
    assert keyring.day(TODAY, today=TODAY) is None
    assert "never made again" in keyring.problem
    assert [name.text for name, _ in keyring.mint_ahead(TODAY, 2)] == ["visitor-2026", "click-2026-q4", "2026-11-23"]
    assert keyring.files.create(DAY, bytes(32)) is False
    assert not keyring.files.exists(DAY)


def test_a_destroyed_key_is_not_read_even_while_its_file_is_there(keyring: Keyring) -> None:
    keyring.mint_ahead(TODAY, 1)
    tombstone(keyring.files, DAY)
    assert keyring.files.read(DAY) is None
    assert keyring.files.living() == []


@pytest.mark.parametrize("unlinked", [True, False], ids=["gone", "destruction just begun"])
def test_a_running_process_forgets_a_destroyed_key_within_a_second(directory: Path, unlinked: bool) -> None:
    clock = Clock()
    keyring = Keyring(KeyDirectory(directory), may_mint=True, monotonic=clock)
    keyring.visitor_key(TODAY)
    assert keyring.day(TODAY, today=TODAY) is not None
    for name in (DAY, KeyName.of_year(TODAY)):
        tombstone(keyring.files, name)
        if unlinked:
            keyring.files.unlink(name)
    clock.now += CHECK_SECONDS
    assert keyring.day(TODAY, today=TODAY) is None
    assert keyring.visitor_key(TODAY) is None


def test_a_key_that_was_copied_over_a_wrong_one_is_in_force_within_a_second(directory: Path) -> None:
    clock = Clock()
    keyring = Keyring(KeyDirectory(directory), may_mint=True, monotonic=clock)
    wrong, wrong_year = keyring.day(TODAY, today=TODAY), keyring.visitor_key(TODAY)
    assert wrong is not None
    for name in (DAY, KeyName.of_year(TODAY)):
        copied = directory / f".{name.text}.key.Xy12"  # as rsync does
        copied.write_bytes(b"r" * 32)
        copied.chmod(0o600)
        copied.rename(keyring.files.file(name))
    clock.now += CHECK_SECONDS
    right, right_year = keyring.day(TODAY, today=TODAY), keyring.visitor_key(TODAY)
    assert right is not None
    assert right.ip_token(ADDRESS) == DayTokens(b"r" * 32).ip_token(ADDRESS) != wrong.ip_token(ADDRESS)
    assert right_year == b"r" * 32 != wrong_year
    clock.now += CHECK_SECONDS
    assert keyring.day(TODAY, today=TODAY) is right, "a file that is the same is not read again"


def test_only_a_few_days_are_kept_in_memory(keyring: Keyring) -> None:
    for offset in range(3 * MAX_DAYS_OPEN):
        assert keyring.day(TODAY - timedelta(days=offset), today=TODAY) is not None
    assert len(keyring._days) == MAX_DAYS_OPEN


def test_a_clock_set_back_makes_no_key(keyring: Keyring) -> None:
    tombstone(keyring.files, KeyName.of_day(date(2026, 8, 1)))
    back = date(2026, 7, 15)
    assert keyring.day(back, today=back) is None
    assert "the clock says 2026-07-15, but the key of 2026-08-01" in keyring.problem
    with pytest.raises(Fatal, match="set the clock right"):
        keyring.mint_ahead(back, 1)
    assert keyring.files.names() == []


def test_a_key_destroyed_on_order_says_nothing_of_the_clock(keyring: Keyring) -> None:
    tombstone(keyring.files, KeyName.of_day(TODAY + timedelta(days=3)), "order")
    assert keyring.day(TODAY, today=TODAY) is not None


def _mint_at_midnight(directory: Path, barrier: object, answers: object) -> None:
    keyring = Keyring(KeyDirectory(directory), may_mint=True)
    barrier.wait(30)  # type: ignore[attr-defined]
    tokens = keyring.day(TODAY, today=TODAY)
    visitor_key = keyring.visitor_key(TODAY)
    answers.put((tokens and tokens.ip_token(ADDRESS), visitor_key))  # type: ignore[attr-defined]


def test_eight_processes_minting_at_midnight_give_one_key(directory: Path) -> None:
    processes = multiprocessing.get_context("spawn")
    barrier, answers = processes.Barrier(8), processes.Queue()
    crowd = [processes.Process(target=_mint_at_midnight, args=(directory, barrier, answers)) for _ in range(8)]
    for process in crowd:
        process.start()
    given = {answers.get(timeout=60) for _ in crowd}
    for process in crowd:
        process.join(30)
    assert len(given) == 1
    assert None not in given.pop()
    assert sorted(entry.name for entry in directory.iterdir()) == ["2026-11-22.key", "visitor-2026.key"]


def test_the_loser_of_a_race_reads_the_winners_key(keyring: Keyring) -> None:
    assert keyring.files.create(DAY, b"a" * 32) is True
    assert keyring.files.create(DAY, b"b" * 32) is False
    assert keyring.files.read(DAY) == b"a" * 32


def test_a_key_destroyed_while_it_is_made_does_not_stay(keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def destroyed_just_before(source: Path, target: Path) -> None:
        if target.suffix == ".key":
            tombstone(keyring.files, DAY)
        link(source, target)

    monkeypatch.setattr("pipeline.keys.directory.os.link", destroyed_just_before)
    assert keyring.day(TODAY, today=TODAY) is None
    assert not keyring.files.exists(DAY)


@pytest.mark.parametrize("call", ["fdatasync", "link"])
def test_a_full_disk_leaves_no_key_and_no_remains(
    keyring: Keyring, directory: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(f"pipeline.keys.directory.os.{call}", full)
        assert keyring.day(TODAY, today=TODAY) is None
        assert keyring.problem == f"{directory}/2026-11-22.key: No space left on device"
    assert list(directory.iterdir()) == []


def _wide_directory(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    directory.chmod(0o750)


def _symlinked_directory(directory: Path) -> None:
    directory.with_name("elsewhere").mkdir(mode=0o700)
    directory.symlink_to(directory.with_name("elsewhere"))


def _a_file_for_a_directory(directory: Path) -> None:
    directory.write_bytes(b"")


def _key(directory: Path, content: bytes, mode: int = 0o600) -> None:
    directory.mkdir(mode=0o700)
    (directory / "2026-11-22.key").write_bytes(content)
    (directory / "2026-11-22.key").chmod(mode)


def _symlinked_key(directory: Path) -> None:
    _key(directory, b"k" * 32)
    (directory / "2026-11-22.key").rename(directory.with_name("key"))
    (directory / "2026-11-22.key").symlink_to(directory.with_name("key"))


def _fifo_for_a_key(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    os.mkfifo(directory / "2026-11-22.key", 0o600)


UNSAFE = [
    pytest.param(
        _wide_directory, r"keys: others can reach it \(mode 0750\); expected a directory of mode 0700", id="750"
    ),
    pytest.param(_symlinked_directory, "keys: is a symlink; expected a directory", id="symlinked directory"),
    pytest.param(_a_file_for_a_directory, "keys: cannot be used", id="file for a directory"),
    pytest.param(
        lambda d: _key(d, b"k" * 32, 0o640), r"\.key: others can reach it \(mode 0640\); expected .* 0600", id="640"
    ),
    pytest.param(_symlinked_key, r"2026-11-22\.key: is a symlink; expected a regular file", id="symlinked key"),
    pytest.param(_fifo_for_a_key, r"2026-11-22\.key: is something else; expected a regular file", id="fifo"),
    pytest.param(
        lambda d: _key(d, b"k" * 31), r"2026-11-22\.key: not a complete key \(31 bytes\); expected 32", id="half"
    ),
    pytest.param(lambda d: _key(d, b"k" * 33), r"2026-11-22\.key: not a complete key \(33 bytes\)", id="too long"),
    pytest.param(lambda d: _key(d, b""), r"2026-11-22\.key: not a complete key \(0 bytes\)", id="empty"),
    pytest.param(lambda d: _key(d, bytes(32)), r"2026-11-22\.key: not a complete key", id="zeros after a power cut"),
]


@pytest.mark.parametrize(("plant", "problem"), UNSAFE)
def test_an_unsafe_or_broken_key_directory_is_refused_by_name(directory: Path, plant: object, problem: str) -> None:
    plant(directory)  # type: ignore[operator]
    with pytest.raises(Fatal, match=problem):
        raise_the_first(Keyring(KeyDirectory(directory), may_mint=True).damaged().values())


def raise_the_first(problems: Iterable[str]) -> None:
    for problem in problems:
        raise Fatal(problem)


def test_a_key_that_breaks_while_running_gives_no_tokens_instead_of_an_error(directory: Path) -> None:
    keyring = Keyring(KeyDirectory(directory), may_mint=True)
    (directory / "2026-11-22.key").write_bytes(b"half")
    (directory / "2026-11-22.key").chmod(0o600)
    assert keyring.day(TODAY, today=TODAY) is None
    assert "not a complete key" in keyring.problem


def test_another_users_key_directory_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory.mkdir(mode=0o700)
    somebody = os.geteuid() + 1000
    monkeypatch.setattr("pipeline.system.private_files.os.geteuid", lambda: somebody)
    with pytest.raises(Fatal, match=rf"belongs to user {os.getuid()}; expected .* of user {somebody}, who runs this"):
        Keyring(KeyDirectory(directory), may_mint=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root works in another user's directory")
def test_what_root_makes_belongs_to_the_directorys_owner(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    os.chown(directory, 65534, 65534)
    Keyring(KeyDirectory(directory), may_mint=True).mint_ahead(TODAY, 1)
    assert {file.stat().st_uid for file in directory.iterdir()} == {65534}


@pytest.mark.parametrize("place", ["spool", "spool/keys", "link/keys"])
def test_keys_inside_the_spool_or_clickhouse_directory_are_refused(tmp_path: Path, place: str) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    (tmp_path / "link").symlink_to(spool)
    with pytest.raises(Fatal, match=r"keys must not be inside .*/spool; expected a directory that nothing else uses"):
        Keyring(KeyDirectory(tmp_path / place, forbidden=(tmp_path / "clickhouse", spool)), may_mint=True)


@pytest.mark.parametrize(
    "text", ["2026-02-30", "2026-1-1", "visitor-26", "visitor-0000", "../2026-11-22", "２０２６-11-22", ""]
)
def test_what_is_no_name_of_a_key_is_none(text: str) -> None:
    assert KeyName.parse(text) is None


def test_a_name_knows_its_days() -> None:
    assert KeyName.parse("2026-11-22") == DAY
    assert list(DAY.days()) == [TODAY]
    year = KeyName.parse("visitor-2024")
    assert year is not None
    assert len(list(year.days())) == 366


def test_foreign_files_in_the_key_directory_are_left_alone(keyring: Keyring, directory: Path) -> None:
    (directory / "README.key").write_text("not ours")
    assert keyring.day(TODAY, today=TODAY) is not None
    assert keyring.files.names() == [DAY]


def test_what_dead_processes_left_is_swept(keyring: Keyring, directory: Path) -> None:
    for name, age in ((".2026-11-22.key.aa.new", 7200), (".2026-11-22.key.bb.new", 0)):
        (directory / name).write_bytes(b"k" * 32)
        os.utime(directory / name, (1e9 - age, 1e9 - age))
    keyring.files.sweep(before=1e9 - 3600)
    assert [entry.name for entry in directory.iterdir()] == [".2026-11-22.key.bb.new"]


def test_a_hardened_process_leaves_no_core_dump() -> None:
    code = "from pipeline.system.hardening import *; print(dumpable()); harden_process(); print(dumpable())\n"
    code += "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.splitlines() == ["True", "False", "(0, 0)"]
