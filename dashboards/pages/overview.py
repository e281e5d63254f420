"""Three questions, answered in words: is anything broken, is anyone cheating, is data flowing; then each site in small lines.

Owns which part a role reads and what is said where a part cannot be asked: one question that fails never takes the page away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, NamedTuple, TypeVar

from clickhouse_connect.driver import Client
from starlette.responses import Response

from dashboards.access.people import People
from dashboards.access.roles import may_open
from dashboards.access.store import access_file
from dashboards.charts.line import Point
from dashboards.office import week
from dashboards.pages import fraud, report, technical
from dashboards.view import View
from pipeline.embedding.platforms import Choice, chosen_lines
from pipeline.errors import Busy, Fatal, PixelError, TooSlow
from pipeline.reports import answers
from pipeline.review import cases as review
from pipeline.settings.site import Site

SILENT: Final = 86_400
"""Seconds without a hit after which one of several sites is named."""
BOOKING: Final = "broken_browsers"
"""The report that needs to know the pages of the booking form."""
_SUSPECTS: Final = (
    "SELECT site, day, count() FROM fraud.suspects WHERE band != 'unclear' AND day >= today() - 7 GROUP BY site, day"
)
Answer = TypeVar("Answer")


class Failed(NamedTuple):
    """Why a part cannot be shown: the key of the text, and the line of a wrong set-up."""

    text: str
    error: str = ""


class Broken(NamedTuple):
    """The problems that go on, how many of them were not there at the last visit, and their number by hour; `is_blind` without any data."""

    problems: Sequence[technical.Listed]
    fresh: int
    is_blind: bool
    trend: week.Trend | None


class Cheating(NamedTuple):
    """Suspected cases that wait for a decision, those with hits since the last visit, their paid clicks, and their harm in money."""

    is_on: bool
    is_scored: bool
    cases: int
    fresh: int
    clicks: int
    harm: str
    trend: week.Trend | None


class Flow(NamedTuple):
    """Whether hits arrive: those of 15 minutes, the seconds since the newest (None for seven days without), shares of page views, and hits by hour."""

    accepted: int
    refused: int
    lag: int | None
    shares: Sequence[tuple[str, float]]
    silent: Sequence[tuple[str, int | None]]
    trend: week.Trend | None


class Asker:
    """Asks the parts of a page; once the database does not answer, no other part waits for it."""

    def __init__(self) -> None:
        self.away: Failed | None = None

    def part(self, may: bool, make: Callable[[], Answer]) -> Answer | Failed | None:
        """Return a part, why it cannot be shown, or None where the role does not read it."""
        if not may:
            return None
        if self.away is not None:
            return self.away
        try:
            return make()
        except TooSlow:
            return Failed("too_slow")
        except Busy:
            return Failed("database_busy")
        except Fatal as error:
            return Failed("set_up_wrong", str(error))
        except PixelError:
            self.away = Failed("database_away")
            return self.away


def show(view: View) -> Response:
    """Show the overview: the parts that the role reads."""
    asker, sites = Asker(), _sites(view)
    is_technical = may_open(view.person.role, "technical")
    read = asker.part(is_technical, lambda: week.read(view, sites))
    known = read if isinstance(read, week.Week) else week.Week([], [], {})
    broken = asker.part(is_technical, lambda: _broken(view, sites, known))
    cheating = asker.part(may_open(view.person.role, "fraud"), lambda: _cheating(view, sites))
    return view.show(
        "overview.html",
        sites=sites,
        is_away=asker.away is not None,
        broken=broken,
        cheating=cheating,
        flow=_flow(view, sites, known) if isinstance(read, week.Week) else read,
        of_sites=[week.of_site(view, each, known) for each in sites] if isinstance(read, week.Week) else [],
        is_technical=is_technical,
        tag=_tag(view),
        unset=_unset(view, sites) if is_technical else [],
        seconds_of=lambda number: timedelta(seconds=number),
    )


def _sites(view: View) -> list[Site]:
    return [view.site] if view.query.get("site") else view.sites


def _broken(view: View, sites: Sequence[Site], known: week.Week) -> Broken:
    told = technical.every(view)
    fresh = technical.fresh(view, told)
    active = [each for each in technical.of_site(view, told) if each.is_active]
    lasted = [
        (each.since, each.until or view.now) for each in technical.of_site(view, told) if each.until or each.is_active
    ]
    seen = week.published_hours(known, sites)
    points = []
    for at, heard, *_ in week.hours(view, known):
        open_then = sum(since <= at < until for since, until in lasted)
        # Where nobody was heard, nothing can have been found.
        points.append(Point(at, open_then if heard is not None or at in seen or open_then else None))
    trend = week.trend(view, "trend_problems", "problems", points, max) if known.heard else None
    is_blind = not seen and all(week.lag(known, site.id) is None for site in sites)
    return Broken(active, sum(each.id in fresh for each in active), is_blind, trend)


def _cheating(view: View, sites: Sequence[Site]) -> Cheating:
    if not view.settings.fraud.enabled:
        return Cheating(is_on=False, is_scored=False, cases=0, fresh=0, clicks=0, harm="", trend=None)
    asked = {site.id for site in sites}

    def question(client: Client) -> tuple[list[review.Case], Sequence[review.Row], Sequence[Sequence[Any]]]:
        return fraud.cases_of(view, client), review.rows_of(client, "runs"), client.query(_SUSPECTS).result_rows

    found, runs, counted = fraud.asked(view, question)
    people = People(access_file(view.settings))
    before = people.look(view.person.name, "cases", (), view.now.timestamp()).before
    queued = [case for case in found if case.site in asked and case.is_queued and case.band != "unclear"]
    summed = fraud.summed(queued)
    money = [fraud.harm_of(view, amount, unit) for unit, amount in summed.harm.items() if unit != "clicks"]
    days = [view.now.astimezone(UTC).date() - timedelta(days=week.DAYS - 1 - number) for number in range(week.DAYS)]
    scored = {each["day"] for each in runs if each["site"] in asked}
    suspects = {day: sum(number for site, of, number in counted if of == day and site in asked) for day in days}
    points = [Point(datetime.combine(day, time(), UTC), suspects[day] if day in scored else None) for day in days]
    return Cheating(
        is_on=True,
        is_scored=bool(runs),
        cases=summed.cases,
        fresh=sum(before is not None and case.last_seen.timestamp() > before for case in queued),
        clicks=summed.clicks,
        harm=", ".join(money),
        trend=week.trend(view, "trend_suspects", "suspects", points) if scored else None,
    )


def _flow(view: View, sites: Sequence[Site], known: week.Week) -> Flow:
    lags = {site.id: week.lag(known, site.id) for site in sites}
    heard = [lag for lag in lags.values() if lag is not None]
    refused = {row["minute"]: int(row["refused"] or 0) for row in known.minutes}
    parts = {
        name: sum(sum(known.published.get((site.id, "traffic_by_day", name), {}).values()) for site in sites)
        for name in ("hits", "robots", "probes", "staff")
    }
    total = sum(parts.values())
    return Flow(
        accepted=sum(int(row["accepted"] or 0) for row in known.minutes if row["site"] in lags),
        refused=sum(refused.values()),
        lag=min(heard, default=None),
        shares=[(name, number / total) for name, number in parts.items() if number],
        silent=[(site, lag) for site, lag in lags.items() if heard and (lag is None or lag > SILENT)],
        trend=week.trend(view, "trend_hits", "hits", week.hours(view, known)) if known.heard else None,
    )


def _tag(view: View) -> str:
    try:
        return chosen_lines(view.settings, view.site, Choice(), view.now.date())[0].text
    except (Fatal, ValueError):
        return ""


def _unset(view: View, sites: Sequence[Site]) -> list[str]:
    of = next(each for each in report.reports() if each.path == f"technical/{BOOKING}")
    return [told for site in sites if (told := answers.not_configured(of, site, view.language))]
