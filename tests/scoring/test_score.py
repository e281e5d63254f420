"""The score: points, caps, the second family, and shared addresses."""

from __future__ import annotations

import pytest

from pipeline.scoring.rules import Signal, Words
from pipeline.scoring.score import Sign, Surroundings, scored

WORDS = Words(title="", reason="", innocent="")


def sign(family: str, points: int, name: str = "F13", **how: object) -> Sign:
    """Return a live signal of so many points that fired."""
    signal = Signal(
        name=name,
        query="",
        family=family,
        worse="above",
        levels=((1, points),),
        usual=(0, 0),
        source="",
        en=WORDS,
        ru=WORDS,
        **how,
    )  # type: ignore[arg-type]
    return Sign(signal.model_copy(update={"judged": signal.fingerprint}), 1.0)


def band(*signs: Sign) -> str:
    return scored(signs, Surroundings()).band


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        ([], "none"),
        ([sign("N", 20)], "unclear"),
        ([sign("T", 35)], "watch"),
        ([sign("R", 60)], "watch"),
        ([sign("R", 60, strong=True)], "likely"),
        ([sign("R", 35), sign("T", 35, "F20")], "watch"),
        ([sign("R", 35), sign("P", 25, "F27")], "likely"),
        ([sign("R", 50), sign("I", 6, "F29")], "watch"),
        ([sign("R", 50), sign("N", 10, "F06")], "likely"),
        ([sign("R", 50, "F14"), sign("R", 20, "F15b")], "likely"),
        ([sign("R", 50, "F14"), sign("R", 20, "F16")], "watch"),
    ],
)
def test_likely_needs_a_second_family_that_is_not_the_same_behaviour(signs: list[Sign], expected: str) -> None:
    assert band(*signs) == expected


def test_signals_of_one_family_repeat_each_other() -> None:
    result = scored([sign("I", 30, "F30"), sign("I", 20, "F31"), sign("I", 10, "F32")], Surroundings())
    assert result.families == {"I": 45}
    assert result.score == pytest.approx(5)


def test_a_signal_of_an_address_counts_less_where_many_people_share_it() -> None:
    alone = scored([sign("I", 30, of="address")], Surroundings(people_here=3))
    shared = scored([sign("I", 30, of="address")], Surroundings(people_here=30))
    carrier = scored([sign("I", 30, of="address")], Surroundings(people_here=1, people_there=60))
    assert [each.families["I"] for each in (alone, shared, carrier)] == [30, 3, 1.5]


def test_a_signal_that_is_not_for_mobile_networks_gives_no_points_there() -> None:
    assert scored([sign("I", 30, mobile=False)], Surroundings(is_mobile=True)).families == {"I": 0}


def test_a_changed_signal_gives_no_points_until_it_is_judged_again() -> None:
    fresh = sign("R", 60, strong=True)
    changed = Sign(Signal(**{**fresh.signal.model_dump(), "levels": ((0.5, 60),)}), 1.0)
    assert band(fresh) == "likely"
    assert band(changed) == "none"
