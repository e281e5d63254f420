"""The three families of errors: the client's fault, passing trouble, and ours.

Owns the names every module raises. A message names the setting or file, the value unless it is secret, and what was
expected; it never holds anything a visitor sent.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a hit is turned away at the edge: a closed list, each counted under its own name (docs/refusals.md)."""

    UNKNOWN_SITE = "unknown_site"
    BAD_QUERY = "bad_query"
    REPEATED_PARAMETER = "repeated_parameter"
    TOO_LARGE = "too_large"
    TOO_MANY_HEADERS = "too_many_headers"
    BAD_HOST = "bad_host"
    BAD_METHOD = "bad_method"
    BAD_REPLAY = "bad_replay"
    BAD_BODY = "bad_body"
    BODY_TIMEOUT = "body_timeout"
    FOREIGN_ORIGIN = "foreign_origin"
    FLOOD = "flood"
    BLOCKED = "blocked"
    SPOOL_FULL = "spool_full"
    SPOOL_FAILED = "spool_failed"
    INTERNAL = "internal"


STATUS: dict[Reason, int] = {
    Reason.UNKNOWN_SITE: 404,
    Reason.BAD_QUERY: 400,
    Reason.REPEATED_PARAMETER: 400,
    Reason.TOO_LARGE: 413,
    Reason.TOO_MANY_HEADERS: 431,
    Reason.BAD_HOST: 400,
    Reason.BAD_METHOD: 405,
    Reason.BAD_REPLAY: 403,
    Reason.BAD_BODY: 400,
    Reason.BODY_TIMEOUT: 408,
    Reason.FOREIGN_ORIGIN: 403,
    Reason.FLOOD: 429,
    Reason.BLOCKED: 403,
    Reason.SPOOL_FULL: 503,
    Reason.SPOOL_FAILED: 503,
    Reason.INTERNAL: 503,
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
