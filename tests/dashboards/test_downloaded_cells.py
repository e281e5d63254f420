"""The CSV of a download: no cell of it is a formula for a spreadsheet."""

from __future__ import annotations

import pytest

from dashboards.pages.report import csv_of


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_is_no_formula_where_commas_or_semicolons_part_the_cells(sign: str) -> None:
    text = csv_of(("page", "number"), [(f"{sign}1+1", -5), (f"x;{sign}1+1", 7)])
    assert f"'{sign}1+1" in text.split("\n", 1)[1]
    assert f";'{sign}1+1" in text
    assert "-5" in text
    assert "'-5" not in text


def test_a_plain_text_stays_as_it_is() -> None:
    assert csv_of(("page",), [("/a-b+c=d@e",)]) == "page\n/a-b+c=d@e\n"
