"""The three families of errors: a refused hit, a temporary error, and a fatal error.

Owns the names every module raises. A message names the setting or file, the value unless it is secret, and the expected
value; it never holds a text that a visitor sent.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from traceback import extract_tb


class Reason(StrEnum):
    """The reasons for refusing a hit at the edge: a closed list, each counted under its own name (docs/refusals.md)."""

    UNKNOWN_SITE = "unknown_site"
    BAD_QUERY = "bad_query"
    REPEATED_PARAMETER = "repeated_parameter"
    TOO_LARGE = "too_large"
    TOO_MANY_HEADERS = "too_many_headers"
    BAD_HOST = "bad_host"
    BAD_HTTP = "bad_http"
    BAD_METHOD = "bad_method"
    BAD_REPLAY = "bad_replay"
    BAD_BODY = "bad_body"
    BODY_TIMEOUT = "body_timeout"
    FOREIGN_ORIGIN = "foreign_origin"
    FLOOD = "flood"
    BLOCKED = "blocked"
    BLOCKS_UNKNOWN = "blocks_unknown"
    SPOOL_FULL = "spool_full"
    SPOOL_FAILED = "spool_failed"
    BAD_CLOCK = "bad_clock"
    INTERNAL = "internal"


STATUS: dict[Reason, int] = {
    Reason.UNKNOWN_SITE: 404,
    Reason.BAD_QUERY: 400,
    Reason.REPEATED_PARAMETER: 400,
    Reason.TOO_LARGE: 413,
    Reason.TOO_MANY_HEADERS: 431,
    Reason.BAD_HOST: 400,
    Reason.BAD_HTTP: 400,
    Reason.BAD_METHOD: 405,
    Reason.BAD_REPLAY: 403,
    Reason.BAD_BODY: 400,
    Reason.BODY_TIMEOUT: 408,
    Reason.FOREIGN_ORIGIN: 403,
    Reason.FLOOD: 429,
    Reason.BLOCKED: 403,
    Reason.BLOCKS_UNKNOWN: 503,
    Reason.SPOOL_FULL: 503,
    Reason.SPOOL_FAILED: 503,
    Reason.BAD_CLOCK: 503,
    Reason.INTERNAL: 503,
}


MEANING: dict[Reason, str] = {
    Reason.UNKNOWN_SITE: "`s` is missing or names no configured site",
    Reason.BAD_QUERY: "a parameter does not match its grammar: unknown mode, status, nonce, consent or ad block id",
    Reason.REPEATED_PARAMETER: "a parameter was given twice",
    Reason.TOO_LARGE: "path and query over 8 KB, or a body over 16 KB",
    Reason.TOO_MANY_HEADERS: "over 64 headers or 16 KB of them",
    Reason.BAD_HOST: "more than one Host header, or none",
    Reason.BAD_HTTP: "the bytes are not HTTP/1.1, or the target is over 64 KB",
    Reason.BAD_METHOD: "the route does not accept the method",
    Reason.BAD_REPLAY: "a replay without the secret, or of a time for which no key is kept",
    Reason.BAD_BODY: "the beacon's body is not JSON of the expected form",
    Reason.BODY_TIMEOUT: "the body did not arrive within 5 seconds",
    Reason.FOREIGN_ORIGIN: "the beacon, or a button of /privacy, was sent from a page of another site",
    Reason.FLOOD: "the client is over its rate (`collector.flood_per_minute`)",
    Reason.BLOCKED: "the person asked for a block (policy clause 6.2.4)",
    Reason.BLOCKS_UNKNOWN: "a file of `blocks` could not be read since the start; /health/ready names it",
    Reason.SPOOL_FULL: "the spool has its largest size, or the disk has too little free space",
    Reason.SPOOL_FAILED: "the disk refused the write; nothing was acknowledged",
    Reason.BAD_CLOCK: "the collector's clock shows a time before 2026: retention would delete the event at once",
    Reason.INTERNAL: "an unforeseen error of the software; the log names its type and place",
}


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
        return STATUS[self.reason]


class Retryable(PixelError):
    """A temporary error (database unreachable, disk full): try again later, nothing is lost."""


class Fatal(PixelError):
    """An error of the software or a wrong set-up: stop, with one line that names the remedy."""


def type_and_place(error: BaseException) -> str:
    """Return an exception's type and the line that raised it, never its text, which may quote a visitor."""
    place = extract_tb(error.__traceback__)[-1:]
    where = "".join(f" at {Path(frame.filename).name}:{frame.lineno}" for frame in place)
    return f"{type(error).__name__}{where}"
