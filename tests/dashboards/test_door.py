"""The door of every page: who is let in, and what is answered to the others."""

import re
import sqlite3
import time

import pytest

from dashboards.access.roles import ROLES, may_open
from dashboards.access.store import access_file
from dashboards.app import PAGES
from dashboards.sent import own_path
from support.dashboards import PASSWORD, Browser

VALUES = {"id": "0000", "name": "pages", "form": "json"}
HOSTILE = (
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "{{7*7}}",
    "../../etc/passwd",
    "%00",
    "a" * 4000,
    "\N{RIGHT-TO-LEFT OVERRIDE}x",
)


def paths(page):
    return re.sub(r"\{(\w+)\}", lambda name: VALUES.get(name[1], "x"), page.path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_without_a_session_a_page_leads_to_signing_in_and_a_form_is_refused(pages, page):
    browser = pages.browser()
    shown = browser.get(paths(page))
    assert (shown.status, shown.headers["location"].partition("?")[0]) == (303, "/sign-in")
    assert browser.post(paths(page), {"reason": "x"}).status == 401


@pytest.mark.parametrize("role", ROLES)
def test_a_role_gets_the_pages_of_its_sections_and_no_other_exists_for_it(pages, role):
    browser = pages.browser(role)
    for page in PAGES:
        answer = browser.get(paths(page))
        if may_open(role, page.section):
            assert answer.status not in (401, 403, 405, 500), page.path
            assert "There is no such page" not in answer.text, page.path
        else:
            assert answer.status == 404, page.path
            assert "There is no such page" in answer.text, page.path


@pytest.mark.parametrize("cookie", ["", "x", "A" * 43, "A" * 5000, "../x", '"'])
def test_a_forged_cookie_is_no_session(pages, cookie):
    pages.browser("admin")
    browser = pages.browser()
    browser.cookies["clinic-pixel"] = cookie
    assert browser.get("/").status == 303


@pytest.mark.parametrize("page", [page for page in PAGES if page.send], ids=lambda page: page.path)
def test_a_form_without_the_word_of_the_session_is_refused(pages, page):
    browser = pages.browser("admin")
    assert browser.post(paths(page), {"reason": "x"}).status == 403
    assert browser.post(paths(page), {"reason": "x", "form": "x" * 43}).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "", "Sec-Fetch-Site": ""},
    ],
)
def test_a_form_of_a_foreign_page_is_refused_even_at_signing_in(pages, headers):
    pages.browser("admin", name="anna")
    browser = Browser(pages.url)
    assert browser.post("/sign-in", {"name": "anna", "password": PASSWORD}, **headers).status == 403
    assert browser.cookies == {}


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.example", "", "localhost@evil"]
)
def test_a_foreign_name_that_leads_to_this_machine_reads_nothing(pages, host):
    browser = pages.browser("admin")
    answer = browser.get("/", Host=host)
    assert answer.status in (400, 421)
    assert "clinic" not in answer.text.replace("clinic-pixel", "")


def test_signing_in_gives_a_new_token_and_signing_out_ends_it(pages):
    pages.browser("ops", name="anna")
    browser = Browser(pages.url)
    browser.cookies["clinic-pixel"] = planted = "A" * 43
    assert browser.sign_in("anna", PASSWORD).status == 303
    token = browser.cookies["clinic-pixel"]
    assert token != planted
    assert browser.get("/technical/pages").status == 200
    browser.post("/sign-out", {})
    browser.cookies["clinic-pixel"] = token
    assert browser.get("/technical/pages").status == 303


def test_the_cookie_is_kept_from_scripts_and_other_sites(pages):
    pages.browser("ops", name="anna")
    answer = Browser(pages.url).sign_in("anna", PASSWORD)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie, "this machine alone is asked by http"


def test_guessing_is_braked_and_the_right_password_waits_as_well(pages):
    pages.browser("ops", name="anna")
    browser = Browser(pages.url)
    answers = [browser.sign_in("anna", "wrong").status for _ in range(5)]
    assert answers == [401] * 5
    assert browser.sign_in("anna", PASSWORD).status == 429


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "\\\\evil", "/x\r\nX: y"],
)
def test_signing_in_leads_to_a_page_of_ours_alone(pages, target):
    pages.browser("ops", name="anna")
    answer = Browser(pages.url).post("/sign-in", {"name": "anna", "password": PASSWORD, "next": target})
    assert answer.headers["location"] == "/"
    assert own_path(target) == "/"


def test_a_link_from_a_mail_leads_on_although_the_cookie_is_held_back(pages):
    answer = pages.browser().get("/technical/problems/1a2b", **{"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 200
    assert 'content="0;url=/technical/problems/1a2b"' in answer.text


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", ["site", "since", "until", "lang", "next", "band", "state", "x"])
def test_a_hostile_filter_is_a_clear_page_and_never_run(pages, name, value):
    from urllib.parse import quote

    browser = pages.browser("admin", name="anna")
    for path in (
        "/",
        "/technical",
        "/technical/pages",
        "/technical/traffic_by_hour",
        "/fraud",
        "/fraud/totals",
        "/reports/fraud/cases.csv",
    ):
        answer = browser.get(f"{path}?{name}={quote(value)}")
        assert answer.status in (200, 400, 404), (path, answer.status)
        assert "<script>alert" not in answer.text
        assert "49" not in answer.words.partition("clinic-pixel")[0]
    assert browser.get(f"/technical/{quote(value, safe='')}").status == 404


def test_a_filter_of_ten_thousand_characters_is_a_clear_page(pages):
    assert pages.browser("ops").get("/technical?since=" + "9" * 10_000).status == 414


def test_every_page_forbids_scripts_of_others_and_frames(pages):
    browser = pages.browser("admin")
    for path in ("/", "/technical", "/technical/pages", "/sign-in", "/nothing"):
        headers = browser.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


def test_no_page_has_a_script_or_style_of_its_own(pages):
    browser = pages.browser("admin")
    for page in PAGES:
        text = browser.get(paths(page)).text
        assert "style=" not in text
        assert not re.search(r"\son\w+=", text)
        assert re.findall(r"<script(?![^>]*src=)", text) == []
        assert re.findall(r'(?:src|href|action)="(?:https?:)?//', text) == []


def test_a_body_that_is_too_large_or_no_form_is_refused(pages):
    browser = pages.browser("admin")
    assert browser.post("/technical/problems/1a2b", {"reason": "x" * 100_000}).status == 413


def test_a_page_owner_sees_no_site_of_others(pages):
    browser = pages.browser("owner", "clinic")
    assert browser.get("/technical/pages?site=clinic").status == 200
    assert browser.get("/technical/pages?site=other").status == 404


def test_an_error_of_a_page_is_a_page_without_a_trace(pages, monkeypatch):
    from dashboards import view

    def broken(*_):
        raise RuntimeError("a visitor's address")

    browser = pages.browser("ops")
    monkeypatch.setattr(view, "working_as", broken)
    answer = browser.get("/technical")
    assert answer.status == 500
    assert "This page failed" in answer.text
    assert "visitor's address" not in answer.text


def test_a_database_that_is_away_is_said_with_what_to_do(pages, monkeypatch):
    from dashboards import view
    from pipeline.errors import Retryable

    def away(*_, **__):
        raise Retryable("ClickHouse at http://127.0.0.1:1 does not answer")

    browser = pages.browser("ops")
    monkeypatch.setattr(view, "working_as", away)
    answer = browser.get("/technical/pages")
    assert answer.status == 503
    assert "nothing is lost" in answer.text


@pytest.mark.parametrize(("dest", "is_kept"), [("document", True), ("empty", False)])
def test_only_a_request_of_the_person_keeps_the_session(pages, dest, is_kept):
    browser = pages.browser("ops")
    with sqlite3.connect(access_file(pages.settings)) as access:
        access.execute("UPDATE sessions SET seen_at = seen_at - 600")
    before = time.time() - 300
    assert browser.get("/", **{"Sec-Fetch-Dest": dest}).status == 200
    with sqlite3.connect(access_file(pages.settings)) as access:
        ((seen,),) = access.execute("SELECT seen_at FROM sessions").fetchall()
    assert (seen > before) is is_kept
