"""Medians, ratios, targets and their form in the file of results."""

import pytest

from bench.figures import Figure, Findings, Table, at_least, at_most, number, ratios


def figure(*samples, target=None):
    return Figure("some.key", "some thing", "us", samples, target)


def test_a_figure_is_the_median_of_its_runs_with_the_lowest_and_the_highest():
    measured = figure(3.0, 1.0, 2.5)
    assert (measured.median, measured.value, measured.spread) == (2.5, "2.50 us", "1 to 3")


def test_a_single_sample_has_no_spread():
    assert figure(74).spread == ""


def test_a_ratio_compares_the_slices_of_one_run_and_not_the_medians():
    # The machine was twice as slow in the second run, for both.
    assert ratios([10, 20, 10], [5, 10, 5]) == (2, 2, 2)


def test_runs_of_different_number_are_no_pairs():
    with pytest.raises(ValueError, match="shorter"):
        ratios([1, 2], [1])


@pytest.mark.parametrize(
    ("target", "verdict"),
    [(at_most(2), "met"), (at_most(1.9), "missed"), (at_least(2), "met"), (at_least(2.1), "missed"), (None, "")],
)
def test_the_median_must_keep_the_target(target, verdict):
    assert figure(9, 2, 1, target=target).verdict == verdict


@pytest.mark.parametrize(
    ("value", "text"), [(0.354, "0.35"), (12.34, "12.3"), (7, "7"), (123.4, "123"), (81_064.2, "81,064"), (0, "0")]
)
def test_a_number_is_written_with_the_digits_that_count(value, text):
    assert number(value) == text


def test_findings_survive_the_file():
    findings = Findings(
        (figure(1.5, 2.5, target=at_most(2)), figure(1)), (Table("top", ("a", "b"), (("x", "1"),)),), ("nginx: absent",)
    )
    assert Findings.from_json(findings.as_json()) == findings
