"""Ad blocks in a real browser: half of the block in view for one second without a break, once a page view."""

from __future__ import annotations

import pytest

from support.waiting import wait_until
from support.walk import Walk

BLOCK = "document.querySelector('[data-pixel-ad={}]')"
LONGER_THAN_A_SECOND = 1300


def wait(page, milliseconds: int) -> None:
    """Wait by the page's own clock: viewability is a matter of time."""
    page.evaluate("window.since = performance.now()")
    page.wait_for_function(f"performance.now() - window.since > {milliseconds}")


def shown(walk: Walk) -> list[str]:
    return [event.ad for event in walk.edge.events() if event.kind == "impression"]


@pytest.fixture
def page(walk):
    """The home page in a window so low that its ad blocks stand below it."""
    page = walk.context.new_page()
    page.set_viewport_size({"width": 1100, "height": 400})
    walk.goto("/", page)
    walk.recognised()
    return page


def scroll_to(page, ad: str, block: str = "center") -> None:
    page.evaluate(f"{BLOCK.format(ad)}.scrollIntoView({{block: '{block}', behavior: 'instant'}})")


def test_ad_block_scrolled_into_view(walk, page):
    scroll_to(page, "spring-checkup")
    row = walk.after(2, page)[1]
    walk.compare(
        row, kind="impression", mode="js", ad="spring-checkup", page="/", page_from="parameter", visitor_kind="cookie"
    )
    view = walk.rows()[0]
    assert row.nonce == view.nonce  # the impression belongs to its page view


def test_ad_block_not_scrolled_to(walk, page):
    wait(page, LONGER_THAN_A_SECOND)
    walk.settled(page)
    walk.compare_values({"impressions": []}, {"impressions": shown(walk)})


def test_ad_block_seen_for_less_than_a_second(walk, page):
    for _ in range(3):
        scroll_to(page, "spring-checkup")
        wait(page, 600)
        page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
        wait(page, 200)
    walk.settled(page)
    walk.compare_values({"impressions": []}, {"impressions": shown(walk)})


def test_less_than_half_of_an_ad_block_is_not_a_view(walk, page):
    page.evaluate(
        f"(() => {{ const top = {BLOCK.format('spring-checkup')}.getBoundingClientRect();"
        " scrollTo({top: top.top + scrollY - innerHeight + top.height * 0.4, behavior: 'instant'}) })()"
    )
    wait(page, LONGER_THAN_A_SECOND)
    walk.settled(page)
    assert shown(walk) == []


def test_ad_block_counts_once_a_page_view(walk, page):
    for _ in range(2):
        scroll_to(page, "spring-checkup")
        wait(page, LONGER_THAN_A_SECOND)
        page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
        wait(page, 100)
    walk.settled(page)
    walk.compare_values({"impressions": ["spring-checkup"]}, {"impressions": shown(walk)})


def test_ad_block_counts_again_on_the_next_page_view(walk, page):
    scroll_to(page, "spring-checkup")
    walk.after(2, page)
    page.evaluate("history.pushState(null, '', '/en')")
    first, second = [row for row in walk.after(4, page) if row.kind == "impression"]
    walk.compare(second, ad="spring-checkup", page="/en")
    assert first.nonce != second.nonce


def test_ad_block_in_a_hidden_page_is_not_seen(walk, page):
    # A headless window is never hidden, so the page is told that it is.
    page.evaluate(
        "() => { Object.defineProperty(Document.prototype, 'hidden', {get: () => window.away}); window.away = true;"
        " document.dispatchEvent(new Event('visibilitychange', {bubbles: true})) }"
    )
    scroll_to(page, "spring-checkup")
    wait(page, LONGER_THAN_A_SECOND)
    walk.settled(page)
    assert shown(walk) == []
    page.evaluate(
        "() => { window.away = false; document.dispatchEvent(new Event('visibilitychange', {bubbles: true})) }"
    )
    walk.compare(walk.after(3, page)[-1], kind="impression", ad="spring-checkup")


def test_ad_block_added_later_is_seen(walk, page):
    page.evaluate(
        "() => document.querySelector('h1').insertAdjacentHTML('afterend', '<p data-pixel-ad=\"late\">Реклама</p>')"
    )
    walk.compare(walk.after(2, page)[1], kind="impression", ad="late", mode="js")


def test_the_part_for_ad_blocks_is_loaded_once_there_is_one(walk):
    page = walk.goto("/print")
    walk.after(1, page)
    page = walk.goto("/my", page)
    walk.after(2, page)
    page.wait_for_load_state("networkidle")
    assert [one.url for one in walk.sent if one.url.endswith("/seen.js")] == []
    page.evaluate("document.querySelector('h1').insertAdjacentHTML('afterend', '<p data-pixel-ad=late>Реклама</p>')")
    row = walk.after(3, page)[-1]
    assert (row.kind, row.ad, row.page) == ("impression", "late", "/my")
    page.evaluate("document.querySelector('h1').insertAdjacentHTML('afterend', '<p data-pixel-ad=later>Реклама</p>')")
    assert walk.after(4, page)[-1].ad == "later"
    assert len([one.url for one in walk.sent if one.url.endswith("/seen.js")]) == 1


def test_scrolling_that_changes_the_fragment_does_not_start_the_second_again(walk, page):
    scroll_to(page, "spring-checkup")
    page.evaluate("() => { let n = 0; window.spy = setInterval(() => history.pushState(null, '', '#' + ++n), 300) }")
    assert walk.after(2, page)[1].ad == "spring-checkup"
    page.evaluate("clearInterval(window.spy)")


@pytest.mark.parametrize(("answer", "state"), [("1", "new"), ("0", "refused")])
def test_an_impression_waits_for_the_answer_too(chromium, edge, clinic, request, answer, state):
    with chromium.new_context(viewport={"width": 1100, "height": 700}) as context:
        walk = Walk(edge, clinic(consent="explicit"), context, request.node.name, "Chromium " + chromium.version)
        page = context.new_page()
        page.route("**/p.js", lambda route: route.abort())
        walk.goto("/", page)
        page.unroute("**/p.js")
        page.evaluate(
            """(address) => {
              const tag = Object.assign(document.createElement("script"), { src: address + "/p.js" });
              Object.assign(tag.dataset, { site: "clinic", consent: "wait" });
              document.querySelector("script[data-site]").replaceWith(tag);
            }""",
            edge.url,
        )
        scroll_to(page, "spring-checkup")
        wait(page, LONGER_THAN_A_SECOND + 700)
        assert edge.events() == []
        page.evaluate("(to) => document.querySelector('script[data-site]').dataset.consent = to", answer)
        walk.after(2, page)
        found = {
            (event.kind, event.ad, event.cookie_state) for event in edge.events() if event.ad in ("", "spring-checkup")
        }
        assert {one[:2] for one in found} == {("pageview", ""), ("impression", "spring-checkup")}
        assert {one[2] for one in found} <= {state, "returning"}


def test_ad_block_on_a_foreign_page_is_a_rendered_impression(walk):
    page = walk.goto("/partner")
    (row,) = walk.after(1, page)
    walk.compare(row, kind="impression", mode="img", ad="spring-checkup", page="/partner", page_from="referer", nonce=0)


def test_ad_block_in_a_frame_of_another_origin_is_not_reached_by_the_page(walk, page):
    # The tag observes its own document; a frame needs its own tag or the image.
    other = walk.demo.url.replace("localhost", "127.0.0.1")
    page.evaluate(f"document.querySelector('h1').insertAdjacentHTML('afterend', '<iframe src={other}/print></iframe>')")
    wait(page, LONGER_THAN_A_SECOND)
    walk.settled(page)
    assert shown(walk) == []


LATE = "<div id=late data-pixel-ad=late style='width:300px;height:200px;STYLE'>Реклама</div>"


def add(page, html: str) -> None:
    page.evaluate("(html) => document.querySelector('h1').insertAdjacentHTML('afterend', html)", html)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (LATE.replace("STYLE", "visibility:hidden"), "late.style.visibility = 'visible'"),
        (f"<div id=around style='opacity:0'>{LATE}</div>", "around.style.opacity = 1"),
        ("<div id=late data-pixel-ad=late></div>", "late.innerHTML = '<p style=\"height:200px\">Реклама</p>'"),
        (LATE.replace("data-pixel-ad=late", "data-pixel-ad=''"), "late.dataset.pixelAd = 'late'"),
    ],
    ids=["invisible", "transparent", "empty", "without an id"],
)
def test_an_ad_block_that_nobody_can_see_counts_once_it_can_be_seen(walk, page, before, after):
    add(page, before)
    wait(page, 3500)
    assert "late" not in shown(walk)
    assert "" not in [event.ad for event in walk.edge.events() if event.kind == "impression"]
    assert len([event for event in walk.edge.events() if event.kind == "pageview"]) == 1
    page.evaluate(after)
    wait_until(lambda: page.wait_for_timeout(20) or "late" in shown(walk))


def test_a_block_without_a_height_counts_by_what_floats_out_of_it(walk, page):
    add(page, "<div data-pixel-ad=late><p style='float:left;width:300px;height:200px'>Реклама</p></div>")
    wait_until(lambda: page.wait_for_timeout(20) or "late" in shown(walk))


def test_another_ad_in_the_same_block_counts_after_a_second_of_its_own(walk, page):
    add(page, LATE.replace("STYLE", ""))
    wait_until(lambda: page.wait_for_timeout(20) or "late" in shown(walk))
    page.evaluate("late.dataset.pixelAd = 'next'")
    wait_until(lambda: page.wait_for_timeout(20) or "next" in shown(walk))
    page.evaluate("late.dataset.pixelAd = 'late'")
    wait(page, 2500)
    assert sorted(ad for ad in shown(walk) if ad in ("late", "next")) == ["late", "next"]
