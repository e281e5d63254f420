"""The rows of a report in the words of its reader.

Owns the answer in one sentence, the limits, and the form of a value in a table; JSON and CSV show the values themselves.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Final, NamedTuple

from pipeline.reports.catalogue import thresholds
from pipeline.reports.header import ALL, PEOPLE, REST, REST_OF_LOADS, Report
from pipeline.settings.site import Site

FEW: Final = {"en": "fewer than 5", "ru": "меньше 5"}
SMALL: Final = "<5"
IN_RUSSIAN: Final = {
    REST: "(меньше 5 посетителей)",
    REST_OF_LOADS: "(меньше 5 загрузок)",
    ALL: "(все)",
    "(not named)": "(не названа)",
    "good": "хорошо",
    "fair": "средне",
    "poor": "плохо",
}
"""The words of the product itself in the rows."""
NOT_CONFIGURED: Final = {
    "en": "Not configured: no page of {site} has the role {roles}. Name these pages in the settings (`roles` of the site).",
    "ru": "Не настроено: ни у одной страницы сайта {site} нет роли {roles}. Укажите эти страницы в настройках (`roles` сайта).",
}


class Table(NamedTuple):
    """The rows of a report, in the order of its columns."""

    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]


def answer(report: Report, table: Table, language: str) -> str:
    """Return the report's answer in words, from its highest ranked row, or that none stands out; '' where no row can be named."""
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    named = [row for row in rows if not row.get("small")]
    if not named:
        return ""
    first = max(named, key=lambda row: _rank(row[report.rank]))
    if _rank(first[report.rank]) < report.tells_from:
        return report.words(language).nothing
    words = {name: spelled(_of_days(report, value), language) for name, value in first.items()}
    return " ".join(report.words(language).answer.format_map(words).split())


def not_configured(report: Report, site: Site, language: str) -> str:
    """Return which roles of pages the report needs and the site does not have, in words; '' where it has them."""
    there = {each.role for each in site.roles}
    missing = [role for role in report.roles if role not in there]
    missing += () if there & {*report.any_role} else report.any_role
    return NOT_CONFIGURED[language].format(site=site.id, roles=", ".join(missing)) if missing else ""


def limits(report: Report, language: str) -> str:
    """Return the limits of the report in words, with the thresholds in force."""
    return report.words(language).limits.format_map(thresholds(report))


def for_eyes(report: Report, table: Table, language: str) -> Table:
    """Return the table for a person: times to the minute, with the offset where the zone is not UTC; `<5` for few visitors."""
    if not report.is_published:
        return Table(table.columns, [tuple(_shown(value) for value in row) for row in table.rows])
    people = next((table.columns.index(name) for name in report.named(*PEOPLE)), None)
    rows = []
    for *values, small in table.rows:
        shown = [_in_language(_shown(_of_days(report, value)), language) for value in values]
        if small and values[0] != report.rest and people is not None:
            shown[people] = SMALL
        rows.append(tuple(shown))
    return Table(table.columns[:-1], rows)


def for_screen(report: Report, table: Table) -> Table:
    """Return the columns that a terminal has room for."""
    places = [place for place, name in enumerate(table.columns) if not report.screen or name in report.screen]
    return Table(
        tuple(table.columns[place] for place in places), [tuple(row[place] for place in places) for row in table.rows]
    )


def spelled(value: object, language: str) -> str:
    """Return a value in a sentence: a time with its zone, the digits of a number grouped by the language.

    1,234 in English, 1 234 with a no-break space in Russian.
    """
    if value is None:
        return FEW[language]
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\N{NO-BREAK SPACE}" if language == "ru" else ",")
    if isinstance(value, datetime) and value.tzname() == "UTC":
        return f"{time_text(value)} UTC"
    return str(_in_language(_shown(value), language))


def time_text(moment: datetime) -> str:
    """Return a time to the minute, with its offset where its zone is not UTC.

    The offset tells the two hours apart that have one name when summer time ends.
    """
    return f"{moment:%Y-%m-%d %H:%M}" if moment.tzname() == "UTC" else moment.isoformat(" ", "minutes")


def _of_days(report: Report, value: object) -> object:
    """Return the date of a midnight in a report of days."""
    of_days = report.step == "day"
    return value.date() if of_days and isinstance(value, datetime) and value.time() == time.min else value


def _shown(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return time_text(value)
    return f"{value:%Y-%m-%d}" if isinstance(value, date) else value


def _in_language(value: object, language: str) -> object:
    return IN_RUSSIAN.get(value, value) if language == "ru" and isinstance(value, str) else value


def _rank(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
