"""Every route against who may not ask: no session, another's role, a foreign cookie, page, host or method."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import urllib3
from starlette.routing import Route

from dashboards.access.people import Person
from dashboards.access.roles import ROLES, Role, may_open
from dashboards.app import PAGES
from dashboards.render import HEADERS
from dashboards.sent import own_path
from pipeline import __version__
from pipeline.settings.model import Settings
from support.dashboards import PASSWORD, Answer, Browser, Pages
from support.markup import foreign
from support.office import office
from support.routes import ROUTES, path_of

FOREIGN = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://["},
    {"Origin": "", "Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
)
SECTIONS = {page.path: page.section for page in PAGES}


@pytest.fixture(scope="module")
def desk(clickhouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Dashboards that several tests ask."""
    with office(clickhouse, tmp_path_factory.mktemp("routes") / "var") as pages:
        yield pages


@pytest.fixture(scope="module")
def root(desk: Pages) -> Pages:
    """The same, with an administrator whose sessions begin without a password."""
    desk.people.add(Person("root", "admin"), PASSWORD)
    return desk


def asked(pages: Pages, method: str, path: str, cookie: str = "", **headers: str) -> Answer:
    """Ask with any method."""
    sent = {"Cookie": f"clinic-pixel={cookie}", **headers}
    return Answer(urllib3.request(method, pages.url + path, headers=sent, redirect=False, retries=False))


def is_plain(answer: Answer) -> bool:
    """Return whether an answer is a page of ours without a trace, with the headers of all pages."""
    assert "Traceback" not in answer.text
    assert foreign(answer.text) == []
    return all(answer.headers[name] == value for name, value in HEADERS.items())


def test_the_routes_are_all_pages_and_those_of_signing_in() -> None:
    assert {route.path for route in ROUTES} == {*SECTIONS, "/sign-in", "/sign-out", "/welcome"}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_without_a_session_or_with_a_foreign_cookie_no_route_shows_or_takes_anything(
    desk: Pages, root: Pages, route: Route
) -> None:
    ended = root.begun("root")
    cookies = ["", "A" * 43, "A" * 5000, '"', "../x", ended.cookies["clinic-pixel"]]
    ended.post("/sign-out", {})
    own = {"Origin": desk.url, "Sec-Fetch-Site": "same-origin"}
    for cookie in cookies:
        shown, head = asked(desk, "GET", path_of(route), cookie), asked(desk, "HEAD", path_of(route), cookie)
        assert shown.status == head.status
        if route.path in SECTIONS:
            assert (shown.status, shown.headers["location"].partition("?")[0]) == (303, "/sign-in")
            assert asked(desk, "POST", path_of(route), cookie, **own).status == 401
        assert is_plain(shown)


@pytest.mark.parametrize("role", ROLES)
def test_a_route_that_is_not_for_a_role_is_not_there_for_reading_or_for_sending(desk: Pages, role: Role) -> None:
    browser = desk.browser(role)
    word = {"form": desk_word(browser, desk)}
    for path, section in SECTIONS.items():
        here = path_of(next(route for route in ROUTES if route.path == path))
        if may_open(role, section):
            assert "There is no such page" not in browser.get(here).text
        else:
            for answer in (browser.get(here), browser.post(here, word), browser.post(here, {})):
                assert (answer.status, "There is no such page" in answer.text) == (404, True), here
                assert is_plain(answer)


def desk_word(browser: Browser, desk: Pages) -> str:
    """Return the word of a browser's session."""
    from dashboards.access.sessions import Sessions
    from dashboards.access.store import access_file

    session = Sessions(access_file(desk.settings)).find(browser.cookies["clinic-pixel"])
    assert session is not None
    return session.form


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_what_a_foreign_page_sends_is_refused_by_every_route(desk: Pages, root: Pages, route: Route) -> None:
    browser = root.begun("root")
    word = {"form": desk_word(browser, desk)}
    for headers in FOREIGN:
        answer = browser.post(path_of(route), word, **headers)
        assert (answer.status, is_plain(answer)) == (403, True), headers
    assert browser.get("/privacy/keys").status == 200, "signing out from a foreign page is refused, too"


@pytest.mark.parametrize("page", [page for page in PAGES if page.send], ids=lambda page: page.path)
def test_a_form_without_the_word_or_with_that_of_another_session_changes_nothing(
    desk: Pages, root: Pages, page: object
) -> None:
    browser, other = root.begun("root"), root.begun("root")
    here = path_of(next(route for route in ROUTES if route.path == page.path))  # type: ignore[attr-defined]
    for form in ({}, {"form": ""}, {"form": "x" * 43}, {"form": "ы"}, {"form": desk_word(other, desk)}):
        assert browser.post(here, form).status == 403


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_foreign_host_gets_nothing_from_any_route(desk: Pages, root: Pages, route: Route) -> None:
    token = root.begun("root").cookies["clinic-pixel"]
    methods = ("POST",) if route.path == "/sign-out" else ("GET", "HEAD", "POST")
    for host in ("evil.example", "localhost.evil.example", "localhost@evil", "[::1", ""):
        for method in methods:
            assert asked(desk, method, path_of(route), token, Host=host).status in (400, 421)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_method_that_no_page_needs_is_refused_with_a_page(desk: Pages, root: Pages, route: Route) -> None:
    token = root.begun("root").cookies["clinic-pixel"]
    for method in ("PUT", "DELETE", "TRACE", "PATCH", "OPTIONS", "PROPFIND"):
        answer = asked(desk, method, path_of(route), token, **{"X-Sent": "secret"})
        assert answer.status in (400, 405), method
        assert "secret" not in answer.text
        assert answer.status == 400 or is_plain(answer)


def test_a_head_request_neither_signs_in_nor_counts_as_a_try(desk: Pages) -> None:
    for _ in range(20):
        assert asked(desk, "HEAD", "/sign-in?name=x&password=y").status == 200
    desk.browser("ops")


def test_signing_in_gives_a_token_that_no_one_planted(desk: Pages) -> None:
    desk.browser("ops", name="fixed")
    planted = desk.browser("owner").cookies["clinic-pixel"]
    browser = Browser(desk.url)
    for cookie in ("A" * 43, planted):
        browser.cookies["clinic-pixel"] = cookie
        assert browser.sign_in("fixed", PASSWORD).status == 303
        assert browser.cookies["clinic-pixel"] != cookie
        other = Browser(desk.url)
        other.cookies["clinic-pixel"] = cookie
        assert "fixed" not in other.get("/").text


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/\\evil.example",
        "https:evil.example",
        "/\t/evil.example",
        "\x00//evil",
        "/ы",
        "@evil",
        "/a" * 9000,
    ],
)
def test_no_address_of_a_link_or_a_form_leads_elsewhere(desk: Pages, target: str) -> None:
    from urllib.parse import quote

    desk.people.find("leading") or desk.browser("ops", name="leading")
    answer = Browser(desk.url).post("/sign-in", {"name": "leading", "password": PASSWORD, "next": target})
    assert answer.headers["location"] == "/" == own_path(target)
    page = asked(desk, "GET", f"/technical/{quote(target[:100], safe='')}", **{"Sec-Fetch-Site": "cross-site"})
    assert page.status in (200, 404)
    assert "url=//" not in page.text


def test_the_name_with_spaces_has_the_brake_of_the_name(pages: Pages) -> None:
    pages.browser("ops", name="braked")
    browser = Browser(pages.url)
    answers = [browser.sign_in(" " * number + "braked", "wrong").status for number in range(6)]
    assert answers == [401] * 5 + [429]


@pytest.mark.parametrize("section", ["/", "/technical", "/fraud", "/health", "/privacy", "/embed"])
def test_a_page_tells_the_version_at_its_foot_to_who_signed_in_and_to_nobody_else(
    desk: Pages, root: Pages, section: str
) -> None:
    foot = root.begun("root").get(section).text.partition("<footer>")[2].partition("</footer>")[0]
    assert foot.endswith(f"clinic-pixel {__version__}")
    assert __version__ not in asked(desk, "GET", "/sign-in").text
