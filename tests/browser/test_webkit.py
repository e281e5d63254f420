"""The script in WebKitGTK, the engine of Safari: it withholds Origin and has no Navigation API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browser.test_tag import adding

from support.edge import Edge, Served
from support.waiting import wait_until
from support.walk import Walk
from support.webkit import BROWSERS, DRIVER, SCREEN, WebKit

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (DRIVER and SCREEN and BROWSERS), reason="Debian packages webkit2gtk-driver and xvfb are not installed"
    ),
]
POLICIES = (
    "no-referrer",
    "no-referrer-when-downgrade",
    "origin",
    "origin-when-cross-origin",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
)


class WebKitWalk(Walk):
    """A walk whose browser is driven by WebDriver; its first tab is left as it was found."""

    def __init__(self, edge: Edge, demo: Served, webkit: WebKit, name: str) -> None:
        self.edge, self.demo, self.webkit, self.name = edge, demo, webkit, name
        self.browser = f"WebKitGTK {webkit.version}"

    def open(self, path: str) -> WebKit:
        self.webkit.goto(self.demo.url + path)
        return self.webkit

    def pages(self) -> list[tuple[str, str]]:
        """Return page and previous page of each view, once a later page of another tag is stored."""
        self.webkit.run(f"new Image().src = '{self.edge.url}/p.gif?s=clinic&m=server&n=1&u={self.demo.url}/end'")
        wait_until(lambda: any(event.page == "/end" for event in self.edge.events()))
        return [(row.page, row.referrer_page) for row in self.rows() if row.page != "/end"]


@pytest.fixture(scope="module")
def webkit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebKit]:
    with WebKit(tmp_path_factory.mktemp("webkit")) as started:
        yield started


@pytest.fixture
def walk(webkit: WebKit, edge: Edge, clinic: Any, request: pytest.FixtureRequest) -> WebKitWalk:
    walk = WebKitWalk(edge, clinic(), webkit, request.node.name)
    webkit.goto(walk.demo.url + "/static/clinic.css")
    webkit.forget()
    return walk


def test_script(walk):
    walk.open("/doctors?utm_source=yandex&yclid=7000123&phone=79123456789#frag")
    (row,) = walk.after(1)
    walk.compare(
        row,
        kind="pageview",
        mode="js",
        page="/doctors",
        page_from="parameter",
        campaign={"utm_source": "yandex"},
        paid=True,
        cookie_state="new",
        browser="Safari",
        dropped_params=0,
    )
    assert row.nonce


@pytest.mark.parametrize("policy", POLICIES)
def test_a_page_is_counted_under_each_referrer_policy(webkit, edge, clinic, request, policy):
    elsewhere = edge.url.replace("localhost", "127.0.0.1")
    demo = clinic(collector=elsewhere, wrap=adding("referrer-policy", policy))
    walk = WebKitWalk(edge, demo, webkit, request.node.name)
    walk.open("/doctors")
    (row,) = walk.after(1)
    walk.compare(row, page="/doctors", mode="js", page_from="parameter")


@pytest.mark.parametrize(
    ("change", "more"),
    [
        ("history.replaceState(null, '', location.pathname)", []),
        ("history.pushState(null, '', '/spa'); history.replaceState(null, '', '/spa/week')", [("/spa/week", "/my")]),
        ("location.hash = 'today'", []),
    ],
    ids=["cleaned", "push_then_replace", "fragment"],
)
def test_a_page_view_is_a_new_path_that_settled(walk, change, more):
    page = walk.open("/my?utm_source=yandex&yclid=123")
    walk.after(1)
    page.run(change + "; window.since = performance.now()")
    wait_until(lambda: page.run("performance.now() - since > 500"))
    walk.after(1 + len(more))
    assert walk.pages() == [("/my", ""), *more]


def test_a_tab_in_the_background_counts_when_it_is_shown(walk):
    webkit = walk.webkit
    front, back = webkit.tab(), webkit.new_tab()
    webkit.switch(back)
    walk.open("/doctors")
    assert webkit.run("document.hidden") is True
    wait_until(
        lambda: webkit.run("performance.getEntriesByName(document.querySelector('script[data-site]').src).length")
    )
    assert walk.pages() == []
    webkit.switch(front)
    webkit.close()
    webkit.switch(back)
    (row,) = [row for row in walk.after(2) if row.page != "/end"]
    walk.compare(row, page="/doctors", mode="js")


@pytest.mark.parametrize(("answer", "state"), [("1", "new"), ("0", "refused")])
def test_the_answer_of_the_person_holds_under_a_new_body(webkit, edge, clinic, request, answer, state):
    walk = WebKitWalk(edge, clinic(consent="explicit"), webkit, request.node.name)
    page = walk.open("/my")
    webkit.forget()
    walk.after(1)
    page.run(f"document.querySelector('script[data-site]').dataset.consent = '{answer}'")
    page.run(
        f"""(() => {{
          const old = document.querySelector("script[data-site]");
          const fresh = old.cloneNode();
          fresh.removeAttribute("src");
          fresh.dataset.consent = "{1 - int(answer)}";
          old.replaceWith(fresh);
          history.pushState(null, "", "/next");
        }})()"""
    )
    walk.compare(walk.after(2)[1], page="/next", cookie_state=state)


def test_back_forward_cache(walk):
    walk.open("/").run("addEventListener('pageshow', (event) => { window.restored = event.persisted })")
    walk.after(1)
    walk.open("/print")
    walk.after(2)
    walk.webkit.back()
    assert wait_until(lambda: walk.webkit.run("window.restored === true"))
    walk.compare(walk.after(3)[2], mode="js", page="/", referrer_host="", referrer_page="")


def test_ad_block_scrolled_into_view(walk):
    walk.open("/").run(
        "document.querySelector('[data-pixel-ad=family-plan]').scrollIntoView({block: 'center', behavior: 'instant'})"
    )
    rows = {row.ad: row for row in wait_until(lambda: len(walk.edge.events()) >= 2 and walk.rows())}
    walk.compare(rows["family-plan"], kind="impression", mode="js", page="/")


def test_half_of_a_character_in_an_error_costs_no_measurement(webkit, edge, clinic, request):
    walk = WebKitWalk(edge, clinic(technical=("errors",)), webkit, request.node.name)
    page = walk.open("/my")
    walk.after(1)
    wait_until(lambda: page.run(f"performance.getEntriesByName('{edge.url}/t.js').length"))
    page.run("window.told = 0; addEventListener('error', () => { told++ })")
    page.run(
        """for (const message of ["a".repeat(299) + "\\u{1f600}", "half \\ud83d alone", "whole"])
          dispatchEvent(new ErrorEvent("error", { message }))"""
    )
    walk.open("/print")
    wait_until(lambda: len(edge.signals()) >= 3)
    # The collector hides words that it does not know.
    assert {signal.template for signal in edge.signals()} == {"*", "half * alone", "whole"}
