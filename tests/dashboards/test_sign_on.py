"""Signing on by the header of a trusted proxy: off unless set, from the proxy alone, for people who are known here."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from ipaddress import ip_network
from itertools import cycle
from pathlib import Path

import pytest
import urllib3
from pydantic import ValidationError
from starlette.routing import Route

from dashboards.access.limits import FREE_OF_ADDRESS
from dashboards.access.people import Person
from dashboards.render import HEADERS
from pipeline.settings.model import Settings
from pipeline.settings.sections import Dashboards
from support.dashboards import PASSWORD, Answer, Browser, Pages
from support.office import office
from support.routes import ROUTES, path_of

HEADER = "X-Auth-Request-User"


@pytest.fixture
def proxied(clickhouse: Settings, tmp_path: Path) -> Iterator[Pages]:
    """Dashboards that trust a proxy on this machine; anna of ops is known."""
    own = Dashboards(sign_on_header=HEADER, trusted_proxies=(ip_network("127.0.0.1/32"),))
    with office(clickhouse, tmp_path / "var", dashboards=own) as pages:
        pages.people.add(Person("anna", "ops"), PASSWORD)
        yield pages


@pytest.fixture(scope="module")
def passed_by(clickhouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Dashboards that trust a proxy elsewhere: whoever asks here passed it by."""
    own = Dashboards(sign_on_header=HEADER, trusted_proxies=(ip_network("192.0.2.7/32"),))
    with office(clickhouse, tmp_path_factory.mktemp("passed_by") / "var", dashboards=own) as pages:
        pages.people.add(Person("anna", "admin"), PASSWORD)
        yield pages


def test_a_person_whom_the_proxy_names_is_signed_on_with_the_role_of_ours(proxied: Pages) -> None:
    browser = Browser(proxied.url)
    page = browser.get("/technical", **{HEADER: "anna"})
    assert (page.status, "Sign out anna" in page.words) == (200, True)
    cookie = page.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert browser.get("/privacy", **{HEADER: "anna", "X-Auth-Request-Groups": "admin"}).status == 404
    assert "set-cookie" not in browser.get("/technical", **{HEADER: "anna"}).headers, "one session, not one a page"


def test_a_form_still_needs_the_word_of_the_session_and_a_page_of_ours(proxied: Pages) -> None:
    for headers in ({}, {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}):
        answer = Browser(proxied.url).post("/embed/check", {"url": "x"}, **{HEADER: "anna", **headers})
        assert answer.status in (401, 403)
        assert "set-cookie" not in answer.headers


def test_another_name_at_the_proxy_ends_the_session_of_the_first(proxied: Pages) -> None:
    proxied.people.add(Person("boris", "owner"), PASSWORD)
    browser = Browser(proxied.url)
    browser.get("/", **{HEADER: "anna"})
    first = browser.cookies["clinic-pixel"]
    assert "Sign out boris" in browser.get("/", **{HEADER: "boris"}).words
    other = Browser(proxied.url)
    other.cookies["clinic-pixel"] = first
    assert other.get("/").status == 303


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_the_header_of_anybody_else_is_refused_by_every_route(passed_by: Pages, route: Route) -> None:
    browser = passed_by.begun("anna")
    here = path_of(route)
    for name in ("anna", "", "nobody"):
        for answer in (browser.get(here, **{HEADER: name}), browser.post(here, {}, **{HEADER.lower(): name})):
            assert answer.status in (403, 405)
            assert "anna" not in answer.text
            assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("name", ["", " ", "nobody", "ANNA", "anna, anna", "anna\t\tx", "a" * 5000, "' OR 1=1 --", "ы"])
def test_a_name_that_is_not_known_here_is_refused_with_a_page_that_does_not_repeat_it(
    proxied: Pages, name: str
) -> None:
    answer = Browser(proxied.url).get("/", **{HEADER: name.encode().decode("latin-1")})
    assert (answer.status, "You may not sign in here yet" in answer.text) == (403, True)
    assert answer.headers["content-security-policy"] == HEADERS["content-security-policy"]
    assert not name.strip() or name not in answer.text


def test_a_header_that_comes_twice_is_refused_even_if_both_agree(proxied: Pages) -> None:
    for second in ("anna", "boris", ""):
        headers = urllib3.HTTPHeaderDict([(HEADER, "anna"), (HEADER.upper(), second)])
        answer = Answer(urllib3.request("GET", proxied.url + "/", headers=headers, redirect=False))
        assert answer.status == 403


def test_a_refused_header_is_counted_and_logged_without_its_value(
    proxied: Pages, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            Browser(proxied.url).get("/", **{HEADER: "secret-name"})
    assert [each.getMessage() for each in caplog.records] == [
        f"sign_on_unknown: {number} requests" for number in (1, 2, 4)
    ]


def test_without_the_setting_the_header_is_no_sign_on(pages: Pages) -> None:
    pages.people.add(Person("anna", "admin"), PASSWORD)
    assert Browser(pages.url).get("/", **{HEADER: "anna"}).status == 303


def test_without_the_header_a_password_still_signs_in(proxied: Pages) -> None:
    browser = Browser(proxied.url)
    assert browser.get("/").status == 303
    assert browser.sign_in("anna", PASSWORD).status == 303
    assert browser.get("/technical").status == 200


def test_a_removed_person_is_out_at_once_although_the_proxy_still_names_them(proxied: Pages) -> None:
    browser = Browser(proxied.url)
    assert browser.get("/", **{HEADER: "anna"}).status == 200
    proxied.people.remove("anna")
    assert browser.get("/", **{HEADER: "anna"}).status == 403


def test_guesses_of_one_address_behind_the_proxy_do_not_stop_the_others_there(proxied: Pages) -> None:
    browser, one = Browser(proxied.url), {"name": "anna", "password": PASSWORD}
    written = cycle(["9.9.9.9, 192.0.2.1", "192.0.2.1:4711", "2001:db8::1, [::ffff:192.0.2.1]:80", " 192.0.2.1 "])
    for number in range(FREE_OF_ADDRESS + 1):
        name = {"name": f"n{number}", "password": "x"}
        status = browser.post("/sign-in", name, **{"X-Forwarded-For": next(written)}).status
    assert status == 429
    assert browser.post("/sign-in", one, **{"X-Forwarded-For": "192.0.2.1"}).status == 429
    assert browser.post("/sign-in", one, **{"X-Forwarded-For": "192.0.2.2"}).status == 303


def test_a_customer_with_many_addresses_of_ipv6_has_one_brake(proxied: Pages) -> None:
    browser = Browser(proxied.url)
    for number in range(FREE_OF_ADDRESS + 1):
        guess = {"name": f"m{number}", "password": "x"}
        status = browser.post("/sign-in", guess, **{"X-Forwarded-For": f"2001:db8:0:7:{number:x}::1"}).status
    assert status == 429
    one = {"name": "anna", "password": PASSWORD}
    assert browser.post("/sign-in", one, **{"X-Forwarded-For": "2001:db8:0:8::1"}).status == 303


def test_what_a_browser_writes_as_its_address_is_believed_from_no_proxy_alone(pages: Pages) -> None:
    pages.people.add(Person("anna", "ops"), PASSWORD)
    browser = Browser(pages.url)
    for number in range(FREE_OF_ADDRESS + 1):
        guess = {"name": f"o{number}", "password": "x"}
        status = browser.post("/sign-in", guess, **{"X-Forwarded-For": f"192.0.2.{number}"}).status
    assert status == 429


@pytest.mark.parametrize(
    ("header", "proxies"),
    [(HEADER, ()), ("Cookie", ("127.0.0.1/32",)), ("X-A\r\nB", ("127.0.0.1/32",)), (HEADER, ("0.0.0.0/0",))],
)
def test_settings_that_would_let_anybody_in_are_refused(header: str, proxies: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        Dashboards.model_validate({"sign_on_header": header, "trusted_proxies": proxies})
