"""The score: points, caps, the second family, and shared addresses."""

from __future__ import annotations

from typing import Literal

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
        ([sign("R", 35), sign("P", 25, "F27")], "watch"),
        ([sign("R", 45), sign("P", 25, "F27")], "likely"),
        ([sign("A", 35, "F37"), sign("B", 35, "F49")], "watch"),
        ([sign("A", 40, "F42"), sign("B", 35, "F49")], "likely"),
        ([sign("B", 45, "F49"), sign("T", 35, "F22")], "watch"),
        ([sign("R", 50), sign("I", 6, "F29")], "watch"),
        ([sign("R", 50), sign("N", 15, "F05")], "watch"),
        ([sign("I", 50, "F32"), sign("N", 20, "F06")], "watch"),
        ([sign("I", 55, "F32"), sign("N", 10, "F06")], "likely"),
        ([sign("R", 50, "F14"), sign("R", 20, "F15b")], "likely"),
        ([sign("R", 50, "F14"), sign("R", 20, "F16")], "watch"),
        ([sign("N", 15, "F05"), sign("R", 20, "F15b"), sign("T", 25, "F20"), sign("T", 25, "F23")], "likely"),
        ([sign("N", 15, "F06"), sign("R", 20, "F15b"), sign("T", 25, "F20"), sign("T", 25, "F23")], "watch"),
    ],
)
def test_likely_needs_a_second_family_that_is_not_the_same_behaviour(signs: list[Sign], expected: str) -> None:
    assert band(*signs) == expected


def test_what_a_foreign_page_may_have_sent_makes_nobody_likely() -> None:
    attack, forged, broken = sign("R", 60, "F17", strong=True), sign("I", 30, "F55"), sign("I", 30, "F10")
    rates = sign("R", 45, "F14")

    def foreign(some_or_all: Literal["some", "all"], *signs: Sign) -> str:
        return scored(signs, Surroundings(foreign=some_or_all)).band

    assert foreign("some", rates, forged) == "watch"
    assert foreign("some", attack, forged) == "likely"  # the strong signals count no hit of a foreign page
    assert foreign("all", attack, forged) == "watch"
    assert foreign("all", rates, broken, forged) == "likely"  # a browser never contradicts itself


def test_what_an_address_did_makes_nobody_likely_who_is_not_alone_there() -> None:
    signs = [sign("A", 40, "F42", of="network"), sign("B", 45, "F49")]
    assert scored(signs, Surroundings()).band == "likely"
    assert scored(signs, Surroundings(is_alone=False)).band == "watch"


def test_an_attack_without_a_cookie_accuses_nobody_whose_browser_has_one_at_the_address() -> None:
    attack, named = sign("R", 60, "F17", strong=True), sign("L", 60, "F07", strong=True)
    beside = Surroundings(has_cookie_beside=True)
    assert scored([attack, sign("I", 60, "F10")], beside).band == "watch"
    assert scored([named], beside).band == "likely"


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
