"""`clinic-pixel spool`: what a person sees of the spool, and what a script can rely on."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipeline.errors import Fatal
from pipeline.spool.commands import register
from pipeline.spool.segments import sealed, segment_path
from support.spooling import event, new_spool, running


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """A spool with three events in one sealed segment."""
    monkeypatch.setenv("PIXEL_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    async def fill() -> None:
        async with running(new_spool(tmp_path / "spool")) as spool:
            await spool.append([event(), event(), event()])

    asyncio.run(fill())
    return tmp_path / "spool"


def call(*arguments: str):
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, ["spool", *arguments], catch_exceptions=False)


def damage(directory: Path) -> None:
    path = sealed(directory)[0].path
    path.write_bytes(path.read_bytes().replace(b"clinic", b"clinik", 1))


def test_status_tells_slots_bytes_and_events_that_wait(directory):
    (row,) = json.loads(call("status").stdout)

    assert (row["slot"], row["writer"], row["sealed"], row["open"], row["events"]) == ("w0", "none", 1, 0, 3)
    assert row["bytes"] == sealed(directory)[0].size


def test_status_knows_a_running_writer(directory):
    async def scenario() -> str:
        async with running(new_spool(directory)):
            return (await asyncio.to_thread(call, "status")).stdout

    assert json.loads(asyncio.run(scenario()))[0]["writer"] == "running"


def test_status_of_a_spool_that_does_not_exist_yet_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setenv("PIXEL_DATA", str(tmp_path / "nowhere"))

    result = call("status", "--format", "table")

    assert result.exit_code == 0
    assert not (tmp_path / "nowhere").exists(), "a command that looks must not make anything"


def test_cat_prints_each_record_as_one_line_of_json(directory):
    result = call("cat")

    assert result.exit_code == 0
    assert [json.loads(line)["record"] for line in result.stdout.splitlines()] == ["event"] * 3 + ["counts"]


def test_cat_takes_the_name_of_a_segment_or_a_path(directory):
    path = sealed(directory)[0].path

    assert call("cat", path.name).stdout == call("cat", str(path)).stdout != ""


def test_cat_of_something_else_says_what_is_missing(directory):
    with pytest.raises(Fatal, match="nope: neither a segment of"):
        call("cat", "nope")


def test_cat_prints_the_good_lines_of_a_damaged_segment_and_ends_with_1(directory):
    damage(directory)

    result = call("cat")

    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 3


def test_cat_into_a_closed_pipe_ends_quietly(directory):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", "spool", "cat"],
            stdout=writer,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)

    assert (done.returncode, done.stderr) == (0, b"")


def test_verify_of_a_sound_spool_ends_with_0(directory):
    result = call("verify")

    assert result.exit_code == 0
    assert [(row["records"], row["bad_lines"]) for row in json.loads(result.stdout)] == [(4, 0)]


def test_verify_finds_one_damaged_record_and_ends_with_1(directory):
    damage(directory)

    result = call("verify")

    (row,) = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (row["records"], row["bad_lines"], row["first_bad_offset"], row["reason"]) == (3, 1, 0, "crc")
    assert "clinik" not in result.output


def test_an_unfinished_line_is_no_damage_while_the_segment_is_written_but_is_when_it_is_sealed(directory):
    content = sealed(directory)[0].path.read_bytes()[:-5]

    segment_path(directory, "w1", 1, 1, "open").write_bytes(content)
    assert call("verify").exit_code == 0
    segment_path(directory, "w1", 1, 2, "seg").write_bytes(content)
    assert call("verify").exit_code == 1
