"""Sentences for people in English and Russian: a text in English that knows its words in the other language.

Owns `Told` and the form of its files: beside the modules of a room, a table for each sentence with `en` and `ru`, and `{name}` for a value.
`en` has the formats of Python. In `ru` a number is written as Russians write it, a moment has a pattern of CLDR (`{at:d MMM y, HH:mm}`), and
a table of plural forms is chosen by the value `n`.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from babel import Locale

Language = Literal["en", "ru"]


@cache
def _locale() -> Locale:
    from babel import Locale  # not at the top: a collector tells its sentences in English and has no Babel

    return Locale("ru")


@cache
def sentences(file: str) -> Mapping[str, Mapping[Language, Any]]:
    """Return the sentences of a file, named as `package.of.the.room/name.toml`."""
    package, _, name = file.partition("/")
    return tomllib.loads(files(package).joinpath(name).read_text(encoding="utf-8"))


class Told(str):
    """A sentence: for everybody who asks no further a text in English. A value may be such a sentence itself."""

    file: str
    key: str
    values: Mapping[str, object]

    def __new__(cls, file: str, key: str, values: Mapping[str, object]) -> Self:
        """Make the sentence; raises `KeyError` for a key or value that is not there."""
        made = super().__new__(cls, sentences(file)[key]["en"].format_map(values))
        made.file, made.key, made.values = file, key, values
        return made

    def of(self, language: Language) -> str:
        """Return the sentence in a language."""
        if language == "en":
            return str(self)
        text = sentences(self.file)[self.key]["ru"]
        if isinstance(text, Mapping):
            text = text[_locale().plural_form(self.values["n"])]  # type: ignore[arg-type]
        return _Russian().vformat(text, (), self.values)


def in_language(text: str, language: Language) -> str:
    """Return a sentence in a language; a text that is none, such as the message of an error, is returned as it is."""
    return text.of(language) if isinstance(text, Told) else text


class _Russian(string.Formatter):
    def format_field(self, value: object, format_spec: str) -> str:
        return russian(value, format_spec)


def russian(value: object, form: str = "") -> str:
    """Return a value as Russians write it: a number, or a day or moment with a pattern of CLDR."""
    from babel.dates import format_date, format_datetime
    from babel.numbers import format_decimal, format_percent

    match value:
        case Told():
            return value.of("ru")
        case str() | bool():
            return str(value)
        case int() | float() if form.endswith("%"):
            return str(format_percent(value, locale=_locale()))
        case int() | float():
            return str(format_decimal(round(value, 1 if abs(value) < 10 else None), locale=_locale()))
        case datetime():
            return str(format_datetime(value, form or "d MMM y, HH:mm", locale=_locale()))
        case date():
            return str(format_date(value, form or "d MMM y", locale=_locale()))
    return str(value)
