"""Writes a row of `pixel.marks` for each change since the last look.

Owns `run/marks.json`, the last seen versions and the rows on their way. Theory of operation: new rows go into the file
together with the new versions, in one replacement; then they are inserted, with a token from which ClickHouse knows a second
insert of the same rows; then they leave the file. A crash between two of these steps repeats the insert with the same token.
The first look of an installation only remembers: nothing has changed yet. So does a look after the file was lost.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from clickhouse_connect.driver import Client

from pipeline.database.client import working_as
from pipeline.errors import BAD_JSON
from pipeline.marks.releases import MOST_OF_A_SITE, read_releases, releases_file
from pipeline.marks.versions import Thing, Versions, short_hash, versions_now
from pipeline.settings.model import Settings
from pipeline.system.durable_files import replace

RELEASE: Final = "release"
MARKED: Final = "mark"
"""The name of a mark that a person made; that of a tag's `data-release` is `release`."""
COLUMNS: Final = ("at", "site", "kind", "name", "before", "after")

log = logging.getLogger(__name__)


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """One row of `pixel.marks`; `at` is UTC text as in the other tables, `before` or `after` is '' where there was nothing."""

    at: str
    site: str
    kind: str
    name: str
    before: str
    after: str


class Seen(msgspec.Struct):
    """The content of `run/marks.json`: versions as (kind, name, version), releases by site in the order of their times."""

    versions: list[tuple[str, str, str]]
    releases: dict[str, list[str]]
    waiting: list[Mark] = []


def note_changes(settings: Settings) -> None:
    """Look once and store what changed; a job that may run at any time and twice.

    Raises `Retryable` while ClickHouse is unavailable, `Fatal` when it refuses, `OSError` when the file cannot be written.
    """
    file = marks_file(settings)
    seen = _read(file)
    if seen is not None and seen.waiting:
        _deliver(seen, file, settings)
    now, unread = versions_now(settings)
    if seen is None:
        known = {site: _in_order(of_site) for site, of_site in read_releases(releases_file(settings)).items()}
        _write(file, Seen(_listed(now), known))
        return
    before = {Thing(kind, name): said for kind, name, said in seen.versions}
    now |= {thing: said for thing, said in before.items() if thing in unread}
    marks = [*_of_releases(seen, settings), *_of_versions(before, now, _text(datetime.now(UTC)))]
    if marks:
        seen.versions, seen.waiting = _listed(now), marks
        _write(file, seen)
        _deliver(seen, file, settings)


def write_mark(settings: Settings, site: str, name: str, at: datetime) -> None:
    """Store a mark that a person or a deploy script made; '' is every site.

    Raises `Retryable` while ClickHouse is unavailable, `Fatal` when it refuses.
    """
    with working_as(settings, "pixel_writer") as client:
        _insert(client, [Mark(_text(at), site, RELEASE, MARKED, "", name)])


def marks_file(settings: Settings) -> Path:
    """Return the file of the last look."""
    return settings.run_dir / "marks.json"


def _of_versions(before: Versions, now: Versions, at: str) -> list[Mark]:
    return [
        Mark(at, "", *thing, before.get(thing, ""), now.get(thing, ""))
        for thing in sorted(before.keys() | now.keys())
        if before.get(thing) != now.get(thing)
    ]


def _of_releases(seen: Seen, settings: Settings) -> list[Mark]:
    """Return a mark for each release that was not seen before, and remember it."""
    marks: list[Mark] = []
    for site, of_site in read_releases(releases_file(settings)).items():
        known = seen.releases.setdefault(site, [])
        for release in _in_order(of_site):
            if release not in known:
                marks.append(Mark(of_site[release], site, RELEASE, RELEASE, known[-1] if known else "", release))
                known.append(release)
        del known[: -2 * MOST_OF_A_SITE]
    return marks


def _in_order(of_site: dict[str, str]) -> list[str]:
    return sorted(of_site, key=lambda release: (of_site[release], release))


def _deliver(seen: Seen, file: Path, settings: Settings) -> None:
    with working_as(settings, "pixel_writer") as client:
        _insert(client, seen.waiting)
    for mark in seen.waiting:
        log.info("changed: %s %s", mark.kind, mark.name)
    seen.waiting = []
    _write(file, seen)


def _insert(client: Client, marks: list[Mark]) -> None:
    lines = [msgspec.json.encode(mark) for mark in marks]
    body = b"\n".join(lines)
    client.raw_insert(
        "pixel.marks",
        COLUMNS,
        body,
        settings={
            "async_insert": 0,
            "deduplicate_insert": "enable",
            "insert_deduplication_token": f"marks {short_hash(body)}",
        },
        fmt="JSONCompactEachRow",
    )


def _listed(versions: Versions) -> list[tuple[str, str, str]]:
    return [(*thing, said) for thing, said in sorted(versions.items())]


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _read(file: Path) -> Seen | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Seen)
    except FileNotFoundError:
        return None
    except BAD_JSON as error:
        log.warning("%s: cannot be read (%s); the versions are noted anew", file, type(error).__name__)
        return None


def _write(file: Path, seen: Seen) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace(file, msgspec.json.encode(seen))
