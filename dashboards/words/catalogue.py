"""The texts by their keys, with numbers, times and plurals as the language writes them.

Owns `Words`; the files are one for each part of the pages and language. A text is a string with `{names}`, or a table of plural forms chosen by the value `n`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date, datetime, timedelta, tzinfo
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, NamedTuple

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_decimal, format_percent

from pipeline.reports.catalogue import all_reports
from pipeline.reports.header import Report
from pipeline.told import Told, in_language

Language = Literal["en", "ru"]
Day = date
LANGUAGES: Final[Mapping[Language, str]] = {"en": "English", "ru": "Русский"}
_LOCALES: Final[Mapping[Language, str]] = {"en": "en_GB", "ru": "ru"}


@cache
def texts(language: Language) -> Mapping[str, Any]:
    """Return the texts of a language by key, of all files `NAME.<language>.toml`."""
    found: dict[str, Any] = {}
    for file in sorted(files(__package__).iterdir(), key=lambda each: each.name):
        if file.name.endswith(f".{language}.toml"):
            found |= tomllib.loads(file.read_text(encoding="utf-8"))
    return found


class Words(NamedTuple):
    """The texts of one language."""

    language: Language

    @property
    def locale(self) -> Locale:
        """The rules of the language."""
        return Locale.parse(_LOCALES[self.language])

    def say(self, key: str, **values: object) -> str:
        """Return a text with its values; `n` chooses the plural form. Raises `KeyError` for a key that is in no catalogue."""
        text = texts(self.language)[key]
        if isinstance(text, Mapping):
            text = text[self.locale.plural_form(abs(values["n"]))]  # type: ignore[arg-type]
        return (
            str(text).format_map({name: self.written(value) for name, value in values.items()}) if values else str(text)
        )

    def told(self, text: str) -> str:
        """Return a sentence of a command in the language; another text is returned as it is."""
        return in_language(text, self.language)

    def is_told(self, text: str) -> bool:
        """Return whether a text has its words in the language."""
        return self.language == "en" or isinstance(text, Told)

    def value(self, column: str, value: str) -> str:
        """Return the word for a value of a closed list in a report's column."""
        return value_title(column, value, self.language)

    def written(self, value: object) -> str:
        """Return a value as the language writes it."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return str(value)
        return format_decimal(round(value, 1), locale=self.locale)

    def day(self, moment: datetime, zone: tzinfo) -> str:
        """Return the day of a moment."""
        return format_datetime(moment, "d MMM", tzinfo=zone, locale=self.locale)

    def date(self, day: date) -> str:
        """Return a day of the calendar."""
        return format_date(day, "d MMM", locale=self.locale)

    def full_date(self, day: Day) -> str:
        """Return a day of the calendar with its year, as a letter has it."""
        return format_date(day, "d MMMM y 'года'" if self.language == "ru" else "d MMMM y", locale=self.locale)

    def percent(self, share: float) -> str:
        """Return a share from 0 to 1."""
        return format_percent(share, locale=self.locale)

    def time(self, moment: datetime, zone: tzinfo) -> str:
        """Return day and time of a moment."""
        return format_datetime(moment, "d MMM, HH:mm", tzinfo=zone, locale=self.locale)

    def lasted(self, seconds: float) -> str:
        """Return how long something lasts."""
        return format_timedelta(timedelta(seconds=seconds), locale=self.locale)

    def ago(self, moment: datetime, now: datetime) -> str:
        """Return how long ago a moment was."""
        return format_timedelta(min(moment - now, timedelta(seconds=-1)), add_direction=True, locale=self.locale)


def column_title(name: str, language: str) -> str:
    """Return the title of a report's column; a column without one has its name, with spaces."""
    known = texts("ru" if language == "ru" else "en")
    return str(known.get(f"column_{name}", name.replace("_", " ")))


def column_meaning(report: Report, name: str, language: str) -> str:
    """Return the meaning of a report's column with its unit; '' for a column that the report does not describe."""
    if (column := report.columns.get(name)) is None:
        return ""
    if language != "ru":
        return f"{column.meaning} ({column.unit})"
    known = _meanings()
    return f"{known['of'].get(report.name, {}).get(name) or known['columns'][name]} ({known['units'][column.unit]})"


@cache
def _meanings() -> Mapping[str, Any]:
    return tomllib.loads(files(__package__).joinpath("meanings.toml").read_text(encoding="utf-8"))


def value_title(column: str, value: str, language: str) -> str:
    """Return the word for a value of a closed list in a report's column; any other value is returned as it is.

    A column that names a report or a column of one has its title.
    """
    if column == "measure":
        return column_title(value, language)
    if column == "report" and value in _titles():
        return _titles()[value].words(language).title
    known = texts("ru" if language == "ru" else "en")
    return str(known.get(f"value_{column}_{value.strip('()').replace(' ', '_')}", value))


@cache
def _titles() -> Mapping[str, Report]:
    return {report.name: report for report in all_reports()}


def preferred(accepted: str) -> Language:
    """Return the language that a browser prefers (Accept-Language), English where it names none of ours."""
    for part in accepted[:200].split(","):
        if (name := part.split(";")[0].strip().lower()[:2]) in ("ru", "en"):
            return "ru" if name == "ru" else "en"
    return "en"
