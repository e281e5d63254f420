"""The words about problems: the table `sql/problems/words.toml`, read and checked, and the forms of numbers, times and places in a language.

Owns the model of the table, the rounding of what is told, plural forms, and the cleaning of names. Pure; the meaning of each field is
explained at the top of the table. Source of plural forms, number formats and names of countries: Unicode CLDR, through Babel.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from math import ceil, floor, isfinite, log10
from typing import Final, Generic, Literal, TypeVar
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime
from babel.numbers import format_decimal, format_percent
from pydantic import BaseModel, ConfigDict

from pipeline.problems.problem import Place
from sql import PROBLEMS_DIR

Language = Literal["en", "ru"]
T = TypeVar("T")
Count = Literal["lost", "missing", "uncounted", "affected", "extra"]

LONGEST_NAME: Final = 120
FEW: Final = 5
"""A number below it is told as `fewer than 5`, as in published reports."""
_LOCALES: Final = {"en": Locale("en"), "ru": Locale("ru")}
_VARIANTS: Final = ("device", "role")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Forms(_Part):
    """The plural forms of a noun by the categories of CLDR; `other` is the one for the rest."""

    other: str
    one: str = ""
    few: str = ""
    many: str = ""


class Naming(_Part):
    """A kind of place: as a part of a sentence, and as a name."""

    place: str
    name: str


class Both(_Part, Generic[T]):
    """Words in both languages."""

    en: T
    ru: T

    def of(self, language: Language) -> T:
        """Return those of the language."""
        return self.ru if language == "ru" else self.en


class Some(_Part):
    """Texts that replace some of a watch, for one kind of place or one cause; '' replaces nothing."""

    title: str = ""
    title_fewer: str = ""
    what: str = ""
    why: str = ""
    next: str = ""


class Texts(_Part):
    """The texts of a watch in one language."""

    title: str
    title_fewer: str = ""
    what: str
    why: str = ""
    next: str
    by: dict[str, Some] = {}

    def with_(self, other: Some) -> Texts:
        """Return these texts with those of `other` where it has some."""
        return self.model_copy(update={name: text for name, text in other if text})


class OfWatch(Both[Texts]):
    """The words of a watch: the label of its number of people, units that differ from the usual ones, and texts."""

    count: Count
    units: dict[str, str] = {}
    has_share: bool = True


class OfCause(Both[Some]):
    """The words of a cause."""

    count: Count | None = None


class Countries(_Part):
    """Countries whose English name has an article in a sentence."""

    with_article: frozenset[str]


class Words(_Part):
    """The whole table."""

    units: dict[str, Both[Forms]]
    numbers: dict[str, str]
    phrases: dict[Language, dict[str, str]]
    places: dict[str, Both[Naming]]
    engines: dict[Language, dict[str, str]]
    countries: Countries
    watches: dict[str, OfWatch]
    causes: dict[str, OfCause]


@cache
def table() -> Words:
    """Return the table; raises `ValueError` for one that cannot be read."""
    return Words.model_validate(tomllib.loads((PROBLEMS_DIR / "words.toml").read_text(encoding="utf-8")))


def clean(name: str, longest: int = LONGEST_NAME) -> str:
    """Return a name for a terminal or page: without control and format characters, at most so many characters; `…` marks a cut."""
    kept = "".join(" " if unicodedata.category(one)[0] in "CZ" else one for one in name[: 20 * longest])
    kept = " ".join(kept.split())
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"


def counted(number: float, unit: str, language: Language) -> str:
    """Return a number with its noun in the right form: `21 день`."""
    return f"{decimal(number, language)} {noun(number, unit, language)}"


def noun(number: float, unit: str, language: Language) -> str:
    """Return the form of a unit's noun that follows the number."""
    forms = table().units[unit].of(language)
    category = _LOCALES[language].plural_form(number)
    return {"one": forms.one, "few": forms.few, "many": forms.many}.get(category) or forms.other


def decimal(number: float, language: Language) -> str:
    """Return a whole number with its digits grouped."""
    return str(format_decimal(round(number), locale=_LOCALES[language]))


def percent(share: float, language: Language) -> str:
    """Return a share (0 to 1) as coarse percents: whole ones below 10, else multiples of five."""
    part = 100 * min(max(share, 0.0), 1.0)
    if part < 1:
        return table().phrases[language]["below_one"]
    part = round(part) if part < 10 else 5 * round(part / 5)
    return str(format_percent(part / 100, locale=_LOCALES[language]))


def coarse(number: float, way: Literal["down", "near", "up"] = "near") -> int:
    """Return a number as it may be told: a multiple of 5 below 100, else two significant digits; an interval is rounded outwards."""
    if number <= 0:
        return 0
    step = 5 if number < 100 else 10 ** (floor(log10(number)) - 1)
    steps = number / step
    return step * (floor(steps) if way == "down" else ceil(steps) if way == "up" else round(steps))


def about(low: float, middle: float, high: float, unit: str, language: Language) -> str:
    """Return an interval in coarse numbers: `about 40 (25 to 60) visitors`."""
    phrases = table().phrases[language]
    if not isfinite(middle):
        return phrases["number_unknown"]
    low, high = (edge if isfinite(edge) else middle for edge in (low, high))
    lowest, most, highest = coarse(low, "down"), coarse(middle), coarse(max(middle, high), "up")
    if middle < FEW:
        form = "number_few" if high < FEW else "number_few_up_to"
    elif lowest >= FEW:
        form = "number" if lowest < highest else "number_alone"
    else:
        form = "number_up_to" if most < highest else "number_alone"
    told = {name: decimal(number, language) for name, number in (("low", lowest), ("middle", most), ("high", highest))}
    return phrases[form].format(unit=noun(max(most, FEW), unit, language), **told)


def time_of(moment: datetime, zone: ZoneInfo) -> str:
    """Return the hour and minute in the zone, with its abbreviation in the hour that a day has twice."""
    local = _local(moment, zone)
    is_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return f"{local:%H:%M %Z}" if is_twice else f"{local:%H:%M}"


def date_of(moment: datetime, zone: ZoneInfo, language: Language, *, with_year: bool = False) -> str:
    """Return the day and month, and the year where wanted, in the zone."""
    year = {"en": " y", "ru": " y 'г.'"}[language] if with_year else ""
    return str(format_datetime(_local(moment, zone).replace(tzinfo=None), f"d MMMM{year}", locale=_LOCALES[language]))


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(zone)


def kind_of(place: Place) -> str:
    """Return the key of a place in the table: its dimension, or a finer kind such as `home`, `role_form` or `LCP`."""
    known = table().places
    dimension, name = place.dimension, place.name
    if dimension in ("page", "section", "source") and name == "/":
        return "source_home" if dimension == "source" else "home"
    if dimension in ("page", "section") and "/~" in name:
        return "group"
    if dimension == "page" and "*" in name:
        return "pages"
    finer = name.partition(" ")[0] if dimension == "vital" else f"{dimension}_{name}" if dimension in _VARIANTS else ""
    kinds = (finer, dimension, "other")
    return next(kind for kind in kinds if kind in known)


def named(place: Place, language: Language, longest: int = LONGEST_NAME) -> Mapping[str, str]:
    """Return the placeholders of a place: `place`, `name` and `bare`."""
    kind, naming = kind_of(place), table().places[kind_of(place)].of(language)
    if place.dimension == "vital" and kind != "vital":
        section = place.name.partition(" ")[2]
        inner = named(Place("section" if section else "site", section), language, longest)
        return {**inner, "place": naming.place.format_map(inner), "name": naming.name.format_map(inner)}
    bare = _bare(place.name, kind, language, longest)
    article = "the " if kind == "country" and language == "en" and place.name in table().countries.with_article else ""
    return {
        "bare": bare,
        "place": naming.place.format(bare=article + bare),
        "name": naming.name.format(bare=bare),
    }


def _bare(name: str, kind: str, language: Language, longest: int) -> str:
    if kind == "country":
        name = _LOCALES[language].territories.get(name, name)
    elif kind == "engine":
        name = table().engines[language].get(name, name)
    elif kind == "group":
        name = name.partition("/~")[2]
    return clean(name, longest) or table().phrases[language]["no_name"]
