"""The releases of the sites that enough people brought, with the time of each: `run/releases.json`.

Owns the file; `ship.shared_values` decides how many people are enough. One process writes it, `marks.record` reads it.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import msgspec

from pipeline.errors import BAD_JSON
from pipeline.settings.model import Settings
from pipeline.system.durable_files import replace

MOST_OF_A_SITE: Final = 200
"""The oldest are forgotten first; one that comes again later counts as new."""

_Content = dict[str, dict[str, str]]
"""Site -> release -> time of receipt, as in the rows."""

log = logging.getLogger(__name__)


class Releases:
    """The known releases; belongs to one thread."""

    def __init__(self, settings: Settings) -> None:
        self._file = releases_file(settings)
        self._known = read_releases(self._file)
        self._changed = False

    def __contains__(self, release: tuple[str, str]) -> bool:
        return release[1] in self._known.get(release[0], ())

    def note(self, site: str, release: str, received_at: str) -> None:
        """Note that a release of a site is known from now on."""
        of_site = self._known.setdefault(site, {})
        of_site[release] = received_at
        while len(of_site) > MOST_OF_A_SITE:
            of_site.pop(next(iter(of_site)))
        self._changed = True

    def save(self) -> None:
        """Write the file if anything changed; raises `OSError`."""
        if self._changed:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace(self._file, msgspec.json.encode(self._known))
            self._changed = False


def releases_file(settings: Settings) -> Path:
    """Return the file of the known releases."""
    return settings.run_dir / "releases.json"


def read_releases(file: Path) -> _Content:
    """Return site -> release -> time of receipt, empty without a readable file."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Content)
    except FileNotFoundError:
        return {}
    except (OSError, *BAD_JSON) as error:
        log.warning("%s: cannot be read (%s); releases are noted anew", file, type(error).__name__)
        return {}
