"""The tag in a real browser: what was done on the page against what is stored, field by field."""

from __future__ import annotations

import json
import re

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.embedding.snippet import Wish, snippet
from support.command import free_port
from support.walk import Walk


def adding(name: str, value: str):
    """Return a wrapper that adds one header to every answer."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_more(message: Message) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [*message["headers"], (name.encode(), value.encode())]
                await send(message)

            await app(scope, receive, send_more)

        return wrapped

    return wrap


def test_script(walk):
    page = walk.goto("/doctors?utm_source=yandex&yclid=7000123&phone=79123456789#frag-ivanov")
    (row,) = walk.after(1, page)
    walk.compare(
        row,
        site="clinic",
        kind="pageview",
        mode="js",
        page_host="localhost",
        page="/doctors",
        page_scheme="http",
        page_from="parameter",
        status=0,
        campaign={"utm_source": "yandex"},
        paid=True,
        ad="",
        referrer_host="",
        referrer_page="",
        referrer_kind="none",
        cookie_state="new",
        visitor_kind="day",
        browser="HeadlessChrome",
        ip_version=4,
        dropped_params=0,
    )
    assert row.nonce
    assert row.click_token
    assert walk.errors == []


def test_script_after_a_click_on_a_link(walk):
    page = walk.goto("/?utm_source=mail&secret=1")
    walk.recognised()
    page.click("nav a[href='/doctors']")
    first, second = walk.after(2, page)
    walk.compare(
        second,
        page="/doctors",
        referrer_host="localhost",
        referrer_page="/",
        referrer_kind="internal",
        cookie_state="returning",
        visitor_kind="cookie",
        campaign={},
    )
    assert first.nonce != second.nonce


def test_noscript(chromium, edge, clinic, request):
    with chromium.new_context(java_script_enabled=False) as context:
        walk = Walk(edge, clinic(), context, request.node.name, "Chromium " + chromium.version)
        (row,) = walk.after(1, walk.goto("/doctors?phone=79123456789"))
        walk.compare(
            row,
            kind="pageview",
            mode="noscript",
            page="/doctors",
            page_from="referer",
            referrer_host="",
            nonce=0,
            cookie_state="new",
            dropped_params=1,
        )


def test_image_without_script(walk):
    page = walk.goto("/print")
    (row,) = walk.after(1, page)
    walk.compare(row, kind="pageview", mode="img", page="/print", page_from="referer", referrer_page="", nonce=0)


def test_image_from_a_server_side_template(walk):
    page = walk.goto("/doctors")
    walk.after(1, page)
    page.click("nav a[href='/prices']")
    _, row = walk.after(2, page)
    walk.compare(
        row, mode="server", page="/prices", page_from="parameter", referrer_host="localhost", referrer_page="/doctors"
    )


def test_error_template(walk):
    page = walk.goto("/nowhere/at-all")
    (row,) = walk.after(1, page)
    walk.compare(row, mode="server", page="/nowhere/at-all", status=404, page_from="parameter")


def test_sensitive_page(walk):
    page = walk.goto("/services")
    walk.after(1, page)
    page.click("a[href='/services/hiv']")
    _, row = walk.after(2, page)
    walk.compare(
        row,
        page="/services/~sensitive",
        visitor=0,
        visitor_kind="none",
        ip_token="::",
        net_token="::",
        cookie_state="none",
        referrer_host="localhost",
        referrer_page="",
    )


def test_single_page_application(walk):
    page = walk.goto("/my")
    walk.after(1, page)
    page.click("[data-view][href='/my/week']")
    walk.after(2, page)
    page.click("[data-view][href='/my/doctors']")
    walk.after(3, page)
    page.go_back()
    rows = walk.after(4, page)
    page.evaluate("history.replaceState(null, '', '#today'); history.pushState(null, '', '?tab=2')")
    assert len(walk.settled(page)) == 4  # neither a fragment nor a query that is not kept is another page
    for row, (path, previous) in zip(
        rows, [("/my", ""), ("/my/week", "/my"), ("/my/doctors", "/my/week"), ("/my/week", "/my/doctors")], strict=True
    ):
        walk.compare(
            row, mode="js", page=path, referrer_page=previous, referrer_kind="internal" if previous else "none"
        )
    assert len({row.nonce for row in rows}) == 4


def test_back_forward_cache(walk):
    page = walk.goto("/")
    page.evaluate("addEventListener('pageshow', (event) => { window.restored = event.persisted })")
    walk.recognised()
    page.click("nav a[href='/doctors']")
    walk.after(2, page)
    page.go_back(wait_until="commit")
    page.wait_for_function("window.restored === true")
    row = walk.after(3, page)[2]
    walk.compare(row, mode="js", page="/", referrer_host="", referrer_page="", visitor_kind="cookie")


def test_two_tabs(walk):
    walk.goto("/")
    walk.recognised()
    second = walk.goto("/doctors")
    third = walk.goto("/services")
    rows = {row.page: row for row in walk.after(3, third)}
    walk.compare(rows["/doctors"], cookie_state="returning", visitor_kind="cookie", referrer_host="")
    walk.compare(rows["/services"], cookie_state="returning", visitor_kind="cookie", referrer_host="")
    assert rows["/doctors"].visitor == rows["/services"].visitor
    assert not second.is_closed()


def test_blocked_cookies(playwright, chromium, edge, clinic, tmp_path, request):
    from support.chromium import CHROMIUM, FLAGS

    profile = tmp_path / "profile"
    (profile / "Default").mkdir(parents=True)
    preferences = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (profile / "Default/Preferences").write_text(json.dumps(preferences))
    with playwright.chromium.launch_persistent_context(profile, executable_path=CHROMIUM, args=FLAGS) as context:
        walk = Walk(edge, clinic(), context, request.node.name, "Chromium " + chromium.version)
        page = walk.goto("/")
        walk.after(1, page)
        page.wait_for_load_state("networkidle")  # a request whose answer is cut off is sent again, with its nonce
        walk.goto("/doctors", page)
        first, second = {row.nonce: row for row in walk.after(2, page)}.values()
        assert context.cookies() == []
        for row in (first, second):
            walk.compare(row, mode="js", cookie_state="new", visitor_kind="day")
        assert first.visitor == second.visitor


def test_global_privacy_control(chromium, edge, clinic, request):
    # Chromium has no GPC of its own: the header and the property are set as an extension sets them.
    with chromium.new_context(extra_http_headers={"Sec-GPC": "1"}) as context:
        context.add_init_script("Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})")
        walk = Walk(edge, clinic(technical=("errors",)), context, request.node.name, "Chromium " + chromium.version)
        page = walk.goto("/doctors")
        (row,) = walk.after(1, page)
        walk.compare(row, page="/doctors", cookie_state="signal", visitor=0, visitor_kind="none", ip_token="::", asn=0)
        assert context.cookies() == []
        assert not [request for request in walk.sent if request.url.endswith("/t.js")]


def test_a_signal_that_only_the_script_sees(chromium, edge, clinic, request):
    with chromium.new_context() as context:
        context.add_init_script("Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})")
        walk = Walk(edge, clinic(), context, request.node.name, "Chromium " + chromium.version)
        (row,) = walk.after(1, walk.goto("/doctors"))
        walk.compare(row, cookie_state="refused", visitor=0, ip_token="::")


def test_explicit_consent_given_between_two_views(chromium, edge, clinic, request):
    with chromium.new_context() as context:
        walk = Walk(edge, clinic(consent="explicit"), context, request.node.name, "Chromium " + chromium.version)
        page = walk.goto("/my")
        (before,) = walk.after(1, page)
        walk.compare(before, cookie_state="refused", visitor=0, ip_token="::")
        page.evaluate("document.querySelector('script[data-site]').dataset.consent = '1'")
        page.click("[data-view][href='/my/week']")
        after = walk.after(2, page)[1]
        walk.compare(after, cookie_state="new", visitor_kind="day", referrer_page="/my")


@pytest.mark.parametrize(
    ("policy", "loads"),
    [
        ("script-src 'self'; img-src 'self'", False),
        ("connect-src 'self'; img-src 'self'", True),
        ("connect-src 'self'", True),
    ],
    ids=["script", "connection_and_image", "connection"],
)
def test_content_security_policy_forbids(chromium, edge, clinic, request, policy, loads):
    with chromium.new_context() as context:
        demo = clinic(wrap=adding("content-security-policy", policy))
        walk = Walk(edge, demo, context, request.node.name, "Chromium " + chromium.version)
        page = walk.goto("/doctors")
        found = {"events": walk.settled(page), "errors in the page": walk.errors}
        walk.compare_values({"events": [], "errors in the page": []}, found)
        assert page.evaluate("'px-clinic' in navigator") is loads


def test_collector_down(chromium, edge, clinic, request):
    with chromium.new_context() as context:
        demo = clinic(collector=f"http://localhost:{free_port()}")
        walk = Walk(edge, demo, context, request.node.name, "Chromium " + chromium.version)
        page = walk.goto("/my", wait_until="load")
        page.click("[data-view][href='/my/week']")
        found = {"page works": page.inner_text("#view h2"), "errors in the page": walk.errors}
        walk.compare_values({"page works": "Неделя", "errors in the page": []}, found)


def test_collector_down_after_the_script_was_loaded(walk):
    page = walk.goto("/my")
    walk.after(1, page)
    walk.edge.__exit__()
    page.click("[data-view][href='/my/week']")
    assert page.inner_text("#view h2") == "Неделя"
    assert walk.errors == []


def test_page_closed_at_once(walk):
    page = walk.goto("/doctors", wait_until="load")
    page.close()
    (row,) = walk.after(1)
    walk.compare(row, kind="pageview", mode="js", page="/doctors")


def test_no_send_beacon_falls_back_to_an_image(chromium, edge, clinic, request):
    with chromium.new_context() as context:
        context.add_init_script("navigator.sendBeacon = undefined")
        walk = Walk(edge, clinic(), context, request.node.name, "Chromium " + chromium.version)
        (row,) = walk.after(1, walk.goto("/doctors"))
        walk.compare(row, mode="js", page="/doctors", page_from="parameter")
        assert row.nonce


def test_tag_pasted_twice_counts_once(walk):
    page = walk.goto("/doctors")
    page.evaluate(
        """async () => {
          const again = document.createElement("script");
          Object.assign(again, { src: document.querySelector("script[data-site]").src });
          again.dataset.site = "clinic";
          await new Promise((done) => { again.onload = done; document.head.append(again); });
        }"""
    )
    walk.compare_values({"events": 1}, {"events": len(walk.settled(page))})


def test_tag_manager(walk):
    lines = {name: text for name, _, text in snippet(Wish(site="clinic", collector=walk.edge.url, keep=("city",)))}
    page = walk.goto("/print?city=omsk&street=5")
    walk.after(1, page)
    code = lines["tag manager"].removeprefix("<script>").removesuffix("</script>")
    page.evaluate(
        "(code) => document.head.append(Object.assign(document.createElement('script'), {textContent: code}))", code
    )
    row = walk.after(2, page)[1]
    walk.compare(row, kind="pageview", mode="js", page="/print", page_from="parameter")
    page.wait_for_load_state("networkidle")  # the row may be stored before the driver tells of its request
    (told,) = [one.post_data for one in walk.sent if one.method == "POST"]
    assert '?city=omsk"' in told


def test_prerendered_page_counts_when_it_is_shown(chromium, edge, clinic, request):
    # Chromium does not activate a prerendered page under a driver: its two announcements are played by hand.
    with chromium.new_context() as context:
        context.add_init_script("Object.defineProperty(Document.prototype, 'prerendering', {get: () => !window.shown})")
        walk = Walk(edge, clinic(), context, request.node.name, "Chromium " + chromium.version)
        page = walk.goto("/doctors")
        assert walk.settled(page) == []
        page.evaluate("window.shown = 1; document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))")
        row = walk.after(2, page)[-1]
        walk.compare(row, page="/doctors", referrer_page="", mode="js")


def test_what_leaves_the_browser_is_the_six_fields_and_nothing_else(walk):
    """A walk through the whole site with measurements off; every request and body is looked at."""
    page = walk.goto("/?utm_source=a&token=abc#x")
    page.click("nav a[href='/doctors']")
    page.click("a[href='/doctors/kim']")
    page.click("a.chip >> nth=0")
    page.fill("[name=name]", "Иванов Иван")
    page.fill("[name=phone]", "+7 912 345-67-89")
    page.click("form button")
    page.wait_for_url("**/booking/done")
    walk.goto("/login?next=%2Fmy", page)
    page.fill("[name=email]", "ivan@example.org")
    page.fill("[name=password]", "hunter2-hunter2")
    page.click("form button")
    page.wait_for_selector("[role=alert]")
    walk.goto("/my", page)
    page.click("[data-view][href='/my/week']")
    walk.after(8, page)
    foreign = [request for request in walk.sent if not request.url.startswith(walk.demo.url)]
    told = [request for request in foreign if request.method == "POST"]
    assert {request.url.partition("?")[0].removeprefix(walk.edge.url) for request in foreign} == {
        "/p.js",
        "/seen.js",
        "/e",
    }
    assert len(told) >= 8
    for request in told:
        (event,) = json.loads(request.post_data)
        assert set(event) <= {"s", "u", "r", "m", "n", "c", "a", "e"}
        assert (event["s"], event["m"], "c" in event, event.get("e", "")) == ("clinic", "js", False, "")
        for address in (event["u"], event["r"]):
            assert address.partition("?")[2] in ("", "utm_source=a")
            assert "#" not in address
    # The nonce and the id cookie are random and may spell anything; both are looked at by other tests.
    text = " ".join(
        request.url
        + re.sub(r'"n":"\d+"', "", request.post_data or "")
        + json.dumps({name: value for name, value in request.all_headers().items() if name != "cookie"})
        for request in foreign
    )
    for private in ("abc", "Иван", "345-67", "3456789", "79123", "ivan", "hunter2", "09:00", "token", "next"):
        assert private not in text.replace("localhost", ""), private


@pytest.mark.parametrize("path", ["/", "/prices", "/print", "/partner"])
def test_nothing_on_the_page_moves(walk, path):
    page = walk.goto(path)
    walk.after(1, page)
    page.wait_for_load_state("networkidle")
    shift = page.evaluate(
        """() => new Promise((done) => {
          let sum = 0;
          new PerformanceObserver((list) => list.getEntries().forEach((entry) => (sum += entry.value)))
            .observe({ type: "layout-shift", buffered: true });
          requestAnimationFrame(() => setTimeout(() => done(sum), 100));
        })"""
    )
    assert shift == 0


@pytest.mark.parametrize("path", ["/", "/services/hiv", "/booking", "/login", "/my", "/en", "/partner", "/nowhere"])
def test_a_page_of_the_clinic_fits_a_phone(walk, path):
    page = walk.context.new_page()
    page.set_viewport_size({"width": 375, "height": 740})
    walk.goto(path, page)
    assert page.evaluate("document.documentElement.scrollWidth") == 375


@pytest.mark.parametrize("width", [320, 360])
def test_no_link_of_the_menu_is_cut_on_a_narrow_phone(walk, width):
    page = walk.context.new_page()
    page.set_viewport_size({"width": width, "height": 740})
    walk.goto("/", page)
    ends = """[...document.querySelectorAll('.top nav a')].map((link) => link.getBoundingClientRect().right
        - document.querySelector('.top nav').getBoundingClientRect().right)"""
    assert max(page.evaluate(ends)) <= 0


def test_json_needs_a_preflight_and_only_the_sites_own_pages_pass_it(walk):
    send = """(url) => fetch(url + "/e", { method: "POST", credentials: "include",
      headers: { "Content-Type": "application/json" }, body: JSON.stringify([{ s: "clinic", u: location.href, n: "77" }]) })
      .then((answer) => answer.status, () => "blocked")"""
    page = walk.goto("/doctors")
    assert page.evaluate(send, walk.edge.url) == 204
    page.set_content("<iframe sandbox=allow-scripts srcdoc='<p>no origin'></iframe>")
    frame = page.frames[1]
    frame.wait_for_load_state()
    assert frame.evaluate(send, walk.edge.url) == "blocked"
    assert sum(event.nonce == 77 for event in walk.edge.events()) == 1


def test_the_script_is_revalidated_and_not_sent_again(edge):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", edge.served.port, timeout=10)
    connection.request("GET", "/p.js", headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    size = len(answer.read())
    assert (answer.status, answer.headers["Content-Encoding"], size <= 1200) == (200, "gzip", True)
    connection.request("GET", "/p.js", headers={"If-None-Match": answer.headers["ETag"]})
    again = connection.getresponse()
    assert (again.status, again.read(), again.headers["ETag"]) == (304, b"", answer.headers["ETag"])
    connection.close()
