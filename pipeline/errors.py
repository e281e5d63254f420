"""The three families of errors: a refused hit, a temporary error, and a fatal error.

Owns the names every module raises. A message names the setting or file, the value unless it is secret, and the expected
value; it never holds a text that a visitor sent.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from traceback import extract_tb
from typing import Final, Self

import msgspec

BAD_JSON: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""The errors of reading JSON of any content: the second is for damaged UTF-8 in a text, the third for thousands of nested brackets."""


class Reason(StrEnum):
    """The reasons for refusing a hit at the edge: a closed list, each counted under its own name (docs/refusals.md).

    A reason is its name, the HTTP status of the answer and its meaning.
    """

    status: int
    meaning: str

    def __new__(cls, name: str, status: int, meaning: str) -> Self:
        """Make the member; its value is its name."""
        reason = str.__new__(cls, name)
        reason._value_ = name
        reason.status, reason.meaning = status, meaning
        return reason

    UNKNOWN_SITE = "unknown_site", 404, "`s` is missing or names no configured site"
    BAD_QUERY = (
        "bad_query",
        400,
        "a parameter does not match its grammar: unknown mode, status, nonce, consent or ad block id",
    )
    REPEATED_PARAMETER = "repeated_parameter", 400, "a parameter was given twice"
    TOO_LARGE = "too_large", 413, "path and query over 8 KB, or a body over 16 KB"
    TOO_MANY_HEADERS = "too_many_headers", 431, "over 64 headers or 16 KB of them"
    BAD_HOST = "bad_host", 400, "more than one Host header, or none"
    BAD_HTTP = "bad_http", 400, "the bytes are not HTTP/1.1, or the target is over 64 KB"
    BAD_METHOD = "bad_method", 405, "the route does not accept the method"
    BAD_REPLAY = "bad_replay", 403, "a replay without the secret, or of a time for which no key is kept"
    BAD_BODY = "bad_body", 400, "the beacon's body is not JSON of the expected form"
    BODY_TIMEOUT = "body_timeout", 408, "the body did not arrive within 5 seconds"
    FOREIGN_ORIGIN = "foreign_origin", 403, "the beacon, or a button of /privacy, was sent from a page of another site"
    FLOOD = "flood", 429, "the client is over its rate (`collector.flood_per_minute`)"
    NOT_SHOWN = "not_shown", 403, "a prefetch, a prerendering or a HEAD request: nobody has seen the page"
    BLOCKED = "blocked", 403, "the person asked for a block (policy clause 6.2.4)"
    BLOCKS_UNKNOWN = (
        "blocks_unknown",
        503,
        "a file of `blocks` could not be read since the start; /health/ready names it",
    )
    SPOOL_FULL = "spool_full", 503, "the spool has its largest size, or the disk has too little free space"
    SPOOL_FAILED = "spool_failed", 503, "the disk refused the write; nothing was acknowledged"
    BAD_CLOCK = (
        "bad_clock",
        503,
        "the collector's clock shows a time before 2026: retention would delete the event at once",
    )
    INTERNAL = "internal", 503, "an unforeseen error of the software; the log names its type and place"


class PixelError(Exception):
    """Base of all errors this software raises on purpose."""


class Refused(PixelError):
    """A hit refused at the edge because of the request or of the spool's state; carries only its reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason

    @property
    def status(self) -> int:
        """HTTP status of the answer."""
        return self.reason.status


class Retryable(PixelError):
    """A temporary error (database unreachable, disk full): try again later, nothing is lost."""


class TooSlow(Retryable):
    """A question that took longer than it may, so the database ended it."""


class Busy(Retryable):
    """A question that the database refused, because it answers as many others as it may or its memory is full."""


class Fatal(PixelError):
    """An error of the software or a wrong set-up: stop, with one line that names the remedy."""


def type_and_place(error: BaseException) -> str:
    """Return an exception's type and the line that raised it, never its text, which may quote a visitor."""
    place = extract_tb(error.__traceback__)[-1:]
    where = "".join(f" at {Path(frame.filename).name}:{frame.lineno}" for frame in place)
    return f"{type(error).__name__}{where}"
