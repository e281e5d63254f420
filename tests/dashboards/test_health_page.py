"""The state of the machine in sentences, and the strip on every page."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from dashboards import strip
from dashboards.kept import Kept
from dashboards.office import health
from dashboards.render import templates
from dashboards.words.catalogue import Words
from pipeline.networks.fetched import country_file
from pipeline.operations.doctor import Result, examine
from pipeline.operations.machine_checks import State
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from pipeline.settings.site import DEMO_SITE, Site
from pipeline.ship.status import ShipStatus, status_path, write_status
from support.command import free_port
from support.dashboards import Pages
from support.office import Person, office, own_data
from support.server import Rows

OTHER = Site(id="other", hosts=("other.example",))


def seal(settings: Settings, *, seconds_ago: float) -> None:
    """Put a full segment into the spool, sealed so long ago."""
    settings.spool_dir.mkdir(parents=True, exist_ok=True)
    file = settings.spool_dir / "a-00000000000001-000001.seg"
    file.write_bytes(b"")
    at = datetime.now(UTC).timestamp() - seconds_ago
    os.utime(file, (at, at))


def test_each_part_is_a_sentence_that_says_what_to_do(clickhouse: Settings, tmp_path: Path) -> None:
    with office(clickhouse, tmp_path / "var") as pages:
        browser = pages.browser("ops")
        answer = browser.get("/health")
        assert answer.status == 200
        assert f"The collector does not answer at {pages.settings.collector.url}" in answer.words
        assert "The shipper has never run here: start it with clinic-pixel up or ship." in answer.words
        assert "ClickHouse answers." in answer.words
        assert "There is no list of networks" in answer.words
        assert "There is no key of today" in answer.words
        assert "Сборщик не отвечает по адресу" in browser.get("/health?lang=ru").words


def test_a_part_that_works_is_told_so(clickhouse: Settings, tmp_path: Path) -> None:
    with office(clickhouse, tmp_path / "var") as pages:
        Person(pages.settings)
        now = round(datetime.now(UTC).timestamp() * 1000)
        write_status(status_path(pages.settings.data), ShipStatus(pid=1, at_ms=now, state="idle", stored=1234))
        answer = pages.browser("security").get("/health")
    assert "The shipper runs: 1,234 rows stored since its start." in answer.words
    assert "There is 1 daily key" in answer.words
    assert re.search(r"ClickHouse \d+\.\d+", answer.words)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (ShipStatus(pid=1, at_ms=0), "The shipper stopped"),
        (
            ShipStatus(pid=1, at_ms=2**42, state="halted", tries=3, error="schema <b>"),
            "The shipper fails (3 tries): schema <b>",
        ),
    ],
)
def test_a_shipper_that_does_not_work_is_told_with_its_words(
    clickhouse: Settings, tmp_path: Path, status: ShipStatus, said: str
) -> None:
    with office(clickhouse, tmp_path / "var") as pages:
        write_status(status_path(pages.settings.data), status)
        assert said in pages.browser("ops").get("/health").words


def test_what_doctor_says_is_there_and_is_asked_once_a_minute(
    clickhouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Settings] = []

    def counted(settings: Settings, *, not_ours: State) -> list[Result]:
        asked.append(settings)
        return examine(settings, not_ours=not_ours)

    monkeypatch.setattr(health, "examine", counted)
    with office(clickhouse, tmp_path / "var") as pages:
        browser = pages.browser("privacy")
        answers = [browser.get("/health"), browser.get("/health?again=1"), browser.get("/health")]
    told = next(each for each in examine(pages.settings) if each.check == "ship")
    plain = told.text.replace("`", "")
    assert all(f"● shipper: {plain}" in answer.words for answer in answers)
    assert all("<code>ship</code>" in answer.text for answer in answers)
    assert all(re.search(r"\d+ problems need you", answer.words) for answer in answers)
    assert len(asked) == 1


def test_the_pages_are_there_while_the_database_is_away(clickhouse: Settings, tmp_path: Path) -> None:
    away = ClickHouse(port=free_port(), tcp_port=0)
    with office(clickhouse, tmp_path / "var", clickhouse=away) as pages:
        seal(pages.settings, seconds_ago=5)
        answer = pages.browser("ops").get("/health")
        assert answer.status == 200
        assert (
            "ClickHouse does not answer. Accepted events wait in the spool (1 files), nothing is lost" in answer.words
        )
        assert "hits unknown: the database does not answer" in answer.words
        assert pages.browser("ops").get("/technical").status == 503


@pytest.mark.parametrize(
    ("role", "status"), [("ops", 200), ("security", 200), ("privacy", 200), ("admin", 200), ("owner", 404)]
)
def test_the_state_is_open_to_those_who_run_the_machine(pages: Pages, role: str, status: int) -> None:
    assert pages.browser(role).get("/health").status == status  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("role", "path", "is_link"),
    [("owner", "/embed", False), ("privacy", "/privacy", True), ("ops", "/technical", True)],
)
def test_the_strip_is_on_every_page_and_leads_on_where_the_role_may_go(
    pages: Pages, role: str, path: str, is_link: bool
) -> None:
    text = pages.browser(role).get(path).text  # type: ignore[arg-type]
    shown = re.search(r'<div class="strip".*?</div>', text, re.DOTALL)
    assert shown
    assert ('href="/health"' in shown[0]) is is_link


def test_the_strip_counts_the_hits_of_the_persons_sites(clickhouse: Settings, tables: Rows, tmp_path: Path) -> None:
    minute = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=4)
    tables.count(minute, "stored", 50, site="clinic")
    tables.count(minute, "stored", 10, site="other")
    tables.count(minute - timedelta(minutes=20), "stored", 5000, site="clinic")
    with office(clickhouse, tmp_path / "var", sites=(DEMO_SITE, OTHER)) as pages:
        assert "12 hits a minute" in pages.browser("ops").get("/embed").words
        assert "2 hits a minute" in pages.browser("owner", "other").get("/embed").words


def test_a_segment_that_waits_is_the_lag_and_one_that_is_written_is_none(clickhouse: Settings, tmp_path: Path) -> None:
    settings = own_data(clickhouse, tmp_path / "var")
    assert (strip._pulse(settings).waiting, strip._pulse(settings).lag) == (0, 0)
    seal(settings, seconds_ago=90)
    (settings.spool_dir / "a-00000000000001-000002.open").write_bytes(b"")
    beat = strip._pulse(settings)
    assert (beat.waiting, beat.is_late) == (1, True)
    assert 89 <= beat.lag <= 100


def test_a_file_that_is_no_list_has_no_age(clickhouse: Settings, tmp_path: Path) -> None:
    settings = own_data(clickhouse, tmp_path / "var")
    country_file(settings).parent.mkdir(parents=True)
    country_file(settings).write_bytes(b"no list")
    assert strip._lists_day(settings) is None


def test_a_page_does_not_wait_while_another_one_makes_the_value_anew() -> None:
    kept, begun, ended = Kept[str](60), Event(), Event()
    kept.get("a", lambda: "old")

    def slow() -> str:
        begun.set()
        assert ended.wait(10)
        return "new"

    with ThreadPoolExecutor() as pool:
        other = pool.submit(lambda: kept.get("a", slow, at_most=0))
        assert begun.wait(10)
        assert kept.get("a", lambda: "third", at_most=0).value == "old"
        ended.set()
        assert other.result().value == "new"


def test_a_kept_value_is_made_once_until_it_is_old() -> None:
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return len(made)

    kept = Kept[int](60)
    assert [kept.get("a", make).value, kept.get("a", make).value] == [1, 1]
    assert kept.get("b", make).value == 2
    assert kept.get("a", make, at_most=0).value == 3
    assert kept.get("a", make).value == 3


def strip_of(text: str) -> str:
    """Return the strip of a page."""
    found = re.search(r'<div class="strip".*?</div>', text, re.DOTALL)
    assert found
    return found[0]


def test_the_strip_says_what_to_do_where_something_is_not_well_and_is_red_only_then(
    clickhouse: Settings, tmp_path: Path
) -> None:
    with office(clickhouse, tmp_path / "var", clickhouse=ClickHouse(port=free_port(), tcp_port=0)) as pages:
        seal(pages.settings, seconds_ago=600)
        browser = pages.browser("owner")
        shown = strip_of(browser.get("/embed").text)
        words = " ".join(re.sub(r"<[^>]+>", " ", shown).split())
        assert shown.count('class="state bad"') == 2
        assert "● the collector does not answer: visits are lost until it does; start it with clinic-pixel up" in words
        assert "● hits unknown: the database does not answer. Away since" in words
        assert "▲ events have waited for 10 minutes." in words
        assert "▲ no list of countries: run clinic-pixel lists fetch." in words
        assert "выполните clinic-pixel lists fetch" in strip_of(browser.get("/embed?lang=ru").text)


def test_a_strip_where_all_is_well_has_no_colour_but_good() -> None:
    well = strip.Pulse(accepts=True, per_minute={"clinic": 3.0}, waiting=0, lag=0, lists=2)
    shown = templates().get_template("strip.html").module.strip(well, ["clinic"], Words("en"), False, UTC)  # type: ignore[attr-defined]
    assert re.findall(r'class="state (\w+)"', shown) == ["good"]
    assert "3 hits a minute" in shown
    assert "nothing waits in the spool" in shown
    old = templates().get_template("strip.html").module.strip(well._replace(lists=91), [], Words("en"), False, UTC)  # type: ignore[attr-defined]
    assert re.findall(r'class="state (\w+)"', old) == ["good", "warn"]


def test_a_backlog_is_told_in_events_and_a_huge_one_in_files(
    clickhouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = own_data(clickhouse, tmp_path / "var")
    seal(settings, seconds_ago=5)
    segment = next(settings.spool_dir.glob("*.seg"))
    segment.write_bytes(b'01234567 {"record":"event",}\n' * 3 + b'01234567 {"record":"counts",}\n')
    assert strip._pulse(settings).events == 3
    monkeypatch.setattr(strip, "MOST_COUNTED", 50)
    assert (strip._pulse(settings).events, strip._pulse(settings).waiting) == (None, 1)


def test_the_database_is_away_since_it_was_first_seen_so_and_no_longer_once_it_answers(
    clickhouse: Settings, tmp_path: Path
) -> None:
    settings = own_data(clickhouse, tmp_path / "var")
    away = settings.model_copy(update={"clickhouse": ClickHouse(port=free_port(), tcp_port=0)})
    first = strip._pulse(away).away_since
    assert first is not None
    assert strip._pulse(away).away_since == first
    assert strip._pulse(settings).away_since is None
    later = strip._pulse(away).away_since
    assert later is not None
    assert later > first
