"""Keeps free values only when enough people brought them: a value that one person alone has would follow this person.

Owns the counting and its file `run/values.json`. Rules:

* A free `utm_*` value is stored once `PEOPLE` visitors brought it, cookies over all days or visitors of one day; until then it
  is `*`. Declared robots and datacenters do not count: the scanners of mail servers open links, too.
* The release of an event is stored like a campaign value, unless it is a version number such as 1.20.3.
* A word of an error message, its class and the release of a measurement are stored when they belong to the vocabulary of JavaScript, or once
  `REPORTS` reports from `KINDS` kinds of browser, system and country brought them; a measurement has no visitor to count.
* The file holds hashes under the visitor key of the year: without the key nobody can try values. With the year the counting
  begins anew. A lost file costs the first values of a campaign, no event.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import date
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from pipeline.enrich.rows import Row, TechnicalRow
from pipeline.errors import BAD_JSON, Fatal
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.marks.releases import Releases
from pipeline.scrub.redact import STAR
from pipeline.settings.ad_names import UTM_NAMES
from pipeline.settings.model import Settings
from pipeline.system.durable_files import replace

PEOPLE: Final = 5
REPORTS: Final = 20
KINDS: Final = 3
MOST: Final = 100_000
"""Values that are counted at a time; the oldest of those not yet known are forgotten first."""
ARTIFICIAL: Final = frozenset({"crawler", "datacenter", "tor"})
WORDS_FILE: Final = Path(__file__).with_name("javascript_words.txt")
CAMPAIGNS_FILE: Final = Path(__file__).with_name("usual_campaigns.txt")

_WORD = re.compile(r"[^\W\d_]+")
_PART = re.compile(r"[A-ZА-ЯЁ]+(?![a-zа-яё])|[A-ZА-ЯЁ]?[a-zа-яё]+")
_NUMBER = re.compile(r"\d{3}")
_VERSION = re.compile(r"v?\d{1,4}(?:\.\d{1,4}){1,3}(?:-(?:alpha|beta|rc)\.?\d{0,3})?")
_PLACEHOLDER = re.compile(r"<(?:url|text|n)>")

log = logging.getLogger(__name__)


class Counted(msgspec.Struct, array_like=True):
    """The count of one value: cookies and the visitors of `day`, or reports and the kinds of browser that sent them."""

    cookies: set[int] = set()
    day: str = ""
    visitors: set[int] = set()
    reports: int = 0
    known: bool = False


class _Content(msgspec.Struct):
    year: int
    values: dict[str, Counted]


class SharedValues:
    """The values of one worker; belongs to its main thread."""

    def __init__(self, settings: Settings) -> None:
        self._file = settings.run_dir / "values.json"
        self._keys, self._directory = dict[int, bytes](), KeyDirectory.of(settings)
        self._free = {
            site.id: frozenset(name for name in UTM_NAMES if name not in {own.name for own in site.query})
            for site in settings.sites
        }
        self._year, self._values = _load(self._file)
        self._changed = False
        self._releases = Releases(settings)

    def event(self, row: Row) -> Row:
        """Return the row with `*` in place of the release and the campaign values that too few people brought."""
        if not (row.campaign or row.release):
            return row
        free = self._free.get(row.site, frozenset()) & row.campaign.keys()
        if not (free or row.release):
            return row
        key = self._key(row.epoch)
        campaign = {
            name: value if name not in free or _is_usual(value) or self._is_shared(key, row, name, value) else STAR
            for name, value in row.campaign.items()
        }
        release = self._release(row, lambda: self._is_shared(key, row, "release", row.release))
        return msgspec.structs.replace(row, campaign=campaign, release=release)

    def measurement(self, row: TechnicalRow) -> TechnicalRow:
        """Return the row with `*` in place of the words that too few reports had."""
        if not (row.release or row.kind == "js_error"):
            return row
        key = self._key(row.received_at[:10])

        def said(text: str) -> bool:
            return text.lower() in vocabulary() or self._is_common(key, row, "word", text)

        release = self._release(row, lambda: self._is_common(key, row, "release", row.release))
        if row.kind != "js_error":
            return msgspec.structs.replace(row, release=release)
        of_name = [said(part) for part in _PART.findall(row.name)]
        name = row.name if all(of_name) and not _NUMBER.search(row.name) else "Error"
        pieces: list[str] = []
        done = 0
        for mark in _PLACEHOLDER.finditer(row.template):
            pieces += (_only_words(row.template[done : mark.start()], said), mark[0])
            done = mark.end()
        pieces.append(_only_words(row.template[done:], said))
        return msgspec.structs.replace(row, release=release, name=name, template="".join(pieces))

    def save(self) -> None:
        """Write the counts to the file if any changed, and forget the keys; raises `OSError`."""
        self._keys.clear()  # a destroyed key must not live on here
        self._releases.save()
        if self._changed:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace(self._file, msgspec.json.encode(_Content(self._year, self._values)), sync=False)
            self._changed = False

    def _key(self, day: str) -> bytes | None:
        """Return the visitor key of a day's year, None if there is none."""
        epoch = date.fromisoformat(day)
        if epoch.year not in self._keys:
            try:
                key = self._directory.read(KeyName.of_year(epoch))
            except (Fatal, OSError):
                return None  # the collector and `doctor` name the trouble
            if key is None:
                return None
            self._keys[epoch.year] = key
            if epoch.year > self._year:
                self._year, self._values = epoch.year, {}
        return self._keys[epoch.year]

    def _release(self, row: Row | TechnicalRow, is_enough: Callable[[], bool]) -> str:
        """Return the release, or `*` for one that too few people brought and that is no version; note a known one."""
        release = row.release
        if release in ("", STAR) or (row.site, release) in self._releases:
            return release
        if is_enough():
            self._releases.note(row.site, release, row.received_at)
            return release
        return release if _VERSION.fullmatch(release) or release.lower() in vocabulary() else STAR

    def _is_shared(self, key: bytes | None, row: Row, name: str, value: str) -> bool:
        counted = self._counted(key, row.site, name, value)
        if key is None or counted is None or counted.known:
            return counted is not None and counted.known
        if row.visitor and not row.robot and row.net_class not in ARTIFICIAL:
            person = _short(key, str(row.visitor))
            if row.visitor_kind == "cookie":
                counted.cookies.add(person)
            else:
                if counted.day != row.epoch:
                    counted.day, counted.visitors = row.epoch, set()
                counted.visitors.add(person)
            self._changed = True
        return _settled(counted, known=max(len(counted.cookies), len(counted.visitors)) >= PEOPLE)

    def _is_common(self, key: bytes | None, row: TechnicalRow, name: str, text: str) -> bool:
        counted = self._counted(key, row.site, name, text)
        if key is None or counted is None or counted.known:
            return counted is not None and counted.known
        counted.reports += 1
        counted.visitors.add(_short(key, f"{row.browser}/{row.os}/{row.device}/{row.country}"))
        self._changed = True
        return _settled(counted, known=counted.reports >= REPORTS and len(counted.visitors) >= KINDS)

    def _counted(self, key: bytes | None, *value: str) -> Counted | None:
        if key is None:
            return None
        hashed = f"{_short(key, *value):016x}"
        found = self._values.get(hashed)
        if found is None:
            if len(self._values) >= MOST:
                self._values.pop(next((name for name, each in self._values.items() if not each.known), ""), None)
            found = self._values[hashed] = Counted()
        return found


def _is_usual(value: str) -> bool:
    return value.lower() in words_of(CAMPAIGNS_FILE)


def _settled(counted: Counted, *, known: bool) -> bool:
    if known:
        counted.cookies, counted.visitors, counted.known = set(), set(), True
    return known


def _only_words(text: str, said: Callable[[str], bool]) -> str:
    return _WORD.sub(lambda word: word[0] if _is_said(word[0], said) else STAR, text)


def _is_said(word: str, said: Callable[[str], bool]) -> bool:
    # `getUserName` is said where get, user and name are; a word of the site's own must be common as a whole.
    parts = _PART.findall(word)
    in_parts = "".join(parts) == word and all(part.lower() in vocabulary() for part in parts)
    return in_parts or said(word)


def _short(key: bytes, *texts: str) -> int:
    return int.from_bytes(blake2b("\0".join(texts).encode(), key=key[:32], digest_size=8, person=b"values").digest())


def vocabulary() -> frozenset[str]:
    """Return the words of error messages of JavaScript, in small letters."""
    return words_of(WORDS_FILE)


@cache
def words_of(file: Path) -> frozenset[str]:
    """Return the words of a file whose lines are `group: word word`, except comments."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.partition(": ")[2].split())


def _load(file: Path) -> tuple[int, dict[str, Counted]]:
    try:
        content = msgspec.json.decode(file.read_bytes(), type=_Content)
    except FileNotFoundError:
        return 0, {}
    except (OSError, *BAD_JSON) as error:
        log.warning("%s: cannot be read (%s); values are counted anew", file, type(error).__name__)
        return 0, {}
    return content.year, content.values
