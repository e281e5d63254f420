"""The jobs of `ship` while the clock is wrong: keys, days and numbers stay, the rest goes on."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.keys import proven_time
from pipeline.keys.directory import DESTROYED, KeyDirectory, KeyName
from pipeline.keys.proven_time import Clock, WildClock, compare_with_database
from pipeline.operations import machine_checks
from pipeline.operations.machine_checks import clock
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from pipeline.ship import schedule
from pipeline.ship.schedule import BY_THE_CLOCK, BY_THE_CLOCK_OF_CLICKHOUSE, JOBS, Job, JobThread, all_jobs

ALWAYS = {
    "count recent hours": "counts again what it counted",
    "count late hours": "counts again what it counted",
    "hold the rows of open blocks": "keeps rows",
    "note what changed": "keeps the versions",
    "learn the public pages": "keeps a list",
    "finish erasures": "a person ordered them",
    "copy the audit": "copies",
    "print the head of the audit": "prints",
    "report this host": "tells the others this clock, right or wrong",
}
"""Jobs that may run with any clock, and why."""


def test_every_job_is_known_as_one_that_waits_for_the_right_time_or_as_one_that_does_not() -> None:
    names = {job.name for jobs in all_jobs() for job in jobs}
    assert BY_THE_CLOCK_OF_CLICKHOUSE <= BY_THE_CLOCK
    assert names == BY_THE_CLOCK | ALWAYS.keys()


def jumped(settings: Settings, days: float) -> None:
    """Let the clock of this machine look as if it had just jumped by so many days."""
    now = Clock.now()
    proven_time.trust(settings, now._replace(wall=now.wall - days * 86_400))


@pytest.mark.parametrize("days", [-400.0, 0.1, 100.0])
def test_a_job_by_the_clock_waits_while_the_others_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: float
) -> None:
    settings, done = Settings(data=tmp_path), list[str]()
    jumped(settings, days)
    names = ("destroy expired keys", "note what changed")
    jobs = [Job(name, 60, lambda _, name=name: done.append(name)) for name in names]  # type: ignore[misc]
    thread = JobThread(jobs, settings, threading.Event())
    thread.run_due(settings, 1.0)
    assert done == ["note what changed"]
    assert "the clock jumped" in thread.failed["destroy expired keys"]
    proven_time.trust(settings)
    thread.run_due(settings, 1.0 + schedule.RETRY_SECONDS)
    assert done == ["note what changed", "destroy expired keys", "note what changed"]
    assert thread.failed == {}


def test_no_key_ends_by_a_clock_that_is_wrong_for_days_and_comes_back(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    files, today = KeyDirectory.of(settings), datetime.now(UTC).date()
    # As a collector leaves them after days of a clock that is three months behind what this machine says now.
    for back in (95, 94, 93, 2, 1, 0):
        files.create(KeyName.of_day(today - timedelta(days=back)), bytes(range(32)))
    jumped(settings, 90)
    (job,) = (job for job in JOBS if job.name == "destroy expired keys")
    thread = JobThread([job], settings, threading.Event())
    for hour in range(1, 50):
        thread.run_due(settings, hour * 3600.0)
    assert files.names(DESTROYED) == []
    assert len(files.living()) == 6
    assert "the clock jumped ahead" in thread.failed[job.name]


def test_doctor_names_a_clock_that_jumped(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    assert list(clock(settings)) == []
    jumped(settings, 0)
    assert [state for state, _ in clock(settings)] == ["ok"]
    for days, word in ((90, "ahead"), (-90, "back")):
        jumped(settings, days)
        ((state, text),) = clock(settings)
        assert state == "problem"
        assert f"jumped {word} by 90 days" in text
        assert "trust-clock" in text
    assert machine_checks.clock is clock


def test_no_day_is_dropped_where_clickhouse_has_another_time(
    clickhouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare_with_database(clickhouse)
    for hours, word in ((2, "behind"), (-2, "ahead of")):
        now = Clock.now().wall + hours * 3600
        monkeypatch.setattr(proven_time.time, "time", lambda now=now: now)
        with pytest.raises(WildClock, match=f"is [12]:.* {word} this machine's"):
            compare_with_database(clickhouse)
        monkeypatch.undo()


def test_no_day_is_dropped_where_any_shard_has_another_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, second = "http://10.0.0.1:8123", "http://10.0.0.2:8123"
    servers = ClickHouse(url=first, cluster="clinic", shards=(first, second))
    settings = Settings(data=tmp_path, clickhouse=servers)
    ahead = {first: 0.0, second: 500 * 86_400.0}
    monkeypatch.setattr(
        proven_time, "_database_time", lambda server: Clock.now().wall + ahead[str(server.clickhouse.url)]
    )
    with pytest.raises(WildClock, match=r"at http://10\.0\.0\.2:8123 is 500 days.* ahead of this machine's"):
        compare_with_database(settings)
    ahead[second] = 1.0
    compare_with_database(settings)
