"""The job of `ship` that evaluates the problems of all sites, and the one evaluation that `problems check` asks for.

Owns the order of the sites, the lock that lets one process of a host evaluate at a time, and the rest between two evaluations.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final

from pipeline.errors import Fatal, Retryable, type_and_place
from pipeline.problems import store
from pipeline.problems.counting import SeriesStore
from pipeline.problems.evaluate import evaluate, last_heard, with_gap
from pipeline.problems.problem import Problem
from pipeline.publish.job import Others, Passed, nobody_else
from pipeline.settings.model import Settings
from pipeline.settings.site import Site
from pipeline.system import locks

EVALUATE_SECONDS: Final = 60
REST: Final = 10
"""An evaluation rests so many times as long as it took, at most a tenth of one core, but not longer than `LONGEST_REST`."""
LONGEST_REST: Final = 300.0
LATE: Final = timedelta(hours=3)
"""Changes of the hours before are a backlog on its way."""
LOCK: Final = "problems.lock"

log = logging.getLogger(__name__)

Progress = Callable[[str], None]
Listener = Callable[[Settings, Mapping[str, list[Problem]] | None, datetime], None]
"""Is told the problems by site after each evaluation, or None without one, and the time."""


class Evaluation:
    """Evaluates all sites; keeps what is counted. `failed` has the sites of which the last run could not evaluate the numbers, with the error."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._series = SeriesStore()
        self.failed: dict[str, str] = {}

    def run(
        self, until: datetime, progress: Progress = lambda _site: None, *, wait: bool = True
    ) -> dict[str, list[Problem]]:
        """Evaluate every site with the events received before `until`, store the changes, and return the problems by site.

        With `wait`, a site keeps its problems while events of earlier hours arrive: half of a backlog looks like an outage.
        Raises `Retryable` when ClickHouse is unavailable, `Fatal` when it refuses, `locks.Held` while another process evaluates.
        """
        with _alone(self._settings), store.connected(self._settings) as client:
            self._series.look(client, self._settings)
            known, marks = store.newest(client, until), store.marks_of(client, until)
            found: dict[str, list[Problem]] = {}
            heard: dict[str, datetime | None] = {}
            self.failed = {}
            for site in self._settings.sites:
                progress(site.id)
                own = [mark for of_site, mark in marks if of_site in ("", site.id)]
                with self._apart(site):
                    counted = self._series.count(client, site, until)
                    if wait and counted and until - counted[0] > LATE:
                        found[site.id] = known.get(site.id, [])
                        continue
                    table = self._series.read(client, site, until)
                    holidays = frozenset(site.holidays)
                    found[site.id] = evaluate(table, site.id, known.get(site.id, []), marks=own, holidays=holidays)
                    heard[site.id] = last_heard(table)
            found = with_gap(found, heard)
            for site in self._settings.sites:
                if site.id in found:
                    with self._apart(site):
                        store.write(client, _changes(site, known.get(site.id, []), found[site.id]))
            return {site: problems for site, problems in found.items() if site not in self.failed}

    @contextmanager
    def _apart(self, site: Site) -> Iterator[None]:
        """Note a fault of the software in the numbers of one site, which must not hide the problems of the others."""
        try:
            yield
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            self.failed[site.id] = f"unforeseen {type_and_place(error)}"


class Watching:
    """The job: evaluates every minute, and tells a listener what it found."""

    def __init__(
        self, listener: Listener = lambda _settings, _problems, _now: None, others: Others = nobody_else
    ) -> None:
        self._listener = listener
        self._others = others
        self._made: tuple[Passed, Evaluation] | None = None
        self._rests_until = 0.0

    def __call__(self, settings: Settings) -> None:
        """Evaluate up to the time before which everything is stored; raises what `Evaluation.run` raises."""
        if not settings.ship.problems:
            return
        passed, evaluation = self._made = self._made or (Passed(settings.spool_dir, self._others), Evaluation(settings))
        now, began = datetime.now(UTC), monotonic()
        until = passed.look(now)
        if until is None or began < self._rests_until:
            return
        try:
            found = evaluation.run(until)
        except locks.Held:
            return  # `problems check` does the same work right now
        except Retryable:
            self._listener(settings, None, now)
            raise
        self._rests_until = monotonic() + min(LONGEST_REST, (monotonic() - began) * REST)
        self._listener(settings, found, now)
        if evaluation.failed:
            raise Fatal("; ".join(f"site {site}: {error}" for site, error in evaluation.failed.items()))


def _changes(site: Site, before: list[Problem], after: list[Problem]) -> list[store.Change]:
    old = {problem.id: problem for problem in before}
    changed = [problem for problem in after if _differs(problem, old.get(problem.id))]
    for problem in changed:
        if problem.id not in old or old[problem.id].state != problem.state:
            log.info("problem %s of site %s (%s): %s", problem.id, site.id, problem.watch, problem.state)
    return [store.change(site, problem) for problem in changed]


def _differs(new: Problem, old: Problem | None) -> bool:
    """Return whether a change is worth a row: the state, the place, or a tenth of the loss; not each minute's number."""
    if old is None:
        return True
    if (new.state, new.watch, new.place, new.muted_until, new.facts.changed, new.facts.cause, new.facts.verdict) != (
        old.state, old.watch, old.place, old.muted_until, old.facts.changed, old.facts.cause, old.facts.verdict,
    ):  # fmt: skip
        return True
    return abs(new.lost - old.lost) > max(1.0, 0.1 * abs(old.lost))


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    settings.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locks.locked(settings.run_dir / LOCK, wait=False):
        yield
