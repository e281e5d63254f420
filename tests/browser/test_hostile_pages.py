"""The tag on pages that are hostile to it: the page is unharmed, and what is sent stays bounded."""

from __future__ import annotations

import pytest

from support.waiting import wait_until
from support.walk import Walk

HOSTILE = {
    "frozen_prototypes": """
        for (const type of [Object, Array, String, Function, Map, Set, WeakMap, Promise, RegExp, Node, Element, Document,
          Navigator, History, EventTarget, IntersectionObserver, MutationObserver, Event, URLSearchParams])
          Object.freeze(type.prototype);
        Object.freeze(history);""",
    "no_observers": "delete window.IntersectionObserver; delete window.MutationObserver;",
    "no_crypto": "Object.defineProperty(window, 'crypto', {value: undefined});",
    "json_throws": "JSON.stringify = () => { throw new Error('no') };",
    "beacon_throws": "Navigator.prototype.sendBeacon = () => { throw new Error('no') };",
    "timers_throw": "window.setTimeout = window.clearTimeout = () => { throw new Error('no') };",
    "array_methods_gone": "delete Array.prototype.filter; delete Array.prototype.forEach; delete Array.prototype.join;",
    "old_prototype_js": "Array.prototype.toJSON = String.prototype.toJSON = function () { return '\"' + this + '\"' };",
    "history_setter_throws": """
        Object.defineProperty(history, 'pushState', {get: () => History.prototype.pushState, set() { throw new Error('no') }});""",
    "current_script_gone": "Object.defineProperty(document, 'currentScript', {get: () => null});",
    "regexp_throws": "window.RegExp = function () { throw new Error('no') };",
    "named_like_our_globals": "window.px = window.clinic = window.tag = window.t = 1; var e = 1;",
}
COUNTED_ALL_THE_SAME = {"frozen_prototypes", "history_setter_throws", "named_like_our_globals", "old_prototype_js"}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_the_page_is_unharmed_whatever_it_did_to_the_browser(chromium, edge, clinic, request, name):
    with chromium.new_context() as context:
        context.add_init_script(HOSTILE[name])
        walk = Walk(edge, clinic(), context, request.node.name, "Chromium")
        page = walk.goto("/doctors", wait_until="load")
        page.click("nav a[href='/services']")
        assert page.inner_text("h1") == "Услуги"
        assert walk.errors == []
        if name in COUNTED_ALL_THE_SAME:
            assert [row.page for row in walk.after(2, page)] == ["/doctors", "/services"]


def test_timers_that_throw_once_the_tag_is_loaded_do_no_harm(chromium, edge, clinic, request):
    with chromium.new_context() as context:
        walk = Walk(edge, clinic(technical=("errors", "resources")), context, request.node.name, "Chromium")
        with context.expect_event("response", lambda response: response.url.endswith("/t.js")):
            page = walk.goto("/my")
        page.wait_for_load_state("networkidle")
        page.evaluate("() => { setTimeout = clearTimeout = () => { throw new Error('no') } }")
        page.click("[data-view][href='/my/week']")  # changes the page, which the tag watches for ad blocks
        page.evaluate("() => { dispatchEvent(new ErrorEvent('error', { message: 'of the page' })) }")
        walk.goto("/print", page)
        assert [row.page for row in walk.after(3, page)] == ["/my", "/my/week", "/print"]
        wait_until(lambda: page.wait_for_timeout(20) or walk.edge.signals())
        assert [signal.template for signal in walk.edge.signals()] == ["of the page"]
        assert walk.errors == []


def test_huge_titles_and_addresses_are_cut(walk):
    page = walk.goto("/my")
    walk.after(1, page)
    page.evaluate(
        "() => { document.title = 'я'.repeat(5e6); history.pushState(null, '', '/my/' + 'a/'.repeat(2e5) + '?utm_source=' + 'b'.repeat(1e5)) }"
    )
    row = walk.after(2, page)[1]
    assert len(row.page) <= 2048
    # An event may be stored before the browser reports its request.
    wait_until(lambda: page.wait_for_timeout(20) or sum(one.method == "POST" for one in walk.sent) > 1)
    (told,) = [one for one in walk.sent if one.method == "POST"][1:]
    assert len(told.post_data) < 4500
    assert walk.errors == []


def test_a_query_of_a_megabyte_costs_no_page_view(walk):
    page = walk.goto("/my")
    page.evaluate("history.pushState(null, '', '/my/week?' + 'utm_x=1&'.repeat(2e5))")
    assert [row.page for row in walk.after(2, page)] == ["/my", "/my/week"]
    assert walk.errors == []


def test_ad_blocks_added_and_removed_in_a_loop_stay_cheap_and_silent(walk):
    page = walk.goto("/")
    walk.after(1, page)
    page.evaluate(
        """() => new Promise((done) => {
          let round = 0;
          const loop = setInterval(() => {
            for (let n = 0; n < 50; n++) {
              const block = document.createElement("p");
              block.dataset.pixelAd = `loop-${round}-${n}`;
              block.textContent = "ad";
              document.querySelector("main").prepend(block);
              setTimeout(() => block.remove(), 0);
            }
            if (++round == 100) { clearInterval(loop); done(); }
          }, 10);
        })"""
    )
    walk.settled(page)
    assert [event.ad for event in walk.edge.events() if event.ad.startswith("loop")] == []
    assert walk.errors == []


def test_a_thousand_ad_blocks_in_view_send_at_most_a_hundred_impressions(walk):
    page = walk.goto("/print")
    walk.after(1, page)
    blocks = "".join(f"<i data-pixel-ad=b{n}>x</i> " for n in range(1000))
    page.evaluate("(html) => { document.body.innerHTML = html }", blocks)
    page.evaluate(
        f"""() => new Promise((done) => {{
          const tag = Object.assign(document.createElement("script"), {{ src: "{walk.edge.url}/p.js", onload: done }});
          tag.dataset.site = "clinic";
          document.head.append(tag);
        }})"""
    )
    walk.after(101, page)
    page.evaluate("window.since = performance.now()")
    page.wait_for_function("performance.now() - window.since > 1500")
    walk.settled(page)
    assert sum(event.kind == "impression" for event in walk.edge.events()) <= 100


def test_pages_that_move_every_millisecond_are_counted_and_the_rate_limit_decides(walk):
    page = walk.goto("/my")
    page.evaluate(
        "() => { for (let n = 0; n < 150; n++) history.pushState(null, '', '/my/' + (n % 2 ? 'week' : 'doctors')) }"
    )
    assert page.inner_text("h1") == "Расписание"
    assert walk.errors == []
    assert len(walk.settled(page)) <= 151
