"""The overview: three answers and their weeks, what a role does not read, what is new to a person, and what is said where nothing can be asked."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboards.access.people import VISIT
from dashboards.access.store import access_file, opened
from dashboards.strip import _AWAY
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from pipeline.settings.site import Site
from support.command import free_port
from support.dashboards import Pages
from support.office import office
from support.server import Rows
from support.stored_problems import problem, store_problems

CLINIC, BRANCH = Site(id="clinic", hosts=("clinic.example",)), Site(id="branch", hosts=("branch.example",))
HOUR = timedelta(hours=1)


@pytest.fixture
def two(clickhouse: Settings, tmp_path: Path) -> Iterator[tuple[Pages, Rows]]:
    """The dashboards of two sites over empty tables."""
    rows = Rows(clickhouse)
    rows.clear()
    with office(clickhouse, tmp_path / "var", sites=(CLINIC, BRANCH)) as pages:
        yield pages, rows
    rows.close()


def begin(ago: timedelta) -> datetime:
    """Return the begin of an hour some time ago."""
    return (datetime.now(UTC) - ago).replace(minute=0, second=0, microsecond=0)


def hear(rows: Rows, ago: timedelta, hits: int, site: str = "clinic") -> None:
    """Count hits of one minute as offered, accepted and stored."""
    at = (datetime.now(UTC) - ago).replace(second=0, microsecond=0)
    for name in ("offered", "spooled", "stored"):
        rows.count(at, name, hits, site=site if name == "stored" else "")


def test_each_question_has_its_answer_in_words_with_the_worst_problem_as_a_sentence(two: tuple[Pages, Rows]) -> None:
    pages, rows = two
    hear(rows, timedelta(minutes=4), 7)
    store_problems(
        pages.settings,
        [
            problem(begin(5 * HOUR)),
            problem(begin(3 * HOUR), id="9a9b9c9d", site="branch", lost=5, lost_low=1, lost_high=9),
        ],
    )
    page = pages.browser("ops").get("/")
    assert "Is anything broken? ● 2 problems are open" in page.words
    assert "/doctors" in page.words
    assert "Lost or affected: about 120 (95 to 160)" in page.words
    assert re.search(
        r"Is data flowing\? ✓ 7 hits in 15 minutes The newest hit came \d minutes ago\. Nothing waits", page.words
    )
    assert "branch is silent: no hit in seven days. Is its tag still there?" in page.words
    assert "1 открытая проблема" in pages.browser("ops").get("/?site=branch&lang=ru").words


def test_hits_of_the_hour_before_the_last_quarter_are_not_said_to_be_of_15_minutes(two: tuple[Pages, Rows]) -> None:
    pages, rows = two
    hear(rows, timedelta(minutes=20), 50)
    words = pages.browser("ops").get("/").words
    assert re.search(r"▲ No hit in 15 minutes The newest hit came 2\d minutes ago\.", words)


def test_a_week_has_a_row_a_day_a_mark_for_today_and_hatching_where_nothing_was_heard(two: tuple[Pages, Rows]) -> None:
    pages, rows = two
    hear(rows, timedelta(minutes=4), 7)
    hear(rows, timedelta(days=2), 30)
    text = pages.browser("ops").get("/").text
    figure = re.search(r'<figure class="trend"[^>]*"flow-line-t".*?</figure>', text, re.DOTALL)
    assert figure
    assert 'class="today"' in figure[0]
    assert 'fill="url(#flow-line-gap)"' in figure[0]
    assert re.search(
        r'role="img" aria-label="Accepted hits of all sites by hour, seven days: today \d+, yesterday', figure[0]
    )
    assert "they are hatched" in figure[0]
    days = re.findall(r"<tr><td[^>]*>([^<]*)</td><td[^>]*>([^<]*)</td><td[^>]*>([^<]*)</td></tr>", figure[0])
    assert len(days) in (7, 8)
    heard = datetime.now(UTC) - timedelta(days=2)
    assert (f"{heard.day} {heard:%b}", "30", "23") in days
    assert ("no number", "24") in {each[1:] for each in days}, "a day without data is no zero"
    assert "0" not in {each[1] for each in days}


def test_a_site_without_events_is_not_called_healthy_and_gets_its_tag_to_paste(two: tuple[Pages, Rows]) -> None:
    pages, _ = two
    owner = pages.browser("owner").get("/?site=branch")
    assert "Not enough data Nothing came from here in seven days" in owner.words
    assert "Nothing is broken" not in owner.words
    assert "Paste this tag on a page and reload it" in owner.words
    assert "data-site=&#34;branch&#34;" in owner.text
    assert 'href="/embed/wait?site=branch"' in owner.text
    assert "/embed" not in pages.browser("security").get("/?site=branch").text
    assert "Вставьте эту метку" in pages.browser("ops").get("/?lang=ru").words


def test_what_is_not_set_up_is_a_sentence_with_what_to_do(two: tuple[Pages, Rows]) -> None:
    pages, rows = two
    hear(rows, timedelta(minutes=4), 7)
    words = pages.browser("admin").get("/?site=branch").words
    assert "no page of branch has the role" in words
    assert "Embed the tag with data-technical=“vitals”." in words


def test_a_role_that_may_not_read_a_part_sees_why_or_nothing(two: tuple[Pages, Rows]) -> None:
    pages, _ = two
    privacy = pages.browser("privacy").get("/")
    assert privacy.status == 200
    assert "is told to the roles ops, security, owner and admin" in privacy.words
    assert 'class="card"' not in privacy.text
    for role, asked in (("ops", False), ("owner", False), ("security", True), ("admin", True)):
        page = pages.browser(role).get("/")  # type: ignore[arg-type]
        assert page.status == 200
        assert ("Is anyone cheating?" in page.words) is asked


def test_a_problem_is_new_to_a_person_until_the_next_visit_and_new_to_nobody_at_the_first(
    two: tuple[Pages, Rows],
) -> None:
    pages, _ = two
    anna = pages.browser("ops", name="anna")
    store_problems(pages.settings, [problem(begin(5 * HOUR))])
    assert "new since" not in anna.get("/").words
    store_problems(pages.settings, [problem(begin(3 * HOUR), id="9a9b9c9d", site="branch")])
    file = access_file(pages.settings)
    with opened(file) as access:
        access.execute("UPDATE looks SET at = at - ?", (VISIT,))
    for path in ("/", "/?site=branch", "/technical", "/"):
        assert "new since you last looked" in anna.get(path).words
    assert "1 new since you last looked" in anna.get("/").words
    assert "new since" not in anna.get("/?site=clinic").words
    assert "new since" not in pages.browser("ops", name="boris").get("/").words
    with opened(file) as access:
        access.execute("UPDATE looks SET at = at - ?", (VISIT,))
        assert access.execute("SELECT met FROM looks WHERE name = 'anna'").fetchall() == [("0a1b2c3d 9a9b9c9d",)]
    assert "new since" not in anna.get("/").words


def test_the_overview_of_a_database_that_is_away_says_since_when_and_what_waits(
    clickhouse: Settings, tmp_path: Path
) -> None:
    away = ClickHouse(port=free_port(), tcp_port=0)
    with office(clickhouse, tmp_path / "var", clickhouse=away) as pages:
        spool = pages.settings.spool_dir
        spool.mkdir(parents=True)
        (spool / "a-00000000000001-000001.seg").write_bytes(b'01234567 {"record":"event",}\n' * 3)
        begun = time.monotonic()
        page = pages.browser("admin").get("/")
        assert page.status == 200
        since = _AWAY[pages.settings.data]
    assert "The database does not answer" in page.words
    assert f"Away since {since.day} {since:%b}, {since:%H:%M} or earlier." in page.words
    assert "3 events wait in the spool. Collected events wait on disk" in page.words
    assert "nothing is lost" in page.words
    assert page.text.count('class="card"') == 3
    assert page.words.count("docs/runbook.md") == 2, "once in the strip, once above the cards"
    assert time.monotonic() - begun < 20
