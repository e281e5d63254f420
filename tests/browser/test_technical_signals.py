"""Technical signals in a real browser: only where the page owner asks, without anything about a person, bounded."""

from __future__ import annotations

import json

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from support.waiting import wait_until
from support.walk import Walk

ALL = ("errors", "resources", "vitals")


@pytest.fixture
def technical(chromium, edge, clinic, request):
    with chromium.new_context() as context:
        yield Walk(edge, clinic(technical=ALL, release="v2.1"), context, request.node.name, "Chromium")


def loaded(walk: Walk, path: str = "/doctors"):
    with walk.context.expect_event("response", lambda response: response.url.endswith("/web-vitals.js")):
        page = walk.goto(path)
    page.wait_for_load_state("networkidle")
    return page


def signals(walk: Walk, page, kind: str, count: int = 1):
    wait_until(lambda: page.wait_for_timeout(20) or sum(signal.kind == kind for signal in walk.edge.signals()) >= count)
    return [signal for signal in walk.edge.signals() if signal.kind == kind]


def happened(walk: Walk, page, count: int) -> None:
    wait_until(lambda: page.wait_for_timeout(10) or len(walk.errors) >= count)


def hide(page) -> None:
    page.evaluate(
        "() => { Object.defineProperty(document, 'hidden', {get: () => true});"
        " Object.defineProperty(document, 'visibilityState', {get: () => 'hidden'});"
        " document.dispatchEvent(new Event('visibilitychange', {bubbles: true})) }"
    )


def test_an_error_is_told_as_its_template(technical):
    page = loaded(technical, "/doctors?phone=79123456789")
    page.evaluate(
        """() => setTimeout(() => {
          const error = new TypeError('Patient "Ivanov" 79123456789 not found at https://clinic.example/lk?id=5');
          throw error;
        })"""
    )
    page.evaluate("() => { Promise.reject(new RangeError('out of 12')) }")
    happened(technical, page, 2)
    hide(page)
    first, second = signals(technical, page, "js_error", 2)
    assert (first.name, first.template) == ("TypeError", "Patient <text> <n> not found at <url>")
    assert (second.name, second.template) == ("RangeError", "out of <n>")
    assert (first.page, first.release, first.page_host) == ("/doctors", "v2.1", "localhost")
    sent = " ".join(request.post_data or "" for request in technical.sent if request.method == "POST")
    assert "Ivanov" not in sent
    assert "79123456789" not in sent


def test_an_error_in_a_script_file_names_host_file_and_line(technical):
    page = loaded(technical, "/my")
    page.route(
        "**/broken.js*", lambda route: route.fulfill(body="\n\nundefinedFunction()", content_type="text/javascript")
    )
    page.evaluate(
        "() => document.head.append(Object.assign(document.createElement('script'), {src: '/static/broken.js?v=5'}))"
    )
    happened(technical, page, 1)
    hide(page)
    (signal,) = signals(technical, page, "js_error")
    assert (signal.name, signal.source) == ("ReferenceError", "localhost:broken.js:3")


@pytest.mark.parametrize("scheme", ["chrome-extension", "moz-extension", "safari-web-extension", "webkit-masked-url"])
def test_an_error_of_a_browser_extension_is_not_told(technical, scheme):
    page = loaded(technical)
    page.evaluate(
        """(place) => {
          const fail = (name, stack) => Object.assign(new Error(name), {stack});
          const told = {message: "extension", filename: place, lineno: 3, error: fail("extension", "")};
          dispatchEvent(new ErrorEvent("error", told));
          Promise.reject(fail("extension", `Error: extension\n    at f (${place}:3:9)\n    at ${location.origin}/app.js:5:7`));
          Promise.reject(fail("extension", `f@${place}:3:9\ng@${location.origin}/app.js:5:7`));
          // The site's own script called one of an extension: its own frame is the first.
          Promise.reject(fail("ours", `Error: ours\n    at g (${location.origin}/app.js:5:7)\n    at f (${place}:3:9)`));
        }""",
        f"{scheme}://abcdef/content.js",
    )
    happened(technical, page, 3)
    hide(page)
    found = signals(technical, page, "js_error")
    assert [(signal.template, signal.source) for signal in found] == [("ours", "localhost:app.js:5")]


def test_a_resource_that_fails_is_told_by_type_and_host(technical):
    page = loaded(technical)
    page.evaluate("() => document.body.append(Object.assign(new Image(), {src: '/static/patient-79123456789.png'}))")
    page.evaluate("() => fetch('/nowhere.json')")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(50)
    hide(page)
    found = {(signal.name, signal.source, signal.template) for signal in signals(technical, page, "resource", 2)}
    assert found == {("img", "localhost", ""), ("fetch", "localhost", "")}


def test_five_vitals_are_told_once_the_page_is_left(technical):
    page = loaded(technical)
    page.click("h1")
    page.wait_for_timeout(100)
    hide(page)
    told = {signal.name: signal.value for signal in signals(technical, page, "vital", 4)}
    assert {"LCP", "FCP", "TTFB", "CLS"} <= set(told) <= {"LCP", "FCP", "TTFB", "CLS", "INP"}
    assert 0 < told["FCP"] < 60_000


def test_a_part_that_the_browser_cannot_do_costs_no_other(chromium, edge, clinic, request):
    with chromium.new_context() as context:
        context.add_init_script(
            """const { observe } = PerformanceObserver.prototype;
            PerformanceObserver.prototype.observe = function (how) {
              if (how.type == "resource") throw new TypeError("no such type");
              return observe.call(this, how);
            }"""
        )
        walk = Walk(edge, clinic(technical=ALL), context, request.node.name, "Chromium")
        page = loaded(walk)
        hide(page)
        assert signals(walk, page, "vital", 1)
        assert walk.errors == []


def test_measurements_of_a_page_that_is_left_survive_without_keepalive(chromium, edge, clinic, request):
    with chromium.new_context() as context:
        context.add_init_script("delete Request.prototype.keepalive; self.fetch = () => new Promise(() => {})")
        walk = Walk(edge, clinic(technical=("errors",)), context, request.node.name, "Chromium")
        with context.expect_event("response", lambda response: response.url.endswith("/t.js")):
            page = walk.goto("/my")
        page.wait_for_load_state("networkidle")
        page.evaluate("dispatchEvent(new ErrorEvent('error', {message: 'of the page'}))")
        hide(page)
        assert [signal.template for signal in signals(walk, page, "js_error")] == ["of the page"]


def test_thousands_of_errors_a_second_give_at_most_twenty_signals(technical):
    page = loaded(technical)
    page.evaluate(
        """() => new Promise((done) => {
          let n = 0;
          const loop = setInterval(() => {
            for (let k = 0; k < 100; k++) { const name = "e" + String.fromCharCode(97 + n % 26, 97 + (n++ / 26) % 26, 97 + (n / 676) % 26);
              dispatchEvent(new ErrorEvent("error", { message: name, error: new Error(name) })); }
            if (n >= 3000) { clearInterval(loop); done(); }
          }, 1);
        })"""
    )
    hide(page)
    told = signals(technical, page, "js_error", 10)
    assert len(told) <= 20
    assert len([request for request in technical.sent if "js_error" in (request.post_data or "")]) <= 3


def test_the_same_error_is_told_once(technical):
    page = loaded(technical)
    page.evaluate("() => { for (let n = 0; n < 100; n++) setTimeout(() => { throw new Error('number ' + n) }) }")
    happened(technical, page, 100)
    hide(page)
    (signal,) = signals(technical, page, "js_error")
    assert signal.template == "number <n>"


def test_an_error_object_that_bites_does_no_harm(technical):
    page = loaded(technical)
    page.evaluate(
        "() => { Promise.reject({ get message() { throw 1 }, get stack() { throw 2 }, get name() { throw 3 } }) }"
    )
    page.evaluate("() => { Promise.reject(null) }")
    page.evaluate("() => { dispatchEvent(new ErrorEvent('error', {message: 'x'.repeat(1e6)})) }")
    page.wait_for_timeout(100)
    hide(page)
    told = signals(technical, page, "js_error", 1)
    assert all(len(signal.template) <= 300 for signal in told)


def test_a_sample_of_nothing_loads_nothing(chromium, edge, clinic, request):
    with chromium.new_context() as context:
        walk = Walk(edge, clinic(technical=ALL, sample=0), context, request.node.name, "Chromium")
        page = walk.goto("/doctors")
        walk.settled(page)
        assert not [one.url for one in walk.sent if one.url.endswith(("t.js", "web-vitals.js"))]


def test_without_the_attribute_not_one_byte_of_it_is_sent(walk):
    page = walk.goto("/doctors")
    page.evaluate("() => setTimeout(() => { throw new Error('silent') })")
    walk.settled(page)
    assert not [one.url for one in walk.sent if one.url.endswith(("t.js", "web-vitals.js"))]
    assert [json.loads(one.post_data)[0]["u"] for one in walk.sent if one.method == "POST"] == [
        walk.demo.url + "/doctors"
    ]
    assert walk.edge.signals() == []


def with_nonce(app: ASGIApp) -> ASGIApp:
    """Give the tag a nonce and the page a policy that knows nothing else."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def rewrite(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message["headers"] if name != b"content-length"]
                policy = b"script-src 'nonce-abc' 'strict-dynamic'"
                message["headers"] = [*kept, (b"content-security-policy", policy)]
            elif message["type"] == "http.response.body":
                message["body"] = message["body"].replace(b"<script async", b"<script nonce=abc async")
            await send(message)

        await app(scope, receive, rewrite)

    return wrapped


def test_a_nonce_in_the_policy_also_lets_the_parts_in(chromium, edge, clinic, request):
    with chromium.new_context() as context:
        walk = Walk(edge, clinic(wrap=with_nonce, technical=ALL), context, request.node.name, "Chromium")
        page = loaded(walk, "/")
        page.evaluate("document.querySelector('[data-pixel-ad=spring-checkup]').scrollIntoView({block: 'center'})")
        wait_until(
            lambda: page.wait_for_timeout(20) or any(event.ad == "spring-checkup" for event in walk.edge.events())
        )
        hide(page)
        assert signals(walk, page, "vital", 1)
        assert walk.errors == []
