"""Reduces the path of a page to what may be stored: known public paths as they are, of any other path only harmless parts.

Owns the spelling of a stored path, the list of known paths and the rules for all others. Rules:

* A page that the clinic publishes itself is nobody's datum: a known path is stored as it is, names and numbers included. Any other
  path keeps its longest known prefix; the rest is examined segment by segment, and a suspicious segment becomes `*`.
* Directly below a staff section (`/vrachi/*`), also below a speciality in it, a slug of letters is a published name.
* In sections with dated pages a full date becomes its year and month, and the number of an article stays.
* Scrubbing is idempotent; it is repeated until the result no longer changes.
* Pure and total: no input raises, and no message quotes the input.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.event import Scrubbed
from pipeline.scrub.decode import UNREADABLE, plain
from pipeline.scrub.identifiers import MONTHS, find, month, suspicion
from pipeline.scrub.person_names import is_a_name
from pipeline.scrub.redact import FAILED_PATH, LONGEST, PASSES, STAR, Clean
from pipeline.settings.site import STAFF_SECTIONS

_AFTER_PATH = re.compile(r"[?#].*", re.DOTALL)
_SEGMENT_PARAMETERS = re.compile(r";[^/]*")
_INDEX_FILE = re.compile(r"(?:index|default)\.(?:php\d?|html?|shtml|aspx?|jsp)", re.IGNORECASE)
_SLASHES = re.compile(r"[/\\]+")


def plain_path(raw: str) -> str:
    """Return the path in its stored spelling, before redaction.

    Decoded, without query, fragment, parameters (`;jsessionid=`), dot segments, doubled or trailing slashes and index
    file; it keeps its capitals, because the patterns need them. A segment that cannot be decoded contains `UNREADABLE`.
    """
    text = raw if raw.isascii() and "%" not in raw and raw.isprintable() else "/".join(map(plain, _SLASHES.split(raw)))
    if "?" in text or "#" in text:
        text = _AFTER_PATH.sub("", text)
    if ";" in text:
        text = _SEGMENT_PARAMETERS.sub("", text)
    segments: list[str] = []
    for segment in map(str.strip, _SLASHES.split(text)):
        if segment == "..":
            del segments[-1:]
        elif segment not in {"", "."}:
            segments.append(segment)
    while segments and _INDEX_FILE.fullmatch(segments[-1]):
        segments.pop()
    return "/" + "/".join(segments)


@dataclass(frozen=True, slots=True)
class KnownPaths:
    """The public paths of a site with all their prefixes, in the stored spelling, in small letters."""

    prefixes: frozenset[str] = frozenset()

    @classmethod
    def of(cls, paths: Iterable[str]) -> KnownPaths:
        """Return the table of these paths, each in any spelling."""
        prefixes: set[str] = set()
        for path in paths:
            known = plain_path(path).lower()
            while known and known not in prefixes:
                prefixes.add(known)
                known = known.rpartition("/")[0]
        return cls(frozenset(prefixes))

    def depth(self, path: str) -> int:
        """Return the number of segments of the longest known prefix of a path in small letters."""
        while path and path not in self.prefixes:
            path = path.rpartition("/")[0]
        return path.count("/") if path != "/" else 0


NOTHING_KNOWN = KnownPaths()


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ARTICLES = _names(
    """
    news novosti novost blog stati statyi statya articles article press press-centr press-center pressa smi
    publications publikacii poleznoe info akcii aktsii akciya actions promo events sobytiya meropriyatiya afisha
    detail новости новость блог статьи статья пресса пресс-центр публикации акции события мероприятия афиша
    """
)
_DATED = _ARTICLES | _names(
    """
    raspisanie schedule grafik grafik-raboty calendar kalendar arhiv archive price prices ceny tseny price-list
    prays otchety dokumenty docs documents upload uploads files расписание график график-работы календарь архив цены
    прайс отчеты отчёты документы
    """
)
_BRANCHES = _names(
    """
    filialy filial branches branch kontakty contacts contact adresa adres addresses kliniki clinics clinic offices
    ofisy филиалы филиал контакты адреса клиники офисы
    """
)
_PERSONAL = _names(
    """
    lk kabinet cabinet lichnyy-kabinet account profile profil user users pacient pacienty patient patients pacientu
    anketa karta medkarta spravka zapis zayavka zakaz order oplata vypiska napravlenie recept otpiska unsubscribe лк
    кабинет личный-кабинет профиль пациент пациенты анкета карта медкарта справка запись заявка заказ оплата выписка
    """
)
"""Names of sections whose pages are about one person."""
_SPECIALITY = re.compile(
    r".*(?:olog|iatr|h?irurg|terapevt|therap|dentist|surgeon|ortoped|ortodont|logoped|massazh|okulist|akusher"
    r"|олог|иатр|хирург|терапевт|ортопед|ортодонт|логопед|массаж|окулист|акушер).{0,12}|lor|лор|uzi|узи"
)
_PUBLISHED_NAME = re.compile(r"(?=.{2,80}$)[^\W\d_]+(?:[-_.' ][^\W\d_]+)*")
_WEB_FILE = re.compile(r"\.(?:html?|php|aspx?)$")

_YEAR = r"20[0-3]\d"
_NUMBERED = r"(?:0?[1-9]|1[0-2])"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_DATES = (
    re.compile(rf"(?<!\d)(?P<year>{_YEAR})(?P<gap>[-_.])(?P<month>{_NUMBERED})(?P=gap){_DAY}(?!\d)"),
    re.compile(rf"(?<!\d){_DAY}(?P<gap>[-_.])(?P<month>{_NUMBERED})(?P=gap)(?P<year>{_YEAR})(?!\d)"),
    re.compile(rf"(?<!\d)(?P<year>{_YEAR})(?P<month>0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)"),
    re.compile(rf"(?<!\d){_DAY}[-_ ](?P<month>{MONTHS})[-_ ](?P<year>{_YEAR})(?!\d)", re.IGNORECASE),
)
_YEAR_MONTH = re.compile(rf"(?<!\d){_YEAR}-(?:0[1-9]|1[0-2])(?![-_.]?\d)")
_YEARS = re.compile(rf"(?<![^\W_])(?<!:){_YEAR}(?:-{_YEAR})?(?![^\W_]|:)")
_WHOLE_YEAR = re.compile(_YEAR)
_ARTICLE_NUMBER = re.compile(r"\d{1,7}(?=$|[-_]\D|\.)")
_HARMLESS = re.compile(
    r"(?<!\d)\d{2,4}x\d{2,4}(?!\d)|(?<=ot-)\d{3,6}(?!\d)|(?<=do-)\d{3,6}(?!\d)|(?<=from-)\d{3,6}(?!\d)|(?<=to-)\d{3,6}(?!\d)"
)
"""The size of a picture and the bounds of a price."""
_WORDS = re.compile(r"[^\W\d_]{3,}")
_FILE = re.compile(r"(?:js|mjs|css|map|html?|php)")

MOST_SEGMENTS = 32
"""Deeper paths are not a site's; the rest of one is not examined and becomes `*`."""


class PathRules(NamedTuple):
    """The published part of a site: its known paths and the names of its staff sections, in small letters."""

    known: KnownPaths = NOTHING_KNOWN
    staff: Collection[str] = frozenset(STAFF_SECTIONS)


ANY_SITE = PathRules()
"""A site without known paths and with the usual names of staff sections."""
NO_SITE = PathRules(staff=())


def scrub_path(raw: str, rules: PathRules = ANY_SITE) -> Clean:
    """Return the storable path of a page: plain, in small letters, every suspicious segment a `*`."""
    text, scrubbed = raw, 0
    if len(raw) > LONGEST:
        # An identifier cut in half may be too short for its pattern.
        text = raw[:LONGEST].rpartition("/")[0] + FAILED_PATH
    before = None
    for _ in range(PASSES):
        plain = plain_path(text)
        if plain == before:  # `text` is the redacted form of it
            return Clean(text, scrubbed)
        clean = _redact(plain, rules)
        scrubbed |= clean.scrubbed
        if clean.text == text:
            return Clean(text, scrubbed)
        before, text = plain, clean.text
    return Clean(FAILED_PATH, scrubbed | Scrubbed.FAILED.value)


def scrub_file(raw: str) -> Clean:
    """Return the name of a script or style sheet, the hash in it (`app.3f2a9c1b.js`) a `*`.

    A name that is still suspicious as a whole (`ivan.petrov.js`) becomes `*`.
    """
    pieces, scrubbed = [], 0
    for piece in plain_path(raw)[1:].split("/")[-1].split("."):
        clean = scrub_path(piece, NO_SITE) if piece and not _FILE.fullmatch(piece.lower()) else Clean(f"/{piece}", 0)
        pieces.append(clean.text[1:].lower())
        scrubbed |= clean.scrubbed
    whole = scrub_path(".".join(pieces), NO_SITE)
    return Clean(whole.text[1:], scrubbed | whole.scrubbed)


def _redact(path: str, rules: PathRules) -> Clean:
    if path.lower() in rules.known.prefixes:
        return Clean(path.lower(), 0)
    known = rules.known.depth(path.lower())
    segments = path[1:].split("/")
    if len(segments) > MOST_SEGMENTS:
        segments[MOST_SEGMENTS:] = [STAR]
    dated, segments = segments, _without_days(segments, known)
    masked = [
        "x" * len(segment) if place < known or _is_staff(segments, place, rules.staff) else _masked(segments, place)
        for place, segment in enumerate(segments)
    ]
    kinds = [
        0
        if mask == STAR or mask.strip("x") == ""
        else suspicion(
            mask, is_branch=_is_below(_BRANCHES, segments, place), is_personal=_is_below(_PERSONAL, segments, place)
        )
        for place, mask in enumerate(masked)
    ]
    for kind, span in find("/" + "/".join(masked)):
        for place in _places(masked, span):
            kinds[place] |= int(kind)
    for place, segment in enumerate(segments):
        if UNREADABLE in segment:
            kinds[place] |= Scrubbed.UNDECODABLE.value
        elif segment.startswith("~"):
            kinds[place] |= Scrubbed.NAME.value
    scrubbed = Scrubbed.DIGITS.value if segments != dated else 0
    for bits in kinds:
        scrubbed |= bits
    stored = (STAR if kind and segment else segment.lower() for kind, segment in zip(kinds, segments, strict=True))
    return Clean("/" + "/".join(stored), scrubbed)


def _places(segments: Sequence[str], span: tuple[int, int]) -> Iterable[int]:
    """Yield the numbers of the segments that a span of `/` + `/`.join(segments) touches."""
    start = 1
    for place, segment in enumerate(segments):
        # A run of digits may begin or end with the slash itself.
        if start < span[1] and span[0] < start + len(segment):
            yield place
        start += len(segment) + 1


def _without_days(segments: list[str], known: int) -> list[str]:
    """Return the segments, in sections with dated pages every full date as year and month."""
    kept: list[str] = []
    for place, segment in enumerate(segments):
        if place < known or not _is_dated(segments, place):
            kept.append(segment)
            continue
        is_day = re.fullmatch(_DAY, segment) and place >= 2
        if is_day and re.fullmatch(_NUMBERED, segments[place - 1]) and _WHOLE_YEAR.fullmatch(segments[place - 2]):
            continue
        for pattern in _DATES:
            segment = pattern.sub(lambda date: f"{date['year']}-{month(date['month']):02}", segment)
        kept.append(segment)
    return kept


def _is_dated(segments: Sequence[str], place: int) -> bool:
    return not place or _is_below(_DATED, segments, place) or bool(_WHOLE_YEAR.fullmatch(segments[0]))


def _is_below(names: frozenset[str], segments: Sequence[str], place: int) -> bool:
    return not names.isdisjoint(map(str.lower, segments[:place]))


def _is_staff(segments: Sequence[str], place: int, staff: Collection[str]) -> bool:
    above = [name.lower() for name in segments[max(0, place - 2) : place]]
    if not above or not _PUBLISHED_NAME.fullmatch(_WEB_FILE.sub("", segments[place])):
        return False
    return above[-1] in staff or (above[0] in staff and _SPECIALITY.fullmatch(above[-1]) is not None)


def _masked(segments: Sequence[str], place: int) -> str:
    """Return the segment with every harmless number as letters: the year of a dated page, the number of an article."""
    segment = segments[place]
    if not any(map(str.isdecimal, segment)):
        return segment
    if _is_dated(segments, place):
        segment = _YEAR_MONTH.sub(_letters, segment)
        segment = _YEARS.sub(_letters, segment) if _WHOLE_YEAR.fullmatch(segment) else segment
        if place and _WHOLE_YEAR.fullmatch(segments[place - 1]) and re.fullmatch(_NUMBERED, segment):
            segment = "y" * len(segment)
        if any(name.lower() in _ARTICLES for name in segments[max(0, place - 2) : place]):
            segment = _ARTICLE_NUMBER.sub(_letters, segment) if _ARTICLE_NUMBER.match(segment) else segment
    segment = _HARMLESS.sub(_letters, segment)
    personal = _is_below(_PERSONAL, segments, place)
    if _WORDS.search(segment) and not is_a_name(_YEARS.sub("", segment), beside_a_number=True, is_personal=personal):
        segment = _YEARS.sub(_letters, segment)
    return segment


def _letters(number: re.Match[str]) -> str:
    return "y" * len(number[0])
