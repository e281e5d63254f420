"""The time up to which everything received is stored, told from the segments of the spool; and the switch of the job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Fatal, PixelError, Retryable
from pipeline.publish.job import (
    LONGEST_FAILED_REST,
    LONGEST_REST,
    LONGEST_WAIT,
    MARGIN,
    PUBLISH_SECONDS,
    QUICK_TRIES,
    REST,
    Passed,
    Publishing,
    passed_now,
)
from pipeline.settings.model import Settings
from pipeline.settings.sections import Ship
from pipeline.spool.segments import segment_path
from support.days import MIDNIGHT

SECOND = timedelta(seconds=1)


class Spool:
    """A spool of segments without content."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.passed = Passed(directory)
        self._now = MIDNIGHT

    def write(self, seq: int, state: str = "seg", size: int = 1, slot: str = "w1") -> Path:
        """Write a segment."""
        path = segment_path(self.directory, slot, 20261127000000, seq, state)
        path.write_bytes(b"x" * size)
        return path

    def look(self, after: timedelta = SECOND) -> datetime | None:
        """Look some time after the look before."""
        self._now += after
        return self.passed.look(self._now)

    @property
    def now(self) -> datetime:
        """The time of the last look."""
        return self._now


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


def test_one_look_says_nothing_and_with_an_empty_spool_the_next_gives_the_time_of_the_first(spool: Spool) -> None:
    assert spool.look() is None
    first = spool.now
    assert spool.look() == first - MARGIN
    second = spool.now
    assert spool.look() == second - MARGIN


def test_nothing_has_passed_until_every_segment_of_the_first_look_is_shipped(spool: Spool) -> None:
    waiting = [spool.write(1), spool.write(2), spool.write(1, slot="w2")]
    assert spool.look() is None
    listed = spool.now
    for segment in waiting:
        assert spool.look() is None
        segment.unlink()
    assert spool.look() == listed - MARGIN


def test_segments_written_after_a_look_do_not_delay_its_time(spool: Spool) -> None:
    first = spool.write(1)
    spool.look()
    listed = spool.now
    first.unlink()
    later = spool.write(2)
    assert spool.look() == listed - MARGIN
    listed = spool.now
    spool.write(3)
    assert spool.look() == spool.look() < listed - MARGIN
    later.unlink()
    assert spool.look() == listed - MARGIN


def test_a_segment_that_is_sealed_meanwhile_is_still_the_one_that_is_waited_for(spool: Spool) -> None:
    written = spool.write(1, "open")
    spool.look()
    listed = spool.now
    sealed = written.rename(written.with_suffix(".seg"))
    assert spool.look() is None
    sealed.unlink()
    assert spool.look() == listed - MARGIN


@pytest.mark.parametrize(("state", "size"), [("suspect", 9), ("open", 0), ("seg", 0)])
def test_a_segment_that_holds_nothing_to_ship_is_not_waited_for(spool: Spool, state: str, size: int) -> None:
    spool.write(1, state, size)
    spool.look()
    assert spool.look() is not None


def test_a_segment_that_cannot_be_shipped_delays_the_numbers_for_an_hour(spool: Spool) -> None:
    spool.write(1)
    spool.look()
    listed = spool.now
    assert spool.look(LONGEST_WAIT) is None
    assert spool.look(SECOND) == listed - MARGIN


def test_the_time_never_goes_back(spool: Spool) -> None:
    times = []
    for seq in range(1, 30):
        segment = spool.write(seq)
        times.append(spool.look(timedelta(minutes=7)))
        if seq % 3:
            segment.unlink()
    known = [time for time in times if time is not None]
    assert known == sorted(known)
    assert known


def test_after_the_clock_was_ahead_and_is_set_back_the_looks_begin_again(spool: Spool) -> None:
    spool.look()
    spool.look(timedelta(days=30))
    assert spool.look() == spool.now - SECOND - MARGIN
    waiting = spool.write(1)
    assert spool.look(timedelta(days=-30)) is None
    right = spool.now
    assert spool.look() is None
    waiting.unlink()
    assert spool.look() == right - MARGIN


@given(st.lists(st.integers(-7200, 7200), max_size=30))
def test_the_time_is_never_later_than_the_margin_however_the_clock_is_set(steps: list[int]) -> None:
    with TemporaryDirectory() as directory:
        spool = Spool(Path(directory))
        for step in steps:
            passed = spool.look(timedelta(seconds=step))
            assert passed is None or passed <= spool.now - MARGIN


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.publish.job.PATIENCE_SECONDS", 0.0)


def test_a_person_publishes_up_to_the_margin_and_no_further(spool: Spool) -> None:
    spool.write(1, "suspect")
    before = datetime.now(UTC)
    passed = passed_now(spool.directory)
    assert before - MARGIN <= passed <= datetime.now(UTC) - MARGIN


def test_a_person_waits_for_the_segments_of_the_spool(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = spool.write(1, "open")
    before = datetime.now(UTC)

    def ship(_: float) -> None:
        waiting.unlink()
        spool.write(2, "open")  # visitors go on

    monkeypatch.setattr("pipeline.publish.job.sleep", ship)
    assert before - MARGIN <= passed_now(spool.directory) <= datetime.now(UTC) - MARGIN


@pytest.mark.usefixtures("no_patience")
def test_a_person_does_not_publish_while_segments_are_not_stored(spool: Spool) -> None:
    for seq, state in enumerate(("seg", "seg", "open"), 1):
        spool.write(seq, state)
    with pytest.raises(Fatal, match="segments of the spool that are not stored yet: 3"):
        passed_now(spool.directory)


def test_a_worker_that_shall_not_publish_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.publish.job.Publisher", None)
    Publishing()(Settings(data=tmp_path, ship=Ship(publish=False)))


class Job:
    """The job with a publisher whose runs end as a test says, called every 15 seconds of a made-up clock."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: Exception | None = None
        self.published, self.seconds = 1, 0.0
        self.runs: list[float] = []
        self.clock = 0.0
        self._settings = Settings(data=directory)
        self._run = Publishing()
        monkeypatch.setattr("pipeline.publish.job.Publisher", lambda _: self)
        monkeypatch.setattr("pipeline.publish.job.monotonic", lambda: self.clock)
        self.call()  # the first look

    def run(self, *_: object) -> int:
        """Be the publisher."""
        self.runs.append(self.clock)
        if self.error is not None:
            raise self.error
        self.clock += self.seconds
        return self.published

    def call(self) -> str:
        """Call the job and return its error."""
        self.clock += PUBLISH_SECONDS
        try:
            self._run(self._settings)
        except PixelError as error:
            return str(error)
        return ""

    def rests(self, seconds: float) -> list[float]:
        """Call the job for so long and return the times between its runs."""
        self.runs = [self.clock]
        while self.clock < self.runs[0] + seconds:
            assert self.call() == (str(self.error) if self.error else "")
        return [after - before for before, after in pairwise(self.runs)]


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    return Job(tmp_path, monkeypatch)


def test_a_run_that_fails_again_and_again_rests_longer_each_time_up_to_an_hour(job: Job) -> None:
    job.error = Fatal("error 241")
    rests = job.rests(86_400)
    assert rests == sorted(rests)
    assert len(rests) < 40
    assert rests[:QUICK_TRIES] == [PUBLISH_SECONDS] * QUICK_TRIES, "after a start the views may not be there yet"
    assert rests[-1] == LONGEST_FAILED_REST


def test_after_a_good_run_the_rest_is_short_again(job: Job) -> None:
    job.error = Retryable("ClickHouse does not answer")
    job.rests(86_400)
    job.error = None
    while job.call():
        pass
    assert job.rests(100) == [PUBLISH_SECONDS] * 7
    job.error = Fatal("error 60")
    assert job.rests(50) == [PUBLISH_SECONDS] * 4


@pytest.mark.parametrize(("seconds", "rest"), [(0.1, 0.1 * REST), (0.75, 0.75 * REST), (2.0, 200.0), (9.0, 300.0)])
def test_a_look_that_found_nothing_rests_a_hundred_times_as_long_as_it_took_and_five_minutes_at_most(
    job: Job, seconds: float, rest: float
) -> None:
    job.published, job.seconds = 0, seconds
    for between in job.rests(3000)[1:]:
        # It is called every 15 seconds.
        assert rest <= between - seconds < max(rest, PUBLISH_SECONDS) + PUBLISH_SECONDS
    assert LONGEST_REST == 300


def test_a_run_that_published_does_not_rest(job: Job) -> None:
    job.seconds = 9.0
    assert set(job.rests(600)[1:]) == {PUBLISH_SECONDS + 9.0}
