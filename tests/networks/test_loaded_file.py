"""A file in memory follows the file on disk, but never into a state that cannot be used."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pipeline.errors import Fatal
from pipeline.networks.loaded_file import LoadedFile


def read(file: Path) -> str:
    text = file.read_text()
    if "broken" in text:
        raise Fatal(f"{file}: no such text")
    return text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "list.txt").write_text("first")
    return tmp_path / "list.txt"


def looks(loaded: LoadedFile[str]) -> list[bool]:
    return [loaded.look() for _ in range(3)]


def test_a_change_is_taken_once_when_two_looks_saw_the_same(file: Path) -> None:
    loaded = LoadedFile(file, read)
    assert looks(loaded) == [False, False, False]
    file.write_text("half")
    assert not loaded.look()
    file.write_text("half and half")
    assert looks(loaded) == [False, True, False]
    assert loaded.content == "half and half"
    assert loaded.modified_s == file.stat().st_mtime_ns / 1e9
    assert loaded.refused == 0


def test_a_change_is_seen_by_inode_alone_and_in_place_with_the_time_and_size_of_before(file: Path) -> None:
    loaded = LoadedFile(file, read)
    before = file.stat()
    other = file.with_name("other")
    other.write_text("other")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(file)
    assert looks(loaded) == [False, True, False]
    with file.open("r+") as stream:
        stream.write("third")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert looks(loaded) == [False, True, False]
    assert loaded.content == "third"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda file: file.write_text("broken"), "no such text"),
        (lambda file: os.truncate(file, 0), "is empty"),
        (lambda file: file.unlink(), "is missing"),
    ],
    ids=["unusable", "cut", "missing"],
)
def test_an_unusable_change_leaves_the_earlier_content_and_is_logged_once(
    file: Path, caplog: pytest.LogCaptureFixture, spoil, message: str
) -> None:
    loaded = LoadedFile(file, read)
    spoil(file)
    assert looks(loaded) == [False, False, False]
    assert looks(loaded) == [False, False, False]
    assert (loaded.content, loaded.refused) == ("first", 1)
    (line,) = caplog.messages
    assert line == f"{file}: {message}; its earlier content stays in force"
    file.write_text("second")
    assert looks(loaded) == [False, True, False]
    assert loaded.content == "second"


def test_a_file_that_is_written_while_it_is_read_is_not_taken_then(file: Path, tmp_path: Path) -> None:
    def interrupted(path: Path) -> str:
        text = path.read_text()
        if text == "second":
            shutil.copy(tmp_path / "third", path)
        return text

    (tmp_path / "third").write_text("the third")
    loaded = LoadedFile(file, interrupted)
    file.write_text("second")
    assert looks(loaded) == [False, False, False]
    assert loaded.content == "first"
    assert looks(loaded)[0]
    assert loaded.content == "the third"


def test_a_file_that_is_missing_at_start_is_taken_when_it_appears(tmp_path: Path) -> None:
    loaded = LoadedFile(tmp_path / "late", lambda file: file.read_text() if file.exists() else "")
    assert looks(loaded) == [False, False, False]
    assert (loaded.content, loaded.modified_s) == ("", 0)
    (tmp_path / "late").write_text("now")
    assert looks(loaded) == [False, True, False]
    assert loaded.content == "now"
