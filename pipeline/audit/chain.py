"""The hash chain of the audit: each line's digest covers all lines before it.

Owns the form of a line and the proof of consecutive lines. Pure: bytes in, bytes out. Rules:

* A line is 64 hex digits, a space, JSON, a newline. The digits are SHA-256 over the digits of the line before (64 zeros
  before the first) and the JSON: a changed, dropped or inserted line breaks every later line.
* Acts are numbered from 1 without a gap. Each act also has the newest time up to it, because the clock may be set back: so
  the end of a chain shows how far back it must be read.
* The remains of a line after a crash or a full disk are accepted only if the next line is a `torn` act with their hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from typing import Final, NamedTuple

import msgspec

from pipeline.errors import BAD_JSON, Fatal

MAX_LINE_BYTES: Final = 16 * 1024
TORN: Final = "torn"
_START: Final = "0" * 64
_LINE: Final = re.compile(rb"(?P<digest>[0-9a-f]{64}) (?P<json>\{.*\})\n")
_HEAD: Final = re.compile(r"(?P<seq>\d{1,18}):(?P<digest>[0-9a-f]{64})", re.ASCII)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One act; `seq` counts from 1, `at` is UTC, `facts` are names and values that depend on the act.

    `latest` is the newest `at` of the chain up to this act; None in a line of the first version.
    """

    seq: int
    at: datetime
    action: str
    who: str
    facts: dict[str, str] = {}
    latest: datetime | None = None


class Head(NamedTuple):
    """The newest line of a chain: the number of lines, and the digest that covers them all."""

    seq: int = 0
    digest: str = _START

    def __str__(self) -> str:
        return f"{self.seq}:{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Return the head that `text` spells (`SEQ:DIGEST`, as printed to the log); raises `Fatal` on other text."""
        match = _HEAD.fullmatch(text)
        if match is None:
            raise Fatal("audit head: expected a number, a colon and 64 hex digits, as `ship` prints it to the log")
        return cls(int(match["seq"]), match["digest"])


_EMPTY: Final = Head()


def act(
    head: Head, *, at: datetime, action: str, who: str, facts: dict[str, str], latest: datetime | None = None
) -> tuple[bytes, Head]:
    """Return the line that follows `head`, and the new head; raises `Fatal` where the line would be too long.

    `latest` is the newest time of the acts before.
    """
    newest = max(at, latest or at)
    text = msgspec.json.encode(Entry(seq=head.seq + 1, at=at, action=action, who=who, facts=facts, latest=newest))
    digest = _digest(head, text)
    line = digest.encode() + b" " + text + b"\n"
    if len(line) > MAX_LINE_BYTES:
        raise Fatal(f"audit: an act of {len(line)} bytes; expected at most {MAX_LINE_BYTES}")
    return line, Head(head.seq + 1, digest)


def torn(remains: bytes, head: Head, *, at: datetime, who: str, latest: datetime | None = None) -> tuple[bytes, Head]:
    """Return the bytes that end the `remains` of a line and record them as a `torn` act, and the new head."""
    ending = b"" if remains.endswith(b"\n") else b"\n"
    facts = {"bytes": str(len(remains)), "sha256": sha256(remains + ending).hexdigest()}
    line, head = act(head, at=at, action=TORN, who=who, facts=facts, latest=latest)
    return ending + line, head


def end(tail: bytes) -> tuple[bytes, Head | None]:
    """Return the bytes after the last whole line of `tail`, and that line's head; None where there is no such line.

    `tail` may begin anywhere in a chain; this function proves nothing.
    """
    remains: list[bytes] = []
    for line in reversed(list(BytesIO(tail))):
        found = unproven(line)
        if found is not None:
            return b"".join(reversed(remains)), found[1]
        remains.append(line)
    return b"".join(reversed(remains)), None


def unproven(line: bytes) -> tuple[Entry, Head] | None:
    """Return the act of a line and its head without a proof, None where the line is not complete."""
    match = _LINE.fullmatch(line)
    entry = _entry(match["json"]) if match else None
    return (entry, Head(entry.seq, match["digest"].decode())) if match and entry else None


def proven(lines: Iterable[bytes], place: str, head: Head = _EMPTY) -> Iterator[tuple[Entry, Head]]:
    """Yield each act that follows `head` with its new head; `place` names the chain in an error.

    Raises `Fatal` at the first line that was changed, dropped or inserted.
    """
    remains = b""
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            remains += line
            continue
        if match["digest"].decode() != _digest(head, match["json"]):
            raise Fatal(f"{place}: line {head.seq + 1} does not follow from the one before; the audit was changed")
        entry = _entry(match["json"])
        if entry is None or entry.seq != head.seq + 1:
            raise Fatal(f"{place}: expected act {head.seq + 1}, numbered without a gap; the audit was changed")
        if remains and (entry.action != TORN or entry.facts.get("sha256") != sha256(remains).hexdigest()):
            raise Fatal(f"{place}: the bytes before line {entry.seq} are not a line; the audit was changed")
        head, remains = Head(entry.seq, match["digest"].decode()), b""
        yield entry, head


def _entry(text: bytes) -> Entry | None:
    try:
        return msgspec.json.decode(text, type=Entry)
    except BAD_JSON:
        return None


def _digest(head: Head, text: bytes) -> str:
    return sha256(head.digest.encode() + text).hexdigest()
