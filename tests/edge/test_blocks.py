"""Blocks as the collector sees them: across days and years, read anew, never forgotten by mistake."""

from __future__ import annotations

import logging
import os
from datetime import date
from pathlib import Path

import pytest

from pipeline.edge.blocks import Block, BlockList, lift_block, put_block
from pipeline.errors import Fatal
from pipeline.event import RawAddress
from pipeline.keys.directory import DESTROYED, KeyDirectory, KeyName
from pipeline.keys.tokens import DayTokens, cookie_visitor

YEAR, NEXT_YEAR = KeyName.of_year(date(2026, 1, 1)), KeyName.of_year(date(2027, 1, 1))
TODAY, TOMORROW = date(2026, 11, 22), date(2026, 11, 23)
SECRET = "A" * 22
ADDRESS = RawAddress("198.51.100.7")


class Host:
    """A collector's host."""

    def __init__(self, home: Path) -> None:
        self.directory = home / "blocks"
        self.keys = KeyDirectory(home / "keys")
        for name in (YEAR, NEXT_YEAR, KeyName.of_day(TODAY), KeyName.of_day(TOMORROW)):
            self.keys.create(name, os.urandom(32))

    def list(self) -> BlockList:
        return BlockList(self.directory, self.keys)

    def by_cookie(self, secret: str = SECRET, *, case: str = "1") -> Block:
        return Block(case=case, visitors={2026: cookie_visitor(self.keys.read(YEAR) or b"", secret)})

    def by_address(self, *, first: date = TODAY, last: date = TOMORROW) -> Block:
        token = DayTokens(self.keys.read(KeyName.of_day(TODAY)) or b"").ip_token(ADDRESS)
        return Block(case="2", tokens={TODAY: token}, first=first, last=last)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_block_counts_from_the_next_reading_and_ends_when_lifted(host: Host) -> None:
    blocks = host.list()
    assert not blocks.person(SECRET)
    put_block(host.directory, host.by_cookie())
    blocks.refresh()
    assert blocks.person(SECRET)
    assert not blocks.person("B" * 22)
    lift_block(host.directory, "1")
    assert blocks.person(SECRET)
    blocks.refresh()
    assert not blocks.person(SECRET)


def test_without_a_block_the_list_is_empty_and_one_that_was_not_read_is_not(host: Host) -> None:
    blocks = host.list()
    assert blocks.is_empty
    for block in (host.by_cookie(), host.by_address()):
        put_block(host.directory, block)
        blocks.refresh()
        assert not blocks.is_empty
        lift_block(host.directory, block.case)
    blocks.refresh()
    assert blocks.is_empty
    (host.directory / "bad.json").write_text("{")
    assert not host.list().is_empty


def test_lifting_one_block_leaves_the_others(host: Host) -> None:
    put_block(host.directory, host.by_cookie())
    put_block(host.directory, host.by_cookie("B" * 22, case="3"))
    lift_block(host.directory, "1")
    assert not host.list().person(SECRET)
    assert host.list().person("B" * 22)


def test_an_address_is_blocked_on_its_days_under_the_key_of_the_block(host: Host) -> None:
    put_block(host.directory, host.by_address())
    blocks = host.list()
    assert [blocks.address(ADDRESS, day) for day in (date(2026, 11, 21), TODAY, TOMORROW, date(2026, 11, 24))] == [
        False,
        True,
        True,
        False,
    ]
    assert not blocks.address(RawAddress("198.51.100.8"), TODAY)


def test_a_damaged_block_changes_nothing_while_running_and_is_a_reason_not_to_be_ready(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    put_block(host.directory, host.by_cookie())
    blocks = host.list()
    (file,) = host.directory.glob("*.json")
    file.write_text("{")
    blocks.refresh()
    assert blocks.are_known
    assert blocks.person(SECRET)
    assert "the earlier blocks stay in force" in caplog.text
    assert blocks.problem.startswith("blocks cannot be read: ")
    assert "not a block" in blocks.problem


@pytest.mark.parametrize("content", ["", "{", "[]", '{"case": 1}', "\0" * 40])
def test_after_a_start_with_a_damaged_block_nothing_is_known_until_the_file_is_good_again(
    host: Host, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    put_block(host.directory, host.by_cookie())
    (file,) = host.directory.glob("*.json")
    whole = file.read_bytes()
    file.write_text(content)
    blocks = host.list()
    assert not blocks.are_known
    assert str(file) in blocks.problem
    assert "no hit is accepted" in caplog.text
    file.write_bytes(whole)
    blocks.refresh()
    assert blocks.are_known
    assert blocks.person(SECRET)
    assert blocks.problem == ""


def test_a_directory_that_others_can_reach_stops_a_start(host: Host) -> None:
    put_block(host.directory, host.by_cookie())
    host.directory.chmod(0o755)
    with pytest.raises(Fatal, match="others can reach it"):
        host.list()


def test_a_directory_that_is_lost_while_running_is_no_end_of_a_block(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    put_block(host.directory, host.by_cookie())
    blocks = host.list()
    host.directory.rename(host.directory.with_name("lost"))
    blocks.refresh()
    assert blocks.person(SECRET)
    assert "the earlier blocks stay in force" in caplog.text


def test_a_block_whose_key_is_not_here_is_an_alarm(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    put_block(host.directory, host.by_cookie())
    host.keys.create(YEAR, b"", DESTROYED)
    with caplog.at_level(logging.ERROR):
        assert not host.list().person(SECRET)
    assert "missing, and a block needs it" in caplog.text


def test_a_block_file_is_private_and_leaves_no_draft(host: Host) -> None:
    put_block(host.directory, host.by_cookie())
    put_block(host.directory, host.by_cookie())
    (file,) = host.directory.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
