"""Loads a page and the files of its tag, each by one request that is bounded in time and size.

Owns the connections of `check-tag`. Redirects are not followed. An address that a public page names is never asked if it is a
private one from here: a page must not make this machine ask its own network.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit, urlunsplit

import urllib3

from pipeline.embedding.arrival import host_of, said
from pipeline.embedding.check_parts import Answer
from pipeline.errors import Fatal

LONGEST_PAGE = 4 * 1024 * 1024
LONGEST_FILE = 256 * 1024
MOST_FILES = 6
CHUNK = 64 * 1024
SECONDS = 10.0  # for the whole page, even if it arrives slowly
_SAID = {"User-Agent": "clinic-pixel check-tag"}


def fetch_page(url: str) -> Answer:
    """Return a page; raises `Fatal` if it cannot be loaded, redirects, is too long or too slow."""
    try:
        with (
            urllib3.PoolManager(timeout=SECONDS, retries=False, headers=_SAID) as pool,
            pool.request("GET", _in_ascii(url), preload_content=False, redirect=False) as answer,
        ):
            if answer.get_redirect_location():
                raise Fatal(said("page_redirects", url=url, target=answer.get_redirect_location()))
            return Answer(answer.status, dict(answer.headers), _body(url, answer, LONGEST_PAGE))
    except (urllib3.exceptions.HTTPError, UnicodeError) as error:
        raise Fatal(said("page_failed", url=url, error=type(error).__name__)) from None


def anywhere(_address: str) -> bool:
    """Return that every address may be asked: the rule of the command, whose user could ask it anyway."""
    return True


def fetch_files(
    page: str, scripts: Iterable[str], images: Iterable[str], may_ask: Callable[[str], bool] = anywhere
) -> Mapping[str, Answer]:
    """Return the answers of a page's scripts, and of its images to HEAD, which no collector counts as a page view.

    An address that `may_ask` refuses is left alone, and the answer says so.
    """
    wanted = [("GET", address) for address in dict.fromkeys(scripts)]
    wanted += [("HEAD", address) for address in dict.fromkeys(images)]
    is_public = all(map(_is_public, _places(page)))
    return {
        address: _file(method, address, is_public=is_public) if may_ask(address) else Answer(skipped=said("elsewhere"))
        for method, address in wanted[:MOST_FILES]
    }


def _file(method: str, url: str, *, is_public: bool) -> Answer:
    host = host_of(url)
    places = _places(url)
    if not places:
        return Answer(failed=said("no_host", host=host))
    if is_public and not all(map(_is_public, places)):
        return Answer(skipped=said("private_host", host=host, place=places[0]))
    try:
        for place in places[:-1]:
            with suppress(urllib3.exceptions.NewConnectionError):
                return _asked(method, url, place)
        return _asked(method, url, places[-1])
    except Fatal as error:
        return Answer(failed=error.args[0])
    except (urllib3.exceptions.HTTPError, UnicodeError) as error:
        return Answer(failed=_reason(error))


def _asked(method: str, url: str, place: str) -> Answer:
    headers = _SAID | {"Host": _netloc(url)}
    with (
        _pool(url, place) as pool,
        pool.request(method, _target(url), headers=headers, preload_content=False, redirect=False) as answer,
    ):
        return Answer(answer.status, dict(answer.headers), _body(url, answer, LONGEST_FILE))


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
    if isinstance(cause, urllib3.exceptions.SSLError):
        return said("bad_certificate")
    return said("no_answer", error=type(cause).__name__)


def _pool(url: str, place: str) -> urllib3.HTTPConnectionPool:
    # The place that was judged is the one that is asked: a second look-up could give another.
    parts, host = urlsplit(url), host_of(url)
    if parts.scheme == "https":
        return urllib3.HTTPSConnectionPool(
            place, parts.port or 443, timeout=SECONDS, retries=False, server_hostname=host, assert_hostname=host
        )
    return urllib3.HTTPConnectionPool(place, parts.port or 80, timeout=SECONDS, retries=False)


def _places(url: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host_of(url).strip("[]"), None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(place[4][0]) for place in found]


def _is_public(place: str) -> bool:
    return ip_address(place.partition("%")[0]).is_global


def _netloc(url: str) -> str:
    port = urlsplit(url).port
    return f"{host_of(url)}:{port}" if port else host_of(url)


def _in_ascii(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=_netloc(url))) if not parts.netloc.isascii() else url


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _body(url: str, answer: urllib3.BaseHTTPResponse, longest: int) -> bytes:
    body = bytearray()
    end = time.monotonic() + SECONDS
    while part := answer.read1(CHUNK):  # `read` would wait for the whole part
        body += part
        if len(body) > longest:
            raise Fatal(said("too_long", url=url, most=longest // 1024))
        if time.monotonic() > end:
            raise Fatal(said("too_slow", url=url, seconds=SECONDS))
    return bytes(body)
