"""The script counts a page that was shown, once, however the page changes its address, its body or our surroundings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from browser.test_tag import adding
from playwright.sync_api import Page

from pipeline.pages.query import CLICK_ID_NAMES, UTM_NAMES
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
        "self.fetch = undefined; Object.defineProperty(navigator, 'sendBeacon', {value: undefined})",
    ],
)
def test_what_a_browser_lacks_costs_no_page_view(chromium: Any, edge: Any, clinic: Any, missing: str) -> None:
    with chromium.new_context() as context:
        context.add_init_script(missing)
        walk = Walk(edge, clinic(), context, "missing", "Chromium " + chromium.version)
        page = walk.goto("/doctors")
        if "fetch = undefined" in missing:
            assert counted(walk, page) == []  # no browser that reads the script lacks it
        else:
            assert counted(walk, page) == [("/doctors", "")]


def test_an_element_with_our_name_silences_nothing(chromium: Any, edge: Any, clinic: Any) -> None:
    with chromium.new_context() as context:
        context.add_init_script(
            "document.addEventListener('readystatechange', () => document.documentElement.id = 'px-clinic', {once: true})"
        )
        walk = Walk(edge, clinic(), context, "clobbered", "Chromium " + chromium.version)
        assert counted(walk, walk.goto("/doctors")) == [("/doctors", "")]


def test_a_tab_in_the_background_counts_when_it_is_shown(chromium: Any, edge: Any, clinic: Any) -> None:
    with chromium.new_context() as context:
        context.add_init_script("Object.defineProperty(document, 'hidden', {get: () => !window.shown})")
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
        context.add_init_script("Object.defineProperty(document, 'prerendering', {get: () => !window.shown})")
        walk = Walk(edge, clinic(), context, "prerender", "Chromium " + chromium.version)
        page = walk.goto("/doctors")
        page.evaluate("document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))")
        page.wait_for_timeout(1500)
        assert counted(walk, page) == []
        page.evaluate("window.shown = 1; document.dispatchEvent(new Event('prerenderingchange'))")
        assert counted(walk, page) == [("/doctors", "")]


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
