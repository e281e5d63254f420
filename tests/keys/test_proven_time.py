"""A clock that jumps destroys nothing: what is believed at once, what has to stand, who may confirm it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.keys import proven_time
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.keys.proven_time import LONGEST, OFF, STEP, Clock, WildClock, prove, read, trust
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from support.command import command

DAY = 86_400.0
START = datetime(2026, 11, 29, tzinfo=UTC).timestamp()


class Machine:
    """A machine whose clock can be set, and which can be switched off."""

    def __init__(self, data: Path) -> None:
        self.settings = Settings(data=data)
        self.clock = Clock(START, 1000.0, "first")

    def wait(self, seconds: float) -> None:
        self.clock = self.clock._replace(wall=self.clock.wall + seconds, up=self.clock.up + seconds)

    def jump(self, seconds: float) -> None:
        self.clock = self.clock._replace(wall=self.clock.wall + seconds)

    def restart(self, off: float = 60.0) -> None:
        self.clock = Clock(self.clock.wall + off + 5, 5.0, self.clock.boot + "'")

    def believes(self) -> bool:
        try:
            prove(self.settings, self.clock)
        except WildClock:
            return False
        return True


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    assert made.believes()
    made.wait(3600)
    assert made.believes()
    return made


def test_a_clock_that_goes_on_evenly_is_believed(machine: Machine) -> None:
    for _ in range(50):
        machine.wait(DAY)
        assert machine.believes()


@pytest.mark.parametrize("step", [-STEP.total_seconds(), -1, 1, STEP.total_seconds()])
def test_a_small_step_is_believed_at_once(machine: Machine, step: float) -> None:
    machine.jump(step)
    assert machine.believes()


YEARS = [(datetime(year, 1, 1, tzinfo=UTC).timestamp() - START) for year in (1970, 2025, 2027, 2038, 2039, 2106, 2200)]


@pytest.mark.parametrize("jump", [-3 * DAY, -3600, 3600, DAY, 31 * DAY, *YEARS])
def test_a_jump_is_not_believed_and_the_time_that_comes_back_is(machine: Machine, jump: float) -> None:
    machine.jump(jump)
    for _ in range(5):
        assert not machine.believes()
        machine.wait(600)
    machine.jump(-jump)
    assert machine.believes()
    machine.wait(3600)
    assert machine.believes()


def test_the_refusal_says_how_far_and_until_when(machine: Machine) -> None:
    machine.jump(100 * DAY)
    with pytest.raises(WildClock, match=r"ahead by 100 days.*trust-clock.*believed by itself on 2027-03-16 01:00"):
        prove(machine.settings, machine.clock)


def test_a_new_time_is_believed_after_it_has_stood_for_seven_times_its_jump(machine: Machine) -> None:
    machine.jump(3600)
    for _ in range(6):
        assert not machine.believes()
        machine.wait(3600)
    assert not machine.believes()
    machine.wait(3600)
    assert machine.believes()


def test_a_new_time_that_is_far_away_is_believed_after_a_week(machine: Machine) -> None:
    machine.jump(1000 * DAY)
    assert not machine.believes()
    machine.wait(LONGEST.total_seconds() - 60)
    assert not machine.believes()
    machine.wait(60)
    assert machine.believes()


def test_a_clock_that_jumps_again_and_again_is_never_believed(machine: Machine) -> None:
    for _ in range(40):
        machine.jump(DAY)
        assert not machine.believes()
        machine.wait(DAY)
    assert not machine.believes()


def test_a_machine_that_was_off_for_a_long_weekend_is_believed(machine: Machine) -> None:
    machine.restart(off=OFF.total_seconds() - 60)
    assert machine.believes()


def test_a_machine_that_starts_with_a_time_far_away_is_not_believed(machine: Machine) -> None:
    machine.restart(off=OFF.total_seconds() + 3600)
    assert not machine.believes()


@pytest.mark.parametrize("wrong", [-26 * 365 * DAY, 90 * DAY])
def test_a_start_with_a_wrong_time_that_is_set_right_soon_is_believed_again(machine: Machine, wrong: float) -> None:
    machine.restart(off=10 * 3600 + wrong)
    assert not machine.believes()
    machine.wait(30)
    assert not machine.believes()
    machine.jump(-wrong)
    assert machine.believes()
    machine.jump(3 * DAY)
    assert not machine.believes(), "the time for which it may have been off counts once"


def test_a_machine_that_is_switched_off_each_night_believes_its_time_after_a_week_of_work(machine: Machine) -> None:
    machine.restart(off=30 * DAY)
    hours = 0
    while not machine.believes():
        machine.wait(3600)
        hours += 1
        if hours % 9 == 0:
            machine.believes()
            machine.restart(off=15 * 3600)
        assert hours < 200
    assert hours >= 7 * 24


def test_a_clock_that_is_further_ahead_after_each_start_is_never_believed(machine: Machine) -> None:
    for _ in range(40):
        machine.restart(off=30 * DAY)
        assert not machine.believes()
        machine.wait(DAY)
        assert not machine.believes()


def test_the_word_of_a_person_is_not_lost_while_a_job_asks_the_database(machine: Machine) -> None:
    machine.jump(40 * DAY)

    def slow(settings: Settings) -> None:
        trust(settings, machine.clock)

    with pytest.raises(WildClock):
        prove(machine.settings, machine.clock, slow)
    assert machine.believes()


def test_a_person_may_say_that_the_time_is_right(machine: Machine) -> None:
    machine.jump(40 * DAY)
    assert not machine.believes()
    trust(machine.settings, machine.clock)
    assert machine.believes()


def test_the_clock_of_a_database_on_another_machine_confirms_or_does_not(machine: Machine) -> None:
    machine.jump(40 * DAY)
    for away in (-40 * DAY, None):
        other = None if away is None else machine.clock.wall + away
        with pytest.raises(WildClock):
            prove(machine.settings, machine.clock, lambda _, said=other: said)
    prove(machine.settings, machine.clock, lambda _: machine.clock.wall - 2)


def test_a_database_on_this_machine_has_the_same_clock_and_is_not_asked(tmp_path: Path) -> None:
    for url in (None, "http://127.0.0.1:1", "http://localhost:1"):
        settings = Settings(data=tmp_path, clickhouse=ClickHouse(url=url))
        assert proven_time.clock_of_database(settings) is None


def test_a_person_destroys_no_key_by_its_age_while_the_clock_is_wrong(tmp_path: Path) -> None:
    data = tmp_path / "var"
    settings = Settings(data=data)
    files = KeyDirectory.of(settings)
    old = KeyName.of_day(datetime.now(UTC).date() - timedelta(days=100))
    files.create(old, bytes(range(32)))
    now = Clock.now()
    trust(settings, now._replace(wall=now.wall - 90 * DAY))
    refused = command(data, "keys", "destroy", "--yes")
    assert refused.returncode == 1
    assert "the clock jumped ahead by 90 days" in refused.stderr
    assert files.lives(old)
    assert command(data, "keys", "trust-clock").returncode == 0
    kept = read(settings)
    assert kept is not None
    assert not kept.jumped


def test_a_damaged_memory_begins_anew(machine: Machine) -> None:
    (machine.settings.run_dir / proven_time.FILE).write_bytes(b'{"wall":"\xff')
    assert read(machine.settings) is None
    assert machine.believes()
    assert read(machine.settings) is not None


def test_the_clocks_of_this_machine_can_be_read(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    prove(Settings(data=tmp_path))
    kept = read(Settings(data=tmp_path))
    assert kept is not None
    assert timedelta() <= datetime.fromtimestamp(kept.wall, UTC) - before < timedelta(minutes=1)
    assert date(2026, 1, 1) < datetime.fromtimestamp(kept.wall, UTC).date()
