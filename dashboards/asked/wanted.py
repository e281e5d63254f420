"""The address of a report page, read: a period by its age or by its first and last day, a site, a text for each column that names something.

Owns `Wanted` and the sizes of what may be asked. Whatever the address has, `wanted_of` gives a value, or `Wrong` with the text that says what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, timedelta, tzinfo
from typing import Final, NamedTuple

from dashboards.view import View
from dashboards.words.catalogue import column_title
from pipeline.reports.buckets import bucket
from pipeline.reports.catalogue import Period, read_period, zone_of
from pipeline.reports.header import FRAME, Report

LONGEST_TEXT: Final = 200
TIMES: Final = ("minute", "hour", "day")
"""First columns of reports whose rows are times."""
MOST_DAYS: Final = 400
MOST_DAYS_OF_HOURS: Final = 62
"""An hourly line of more days could not be told apart on any screen."""


class Wanted(NamedTuple):
    """The address of a report page, read.

    `more` are values of the report's own parameters, `holding` the texts that its columns shall hold, `sort` a column, with `-` from the
    largest down, '' for the report's own order, and `first` the number of the first row, from 1.
    """

    report: Report
    period: Period
    more: Mapping[str, str]
    holding: Mapping[str, str]
    sort: str = ""
    first: int = 1


class Wrong(Exception):
    """Something that the address asks and that cannot be: the key of the text that says so, with its values."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key, self.values = key, values


def wanted_of(view: View, report: Report) -> Wanted:
    """Return what the address asks of a report; raises `Wrong` for what cannot be asked, `PageError` for a site that is not theirs."""
    given = {name: view.query[name] for name in (*own_parameters(report), *filters_of(report)) if view.query.get(name)}
    for name, text in given.items():
        if len(text) > LONGEST_TEXT:
            raise Wrong(
                "report_text_long", name=column_title(name.removeprefix("with_"), view.language), most=LONGEST_TEXT
            )
    first = view.query.get("first", "1")
    return Wanted(
        report,
        period_of(view, report),
        {name: given[name] for name in own_parameters(report) if name in given},
        {name.removeprefix("with_"): given[name] for name in filters_of(report) if name in given},
        view.query.get("sort") or usual_order(report),
        int(first) if first.isascii() and first.isdecimal() and len(first) < 7 and int(first) else 1,
    )


def period_of(view: View, report: Report) -> Period:
    """Return the period of the address as whole hours or days, never beyond today; raises `Wrong` for one that cannot be."""
    zone = zone_of(report, view.site)
    end = bucket("day", view.now, zone).end.astimezone(zone)
    first, last = view.query.get("from", "")[:40], view.query.get("to", "")[:40]
    if first or last:
        begin, close = _day(first), _day(last)
        if begin > close:
            raise Wrong("report_reversed", first=first, last=last)
        since, until = begin.isoformat(), (close + timedelta(days=1)).isoformat()
    else:
        since, until = (view.query.get("since") or usual_period(report))[:40], (view.query.get("until") or "0h")[:40]
    try:
        period = read_period(since, until, view.now, zone, report.step)
    except ValueError:
        raise Wrong("bad_period_told") from None
    if period.since >= end:
        raise Wrong("report_future", first=first or since)
    period = Period(period.since, min(period.until, end))
    most = MOST_DAYS_OF_HOURS if report.named("start") and report.step == "hour" else MOST_DAYS
    if (days := (period.until - period.since).days) > most:
        raise Wrong("report_long", days=days, most=most)
    return period


def usual_period(report: Report) -> str:
    """Return the age with which a report is asked where the address has none: a week, or what its header says if that is no day."""
    since = report.parameters.get("since")
    usual = str(since.default) if since and since.default else "7d"
    return "7d" if usual == "24h" else usual


def usual_order(report: Report) -> str:
    """Return the order of a page where the address has none: the newest first where the rows are times, else the report's own."""
    first = next(iter(report.columns), "")
    return f"-{first}" if first in TIMES else ""


def own_parameters(report: Report) -> list[str]:
    """Return the report's own parameters, beside site and period."""
    return [name for name in report.parameters if name not in FRAME]


def filters_of(report: Report) -> list[str]:
    """Return the names of the filters of a report: one for each column that names something."""
    return [f"with_{name}" for name in report.named("key")]


def _day(text: str) -> date:
    if not text:
        raise Wrong("report_half")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Wrong("report_no_day", text=text) from None
    if not 1971 <= day.year <= 2104:
        raise Wrong("report_no_day", text=text)
    return day


def days_of(view: View, period: Period) -> str:
    """Return the period as a person reads it: its days where it is made of whole ones."""
    zone: tzinfo = period.since.tzinfo or UTC
    if (period.since.hour, period.until.hour) != (0, 0):
        return f"{view.words.time(period.since, zone)} – {view.words.time(period.until, zone)}"
    last = period.until - timedelta(days=1)
    years = [f" {each.year}" if period.since.year != view.now.year else "" for each in (period.since, last)]
    first_day, last_day = view.words.date(period.since.date()) + years[0], view.words.date(last.date()) + years[1]
    return first_day if first_day == last_day else f"{first_day} – {last_day}"
