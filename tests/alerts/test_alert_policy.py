"""Which problems are told, and which are not: the budget of a week, the digest, silence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerts.policy import (
    LEAST_HISTORY_DAYS,
    MOST_LINES,
    Memory,
    Message,
    Told,
    choose,
    digest_moment,
    remembered,
)
from pipeline.settings.alerts import Alerts
from support.problems import NOW, ended, told

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ZONES = {"clinic": ZoneInfo("UTC"), "other": ZoneInfo("UTC")}


class Evaluations:
    """The evaluations of one `ship`, minute by minute, with its memory."""

    def __init__(self, alerts: Alerts | None = None) -> None:
        self.alerts = alerts or Alerts()
        self.memory = Memory()
        self.messages: list[Message] = []

    def at(self, now: datetime, *problems: Told) -> list[tuple[str, str]]:
        """Evaluate once, and return kind and problems of each alert."""
        chosen = choose(problems, self.memory, self.alerts, ZONES, now)
        self.memory = remembered(self.memory, problems, chosen, now)
        self.messages += chosen
        return [(one.kind, names(one.told)) for one in chosen]


def names(problems: Sequence[Told]) -> str:
    return " ".join(one.problem.id for one in problems)


def test_a_problem_is_told_once_when_it_opens_and_once_when_it_ends() -> None:
    ship = Evaluations()
    assert ship.at(NOW, told("a")) == []
    assert ship.at(NOW + MINUTE, told("a")) == [("opened", "a")]
    assert ship.at(NOW + 2 * MINUTE, told("a", state="ongoing")) == []
    end = NOW + 3 * MINUTE
    assert ship.at(end, ended("a", end)) == [("resolved", "a")]
    assert ship.at(end + MINUTE, ended("a", end)) == []


def test_a_problem_of_one_evaluation_is_told_in_the_digest_alone() -> None:
    ship = Evaluations()
    assert ship.at(NOW, told("flicker")) == []
    end = NOW + MINUTE
    assert ship.at(end, ended("flicker", end)) == []
    monday = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
    assert ship.at(monday + MINUTE, ended("flicker", end)) == [("digest", "flicker")]
    assert ship.at(monday + 7 * DAY + MINUTE, ended("flicker", end)) == []


def test_a_reopened_problem_is_told_as_a_new_one() -> None:
    ship = Evaluations()
    ship.at(NOW, told("a"))
    ship.at(NOW + MINUTE, told("a"))
    ship.at(NOW + 2 * MINUTE, ended("a", NOW))
    again = told("a", reopened=1)
    assert ship.at(NOW + 3 * MINUTE, again) == []
    assert ship.at(NOW + 4 * MINUTE, again) == [("opened", "a")]
    assert ship.at(NOW + 5 * MINUTE, ended("a", NOW, reopened=1)) == [("resolved", "a")]


def test_the_most_costly_problems_are_told_at_once_and_the_others_in_the_digest_with_one_line_each() -> None:
    ship = Evaluations()
    costs = {"small": 5.0, "large": 90.0, "middle": 40.0, "unknown": float("nan"), "tiny": 1.0}
    problems = [told(name, lost=cost) for name, cost in costs.items()]
    ship.at(NOW, *problems)
    assert ship.at(NOW + MINUTE, *problems) == [("opened", "large"), ("opened", "middle"), ("opened", "small")]
    monday = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
    assert ship.at(monday - MINUTE, *problems) == []
    assert ship.at(monday + MINUTE, *problems) == [("digest", "tiny unknown")]
    assert ship.at(monday + 2 * MINUTE, *problems) == []


def test_the_budget_of_any_seven_days_is_kept_for_each_site_alone() -> None:
    ship = Evaluations(Alerts(per_week=1))
    both = [told("a"), told("b", site="other")]
    ship.at(NOW, *both)
    assert ship.at(NOW + MINUTE, *both) == [("opened", "a"), ("opened", "b")]
    late = told("late", opened_at=NOW + DAY)
    ship.at(NOW + DAY, *both, late)
    assert ship.at(NOW + DAY + MINUTE, *both, late) == []
    assert ship.at(NOW + 7 * DAY, *both, late) == [("digest", "late")]
    later = told("later", opened_at=NOW + 6 * DAY)
    ship.at(NOW + 7 * DAY + MINUTE, *both, later)
    assert ship.at(NOW + 7 * DAY + 2 * MINUTE, *both, later) == [("opened", "later")]


def test_a_problem_that_a_digest_told_is_not_told_again_at_once_and_its_end_is_in_the_next_digest() -> None:
    ship = Evaluations(Alerts(per_week=0))
    ship.at(NOW, told("a"))
    monday = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
    assert ship.at(monday, told("a")) == [("digest", "a")]
    ship.alerts = Alerts(per_week=3)
    assert ship.at(monday + MINUTE, told("a")) == []
    end = monday + DAY
    assert ship.at(end, ended("a", end)) == []
    assert ship.at(monday + 7 * DAY, ended("a", end)) == [("digest", "a")]
    assert ship.at(monday + 14 * DAY, ended("a", end)) == []


def test_a_muted_problem_is_never_told_until_its_mute_ends() -> None:
    ship = Evaluations()
    until = NOW + 10 * DAY
    muted = told("a", muted_until=until)
    for day in range(10):
        assert ship.at(NOW + day * DAY, muted) == []
    assert ship.at(until + MINUTE, muted) == [("opened", "a")]


def test_the_end_of_a_problem_that_was_muted_after_its_alert_is_not_told() -> None:
    ship = Evaluations()
    ship.at(NOW, told("a"))
    ship.at(NOW + MINUTE, told("a"))
    end = NOW + DAY
    assert ship.at(end, ended("a", end, muted_until=NOW + 20 * DAY)) == []
    assert ship.at(NOW + 20 * DAY, ended("a", end, muted_until=NOW + 20 * DAY)) == []


def test_a_site_without_enough_history_is_silent() -> None:
    ship = Evaluations()
    young = told("a", days=LEAST_HISTORY_DAYS - 0.01)
    ship.at(NOW, young)
    assert ship.at(NOW + MINUTE, young) == []
    assert ship.at(datetime(2026, 11, 30, 9, 0, tzinfo=UTC), young) == []
    assert ship.at(NOW + 6 * DAY, told("a", days=LEAST_HISTORY_DAYS)) == [("opened", "a")]


def test_a_site_that_the_settings_do_not_name_is_silent() -> None:
    ship = Evaluations()
    ship.at(NOW, told("a", site="renamed"))
    assert ship.at(NOW + MINUTE, told("a", site="renamed")) == []


def test_no_digest_is_sent_before_the_first_moment_after_the_installation() -> None:
    ship = Evaluations(Alerts(per_week=0))
    ship.at(NOW, told("a"))
    assert ship.at(NOW + MINUTE, told("a")) == []


def test_a_digest_that_was_missed_while_ship_was_down_is_sent_after_the_start() -> None:
    ship = Evaluations(Alerts(per_week=0))
    ship.at(NOW, told("a"))
    assert ship.at(datetime(2026, 12, 2, 3, 0, tzinfo=UTC), told("a")) == [("digest", "a")]


def test_the_memory_survives_being_written_and_read() -> None:
    ship = Evaluations()
    ship.at(NOW, told("a"))
    ship.at(NOW + MINUTE, told("a"))
    ship.memory = msgspec.json.decode(msgspec.json.encode(ship.memory), type=Memory)
    assert ship.at(NOW + 2 * MINUTE, told("a")) == []
    assert ship.at(NOW + 3 * MINUTE, ended("a", NOW)) == [("resolved", "a")]


def test_alerts_of_a_clock_that_was_ahead_use_up_no_budget() -> None:
    ship = Evaluations(Alerts(per_week=1))
    ahead = NOW + 300 * DAY
    ship.at(ahead, told("a"))
    assert ship.at(ahead + MINUTE, told("a")) == [("opened", "a")]
    ship.at(NOW, told("a"), told("b"))
    assert ship.at(NOW + MINUTE, told("a"), told("b")) == [("opened", "b")]


def test_alerts_of_long_ago_are_forgotten_only_when_their_problem_is_gone() -> None:
    ship = Evaluations()
    both = (told("stays"), told("goes"))
    ship.at(NOW, *both)
    ship.at(NOW + MINUTE, *both)
    ship.at(NOW + 91 * DAY, told("stays"))
    assert [sent.problem for sent in ship.memory.sent] == ["stays"]
    assert ship.at(NOW + 92 * DAY, told("stays")) == []


@pytest.mark.parametrize(
    ("zone", "now", "moment"),
    [
        ("UTC", "2026-11-30T09:00+00:00", "2026-11-30T09:00+00:00"),
        ("UTC", "2026-11-30T08:59+00:00", "2026-11-23T09:00+00:00"),
        ("Europe/Moscow", "2026-11-30T06:00+00:00", "2026-11-30T06:00+00:00"),
        ("Asia/Kamchatka", "2026-11-29T21:00+00:00", "2026-11-29T21:00+00:00"),
        ("Europe/Berlin", "2026-03-30T07:00+00:00", "2026-03-30T07:00+00:00"),
        ("Europe/Berlin", "2026-03-23T08:00+00:00", "2026-03-23T08:00+00:00"),
    ],
)
def test_a_digest_comes_on_monday_at_nine_of_the_site_also_after_a_change_of_the_clocks(
    zone: str, now: str, moment: str
) -> None:
    found = digest_moment(Alerts(), ZoneInfo(zone), datetime.fromisoformat(now))
    assert found == datetime.fromisoformat(moment)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdefgh"), st.booleans(), st.integers(0, 2000), st.integers(0, 3), st.integers(0, 40)
        ),
        max_size=60,
    )
)
def test_whatever_happens_the_budget_is_kept_and_nothing_is_told_twice(
    steps: list[tuple[str, bool, int, int, int]],
) -> None:
    ship, now = Evaluations(), NOW
    state: dict[str, Told] = {}
    for name, goes_on, minutes, reopened, lost in steps:
        now += minutes * MINUTE
        fresh = told(name, reopened=reopened, lost=float(lost))
        state[name] = fresh if goes_on else ended(name, now, reopened=reopened)
        ship.at(now, *state.values())
    openings = [one.at for one in ship.messages if one.kind == "opened"]
    assert all(sum(at <= other < at + 7 * DAY for other in openings) <= 3 for at in openings)
    said = [(one.kind, line.life) for one in ship.messages if one.kind != "digest" for line in one.told]
    assert len(said) == len(set(said))
    opened = {life for kind, life in said if kind == "opened"}
    assert {life for kind, life in said if kind == "resolved"} <= opened
    assert not opened & {line.life for one in ship.messages if one.kind == "digest" for line in one.told}


def test_a_digest_names_the_most_costly_problems_and_the_others_compete_for_the_next_one() -> None:
    ship = Evaluations(Alerts(per_week=0))
    problems = [told(f"p{number:02}", lost=float(number)) for number in range(MOST_LINES + 3)]
    ship.at(NOW, *problems)
    monday = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
    ship.at(monday, *problems)
    ship.at(monday + 7 * DAY, *problems)
    first, second = ship.messages
    assert (len(first.told), first.more, first.told[0].problem.id) == (MOST_LINES, 3, f"p{MOST_LINES + 2}")
    assert (names(second.told), second.more) == ("p02 p01 p00", 0)


def test_a_problem_that_opens_right_after_the_digest_waits_for_the_next_one() -> None:
    ship = Evaluations(Alerts(per_week=0))
    monday = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
    ship.at(monday - MINUTE, told("a"), told("b", lost=1.0))
    assert ship.at(monday, told("a")) == [("digest", "a")]
    assert ship.at(monday + MINUTE, told("a"), told("b")) == []
    assert ship.at(monday + 2 * MINUTE, told("a"), told("b")) == []
    assert ship.at(monday + 7 * DAY, told("a"), told("b")) == [("digest", "b")]
