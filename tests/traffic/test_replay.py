"""Replayed logs: lines, hits, answers and counters.

A replay or a simulated day is refused as a whole when its times could not be stored, before a hit is sent.
"""

import json
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.errors import Fatal
from pipeline.settings.model import Settings
from pipeline.settings.site import Site
from pipeline.traffic.access_log import LoggedHit, Skipped
from pipeline.traffic.replay import check_span, plan, read_log, split
from pipeline.traffic.send import PlannedHit, header_text
from support.command import command
from support.waiting import wait_until

NOW = 1_795_000_000_000
DAY = 86_400_000


def planned(*moments):
    return [PlannedHit(moment, "192.0.2.1", "", {}) for moment in moments]


def test_times_between_the_oldest_key_and_now_pass(tmp_path):
    check_span(planned(NOW - 89 * DAY, NOW), Settings(data=tmp_path), now_ms=NOW)


@pytest.mark.parametrize(("moment", "message"), [(NOW + 1, "future"), (NOW - 89 * DAY - 1, "keys_days")])
def test_one_hit_outside_of_them_stops_the_whole(tmp_path, moment, message):
    with pytest.raises(Fatal, match=message):
        check_span(planned(NOW - DAY, moment, NOW), Settings(data=tmp_path), now_ms=NOW)


def test_a_simulated_day_in_the_future_says_so_and_sends_nothing(tmp_path):
    done = command(tmp_path / "var", "simulate", "--people", "1", "--day", "2100-01-01")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--day 2100-01-01: nothing of it has passed; expected a day up to today" in done.stderr


CLINIC = Site(id="clinic", hosts=("clinic.example", "клиника.рф"))


def hit(host=""):
    return LoggedHit(NOW, "192.0.2.1", "/a", 200, "", "", host)


def test_a_hit_of_another_virtual_host_is_not_this_sites():
    hosts = ("", "clinic.example", "xn--80apagcdp.xn--p1ai", "shop.example")
    hits, skipped = split([*map(hit, hosts), Skipped("image"), Skipped("image")], CLINIC)
    assert [one.host for one in hits] == list(hosts[:3])
    assert skipped == {"another host": 1, "image": 2}
    assert [one.query["u"] for one in plan(hits, CLINIC, last_ms=NOW)] == [
        "https://clinic.example/a",
        "https://clinic.example/a",
        "https://xn--80apagcdp.xn--p1ai/a",
    ]


@pytest.mark.parametrize("host", ["www.clinic.example", "CLINIC.example.", "www.клиника.рф", "клиника.рф"])
def test_a_site_is_known_by_each_spelling_of_its_hosts(host):
    hits, skipped = split([hit(host)], CLINIC)
    assert ([one.host for one in hits], skipped) == ([host], {})


def test_a_log_without_a_page_view_says_why():
    with pytest.raises(Fatal, match=r"no page view of clinic; .* \(another host: 1; redirect: 1\)"):
        split([hit("shop.example"), Skipped("redirect")], CLINIC)


def test_only_a_line_feed_ends_a_line(tmp_path):
    log = tmp_path / "access.log"
    log.write_bytes(b"\xef\xbb\xbfone \x0b\x1c \xc2\x85 \xe2\x80\xa8 \xff\r\ntwo\n\nthree")
    assert read_log(log) == ["one \x0b\x1c \x85 \u2028 \udcff", "two", "", "three"]
    log.write_bytes(b"")
    assert read_log(log) == []


@pytest.mark.parametrize(
    ("agent", "sent"),
    [
        ("Mozilla/5.0", b"Mozilla/5.0"),
        ("Клиника ®", "Клиника ®".encode()),
        ("\udcff\x85", b"\xff\xc2\x85"),
        ("a\r\nX-Forwarded-For: 192.0.2.9\0\x7f", b"a  X-Forwarded-For: 192.0.2.9  "),
    ],
)
def test_an_agent_of_any_bytes_is_one_header(agent, sent):
    assert header_text(agent).encode("latin-1") == sent


def test_a_pattern_that_no_path_can_match_is_refused(tmp_path):
    (tmp_path / "access.log").write_text("")
    done = command(tmp_path / "var", "replay", str(tmp_path / "access.log"), "--exclude", "image/*")
    assert (done.returncode, done.stdout) == (2, "")
    assert "must begin with / or *" in done.stderr


LOG = """\
192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /doctors HTTP/1.1" 301 0 "-" "Mozilla/5.0"
192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /doctors/ HTTP/1.1" 200 9 "-" "Mozilla/5.0"
192.0.2.1 - - [17/May/2015:10:05:04 +0000] "GET /photo/7 HTTP/1.1" 200 9 "-" "Mozilla/5.0"
192.0.2.8, 198.51.100.2 - - [17/May/2015:10:06:03 +0000] "GET /two HTTP/1.1" 200 9 "-" "\\xff\\x0d\\x0a"
clinic.example:443 192.0.2.9 - - [17/May/2015:10:06:03 +0000] "GET /\udcff HTTP/1.1" 404 9 "-" "-"
shop.example:443 192.0.2.9 - - [17/May/2015:10:06:03 +0000] "GET / HTTP/1.1" 200 9 "-" "-"
unknown, 198.51.100.2 - - [17/May/2015:10:06:03 +0000] "GET /three HTTP/1.1" 200 9 "-" "-"
"""
COUNTED_NOW = "SELECT name, sum(value) FROM pixel.counters WHERE minute > now() - INTERVAL 10 MINUTE GROUP BY name"


def test_a_replay_says_what_was_sent_skipped_and_stored_and_counts_by_the_clock(system, tmp_path):
    log = tmp_path / "access.log"
    log.write_text(LOG, encoding="utf-8", errors="surrogateescape")
    before = dict(system.rows(COUNTED_NOW))
    as_of = (datetime.now(UTC) - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%S")
    done = system.run("replay", str(log), "--as-of", as_of, "--exclude", "/photo/*", "--format", "json")
    account = json.loads(done.stdout)
    assert {name: count for name, count in account.items() if name.startswith("skipped")} == {
        "skipped: another host": 1,
        "skipped: excluded": 1,
        "skipped: no readable address": 1,
        "skipped: redirect": 1,
    }
    assert (account["lines"], account["sent"], account["accepted"], account["stored"]) == (7, 3, 3, 3)

    def is_counted() -> bool:
        now = dict(system.rows(COUNTED_NOW))
        return all(now.get(name, 0) - before.get(name, 0) == 3 for name in ("offered", "spooled", "stored"))

    wait_until(is_counted, "the replayed hits to be counted now", seconds=20)
