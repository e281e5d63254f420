"""Turns a measurement into its row: the opt-in measurements of the script, without visitor and tokens.

Owns the computation of `TechnicalRow`. Rules as in `pipeline.enrich.steps`: pure, and exactly one row. Of the agent
only browser, system, device class and the name of a robot are kept.
"""

from __future__ import annotations

from pipeline.enrich.rows import TechnicalRow
from pipeline.enrich.steps import EnrichTables, read_agent, time_text
from pipeline.event import Measurement

LARGEST_LINE = 2**32 - 1
"""The largest value of the column; the edge accepts seven digits, an older spool may hold more."""


def enrich_measurement(measurement: Measurement, tables: EnrichTables, batch_id: str) -> TechnicalRow:
    """Return the complete row of a measurement."""
    agent = read_agent(measurement, tables.agents)
    host, file, line = _source(measurement.source)
    return TechnicalRow(
        received_at=time_text(measurement.received_ms),
        event_id=measurement.event_id,
        site=measurement.site,
        page=measurement.page,
        browser=agent.browser,
        os=agent.os,
        device=agent.device,
        country=measurement.country,
        kind=measurement.kind,
        name=measurement.name,
        template=measurement.template,
        source_host=host,
        source_file=file,
        source_line=line,
        value=measurement.value,
        release=measurement.release,
        browser_major=agent.browser_major,
        robot=agent.robot,
        net_class=measurement.net_class,
        mode=measurement.mode,
        view=measurement.view,
        batch_id=batch_id,
    )


def _source(source: str) -> tuple[str, str, int]:
    # host:file:line of an error; only the host of a resource.
    host, _, rest = source.partition(":")
    file, _, line = rest.rpartition(":")
    if line.isascii() and line.isdecimal() and len(line) <= len(str(LARGEST_LINE)):
        return host, file, min(int(line), LARGEST_LINE)
    return host, rest, 0
