"""Reads page views from access logs in the `combined` format of Apache and nginx.

Owns the definition of a page view: a GET of a page, not of a static file. The page is host and path, the referrer is the
Referer, the error status is the status from 400 on. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

# %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"; anything may follow (mod_log_config, combined).
_LINE = re.compile(
    r'(?P<address>\S+) \S+ .*?\[(?P<time>[^\]]{20,30})\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) \S+'
    r' "(?P<referrer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"'
)
_STATIC = re.compile(
    r"\.(?:avif|bmp|css|eot|gif|gz|ico|jpe?g|js|json|map|mp[34]|ogg|otf|pdf|png|svg|tar|tgz|tiff?|ttf|txt|webm|webp|woff2?"
    r"|xml|zip)$",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r'\\(?:x([0-9a-fA-F]{2})|(["\\]))')


class LoggedHit(NamedTuple):
    """One page view of a log; `at_ms` is Unix milliseconds, `target` the request target as logged."""

    at_ms: int
    address: str
    target: str
    status: int
    referrer: str
    agent: str


class Skipped(NamedTuple):
    """A line that is not a page view, and the reason."""

    reason: str


def read_lines(lines: Iterable[str]) -> Iterator[LoggedHit | Skipped]:
    """Yield one result per line."""
    return (read_line(line) for line in lines)


def read_line(line: str) -> LoggedHit | Skipped:
    """Return the page view of one line, or the reason to skip it."""
    match = _LINE.match(line)
    if match is None:
        return Skipped("not a combined log line")
    method, _, rest = match["request"].partition(" ")
    target = rest.rpartition(" ")[0] if " HTTP/" in rest else rest
    if method != "GET":
        return Skipped("not a GET")
    if not target.startswith("/"):
        return Skipped("no path")
    if _STATIC.search(target.partition("?")[0]):
        return Skipped("static file")
    try:
        moment = datetime.strptime(match["time"], "%d/%b/%Y:%H:%M:%S %z")
    except ValueError:
        return Skipped("unreadable time")
    return LoggedHit(
        at_ms=int(moment.timestamp() * 1000),
        address=match["address"],
        target=_unescape(target),
        status=int(match["status"]),
        referrer="" if match["referrer"] == "-" else _unescape(match["referrer"]),
        agent="" if match["agent"] == "-" else _unescape(match["agent"]),
    )


def _unescape(text: str) -> str:
    # Both servers write a quote as \" or \x22; the escapes are decoded back to text.
    if "\\" not in text:
        return text
    raw = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], text)
    try:
        octets = raw.encode("latin-1")
    except UnicodeEncodeError:
        return raw
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("cp1251", "replace")
