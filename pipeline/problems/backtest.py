"""What would have been said when: the evaluation of each hour of a period, as if it were then.

Owns the hours and the table of the result. Nothing is stored and nobody is told.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.database.client import connect, explain
from pipeline.detection.series import Table
from pipeline.problems.counting import HISTORY_DAYS, SeriesStore
from pipeline.problems.evaluate import HOUR, evaluate
from pipeline.problems.problem import Problem
from pipeline.problems.sentences import sentence
from pipeline.settings.model import Settings
from pipeline.settings.site import Site

QUERY_SECONDS: Final = 300


class Backtest:
    """The evaluations of a site from one moment to another one."""

    def __init__(self, settings: Settings, site: Site, since: datetime, until: datetime) -> None:
        self._site = site
        self._since = since
        self._until = until
        self._table = _table(settings, site, since, until)
        self.problems: list[Problem] = []

    def rows(self, language: str) -> list[tuple[object, ...]]:
        """Return one row of each problem: site, id, when it was named, its begin, the hours between, its end, its sentence."""
        zone = self._site.zone
        return [
            (
                self._site.id,
                problem.id,
                f"{problem.opened_at.astimezone(zone):%Y-%m-%d %H:%M}",
                f"{problem.since.astimezone(zone):%Y-%m-%d %H:%M}",
                round((problem.opened_at - problem.since) / HOUR),
                f"{problem.until.astimezone(zone):%Y-%m-%d %H:%M}" if problem.until else "",
                sentence(problem, zone, language),
            )
            for problem in self.problems
        ]

    def step(self, moment: datetime) -> None:
        """Evaluate as if it were this moment."""
        self.problems = evaluate(
            self._table.before(moment), self._site.id, self.problems, holidays=frozenset(self._site.holidays)
        )

    def moments(self) -> list[datetime]:
        """Return the ends of the hours of the period."""
        first = max(self._since, self._table.start + 2 * HOUR).replace(minute=0, second=0, microsecond=0)
        return [first + place * HOUR for place in range(max(0, (self._until - first) // HOUR + 1))]


def _table(settings: Settings, site: Site, since: datetime, until: datetime) -> Table:
    client = connect(settings, "pixel_writer", timeout=QUERY_SECONDS)
    try:
        series = SeriesStore()
        series.look(client)
        series.count(client, site, until)
        return series.read(client, site, until, HISTORY_DAYS + (until - since).days + 1)
    except ClickHouseError as error:
        raise explain(error, settings, "pixel_writer") from None
    finally:
        client.close()
