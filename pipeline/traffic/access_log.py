"""Reads page views from access logs in the `combined` format of Apache and nginx.

Owns the definition of a page view: a GET of a page that was shown, so neither a redirect nor an image, a style, a script or
a font. The page is host and path, the referrer is the Referer, the error status is the status from 400 on. The name of the
virtual host may be the first word, with or without its port (`vhost_combined`), or the last word of a line. Pure.

A line is read as a whole or skipped with a reason: half of a line, or an address that cannot be read, would count the hit
of one client as that of another. Where the connection came from a private address, a proxy's, and the first quoted text
behind the agent is a list of addresses (`$http_x_forwarded_for` in nginx's own format `main`), its first one is the client's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from fnmatch import translate
from typing import Final, NamedTuple
from urllib.parse import unquote

from pipeline.event import RawAddress
from pipeline.networks.address import PRIVATE, canonical

# %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"; anything may follow (mod_log_config, combined).
_LINE: Final = re.compile(
    r'(?P<client>[^\["]+|"[^"]*" [^\["]+) \[(?P<time>[^\]]{20,30})\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) \S+'
    r' "(?P<referrer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"(?P<tail>.*)',
    re.DOTALL,
)
_FILES: Final = {
    "image": "apng avif bmp cur gif heic heif ico jfif jpe jpeg jpg jxl png svg svgz tif tiff webp",
    "style": "css",
    "script": "js map mjs wasm",
    "font": "eot otf ttc ttf woff woff2",
    "other file": "7z apk atom avi bz2 csv doc docx gz ics json m4a m4v mov mp3 mp4 ogg ogv pdf ppt pptx rar rss rtf tar tgz txt vcf wav"
    " webm webmanifest xls xlsx xml zip",
}
_KIND_OF: Final = {ending: kind for kind, endings in _FILES.items() for ending in endings.split()}
_ESCAPE: Final = re.compile(rb'\\(?:x([0-9a-fA-F]{2})|(["\\])|[bfnrtv])')
_HOST: Final = re.compile(r"(?P<name>[^\W_](?:[\w.-]*\w)?)(?P<port>:\d{1,5})?")
_NAMED_LAST: Final = re.compile(
    r'(?:^|\s)"?(?P<name>[^\W_](?:[\w-]*\.)+(?:xn--[\w-]+|[^\W\d_]{2,}))(?::\d{1,5})?"?\s*$'
)
_NO_NAME: Final = ("-", "_")
_FORWARDED: Final = re.compile(r'\s+"(?P<first>[^",]*)[^"]*"')
NOT_MODIFIED: Final = 304
"""The one status of 300 to 399 with a page: the browser shows its own copy."""

_WITHOUT_PAGE: Final = (204, 205, 408, 444, 499)
"""No content (RFC 9110), or the connection ended before an answer (the last two are nginx's)."""


class LoggedHit(NamedTuple):
    """One page view of a log; `at_ms` is Unix milliseconds, `target` the request target as logged.

    `host` is the virtual host without its port, '' when the line names none.
    """

    at_ms: int
    address: str
    target: str
    status: int
    referrer: str
    agent: str
    host: str = ""


class Skipped(NamedTuple):
    """A line that is not a page view, and the reason."""

    reason: str


class Excluded:
    """The paths that a person excludes, as globs: `*` is any text, slashes included; `?` is one character."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._patterns = [re.compile(translate(pattern)) for pattern in patterns]

    def __contains__(self, path: str) -> bool:
        return any(pattern.match(text) for pattern in self._patterns for text in (path, unquote(path)))


def read_lines(lines: Iterable[str], excluded: Excluded | None = None) -> Iterator[LoggedHit | Skipped]:
    """Yield one result per line."""
    without = excluded or Excluded()
    return (read_line(line, without) for line in lines)


def read_line(line: str, excluded: Excluded | None = None) -> LoggedHit | Skipped:
    """Return the page view of one line, or the reason to skip it."""
    match = _LINE.match(line)
    if match is None:
        return Skipped("not a combined log line")
    client = _client(match["client"].replace(",", ", ").split())
    if isinstance(client, Skipped):
        return client
    status = int(match["status"])
    target = _target(match["request"], status, excluded or Excluded())
    if isinstance(target, Skipped):
        return target
    try:
        moment = datetime.strptime(match["time"], "%d/%b/%Y:%H:%M:%S %z")
    except ValueError:
        return Skipped("unreadable time")
    address, host = client
    forwarded = _forwarded(match["tail"]) if address in PRIVATE else ""
    if forwarded is None:
        return Skipped("no readable address")
    return LoggedHit(
        at_ms=int(moment.timestamp() * 1000),
        address=forwarded or address,
        target=_unescape(target),
        status=status,
        referrer="" if match["referrer"] == "-" else _unescape(match["referrer"]),
        agent="" if match["agent"] == "-" else _unescape(match["agent"]),
        host=host or _named_last(match["tail"]),
    )


def _client(words: Sequence[str]) -> tuple[RawAddress, str] | Skipped:
    """Return the client's address and the virtual host ('' if none) of the words before the time.

    The words are [vhost[:port]] address[, address]... ident user; of a list with commas the first address is the client's.
    """
    if len(words) < 3:
        return Skipped("not a combined log line")
    first, second = words[0], words[1]
    host = _HOST.fullmatch(first)
    names_host = _address(second) and (first in _NO_NAME or (host and (host["port"] or not _address(first))))
    hops = words[1:] if names_host else words
    address = _address(hops[0])
    if not address:
        return Skipped("no readable address")
    if not hops[0].endswith(",") and _address(hops[1]):
        return Skipped("two addresses without a comma")
    return address, host["name"].lower() if names_host and host else ""


def _address(word: str) -> RawAddress | None:
    return canonical(word.strip(',"'))


def _forwarded(tail: str) -> str | None:
    """Return the client that a proxy's header names behind the agent, '' where it names none, None where it says `unknown`."""
    found = _FORWARDED.match(tail)
    first = found["first"].strip() if found else ""
    address = _address(first)
    if address is None:
        return None if first == "unknown" else ""
    return "" if address in PRIVATE else address


def _named_last(tail: str) -> str:
    found = _NAMED_LAST.search(tail)
    return found["name"].lower() if found else ""


def _target(request: str, status: int, excluded: Excluded) -> str | Skipped:
    method, _, rest = request.partition(" ")
    target = rest.rpartition(" ")[0] if " HTTP/" in rest else rest
    if method != "GET":
        return Skipped("not a GET")
    if not target.startswith("/"):
        return Skipped("no path")
    path = target.partition("?")[0]
    kind = _KIND_OF.get(path.partition(";")[0].rpartition("/")[2].rpartition(".")[2].lower()) if "." in path else None
    if kind:
        return Skipped(kind)
    if 300 <= status < 400 and status != NOT_MODIFIED:
        return Skipped("redirect")
    if status < 200 or status in _WITHOUT_PAGE:
        return Skipped("no page was shown")
    if path in excluded:
        return Skipped("excluded")
    return target


def _unescape(text: str) -> str:
    # Both servers write a quote as \" or \x22, Apache a line end as \n; the escapes are decoded back to bytes.
    raw = text.encode("utf-8", "surrogateescape")
    octets = _ESCAPE.sub(_octet, raw)
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("cp1251", "replace")


def _octet(found: re.Match[bytes]) -> bytes:
    if found[1]:
        return bytes((int(found[1], 16),))
    return found[2] or b" "
