"""The script counts a page that was shown, once, however the page changes its address, its body or our surroundings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser.test_tag import adding
from playwright.sync_api import Page

from pipeline.settings.ad_names import CLICK_ID_NAMES, UTM_NAMES
from support.edge import CLINIC, Edge
from support.waiting import wait_until
from support.walk import Walk

WITHOUT_NAVIGATION = "Object.defineProperty(self, 'navigation', {value: undefined})"


@pytest.fixture(params=["navigation", "history"])
def routed(chromium: Any, edge: Any, clinic: Any, request: pytest.FixtureRequest) -> Any:
    """A walk in a browser with the Navigation API, and in one without it."""
    context = chromium.new_context()
    if request.param == "history":
        context.add_init_script(WITHOUT_NAVIGATION)
    yield Walk(edge, clinic(), context, request.node.name, "Chromium " + chromium.version)
    context.close()


def counted(walk: Walk, page: Page) -> list[tuple[str, str]]:
    """Return page and previous page of each row, once nothing comes any more."""
    return [(row.page, row.referrer_page) for row in walk.settled(page)]


@pytest.mark.parametrize(
    ("change", "more"),
    [
        ("history.replaceState(null, '', location.pathname)", []),
        ("history.replaceState(null, '', '?tab=2'); history.pushState(null, '', '#a')", []),
        ("history.pushState(null, '', '/spa'); history.replaceState(null, '', '/spa/week')", [("/spa/week", "/my")]),
        (
            "history.pushState(null, '', '/old'); setTimeout(() => history.replaceState(null, '', '/new'), 20)",
            [("/new", "/my")],
        ),
        ("history.pushState(null, '', '/next')", [("/next", "/my")]),
        ("history.pushState(null, '', '/a'); history.pushState(null, '', '/b')", [("/b", "/my")]),
    ],
    ids=["cleaned", "query and fragment", "push then replace", "redirect", "push", "two at once"],
)
def test_a_page_view_is_a_new_path_that_settled(routed: Walk, change: str, more: list[tuple[str, str]]) -> None:
    page = routed.goto("/my?utm_source=yandex&yclid=123")
    routed.after(1, page)
    page.evaluate(change)
    assert counted(routed, page) == [("/my", ""), *more]


def test_a_router_that_kept_the_old_push_state_and_one_that_intercepts_are_seen(walk: Walk) -> None:
    walk.context.add_init_script("window.kept = history.pushState")
    page = walk.goto("/my")
    walk.after(1, page)
    page.evaluate("kept.call(history, null, '', '/kept')")
    walk.after(2, page)
    page.evaluate(
        "navigation.addEventListener('navigate', (event) => event.intercept()); navigation.navigate('/intercepted')"
    )
    assert counted(walk, page) == [("/my", ""), ("/kept", "/my"), ("/intercepted", "/kept")]


def test_the_previous_page_is_told_without_its_query(walk: Walk) -> None:
    page = walk.goto("/my?utm_source=yandex&yclid=7000123")
    walk.after(1, page)
    page.evaluate("history.pushState(null, '', '/next')")
    walk.after(2, page)
    bodies = [request.post_data for request in walk.sent if request.method == "POST"]
    assert bodies[-1] is not None
    assert '/my"' in bodies[-1]
    assert "yclid" not in bodies[-1]


@pytest.mark.parametrize(
    "missing",
    [
        "delete self.BigUint64Array",
        "delete self.IntersectionObserver",
        "delete self.crypto; Object.defineProperty(self, 'crypto', {value: undefined})",
        "delete self.MutationObserver",
        "self.fetch = () => Promise.reject()",
        "self.fetch = () => { throw 1 }",
        "self.fetch = () => { throw 1 }; navigator.sendBeacon = () => false",
        "delete Request.prototype.keepalive; self.fetch = () => new Promise(() => {})",
        "self.Request = undefined",
        "self.fetch = undefined; Object.defineProperty(navigator, 'sendBeacon', {value: undefined})",
        "Array.prototype.toJSON = function () { return JSON.stringify([...this]) }",
    ],
)
def test_what_a_browser_lacks_costs_no_page_view(chromium: Any, edge: Any, clinic: Any, missing: str) -> None:
    with chromium.new_context() as context:
        context.add_init_script(missing)
        walk = Walk(edge, clinic(), context, "missing", "Chromium " + chromium.version)
        assert counted(walk, walk.goto("/doctors")) == [("/doctors", "")]
        assert walk.errors == []


def test_an_element_with_our_name_silences_nothing(chromium: Any, edge: Any, clinic: Any) -> None:
    with chromium.new_context() as context:
        context.add_init_script(
            "document.addEventListener('readystatechange', () => document.documentElement.id = 'px-clinic', {once: true})"
        )
        walk = Walk(edge, clinic(), context, "clobbered", "Chromium " + chromium.version)
        assert counted(walk, walk.goto("/doctors")) == [("/doctors", "")]


NAMES = (
    "currentScript",
    "querySelector",
    "querySelectorAll",
    "hidden",
    "prerendering",
    "referrer",
    "body",
    "navigation",
)


def named(app: Any) -> Any:
    """Put forms and images on each page whose names hide what scripts read of a document."""
    forms = "".join(f"<form name={name} id={name}></form><img name={name} alt=''>" for name in NAMES)
    return replacing("<script async", forms + "<script async")(app)


def replacing(old: str, new: str) -> Callable[[Any], Any]:
    """Replace a text in the HTML of each page."""
    return lambda app: _rewritten(app, old.encode(), new.encode())


def _rewritten(app: Any, old: bytes, new: bytes) -> Any:
    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        async def rewrite(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [pair for pair in message["headers"] if pair[0] != b"content-length"]
            elif message["type"] == "http.response.body":
                message["body"] = message["body"].replace(old, new)
            await send(message)

        await app(scope, receive, rewrite)

    return wrapped


@pytest.mark.parametrize("before", ["", "delete self.navigation"])
def test_forms_and_images_with_the_names_of_what_the_script_reads_cost_nothing(
    chromium: Any, edge: Any, clinic: Any, before: str
) -> None:
    with chromium.new_context(viewport={"width": 1100, "height": 900}) as context:
        context.add_init_script(before)
        walk = Walk(edge, clinic(wrap=named, technical=("errors",)), context, "named", "Chromium " + chromium.version)
        page = walk.goto("/my")
        assert page.evaluate("document.querySelector instanceof HTMLCollection")
        walk.after(1, page)
        page.evaluate("history.pushState(null, '', '/next')")
        walk.after(2, page)
        page.evaluate("history.pushState(null, '', '/')")
        walk.after(3, page)
        page.evaluate(
            "document.documentElement.lastElementChild.insertAdjacentHTML('afterbegin', '<p data-pixel-ad=top>Реклама</p>')"
        )
        walk.after(4, page)
        rows = [(row.page, row.referrer_page, row.ad) for row in walk.rows()]
        assert rows == [("/my", "", ""), ("/next", "/my", ""), ("/", "/next", ""), ("/", "/next", "top")]
        page.evaluate("dispatchEvent(new ErrorEvent('error', {message: 'of the page'}))")
        page.goto("about:blank")
        wait_until(lambda: page.wait_for_timeout(20) or walk.edge.signals())
        assert set(walk.errors) <= {"document.querySelectorAll is not a function"}  # of the demo's own script


def test_the_release_of_the_site_goes_with_every_event(chromium: Any, edge: Any, clinic: Any) -> None:
    with chromium.new_context(viewport={"width": 1100, "height": 900}) as context:
        walk = Walk(edge, clinic(release="v2.14.3"), context, "release", "Chromium " + chromium.version)
        page = walk.goto("/")
        walk.after(2, page)
        page.evaluate("history.pushState(null, '', '/my')")
        walk.after(3, page)
        told = [json.loads(request.post_data or "[]")[0] for request in walk.sent if request.method == "POST"]
        assert len(told) >= 3
        assert {event["v"] for event in told} == {"v2.14.3"}


def test_a_release_that_is_too_long_costs_no_page_view_and_goes_with_the_image_too(
    chromium: Any, edge: Any, clinic: Any
) -> None:
    with chromium.new_context() as context:
        context.add_init_script("self.fetch = () => { throw 1 }; navigator.sendBeacon = () => false")
        walk = Walk(edge, clinic(release="v" * 100), context, "release", "Chromium " + chromium.version)
        assert counted(walk, walk.goto("/doctors")) == [("/doctors", "")]
        (image,) = [
            request.url for request in walk.sent if "/p.gif?s=clinic&u=" in request.url and "m=js" in request.url
        ]
        assert "&v=vvv" in image


def test_a_page_that_makes_chance_repeat_itself_gives_each_view_a_number_of_its_own(routed: Walk) -> None:
    routed.context.add_init_script("Math.random = () => 0.5")
    page = routed.goto("/my")
    routed.after(1, page)
    page.evaluate("history.pushState(null, '', '/next')")
    assert len({row.nonce for row in routed.after(2, page)}) == 2


def test_a_tab_switch_makes_no_view_of_an_address_that_was_replaced(routed: Walk) -> None:
    page = routed.goto("/my")
    routed.after(1, page)
    page.evaluate(
        """() => {
          Object.defineProperty(Document.prototype, 'hidden', {get: () => window.away});
          history.replaceState(null, '', '/my/week');
          for (window.away of [true, false]) document.dispatchEvent(new Event('visibilitychange', {bubbles: true}));
        }"""
    )
    assert counted(routed, page) == [("/my", "")]
    page.evaluate("history.pushState(null, '', '/next')")
    routed.after(3, page)
    assert counted(routed, page) == [("/my", ""), ("/next", "/my")]


def test_a_page_that_moves_in_the_background_counts_when_it_is_shown(routed: Walk) -> None:
    page = routed.goto("/my")
    routed.after(1, page)
    page.evaluate(
        """() => {
          Object.defineProperty(Document.prototype, 'hidden', {get: () => window.away});
          window.away = true;
          document.dispatchEvent(new Event('visibilitychange', {bubbles: true}));
          history.pushState(null, '', '/logged-out');
        }"""
    )
    page.wait_for_timeout(400)  # longer than an address takes to settle
    assert counted(routed, page) == [("/my", "")]
    page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))")
    routed.after(3, page)
    assert counted(routed, page) == [("/my", ""), ("/logged-out", "/my")]


def test_a_page_left_before_its_address_settled_is_counted(routed: Walk) -> None:
    page = routed.goto("/my")
    routed.after(1, page)
    page.evaluate("history.pushState(null, '', '/next'); location.href = 'about:blank'")
    assert [row.page for row in routed.after(2, page)] == ["/my", "/next"]


@pytest.mark.parametrize(
    "change", ["location.hash = 'a'", "history.pushState(null, '', '#b'); history.back()", "history.go(0)"]
)
def test_a_fragment_makes_no_view_and_a_reload_makes_one(routed: Walk, change: str) -> None:
    page = routed.goto("/my")
    routed.after(1, page)
    page.evaluate(change)
    if "go(0)" in change:
        routed.after(2, page)
    assert [path for path, _ in counted(routed, page)] == ["/my"] * (2 if "go(0)" in change else 1)


def test_a_page_saved_on_a_disk_sends_nothing(walk: Walk, tmp_path: Path) -> None:
    saved = tmp_path / "Анализы Иванова.html"
    saved.write_text(
        f'<script async src="{walk.edge.url}/p.js" data-site="clinic"></script><p data-pixel-ad="a">Реклама</p>'
    )
    page = walk.context.new_page()
    with walk.context.expect_event("requestfinished", lambda request: request.url.endswith("/p.js")):
        page.goto(saved.as_uri())
    page.wait_for_load_state("networkidle")
    assert [request.url for request in walk.sent if request.method == "POST" or "seen" in request.url] == []
    assert walk.errors == []


def test_the_tags_of_two_sites_on_one_page_count_each_by_itself(chromium: Any, tmp_path: Path, clinic: Any) -> None:
    sites = (CLINIC, CLINIC.model_copy(update={"id": "network"}))
    with Edge(tmp_path / "two", sites=sites) as edge, chromium.new_context() as context:
        walk = Walk(edge, clinic(collector=edge.url), context, "two sites", "Chromium " + chromium.version)
        page = walk.goto("/my")
        page.evaluate(
            """(address) => {
              const tag = Object.assign(document.createElement("script"), { src: address + "/p.js" });
              Object.assign(tag.dataset, { site: "network", consent: "0" });
              document.head.append(tag);
            }""",
            edge.url,
        )
        walk.after(2, page)
        page.evaluate("history.pushState(null, '', '/next')")
        walk.after(4, page)
        page.evaluate(
            "document.querySelector('h1').insertAdjacentHTML('afterend', '<p data-pixel-ad=late>Реклама</p>')"
        )
        walk.after(6, page)
        found = sorted((event.site, event.page, event.ad, event.cookie_state) for event in walk.edge.events())
        assert [one[:3] for one in found] == [
            (site, *facts)
            for site in ("clinic", "network")
            for facts in (("/my", ""), ("/next", ""), ("/next", "late"))
        ]
        assert {one[3] for one in found if one[0] == "network"} == {"refused"}


def test_names_to_keep_may_be_written_with_spaces_and_a_mistake_in_them_costs_no_view(walk: Walk) -> None:
    page = walk.goto("/print?city=omsk&branch=2&street=5")
    walk.after(1, page)
    page.evaluate(
        """(address) => {
          const tag = Object.assign(document.createElement("script"), { src: address + "/p.js" });
          Object.assign(tag.dataset, { site: "clinic", keep: "city, branch, a(b" });
          document.head.append(tag);
        }""",
        walk.edge.url,
    )
    walk.after(2, page)
    (told,) = [request.post_data or "" for request in walk.sent if request.method == "POST"]
    assert '?city=omsk&branch=2"' in told


def test_a_tab_in_the_background_counts_when_it_is_shown(chromium: Any, edge: Any, clinic: Any) -> None:
    with chromium.new_context() as context:
        context.add_init_script("Object.defineProperty(Document.prototype, 'hidden', {get: () => !window.shown})")
        walk = Walk(edge, clinic(), context, "background", "Chromium " + chromium.version)
        page = walk.goto("/doctors")
        assert counted(walk, page) == []
        page.evaluate("window.shown = 1; document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))")
        assert counted(walk, page) == [("/doctors", "")]


def test_a_prerendered_page_counts_at_its_activation_in_the_order_of_chromium(
    chromium: Any, edge: Any, clinic: Any
) -> None:
    # Chromium tells first that the page is visible, still prerendering, and then that it is not prerendering any more.
    with chromium.new_context() as context:
        context.add_init_script("Object.defineProperty(Document.prototype, 'prerendering', {get: () => !window.shown})")
        walk = Walk(edge, clinic(), context, "prerender", "Chromium " + chromium.version)
        page = walk.goto("/doctors")
        page.evaluate("document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))")
        page.wait_for_timeout(1500)
        assert counted(walk, page) == []
        page.evaluate("window.shown = 1; document.dispatchEvent(new Event('prerenderingchange'))")
        assert counted(walk, page) == [("/doctors", "")]


@pytest.mark.parametrize("given", [" 1", "01", "-1", "0.5", "yes", "granted"])
def test_a_word_of_consent_that_is_none_of_ours_counts_as_no(chromium: Any, edge: Any, clinic: Any, given: str) -> None:
    with chromium.new_context() as context:
        demo = clinic(consent="explicit", wrap=replacing('data-consent="0"', f'data-consent="{given}"'))
        walk = Walk(edge, demo, context, "odd", "Chromium " + chromium.version)
        page = walk.goto("/doctors")
        page.wait_for_load_state("networkidle")
        page.goto("about:blank")  # until then, a word that could be `wait` is held
        assert [(row.page, row.cookie_state) for row in walk.after(1)] == [("/doctors", "refused")]


@pytest.mark.parametrize("name", ["let history = null", "const history = []", "let navigation"])
def test_a_variable_of_the_page_with_the_name_of_an_interface_costs_no_view(
    chromium: Any, edge: Any, clinic: Any, name: str
) -> None:
    with chromium.new_context() as context:
        demo = clinic(wrap=replacing("<script async", f"<script>{name}</script><script async"))
        walk = Walk(edge, demo, context, "variable", "Chromium " + chromium.version)
        assert counted(walk, walk.goto("/doctors")) == [("/doctors", "")]


@pytest.mark.parametrize(("printed", "answer", "told"), [("1", "0", "refused"), ("0", "1", "new")])
def test_an_answer_reaches_us_by_an_element_that_is_no_longer_in_the_page(
    chromium: Any, edge: Any, clinic: Any, printed: str, answer: str, told: str
) -> None:
    with chromium.new_context() as context:
        demo = clinic(consent="explicit", wrap=replacing('data-consent="0"', f'data-consent="{printed}"'))
        walk = Walk(edge, demo, context, "kept element", "Chromium " + chromium.version)
        page = walk.goto("/my")
        walk.after(1, page)
        page.evaluate("window.kept = document.querySelector('script[data-site]')")
        swap(page, printed)
        page.evaluate("(to) => { window.kept.dataset.consent = to }", answer)
        page.evaluate("history.pushState(null, '', '/next')")
        assert walk.after(2, page)[1].cookie_state == told


def test_a_printed_refusal_holds_until_the_person_answers(chromium: Any, edge: Any, clinic: Any) -> None:
    with chromium.new_context() as context:
        walk = Walk(edge, clinic(consent="explicit"), context, "printed", "Chromium " + chromium.version)
        page = walk.goto("/my")
        walk.after(1, page)
        swap(page, "1")  # such as a cached page, or an inline script that is not run again
        page.evaluate("history.pushState(null, '', '/next')")
        assert walk.after(2, page)[1].cookie_state == "refused"
        page.evaluate("document.querySelector('script[data-site]').dataset.consent = '0'")
        page.evaluate("document.querySelector('script[data-site]').dataset.consent = '1'")
        page.evaluate("history.pushState(null, '', '/last')")
        assert walk.after(3, page)[2].cookie_state == "new"


def swap(page: Page, consent: str) -> None:
    """Replace the script element by a new one, as Turbo does with the whole body."""
    page.evaluate(
        """(consent) => {
          const old = document.querySelector("script[data-site]");
          const fresh = old.cloneNode();
          fresh.removeAttribute("src");
          fresh.dataset.consent = consent;
          old.replaceWith(fresh);
        }""",
        consent,
    )


@pytest.mark.parametrize(
    ("answers", "told"),
    [(["0"], "refused"), (["0", "1"], "new"), (["1"], "new")],
    ids=["withdrawn", "given again", "given"],
)
def test_the_newest_answer_of_the_person_counts_after_a_new_body(
    chromium: Any, edge: Any, clinic: Any, answers: list[str], told: str
) -> None:
    with chromium.new_context() as context:
        walk = Walk(edge, clinic(consent="explicit"), context, "swap", "Chromium " + chromium.version)
        page = walk.goto("/my")
        walk.after(1, page)
        swap(page, "0" if told == "new" else "1")
        for answer in answers:
            page.evaluate("(to) => document.querySelector('script[data-site]').dataset.consent = to", answer)
        swap(page, "1" if told == "refused" else "0")  # the next page prints the site's default again
        page.evaluate("history.pushState(null, '', '/next')")
        assert walk.after(2, page)[1].cookie_state == told


@pytest.mark.parametrize(
    ("answer", "state"), [("1", "new"), ("0", "refused"), ("", "refused")], ids=["yes", "no", "left"]
)
def test_a_page_view_waits_for_an_answer_that_comes_late(
    chromium: Any, edge: Any, clinic: Any, answer: str, state: str
) -> None:
    with chromium.new_context() as context:
        context.add_init_script(
            "new MutationObserver((changes, me) => { const tag = document.querySelector('script[data-site]');"
            " if (tag && !tag.dataset.consent) { tag.dataset.consent = 'wait'; me.disconnect() } })"
            ".observe(document, {childList: true, subtree: true})"
        )
        walk = Walk(edge, clinic(), context, "wait", "Chromium " + chromium.version)
        page = walk.goto("/doctors")
        page.wait_for_timeout(300)
        assert walk.edge.events() == []
        if answer:
            page.evaluate("(to) => document.querySelector('script[data-site]').dataset.consent = to", answer)
        else:
            page.goto("about:blank")
        (row,) = walk.after(1, page)
        assert (row.page, row.cookie_state) == ("/doctors", state)


@pytest.mark.parametrize("name", [*UTM_NAMES, *sorted(CLICK_ID_NAMES)])
def test_every_campaign_name_of_the_collector_is_sent_by_the_script(walk: Walk, name: str) -> None:
    page = walk.goto(f"/doctors?{name}=spring&secret=1")
    (row,) = walk.after(1, page)
    assert (row.campaign, row.paid) == (({name: "spring"}, False) if name in UTM_NAMES else ({}, True))
    assert row.dropped_params == 0


def test_a_listed_value_in_cyrillic_arrives(walk: Walk) -> None:
    page = walk.goto("/doctors?utm_campaign=%D0%B2%D0%B5%D1%81%D0%BD%D0%B0+%7C+1")
    walk.after(1, page)
    (told,) = [request.post_data for request in walk.sent if request.method == "POST"]
    assert told is not None
    assert "utm_campaign=%D0%B2%D0%B5%D1%81%D0%BD%D0%B0+%7C+1" in told


@pytest.mark.parametrize("policy", ["no-referrer", "same-origin", "origin", "strict-origin-when-cross-origin"])
def test_no_referrer_policy_costs_a_page_view(
    chromium: Any, edge: Any, clinic: Callable[..., Any], policy: str
) -> None:
    with chromium.new_context() as context:
        demo = clinic(wrap=adding("referrer-policy", policy))
        walk = Walk(edge, demo, context, policy, "Chromium " + chromium.version)
        assert counted(walk, walk.goto("/doctors")) == [("/doctors", "")]


def test_the_status_of_an_error_page_is_told_by_its_first_view_only(walk: Walk) -> None:
    page = walk.goto("/print")
    walk.after(1, page)
    page.evaluate(
        """(address) => {
          const tag = Object.assign(document.createElement("script"), { src: address + "/p.js" });
          Object.assign(tag.dataset, { site: "clinic", status: "404" });
          document.head.append(tag);
        }""",
        walk.edge.url,
    )
    walk.after(2, page)
    page.evaluate("history.pushState(null, '', '/next')")
    assert [(row.page, row.status) for row in walk.after(3, page)] == [("/print", 0), ("/print", 404), ("/next", 0)]
