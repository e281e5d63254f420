"""Cases: what ties suspects, what does not, and ids that stay."""

from __future__ import annotations

from datetime import date, timedelta

from pipeline.scoring.cases import MOST_SHARED, Member, cases_of, sampled

DAY = date(2026, 11, 20)


def member(suspect: int, *things: str, links: tuple[str, ...] = (), day: date = DAY, case: str = "") -> Member:
    return Member(day, suspect, frozenset(things), frozenset(links), case)


def groups(*members: Member) -> list[list[int]]:
    return sorted([each.suspect for each in case.members] for case in cases_of("clinic", members))


def test_suspects_that_share_a_thing_are_one_case_also_through_a_third() -> None:
    assert groups(member(1, "a"), member(2, "a", "b"), member(3, "b"), member(4, "c")) == [[1, 2, 3], [4]]


def test_a_thing_that_many_share_by_chance_ties_nobody_and_a_link_of_a_signal_ties_all() -> None:
    many = [member(number, "carrier") for number in range(MOST_SHARED + 1)]
    assert len(groups(*many)) == MOST_SHARED + 1
    assert len(groups(*many[:-1])) == 1
    assert len(groups(*(member(number, links=("F27 way",)) for number in range(100)))) == 1


def test_a_case_keeps_its_id_as_it_grows_backwards_and_forwards() -> None:
    (first,) = cases_of("clinic", [member(5, "a")])
    grown = [member(5, "a", case=first.id), member(3, "a"), member(9, "a", day=DAY + timedelta(days=1))]
    (again,) = cases_of("clinic", grown)
    assert (again.id, again.aliases) == (first.id, [])
    assert len(again.members) == 3


def test_two_cases_that_join_keep_the_older_id_and_tell_the_other() -> None:
    old, new = member(5, "a", case="old"), member(1, "a", day=DAY + timedelta(days=1), case="new")
    (joined,) = cases_of("clinic", [new, old])
    assert (joined.id, list(joined.aliases)) == ("old", ["new"])


def test_the_same_suspect_on_another_site_is_another_case() -> None:
    assert cases_of("clinic", [member(1)])[0].id != cases_of("other", [member(1)])[0].id


def test_the_sample_depends_on_the_ids_alone() -> None:
    ids = [f"{number:012x}" for number in range(100)]
    assert sampled(ids, 3) == sampled(reversed(ids), 3)
    assert len(sampled(ids, 3)) == 3
