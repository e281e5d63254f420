"""The copy of the hits of the day that is scored, and what one query of a scoring may take.

Owns `pixel.fraud_hits` and the bounds of time and memory. Theory of operation: a day is copied in pieces of about `PIECE_ROWS` hits by ten minutes, each
of which finds repeated deliveries as the whole day would (they are at most ten minutes apart), so a large day needs no more memory than a small one. Of one
client at most `MOST_HITS` hits of an hour and piece are copied, or one client could make every signal fail. Works as `pixel_writer`.
"""

# ruff: noqa: S608  names of views of this file
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from clickhouse_connect.driver import Client
from clickhouse_connect.driver.summary import QuerySummary

from pipeline.database.client import in_utc
from pipeline.errors import Retryable
from pipeline.fraud.day import Day
from pipeline.fraud.views import HITS

PIECE_ROWS: Final = 500_000
MOST_HITS: Final = 2_000
"""Of one client in an hour: no signal looks at more of them, and a page that loads itself again every two seconds stays below."""
CUT_HITS: Final = "hits"
"""The word of a run for clients that sent more than `MOST_HITS`."""
TOO_MUCH: Final = frozenset({128, 159, 160, 173, 241, 243})
"""ClickHouse's numbers of the errors of a query that needs more than it may take: a too large array, time, memory, and room to sort on the disk."""
BOUNDS: Final = {
    # One core: the other ones of a small machine receive and ship events. Two threads take more time of the processor.
    "max_threads": 1,
    # Over half of the memory that the embedded server has as shipped; the rest is for what is being stored, and for readers.
    "max_memory_usage": 850_000_000,
    "max_bytes_before_external_group_by": 250_000_000,
    "max_bytes_before_external_sort": 250_000_000,
    # The copy is in the order of the suspects: a group ends where the next suspect begins.
    "optimize_aggregation_in_order": 1,
    "cancel_http_readonly_queries_on_client_close": 1,
}
ON_DISK: Final = {**BOUNDS, "optimize_aggregation_in_order": 0, "max_bytes_before_external_group_by": 100_000_000}
"""The bounds of a second try: groups that are read in order are never put on the disk, others are."""
PIECE_SECONDS: Final = 300
_TIMES: Final = (
    "/* hits by time */ SELECT toStartOfTenMinutes(received_at) AS slot, count() FROM pixel.events"
    " WHERE site = {site:String} AND received_at >= {since:DateTime('UTC')} AND received_at < {until:DateTime('UTC')}"
    " GROUP BY slot ORDER BY slot"
)
_COPY: Final = (
    f"/* copy the hits of a day */ INSERT INTO pixel.fraud_hits SELECT * FROM {HITS}(site = {{site:String}},"
    " since = {since:DateTime('UTC')}, until = {until:DateTime('UTC')}, run = {run:DateTime64(3, 'UTC')}, most = {most:UInt64})"
)
_COPIED: Final = "/* copied hits */ SELECT count() FROM pixel.fraud_hits WHERE run = {run:DateTime64(3, 'UTC')}"
# First by the client alone: groups by client and hour, made in the order of the clients, take some eighty times as long.
_CROWDED: Final = (
    "/* clients with many hits */ SELECT uniqExact(suspect) FROM (SELECT suspect FROM pixel.fraud_hits"
    " WHERE run = {run:DateTime64(3, 'UTC')} AND site = {site:String} AND suspect IN (SELECT suspect FROM pixel.fraud_hits"
    " WHERE run = {run:DateTime64(3, 'UTC')} AND site = {site:String} GROUP BY suspect HAVING count() >= {most:UInt64})"
    " GROUP BY suspect, toStartOfHour(received_at) HAVING count() >= {most:UInt64})"
)
_EMPTY: Final = "/* end the copies */ TRUNCATE TABLE pixel.fraud_hits"


@contextmanager
def copied(client: Client, day: Day, *, most: int = MOST_HITS) -> Iterator[int]:
    """Keep a copy of the hits of a day for its measuring, and end it afterwards; one of a scoring that broke off ends now.

    Lends the number of clients of which not all hits were copied. Raises `Retryable` where hits of it ended meanwhile: what was measured is of a
    part of the day, or of a person who was erased.
    """
    end_copies(client)
    try:
        written = sum(_copy(client, day, since, until, most) for since, until in _pieces(client, day))
        ((crowded,),) = client.query(_CROWDED, parameters={**day.words, "most": most}, settings=BOUNDS).result_rows
        yield crowded
        ((left,),) = client.query(_COPIED, parameters=day.words).result_rows
        if left != written:
            raise Retryable(
                f"{day.site}, {day.day}: copied hits ended while they were scored (another host scores, too, or a person"
                " was erased); the day is scored again"
            )
    finally:
        end_copies(client)


def end_copies(client: Client) -> None:
    """Delete all copied hits."""
    client.command(_EMPTY)


def _pieces(client: Client, day: Day) -> Iterator[tuple[datetime, datetime]]:
    """Yield the spans of the pieces: begin and end, one after the other."""
    begin, rows = day.since, 0
    for slot, count in client.query(_TIMES, parameters=day.words, settings=BOUNDS).result_rows:
        end = in_utc(slot)
        if rows and rows + count > PIECE_ROWS and end > begin:
            yield begin, end
            begin, rows = end, 0
        rows += count
    if rows:
        yield begin, day.until


def _copy(client: Client, day: Day, since: datetime, until: datetime, most: int) -> int:
    values = {**day.words, "since": since, "until": until, "most": most}
    answer = client.command(_COPY, parameters=values, settings={**BOUNDS, "max_execution_time": PIECE_SECONDS})
    return answer.written_rows if isinstance(answer, QuerySummary) else 0
