"""The list of problems: its rows, its filters in the address, and what an empty one says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.problems.problem import Place
from pipeline.settings.model import Settings
from pipeline.settings.site import Site
from support.dashboards import Pages
from support.office import office
from support.server import Rows
from support.stored_problems import of_each_state, problem, store_problems

CLINIC, BRANCH = Site(id="clinic", hosts=("clinic.example",)), Site(id="branch", hosts=("branch.example",))
HOUR = timedelta(hours=1)
MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)


@pytest.fixture
def listed(clickhouse: Settings, tmp_path: Path) -> Iterator[Pages]:
    """The dashboards over problems of each state, at two sites."""
    rows = Rows(clickhouse)
    rows.clear()
    with office(clickhouse, tmp_path / "var", sites=(CLINIC, BRANCH)) as pages:
        store_problems(pages.settings, of_each_state(MIDNIGHT))
        small = {"lost": 7.0, "lost_low": 2.0, "lost_high": 12.0}
        store_problems(
            pages.settings, [problem(MIDNIGHT, id="aaaaaaaa", site="branch", place=Place("site", ""), **small)]
        )
        yield pages
    rows.close()


def ids(pages: Pages, query: str = "") -> list[str]:
    """Return the problems of the first list."""
    text = pages.browser("ops").get(f"/technical{query}").text
    first = re.search(r'<ul class="plain problems" data-list>(.*?)</ul>', text, re.DOTALL)
    return re.findall(r"/technical/problems/(\w+)", first[1]) if first else []


def test_a_row_says_how_severe_since_when_who_is_affected_and_who_not_and_how_many_are_lost(listed: Pages) -> None:
    words = listed.browser("ops").get("/technical").words
    assert "● severe" in words
    assert "Affected: /doctors · not affected: /, /services" in words
    assert "Lost or affected: about 120 (95 to 160)" in words
    assert "◆ slight" in words
    assert "Affected: the whole site" in words
    assert f"since {MIDNIGHT.day} {MIDNIGHT:%b}, 12:00 (" in words
    russian = listed.browser("ops").get("/technical?lang=ru").words
    assert "Затронуто: /doctors · не затронуто: /, /services" in russian
    assert "● тяжёлая" in russian


def test_open_problems_come_first_and_what_is_over_folds_away(listed: Pages) -> None:
    assert ids(listed)[0] == "0a1b2c3d"
    assert set(ids(listed)) == {"0a1b2c3d", "4e5f6071", "aaaaaaaa"}
    text = listed.browser("ops").get("/technical").text
    folded = text.partition("<details><summary>4 problems are over")[2]
    assert set(re.findall(r"/technical/problems/(\w+)", folded)) == {"1b2c3d4e", "2c3d4e5f", "3d4e5f60", "5f607182"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?state=muted", {"2c3d4e5f"}),
        ("?state=closed", {"3d4e5f60"}),
        ("?state=resolved&site=branch", {"1b2c3d4e"}),
        ("?kind=network_lost", {"4e5f6071"}),
        ("?kind=network_lost&state=all", {"2c3d4e5f", "4e5f6071"}),
        ("?site=branch", {"aaaaaaaa"}),
        ("?kind=loop", set()),
    ],
)
def test_state_kind_and_site_are_filters_in_the_address(listed: Pages, query: str, found: set[str]) -> None:
    assert set(ids(listed, query)) == found


def test_a_filter_keeps_the_others_and_is_marked(listed: Pages) -> None:
    text = listed.browser("ops").get("/technical?state=all&kind=network_lost&site=clinic").text
    assert 'href="/technical?state=closed&amp;kind=network_lost&amp;site=clinic"' in text
    assert text.count('aria-current="true"') == 3


@pytest.mark.parametrize("query", ["state=broken", "kind=nothing", f"kind={'x' * 500}", "state=<script>"])
def test_an_unknown_filter_gets_a_clear_page(listed: Pages, query: str) -> None:
    page = listed.browser("ops").get(f"/technical?{query}")
    assert (page.status, "There is no such filter" in page.words) == (400, True)
    assert "<script>" not in page.text.replace('<script src="/static/pages.js"', "")


def test_a_list_without_problems_says_what_to_do(listed: Pages) -> None:
    page = listed.browser("ops").get("/technical?kind=loop")
    assert "No problem is like this. Show all open problems" in page.words
    assert '<a href="/technical">Show all open problems</a>' in page.text


def test_nothing_broken_says_what_is_not_found_by_itself(clickhouse: Settings, tables: Rows, tmp_path: Path) -> None:
    with office(clickhouse, tmp_path / "var") as pages:
        words = pages.browser("owner").get("/technical").words
        assert "✓ Nothing is broken" in words
        assert "ask the reports" in words


def test_the_reports_are_questions_beside_the_list(listed: Pages) -> None:
    page = listed.browser("ops").get("/technical?state=all")
    assert 'href="/technical/pages">' in page.text, "the filters of the list are not those of a report"
    assert "Which pages do visitors read?" in page.words
