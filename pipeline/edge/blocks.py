"""The blocks of persons (policy clause 6.2.4) as the collector sees them: it refuses the hits of a blocked person.

Owns the files `blocks/*.json`, one for each open block, written by `subject block` and copied to every collector's host.
Rules:

* A file holds pseudonyms only. They were made with the keys of the days and of the year in which the block was made.
  The block keeps those keys from destruction, and a hit is compared under *those* keys: so a block continues past
  midnight and New Year without any action.
* The collector reads the files again every few seconds, in a thread of its own. A file that cannot be read never means
  "no block": the earlier blocks stay in force, and after a start, when none are known, no hit is accepted. The process
  is then not ready and names the file, and goes on by itself when the file is good again.
* A person without the id cookie counts as another visitor, as everywhere.
"""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from datetime import date
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from pipeline.errors import BAD_JSON, Fatal
from pipeline.event import RawAddress, Token
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.keys.tokens import DayTokens, cookie_visitor
from pipeline.system.durable_files import LOCAL_FILES
from pipeline.system.private_files import private_directory, replace_private

READ_SECONDS: Final = 5.0
"""Seconds between two calls of `BlockList.refresh`."""

log = logging.getLogger(__name__)


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """One open block: a visitor by year, or an address by day with the days (UTC, both included) it is refused on."""

    case: str
    visitors: dict[int, int] = {}
    tokens: dict[date, Token] = {}
    first: date = date.min
    last: date = date.max


def file_name(case: str) -> str:
    """Return the name of a case's files: case numbers have characters that are not allowed in file names."""
    return f"{blake2b(case.encode(), digest_size=8, person=b'case').hexdigest()}.json"


def put_block(directory: Path, block: Block) -> None:
    """Write a block, so that collectors refuse; it is on disk when this returns. Raises `Fatal` or `OSError`."""
    replace_private(directory / file_name(block.case), msgspec.json.encode(block) + b"\n")


def lift_block(directory: Path, case: str) -> None:
    """Remove a case's block, if there is one, so that collectors accept again. Raises `OSError`."""
    if directory.is_dir():
        (directory / file_name(case)).unlink(missing_ok=True)
        LOCAL_FILES.fsync_directory(directory)


class _Year(NamedTuple):
    key: bytes
    visitors: frozenset[int]


class _Day(NamedTuple):
    tokens: DayTokens
    blocks: tuple[tuple[Token, date, date], ...]


class _Open(NamedTuple):
    years: tuple[_Year, ...]
    days: tuple[_Day, ...]


class BlockList:
    """The open blocks of one directory; one thread asks, another may `refresh`. Raises `Fatal` if it is unsafe."""

    def __init__(self, directory: Path, keys: KeyDirectory) -> None:
        self._directory = private_directory(directory)  # made by the collector's own user, who has to read it
        self._keys = keys
        self._alarmed = ""
        self._open: _Open | None = None
        self.is_empty = False
        """Whether the blocks are known and there is none, as nearly always."""
        self.problem = ""
        """The reason for which the blocks cannot be read, '' when they were."""
        self.refresh()

    @property
    def are_known(self) -> bool:
        """Whether the blocks were read since the start."""
        return self._open is not None

    def person(self, secret: str) -> bool:
        """Whether the holder of an id cookie with this random part is blocked."""
        years = self._open.years if self._open else ()
        return any(cookie_visitor(year.key, secret) in year.visitors for year in years)

    def address(self, address: RawAddress, epoch: date) -> bool:
        """Whether an address is blocked on a UTC day."""
        for day in self._open.days if self._open else ():
            token = day.tokens.ip_token(address)
            if any(token == known and first <= epoch <= last for known, first, last in day.blocks):
                return True
        return False

    def refresh(self) -> None:
        """Read the files again; if one cannot be read, keep the earlier blocks and log the error."""
        try:
            self._open, self.problem = self._read(), ""
            self.is_empty = not any(self._open)
        except (Fatal, OSError) as error:
            self.problem = f"blocks cannot be read: {error}"
            effect = (
                "the earlier blocks stay in force"
                if self.are_known
                else "no hit is accepted until the blocks can be read"
            )
            self._alarm(f"{effect}: {error}")

    def _read(self) -> _Open:
        visitors: defaultdict[int, set[int]] = defaultdict(set)
        addresses: defaultdict[date, list[tuple[Token, date, date]]] = defaultdict(list)
        for block in self._blocks():
            for year, visitor in block.visitors.items():
                visitors[year].add(visitor)
            if block.tokens:
                newest = max(block.tokens)
                addresses[newest].append((block.tokens[newest], block.first, block.last))
        years = tuple(
            _Year(key, frozenset(visitors[year]))
            for year in visitors
            if (key := self._key(KeyName.of_year(date(year, 1, 1))))
        )
        days = tuple(
            _Day(DayTokens(key), tuple(addresses[day])) for day in addresses if (key := self._key(KeyName.of_day(day)))
        )
        return _Open(years, days)

    def _blocks(self) -> list[Block]:
        blocks: list[Block] = []
        for name in os.listdir(self._directory):  # noqa: PTH208  glob ignores a directory that it may not read
            if name.startswith(".") or not name.endswith(".json"):
                continue
            file = self._directory / name
            try:
                blocks.append(msgspec.json.decode(file.read_bytes(), type=Block))
            except FileNotFoundError:
                continue  # lifted meanwhile
            except BAD_JSON:
                raise Fatal(f"{file}: not a block; expected a file that `subject block` wrote: copy it again") from None
            except OSError as error:
                raise Fatal(f"{file}: cannot be read: {error.strerror}") from None
        return blocks

    def _key(self, name: KeyName) -> bytes | None:
        key = self._keys.read(name)
        if key is None:
            self._alarm(f"{self._keys.file(name)}: missing, and a block needs it; copy it from another host")
        return key

    def _alarm(self, problem: str) -> None:
        if problem != self._alarmed:
            log.error("%s", problem)
            self._alarmed = problem
