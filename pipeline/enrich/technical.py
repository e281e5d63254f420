"""From a technical signal to its row: the opt-in signals of the script, without visitor and tokens.

Owns the computing of `TechnicalRow`. Rules as in `pipeline.enrich.steps`: pure, and exactly one row. Of the agent only browser, system and device class are kept.
"""

from __future__ import annotations

from pipeline.enrich.rows import TechnicalRow
from pipeline.enrich.steps import EnrichTables, time_text
from pipeline.event import TechnicalSignal

LARGEST_LINE = 2**32 - 1
"""What the column holds; the edge takes seven digits, an older spool may hold more."""


def enrich_signal(signal: TechnicalSignal, tables: EnrichTables, batch_id: str) -> TechnicalRow:
    """Return the stored row of a signal, complete."""
    agent = tables.agents.read(signal.agent)
    host, file, line = _source(signal.source)
    return TechnicalRow(
        received_at=time_text(signal.received_ms),
        event_id=signal.event_id,
        site=signal.site,
        page=signal.page,
        browser=agent.browser,
        os=agent.os,
        device=agent.device,
        country=signal.country,
        kind=signal.kind,
        name=signal.name,
        template=signal.template,
        source_host=host,
        source_file=file,
        source_line=line,
        value=signal.value,
        release=signal.release,
        batch_id=batch_id,
    )


def _source(source: str) -> tuple[str, str, int]:
    # host:file:line of an error; a resource has its host only.
    host, _, rest = source.partition(":")
    file, _, line = rest.rpartition(":")
    if line.isascii() and line.isdecimal() and len(line) <= len(str(LARGEST_LINE)):
        return host, file, min(int(line), LARGEST_LINE)
    return host, rest, 0
