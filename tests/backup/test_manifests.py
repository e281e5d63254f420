"""A place of backups after a hand, a full disk or a second backup: one sentence, and nothing outside of a backup is touched."""

from __future__ import annotations

import errno
import os
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest

from pipeline.audit.actions import Action
from pipeline.audit.log import Audit
from pipeline.backup import request_copies
from pipeline.backup.make import back_up, prune
from pipeline.backup.places import (
    FORMAT,
    MANIFEST,
    Manifest,
    Part,
    backups,
    name_of,
    newest,
    one_backup,
    read_manifest,
    write_manifest,
)
from pipeline.delivery import journal
from pipeline.errors import Fatal, Retryable
from pipeline.settings.model import Settings
from pipeline.system.private_files import private_directory

MADE = datetime(2026, 1, 2, tzinfo=UTC)
ROWS = {"table": "events", "partition": "20260102", "columns": ("at", "site"), "ends": date(2026, 1, 3)}
GOOD = Part(path="rows/events/20260102.native.gz", size=1, sha256="0" * 64, **ROWS)  # type: ignore[arg-type]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A finished backup of one part."""
    directory = tmp_path / name_of(MADE)
    directory.mkdir(mode=0o700)
    write_manifest(directory, Manifest(format=FORMAT, version="0.1.0", made=MADE, schema=(), parts=(GOOD,)))
    return directory


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("rows/events/20260102.native.gz", "rows/../../stranger"),
        ("rows/events/20260102.native.gz", "/etc/passwd"),
        ("rows/events/20260102.native.gz", "files/spool/a"),
        ("rows/events/20260102.native.gz", "rows"),
        ('"table": "events"', '"table": "events (at) SELECT 1 --"'),
        ('"site"', '"site) SELECT 1 --"'),
        ('"data_format": 1', '"data_format": "1"'),
        ('"0.1.0"', '"\udcff"'),
    ],
)
def test_a_manifest_that_names_what_no_backup_has_is_one_sentence(directory: Path, good: str, bad: str) -> None:
    assert newest(directory) == directory
    assert read_manifest(directory).parts == (GOOD,)
    file = directory / MANIFEST
    text = file.read_text()
    assert good in text
    file.write_bytes(text.replace(good, bad).encode(errors="surrogateescape"))
    with pytest.raises(Fatal, match=r"manifest\.json: damaged; restore another backup"):
        read_manifest(directory)


def test_no_file_outside_of_the_backup_is_removed_with_rows_beyond_their_term(directory: Path) -> None:
    stranger = directory.parent / "stranger"
    stranger.write_text("not ours")
    text = (directory / MANIFEST).read_bytes()
    (directory / MANIFEST).write_bytes(text.replace(GOOD.path.encode(), b"rows/../../stranger"))
    assert prune(directory.parent, MADE, 7).damaged == [directory.name]
    assert stranger.exists()
    with pytest.raises(ValueError, match="path"):
        msgspec.structs.replace(GOOD, path="rows/../../stranger")


def test_a_second_backup_of_a_place_is_refused_while_one_is_at_work(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "var")
    place = tmp_path / "place"
    with one_backup(place), pytest.raises(Fatal, match="another backup is at work here; wait for its end"):
        back_up(settings, place, now=MADE, who="root")
    assert backups(place) == []


def test_a_copy_of_the_requests_that_was_cut_short_can_be_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data=tmp_path / "var")
    audit, place = Audit(settings.audit_dir), tmp_path / "place"
    copied, replaced = 0, request_copies.replace

    def replace(file: Path, content: bytes) -> None:
        nonlocal copied
        copied += 1
        if copied == most:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
        replaced(file, content)

    for most in (0, 1, 2):
        audit.record(Action.BACKUP, {"place": str(most)}, now=MADE, who="root")
        copied = 0
        monkeypatch.setattr(request_copies, "replace", replace)
        if most:
            with pytest.raises(OSError, match="No space left"):
                request_copies.copy_requests(settings, private_directory(place))
        else:
            request_copies.copy_requests(settings, private_directory(place))
        assert Audit(place / "requests" / "audit").verify_chain().seq >= 1


def test_a_delivery_says_that_a_backup_is_at_work_when_it_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "PATIENCE_SECONDS", 0.0)
    with journal.Journal(tmp_path) as opened:
        refused = pytest.raises(Retryable, match="a backup is at work; events wait in the spool until it ends")
        with journal.kept_quiet(tmp_path), refused, opened.one_try():
            raise AssertionError
        with opened.one_try():
            pass
