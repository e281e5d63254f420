"""The data inventory: every stored column, its clause of the policy, its purpose and its term, and data outside of tables.

Owns the reading of `sql/inventory.toml` and the wording of a term; loads no database client, because /privacy is a page of
the collector. Rules: an undefined word in the file (group, source, retention) is `Fatal` on reading, and a test compares the
file with the tables of a real ClickHouse in both directions. Source: policy clauses 3.3 and 5.1.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from pipeline.errors import Fatal
from pipeline.settings.sections import Retention
from sql import SQL_DIR

Language = Literal["en", "ru"]
DERIVED: Final = "derived: "
_UNITS: Final[Mapping[str, Mapping[Language, tuple[str, ...]]]] = {
    "days": {"en": ("day", "days", "days"), "ru": ("день", "дня", "дней")},
    "months": {"en": ("month", "months", "months"), "ru": ("месяц", "месяца", "месяцев")},
}


class Term(NamedTuple):
    """The term of storage: a setting of `[retention]`, or '' and words that no setting changes."""

    name: str
    setting: str
    words: Mapping[Language, str]

    def text(self, retention: Retention, language: Language) -> str:
        """Return the term in words, with the setting's value and its unit."""
        if not self.setting:
            return self.words[language]
        number, unit = int(getattr(retention, self.setting)), self.setting.rpartition("_")[2]
        return self.words[language].format(n=amount(number, unit, language))


class Group(NamedTuple):
    """Columns that mean one thing to a visitor; `words` are empty where the data is not personal."""

    name: str
    title: Mapping[Language, str]
    words: Mapping[Language, str]
    term: Term


class Column(NamedTuple):
    """One stored column; `source` is a field of clause 3.3, `derived` whether it was computed from that field."""

    table: str
    name: str
    group: Group
    source: str
    derived: bool
    clause: str
    purpose: str
    term: Term

    @property
    def is_token(self) -> bool:
        """Whether it is a token of a person, made with a secret key, or a sealed text."""
        return self.group.name in ("address", "visitor", "click")


class Place(NamedTuple):
    """Data kept outside of ClickHouse; `path` is below the data directory, `ru` is what it holds in Russian."""

    name: str
    path: str
    holds: str
    ru: str
    clause: str
    readers: str
    term: Term


class Kept(NamedTuple):
    """One paragraph for a visitor: the kept data in plain words, and its term."""

    title: str
    words: str
    term: str


class Inventory(NamedTuple):
    """The whole inventory; `tables` describes the content of each table, `fields` names the sources in words."""

    fields: Mapping[str, str]
    groups: Mapping[str, Group]
    tables: Mapping[str, str]
    columns: tuple[Column, ...]
    places: tuple[Place, ...]

    def of(self, table: str) -> list[Column]:
        """Return the columns of one table, in its order."""
        return [column for column in self.columns if column.table == table]

    def plain_words(self, retention: Retention, language: Language) -> list[Kept]:
        """Return the information for a visitor, one paragraph a group, with the terms in force."""
        return [
            Kept(group.title[language], group.words[language], group.term.text(retention, language))
            for group in self.groups.values()
            if group.words
        ]


@cache
def inventory(file: Path = SQL_DIR / "inventory.toml") -> Inventory:
    """Return the inventory; raises `Fatal` where the file contradicts itself."""
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    try:
        return _read(content)
    except (KeyError, ValueError) as error:
        raise Fatal(f"{file}: {error} is not known or not complete") from None


def amount(number: int, unit: str, language: Language) -> str:
    """Return a number of `days` or `months` in words, such as `25 months`."""
    return f"{number} {_UNITS[unit][language][_form(number, language)]}"


def _read(content: Mapping[str, Any]) -> Inventory:
    fields: dict[str, str] = content["fields"]
    terms = {
        name: Term(name, given.get("setting", ""), {"en": given["en"], "ru": given["ru"]})
        for name, given in content["retention"].items()
    }
    groups = {
        name: Group(name, given["title"], given.get("words", {}), terms[given["retention"]])
        for name, given in content["groups"].items()
    }
    columns: list[Column] = []
    for table, given in content["tables"].items():
        copied = "like" in given
        source: Mapping[str, list[str]] = (content["tables"][given["like"]]["columns"] if copied else {}) | given.get(
            "columns", {}
        )
        for name, (group, origin, clause, purpose, *own) in source.items():
            field = origin.removeprefix(DERIVED)
            if field not in fields:
                raise ValueError(f"{table}.{name}: source {field}")
            term = terms[given["retention"] if copied or not own else own[0]]
            columns.append(Column(table, name, groups[group], field, origin != field, clause, purpose, term))
    places = tuple(
        Place(
            name,
            given["path"],
            given["holds"],
            given["ru"],
            given["clause"],
            given["readers"],
            terms[given["retention"]],
        )
        for name, given in content["places"].items()
    )
    return Inventory(
        fields, groups, {name: given["holds"] for name, given in content["tables"].items()}, tuple(columns), places
    )


def _form(number: int, language: Language) -> int:
    """Return the plural form for a number: 0 for one, 1 for a few, 2 for many."""
    if language == "en":
        return 0 if number == 1 else 2
    if number % 10 == 1 and number % 100 != 11:
        return 0
    return 1 if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14) else 2
