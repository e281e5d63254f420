"""One request on its way through the whole product, to one row and one number of a report."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

from collector.endpoints.pixel import GIF
from collector.process import TOTALS_SECONDS
from support.publishing import publish_exactly
from support.system import AGENT, QUIET_SITE, TWICE_SITE
from support.waiting import wait_until

CRAWLER = "Mozilla/5.0 (compatible; PerplexityBot/1.0; +https://perplexity.ai/perplexitybot)"


def test_one_request_becomes_one_row(system):
    nonces = system.nonces(1)
    answer = system.pixel(
        u="https://clinic.example/doctors/ivanova/?utm_source=yandex&phone=79161234567",
        r="https://ya.ru/search?text=x",
        n=str(nonces[0]),
        address="198.51.100.99",
        headers={"Cookie": "session=do-not-keep"},
    )
    assert (answer.status, answer.data) == (200, GIF)
    assert answer.headers["Cache-Control"] == "no-store"
    system.wait_for(nonces)
    row = system.rows(
        "SELECT page_host, page, campaign, dropped_params, referrer_host, browser, browser_major, os, mode,"
        " toString(ip_token), batch_id != toUUID('00000000-0000-0000-0000-000000000000')"
        " FROM pixel.events WHERE nonce = {n:UInt64}",
        n=nonces[0],
    )
    assert len(row) == 1
    assert row[0][:4] == ("clinic.example", "/doctors/ivanova", {"utm_source": "yandex"}, 1)
    assert row[0][4:9] == ("ya.ru", "Chrome", 143, "Windows", "js")
    assert "198.51.100.99" not in row[0][9]
    assert row[0][10]


def test_one_request_of_a_robot_is_one_hit_in_the_report_of_robots(system):
    nonces = system.nonces(1)
    system.pixel(s=QUIET_SITE, u="https://quiet.example/price", n=str(nonces[0]), headers={"User-Agent": CRAWLER})
    system.wait_for(nonces)
    shown = json.loads(system.run("report", "fraud/robots", "--site", QUIET_SITE, "--format", "json").stdout)
    assert [(row["robot"], row["hits"], row["pages"]) for row in shown] == [("PerplexityBot", 1, 1)]


def publish(system, site):
    """Publish the numbers of a site as if the day were over."""
    settings = system.settings.model_copy(update={"sites": (system.settings.chosen_site(site),)})
    publish_exactly(settings, datetime.now(UTC) + timedelta(days=1))


def test_a_report_counts_the_visitors_of_its_site_and_of_no_other(system):
    nonces = system.nonces(12)
    for visitor, nonce in enumerate(nonces, start=1):
        address = f"203.0.113.{visitor}"
        answer = system.pixel(s=QUIET_SITE, u="https://quiet.example/contacts/", n=str(nonce), address=address)
        assert answer.status == 200
    system.wait_for(nonces)
    publish(system, QUIET_SITE)
    report = system.run("report", "technical/browsers", "--site", QUIET_SITE, "--format", "csv")
    (shown,) = csv.DictReader(io.StringIO(report.stdout))
    assert (shown["browser"], shown["visitors"]) == ("Chrome", "12")


def test_a_beacon_that_is_sent_twice_by_twenty_clients_is_twenty_page_views_in_every_report(system):
    nonces = system.nonces(20)
    for client, nonce in enumerate(nonces, start=1):
        page = "https://twice.example/price"
        body = json.dumps([{"s": TWICE_SITE, "u": page, "n": str(nonce), "e": "404"}])
        sent = {"User-Agent": AGENT, "X-Forwarded-For": f"203.0.113.{client}", "Origin": "https://twice.example"}
        for _ in range(2):
            answer = system.http.request(
                "POST", f"{system.url}/e", body=body, headers=sent | {"Content-Type": "text/plain"}
            )
            assert answer.status == 204
    wait_until(lambda: system.stored(nonces) == 2 * len(nonces), "all deliveries to be stored")
    publish(system, TWICE_SITE)
    for name, counted in (
        ("technical/traffic_by_hour", "hits"),
        ("technical/browsers", "hits"),
        ("technical/networks", "hits"),
        ("technical/error_pages", "hits"),
        ("privacy/exposure", "events"),
        ("privacy/retention", "events"),
    ):
        shown = json.loads(system.run("report", name, "--site", TWICE_SITE, "--format", "json").stdout)
        assert sum(row[counted] or 0 for row in shown) == 20, name


def refused(system, reason):
    """Return how many hits the collector refused for a reason, as /metrics tells it."""
    text = system.http.request("GET", f"{system.url}/metrics").data.decode()
    found = re.search(rf'^clinic_pixel_refused_total{{reason="{reason}"}} (\S+)$', text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def settled(system, reason):
    """Return the count once no refusal of an earlier test is still on its way: totals are written every second."""
    last, since = refused(system, reason), monotonic()

    def unchanged():
        nonlocal last, since
        if (now := refused(system, reason)) != last:
            last, since = now, monotonic()
        return monotonic() - since > 2 * TOTALS_SECONDS

    wait_until(unchanged, "the refusals of earlier tests to be counted")
    return last


@pytest.mark.parametrize(
    ("word", "status", "query", "reason"),
    [
        ("unknown site", 404, {"s": "nobody"}, "unknown_site"),
        ("no site", 404, {"s": ""}, "unknown_site"),
        ("bad mode", 400, {"m": "telepathy"}, "bad_query"),
        ("endless page", 413, {"u": "a" * 9000}, "too_large"),
    ],
)
def test_a_refusal_sends_the_gif_and_is_counted(system, word, status, query, reason):
    before = settled(system, reason)
    answer = system.pixel(**query)
    assert (answer.status, answer.data, answer.headers["Content-Type"]) == (status, GIF, "image/gif"), word
    wait_until(lambda: refused(system, reason) == before + 1, "the refusal to be counted")


@pytest.mark.parametrize(
    ("word", "page"),
    [
        ("NUL", "https://clinic.example/a\x00b"),
        ("cp1251", "https://clinic.example/%E0%E1%E2/"),
        ("foreign page", "https://elsewhere.example/secret/79161234567"),
        ("no address at all", "hello"),
        ("half an escape", "https://clinic.example/%4"),
        ("endless dots", "https://clinic.example/" + "../" * 500),
        ("emoji", "https://клиника.рф/🙂"),
        ("userinfo", "https://ivan:secret@clinic.example/"),
    ],
)
def test_an_odd_page_is_an_event_and_never_an_error(system, word, page):
    assert system.pixel(u=page).status == 200, word


def test_head_shows_nobody_a_page_and_is_refused_without_a_body(system):
    answer = system.http.request("HEAD", f"{system.url}/p.gif?s=clinic")
    assert (answer.status, answer.data) == (403, b"")


def test_another_method_is_405_and_says_which_are_allowed(system):
    answer = system.http.request("POST", f"{system.url}/p.gif?s=clinic", body=b"x")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_raw_bytes_of_every_kind_never_give_a_500(system):
    for target in ("/p.gif?s=%00", "/p.gif?s=clinic&u=%FF%FE%00", "/p.gif?&&&==&s", "/p.gif?s=clinic&n=%F0%9F%99%82"):
        assert system.http.request("GET", system.url + target).status in (200, 400, 404), target


def test_health_and_metrics_are_for_admins_only(system):
    assert system.http.request("GET", f"{system.url}/health/live").status == 200
    assert b"clinic_pixel_spooled_total" in system.http.request("GET", f"{system.url}/metrics").data
    proxied = {"X-Forwarded-For": "198.51.100.7"}
    assert system.http.request("GET", f"{system.url}/metrics", headers=proxied).status == 403
    assert system.http.request("GET", f"{system.url}/health/ready", headers=proxied).status == 403


def test_an_engineer_with_the_ops_password_reads_technical_views_and_nothing_else(system):
    reads = system.run("sql", "--role", "ops", "--format", "json", "SHOW TABLES FROM technical")
    assert "traffic_by_hour" in reads.stdout
    refused = system.run("sql", "--role", "ops", "SELECT count() FROM pixel.events", check=False)
    assert refused.returncode == 1
    assert "privileges" in refused.stderr
