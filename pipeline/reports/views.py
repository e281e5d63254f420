"""The text of every view: reports with their suppression, and the roll-up that the worker reads.

Owns the rendering of a query file as a statement. Rules:

* `<family>.<name>` is a view with definer `pixel_viewer`, so a purpose is a grant on one database.
* Suppression (sql/views/suppressed.sql) and thresholds are written into the view; a caller gives the parameters only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipeline.database import schema
from pipeline.reports.catalogue import all_reports, thresholds
from pipeline.reports.header import PLACEHOLDER, Report, Value
from pipeline.settings.model import Settings
from sql import ROLLUP_DIR, fill, without_comments

DATABASES: Final = ("technical", "fraud", "privacy", "rollup")
"""The databases that hold only views."""


def view_statements(settings: Settings) -> dict[str, str]:
    """Return the statement that makes or replaces each view, by `database.view`; without fraud review no fraud view."""
    reports = [report for report in all_reports() if report.purpose != "fraud" or settings.fraud.enabled]
    rollups = {f"rollup.{file.stem}": file.read_text(encoding="utf-8") for file in sorted(ROLLUP_DIR.glob("*.sql"))}
    return {report.view: view_sql(report, settings) for report in reports} | {
        name: _view(name, fill(without_comments(text), {}), settings) for name, text in rollups.items()
    }


def view_sql(report: Report, settings: Settings) -> str:
    """Return the statement that makes or replaces the report's view."""
    return _view(report.view, query(report, settings), settings)


def query(report: Report, settings: Settings, given: Mapping[str, Value] | None = None) -> str:
    """Return the query of a report with suppression and thresholds; with `given` parameters it may be run as it is."""
    body = fill(_suppressed(report) if report.suppressed else report.sql, {"zone": zone_sql(report, settings)})
    return write(body, {**thresholds(report, settings), **(given or {})})


def zone_sql(report: Report, settings: Settings) -> str:
    """Return the expression for the time zone of the site that a report asks for; a constant, as ClickHouse needs it."""
    asked = settings.sites if "site" in report.parameters else ()
    zones = [(site.id, site.timezone) for site in asked if site.timezone != "UTC"]
    choices = "".join(f"{{site:String}} = {_literal(site)}, {_literal(zone)}, " for site, zone in zones)
    return f"multiIf({choices}'UTC')" if zones else "'UTC'"


def write(sql: str, values: Mapping[str, Value]) -> str:
    """Return a query with these values in place of their `{name:Type}`; the others stay parameters."""
    return PLACEHOLDER.sub(
        lambda match: f"CAST({_literal(values[match[1]])} AS {match[2]})" if match[1] in values else match[0], sql
    )


def _view(name: str, body: str, settings: Settings) -> str:
    cluster = schema.words(schema.flavour(settings))["on_cluster"]
    return (
        f"CREATE OR REPLACE VIEW {name}{cluster} DEFINER = pixel_viewer SQL SECURITY DEFINER AS\n"
        f"/* {name.replace('.', '/')} */\n{body}"
    )


def _literal(value: Value) -> str:
    if not isinstance(value, str):
        return repr(value)
    return "'{}'".format(value.replace("\\", "\\\\").replace("'", "\\'"))


def _suppressed(report: Report) -> str:
    keys, measures = report.named("key"), report.named("measure")
    published = [_key(report, name, place) for place, name in enumerate(keys, start=1)]
    published += [f"numbers[{place}] AS {name}" for place, name in enumerate(measures, start=1)]
    published += [f"distinct_visitors AS {name}" for name in report.named("visitors")]
    columns = [
        f"{column.expression} AS {name}" if column.expression else name for name, column in report.columns.items()
    ]
    return fill(
        "$suppressed",
        {
            "zone": "$zone",
            "cells": report.sql.replace("\n", "\n        "),
            "keys": ", ".join(f"toString({name})" for name in keys),
            "measures": ", ".join(f"toUInt64({name})" for name in measures),
            "published": ",\n            ".join(published),
            "columns": ",\n    ".join(columns),
            "order": report.order,
        },
    )


def _key(report: Report, name: str, place: int) -> str:
    kind = report.columns[name].type
    # The folded row has text as its keys; a key column of another type is NULL there.
    if not kind:
        return f"keys[{place}] AS {name}"
    value = f"if(folded, NULL, keys[{place}])::Nullable({kind})"
    return f"toTimeZone({value}, $zone) AS {name}" if kind.startswith("DateTime") else f"{value} AS {name}"
