"""The file of a site's known paths: written by `learn`, read by every collector.

Owns its form: lines `# source: ...` and `# learned: ...`, then one path a line in the stored spelling.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import Fatal
from pipeline.scrub.paths import NOTHING_KNOWN, KnownPaths
from pipeline.settings.model import Settings
from pipeline.system.durable_files import replace
from pipeline.system.private_files import private_directory

log = logging.getLogger(__name__)

_SOURCE = "# source: "
_LEARNED = "# learned: "


class PageList(NamedTuple):
    """The public paths of a site, where they were learned and when (UTC)."""

    source: str
    learned: datetime
    paths: tuple[str, ...]


def file_of(settings: Settings, site: str) -> Path:
    """Return the file of a site; it may be missing."""
    return settings.pages_dir / f"{site}.txt"


def write(settings: Settings, site: str, source: str, paths: Iterable[str], now: datetime) -> None:
    """Replace the list of a site; raises `Fatal` where the directory is unsafe, `OSError` where the disk refuses."""
    private_directory(settings.pages_dir)
    lines = [f"{_SOURCE}{source}", f"{_LEARNED}{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", *sorted(paths)]
    replace(file_of(settings, site), ("\n".join(lines) + "\n").encode())


def read(settings: Settings, site: str) -> PageList | None:
    """Return the list of a site, None if it has none; raises `Fatal` for a file of another form."""
    file = file_of(settings, site)
    try:
        listed = _read(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        listed = None
    if listed is None:
        raise Fatal(f"{file}: not a list of pages; make it again with `clinic-pixel pages learn`")
    return listed


def _read(text: str) -> PageList | None:
    head = re.match(rf"{_SOURCE}(.+)\n{_LEARNED}(.+)\n", text)
    if head is None:
        return None
    return PageList(head[1], datetime.fromisoformat(head[2]), tuple(text[head.end() :].splitlines()))


class PageLists:
    """The lists of all sites as one collector reads them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen = {site.id: _state(file_of(settings, site.id)) for site in settings.sites}

    def known(self, site: str) -> KnownPaths:
        """Return the table of a site's public paths, empty without a readable list."""
        try:
            listed = read(self._settings, site)
        except Fatal as error:
            log.error("%s; its pages are stored as unknown ones", error)  # noqa: TRY400 - it says what to do
            return NOTHING_KNOWN
        return KnownPaths.of(listed.paths) if listed else NOTHING_KNOWN

    def changed(self) -> dict[str, KnownPaths]:
        """Return the tables of the sites whose file changed since the last call."""
        states = {site: _state(file_of(self._settings, site)) for site in self._seen}
        changed = {site: self.known(site) for site, state in states.items() if state != self._seen[site]}
        self._seen = states
        return changed


def _state(file: Path) -> tuple[int, int, int]:
    try:
        status = file.stat()
    except OSError:
        return 0, 0, 0
    return status.st_mtime_ns, status.st_size, status.st_ino
