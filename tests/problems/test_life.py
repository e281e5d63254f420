"""The life of a problem: it keeps its id, goes on, ends, comes back, is muted, and is closed with a verdict about the fix."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import pytest

from pipeline.detection.causes import Fault
from pipeline.detection.detect import Finding
from pipeline.detection.look import WINDOW
from pipeline.detection.series import HOUR, SITE, Counted, Slice, Table
from pipeline.detection.statistics import Interval
from pipeline.problems.evaluate import Backtest, Mark, evaluate
from pipeline.problems.life import ONGOING_AFTER, PATIENCE, REOPEN_WITHIN, lived, muted
from pipeline.problems.problem import Facts, Place, Problem
from pipeline.settings.site import Site
from support import made_faults
from support.made_site import MONDAY, UTC_ZONE, MadeSite

DAY = timedelta(days=1)
NOW = MONDAY + 30 * DAY
PAGE, OTHER = Slice("page", "/doctors/"), Slice("page", "/about/")
SEED, DAYS, BEGIN = 5, 72, 36
"""A fault begins at ten o'clock of this day."""
Spell = tuple[made_faults.Fault, int, int]
"""A fault with the hours in which it begins and ends."""


# The rules alone.


def finding(
    watch: str = "silent_page", piece: Slice = PAGE, since: datetime = NOW - 3 * HOUR, lost: float = 40
) -> Finding:
    return Finding(
        watch=watch, slice=piece, number="people", quiet_until=since - HOUR, since=since, seen=2, expected=42, of=0,
        lost=Interval(lost / 2, lost, 2 * lost), evidence=14.0, rank=6, direction="drop", factor=0.05,
    )  # fmt: skip


def fault(*found: Finding) -> Fault:
    main, *also = found or (finding(),)
    return Fault(main, tuple(also), (), "")


def seen(before: Sequence[Problem], *faults: Fault, now: datetime = NOW, end: datetime | None = None) -> list[Problem]:
    """Return the problems after a look that finds these faults; `end` is that of each fault that it does not find."""
    return lived("clinic", before, faults, now, 30.0, ended=lambda _: end)


def opened(*faults: Fault, **changes: object) -> Problem:
    """Return the problem of a fault, after its first look, with some changes."""
    (only,) = seen([], *(faults or (fault(),)))
    return msgspec.structs.replace(only, **changes)


def of_facts(problem: Problem, **changes: object) -> Facts:
    return msgspec.structs.replace(problem.facts, **changes)


def test_a_fault_that_is_found_again_is_the_same_problem_with_its_first_begin() -> None:
    first = opened()
    (again,) = seen([first], fault(finding(since=NOW - HOUR, lost=90)), now=NOW + 5 * HOUR)
    assert (again.id, again.since, again.quiet_until) == (first.id, first.since, first.quiet_until)
    assert (again.opened_at, again.changed_at) == (NOW, NOW + 5 * HOUR)
    assert (again.lost, again.facts.reopened) == (90, 0)


def test_an_id_is_that_of_the_fault_and_its_begin() -> None:
    first = opened()
    assert first.id == opened(fault(finding(lost=7))).id
    others = (finding("dead_ad"), finding(piece=OTHER), finding(since=NOW - 4 * HOUR))
    ids = {first.id, *(opened(fault(each)).id for each in others), seen_at_another_site().id}
    assert len(ids) == 5


def seen_at_another_site() -> Problem:
    (only,) = lived("branch", [], [fault()], NOW, 30.0, ended=lambda _: None)
    return only


def test_a_problem_is_ongoing_an_hour_after_it_was_opened() -> None:
    first = opened()
    just_before = ONGOING_AFTER - timedelta(seconds=1)
    assert first.state == "open"
    assert [each.state for each in seen([first], fault(), now=NOW + just_before)] == ["open"]
    assert [each.state for each in seen([first], fault(), now=NOW + ONGOING_AFTER)] == ["ongoing"]


def test_a_problem_whose_end_is_not_known_yet_is_not_touched() -> None:
    first = opened()
    (after,) = seen([first], now=NOW + HOUR)
    assert after is first


def test_a_problem_ends_with_its_first_good_hour_and_not_before_it_began() -> None:
    first = opened()
    (after,) = seen([first], now=NOW + 9 * HOUR, end=NOW + 4 * HOUR)
    assert (after.state, after.until, after.changed_at) == ("resolved", NOW + 4 * HOUR, NOW + 9 * HOUR)
    (after,) = seen([first], now=NOW + HOUR, end=first.since - HOUR)
    assert after.until == first.since


def test_a_resolved_problem_is_not_ended_a_second_time() -> None:
    (ended,) = seen([opened()], now=NOW + HOUR, end=NOW)
    (after,) = seen([ended], now=NOW + DAY, end=NOW + DAY)
    assert after is ended


def test_a_problem_that_comes_back_within_a_week_is_opened_again_under_its_id() -> None:
    (ended,) = seen([opened()], now=NOW + HOUR, end=NOW)
    back = ended.changed_at + REOPEN_WITHIN
    (after,) = seen([ended], fault(finding(since=back - HOUR)), now=back)
    assert (after.id, after.state, after.facts.reopened) == (ended.id, "open", 1)
    assert (after.since, after.opened_at, after.until) == (back - HOUR, back, None)
    (ended,) = seen([after], now=back + HOUR, end=back)
    (after,) = seen([ended], fault(finding(since=back + DAY)), now=back + DAY + HOUR)
    assert (after.id, after.facts.reopened) == (ended.id, 2)


def test_a_problem_that_comes_back_after_more_than_a_week_is_a_new_one() -> None:
    (ended,) = seen([opened()], now=NOW + HOUR, end=NOW)
    back = ended.changed_at + REOPEN_WITHIN + timedelta(seconds=1)
    old, new = sorted(seen([ended], fault(finding(since=back - HOUR)), now=back), key=lambda each: each.opened_at)
    assert old is ended
    assert new.id != old.id
    assert (new.state, new.facts.reopened) == ("open", 0)


def test_a_muted_problem_stays_muted_while_it_lasts_ends_and_comes_back() -> None:
    first = opened()
    muted = msgspec.structs.replace(
        first, muted_until=NOW + 9 * DAY, facts=of_facts(first, mute_reason="the page is being rebuilt")
    )
    (later,) = seen([muted], fault(), now=NOW + 2 * HOUR)
    (ended,) = seen([later], now=NOW + 3 * HOUR, end=NOW + 2 * HOUR)
    (back,) = seen([ended], fault(finding(since=NOW + DAY)), now=NOW + 2 * DAY)
    for each in (later, ended, back):
        assert each.muted_until == NOW + 9 * DAY
        assert each.facts.mute_reason == "the page is being rebuilt"
        assert each.is_muted(NOW + 8 * DAY)
        assert not each.is_muted(NOW + 9 * DAY)
    assert back.facts.reopened == 1


def test_a_fault_whose_nearest_slice_changes_is_the_same_problem() -> None:
    section = Slice("section", "/doctors")
    first = opened(fault(finding(), finding(piece=section)))
    assert first.facts.also == (Place("section", "/doctors"),)
    (after,) = seen([first], fault(finding(piece=section)), now=NOW + HOUR)
    assert after.id == first.id
    assert after.place == Place("section", "/doctors")


def test_a_problem_that_was_only_a_symptom_takes_the_name_of_its_cause() -> None:
    symptom = opened(fault(finding("silent_page", OTHER)))
    (after,) = seen([symptom], fault(finding("form_broken", SITE), finding("silent_page", OTHER)), now=NOW + HOUR)
    assert (after.id, after.watch, after.facts.symptoms) == (symptom.id, "form_broken", ("silent_page",))


def test_the_same_fault_of_two_pages_is_two_problems_with_two_lives() -> None:
    one, two = seen([], fault(), fault(finding(piece=OTHER)))
    after = {each.place.name: each for each in seen([one, two], fault(), now=NOW + HOUR, end=NOW)}
    assert after["/doctors/"].id == one.id
    assert after["/doctors/"].is_active
    assert (after["/about/"].id, after["/about/"].state) == (two.id, "resolved")


def closed(at: datetime = NOW, fixed_by: str = "release 1.4.1") -> Problem:
    first = opened()
    return msgspec.structs.replace(
        first, state="closed", changed_at=at, fixed_by=fixed_by, facts=of_facts(first, verdict="waiting")
    )


def test_a_closed_problem_waits_as_long_as_only_hours_before_the_fix_speak_for_the_fault() -> None:
    known = closed()
    (after,) = seen([known], fault(finding(since=NOW - 2 * HOUR)), now=NOW + HOUR)
    assert after is known


def test_a_fault_that_begins_after_its_fix_opens_the_problem_again_and_the_fix_did_not_hold() -> None:
    (after,) = seen([closed()], fault(finding(since=NOW + 30 * DAY)), now=NOW + 31 * DAY)
    assert (after.id, after.state, after.fixed_by) == (closed().id, "open", "release 1.4.1")
    assert (after.facts.verdict, after.facts.reopened) == ("not_held", 1)


@pytest.mark.parametrize("days", [1, 12])
@pytest.mark.parametrize("verdict", ["held", "unknown"])
def test_the_hours_before_a_fix_do_not_open_a_problem_again_whose_fix_held(verdict: str, days: int) -> None:
    known = closed()
    ended = msgspec.structs.replace(known, state="resolved", until=NOW, facts=of_facts(known, verdict=verdict))
    (after,) = seen([ended], fault(finding(since=NOW - HOUR)), now=NOW + days * DAY)
    assert after is ended


@pytest.mark.parametrize("verdict", ["held", "unknown"])
def test_a_problem_that_comes_back_after_its_verdict_says_no_longer_that_the_fix_held(verdict: str) -> None:
    known = closed()
    ended = msgspec.structs.replace(known, state="resolved", until=NOW, facts=of_facts(known, verdict=verdict))
    (after,) = seen([ended], fault(finding(since=NOW + DAY)), now=NOW + 2 * DAY)
    assert (after.facts.verdict, after.facts.reopened) == ("not_held", 1)


# The whole engine over a made-up site.


class Story:
    """A made-up site with spells of faults, looked at hour by hour."""

    def __init__(self, *spells: Spell, a_day: float = 20_000) -> None:
        good = MadeSite(DAYS, a_day)
        rows = {(row.hour, row.slice): row for row in good.rows(SEED)}
        for broken, begin, end in spells:
            made = MadeSite(DAYS, a_day)
            broken(made, begin)
            inside = (made.time(begin), made.time(end))
            rows = {key: row for key, row in rows.items() if not inside[0] <= key[0] < inside[1]}
            rows |= {(row.hour, row.slice): row for row in made.rows(SEED) if inside[0] <= row.hour < inside[1]}
        self.made = good
        self.rows: list[Counted] = list(rows.values())
        self.whole = Table(good.start, good.time(good.size), self.rows, UTC_ZONE)
        self.problems: list[Problem] = []
        self.first = ""
        self.states: list[str] = []
        """The states of the problem that was found first, each once, in order."""

    def noon(self, day: int = BEGIN) -> int:
        return self.made.noon(day)

    def look(self, first: int, last: int, *, step: int = 1, marks: Sequence[Mark] = ()) -> list[Problem]:
        """Evaluate at the begin of these hours, and return the problems after the last one."""
        for place in range(first, last + 1, step):
            self.problems = evaluate(self.whole.before(self.made.time(place)), "clinic", self.problems, marks=marks)
            if self.problems and not self.first:
                self.first = self.problems[0].id
            states = [each.state for each in self.problems if each.id == self.first]
            if states and self.states[-1:] != states:
                self.states += states
        return self.problems

    def close(self, place: int) -> None:
        """Close the problem at the begin of an hour, as a person does."""
        (only,) = self.problems
        self.problems = [
            msgspec.structs.replace(
                only,
                state="closed",
                changed_at=self.made.time(place),
                fixed_by="release 1.4.1",
                facts=of_facts(only, verdict="waiting"),
            )
        ]
        self.states.append("closed")


ERRORS = made_faults.flag("/doctors/", "server_error", 0.3)
NOON = BEGIN * 24 + 10
SAFARI_FORM = made_faults.part("done", 0.005, "Safari")


def test_a_fault_of_ten_hours_opens_goes_on_and_is_resolved_with_its_first_good_hour() -> None:
    story = Story((ERRORS, NOON, NOON + 10))
    (only,) = story.look(NOON - 5, NOON + 40)
    assert story.states == ["open", "ongoing", "resolved"]
    assert only.since == story.made.time(NOON)
    assert only.until is not None
    assert abs(only.until - story.made.time(NOON + 10)) <= HOUR
    assert only.until < only.changed_at


def test_a_fault_that_comes_back_after_two_days_is_one_problem_that_was_opened_twice() -> None:
    story = Story((ERRORS, NOON, NOON + 10), (ERRORS, NOON + 48, NOON + 58))
    (first,) = story.look(NOON - 2, NOON + 40)
    (again,) = story.look(NOON + 41, NOON + 90)
    assert story.states == ["open", "ongoing", "resolved", "open", "ongoing", "resolved"]
    assert (again.id, again.facts.reopened) == (first.id, 1)
    assert again.since == story.made.time(NOON + 48)


def test_a_fault_that_comes_back_after_ten_days_is_another_problem() -> None:
    story = Story((ERRORS, NOON, NOON + 10), (ERRORS, NOON + 240, NOON + 250))
    story.look(NOON - 2, NOON + 40)
    first, second = story.look(NOON + 238, NOON + 280)[::-1]
    assert first.id != second.id
    assert {first.facts.reopened, second.facts.reopened} == {0}


def test_a_fault_that_lasts_longer_than_the_window_stays_open_with_its_begin() -> None:
    story = Story((made_faults.page("/doctors/", 0.0), NOON, DAYS * 24))
    (first,) = story.look(NOON, NOON + 12)
    last = NOON + 2 * int(WINDOW / HOUR)
    for place in range(NOON + 36, last + 1, 24):
        (only,) = story.look(place, place)
        assert (only.id, only.state, only.since) == (first.id, "ongoing", first.since), place
    assert only.place == Place("page", "/doctors/")


def test_two_problems_stay_two_when_their_begins_are_no_longer_in_the_window() -> None:
    loop = made_faults.flag("/booking/", "loop", 0.4)

    def both(made: MadeSite, begin: int) -> None:
        SAFARI_FORM(made, begin)
        loop(made, begin)

    later = NOON + 5 * 24
    story = Story((SAFARI_FORM, NOON, later), (both, later, DAYS * 24))
    story.look(NOON, later, step=6)
    story.look(later, later + 48, step=6)
    two = {each.watch: each.id for each in story.problems if each.is_active}
    assert set(two) == {"form_broken", "loop"}
    story.look(later + 72, later + 24 * 24, step=24)
    assert {each.watch: each.id for each in story.problems if each.is_active} == two


def test_every_mark_between_the_last_good_and_the_first_bad_hour_is_named_and_none_is_picked() -> None:
    story = Story((ERRORS, NOON, NOON + 40))
    second = timedelta(seconds=1)
    (first,) = story.look(NOON, NOON + 4)
    begin, end = first.quiet_until, first.since + HOUR
    moments = (begin - second, begin, first.since, end - second, end)
    marks = [Mark(moment, f"release 1.{place}") for place, moment in enumerate(moments)]
    (only,) = story.look(NOON + 5, NOON + 5, marks=marks)
    assert only.facts.changed == ("release 1.1", "release 1.2", "release 1.3")
    (only,) = story.look(NOON + 6, NOON + 6, marks=[])
    assert only.facts.changed == ()


# "Did the fix hold?": the three histories.


def fixed(*spells: Spell, until: int) -> tuple[Problem, list[str]]:
    """Return the problem that was closed six hours after the third noon with a form that is broken in Safari, and its states."""
    story = Story(*spells)
    story.look(NOON + 20, CLOSED, step=4)
    assert [each.watch for each in story.problems] == ["form_broken"]
    story.close(CLOSED)
    (only,) = [each for each in story.look(CLOSED + 1, until, step=4) if each.watch == "form_broken"]
    return only, story.states[story.states.index("closed") :]


CLOSED = NOON + 2 * 24 + 6


def test_a_fix_after_which_enough_people_succeed_held() -> None:
    only, states = fixed((SAFARI_FORM, NOON, CLOSED), until=CLOSED + 5 * 24)
    assert (only.facts.verdict, only.state, only.facts.reopened) == ("held", "resolved", 0)
    assert only.until == MONDAY + CLOSED * HOUR
    assert only.fixed_by == "release 1.4.1"
    assert states == ["closed", "resolved"]


def test_a_fault_that_comes_back_after_its_fix_held_is_opened_again_and_the_fix_did_not_hold() -> None:
    back = CLOSED + 3 * 24
    only, states = fixed((SAFARI_FORM, NOON, CLOSED), (SAFARI_FORM, back, DAYS * 24), until=back + 3 * 24)
    assert states == ["closed", "resolved", "open", "ongoing"]
    assert (only.facts.verdict, only.facts.reopened, only.until) == ("not_held", 1, None)
    assert abs(only.since - (MONDAY + back * HOUR)) <= 12 * HOUR


def test_a_fix_after_which_the_fault_goes_on_did_not_hold() -> None:
    only, states = fixed((SAFARI_FORM, NOON, DAYS * 24), until=CLOSED + 5 * 24)
    assert (only.facts.verdict, only.state, only.until) == ("not_held", "ongoing", None)
    assert states == ["closed", "ongoing"]


def test_a_fix_after_which_nobody_came_to_try_it_is_unknown() -> None:
    nobody = made_faults.part("form", 0.0, "Safari")
    waits = CLOSED + int(PATIENCE / HOUR)
    only, states = fixed((SAFARI_FORM, NOON, CLOSED), (nobody, CLOSED, DAYS * 24), until=waits - 4)
    assert (only.facts.verdict, only.state) == ("waiting", "closed")
    only, states = fixed((SAFARI_FORM, NOON, CLOSED), (nobody, CLOSED, DAYS * 24), until=waits + 24)
    assert (only.facts.verdict, only.state) == ("unknown", "resolved")
    assert states == ["closed", "resolved"]


# Backtest, and little history.


def test_a_backtest_says_what_the_evaluation_of_each_hour_said() -> None:
    story = Story((ERRORS, NOON, NOON + 10), (made_faults.browser("Firefox"), NOON + 24, NOON + 48))
    first, last = NOON - 3, NOON + 60
    problems: list[Problem] = []
    for place in range(first, last + 1):
        table = Table(story.made.start, story.made.time(place), story.rows, UTC_ZONE)
        problems = evaluate(table, "clinic", problems)
    site = Site(id="clinic", hosts=("clinic.example",))
    test = Backtest(story.whole, site, story.made.time(first) + timedelta(minutes=20), story.made.time(last))
    assert test.moments() == [story.made.time(place) for place in range(first, last + 1)]
    for moment in test.moments():
        test.step(moment)
    assert test.problems == problems
    assert {each.watch for each in problems} == {"server_errors", "program_lost"}


def test_a_backtest_knows_the_holidays_of_the_site() -> None:
    story = Story((ERRORS, NOON, NOON + 10))
    days = (story.made.time(NOON).date(),)
    looked: list[frozenset[object]] = []

    def looked_at(*_given: object, holidays: frozenset[object]) -> list[Problem]:
        looked.append(holidays)
        return []

    site = Site(id="clinic", hosts=("clinic.example",), holidays=days)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.problems.evaluate.evaluate", looked_at)
        Backtest(story.whole, site, story.whole.start, story.whole.until).step(story.made.time(NOON))
    assert looked == [frozenset(days)]


def test_a_backtest_begins_two_hours_after_the_first_number_and_may_be_empty() -> None:
    story = Story()
    site = Site(id="clinic", hosts=("clinic.example",))
    start = story.whole.start
    assert Backtest(story.whole, site, start - DAY, start + 4 * HOUR).moments() == [start + n * HOUR for n in (2, 3, 4)]
    assert Backtest(story.whole, site, start - DAY, start - HOUR).moments() == []


def test_with_less_than_half_a_day_to_learn_from_nothing_is_said_and_nothing_is_forgotten() -> None:
    made = MadeSite(DAYS, 2_000)
    ERRORS(made, 0)
    rows = made.rows(SEED)
    known = [opened()]

    def after(hours: int) -> list[Problem]:
        return evaluate(Table(made.start, made.time(hours), rows, UTC_ZONE), "clinic", known)

    assert after(0) == known
    assert after(22) == known
    assert {each.watch for each in after(23)} > {each.watch for each in known}


def test_who_muted_a_problem_stays_with_it_when_its_fault_is_found_again() -> None:
    (known,) = seen([], fault(finding()))
    quiet = muted(known, NOW + 30 * DAY, "rebuilt on Monday", NOW, "anna")
    (after,) = seen([quiet], fault(finding()), now=NOW + DAY)
    assert (after.facts.by, after.facts.mute_reason) == ("anna", "rebuilt on Monday")
