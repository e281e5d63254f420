"""The rule of publication: thresholds, names, small cells in both kinds of report, numbers of few people, parts and wholes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.publish.cells import STEP, THRESHOLD, Number, RawCell, Shown, most_hits, published
from pipeline.publish.noise import KEYS, Kind, noise
from pipeline.reports.catalogue import all_reports, find
from pipeline.reports.header import Report
from support.publishing import key_of, noise_of

ALL = all_reports()
ERRORS, BROWSERS, TRAFFIC = (find(f"technical/{name}", ALL) for name in ("error_pages", "browsers", "traffic_by_day"))
NAMED = {ERRORS.name: {"page": "/a", "status": "404"}, BROWSERS.name: {"browser": "/a", "major": "404"}}


def raw(
    people: int,
    draw: int = 0,
    kind: Kind = "ordinary",
    *,
    is_known: bool = True,
    is_fault: bool = False,
    **numbers: tuple[int, int],
) -> RawCell:
    """Return a cell of people who are certainly different; a number is a sum and the people who have a part in it."""
    key = key_of(draw, kind)
    made = {name: Number(value, of, key) for name, (value, of) in numbers.items()}
    return RawCell(("/a", "404"), people, people, key, made, kind=kind, is_known=is_known, is_fault=is_fault)


def number(cell: RawCell) -> int | None:
    """Return the published people of a cell of a sparse report."""
    seen = published(ERRORS, cell)
    return seen and seen.visitors


@pytest.mark.parametrize("value", range(-5, 6))
def test_the_keys_of_these_tests_have_the_noise_that_they_name(value: int) -> None:
    assert noise()["ordinary"].draw(key_of(value)) == value


@pytest.mark.parametrize(
    ("people", "draw", "shown"),
    [(5, 0, 5), (4, 1, 5), (3, 2, 5), (2, 3, None), (1, 5, None), (5, -1, None), (9, -4, 5), (200, 5, 205)],
)
def test_a_cell_is_shown_from_five_after_noise_and_three_real_people(people: int, draw: int, shown: int | None) -> None:
    assert number(raw(people, draw)) == shown


@pytest.mark.parametrize(("people", "draw", "is_shown"), [(4, 5, False), (5, 0, True), (5, 5, True)])
def test_a_name_that_is_not_public_needs_five_real_people(people: int, draw: int, is_shown: bool) -> None:
    assert bool(number(raw(people, draw, is_known=False))) is is_shown


def test_people_that_may_be_the_same_count_for_the_number_but_not_for_the_least_of_real_ones() -> None:
    cell = raw(6)._replace(at_least=2)
    assert number(cell) is None
    assert number(cell._replace(at_least=3)) == 6


@pytest.mark.parametrize(
    ("people", "draw", "is_shown"), [(19, 0, False), (20, 0, True), (12, 8, True), (29, -10, False)]
)
def test_a_sensitive_group_is_shown_from_twenty(people: int, draw: int, is_shown: bool) -> None:
    cell = raw(people, draw, "sensitive")
    assert bool(number(cell)) is is_shown
    assert is_shown or published(BROWSERS, cell) is None, "and is not named as a small one"


def test_a_sensitive_group_needs_five_real_people() -> None:
    assert number(raw(20, 0, "sensitive")._replace(at_least=4)) is None
    assert number(raw(20, 0, "sensitive")._replace(at_least=5)) == 20


@pytest.mark.parametrize(("people", "is_named"), [(4, True), (3, True), (2, False)])
def test_a_small_cell_of_a_partition_is_named_without_a_number_from_three_people(people: int, is_named: bool) -> None:
    small = Shown(NAMED["browsers"], None, {})
    assert published(BROWSERS, raw(people, -5, hits=(500, people))) == (small if is_named else None)
    assert published(BROWSERS, raw(people, -5, is_known=False)) is None
    assert published(ERRORS, raw(people, -5, hits=(500, people))) is None


def test_a_fault_of_the_site_is_named_without_a_number() -> None:
    fault = raw(1, is_fault=True, hits=(9, 1))._replace(robots=7)
    assert published(ERRORS, fault) == Shown(NAMED["error_pages"], None, {})


# Numbers of hits


@pytest.mark.parametrize(("report", "step"), [(BROWSERS, 5), (ERRORS, 2)], ids=["partition", "sparse"])
def test_the_step_of_the_noise_is_the_same_in_all_cells_of_a_report_and_a_person_counts_two(
    report: Report, step: int
) -> None:
    assert most_hits(report) == 2 * step
    with noise_of(1):
        for hits in (30, 1000):
            seen = published(report, raw(9, hits=(hits, 9)))
            assert seen is not None
            assert seen.numbers["hits"] == hits + step


@pytest.mark.parametrize(
    ("value", "of", "shown"),
    [((5, 3), 0, 5), ((4, 3), 0, None), ((100, 2), 0, None), ((100, 1), 0, None), ((9, 9), -1, None), ((10, 9), -1, 5)],
)
def test_a_number_of_fewer_than_three_people_or_below_five_after_noise_is_missing(
    value: tuple[int, int], of: int, shown: int | None
) -> None:
    with noise_of(of):
        traffic = raw(60, hits=(200, 60), errors=value, probes=value, staff=value)._replace(keys=())
        seen = published(TRAFFIC, traffic)
    assert seen is not None
    assert [seen.numbers.get(name) for name in ("errors", "staff")] == [shown] * 2
    # One scanner is a number, too: its errors and attacks are no page that a person read.
    assert (seen.numbers.get("probes") is None) == (value[0] + 5 * of < 5)
    assert seen.numbers["robots"] == 0


def test_a_part_whose_whole_is_missing_is_missing_too() -> None:
    table, step = noise()["ordinary"], STEP["partition"]
    low, high = (
        next(key for key in range(0, KEYS, KEYS // 999) if is_right(table.hits(6, step, key)))
        for is_right in (lambda value: value < THRESHOLD["ordinary"], lambda value: value >= THRESHOLD["ordinary"])
    )
    traffic = raw(60)._replace(keys=(), numbers={"hits": Number(6, 5, low), "errors": Number(6, 5, high)})
    seen = published(TRAFFIC, traffic)
    assert seen is not None
    assert seen.numbers.keys() & {"hits", "errors"} == set()
    whole = published(TRAFFIC, traffic._replace(numbers={name: Number(6, 5, high) for name in ("hits", "errors")}))
    assert whole is not None
    assert {"hits", "errors"} <= whole.numbers.keys()


def test_a_number_of_a_sensitive_group_needs_twenty() -> None:
    with noise_of(0):
        for internal, shown in ((19, None), (20, 20)):
            seen = published(ERRORS, raw(40, 0, "sensitive", hits=(90, 40), internal=(internal, internal)))
            assert seen is not None
            assert seen.numbers.get("internal") == shown


def test_page_views_of_each_visitor_are_at_least_the_published_visitors() -> None:
    with noise_of(-1):
        seen = published(BROWSERS, raw(9, hits=(9, 9), errors=(9, 9)))
    assert seen == Shown(NAMED["browsers"], 8, {"hits": 8})


def test_robots_are_exact() -> None:
    with noise_of(3):
        seen = published(ERRORS, raw(9)._replace(robots=1))
    assert seen is not None
    assert seen.numbers == {"robots": 1}


keys, numbers = st.integers(0, KEYS - 1), st.tuples(st.integers(0, 400), st.integers(0, 40))


@given(st.integers(0, 40), keys, st.tuples(numbers, numbers), st.tuples(keys, keys))
def test_no_published_part_is_larger_than_its_whole_and_no_number_tells_of_few(
    people: int, key: int, sums: tuple[tuple[int, int], ...], number_keys: tuple[int, ...]
) -> None:
    (hits, _), (errors, of_errors) = sums
    made = {"hits": Number(hits, people, number_keys[0]), "errors": Number(errors, of_errors, number_keys[1])}
    cell = RawCell(("a", "1"), people, people, key, made)
    seen = published(BROWSERS, cell)
    assert seen == published(BROWSERS, cell)
    if seen is None or seen.visitors is None:
        assert seen is None or not seen.numbers
        return
    assert seen.numbers["hits"] >= seen.visitors >= 5
    assert "errors" not in seen.numbers or (5 <= seen.numbers["errors"] <= seen.numbers["hits"] and of_errors >= 3)
