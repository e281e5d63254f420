"""The base cases in Debian's Firefox, which has Global Privacy Control of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browser.test_tag import adding

from support.edge import Edge, Served
from support.firefox import FIREFOX, Firefox
from support.waiting import wait_until
from support.walk import Walk

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FIREFOX.exists(), reason=f"{FIREFOX} is not installed (Debian package firefox-esr)"),
]


ANSWERED = "document.readyState === 'complete' && performance.getEntriesByType('resource').some(({name}) => name.endsWith('/e'))"
"""Whether the page is loaded and its hit is answered."""


class FirefoxWalk(Walk):
    """A walk whose browser is driven by WebDriver BiDi."""

    def __init__(self, edge: Edge, demo: Served, firefox: Firefox, name: str) -> None:
        self.edge, self.demo, self.firefox, self.name = edge, demo, firefox, name
        self.browser = f"Firefox {firefox.version}"

    def cookies(self) -> list[Any]:
        return list(self.firefox.call("storage.getCookies")["cookies"])

    def open(self, path: str) -> Firefox:
        self.firefox.goto(self.demo.url + path)
        return self.firefox


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with Firefox(tmp_path_factory.mktemp("firefox") / "profile") as started:
        yield started


@pytest.fixture
def walk(firefox: Firefox, edge: Edge, clinic: Any, request: pytest.FixtureRequest) -> FirefoxWalk:
    firefox.call("storage.deleteCookies")
    firefox.errors.clear()
    return FirefoxWalk(edge, clinic(), firefox, request.node.name)


def test_script(walk):
    walk.open("/doctors?utm_source=yandex&yclid=7000123&phone=79123456789#frag")
    (row,) = walk.after(1)
    walk.compare(
        row,
        kind="pageview",
        mode="js",
        page_host="localhost",
        page="/doctors",
        page_from="parameter",
        campaign={"utm_source": "yandex"},
        paid=True,
        referrer_host="",
        cookie_state="new",
        visitor_kind="day",
        browser="Firefox",
        dropped_params=0,
    )
    assert row.nonce
    assert walk.firefox.errors == []


def test_script_after_a_click_on_a_link(walk):
    page = walk.open("/")
    walk.recognised()
    page.run("document.querySelector(\"nav a[href='/doctors']\").click()")
    row = walk.after(2)[1]
    walk.compare(row, page="/doctors", referrer_page="/", cookie_state="returning", visitor_kind="cookie")


def test_noscript(edge, clinic, tmp_path, request):
    with Firefox(tmp_path / "profile", javascript__enabled=False) as firefox:
        walk = FirefoxWalk(edge, clinic(), firefox, request.node.name)
        walk.open("/doctors")
        walk.compare(walk.after(1)[0], mode="noscript", page="/doctors", page_from="referer", nonce=0)


def test_image_without_script(walk):
    walk.open("/print")
    walk.compare(walk.after(1)[0], mode="img", page="/print", page_from="referer")


def test_single_page_application(walk):
    walk.open("/my").run("document.querySelector(\"[data-view][href='/my/week']\").click()")
    row = walk.after(2)[1]
    walk.compare(row, mode="js", page="/my/week", referrer_page="/my")


def test_ad_block_scrolled_into_view(walk):
    walk.open("/").run(
        "document.querySelector('[data-pixel-ad=family-plan]').scrollIntoView({block: 'center', behavior: 'instant'})"
    )
    rows = {row.ad: row for row in wait_until(lambda: len(walk.edge.events()) >= 2 and walk.rows())}
    walk.compare(rows["family-plan"], kind="impression", mode="js", page="/")


def test_back_forward_cache(walk):
    walk.open("/").run("addEventListener('pageshow', (event) => { window.restored = event.persisted })")
    walk.recognised()
    # A page with a request under way is not kept.
    wait_until(lambda: walk.firefox.run(ANSWERED))
    walk.firefox.goto(walk.demo.url + "/doctors")
    walk.after(2)
    walk.firefox.back()
    assert wait_until(lambda: walk.firefox.run("window.restored === true"))
    walk.compare(walk.after(3)[2], page="/", referrer_host="", referrer_page="", visitor_kind="cookie")


def test_global_privacy_control(edge, clinic, tmp_path, request):
    with Firefox(tmp_path / "profile", privacy__globalprivacycontrol__enabled=True) as firefox:
        walk = FirefoxWalk(edge, clinic(), firefox, request.node.name)
        assert walk.open("/doctors").run("navigator.globalPrivacyControl") is True
        row = walk.after(1)[0]
        walk.compare(row, page="/doctors", cookie_state="signal", visitor=0, visitor_kind="none", ip_token="::")
        assert walk.cookies() == []


@pytest.mark.parametrize("policy", ["no-referrer", "same-origin", "strict-origin"])
def test_a_page_that_hides_its_address_from_others_is_counted(firefox, edge, clinic, request, policy):
    firefox.call("storage.deleteCookies")
    walk = FirefoxWalk(edge, clinic(wrap=adding("referrer-policy", policy)), firefox, request.node.name)
    walk.open("/doctors")
    (row,) = walk.after(1)
    walk.compare(row, page="/doctors", mode="js", page_from="parameter")
