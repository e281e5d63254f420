"""The trial of a signal: what it needs to pass, what ends it, and that a changed signal begins anew."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from pipeline.scoring.rules import Signal, Words
from pipeline.scoring.score import Sign, Surroundings, scored
from pipeline.scoring.trial import DayCount, live_signals, trial_of

TODAY = date(2026, 11, 28)
WORDS = Words(title="", reason="", innocent="")


def made(points: int = 20, judged: str = "") -> Signal:
    return Signal(
        name="F13",
        query="",
        family="R",
        worse="above",
        levels=((1, points),),
        usual=(0, 0),
        judged=judged,
        source="",
        en=WORDS,
        ru=WORDS,
    )


SIGNAL = made()


def counted(
    days: int = 28, flagged: int = 300, people: int = 0, *, of: Signal = SIGNAL, seen: int = 29
) -> list[DayCount]:
    """Return the counts of the last days before today; all flagged clients and people are those of yesterday. The signal was first seen so many days ago."""
    return [
        DayCount(
            "clinic",
            TODAY - timedelta(days=back),
            of.name,
            of.fingerprint,
            20_000,
            flagged if back == 1 else 0,
            people if back == 1 else 0,
            is_cut=False,
            seen=TODAY - timedelta(days=seen),
        )
        for back in range(1, days + 1)
    ]


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ([], "trial"),
        (counted(), "passed"),
        (counted(days=27), "trial"),
        (counted(flagged=299), "trial"),
        (counted(flagged=10_000, people=1), "failed"),
        (counted(days=1, people=1), "failed"),
    ],
)
def test_a_signal_passes_after_28_days_and_300_clients_without_a_person(counts: list[DayCount], state: str) -> None:
    assert trial_of(SIGNAL, counts, TODAY).state == state


def test_a_changed_signal_begins_anew() -> None:
    changed = made(points=21)
    assert trial_of(changed, counted(), TODAY).state == "trial"
    assert trial_of(changed, [*counted(people=1), *counted(of=changed)], TODAY).state == "passed"


def test_today_never_counts_and_a_day_counts_once() -> None:
    today = counted(days=1)[0]._replace(day=TODAY)
    trial = trial_of(SIGNAL, [*counted(days=27), today], TODAY)
    assert (trial.state, trial.left, trial.since) == ("trial", 1, TODAY - timedelta(days=28))
    assert trial_of(SIGNAL, counted(flagged=150) * 2, TODAY).flagged == 150


def test_days_that_are_scored_again_with_a_changed_text_do_not_count() -> None:
    again = trial_of(SIGNAL, counted(seen=0), TODAY)
    assert (again.state, again.left, again.flagged, again.since) == ("trial", 28, 0, TODAY + timedelta(days=1))
    # The day of the change itself is known in part: the day after it is the first one.
    assert trial_of(SIGNAL, counted(seen=28), TODAY).left == 1
    assert trial_of(SIGNAL, counted(seen=29), TODAY).state == "passed"
    # Days of another site were scored again later: the first use anywhere counts.
    later = [each._replace(site="other", seen=TODAY) for each in counted(flagged=0)]
    assert trial_of(SIGNAL, [*counted(), *later], TODAY).state == "passed"


def test_a_person_on_a_day_that_is_scored_again_ends_the_trial_at_once() -> None:
    assert trial_of(SIGNAL, counted(seen=0, people=1), TODAY).state == "failed"


def test_a_day_on_which_more_were_flagged_than_are_kept_passes_nothing() -> None:
    whole = counted(days=29, seen=30)
    assert trial_of(SIGNAL, whole, TODAY).state == "passed"
    cut = [whole[0]._replace(is_cut=True, flagged=5_000), *whole[1:]]
    trial = trial_of(SIGNAL, cut, TODAY)
    assert (trial.state, trial.left, trial.flagged) == ("trial", 0, 0)
    # It does not count where another site was not cut on that day, and its people do.
    other = [each._replace(site="other") for each in whole]
    assert trial_of(SIGNAL, [*cut, *other], TODAY).flagged == 0
    assert trial_of(SIGNAL, [cut[0]._replace(people=1), *whole[1:]], TODAY).state == "failed"


def test_two_sites_on_one_day_are_one_day_and_their_clients_add_up() -> None:
    other = [each._replace(site="other") for each in counted(flagged=150)]
    assert trial_of(SIGNAL, [*counted(flagged=150), *other], TODAY).state == "passed"
    short = counted(days=14)
    assert trial_of(SIGNAL, [*short, *(each._replace(site="other") for each in short)], TODAY).left == 14


def test_a_day_without_a_client_says_nothing() -> None:
    empty = counted()[-1]._replace(clients=0)
    assert trial_of(SIGNAL, [*counted(days=27), empty], TODAY).left == 1


def test_only_a_live_signal_gives_points() -> None:
    signs = [Sign(SIGNAL, 1.0)]
    assert scored(signs, Surroundings(), live_signals([SIGNAL], counted(), TODAY)).points == {"F13": 20}
    assert scored(signs, Surroundings(), live_signals([SIGNAL], counted(people=1), TODAY)).points == {"F13": 0}
    judged = made(judged=SIGNAL.fingerprint)
    assert live_signals([judged], [], TODAY) == {"F13"}


def test_the_state_is_said_in_both_languages() -> None:
    trial = trial_of(SIGNAL, counted(days=20, flagged=50), TODAY)
    assert trial.words("en") == "on trial since 2026-10-31: flagged 50, people 0, days left 8"
    assert trial.words("ru") == "на испытании с 2026-10-31: отмечено 50, людей 0, осталось дней 8"
