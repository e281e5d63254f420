"""Splits web addresses as a browser does (WHATWG URL Standard).

Owns `split_url`. Rules:

* The host must be the one that a browser would connect to: backslashes are slashes, tabs and line breaks are removed,
  user information ends at the last `@`. Otherwise a foreign page could be mistaken for one of the site's own.
* No input raises: an unreadable address has no host.
* A host is stored in the form of `pipeline.host_names`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pipeline.event import Scheme
from pipeline.host_names import normal_host

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_VANISHING = re.compile(r"[\t\n\r]")
_EDGES = "".join(map(chr, range(0x21)))
_SLASHES = re.compile(r"[/\\]*")
_END_OF_HOST = re.compile(r"[/\\?#]")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")


class Url(NamedTuple):
    """The parts of an address as given; `host` is '' where it is missing or not a host name.

    `numeric` is True where the host is an IP address in any of its spellings; `host` then holds it too.
    """

    scheme: Scheme
    host: str
    numeric: bool
    userinfo: bool
    path: str
    query: str
    fragment: str


NOWHERE = Url("other", "", False, False, "", "", "")


def split_url(raw: str) -> Url:
    """Return the parts of an absolute address; a relative one, or one without host, is `NOWHERE`."""
    text = raw.strip(_EDGES)
    if not text.isprintable():
        text = _VANISHING.sub("", text)
    scheme = _SCHEME.match(text)
    name = scheme[1].lower() if scheme else ""
    rest = text[scheme.end() :] if scheme else text
    web = name in {"http", "https"}
    slashes = _SLASHES.match(rest)
    if slashes is None or (not web and slashes[0] != "//"):
        return NOWHERE
    rest = rest[slashes.end() :]
    end = _END_OF_HOST.search(rest)
    authority, rest = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    userinfo, at, host = authority.rpartition("@")
    host = normal_host(host)
    rest, _, fragment = rest.partition("#")
    path, _, query = rest.partition("?")
    known: Scheme = "https" if name == "https" else "http" if name == "http" else "other"
    return Url(known, host, _is_numeric(host), bool(at and userinfo), path, query, fragment)


def _is_numeric(host: str) -> bool:
    """Return whether a browser would read the host as an IP address: also `0x7f.1` and `2130706433`."""
    return host.startswith("[") or _NUMBER.fullmatch(host.rpartition(".")[2]) is not None
