"""The published rows of a span: shapes of reports, page views of nobody, and the mark for dropped cells."""

from __future__ import annotations

import pytest

from pipeline.publish.cells import THRESHOLD, Number, OfSpan, RawCell, Shown, of_span
from pipeline.publish.noise import KEYS
from pipeline.reports.catalogue import all_reports, find
from pipeline.reports.header import Report
from support.publishing import key_of, noise_of

ALL = all_reports()
NO_NOISE = key_of(0)


def report(name: str) -> Report:
    return find(f"technical/{name}", ALL)


def cell(
    keys: tuple[str, ...], people: int, *, is_fault: bool = False, key: int = NO_NOISE, robots: int = 9, **numbers: int
) -> RawCell:
    """Return a cell of people who are certainly different, with numbers in which everybody has a part."""
    made = {name: Number(value, people, key) for name, value in numbers.items()}
    return RawCell(keys, people, people, key, made, robots, is_fault=is_fault)


def shown(name: str, *cells: RawCell, with_numbers: bool = True) -> OfSpan:
    with noise_of(0):
        return of_span(report(name), cells, with_numbers=with_numbers)


def alone(person: int, page: str) -> RawCell:
    """Return the cell of one person."""
    return cell((page, "404"), 1, key=person)


def test_numbers_have_the_names_of_their_columns_and_robots_are_exact() -> None:
    made = shown("error_pages", cell(("/gone", "404"), 8, hits=12, internal=9))
    assert made.cells == [Shown({"page": "/gone", "status": "404"}, 8, {"hits": 12, "internal": 9, "robots": 9})]
    assert made.has_dropped is False


def test_a_cell_of_nobody_is_neither_shown_nor_left_out() -> None:
    assert shown("error_pages", cell(("/wp-login.php", "404"), 0)) == OfSpan([], has_dropped=False)


def test_a_small_part_of_a_whole_is_a_row_without_numbers() -> None:
    made = shown("browsers", cell(("Chrome", "142"), 30, hits=60), cell(("Lynx", "2"), 3, hits=9))
    assert made.cells[1] == Shown({"browser": "Lynx", "major": "2"}, None, {})
    assert made.has_dropped is False


@pytest.mark.parametrize("people", [0, 1, 2, 4])
def test_a_span_of_the_whole_site_with_few_people_is_the_same_as_one_with_nobody(people: int) -> None:
    empty = OfSpan([Shown({}, None, {})], has_dropped=False)
    assert shown("traffic_by_hour") == empty
    assert shown("traffic_by_hour", cell((), people, hits=people)) == empty
    assert shown("traffic_by_day", cell((), people, hits=people)) == empty


def test_a_span_that_only_names_faults_has_them_without_numbers_and_without_a_mark() -> None:
    fault = cell(("/booking", "500"), 40, is_fault=True, hits=50)
    made = shown("error_pages", fault, cell(("/gone", "404"), 40, hits=50), with_numbers=False)
    assert made == OfSpan([Shown({"page": "/booking", "status": "500"}, None, {})], has_dropped=False)


def test_a_report_without_people_gives_exact_numbers_of_robots_alone() -> None:
    robot = cell(("Googlebot", "/gone", "404"), 0)
    made = shown("crawl_errors", robot, robot._replace(robots=0))
    assert made == OfSpan(
        [Shown({"robot": "Googlebot", "page": "/gone", "status": "404"}, None, {"hits": 9})], has_dropped=False
    )


# The row of the dropped cells


@pytest.mark.parametrize(("people", "noise", "is_told"), [(5, 0, True), (4, 0, False), (3, 2, True), (2, 5, False)])
def test_dropped_cells_are_told_of_from_five_people_after_noise_and_three_real_ones(
    people: int, noise: int, is_told: bool
) -> None:
    with noise_of(noise):
        made = of_span(
            report("error_pages"), [alone(person, f"/{person}") for person in range(people)], with_numbers=True
        )
    assert made == OfSpan([], has_dropped=is_told)


def test_one_person_who_met_many_errors_is_one_person_of_the_dropped_cells() -> None:
    with noise_of(5):
        made = of_span(report("error_pages"), [alone(7, f"/{page}") for page in range(9)], with_numbers=True)
    assert made.has_dropped is False


def test_people_of_dropped_cells_who_may_be_the_same_are_not_told_of() -> None:
    with noise_of(0):
        for at_least, is_told in ((2, False), (3, True)):
            rest = cell(("/gone", "404"), 6)._replace(at_least=at_least, is_known=False)
            assert of_span(report("error_pages"), [rest], with_numbers=True) == OfSpan([], has_dropped=is_told)


def test_the_noise_of_the_dropped_people_is_that_of_their_keys() -> None:
    for noise in range(-2, 3):
        people = [0, 0, 1, 2, 3]
        rest = [alone(person, str(place)) for place, person in enumerate([*people, (key_of(noise) - 6) % KEYS])]
        made = of_span(report("error_pages"), rest, with_numbers=True)
        # Five different keys, and with them the sum of all.
        assert made.has_dropped is (5 + noise >= THRESHOLD["ordinary"])


PARTS = [
    (each.name, name, column.part_of)
    for each in ALL
    for name, column in each.columns.items()
    if column.part_of is not None
]


@pytest.mark.parametrize(("name", "part", "whole"), PARTS)
def test_no_part_of_a_report_is_larger_than_its_whole(name: str, part: str, whole: str) -> None:
    asked = report(name)
    keys = tuple("x" for _ in asked.named("key"))
    compared = 0
    for place in range(64):
        # The same sum of other people: the noise of the part would often put it above.
        key = KEYS - 1 - place * (KEYS // 64)
        made = {whole: Number(30, 30, NO_NOISE), part: Number(30, 29, key)}
        (seen,) = of_span(asked, [RawCell(keys, 30, 30, NO_NOISE, made)], with_numbers=True).cells
        compared += seen.numbers[part] == seen.numbers[whole]
        assert seen.numbers[part] <= seen.numbers[whole]
    assert compared > 16


def test_a_part_whose_whole_is_too_small_to_be_shown_is_not_shown() -> None:
    asked = report("releases")
    made = {"hits": Number(30, 30, NO_NOISE), "form": Number(30, 1, NO_NOISE), "done": Number(30, 30, NO_NOISE)}
    keys = tuple("x" for _ in asked.named("key"))
    (seen,) = of_span(asked, [RawCell(keys, 30, 30, NO_NOISE, made)], with_numbers=True).cells
    assert "hits" in seen.numbers
    assert not {"form", "done"} & seen.numbers.keys()


def test_a_sensitive_group_is_never_shown_by_the_hour() -> None:
    sensitive = RawCell(("/~oncology",), 90, 90, NO_NOISE, {"hits": Number(200, 90, NO_NOISE)}, kind="sensitive")
    for is_hour in (True, False):
        made = of_span(report("pages"), [sensitive], with_numbers=True, is_hour=is_hour)
        assert (bool(made.cells), made.has_dropped) == (not is_hour, is_hour)
