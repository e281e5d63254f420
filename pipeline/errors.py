"""The three families of errors: the client's fault, passing trouble, and ours.

Owns the names every module raises. A message names the setting or file, the value unless it is secret, and what was
expected; it never holds anything a visitor sent.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from traceback import extract_tb


class Reason(StrEnum):
    """The reasons for which the edge refuses a hit: a closed list, each counted under its name (docs/refusals.md)."""

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
    Reason.SPOOL_FULL: 503,
    Reason.SPOOL_FAILED: 503,
    Reason.BAD_CLOCK: 503,
    Reason.INTERNAL: 503,
}


MEANING: dict[Reason, str] = {
    Reason.UNKNOWN_SITE: "`s` is missing or names no configured site",
    Reason.BAD_QUERY: "a parameter is outside of its grammar: unknown mode, status, nonce, consent or ad block id",
    Reason.REPEATED_PARAMETER: "a parameter was given twice",
    Reason.TOO_LARGE: "path and query over 8 KB, or a body over 16 KB",
    Reason.TOO_MANY_HEADERS: "over 64 headers or 16 KB of them",
    Reason.BAD_HOST: "more than one Host header",
    Reason.BAD_HTTP: "not to be read as HTTP/1.1, or a target over 64 KB",
    Reason.BAD_METHOD: "another method than the route takes",
    Reason.BAD_REPLAY: "a replay without the secret, or of a time outside of the keys' life",
    Reason.BAD_BODY: "the beacon's body is not the JSON that was agreed",
    Reason.BODY_TIMEOUT: "the body did not arrive within 5 seconds",
    Reason.FOREIGN_ORIGIN: "the beacon, or a button of /privacy, was sent from a page of another site",
    Reason.FLOOD: "the client is over its rate (`collector.flood_per_minute`)",
    Reason.BLOCKED: "the person asked for a block (policy clause 6.2.4)",
    Reason.SPOOL_FULL: "the spool is at its size or the disk at its free space limit",
    Reason.SPOOL_FAILED: "the disk refused the write; nothing was acknowledged",
    Reason.BAD_CLOCK: "the collector's clock shows a time before 2026: the event would be deleted by its age at once",
    Reason.INTERNAL: "an error of ours that nobody foresaw; the log names its type and place",
}


class PixelError(Exception):
    """Base of all errors this software raises on purpose."""


class Refused(PixelError):
    """A hit turned away at the edge, the client's fault or the spool's state; carries only its reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason

    @property
    def status(self) -> int:
        """HTTP status of the answer."""
        return STATUS[self.reason]


class Retryable(PixelError):
    """Passing trouble (database away, disk full): try again later, nothing is lost."""


class Fatal(PixelError):
    """Our own fault or a wrong set-up: stop and say in one line what to do."""


def type_and_place(error: BaseException) -> str:
    """Return an exception's type and the line that raised it, never its text, which may quote a visitor."""
    place = extract_tb(error.__traceback__)[-1:]
    where = "".join(f" at {Path(frame.filename).name}:{frame.lineno}" for frame in place)
    return f"{type(error).__name__}{where}"
