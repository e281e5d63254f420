"""Learns the public pages of a site from its sitemap (sitemaps.org protocol 0.9) or from a file of addresses.

Owns the fetching and reading of a sitemap, of an index of sitemaps and of plain text, compressed or not. Rules:

* Only addresses on the site's own hosts are taken; of an address only the path is kept.
* Everything is bounded: bytes, files, paths, seconds. An index may name sitemaps on the hosts of the site and of itself only.
* A list that lost more than half of its paths is not taken in place of the old one: the sitemap is probably broken.
"""

from __future__ import annotations

import html
import logging
import re
import time
import zlib
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import urllib3

from pipeline.errors import Fatal, Retryable
from pipeline.host_names import normal_host, readable_host
from pipeline.pages.known import read, write
from pipeline.pages.page import SitePages
from pipeline.scrub.paths import plain_path
from pipeline.scrub.redact import LONGEST
from pipeline.scrub.urls import split_url
from pipeline.settings.model import Settings
from pipeline.settings.site import Site

log = logging.getLogger(__name__)

MOST_BYTES: Final = 50 * 1024 * 1024
"""The largest uncompressed sitemap that the protocol allows."""
MOST_FILES: Final = 500
MOST_PATHS: Final = 200_000
SECONDS: Final = 30.0
"""The longest silence of a server."""
ALL_SECONDS: Final = 120.0
"""The longest time for a whole site: the daily job shares its thread with the destruction of keys."""
_LOCATION = re.compile(
    r"<(?:\w+:)?loc\b[^<>]{0,200}>\s*+(?:<!\[CDATA\[\s*+)?([^<>\]]{1,4096}+)(?:\]\]>\s*+)?</(?:\w+:)?loc>"
)
"""Takes no character back that it has read (`+`): spaces without an end cost their number, not its fourth power."""
_IS_INDEX = re.compile(r"<(?:\w+:)?sitemapindex\b")

Progress = Callable[[int, int], None]
"""Is called with the number of files read and known so far."""


class Learned(NamedTuple):
    """The result: known paths, and addresses that were left out because they are on other hosts or too long."""

    site: str
    source: str
    paths: int
    foreign: int
    too_long: int


def learn(settings: Settings, site: Site, source: str, progress: Progress = lambda _done, _known: None) -> Learned:
    """Read the pages of a site from an address or a file and replace its list.

    Raises `Retryable` where the address does not answer, `Fatal` for a source that is no sitemap or has lost its pages.
    """
    own = SitePages.of(site).own
    paths, foreign, too_long = set[str](), 0, 0
    for location in _locations(source, set(own), progress):
        url = split_url(location)
        path = plain_path(url.path if url.host else location)
        if url.host and url.host not in own:
            foreign += 1
        elif len(path) > LONGEST or "\n" in path or path.startswith("/~"):
            too_long += 1
        else:
            paths.add(path.lower())
        if len(paths) > MOST_PATHS:
            raise Fatal(f"{source}: more than {MOST_PATHS:,} pages; name path templates of the site instead")
    if not paths:
        raise Fatal(
            f"{source}: no page of {', '.join(map(readable_host, site.hosts))} in it; is it the sitemap of {site.id}?"
        )
    before = read(settings, site.id)
    if before is not None and before.source == source and len(paths) < len(before.paths) // 2:
        raise Retryable(
            f"{source}: {len(paths):,} pages in place of {len(before.paths):,}; the list stays as it was."
            f" If that is right, delete {settings.pages_dir / site.id}.txt and learn again"
        )
    write(settings, site.id, source, paths, datetime.now(UTC))
    return Learned(site.id, source, len(paths), foreign, too_long)


def source_of(site: Site) -> str:
    """Return the address or the absolute file of the site's setting `sitemap`, '' without one."""
    return site.sitemap if not site.sitemap or "://" in site.sitemap else str(Path(site.sitemap).resolve())


def learn_again(settings: Settings) -> None:
    """Read every list from the site's `sitemap` or again from its source; a daily job.

    Raises as `learn` does, after all sites were tried.
    """
    troubles: list[str] = []
    for site in settings.sites:
        try:
            listed = read(settings, site.id)
            source = source_of(site) or (listed.source if listed else "")
            if source:
                learned = learn(settings, site, source)
                log.info("%s: %d pages learned from %s", site.id, learned.paths, source)
        except (Retryable, Fatal, OSError) as error:
            troubles.append(str(error))
    if troubles:
        raise Retryable("; ".join(troubles))


def _locations(source: str, hosts: Collection[str], progress: Progress) -> list[str]:
    if not source.startswith(("http://", "https://")):
        return _read_file(Path(source))
    if urlsplit(source).path in ("", "/"):
        source = source.rstrip("/") + "/sitemap.xml"
    allowed = {normal_host(urlsplit(source).netloc), *hosts}
    end = time.monotonic() + ALL_SECONDS
    with urllib3.PoolManager(timeout=SECONDS, retries=urllib3.Retry(2, redirect=3), headers=_SAID) as pool:
        text = _fetch(pool, source, end)
        if not _IS_INDEX.search(text):
            return _of_text(text)
        files = [url for url in _of_text(text) if normal_host(urlsplit(url).netloc) in allowed][:MOST_FILES]
        found: list[str] = []
        for done, url in enumerate(files, 1):
            found += _of_text(_fetch(pool, url, end))
            progress(done, len(files))
            if len(found) > 2 * MOST_PATHS:
                break
        return found


_SAID = {"User-Agent": "clinic-pixel pages", "Accept-Encoding": "gzip"}


def _fetch(pool: urllib3.PoolManager, url: str, end: float) -> str:
    _check_time(url, end)
    try:
        with pool.request("GET", url, preload_content=False, decode_content=True) as answer:
            if answer.status != 200:
                raise Retryable(f"{url}: answered {answer.status}; is it the address of the sitemap?")
            data = bytearray()
            while part := answer.read1(64 * 1024):  # `read` would wait for the whole part
                _check_time(url, end)
                data += part
                if len(data) > MOST_BYTES:
                    raise Fatal(f"{url}: larger than {MOST_BYTES // 2**20} MiB, which no sitemap may be")
    except (urllib3.exceptions.HTTPError, UnicodeError) as error:
        raise Retryable(f"{url}: cannot be loaded: {type(error).__name__}; is the site up?") from None
    return _decoded(bytes(data), url)


def _check_time(url: str, end: float) -> None:
    if time.monotonic() > end:
        raise Retryable(f"{url}: the sitemaps take longer than {ALL_SECONDS:.0f} s; try again later")


def _read_file(file: Path) -> list[str]:
    try:
        with file.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise Fatal(f"{file}: cannot be read: {error.strerror}; expected a sitemap or a file of addresses") from None
    return _of_text(_decoded(data, str(file)))


def _decoded(data: bytes, name: str) -> str:
    if data[:2] == b"\x1f\x8b":  # sitemap.xml.gz is a file of its own, not an encoding of the answer
        try:
            data = zlib.decompressobj(wbits=31).decompress(data, MOST_BYTES + 1)
        except zlib.error:
            raise Fatal(f"{name}: damaged gzip") from None
    if len(data) > MOST_BYTES:
        raise Fatal(f"{name}: larger than {MOST_BYTES // 2**20} MiB, which no sitemap may be")
    return data.decode("utf-8", "replace")


def _of_text(text: str) -> list[str]:
    """Return the addresses in a sitemap, or the lines of a plain text that are addresses or paths."""
    if "<" in text[:1000]:
        return [html.unescape(found.rstrip()) for found in _LOCATION.findall(text)]
    lines = (line.strip().lstrip("\ufeff") for line in text.splitlines())
    return [line for line in lines if line.startswith(("/", "http://", "https://"))]
