"""The question that a reader asks of the view of a report."""

import pytest

from pipeline.reports.catalogue import all_reports, find
from pipeline.reports.statements import question, readable

PAGES = find("technical/pages", all_reports())


def test_a_question_has_the_parameters_of_its_view_and_a_condition_for_each_text():
    asked = question(PAGES, ("page",))
    assert "technical.pages(site = {site:String}, since = {since:DateTime64(3, 'UTC')}" in asked
    assert asked.endswith("WHERE positionCaseInsensitiveUTF8(toString(page), {with_page:String}) > 0")
    assert "WHERE" not in question(PAGES)


def test_a_view_without_parameters_is_asked_by_its_name():
    assert question(find("technical/cells", all_reports())) == "SELECT *\nFROM technical.cells"


def test_a_column_that_is_not_there_is_refused_with_the_ones_that_are():
    with pytest.raises(LookupError, match="technical/pages: x; DROP: expected a column of page, visitors"):
        question(PAGES, ("x; DROP",))


def test_a_readable_question_quotes_its_values_and_fills_no_value_twice():
    text = readable("a = {a:String}, b = {b:String}, c = {c:String}", {"a": "it's {b:String}", "b": "\\"})
    assert text == "a = 'it\\'s {b:String}', b = '\\\\', c = {c:String}"
