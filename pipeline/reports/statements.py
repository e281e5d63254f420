"""The pieces of a statement: literals, parameters, the time zone of a site, and the statement that makes a view.

Owns the quoting of a value, the definer of every view, and the question that a reader asks of one. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pipeline.database import cluster
from pipeline.host_names import bare_host
from pipeline.reports.header import PLACEHOLDER, Report, Value
from pipeline.settings.model import Settings


def rendered(name: str, body: str, settings: Settings, columns: Sequence[str] = ()) -> str:
    """Return the statement that makes or replaces a view; with declared `columns` its maker needs no right on the tables."""
    on_cluster = cluster.words(cluster.flavour(settings))["on_cluster"]
    declared = "\n(\n    {}\n)".format(",\n    ".join(columns)) if columns else ""
    return (
        f"CREATE OR REPLACE VIEW {name}{on_cluster}{declared} DEFINER = pixel_viewer SQL SECURITY DEFINER AS\n"
        f"/* {name.replace('.', '/')} */\n{body}"
    )


def question(report: Report, holding: Iterable[str] = ()) -> str:
    """Return the query on the view of a report, with its parameters; each column `holding` a text keeps the rows in which it has it.

    The text for a column `page` is the parameter `with_page`; upper and lower case are one. Raises `LookupError` for a column that
    the report does not have.
    """
    given = ", ".join(f"{name} = {{{name}:{each.type}}}" for name, each in report.parameters.items())
    kept = [_holds(report, column) for column in holding]
    where = "\nWHERE " + "\n  AND ".join(kept) if kept else ""
    return f"SELECT *\nFROM {report.view}{f'({given})' if given else ''}{where}"


def readable(query: str, values: Mapping[str, Value]) -> str:
    """Return a query with these values as plain literals in place of their `{name:Type}`, for people."""
    return PLACEHOLDER.sub(lambda match: literal(values[match[1]]) if match[1] in values else match[0], query)


def _holds(report: Report, column: str) -> str:
    if column not in report.columns:
        raise LookupError(f"{report.path}: {column}: expected a column of {', '.join(report.columns)}")
    return f"positionCaseInsensitiveUTF8(toString({column}), {{with_{column}:String}}) > 0"


def literal(value: Value) -> str:
    """Return a value as a literal of ClickHouse."""
    if not isinstance(value, str):
        return repr(value)
    return "'{}'".format(value.replace("\\", "\\\\").replace("'", "\\'"))


def write(sql: str, values: Mapping[str, Value]) -> str:
    """Return a query with these values in place of their `{name:Type}`; the others stay parameters."""
    return with_expressions(sql, {name: literal(value) for name, value in values.items()})


def with_expressions(sql: str, given: Mapping[str, str]) -> str:
    """Return a query with these expressions in place of their `{name:Type}`; the others stay parameters."""
    return PLACEHOLDER.sub(
        lambda match: f"CAST({given[match[1]]} AS {match[2]})" if match[1] in given else match[0], sql
    )


def declared(name: str, kind: str, meaning: str) -> str:
    """Return the declaration of a column of a view, with its meaning for tools."""
    return f"{name} {kind} COMMENT {literal(meaning)}"


def own_hosts_sql(settings: Settings) -> str:
    """Return the expression for the hosts of the site that a report asks for, in their stored form without `www.`."""
    hosts = ((site.id, sorted({bare_host(host) for host in site.hosts})) for site in settings.sites)
    choices = "".join(f"{{site:String}} = {literal(site)}, [{', '.join(map(literal, own))}], " for site, own in hosts)
    return f"multiIf({choices}[])"


def zone_sql(report: Report, settings: Settings) -> str:
    """Return the expression for the time zone of the site that a report asks for; a constant, as ClickHouse needs it."""
    asked = settings.sites if "site" in report.parameters else ()
    zones = [(site.id, site.timezone) for site in asked if site.timezone != "UTC"]
    choices = "".join(f"{{site:String}} = {literal(site)}, {literal(zone)}, " for site, zone in zones)
    return f"multiIf({choices}'UTC')" if zones else "'UTC'"
