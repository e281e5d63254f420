"""The published numbers of a problem's place before and since its begin, as a chart with its message, its table and its query.

Owns the band of the chart: what eight of ten days before the problem had (on the same kind of day, or in the same hour), in numbers that everybody of
this section may read, not in the real ones of the engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from statistics import median, quantiles
from typing import Final, NamedTuple

from clickhouse_connect.driver import Client

from dashboards.charts.line import Line, Point, line
from dashboards.pages.answered import Cell, Column
from dashboards.problems.fault import Fault
from dashboards.problems.marks import marks_of
from dashboards.problems.place import Source, source_of
from dashboards.view import View
from pipeline.database.client import in_utc
from pipeline.problems.problem import Place
from pipeline.problems.words import FEW, named
from pipeline.reports.buckets import Grain, bucket
from pipeline.reports.statements import write

BEFORE: Final = timedelta(days=28)
AFTER: Final = timedelta(days=7)
LONGEST: Final = timedelta(days=92)
"""A problem that goes on is shown so long after its begin."""
HOURS_FOR: Final = timedelta(days=3)
"""A loss of the whole site is shown by the hour so long after its begin, of the week before it."""
ENOUGH: Final = 7
"""Spans before a problem without which no band is drawn."""
LONGEST_NAME: Final = 60
SATURDAY: Final = 5
MOST_OF_FEW: Final = FEW - 1
_CELLS: Final = """\
SELECT start, sum(number) AS value, count(number) AS rows
FROM
(
    SELECT start, number
    FROM technical.cells
    WHERE site = {{site:String}} AND report = {{report:String}} AND grain = {{grain:String}}
        AND start >= {{since:DateTime('UTC')}} AND start < {{until:DateTime('UTC')}}
        AND measure = {{measure:String}} AND ({where})
    UNION ALL
    -- What is published without such a row has fewer than 5 visitors there.
    SELECT start, NULL AS number
    FROM technical.publications
    WHERE site = {{site:String}} AND report = {{report:String}} AND grain = {{grain:String}}
        AND start >= {{since:DateTime('UTC')}} AND start < {{until:DateTime('UTC')}}
)
GROUP BY start
ORDER BY start"""


class Numbers(NamedTuple):
    """The chart, its message, its table and its query; `note` says where a part of the site has no numbers of its own."""

    line: Line
    message: str
    note: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    query: str


class Span(NamedTuple):
    """A day or hour; `value` is None where nothing is published, or too little (`is_few`)."""

    at: datetime
    value: float | None
    is_few: bool
    low: float | None = None
    high: float | None = None


def numbers_of(view: View, client: Client, fault: Fault) -> Numbers | None:
    """Return the numbers of the problem's place; None where nothing of that time is published."""
    source = source_of(fault.watch, fault.dimension, fault.name)
    is_hourly = source.report == "traffic_by_day" and not source.is_whole and view.now - fault.since < HOURS_FOR
    grain: Grain = "hour" if is_hourly else "day"
    values, text = _question(view, fault, source, grain)
    known = {
        in_utc(start): (float(value or 0), rows > 0)
        for start, value, rows in client.query(text, parameters=values).result_rows
    }
    if not any(is_there for _, is_there in known.values()):
        return None
    spans = list(_spans(known, fault, grain))
    shown = [each for each in spans if not is_hourly or each.at >= fault.since - AFTER]
    marks = marks_of(view, client, fault, values)
    return Numbers(
        line([Point(each.at, each.value, each.low, each.high) for each in shown], marks),
        _message(view, fault, source, spans, grain),
        view.words.say("problem_whole_site", name=_name(view, fault)) if source.is_whole else "",
        _columns(view, grain),
        [_row(view, fault.zone, each, grain) for each in shown],
        spelled(text, values),
    )


def midnight(moment: datetime, zone: tzinfo) -> datetime:
    """Return the begin of the day of a moment in a zone, as UTC."""
    return bucket("day", moment, zone).start


def spelled(text: str, values: Mapping[str, object]) -> str:
    """Return a query with its values, so that it can be run as it is."""
    return write(
        text,
        {
            name: f"{value:%Y-%m-%d %H:%M:%S}"
            if isinstance(value, datetime)
            else value
            if isinstance(value, int)
            else str(value)
            for name, value in values.items()
        },
    )


def _question(view: View, fault: Fault, source: Source, grain: Grain) -> tuple[dict[str, object], str]:
    until = min(view.now, fault.until + AFTER if fault.until else fault.since + LONGEST)
    values = {
        "site": fault.site,
        "report": "traffic_by_hour" if grain == "hour" else source.report,
        "grain": grain,
        "measure": source.measure,
        "since": midnight(fault.since - BEFORE, fault.zone),
        "until": until,
        **source.values,
    }
    return values, _CELLS.format(where=source.where)


def _spans(known: Mapping[datetime, tuple[float, bool]], fault: Fault, grain: Grain) -> Iterator[Span]:
    """Yield each day or hour from the first published one to the last, with what was usual on the days before."""
    found: list[Span] = []
    at = min(known)
    while at <= max(known):
        value, is_there = known.get(at, (0.0, False))
        found.append(Span(at.astimezone(fault.zone), value if is_there else None, at in known and not is_there))
        at = bucket(grain, at, fault.zone).end
    before = [each for each in found if _is_known(each) and bucket(grain, each.at, fault.zone).end <= fault.quiet_until]
    of_kind = {
        kind: _band([each for each in before if _kind(each.at, grain) == kind])
        for kind in {_kind(each.at, grain) for each in found}
    }
    of_all = _band(before)
    for each in found:
        low, high = of_kind[_kind(each.at, grain)]
        low, high = (low, high) if high is not None or grain == "hour" else of_all
        yield each._replace(low=low, high=high)


def _is_known(span: Span) -> bool:
    return span.value is not None or span.is_few


def _kind(at: datetime, grain: Grain) -> int:
    return at.hour if grain == "hour" else int(at.weekday() >= SATURDAY)


def _band(before: Sequence[Span]) -> tuple[float | None, float | None]:
    """Return what eight of ten spans had; one with too few to be published counts as none below, and as the most that it may be above."""
    if len(before) < ENOUGH or all(each.is_few for each in before):
        return None, None
    low = quantiles([each.value or 0 for each in before], n=10, method="inclusive")[0]
    return low, quantiles(
        [MOST_OF_FEW if each.value is None else each.value for each in before], n=10, method="inclusive"
    )[-1]


def _message(view: View, fault: Fault, source: Source, spans: Sequence[Span], grain: Grain) -> str:
    """Return what the chart shows, in words: the number of the place, what was usual, and what it was since the begin."""
    say = view.words.say
    name = say("problem_site") if source.is_whole or fault.dimension == "site" else _name(view, fault)
    text = [say("problem_shows_" + source.text, name=name)]
    before = [each for each in spans if _is_known(each) and each.at < fault.quiet_until - timedelta(days=1)]
    since = [each for each in spans if each.at >= fault.since and (fault.until is None or each.at < fault.until)]
    if len(before) >= ENOUGH:
        text.append(_usual(view, before, f"{grain}_before", "problem_few_before"))
    if any(_is_known(each) for each in since):
        text.append(_usual(view, [each for each in since if _is_known(each)], f"{grain}_since", "problem_few_since"))
    else:
        text.append(say("problem_none_since" if since else "problem_not_yet"))
    band = {"hour": "problem_band_hour", "day": "problem_band_day"}[grain]
    text.append(say(band if any(each.high is not None for each in spans) else "problem_no_band"))
    if any(each.value is None for each in spans):
        text.append(say("problem_hatched"))
    return " ".join(text)


def _usual(view: View, spans: Sequence[Span], known: str, few: str) -> str:
    """Return the median in words; of spans with too few visitors only that they are too few."""
    middle = median(each.value or 0 for each in spans)
    is_few = middle < FEW and any(each.is_few for each in spans)
    return view.words.say(few) if is_few else view.words.say("problem_each_" + known, n=round(middle))


def _name(view: View, fault: Fault) -> str:
    return named(Place(fault.dimension, fault.name), view.language, LONGEST_NAME)["name"]


def _columns(view: View, grain: Grain) -> list[Column]:
    say = view.words.say
    return [
        Column(say("day") if grain == "day" else say("problem_hour"), "", is_number=False),
        Column(say("problem_number"), "", is_number=True),
        Column(say("problem_usual"), "", is_number=True),
    ]


def _row(view: View, zone: tzinfo, span: Span, grain: Grain) -> list[Cell]:
    words = view.words
    value = words.say("problem_few") if span.is_few else words.say("problem_unpublished")
    usual = "" if span.high is None else f"{words.written(round(span.low or 0))}–{words.written(round(span.high))}"
    return [
        Cell(words.day(span.at, zone) if grain == "day" else words.time(span.at, zone), is_number=False),
        Cell(value if span.value is None else words.written(span.value), is_number=True),
        Cell(usual, is_number=True),
    ]
