"""Labelled public data under the fraud review: people in sessions, scanners, small logs that each set off one scenario of CrowdSec."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.fraud import corpora
from bench.fraud.public_lines import combined, session_views, views
from pipeline.settings.model import Settings
from support.server import Rows

SHARED = Path(__file__).parents[2] / "../shared/data"


def needs(name: str) -> None:
    if not (SHARED / name).exists():
        pytest.skip(f"../shared/data/{name} is not here")


def test_robots_of_the_list_in_use_are_all_found_and_almost_no_browser_or_app_is_called_one() -> None:
    needs(corpora.AGENTS)
    found = corpora.agents(SHARED)
    assert found["bot, the list in use"]["found"] == found["bot, the list in use"]["of"] > 1000
    for label in ("browser", "app"):
        assert found[label]["found"] <= 0.003 * found[label]["of"]


def test_no_person_of_the_labelled_sessions_is_likely_and_at_most_one_in_twenty_is_to_be_watched(
    tables: Rows, clickhouse: Settings
) -> None:
    needs(corpora.SESSIONS)
    people = corpora.sessions(clickhouse, SHARED)["bands"][corpora.HUMAN]
    assert sum(people.values()) == 26
    assert people["likely"] == 0
    assert people["watch"] <= 0.05 * 26


def test_a_vulnerability_scanner_is_likely_a_minute_after_its_first_page(tables: Rows, clickhouse: Settings) -> None:
    needs(corpora.SCANNERS[0])
    found = corpora.scanners(clickhouse, SHARED)
    assert found["acunetix-minute"]["band"] == "likely"


def test_nothing_is_told_of_small_logs_without_an_attack(tables: Rows, clickhouse: Settings) -> None:
    needs(corpora.CROWDSEC)
    found = corpora.crowdsec(clickhouse, SHARED)
    quiet = [name for name, test in found.items() if not test["scenario"]]
    assert len(quiet) == 5
    assert [name for name in quiet if found[name]["outcome"] != "quiet"] == []
    assert all(test["why"] for test in found.values() if test["outcome"] == "out of sight")


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
