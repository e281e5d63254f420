"""One request, all the way to one number of a report."""

import csv
import io
import json
from uuid import uuid4

import pytest

from collector.endpoints.pixel import GIF
from support.waiting import wait_until


def new_nonce():
    return str(uuid4().int >> 65)


def test_one_request_becomes_one_row_and_one_number_in_a_report(system):
    nonce = new_nonce()
    before = system.rows("SELECT count() FROM pixel.events")[0][0]
    answer = system.pixel(
        u="https://clinic.example/doctors/ivanova/?utm_source=yandex&phone=79161234567",
        r="https://ya.ru/search?text=x",
        n=nonce,
        address="198.51.100.99",
        headers={"Cookie": "session=do-not-keep"},
    )
    assert (answer.status, answer.data) == (200, GIF)
    assert answer.headers["Cache-Control"] == "no-store"
    system.wait_for_rows(before + 1)
    row = system.rows(
        "SELECT page_host, page, campaign, dropped_params, referrer_host, browser, browser_major, os, mode, country,"
        " toString(ip_token), batch_id != toUUID('00000000-0000-0000-0000-000000000000')"
        " FROM pixel.events WHERE nonce = {n:UInt64}",
        n=int(nonce),
    )
    assert len(row) == 1
    assert row[0][:4] == ("clinic.example", "/doctors/ivanova", {"utm_source": "yandex"}, 1)
    assert row[0][4:9] == ("ya.ru", "Chrome", 143, "Windows", "js")
    assert "198.51.100.99" not in row[0][10]
    assert row[0][11]
    report = json.loads(system.run("report", "fraud/robots", "--format", "json").stdout)
    assert isinstance(report, list)


def test_a_report_counts_what_was_sent(system):
    for visitor in range(12):
        answer = system.pixel(u="https://clinic.example/contacts/", n=new_nonce(), address=f"203.0.113.{visitor + 1}")
        assert answer.status == 200
    before = system.rows("SELECT count() FROM pixel.events WHERE page = '/contacts'")
    system.wait_for_rows(before[0][0])

    wait_until(
        lambda: system.rows("SELECT count() FROM pixel.events WHERE page = '/contacts'")[0][0] >= 12, "twelve rows"
    )
    shown = list(csv.DictReader(io.StringIO(system.run("report", "traffic_by_hour", "--format", "csv").stdout)))
    assert sum(int(row["visitors"]) for row in shown) >= 10


@pytest.mark.parametrize(
    ("word", "status", "query"),
    [
        ("unknown site", 404, {"s": "nobody"}),
        ("no site", 404, {"s": ""}),
        ("bad mode", 400, {"m": "telepathy"}),
        ("endless page", 413, {"u": "a" * 9000}),
    ],
)
def test_a_refusal_sends_the_gif_and_is_counted(system, word, status, query):
    answer = system.pixel(**query)
    assert (answer.status, answer.data, answer.headers["Content-Type"]) == (status, GIF, "image/gif"), word


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


def test_head_answers_like_get_without_a_body(system):
    answer = system.http.request("HEAD", f"{system.url}/p.gif?s=clinic")
    assert (answer.status, answer.data, answer.headers["Content-Length"]) == (200, b"", "43")


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
