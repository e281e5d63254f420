"""A database that is down, refuses or is slow: each page says so in time, and others still get theirs."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from clickhouse_connect.driver import Client

from dashboards import view
from dashboards.access.limits import AT_ONCE, WAITING, Lanes
from dashboards.app import PAGES
from pipeline.database.access import PASSWORD_FILE
from pipeline.database.client import connect
from pipeline.database.embedded import wait_until_ready
from pipeline.operations.migrate import migrate
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from support.command import environment, free_port
from support.dashboards import Answer, Browser, serving
from support.markup import foreign
from support.office import office
from support.routes import ROUTES, path_of
from support.server import Server

SLOW = "CREATE OR REPLACE VIEW technical.pages AS SELECT {site:String} AS site, {since:DateTime64(3)} AS since, {until:DateTime64(3)} AS until, number FROM numbers(100000) WHERE NOT ignore(sleepEachRow(0.05)) SETTINGS max_block_size = 2"
SEEN = """
import runpy, sys
from pipeline.database import embedded
made = embedded.access_sql
embedded.access_sql = lambda passwords: made(passwords) + "\\nGRANT SELECT ON system.processes TO pixel_admin;\\n"
sys.argv = ["pipeline", "clickhouse"]
runpy.run_module("pipeline", run_name="__main__")
"""
RUNNING = "SELECT count() FROM system.processes WHERE user = 'ops' AND position(query, 'pages') > 0"


def is_clear(answer: Answer) -> bool:
    """Return whether an answer is a page with a heading, without a trace."""
    assert "Traceback" not in answer.text
    return "<h1" in answer.text and foreign(answer.text) == []


def asked_all(browser: Browser) -> dict[str, Answer]:
    """Return the answer of every page."""
    known = {page.path for page in PAGES}
    return {route.path: browser.get(path_of(route)) for route in ROUTES if route.path in known}


def test_every_page_says_that_the_database_is_down_and_what_to_do(clickhouse: Settings, tmp_path: Path) -> None:
    down = ClickHouse(port=free_port())
    with office(clickhouse, tmp_path / "var", clickhouse=down) as pages:
        for language, what in (("en", "nothing is lost"), ("ru", "ничего не потеряно")):
            browser = pages.browser("admin")
            browser.cookies["lang"] = language
            for path, answer in asked_all(browser).items():
                assert answer.status in (200, 303, 404, 503), path
                assert answer.status == 303 or is_clear(answer), path
                if answer.status == 503:
                    assert what in answer.text, path
            assert browser.get("/technical/pages").status == 503


def test_every_page_of_a_database_that_refuses_says_what_is_set_up_wrong(clickhouse: Settings, tmp_path: Path) -> None:
    with office(clickhouse, tmp_path / "var") as pages:
        own, shared = pages.settings.secrets_dir, clickhouse.secrets_dir
        own.unlink()
        own.mkdir(mode=0o700)
        passwords = json.loads((shared / PASSWORD_FILE).read_text())
        (own / PASSWORD_FILE).write_text(json.dumps({user: f"not {word}" for user, word in passwords.items()}))
        (own / PASSWORD_FILE).chmod(0o600)
        browser = pages.browser("admin")
        for path, answer in asked_all(browser).items():
            assert answer.status == 303 or is_clear(answer), path
            assert not any(word in answer.text for word in passwords.values())
        assert "refuses user ops" in browser.get("/technical/pages").words
        assert "must be set up first" in browser.get("/technical/pages").words


def test_a_database_that_hangs_is_said_within_a_bounded_time_and_nobody_waits_to_sign_in(
    clickhouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "QUERY_SECONDS", 2)
    monkeypatch.setattr(view, "ANSWER_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        hung = ClickHouse(port=silent.getsockname()[1])
        with office(clickhouse, tmp_path / "var", clickhouse=hung) as pages, ThreadPoolExecutor(40) as readers:
            browser = pages.browser("ops")
            begun = time.monotonic()
            waiting = [readers.submit(browser.get, "/technical/pages") for _ in range(40)]
            time.sleep(0.5)
            other = pages.browser("owner")
            assert other.get("/static/pages.css").status == 200
            assert time.monotonic() - begun < 5
            statuses = [each.result().status for each in waiting]
            assert set(statuses) == {429, 503}
            assert time.monotonic() - begun < 30


def start_seen(server: Server) -> None:
    """Start a server on which a user of the test may see what runs; in production nobody may."""
    server.process = subprocess.Popen([sys.executable, "-c", SEEN], env=environment(server.settings))
    wait_until_ready(server.settings, server.alive)


def running(admin: Client) -> int:
    """Return the number of the slow questions that run."""
    return int(str(admin.command(RUNNING)))


def test_a_slow_question_is_ended_in_the_database_and_said(
    restartable: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "QUERY_SECONDS", 2)
    start_seen(restartable)
    migrate(restartable.settings)
    admin = connect(restartable.settings, "pixel_admin")
    migrator = connect(restartable.settings, "pixel_migrator")
    migrator.command(SLOW)
    with serving(restartable.settings) as pages, ThreadPoolExecutor(1) as reader:
        browser = pages.browser("ops")
        begun = time.monotonic()
        slow, seen = reader.submit(browser.get, "/technical/pages"), 0
        while not slow.done() and not seen:
            seen = running(admin)
        answer = slow.result()
        assert seen == 1
        assert (answer.status, "took too long" in answer.words) == (504, True)
        assert is_clear(answer)
        assert time.monotonic() - begun < 2 + 10
        assert running(admin) == 0
        assert browser.get("/technical").status == 200
        browser.cookies["lang"] = "ru"
        assert "слишком долго" in browser.get("/technical/pages").words
    for client in (admin, migrator):
        client.close()


def test_a_database_that_stops_answering_comes_back_to_the_pages(
    restartable: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "QUERY_SECONDS", 1)
    monkeypatch.setattr(view, "ANSWER_SECONDS", 1)
    restartable.start()
    migrate(restartable.settings)
    with serving(restartable.settings) as pages:
        browser = pages.browser("ops")
        assert browser.get("/technical/pages").status == 200
        restartable.kill()
        assert browser.get("/technical/pages").status == 503
        restartable.start()
        assert browser.get("/technical/pages").status == 200


def test_a_person_has_few_pages_at_once_and_others_have_theirs() -> None:
    lanes, leave = Lanes(seconds=0.1), threading.Event()
    entered = threading.Barrier(AT_ONCE + 1)

    def hold() -> None:
        with lanes.lane("anna") as has_lane:
            assert has_lane
            entered.wait(5)
            leave.wait(5)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        held = [threads.submit(hold) for _ in range(AT_ONCE)]
        entered.wait(5)
        with lanes.lane("anna") as fifth, lanes.lane("boris") as other:
            assert (fifth, other) == (False, True)
        leave.set()
        for each in held:
            each.result()
    with lanes.lane("anna") as again:
        assert again


def test_a_tab_that_waits_gets_the_lane_that_becomes_free_and_a_crowd_is_refused_at_once() -> None:
    lanes, leave = Lanes(seconds=5), threading.Event()

    def page() -> bool:
        with lanes.lane("anna") as has_lane:
            if has_lane:
                leave.wait(5)
            return has_lane

    crowd = AT_ONCE + WAITING + 5
    with ThreadPoolExecutor(crowd) as threads:
        pages = [threads.submit(page) for _ in range(crowd)]
        begun = time.monotonic()
        while sum(each.done() for each in pages) < 5 and time.monotonic() - begun < 3:
            time.sleep(0.01)
        refused = [each for each in pages if each.done()]
        leave.set()
        assert sorted(each.result() for each in pages) == [False] * 5 + [True] * (AT_ONCE + WAITING)
        assert len(refused) == 5
