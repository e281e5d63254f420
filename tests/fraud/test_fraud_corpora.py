"""Labelled public data under the fraud review: people in sessions, scanners, small logs that each set off one scenario of CrowdSec."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bench.fraud import corpora
from bench.fraud.public_lines import SEEN, UNSEEN, combined, days_of, session_views, views
from pipeline.settings.model import Settings
from pipeline.traffic.access_log import LoggedHit
from support.server import Rows

SHARED = Path(__file__).parents[2] / "../shared/data"


def needs(name: str) -> None:
    if not (SHARED / name).exists():
        pytest.skip(f"../shared/data/{name} is not here")


def test_robots_that_say_so_are_found_and_almost_no_browser_or_app_is_called_one() -> None:
    needs(corpora.AGENTS)
    found = corpora.agents(SHARED)["found"]
    assert found["bot, the list in use"]["found"] == found["bot, the list in use"]["of"] > 1000
    assert found["bot"]["found"] >= 0.97 * found["bot"]["of"]
    for label in corpora.PEOPLE:
        assert found[label]["found"] <= 0.003 * found[label]["of"]


def test_no_person_of_the_sessions_is_likely_few_are_watched_and_simple_robots_are_told_by_their_timing(
    tables: Rows, clickhouse: Settings
) -> None:
    needs(corpora.SESSIONS)
    found = corpora.sessions(clickhouse, SHARED)
    people = found["bands"][corpora.HUMAN]
    assert sum(people.values()) == 26
    assert people["likely"] == 0
    assert people["watch"] <= 0.05 * 26
    best = max(found["timing"].values(), key=lambda signal: signal[corpora.SIMPLE])
    assert best[corpora.HUMAN] <= 0.1 * 26
    assert best[corpora.SIMPLE] >= 0.7 * found["sessions"][corpora.SIMPLE]


def test_both_vulnerability_scanners_are_likely_a_minute_after_their_first_page(
    tables: Rows, clickhouse: Settings
) -> None:
    needs(corpora.SCANNERS[0])
    found = corpora.scanners(clickhouse, SHARED)
    assert {name: found[name]["band"] for name in ("acunetix-minute", "w3af-minute")} == {
        "acunetix-minute": "likely",
        "w3af-minute": "likely",
    }


def test_each_scenario_that_a_pixel_sees_fires_its_signals_and_logs_without_one_are_quiet(
    tables: Rows, clickhouse: Settings
) -> None:
    needs(corpora.CROWDSEC)
    found = corpora.crowdsec(clickhouse, SHARED)
    outcomes = Counter(test["outcome"] for test in found.values())
    assert outcomes == {"found": len(SEEN), "out of sight": len(UNSEEN), "quiet": 5}
    assert all(test["why"] for test in found.values() if test["outcome"] == "out of sight")


def test_tests_share_a_day_only_without_a_network_an_agent_or_a_missing_page_in_common() -> None:
    def hit(address: str, agent: str, status: int = 200) -> LoggedHit:
        return LoggedHit(0, address, "/a?b", status, "", agent)

    tests = {
        "first": [hit("192.0.2.1", "x", 404)],
        "its network": [hit("192.0.2.9", "y")],
        "its agent": [hit("198.51.100.1", "x")],
        "its page": [hit("203.0.113.1", "z", 404)],
        "nothing": [],
        "other": [hit("203.0.113.9", "w")],
    }
    assert days_of(tests) == [["first", "other"], ["its network", "its agent", "its page"]]


@pytest.mark.parametrize(
    "line",
    [
        'Sep 15 16:13:46 host nginx[2869]: 192.0.2.1 - - [15/Sep/2021:16:13:46 +0000] "GET /a HTTP/1.1" 404 9 "-" "x"',
        '192.0.2.1 - - [15/Sep/2021:16:13:46 +0000] "GET /a HTTP/1.1" 404 199',
        '{"ClientHost":"192.0.2.1","StartUTC":"2021-09-15T16:13:46.463764557Z","RequestMethod":"GET","RequestPath":"/a","DownstreamStatus":404}',
        '2021-09-15T17:13:46Z stdout F {"start_time":"2021-09-15T16:13:46.100Z","method":"GET","x-envoy-origin-path":"/a","response_code":404,"downstream_remote_address":"192.0.2.1:4"}',
        '2021-09-15T17:13:46Z stdout F [2021-09-15T16:13:46.743Z] "GET /a HTTP/1.1" 404 - 0 256 50 25 "192.0.2.1" "x" "id"',
        'https 2021-09-15T16:13:46.1Z app/x 192.0.2.1:44 10.0.0.1:80 0.1 0.1 0.1 404 404 0 57 "GET https://h:443/a HTTP/1.1" "x" - - arn:aws:x',
        '192.0.2.1:14853 [15/Sep/2021:16:13:46.127] in~ s/n 170/0/0/3/173 404 739 - - --NN 0/0/0/0/0 0/0 "GET /a HTTP/1.1"',
    ],
)  # fmt: skip
def test_a_view_is_read_from_each_format(line: str) -> None:
    (hit,) = views([line, "no request at all", combined("")])
    assert (hit.at_ms, hit.address, hit.target, hit.status) == (1631722426000, "192.0.2.1", "/a", 404)


def test_the_first_view_without_a_session_is_that_of_the_session_that_follows() -> None:
    line = '- - [30/Oct/2019:12:02:{} +0000] "GET {} HTTP/1.1" 200 1 "-" {} "{}"'
    lines = [
        line.format(40, "/", "-", "other"),
        line.format(40, "/", "-", "agent"),
        line.format(41, "/main.css", "abc", "agent"),
        line.format(45, "/a", "abc", "agent"),
        line.format(50, "/", "-", "agent"),
    ]
    assert [(each.session, each.hit.target) for each in session_views(lines)] == [
        ("-", "/"), ("abc", "/"), ("abc", "/a"), ("-", "/"),
    ]  # fmt: skip
