"""The words of tables and of the foot, on the pages themselves."""

from __future__ import annotations

import re

import pytest

from support.dashboards import Pages

NOISE = {"en": "Numbers are published with noise", "ru": "Числа публикуются с шумом"}


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_foot_speaks_of_noise_where_published_numbers_are_shown_and_nowhere_else(
    pages: Pages, language: str
) -> None:
    browser = pages.browser("admin")
    said = {
        path: NOISE[language] in browser.get(f"{path}?lang={language}").words
        for path in ("/", "/technical", "/technical/pages", "/health", "/embed", "/embed/check", "/privacy")
    }
    assert [path for path, is_said in said.items() if is_said] == ["/", "/technical", "/technical/pages"]


def test_a_table_has_russian_heads_on_a_russian_page_and_raw_names_in_its_file(pages: Pages) -> None:
    browser = pages.browser("admin")
    page = browser.get("/technical/collector_health?lang=ru").text
    heads = re.findall(r"<th [^>]*><a [^>]*>([^<]*)</a>", page)
    assert heads
    assert not [head for head in heads if re.search("[a-z]", head)]
    assert browser.get("/reports/technical/collector_health.csv").text.splitlines()[0].startswith("hour,")
