"""The stored rows of one person: found, counted, exported, hidden, held and deleted.

Owns every SQL statement about one person; works as `pixel_eraser`. Rules:

* A row is the person's when it has one of the request's visitors, or on one of its days its address token. A day's visitor
  (a browser without id cookie) is never searched for: it may belong to several persons.
* Rows are held by copy: the copy stays while the block lasts; the original ends at its term and stays hidden until then.
  The copy has no sealed click id, because that ends after 60 days.
* On a cluster each shard is asked itself: a query that the home passes on does not see the rows of blocked persons there. Copies are
  held where the row was.
* After a deletion the rows are counted again; a table with a visitor that is not in `TABLES` fails a test.
"""

# ruff: noqa: S608  conditions hold numbers, days and tokens only, see `matching`
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from ipaddress import IPv6Address
from itertools import chain
from operator import itemgetter
from typing import Any, Final, TypeVar

from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.database.client import connect, explain, of_each_shard
from pipeline.database.cluster import SHARDED, stored_in
from pipeline.errors import Fatal
from pipeline.inventory.columns import inventory
from pipeline.settings.model import Settings
from pipeline.subjects.requests import PersonRequest

TABLES: Final[Mapping[str, str]] = {
    "events": "received_at",
    "held": "received_at",
    "fraud_signals": "window_start",
    "fraud_hits": "received_at",
    "fraud_cases": "last_seen",
}
"""Every table whose rows have a visitor, with the column of their time; except the blocks themselves."""

EXPORTED: Final = ", ".join(
    column.name for column in inventory().of("events") if column.group.words and not column.is_token
)
"""The columns that a person receives: all columns that /privacy describes, but no token."""

EXPORTED_SIGNALS: Final = "window_start, window_end, site, signal, value, threshold, points, is_shadow, evidence"
EXPORTED_SCORES: Final = "day, site, score, band, families, signals, reasons, reasons_ru, first_seen, last_seen, views, impressions, paid_clicks, touched"
"""What was concluded of the person is data of the person. Left out are the number of the case and what it has in common with others: they
lead to other persons."""
HOLD_AHEAD: Final = timedelta(days=7)
"""A row is copied this long before it expires: the longest allowed pause of `ship`."""

LONGEST_SECONDS: Final = 600
"""How long a deletion may take: it rewrites the parts that have a row of the person."""

_OPEN: Final = (
    "SELECT DISTINCT visitor, epoch, ip_token FROM pixel.subject_blocks FINAL WHERE state = 'blocked' AND kind"
)
_BLOCK_COLUMNS: Final = (
    "case_id", "kind", "epoch", "visitor", "ip_token", "since", "until", "requester", "ground", "state", "blocked_at",
    "changed_at",
)  # fmt: skip

Answer = TypeVar("Answer")


class SubjectRows:
    """The tables, as one command or job uses them."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings

    def per_day(self, case: PersonRequest) -> list[tuple[date, int]]:
        """Return the number of stored events of a request for each UTC day."""
        theirs = matching(case)
        query = (
            "SELECT toDate(received_at, 'UTC') AS day, uniqExact(event_id) FROM ("
            f"SELECT received_at, event_id FROM {self._events} WHERE {theirs}"
            f" UNION ALL SELECT received_at, event_id FROM {self._held} WHERE {theirs}) GROUP BY day"
        )
        days = Counter[date]()
        for rows in self._of_each("events", lambda shard: shard.query(query).result_rows):
            days.update({day: int(count) for day, count in rows})
        return sorted(days.items())

    def export(self, case: PersonRequest) -> dict[str, list[dict[str, Any]]]:
        """Return everything that is stored of a person, without a token."""
        theirs = matching(case)
        events = (
            f"SELECT {EXPORTED} FROM {self._held} WHERE {theirs} UNION ALL SELECT {EXPORTED} FROM {self._events}"
            f" WHERE {theirs} AND event_id NOT IN (SELECT event_id FROM {self._held})"
        )
        found = self._of_each("events", lambda shard: list(shard.query(events).named_results()))
        signals = f"SELECT {EXPORTED_SIGNALS} FROM pixel.fraud_signals FINAL WHERE {theirs} ORDER BY window_start"
        scores = f"SELECT {EXPORTED_SCORES} FROM pixel.fraud_cases FINAL WHERE {theirs} ORDER BY day, site"
        return {
            "events": sorted(chain.from_iterable(found), key=itemgetter("received_at")),
            "fraud_signals": self._named(signals),
            "fraud_scores": self._named(scores),
        }

    def set_block(self, case: PersonRequest, state: str, now: datetime) -> None:
        """Write a state of the request's block: from `blocked` on its rows are in no report."""
        since, until = self._span(case)
        common = (case.requester, case.basis, state, case.blocked or now, now)
        known = [("visitor", case.opened.date(), visitor, "::") for visitor in case.visitors.values()]
        known += [("ip_token", day, 0, token) for day, token in case.tokens.items()]
        rows = [(case.case, *each, since, until, *common) for each in known]
        self._client.insert("pixel.subject_blocks", rows, column_names=_BLOCK_COLUMNS)

    def hold(self, settings: Settings, now: datetime) -> int:
        """Copy the blocked rows that are about to expire; return how many are held now."""
        limit = now - max(timedelta(0), timedelta(days=settings.retention.rows_days) - HOLD_AHEAD)
        copy = (
            f"INSERT INTO {self._held} SELECT * REPLACE ('' AS click_sealed) FROM {self._events} WHERE {self._covered()}"
            f" AND received_at < {_time(limit)} AND event_id NOT IN (SELECT event_id FROM {self._held})"
        )
        self._of_each("held", lambda shard: shard.command(copy))
        return self._count("held", "1")

    def release(self) -> None:
        """Delete the copies that no open block holds any more."""
        self._delete("held", f"NOT {self._covered()}")

    def erase(self, case: PersonRequest, until: datetime) -> dict[str, int]:
        """Delete a person's rows received up to `until` from every table and return how many each had.

        Raises `Fatal` where a row is still there afterwards.
        """
        theirs = {table: f"{matching(case)} AND {column} <= {_time(until)}" for table, column in TABLES.items()}
        counts: dict[str, int] = {}
        for table, condition in theirs.items():
            counts[table] = self._count(table, condition)
            if not counts[table]:
                continue
            self._delete(table, condition)
            if left := self._count(table, condition):
                raise Fatal(f"pixel.{table}: {left} rows are still there after the deletion; look at system.mutations")
        return counts

    def _span(self, case: PersonRequest) -> tuple[datetime, datetime]:
        """Return the first and last time of a request's rows: the keys of its days are held."""
        if not case.by_code:
            return _midnight(case.first), _midnight(case.last) + timedelta(days=1, milliseconds=-1)
        days = [case.opened.date(), *(day for day, _ in self.per_day(case))]
        return _midnight(min(days)), _midnight(max(days)) + timedelta(days=1, milliseconds=-1)

    def _covered(self) -> str:
        """Return the condition for the rows of an open block, with the blocks as values: a shard need not ask for them."""
        visitors = [int(visitor) for visitor, _, _ in self._rows(f"{_OPEN} = 'visitor'")]
        tokens = [(day, token) for _, day, token in self._rows(f"{_OPEN} = 'ip_token'")]
        return f"({_any_visitor(visitors)} OR {_any_token(tokens)})"

    def _delete(self, table: str, condition: str) -> None:
        text = f"ALTER TABLE {self._name(table)} DELETE WHERE {condition}"
        self._of_each(table, lambda shard: shard.command(text, settings={"mutations_sync": 2}))

    def _count(self, table: str, condition: str) -> int:
        query = f"SELECT count() FROM {self._name(table)} WHERE {condition}"
        return sum(self._of_each(table, lambda shard: int(shard.query(query).result_rows[0][0])))

    @property
    def _events(self) -> str:
        return self._name("events")

    @property
    def _held(self) -> str:
        return self._name("held")

    def _name(self, table: str) -> str:
        return f"pixel.{stored_in(self._settings, table)}"

    def _of_each(self, table: str, ask: Callable[[Client], Answer]) -> list[Answer]:
        """Ask every server that has rows of a table."""
        if table not in SHARDED:
            return [ask(self._client)]
        return of_each_shard(self._settings, "pixel_eraser", ask, self._client, timeout=LONGEST_SECONDS)

    def _named(self, query: str) -> list[dict[str, Any]]:
        return list(self._client.query(query).named_results())

    def _rows(self, query: str) -> Sequence[Sequence[Any]]:
        rows: Sequence[Sequence[Any]] = self._client.query(query).result_rows
        return rows


@contextmanager
def subject_rows(settings: Settings) -> Iterator[SubjectRows]:
    """Give the tables to a command or job.

    Raises `Retryable` when ClickHouse is unavailable, `Fatal` when it refuses; also for errors inside the `with` block.
    """
    client = connect(settings, "pixel_eraser", timeout=LONGEST_SECONDS)
    try:
        yield SubjectRows(client, settings)
    except ClickHouseError as error:
        raise explain(error, settings, "pixel_eraser") from None
    finally:
        client.close()


def hold_blocked_rows(settings: Settings) -> None:
    """Hold the rows of blocked persons that expire soon; a daily job of the host that drops the days. The blocks are asked of ClickHouse: their
    files are on the host where the person was answered, which may be another one.

    Raises the errors of `subject_rows`.
    """
    with subject_rows(settings) as rows:
        rows.hold(settings, datetime.now(UTC))


def matching(case: PersonRequest) -> str:
    """Return the SQL condition for a request's rows; it consists only of our own numbers, days and tokens."""
    if case.by_code:
        return _any_visitor(case.visitors.values())
    return _any_token((day, IPv6Address(token)) for day, token in case.tokens.items())


def _any_visitor(visitors: Iterable[int]) -> str:
    values = ", ".join(str(int(visitor)) for visitor in visitors)
    return f"visitor IN ({values})" if values else "0"


def _any_token(tokens: Iterable[tuple[date, IPv6Address]]) -> str:
    values = ", ".join(f"('{day.isoformat()}', '{token}')" for day, token in tokens)
    return f"(epoch, ip_token) IN ({values})" if values else "0"


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _time(moment: datetime) -> str:
    return f"toDateTime64('{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}', 3, 'UTC')"
