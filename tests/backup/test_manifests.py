"""The manifest of a backup after a disk or a hand changed it: one sentence, and nothing outside of the backup is touched."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest

from pipeline.backup.make import prune
from pipeline.backup.places import FORMAT, MANIFEST, Manifest, Part, name_of, newest, read_manifest, write_manifest
from pipeline.errors import Fatal

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
    with pytest.raises(Fatal, match="damaged"):
        prune(directory.parent, MADE, 7)
    assert stranger.exists()
    with pytest.raises(ValueError, match="path"):
        msgspec.structs.replace(GOOD, path="rows/../../stranger")
