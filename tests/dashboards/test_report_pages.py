"""The page of a report: what an address may ask of it, its table in parts and in order, its query, and what it says without numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest

from dashboards.pages.report import reports
from pipeline.database.client import working_as
from pipeline.settings.model import Settings
from pipeline.settings.site import DEMO_SITE, Site
from support.dashboards import Browser, Pages
from support.days import MIDNIGHT
from support.office import office
from support.publishing import store_published_day
from support.stored_problems import of_each_state, store_problems

DAY = f"{MIDNIGHT:%Y-%m-%d}"
OF_DAY = {"from": DAY, "to": DAY}
BRANCH = Site(id="branch", hosts=("branch.example",))
LIGHT = 60 * 1024
HOSTILE = "it's \\'; DROP TABLE x -- %_\t{page:String}<b>"


@pytest.fixture(scope="module")
def pages(clickhouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """The dashboards over the published day of a clinic; a second site has nothing."""
    store_published_day(clickhouse)
    with office(clickhouse, tmp_path_factory.mktemp("reports") / "var", sites=(DEMO_SITE, BRANCH)) as served:
        yield served


@pytest.fixture(scope="module")
def operator(pages: Pages) -> Browser:
    """A browser of an operator, who signed in once."""
    return pages.browser("ops")


@pytest.fixture
def ops(operator: Browser) -> Browser:
    """The same browser, which has chosen no language."""
    operator.cookies.pop("lang", None)
    return operator


def asked(browser: Browser, path: str, **query: str) -> str:
    """Return the text of a page that answers with 200."""
    answer = browser.get(f"{path}?{urlencode(query)}")
    assert answer.status == 200, answer.words
    return answer.text


def in_json(browser: Browser, name: str, **query: str) -> list[dict[str, Any]]:
    """Return the rows of the JSON file of a report."""
    found: list[dict[str, Any]] = json.loads(asked(browser, f"/reports/technical/{name}.json", **query))
    return found


def column(text: str, title: str) -> list[str]:
    """Return the texts of a column of the table."""
    cells = re.findall(rf'<td[^>]* data-label="{title}">(.*?)</td>', text)
    return [unescape(re.sub("<[^>]+>", "", each)) for each in cells]


def link(text: str, words: str) -> str:
    """Return the address of the first link with these words."""
    return unescape(re.findall(rf'<a href="([^"]+)"[^>]*>{re.escape(words)}', text)[0])


def test_the_days_of_the_form_are_those_of_page_files_and_query(ops: Browser) -> None:
    page = asked(ops, "/technical/pages", **OF_DAY)
    assert column(page, "page")
    assert (
        f"since = &#39;{DAY} 00:00:00&#39;, until = &#39;{MIDNIGHT + timedelta(days=1):%Y-%m-%d} 00:00:00&#39;" in page
    )
    assert in_json(ops, "pages", **OF_DAY)
    before = {name: f"{MIDNIGHT - timedelta(days=5):%Y-%m-%d}" for name in OF_DAY}
    assert not column(asked(ops, "/technical/pages", **before), "page")
    assert in_json(ops, "pages", **before) == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"from": "2026-02-30", "to": DAY}, "“2026-02-30” is no day"),
        ({"from": "<b>", "to": DAY}, "“<b>” is no day"),
        ({"from": "9999-12-31", "to": "9999-12-31"}, "is no day"),
        ({"from": DAY, "to": "2020-01-01"}, f"{DAY} is after 2020-01-01"),
        ({"from": "2090-01-01", "to": "2090-01-02"}, "2090-01-01 is in the future"),
        ({"since": "2090-01-01", "until": "2090-01-02"}, "2090-01-01 is in the future"),
        ({"from": "2016-01-01", "to": DAY}, "at most 400 at once"),
        ({"since": "520w"}, "at most 400 at once"),
        ({"from": DAY}, "A day is missing"),
        ({"since": "yesterday"}, "Expected since before until"),
        ({"with_page": "x" * 201}, "The filter “page” is too long"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_said_above_the_form_and_by_the_files(
    ops: Browser, query: dict[str, str], said: str
) -> None:
    page = ops.get(f"/technical/pages?{urlencode(query)}")
    assert page.status == 400
    assert said in page.words
    assert 'name="from"' in page.text
    for form in ("csv", "sql"):
        answer = ops.get(f"/reports/technical/pages.{form}?{urlencode(query)}")
        assert answer.status == 400
        assert said in answer.words


def test_a_last_day_in_the_future_ends_today(ops: Browser) -> None:
    page = asked(ops, "/technical/pages", **{"from": DAY, "to": "2099-01-01"})
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert f"until = &#39;{tomorrow:%Y-%m-%d} 00:00:00&#39;" in page


def test_an_hourly_report_takes_fewer_days(ops: Browser) -> None:
    answer = ops.get("/technical/traffic_by_hour?since=63d")
    assert answer.status == 400
    assert "at most 62 at once" in answer.words
    assert ops.get("/technical/traffic_by_hour?since=62d").status == 200


def test_ten_thousand_characters_are_a_clear_page(ops: Browser) -> None:
    answer = ops.get("/technical/pages?with_page=" + "x" * 10_000)
    assert answer.status == 414
    assert "The address is too long" in answer.words


def test_a_filter_reaches_page_files_and_query(ops: Browser) -> None:
    page = asked(ops, "/technical/pages", with_page="DOCT", **OF_DAY)
    assert column(page, "page") == ["/doctors"]
    assert "Rows of the filter alone." in page
    assert 'name="with_page" value="DOCT"' in page
    for form in ("CSV", "JSON"):
        rows = asked(ops, link(page, form).partition("?")[0], with_page="DOCT", **OF_DAY)
        assert "/doctors" in rows
        assert "/services" not in rows
        assert "with_page=DOCT" in link(page, form)
    assert "with_page" not in link(page, "Clear")


def test_the_sql_of_a_view_gives_its_rows_to_the_role_of_the_page(pages: Pages, ops: Browser) -> None:
    query = {"with_page": "s", **OF_DAY}
    text = asked(ops, "/reports/technical/pages.sql", **query)
    with working_as(pages.settings, "ops") as client:
        rows = client.query(text).result_rows
    assert rows
    assert [row[0] for row in rows] == [row["page"] for row in in_json(ops, "pages", **query)]


def test_a_hostile_filter_is_a_text_in_every_form(pages: Pages, ops: Browser) -> None:
    page = ops.get(f"/technical/pages?{urlencode({'with_page': HOSTILE, **OF_DAY})}")
    assert page.status == 200
    assert "No row has this text" in page.words
    assert "<b>" not in page.text
    assert in_json(ops, "pages", with_page=HOSTILE, **OF_DAY) == []
    text = asked(ops, "/reports/technical/pages.sql", with_page=HOSTILE, **OF_DAY)
    with working_as(pages.settings, "ops") as client:
        assert client.query(text).result_rows == []
        assert client.query(text.replace("toString(page)", f"'{_quoted(HOSTILE)}'")).result_rows


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def test_a_long_table_comes_in_light_parts_with_links_to_the_rest(ops: Browser) -> None:
    text = asked(ops, "/technical/collector_health", since="28d")
    hours = [row["hour"] for row in reversed(in_json(ops, "collector_health", since="28d"))]
    assert len(hours) > 600
    assert len(text.encode()) < LIGHT
    shown = column(text, "hour")
    assert f"Rows 1 to {len(shown)} of {len(hours)}." in text
    following = column(asked_at(ops, link(text, "Next")), "hour")
    assert shown + following == [hour[:16].replace("T", " ") for hour in hours[: 2 * len(shown)]]
    assert column(asked_at(ops, link(asked_at(ops, link(text, "Next")), "Before")), "hour") == shown
    assert len(asked_at(ops, link(text, "CSV")).splitlines()) == len(hours) + 1


def asked_at(browser: Browser, address: str) -> str:
    """Return the text of an address."""
    answer = browser.get(address)
    assert answer.status == 200
    return answer.text


@pytest.mark.parametrize("first", ["0", "-1", "x", "9999999999", "99999", "\u0663"])
def test_a_part_that_is_not_there_is_the_first(ops: Browser, first: str) -> None:
    assert "Rows 1 to " in asked(ops, "/technical/collector_health", since="28d", first=first)


def test_a_head_sorts_both_ways_and_the_small_rows_stay_last(ops: Browser) -> None:
    page = asked(ops, "/technical/pages", **OF_DAY)
    rest = "(fewer than 5 visitors each)"
    up = asked_at(ops, link(asked_at(ops, link(page, "visitors")), "visitors"))
    numbers = [int(each.replace(",", "")) for each in column(up, "visitors") if each.isdigit()]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) > 1
    assert 'aria-sort="ascending"' in up
    names = column(asked_at(ops, link(page, "page")), "page")
    assert [name for name in names if name != rest] == sorted(name for name in names if name != rest)
    if rest in names:
        assert names[-1] == rest
    assert column(asked(ops, "/technical/pages", sort="nothing", **OF_DAY), "page") == column(page, "page")


def test_only_the_main_number_has_bars(ops: Browser) -> None:
    page = asked(ops, "/technical/pages", **OF_DAY)
    with_bar = set(re.findall(r'data-label="([^"]+)"><svg class="bar"', page))
    assert with_bar == {"visitors"}


def test_a_missing_number_is_hatched_and_no_zero(ops: Browser) -> None:
    page = asked(ops, "/technical/traffic_by_hour", **OF_DAY)
    gaps = [unescape(each) for each in re.findall(r'<td class="number gap"[^>]*>([^<]*)</td>', page)]
    assert gaps
    assert set(gaps) <= {"–", "<5"}
    assert "It is not zero" in page


@pytest.mark.parametrize(("language", "said"), [("en", r"from \d+ to \d+"), ("ru", r"от \d+ до \d+")])
def test_the_line_says_in_words_what_it_shows(ops: Browser, language: str, said: str) -> None:
    page = asked(ops, "/technical/traffic_by_hour", lang=language, **OF_DAY)
    caption = re.findall(r'<figcaption id="main-t">([^<]+)</figcaption>', page)[0]
    numbers = [row["visitors"] for row in in_json(ops, "traffic_by_hour", **OF_DAY) if row["visitors"] is not None]
    assert re.search(said, caption)
    assert {int(each) for each in re.findall(r"\d+", re.findall(said, caption)[0])} == {min(numbers), max(numbers)}
    assert f"{24 - len(numbers)} " in caption
    assert '<svg role="img" aria-labelledby="main-t"' in page


def test_a_time_without_numbers_says_what_to_do(ops: Browser) -> None:
    page = ops.get("/technical/traffic_by_day?site=branch")
    assert page.status == 200
    assert "Nothing is published for this time" in page.words
    assert "since=28d" in link(page.text, "Take 28 days")
    assert link(page.text, "See whether hits arrive") == "/health"


def test_a_report_without_its_pages_says_which_roles_are_missing(ops: Browser) -> None:
    page = ops.get("/technical/broken_browsers?site=branch")
    assert page.status == 200
    assert "no page of branch has the role form, done" in page.words
    assert "[[sites.roles]]" in page.words


def test_a_report_for_tools_is_not_read_by_its_page(ops: Browser) -> None:
    page = ops.get("/technical/cells")
    assert page.status == 200
    assert "for your own tools" in page.words
    assert "<table" not in page.text


def test_an_unknown_report_is_a_page_with_the_nearest_ones(ops: Browser) -> None:
    page = ops.get("/technical/page")
    assert page.status == 404
    assert "There is no such report" in page.words
    assert "/technical/pages" in page.text
    assert ops.get("/technical/" + "x" * 3000).status == 404
    assert ops.get("/reports/technical/pages.exe").status == 404


def test_the_link_to_a_view_shows_the_same_rows(ops: Browser) -> None:
    page = asked(ops, "/technical/pages", since="7d", with_page="doct")
    again = link(page, "Link to this view")
    assert "since=7d" not in again
    assert column(asked_at(ops, again), "page") == column(page, "page")


def test_related_reports_keep_site_and_days_and_drop_the_filters(ops: Browser) -> None:
    page = asked(ops, "/technical/pages", site="clinic", with_page="doct", sort="page", **OF_DAY)
    related = re.findall(r'<a href="(/technical/[a-z_]+\?[^"]+)"', page.partition("Related reports")[2])
    assert len(related) == 4
    for each in related:
        assert f"from={DAY}" in each
        assert "site=clinic" in each
        assert "with_page" not in each
        assert "sort" not in each


def test_a_report_of_all_sites_shows_a_person_their_sites_alone(pages: Pages) -> None:
    store_problems(pages.settings, of_each_state(MIDNIGHT))
    assert {row["site"] for row in in_json(pages.browser("ops"), "problems", since="28d")} == {"branch", "clinic"}
    owner = pages.browser("owner", "branch")
    assert {row["site"] for row in in_json(owner, "problems", since="28d")} == {"branch"}
    assert set(column(asked(owner, "/technical/problems", since="28d"), "site")) == {"branch"}


def test_the_page_of_retention_takes_the_time_of_its_header(pages: Pages) -> None:
    page = pages.browser("privacy").get("/privacy/reports/retention")
    first = datetime.now(UTC) - timedelta(days=100)
    assert page.status == 200
    assert f"since = '{first:%Y-%m-%d}" in page.words


def test_every_report_of_the_technical_section_has_a_light_page_in_both_languages(ops: Browser) -> None:
    for report in reports():
        if report.purpose == "technical":
            for language in ("en", "ru"):
                text = asked(ops, f"/technical/{report.name}", since="28d", lang=language)
                assert len(text.encode()) < LIGHT, report.name


def test_the_page_needs_no_script(ops: Browser) -> None:
    page = asked(ops, "/technical/pages", **OF_DAY)
    assert re.findall("<script[^>]*>", page) == ['<script src="/static/pages.js" defer>']
    assert ' data-copy="query"' in page
    assert re.search(r"<button[^>]*data-copy[^>]* hidden>", page)
