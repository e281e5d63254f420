"""The text of every view: reports over published cells, reports over rows, and the list of the reports.

Owns the rendering of a query file as a statement. Rules:

* `<family>.<name>` is a view with definer `pixel_viewer`, so a purpose is a grant on one database.
* A published report is a sum of published cells (sql/views/sums_of_cells.sql). Beside its parameterised view it has plain ones whose
  columns are declared, because most tools cannot see the columns of a parameterised view: `_day`, `_7d`, `_28d`. Reports over
  counters have such views of the last hours.
* Thresholds are written into the view; a caller gives the parameters only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pipeline.reports.catalogue import all_reports, thresholds
from pipeline.reports.header import Column, Report, Value
from pipeline.reports.statements import declared, literal, rendered, with_expressions, write, zone_sql
from pipeline.settings.model import Settings
from sql import ROLLUP_DIR, fill, without_comments

DATABASES: Final = ("technical", "fraud", "privacy", "rollup")
"""The databases that hold only views."""
PLAIN: Final[Mapping[str, int]] = {"day": 1, "7d": 7, "28d": 28}
"""The plain views of a published report: the last so many published days of each site."""

_SMALL: Final = "1 where the row has no numbers, because there were fewer than 5 {}"
_LISTED: Final = {
    "name": "name of the view",
    "question": "the question that it answers",
    "question_ru": "the same in Russian",
    "columns": "its columns",
    "parameters": "parameters of the view; without them ask the plain views",
    "plain": "views without parameters: of the last published days, or of the last hours where nothing is published",
    "example": "a query that can be run",
}


Line = Sequence[str | list[str]]
"""One view as the list of its family tells it, in the order of `_LISTED`."""


def view_statements(settings: Settings) -> dict[str, str]:
    """Return the statement that makes or replaces each view, by `database.view`; without fraud review no fraud view."""
    reports = [report for report in all_reports() if report.purpose != "fraud" or settings.fraud.enabled]
    made = {report.view: view_sql(report, settings) for report in reports}
    for report in reports:
        made |= {f"{report.view}_{name}": _plain_view(report, name, settings) for name in _plain_names(report)}
    for family in dict.fromkeys(report.purpose for report in reports):
        lines = [line_of(report, settings) for report in reports if report.purpose == family]
        made[f"{family}.reports"] = list_of(f"{family}.reports", lines, settings)
    for file in sorted(ROLLUP_DIR.glob("*.sql")):
        body = fill(without_comments(file.read_text(encoding="utf-8")), {})
        made[f"rollup.{file.stem}"] = rendered(f"rollup.{file.stem}", body, settings)
    return made


def view_sql(report: Report, settings: Settings) -> str:
    """Return the statement that makes or replaces the report's view."""
    columns = [] if report.parameters else [_described(*each, "UTC") for each in report.columns.items()]
    return rendered(report.view, query(report, settings), settings, columns)


def query(report: Report, settings: Settings, given: Mapping[str, Value] | None = None) -> str:
    """Return the query of a report with its thresholds; with `given` parameters it may be run as it is."""
    zone = zone_sql(report, settings)
    if report.is_published:
        asked = f"$first_{report.step} AND end <= $end_{report.step}"
        body = _sum_of_cells(report, zone, f"site = {{site:String}} AND start >= {asked}")
    else:
        body = fill(report.sql, {"zone": zone, "sites": _array(site.id for site in settings.sites)})
    return write(body, {**thresholds(report), **(given or {})})


def _plain_names(report: Report) -> Iterable[str]:
    return PLAIN if report.is_published else report.plain


def _plain_view(report: Report, name: str, settings: Settings) -> str:
    return (_plain_view_of_cells if report.is_published else _plain_view_until_now)(report, name, settings)


def _plain_view_until_now(report: Report, name: str, settings: Settings) -> str:
    period = {"since": f"now64(3, 'UTC') - toIntervalHour({report.plain[name]})", "until": "now64(3, 'UTC')"}
    columns = [_described(*each, "UTC") for each in report.columns.items()]
    return rendered(f"{report.view}_{name}", with_expressions(query(report, settings), period), settings, columns)


def _plain_view_of_cells(report: Report, name: str, settings: Settings) -> str:
    zone = _common_zone(settings)
    first = f"days[least({PLAIN[name]}, length(days))].1"
    # The begin of the period of all sites is a constant, which the index of the tables needs.
    since = f"arrayMin(arrayMap(days -> {first}, mapValues(days_of)))"
    within = f"start >= {since} AND arrayExists(days -> start >= {first} AND end <= days[1].2, [days_of[site]])"
    body = write(_sum_of_cells(report, literal(zone), within, of_all_sites=True), thresholds(report))
    columns = [declared("site", "LowCardinality(String)", "site of the settings")]
    columns += [_described(column, each, zone) for column, each in report.columns.items()]
    small = declared("small", "UInt8", _SMALL.format("page loads" if report.counted == "technical" else "visitors"))
    return rendered(f"{report.view}_{name}", body, settings, [*columns, small])


def line_of(report: Report, settings: Settings) -> Line:
    """Return the line of a report in the list of its family."""
    return (
        report.view,
        report.en.question,
        report.ru.question,
        [*report.columns, *(["small"] if report.is_published else [])],
        ", ".join(f"{each} {parameter.type}" for each, parameter in report.parameters.items()),
        [f"{report.view}_{each}" for each in _plain_names(report)],
        _example(report, settings),
    )


def list_of(name: str, lines: Iterable[Line], settings: Settings) -> str:
    """Return the statement of the view that lists these views."""
    texts = ",\n        ".join(f"({', '.join(_literal_or_list(value) for value in line)})" for line in lines)
    names = ", ".join(f"line.{place} AS {column}" for place, column in enumerate(_LISTED, 1))
    columns = [
        declared(column, "Array(String)" if column in {"columns", "plain"} else "String", meaning)
        for column, meaning in _LISTED.items()
    ]
    body = f"SELECT {names} FROM (SELECT arrayJoin([\n        {texts}\n    ]) AS line)"  # noqa: S608 - words of checked files
    return rendered(name, body, settings, columns)


def _example(report: Report, settings: Settings) -> str:
    site = literal(settings.sites[0].id)
    if plain := [*_plain_names(report)]:
        of_site = f" WHERE site = {site}" if report.is_published else ""
        return f"SELECT * FROM {report.view}_{plain[0]}{of_site}"  # noqa: S608 - text
    values = {"site": site, "since": "now() - INTERVAL 1 DAY", "until": "now()"}
    given = ", ".join(f"{name} = {values.get(name, '...')}" for name in report.parameters)
    return f"SELECT * FROM {report.view}" + (f"({given})" if given else "")  # noqa: S608 - text


def _literal_or_list(value: str | list[str]) -> str:
    if isinstance(value, str):
        return literal(value)
    return _array(value)


def _array(values: Iterable[str]) -> str:
    return f"CAST([{', '.join(map(literal, values))}], 'Array(String)')"


def _described(name: str, column: Column, zone: str) -> str:
    return declared(name, _type(column, zone), f"{column.meaning} ({column.unit})")


def _common_zone(settings: Settings) -> str:
    # A column has one time zone: UTC where the sites have several.
    zones = {site.timezone for site in settings.sites}
    return zones.pop() if len(zones) == 1 else "UTC"


_CHOSEN: Final = "publication IN (SELECT id FROM chosen)"
_FROM_SPANS: Final = {
    "people": "sum(visitors)",
    "numbers": "sumMap(numbers)",
    "first_start": "min(start)",
    "read": _CHOSEN,
    "having": "",
}
_FIRST: Final = f"minIf((start, end), {_CHOSEN})"
_INSIDE: Final = f"arrayFilter(day -> day >= {_FIRST}.1 AND day < {_FIRST}.2, groupArrayIf(start, grain = 'day'))"
_FROM_DAYS: Final = {
    "people": f"sumIf(visitors, {_CHOSEN})",
    "numbers": f"sumMapIf(numbers, {_CHOSEN})",
    "first_start": f"if(empty({_INSIDE}), {_FIRST}.1, arrayMin({_INSIDE}))",
    "read": f"(grain = 'day' OR {_CHOSEN})",
    "having": f"\n        HAVING countIf({_CHOSEN}) > 0",
}
"""A row whose first span is a week or four weeks begins with the first published day in it; the same cells are read."""


def _sum_of_cells(report: Report, zone: str, within: str, *, of_all_sites: bool = False) -> str:
    stored = {name: column for name, column in report.columns.items() if not column.expression}
    keys = report.named("key")
    site = ["site"] if of_all_sites else []
    columns = [
        f"{column.expression} AS {name}" if column.expression else name for name, column in report.columns.items()
    ]
    rest = [
        f"{_of_rest(column, zone, first=report.rest if [name] == keys[:1] else '')} AS {name}"
        for name, column in stored.items()
    ]
    return fill(
        "$sums_of_cells",
        {
            "zone": zone,
            "days_of": fill("$last_days", {}) + ",\n    " if of_all_sites else "",
            "report": literal(report.name),
            "within": fill(within, {"zone": zone}),
            "texts": f"CAST([{', '.join(f'keys[{literal(key)}]' for key in keys)}], 'Array(String)')",
            "and_start": ", start" if report.named("start") else "",
            **(_FROM_DAYS if report.named("first") else _FROM_SPANS),
            "is_small": "false" if report.shape == "exact" else "isNull(people)",
            "of_sums": ", ".join(f"{_of_sum(name, column, keys, zone)} AS {name}" for name, column in stored.items()),
            "of_rest": ", ".join(rest),
            "columns": ",\n    ".join([*site, *columns, "small"]),
            "only": report.only or "true",
            "order": ", ".join([*site, *_small_last(report), report.order]),
        },
    )


def _small_last(report: Report) -> list[str]:
    """Return the order before that of the report: small rows after the others, and at the end the one of the dropped cells."""
    keys = report.named("key")
    return ["small", f"{keys[0]} = {literal(report.rest)}"] if keys else []


def _of_sum(name: str, column: Column, keys: Sequence[str], zone: str) -> str:
    """Return the SQL of a column over `summed`."""
    match column.kind:
        case "key":
            text = f"texts[{keys.index(name) + 1}]"
            return f"{text}::Nullable({column.type})" if column.type else text
        case "start" | "first":
            return f"toTimeZone(first_start, {zone})"
        case "visitors" | "loads":
            return "people"
        case _:
            return f"if(mapContains(sums, {literal(name)}), sums[{literal(name)}], NULL)"


def _of_rest(column: Column, zone: str, *, first: str) -> str:
    """Return the SQL of a column in the row of the dropped cells; `first` is the text of its first key."""
    if column.kind == "start":
        return f"toDateTime(0, {zone})"
    if column.kind == "key" and not column.type:
        return literal(first)
    return "NULL"


def _type(column: Column, zone: str) -> str:
    match column.kind:
        case "key":
            return f"Nullable({column.type})" if column.type else "String"
        case "value":
            return column.type or ""
        case "start":
            return f"DateTime({literal(zone)})"
        case "first":
            return f"Nullable(DateTime({literal(zone)}))"
        case "derived":
            return f"Nullable({column.type or 'Float64'})"
        case _:
            return "Nullable(UInt64)"
