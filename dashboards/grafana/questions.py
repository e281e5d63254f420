"""What a panel of Grafana asks: SQL with the macros and variables of the plugin `grafana-clickhouse-datasource`.

Rules:

* A variable reaches the SQL only as `decodeURLComponent('${name:percentencode}')`: Grafana encodes everything but letters,
  digits and `-_.~`, so no value ends the text. Its formats `sqlstring` and `singlequote` leave a backslash alone, with
  which a value such as `\\' OR ...` would leave the text in ClickHouse.
* A time is `$__fromTime` or `$__toTime`, which the plugin makes from numbers.
* A number that is not published stays NULL: nothing turns it into zero.
"""

from __future__ import annotations

from typing import Final

from pipeline.reports.header import Report

SITE: Final = "decodeURLComponent('${site:percentencode}')"
SITES: Final = (
    "SELECT DISTINCT site FROM technical.now_3h WHERE site != ''"
    " UNION DISTINCT SELECT site FROM technical.publications ORDER BY site"
)
"""The choice of sites, for users who read `technical`."""
LONGEST_BARS: Final = 25
"""Bars of one panel."""

_FRAME: Final = {"site": SITE, "since": "$__fromTime", "until": "$__toTime"}


def time_of(report: Report) -> str | None:
    """Return the column over which a report is drawn as a line; None where it is drawn otherwise."""
    if report.chart not in ("line", "strip"):
        return None
    times = [
        name
        for name, column in report.columns.items()
        if column.kind == "start" or (column.kind == "value" and (column.type or "").startswith("DateTime("))
    ]
    return times[0] if times else None


def bar_of(report: Report) -> str | None:
    """Return the column that names the bars; None where no single column does."""
    if report.chart not in ("bar", "funnel") or not report.rank:
        return None
    keys = report.named("key")
    if report.is_published:
        return keys[0] if len(keys) == 1 else None
    return next(iter(report.columns)) if report.purpose == "privacy" else None


def question(report: Report) -> str:
    """Return the SQL of the panel. Raises `LookupError` for a parameter without a variable in Grafana."""
    unknown = report.parameters.keys() - _FRAME.keys()
    if unknown:
        raise LookupError(f"{report.path}: {min(unknown)}: no variable of Grafana has this parameter")
    values = ", ".join(f"{name}={_FRAME[name]}" for name in report.parameters)
    source = f"FROM {report.view}({values})"
    of_site = f"site = {SITE}" if "site" in report.columns else ""
    time, bar = time_of(report), bar_of(report)
    if time is not None:
        # The row of the dropped cells has the time 0: it is no moment of the chart.
        conditions = " AND ".join(filter(None, [f"toUnixTimestamp({time}) > 0", of_site]))
        drawn = ", ".join(name for name in report.columns if name != time and _is_number(report, name))
        return f"SELECT {time} AS time, {drawn}\n{source}\nWHERE {conditions}\nORDER BY time"
    if bar is not None:
        return f"SELECT toString({bar}) AS {bar}, {report.rank}\n{source}\nLIMIT {LONGEST_BARS}"
    columns = ", ".join("toUInt8(small) AS small" if name == "small" else name for name in report.view_columns)
    return "\n".join(filter(None, [f"SELECT {columns}", source, of_site and f"WHERE {of_site}"]))


def _is_number(report: Report, name: str) -> bool:
    # A text beside a time would become the name of a series of its own.
    column = report.columns[name]
    return column.kind != "key" and (column.type or "UInt64").startswith(("UInt", "Int", "Float"))
