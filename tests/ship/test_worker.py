"""The loop around delivery: what is shipped when, what is left by the dead, how it stops, and the jobs beside it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pipeline.database.access import make_passwords
from pipeline.delivery.journal import Journal
from pipeline.delivery.journal_entries import Begun, Finished, Intent
from pipeline.delivery.plan import Batch
from pipeline.errors import Fatal, Retryable
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse, Networks, Ship
from pipeline.ship import worker as module
from pipeline.ship.schedule import DAY_SECONDS, RETRY_SECONDS, Job, JobThread, all_jobs, drop_old_quarantine
from pipeline.ship.status import read_status
from pipeline.ship.worker import Worker
from pipeline.spool.records import frame, read
from pipeline.spool.segments import QUARANTINE, segment_path
from pipeline.system.faults import EXIT_UNFORESEEN
from support.command import CLI, free_port, plain_environment
from support.shipping import INCARNATION, counts, event, write_segment
from support.stores import ListStore
from support.waiting import wait_until

ONE_SEGMENT = 1
"""Bytes of a plan into which only its first segment fits, as it always does."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data=tmp_path,
        clickhouse=ClickHouse(port=free_port()),
        ship=Ship(poll_seconds=0.01, retry_seconds=0.02),
    )


def worker_of(settings: Settings, store: ListStore, **options: object) -> Worker:
    given: dict[str, object] = {"stop": threading.Event(), "jobs": ()}
    return Worker(settings, store=store, **(given | options))  # type: ignore[arg-type]


def fill(settings: Settings, segments: int, *, first: int = 1) -> list[Path]:
    """Write segments of one event each, a second apart, and return their paths."""
    paths = []
    for seq in range(first, first + segments):
        path = write_segment(settings.spool_dir, seq, [event(seq), counts(1)])
        os.utime(path, (1_795_000_000 + seq, 1_795_000_000 + seq))
        paths.append(path)
    return paths


def plans_of(store: ListStore) -> list[list[int]]:
    """Return the nonces of each batch of events, in the order they were stored."""
    batches: dict[str, list[int]] = {}
    for row in store.rows["events"]:
        batches.setdefault(row["batch_id"], []).append(row["nonce"])
    return list(batches.values())


def test_small_segments_share_a_plan(settings: Settings) -> None:
    store = ListStore()
    fill(settings, 5)
    worker_of(settings, store).run(until_empty=True)
    assert plans_of(store) == [[1, 2, 3, 4, 5]]


def test_a_backlog_drains_oldest_first_with_every_fourth_plan_from_its_newest_end(
    settings: Settings,
) -> None:
    store = ListStore()
    fill(settings, 8)
    worker_of(settings, store, plan_bytes=ONE_SEGMENT).run(until_empty=True)
    assert plans_of(store) == [[1], [2], [3], [8], [4], [5], [6], [7]]


def test_a_plan_holds_no_more_than_its_bytes(settings: Settings) -> None:
    paths = fill(settings, 5)
    store = ListStore()
    worker_of(settings, store, plan_bytes=2 * paths[0].stat().st_size).run(until_empty=True)
    assert plans_of(store) == [[1, 2], [3, 4], [5]]


def test_what_a_dead_collector_left_open_is_recovered_and_shipped(settings: Settings) -> None:
    settings.spool_dir.mkdir()
    torn = frame(event(2))[:-9]
    segment_path(settings.spool_dir, "w3", INCARNATION, 1).write_bytes(frame(event(1)) + torn)
    store = ListStore()
    worker_of(settings, store).run(until_empty=True)
    assert store.nonces() == {1: 1}
    assert store.counters() == {"offered": 1, "spooled": 1, "stored": 1}


def test_a_finished_plan_is_only_closed(settings: Settings) -> None:
    [path] = fill(settings, 1)
    shipper = worker_of(settings, ListStore())
    plan = shipper._next_plan()
    assert plan is not None
    with Journal(settings.journal_dir) as journal:
        journal.write(Begun(plan), Finished(plan.id))
    store = ListStore()
    worker_of(settings, store).run(until_empty=True)
    assert not path.exists()
    assert store.inserts == []


def test_an_open_plan_is_built_again_from_its_own_segments_and_not_with_newer_ones(settings: Settings) -> None:
    fill(settings, 2)
    shipper = worker_of(settings, ListStore())
    plan = shipper._next_plan()
    assert plan is not None
    with Journal(settings.journal_dir) as journal:
        journal.write(Begun(plan), Intent(plan.id, "some batch", 0, 2))
    fill(settings, 2, first=3)
    store = ListStore()
    worker_of(settings, store).run(until_empty=True)
    assert plans_of(store) == [[1, 2], [3, 4]]


def test_a_plan_with_a_missing_segment_is_set_aside_and_the_rest_goes_on(settings: Settings) -> None:
    paths = fill(settings, 2)
    plan = worker_of(settings, ListStore())._next_plan()
    assert plan is not None
    with Journal(settings.journal_dir) as journal:
        journal.write(Begun(plan), Intent(plan.id, "some batch", 0, 2))
    paths[0].unlink()
    fill(settings, 1, first=3)
    store = ListStore()
    worker_of(settings, store).run(until_empty=True)
    assert plans_of(store) == [[3]]
    assert [path.name for path in (settings.spool_dir / QUARANTINE).iterdir()] == [paths[1].name]


def test_a_segment_that_cannot_be_read_keeps_no_other_waiting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = fill(settings, 3)

    def read_or_fail(path: Path) -> Iterator[object]:
        if path == paths[1]:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(path)

    monkeypatch.setattr(module, "read", read_or_fail)
    store = ListStore()
    shipper = worker_of(settings, store, plan_bytes=ONE_SEGMENT)
    shipper.run(until_empty=True)
    assert store.nonces() == {1: 1, 3: 1}
    assert shipper.status.error == "1 segments cannot be read: Input/output error"
    assert list(settings.spool_dir.glob("*.seg")) == [paths[1]]


def test_trouble_is_waited_out_and_shown_in_the_status(settings: Settings) -> None:
    fill(settings, 1)
    store = ListStore(["", "not reached", "count fails", "", "halt"])
    shipper = worker_of(settings, store)
    shipper.run(until_empty=True)
    assert store.nonces() == {1: 1}
    status = read_status(settings.data)
    assert status == shipper.status
    assert (status.state, status.tries, status.plans, status.stored) == ("stopped", 0, 1, 1)
    assert status.error == "schema"


class HangingStore(ListStore):
    """A database that does not answer until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go_on = threading.Event(), threading.Event()

    def insert(self, batch: Batch, token: str) -> None:
        self.reached.set()
        self.go_on.wait(20)
        super().insert(batch, token)


def test_a_stop_does_not_wait_for_a_database_that_hangs_and_keeps_the_journal_locked(settings: Settings) -> None:
    fill(settings, 1)
    store, stop = HangingStore(), threading.Event()
    shipper = worker_of(settings, store, stop=stop)
    thread = threading.Thread(target=shipper.run)
    thread.start()
    assert store.reached.wait(10)
    stop.set()
    begun = time.monotonic()
    thread.join(10)
    assert time.monotonic() - begun < 5
    with pytest.raises(Fatal, match="another ship"):
        Journal(settings.journal_dir)
    store.go_on.set()
    assert shipper._carrier is not None
    shipper._carrier.join(10)
    assert store.nonces() == {1: 1}


@pytest.mark.parametrize(
    ("error", "said"),
    [(Retryable("no"), "no"), (ValueError("https://clinic.example/anna"), "unforeseen ValueError at test_worker.py:")],
    ids=["foreseen", "unforeseen"],
)
def test_a_failing_job_stops_nothing_is_named_and_is_tried_again(
    settings: Settings, error: Exception, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    runs: Counter[str] = Counter()

    def fails(_: Settings) -> None:
        runs["fails"] += 1
        raise error

    works = Job("works", 60, lambda _: runs.update(["works"]))
    jobs = JobThread([Job("fails", 10_000, fails), works], settings, threading.Event())
    for now in (0, 59, 60, RETRY_SECONDS):
        jobs.run_due(settings, now)
    assert runs == {"fails": 2, "works": 3}
    assert jobs.failed.keys() == {"fails"}
    assert jobs.failed["fails"].startswith(said)
    assert "anna" not in caplog.text


def test_each_thread_of_jobs_has_a_name_of_its_own(settings: Settings) -> None:
    threads = [JobThread(jobs, settings, threading.Event()) for jobs in all_jobs()]
    assert [thread.name for thread in threads] == [
        "jobs", "publish numbers", "look for problems", "score", "report this host",
    ]  # fmt: skip


def test_a_job_that_works_again_is_no_longer_named(settings: Settings) -> None:
    answers = iter([Retryable("no"), None])

    def sometimes(_: Settings) -> None:
        if (error := next(answers)) is not None:
            raise error

    jobs = JobThread([Job("sometimes", 60, sometimes)], settings, threading.Event())
    jobs.run_due(settings, 0)
    assert jobs.failed == {"sometimes": "no"}
    jobs.run_due(settings, RETRY_SECONDS)
    assert jobs.failed == {}


def test_a_job_that_hangs_keeps_neither_a_segment_nor_the_status_waiting(settings: Settings) -> None:
    go_on, stop = threading.Event(), threading.Event()
    store = ListStore()
    fill(settings, 1)
    shipper = worker_of(settings, store, stop=stop, jobs=[[Job("hangs", 60, lambda _: go_on.wait(20) and None)]])
    thread = threading.Thread(target=shipper.run)
    thread.start()
    try:
        wait_until(lambda: store.nonces(), "the segment to be shipped")
        before = wait_until(lambda: read_status(settings.data), "a status").at_ms
        wait_until(lambda: read_status(settings.data).at_ms > before, "the status to be written again")
        assert not go_on.is_set()
    finally:
        stop.set()
        thread.join(10)
        go_on.set()
    assert not thread.is_alive(), "a stop waits for no job"


def test_a_delivery_that_dies_of_a_fault_of_ours_ends_the_process(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    class FaultyStore(ListStore):
        def insert(self, *_: object) -> None:
            raise ZeroDivisionError("https://clinic.example/anna")

    fill(settings, 1)
    with pytest.raises(SystemExit) as ended:
        worker_of(settings, FaultyStore()).run(until_empty=True)
    assert ended.value.code == EXIT_UNFORESEEN
    assert "unforeseen ZeroDivisionError at test_worker.py:" in caplog.text
    assert "anna" not in caplog.text


def test_an_error_outside_of_any_job_ends_the_process_rather_than_the_jobs_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("https://clinic.example/anna")

    monkeypatch.setattr(JobThread, "run_due", broken)
    stop = threading.Event()
    bound = threading.Timer(20, stop.set)
    bound.start()
    with pytest.raises(SystemExit) as ended:
        worker_of(settings, ListStore(), stop=stop, jobs=[[]]).run()
    bound.cancel()
    assert ended.value.code == EXIT_UNFORESEEN
    assert "the thread of the jobs ended: unforeseen ZeroDivisionError at test_worker.py:" in caplog.text
    assert "anna" not in caplog.text


def test_an_error_of_enrichment_is_logged_once_by_type_and_place(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("https://clinic.example/anna")

    monkeypatch.setattr(module, "enrich", broken)
    fill(settings, 3)
    store = ListStore()
    worker_of(settings, store, plan_bytes=ONE_SEGMENT).run(until_empty=True)
    assert store.counters()["rejected"] == 3
    (line,) = [message for message in caplog.messages if "unforeseen" in message]
    assert line.startswith("records are rejected as enrichment_failed: unforeseen KeyError at test_worker.py:")
    assert "anna" not in caplog.text


def test_an_error_of_the_main_thread_ends_the_command_with_one_line_without_its_text(settings: Settings) -> None:
    planted = (
        "from pipeline.ship.worker import Worker\n"
        "def broken(*_, **__): raise ValueError('https://clinic.example/anna')\n"
        "Worker.run = broken\n"
        "from pipeline.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", planted, "ship"], env=plain_environment(PIXEL_DATA=str(settings.data)),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == EXIT_UNFORESEEN, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.endswith("unforeseen ValueError at <string>:2; the process ends")


def test_quarantine_ends_with_its_life_span(settings: Settings) -> None:
    aside = settings.spool_dir / QUARANTINE
    aside.mkdir(parents=True)
    old, young = aside / "old.bad", aside / "young.bad"
    suspect = segment_path(settings.spool_dir, "w0", INCARNATION, 1, "suspect")
    sealed = segment_path(settings.spool_dir, "w0", INCARNATION, 2, "seg")
    for path in (old, young, suspect, sealed):
        path.write_bytes(b"x")
    long_ago = time.time() - (settings.retention.quarantine_days + 1) * DAY_SECONDS
    for path in (old, suspect, sealed):
        os.utime(path, (long_ago, long_ago))
    drop_old_quarantine(settings)
    assert sorted(path.name for path in aside.iterdir()) == ["young.bad"]
    assert not suspect.exists()
    assert sealed.exists(), "what was not shipped never gets too old"


def test_the_command_stops_at_once_though_clickhouse_is_away_and_refuses_a_second_one(settings: Settings) -> None:
    fill(settings, 3)
    make_passwords(settings)
    environment = plain_environment(PIXEL_DATA=str(settings.data), PIXEL_CLICKHOUSE__PORT=str(settings.clickhouse.port))
    first = subprocess.Popen([*CLI, "ship"], env=environment, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: (status := read_status(settings.data)) is not None and status.tries > 0, "a first try")
    second = subprocess.run([*CLI, "ship"], env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode == 1
    assert f"another ship is at work here (process {first.pid}); stop it first" in second.stderr
    first.send_signal(signal.SIGTERM)
    _, errors = first.communicate(timeout=10)
    assert first.returncode == 0
    assert "ClickHouse at http://127.0.0.1" in errors, errors
    assert len(list(settings.spool_dir.glob("*.seg"))) == 3


def test_a_segment_that_something_else_deleted_is_named_in_log_and_status(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "ORPHAN_SECONDS", 0.0)
    worker_of(settings, ListStore()).run(until_empty=True)  # the first look ever
    paths = fill(settings, 6)
    paths[2].unlink()
    store = ListStore()
    shipper = worker_of(settings, store, plan_bytes=ONE_SEGMENT)
    shipper.run(until_empty=True)
    name = paths[2].name.removesuffix(".seg")
    assert f"{name} vanished from the spool before being shipped" in caplog.text
    assert shipper.status.lost_segments == [name]
    assert sorted(store.nonces()) == [1, 2, 4, 5, 6]
    again = worker_of(settings, ListStore())
    caplog.clear()
    again.run(until_empty=True)
    assert "vanished" not in caplog.text
    assert again.status.lost_segments == [name]


def test_a_changed_spam_list_is_in_force_without_a_restart_and_the_status_tells_which(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spam = tmp_path / "spam.txt"
    spam.write_text("bad.example\n")
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)
    stop, store = threading.Event(), ListStore()
    watching = settings.model_copy(update={"networks": Networks(referrer_spam=spam)})
    worker = worker_of(watching, store, stop=stop)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        wait_until(lambda: worker.status.loaded_files, "the first list")
        first = worker.status.loaded_files[str(spam)]
        spam.write_text("worse.example\n")
        os.utime(spam, (1_795_000_000, 1_795_000_000))
        wait_until(lambda: worker.status.loaded_files[str(spam)] == 1_795_000_000, "the second list")
        write_segment(settings.spool_dir, 1, [msgspec.structs.replace(event(1), referrer_host="worse.example")])
        wait_until(lambda: store.rows["events"], "the event to be stored")
        spam.write_bytes(b"")
        wait_until(lambda: worker.status.refused_files, "the empty list to be counted")
    finally:
        stop.set()
        thread.join(30)
    assert [row["referrer_kind"] for row in store.rows["events"]] == ["spam"]
    assert first != 1_795_000_000
