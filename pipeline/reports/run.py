"""Runs a report in ClickHouse, as the role of its family and never as a user with more rights."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.database.client import code, explain, in_utc, lent
from pipeline.database.starting import missing
from pipeline.errors import Fatal
from pipeline.reports.answers import Table
from pipeline.reports.catalogue import Period, parameters
from pipeline.reports.header import Report
from pipeline.reports.statements import question
from pipeline.settings.model import Settings

MISSING: Final = {46, 60, 81}
"""ClickHouse's error numbers for an unknown function (a missing parameterised view gives it), table and database."""


def run(
    settings: Settings,
    report: Report,
    site: str,
    since: datetime,
    until: datetime,
    *,
    more: Mapping[str, str] | None = None,
    holding: Mapping[str, str] | None = None,
    client: Client | None = None,
) -> Table:
    """Run a report; `more` are values of its own parameters, `client` is an open connection of its role.

    `holding` keeps the rows whose columns hold these texts. Raises `Fatal` where its view is missing, `Retryable` where ClickHouse is
    unavailable, `LookupError` for a parameter or a column that it does not have.
    """
    if report.purpose == "fraud" and not settings.fraud.enabled:
        raise Fatal("fraud.enabled is false in the settings, so there are no fraud reports; see docs/legal-mapping.md")
    values = parameters(report, site, Period(since, until), more)
    held = {f"with_{column}": text for column, text in (holding or {}).items()}
    query = question(report, holding or ())
    with lent(settings, report.role, client) as asked:
        try:
            answer = asked.query(query, parameters=values | held)
        except ClickHouseError as error:
            if code(error) in MISSING:
                raise missing(settings, report.view) from None
            raise explain(error, settings, report.role) from None
    # An empty answer has no column names.
    columns = answer.column_names or report.view_columns
    rows = [tuple(in_utc(each) if isinstance(each, datetime) else each for each in row) for row in answer.result_rows]
    return Table(tuple(columns), rows)
