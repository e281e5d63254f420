"""Of two hosts one runs the jobs that one host does for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from pipeline.errors import Retryable
from pipeline.hosts.evaluator import Hosts, look_now
from pipeline.hosts.host import NEVER
from pipeline.publish.job import MARGIN, Passed
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from pipeline.ship.schedule import JOBS, RETRY_SECONDS, DoneElsewhere, Job, JobThread, all_jobs
from support.command import free_port
from support.server import Rows


@pytest.fixture(name="pair")
def two_hosts(tables: Rows, tmp_path: Path) -> Iterator[tuple[Settings, Settings]]:
    made: list[Settings] = []
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "secrets").symlink_to(tables.settings.secrets_dir)
        collector = tables.settings.collector.model_copy(update={"name": name})
        made.append(tables.settings.model_copy(update={"data": tmp_path / name, "collector": collector}))
    tables.clear("hosts")
    yield made[0], made[1]
    tables.clear("hosts")


def test_of_two_hosts_with_nothing_set_one_runs_the_job_and_tells_its_success(pair: tuple[Settings, Settings]) -> None:
    ran: Counter[str] = Counter()
    job = Job("score", 60, lambda settings: ran.update([settings.collector.name]), for_all=True)
    hosts = Hosts(works=["score"]), Hosts(works=["score"])
    jobs = [job.where(one) for one in hosts]
    for _ in range(3):
        jobs[0].run(pair[0])
        with pytest.raises(DoneElsewhere):
            jobs[1].run(pair[1])
    assert ran == {"a": 3}
    before = {host.host: host for host in look_now(pair[0]).hosts}
    hosts[0].report(pair[0])
    after = {host.host: host for host in look_now(pair[0]).hosts}
    assert after["a"].worked["score"] > before["a"].worked["score"]


def test_a_daily_job_of_a_host_that_ended_is_done_by_the_other_one_within_minutes(
    pair: tuple[Settings, Settings], tables: Rows
) -> None:
    ran: Counter[str] = Counter()
    daily = Job("daily", 86_400, lambda settings: ran.update([settings.collector.name]), for_all=True)
    hosts = Hosts(), Hosts()
    first, second = (
        JobThread([daily.where(one)], settings, Event()) for one, settings in zip(hosts, pair, strict=True)
    )
    first.run_due(pair[0], 0)
    second.run_due(pair[1], 0)
    assert ran == {"a": 1}
    assert second.failed == {}
    tables.clear("hosts")  # as if the first had been silent for long
    hosts[1].report(pair[1])
    second.run_due(pair[1], RETRY_SECONDS - 1)
    assert ran == {"a": 1}
    second.run_due(pair[1], RETRY_SECONDS)
    assert ran == {"a": 1, "b": 1}
    second.run_due(pair[1], 2 * RETRY_SECONDS)
    assert ran == {"a": 1, "b": 1}


def test_while_the_database_is_away_nobody_knows_who_works_and_no_job_runs(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, clickhouse=ClickHouse(port=free_port()))
    job = Job("score", 60, lambda _: pytest.fail("it must not run"), for_all=True)
    with pytest.raises(Retryable):
        job.where(Hosts()).run(settings)


def test_a_job_of_each_host_asks_nobody() -> None:
    job = next(job for job in JOBS if job.name == "destroy expired keys")
    assert job.where(Hosts()) is job


def test_what_is_done_for_all_is_what_writes_numbers_findings_and_ends_of_days() -> None:
    assert {job.name for job in JOBS if job.for_all} == {
        "count recent hours",
        "count late hours",
        "hold the rows of open blocks",
        "drop the days whose term is over",
        "clear old click ids",
    }
    assert [jobs[0].name for jobs in all_jobs()[1:]] == [
        "publish numbers",
        "look for problems",
        "score",
        "report this host",
    ]


def test_what_another_host_has_not_stored_yet_is_waited_for(tmp_path: Path) -> None:
    others: list[datetime | None] = [None]
    passed = Passed(tmp_path, lambda: others[0])
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    passed.look(now)
    then = now + timedelta(seconds=15)
    assert passed.look(then) == now - MARGIN
    others[0] = now - timedelta(hours=1)
    assert passed.look(then) == now - timedelta(hours=1), "the other host is behind"
    others[0] = NEVER
    assert passed.look(then) is None, "the other host began a moment ago"
    others[0] = then
    assert passed.look(then) == then - MARGIN, "the other host is ahead"
