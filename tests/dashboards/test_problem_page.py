"""The page of a problem: five answers, chart, who is concerned, single pages after a reason, history, forms, and what is too old or away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from pipeline.audit.log import Audit
from pipeline.problems.problem import Place, Problem
from pipeline.settings.model import Settings
from support.dashboards import Answer, Browser, Pages
from support.office import office
from support.problem_days import BEGIN, PAGE, found, publish_days, store_answered
from support.server import Rows
from support.stored_problems import HOUR

ID = "0a1b2c3d"
PATH = f"/technical/problems/{ID}"
DAY = timedelta(days=1)
REASON = "find what release 1.4 broke"


@pytest.fixture(scope="module")
def filled(clickhouse: Settings) -> Iterator[Rows]:
    """Two published weeks; the problems are those of each test."""
    rows = Rows(clickhouse)
    rows.clear()
    publish_days(rows)
    yield rows
    rows.clear()
    rows.close()


@pytest.fixture
def pages(filled: Rows, tmp_path: Path) -> Iterator[Pages]:
    """The dashboards, with people, sessions and an audit of their own."""
    filled.clear("problems")
    with office(filled.settings, tmp_path / "var") as served:
        yield served


def stored(pages: Pages, *problems: Problem) -> Browser:
    store_answered(pages.settings, *problems)
    return pages.browser("ops", name="anna")


def seen_by(answer: Answer) -> dict[str, str]:
    """Return what the forms of a page carry."""
    return dict(re.findall(r'name="(form|seen)" value="([^"]*)"', answer.text))


def mute(browser: Browser, reason: str = "rebuilt on Monday", days: str = "7", **form: str) -> Answer:
    shown = seen_by(browser.get(PATH))
    return browser.post(PATH, {**shown, "do": "mute", "reason": reason, "days": days, **form})


def changes(rows: Rows) -> list[tuple[str, str, str]]:
    """Return state, reason and person of each stored row, in order of time."""
    query = "SELECT toString(state), JSONExtractString(facts, 'mute_reason'), JSONExtractString(facts, 'by') FROM pixel.problems ORDER BY changed_at"
    return [tuple(row) for row in rows.admin.query(query).result_rows]


def acts(pages: Pages) -> list[tuple[str, dict[str, str], str]]:
    return [(str(entry.action), dict(entry.facts), entry.who) for entry, _ in Audit(pages.settings.audit_dir).entries()]


def section(answer: Answer, name: str) -> str:
    """Return one of the three tables, without its tags."""
    text = re.search(rf'<section id="{name}">(.*?)</section>', answer.text, re.DOTALL)
    assert text
    return " ".join(re.sub(r"<[^>]+>", " ", text[1]).split())


def test_five_blocks_answer_five_questions_in_both_languages(pages: Pages) -> None:
    browser = stored(pages, found(works_for=(Place("page", "/price"),)))
    for language, told in (
        (
            "en",
            (
                "What broke?",
                "Since when?",
                "Not affected: page /price",
                "about 120 (95 to 160) visitors",
                "release 1.4, list tor 2026-11",
            ),
        ),
        (
            "ru",
            (
                "Что сломалось?",
                "С какого времени?",
                "Не затронуто: страница /price",
                "около 120 посетителей (от 95 до 160)",
                "release 1.4",
            ),
        ),
    ):
        answer = browser.get(f"{PATH}?lang={language}")
        assert answer.text.count("<div><dt>") == 5
        assert [each for each in told if each not in answer.words] == []


def test_the_chart_says_its_message_and_has_band_marks_gaps_and_table(pages: Pages) -> None:
    answer = stored(pages, found()).get(PATH)
    caption = re.search(r'<figcaption id="(.+?)">(.*?)</figcaption>', answer.text)
    assert caption
    assert f'role="img" aria-labelledby="{caption[1]}"' in answer.text
    assert (
        f"Visitors: page {PAGE}. Usual before: about 20 a day. Since the begin: fewer than 5 on most days" in caption[2]
    )
    assert '<path class="band"' in answer.text
    assert re.search(r"url\(#visitors-gap\).*?<title>", answer.text), "days with fewer than five are hatched"
    assert "begin, release 1.4, list tor 2026-11" in answer.text
    table = re.search(r"The numbers as a table</summary>(.*?)</details>", answer.text, re.DOTALL)
    assert table
    assert table[1].count("fewer than 5") == 4
    assert re.search(r">20</td>", table[1])


def test_a_release_that_the_tag_named_is_a_mark_unless_it_is_named_at_the_begin(pages: Pages) -> None:
    browser = stored(pages, found(changed=()))
    marks = re.findall(r'<line class="mark".*?<text[^>]*>([^<]+)</text>', browser.get(PATH).text)
    assert sorted(marks) == ["1.4", "begin"]


def test_a_place_that_no_published_number_tells_apart_is_shown_by_the_site_and_the_page_says_so(pages: Pages) -> None:
    browser = stored(pages, found(watch="program_lost", place=Place("engine", "WebKit")))
    words = browser.get(PATH).words
    assert "Visitors: the whole site. Usual before: about 30 a day." in words
    assert "Not enough data: no published number tells" in words


def test_a_problem_of_a_country_has_the_numbers_of_the_country(pages: Pages) -> None:
    browser = stored(pages, found(watch="network_lost", place=Place("country", "RU")))
    words = browser.get(PATH).words
    assert "Visitors: Russia. Usual before: about 20 a day. Since the begin: about 20 a day." in words
    assert "no published number tells" not in words


def test_the_tables_compare_the_days_before_with_those_since_and_name_who_is_affected(pages: Pages) -> None:
    place, spared = Place("version", "Chrome 142"), (Place("version", "Safari 18"),)
    answer = stored(pages, found(watch="program_lost", place=place, works_for=spared)).get(PATH)
    browsers = section(answer, "browsers")
    assert "8 days before the begin, 4 days since" in browsers
    assert "Chrome 142 20 20 0% affected" in browsers
    assert "Safari 18 10 10 0% not affected" in browsers
    assert "AS8359 MTS 20 20 0%" in section(answer, "networks")
    assert "/doctors 20 0" in section(answer, "pages")


def test_a_group_with_an_affected_page_is_named_so_and_a_lost_page_has_its_change(pages: Pages) -> None:
    assert "/doctors 20 0 −100% has an affected page" in section(stored(pages, found()).get(PATH), "pages")


def test_every_number_of_the_page_has_its_query_which_can_be_run_as_the_role(pages: Pages, filled: Rows) -> None:
    from html import unescape

    from pipeline.database.client import working_as

    answer = stored(pages, found()).get(PATH)
    queries = [unescape(each) for each in re.findall(r"<pre[^>]*>(.*?)</pre>", answer.text, re.DOTALL)]
    assert len(queries) == 4
    with working_as(filled.settings, "ops") as client:
        assert all(client.query(each).result_rows for each in queries)


def test_single_pages_are_shown_after_a_reason_once_a_session_and_each_reading_is_recorded(pages: Pages) -> None:
    browser = stored(pages, found(place=Place("section", "/doctors")))
    assert PAGE not in browser.get(PATH).text
    asked = browser.get(f"{PATH}?paths=1")
    assert "Why do you read single pages?" in asked.words
    assert PAGE not in asked.text
    assert acts(pages) == []
    sent = browser.post(f"{PATH}?paths=1", {**seen_by(asked), "purpose": REASON})
    assert (sent.status, sent.headers["location"]) == (303, f"{PATH}?paths=1")
    for _ in range(2):
        shown = browser.get(f"{PATH}?paths=1")
        assert PAGE in section(shown, "pages")
        assert REASON in shown.words
    assert acts(pages) == [("problem_paths", {"problem": ID, "site": "clinic", "purpose": REASON}, "anna")] * 2
    assert PAGE not in browser.get(PATH).text, "without asking for them the groups are shown, and nothing is recorded"
    assert len(acts(pages)) == 2


@pytest.mark.parametrize("purpose", ["", "  ", "x" * 201, "a\x00b"])
def test_a_reason_that_says_nothing_opens_no_single_page(pages: Pages, purpose: str) -> None:
    browser = stored(pages, found(place=Place("section", "/doctors")))
    answer = browser.post(PATH, {**seen_by(browser.get(f"{PATH}?paths=1")), "purpose": purpose})
    assert answer.status == 400
    assert "Expected one line" in answer.words
    assert "Why do you read single pages?" in browser.get(f"{PATH}?paths=1").words


def test_no_single_page_is_shown_where_its_reading_cannot_be_recorded(pages: Pages) -> None:
    browser = stored(pages, found(place=Place("section", "/doctors")))
    browser.post(PATH, {**seen_by(browser.get(f"{PATH}?paths=1")), "purpose": REASON})
    pages.settings.audit_dir.rmdir() if pages.settings.audit_dir.exists() else None
    pages.settings.audit_dir.write_text("no directory")
    answer = browser.get(f"{PATH}?paths=1")
    assert answer.status in (500, 503)
    assert PAGE not in answer.text
    assert "Traceback" not in answer.text


def test_a_mute_has_an_end_and_a_reason_and_the_history_says_who_did_it(pages: Pages, filled: Rows) -> None:
    browser = stored(pages, found(state="open", changed_at=BEGIN + HOUR), found())
    assert mute(browser, "  rebuilt\n on Monday ").status == 303
    assert changes(filled)[-1] == ("ongoing", "rebuilt on Monday", "anna")
    answer = browser.get(PATH)
    assert re.search(r"△ muted until \d+ \w+", answer.words)
    history = answer.words.partition("History when what by whom")[2]
    assert re.search(
        r"alerts off until .*: rebuilt on Monday anna .*still there after an hour the engine .*named for the first time the engine",
        history,
    )
    assert browser.post(PATH, {**seen_by(answer), "do": "unmute"}).status == 303
    after = browser.get(PATH)
    assert "goes on" in after.words
    assert "alerts on again anna" in after.words


@pytest.mark.parametrize(
    "form", [{"reason": ""}, {"reason": "x" * 201}, {"days": "9999"}, {"days": "x"}, {"do": "erase"}]
)
def test_a_form_that_is_not_right_changes_nothing(pages: Pages, filled: Rows, form: dict[str, str]) -> None:
    browser = stored(pages, found())
    assert mute(browser, **form).status == 400
    assert len(changes(filled)) == 1


def test_what_was_written_is_still_there_when_a_form_is_refused(pages: Pages) -> None:
    browser = stored(pages, found())
    answer = mute(browser, "y" * 201)
    assert 'role="alert"' in answer.text
    assert f'id="why" name="reason" maxlength="200" value="{"y" * 200}"' in answer.text


def test_a_form_sent_twice_counts_once(pages: Pages, filled: Rows) -> None:
    browser = stored(pages, found())
    form = {**seen_by(browser.get(PATH)), "do": "mute", "reason": "rebuilt", "days": "7"}
    assert [browser.post(PATH, form).status for _ in range(2)] == [303, 303]
    assert len(changes(filled)) == 2


@pytest.mark.parametrize("language", ["en", "ru"])
def test_of_two_tabs_the_second_sees_what_the_first_did_and_changes_nothing(
    pages: Pages, filled: Rows, language: str
) -> None:
    first = stored(pages, found())
    second = pages.browser("admin", name="boris")
    old = seen_by(second.get(f"{PATH}?lang={language}"))
    assert mute(first).status == 303
    answer = second.post(PATH, {**old, "do": "close", "reason": "release 1.4.1"})
    assert answer.status == 409
    assert {"en": "Somebody was faster", "ru": "Кто-то успел раньше"}[language] in answer.words
    assert "rebuilt on Monday · anna" in answer.words
    assert len(changes(filled)) == 2


def test_a_change_of_the_engine_between_is_no_conflict(pages: Pages, filled: Rows) -> None:
    browser = stored(pages, found(state="open", changed_at=BEGIN + HOUR))
    old = seen_by(browser.get(PATH))
    store_answered(pages.settings, found(lost=140.0))
    assert browser.post(PATH, {**old, "do": "close", "reason": "release 1.4.1"}).status == 303
    assert changes(filled)[-1] == ("closed", "", "anna")
    words = browser.get(PATH).words
    assert "closed as fixed by release 1.4.1 anna" in words
    assert "fix: release 1.4.1" not in words, "the fix is after the last published day"


@pytest.mark.parametrize("role", ["owner", "security"])
def test_who_may_only_read_sees_no_form_and_changes_nothing(pages: Pages, filled: Rows, role: str) -> None:
    store_answered(pages.settings, found())
    browser = pages.browser(role)  # type: ignore[arg-type]
    answer = browser.get(PATH)
    assert 'name="do"' not in answer.text
    form = {"form": browser_word(browser), "do": "mute", "reason": "rebuilt", "days": "7"}
    assert browser.post(PATH, form).status == 403
    assert len(changes(filled)) == 1


def browser_word(browser: Browser) -> str:
    """Return the word of the session, which the form for a reason has, too."""
    return seen_by(browser.get(f"{PATH}?paths=1"))["form"]


def test_a_wrong_id_and_a_problem_of_another_site_are_said_to_be_nowhere(pages: Pages) -> None:
    store_answered(pages.settings, found())
    stranger = pages.browser("owner", "branch")
    for browser, path in ((pages.browser("ops"), "/technical/problems/ffffffff"), (stranger, PATH)):
        answer = browser.get(path)
        assert answer.status == 404
        assert "There is no such problem" in answer.words


def test_a_problem_resolved_long_ago_still_has_its_page_and_offers_no_form(pages: Pages) -> None:
    old = BEGIN - 150 * DAY
    ended = msgspec.structs.replace(
        found(),
        quiet_until=old - HOUR,
        since=old,
        opened_at=old,
        changed_at=old + DAY,
        until=old + DAY,
        state="resolved",
    )
    answer = stored(pages, ended).get(PATH)
    assert answer.status == 200
    assert "✓ resolved" in answer.words
    assert "Not enough data for a chart: nothing of this time is published, or it is no longer kept." in answer.words
    assert "Not enough data: nothing of this time is published." in section(answer, "browsers")
    assert 'name="do"' not in answer.text


def test_a_problem_of_today_says_that_no_full_day_is_published_yet(pages: Pages) -> None:
    now = BEGIN + 5 * DAY + 11 * HOUR
    fresh = msgspec.structs.replace(found(), quiet_until=now - HOUR, since=now, opened_at=now, changed_at=now)
    words = stored(pages, fresh).get(PATH).words
    assert words.count("Not enough data yet: no full day since the begin is published.") >= 2
