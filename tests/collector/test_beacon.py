import http.client
import json
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.endpoints import beacon
from collector.http import body as request_body
from collector.http.beacon_schema import MAX_EVENTS, Measurements, read_beacon
from pipeline.errors import Reason, Refused
from support.edge import CLINIC, Edge
from support.waiting import wait_until

SCOPE = {"scheme": "https", "client": ("192.0.2.1", 4711)}
HEADERS = {b"host": b"stats.example", b"user-agent": b"Mozilla/5.0"}
VIEW = {
    "s": "clinic",
    "u": "https://clinic.example/doctors",
    "r": "https://ya.ru/",
    "m": "js",
    "n": "18446744073709551615",
}
SIGNAL = {"k": "js_error", "n": "TypeError", "t": "x is 5", "f": "clinic.example:app.js:12"}


def parse(body: object) -> object:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_beacon(raw, SCOPE, HEADERS, now_ms=1_795_000_000_000)


def test_a_beacon_gives_the_same_hit_as_the_pixels_query():
    (hit,) = parse([{**VIEW, "c": "1", "a": "top,side"}])
    assert (hit.site, hit.page, hit.referrer, hit.mode) == ("clinic", VIEW["u"], VIEW["r"], "js")
    assert (hit.nonce, hit.consent, hit.ads, hit.peer) == (2**64 - 1, True, ("top", "side"), "192.0.2.1")


def test_one_call_may_hold_several_events():
    assert [hit.ads for hit in parse([VIEW, {**VIEW, "a": "top"}])] == [(), ("top",)]


def test_an_object_is_a_report_of_technical_signals():
    report = parse({"s": "clinic", "u": VIEW["u"], "l": "v1.2", "t": [SIGNAL, {"k": "vital", "n": "CLS", "v": 0.1}]})
    assert isinstance(report, Measurements)
    assert (report.hit.release, report.hit.page, [signal.value for signal in report.measurements]) == (
        "v1.2",
        VIEW["u"],
        [0, 0.1],
    )


@pytest.mark.parametrize(
    ("word", "body"),
    [
        ("empty", b""),
        ("not JSON", b"s=clinic"),
        ("cut short", b'[{"s":"clinic"'),
        ("more behind it", b'[{"s":"clinic"}]x'),
        ("a number", b"5"),
        ("a text", b'"clinic"'),
        ("null", b"null"),
        ("no events", b"[]"),
        ("nested deeply", b"[" * 8000 + b"]" * 8000),
        ("nested deeply inside", b'[{"s":' + b"[" * 8000),
        ("objects nested deeply", b'{"s":' * 3000),
        ("10,000 events", b"[" + b",".join([b'{"s":"clinic"}'] * 10_000) + b"]"),
        ("one event too many", [VIEW] * (MAX_EVENTS + 1)),
        ("two sites", [VIEW, {**VIEW, "s": "other"}]),
        ("no site", [{"u": "https://clinic.example/"}]),
        ("unknown name", [{**VIEW, "title": "Иван"}]),
        ("a number for a text", [{**VIEW, "n": 5}]),
        ("a list for a text", [{**VIEW, "u": ["https://clinic.example/"]}]),
        ("an address as long as a book", [{**VIEW, "u": "https://clinic.example/" + "a" * 5000}]),
        ("a signal of unknown kind", {"s": "clinic", "t": [{**SIGNAL, "k": "keystroke"}]}),
        ("a value that is no number", {"s": "clinic", "t": [{**SIGNAL, "v": "1"}]}),
        ("a value beyond numbers", b'{"s":"clinic","t":[{"k":"vital","n":"LCP","v":NaN}]}'),
        ("no signals", {"s": "clinic", "t": []}),
        ("too many signals", {"s": "clinic", "t": [SIGNAL] * 21}),
    ],
)
def test_a_body_outside_the_schema_is_refused_whole(word, body):
    with pytest.raises(Refused) as refused:
        parse(body)
    assert refused.value.reason is Reason.BAD_BODY, word


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("surmneactlkfv") | st.text(), inner),
    max_leaves=12,
)


@given(st.binary(max_size=300) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_a_body_is_it_is_read_or_refused(body):
    try:
        message = parse(body)
    except Refused as refused:
        message = refused.reason
    assert message in (Reason.BAD_BODY, Reason.BAD_QUERY) or isinstance(message, Measurements | tuple)


@pytest.mark.parametrize("field", [{"n": "1e3"}, {"n": "18446744073709551616"}, {"c": "2"}, {"m": "fax"}, {"a": "<b>"}])
def test_values_obey_the_pixels_grammar(field):
    with pytest.raises(Refused) as refused:
        parse([{**VIEW, **field}])
    assert refused.value.reason is Reason.BAD_QUERY


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    other = CLINIC.model_copy(update={"id": "other", "hosts": ("other.example",), "ad_hosts": ()})
    with Edge(tmp_path_factory.mktemp("edge"), sites=(CLINIC, other)) as edge:
        yield edge


def call(edge: Edge, body: object, method: str = "POST", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", edge.served.port, timeout=10)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, "/e", raw, {"Content-Type": "text/plain;charset=UTF-8", **given})
    answer = connection.getresponse()
    assert answer.read() == b""
    connection.close()
    return answer


def refused(edge: Edge, reason: Reason) -> int:
    return edge.app.process.counters.totals().get(("refused", reason.value, ""), 0)


def test_an_accepted_beacon_is_in_the_spool_when_the_answer_comes(edge):
    answer = call(
        edge, [{**VIEW, "n": "4242"}, {**VIEW, "n": "4242", "a": "top,side"}], Origin="https://clinic.example"
    )
    stored = [event for event in edge.events() if event.nonce == 4242]
    assert answer.status == 204
    assert [(event.kind, event.ad, event.page) for event in stored] == [
        ("pageview", "", "/doctors"),
        ("impression", "top", "/doctors"),
        ("impression", "side", "/doctors"),
    ]


def test_a_report_is_stored_without_anything_about_a_person(edge):
    report = {
        "s": "clinic",
        "u": "https://clinic.example/doctors?phone=79123456789",
        "t": [{**SIGNAL, "t": "marked 1"}],
    }
    assert call(edge, report, Origin="https://clinic.example").status == 204
    (signal,) = [signal for signal in edge.signals() if signal.template.startswith("marked")]
    assert (signal.page, signal.template, signal.source) == ("/doctors", "marked <n>", "clinic.example:app.js:12")
    assert not {"visitor", "ip_token", "net_token", "ua_token", "cookies"} & set(signal.__struct_fields__)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://clinic.example", 204),
        ("https://www.clinic.example", 204),
        ("http://localhost:8070", 204),
        ("https://evil.example", 403),
        ("https://other.example", 403),
        ("https://clinic.example.evil.example", 403),
        ("https://evil.example/clinic.example", 403),
        ("null", 204),  # withheld: the page that the event names decides
        ("", 403),
        ("\xff", 403),
    ],
)
def test_only_the_sites_own_origins_may_send(edge, origin, status):
    before = refused(edge, Reason.FOREIGN_ORIGIN)
    answer = call(edge, [VIEW], Origin=origin)
    assert answer.status == status
    assert refused(edge, Reason.FOREIGN_ORIGIN) - before == (status == 403)
    # A page of another of our sites may read that it was refused; a foreign one may not even read that.
    if status == 204:
        assert answer.headers["Access-Control-Allow-Origin"] == origin
    elif "other" not in origin:
        assert answer.headers["Access-Control-Allow-Origin"] is None


def test_a_preflight_of_the_sites_own_origin_is_answered(edge):
    answer = call(edge, b"", "OPTIONS", Origin="https://clinic.example", Access_Control_Request_Method="POST")
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Methods"] == "POST"
    assert answer.headers["Access-Control-Allow-Headers"] == "content-type"
    assert "Origin" in answer.headers["Vary"].title()


def test_a_foreign_preflight_is_not(edge):
    answer = call(edge, b"", "OPTIONS", Origin="https://evil.example", Access_Control_Request_Method="POST")
    assert (answer.status, answer.headers["Access-Control-Allow-Methods"]) == (403, None)


@pytest.mark.parametrize(
    ("kind", "status"),
    [("application/json", 204), ("Application/JSON; charset=utf-8", 204), ("multipart/form-data", 400), ("", 400)],
)
def test_two_content_types_are_read(edge, kind, status):
    assert call(edge, [VIEW], Content_Type=kind).status == status


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_other_methods_are_refused_and_told_which_are_not(edge, method):
    answer = call(edge, b"", method)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST, OPTIONS")


def test_an_unknown_site_is_counted_as_such(edge):
    before = refused(edge, Reason.UNKNOWN_SITE)
    assert call(edge, [{**VIEW, "s": "nowhere"}]).status == 404
    assert refused(edge, Reason.UNKNOWN_SITE) == before + 1


def test_a_body_over_its_bound_is_refused_without_waiting_for_its_end(edge):
    before = refused(edge, Reason.TOO_LARGE)
    with socket.create_connection(("127.0.0.1", edge.served.port), timeout=10) as link:
        link.sendall(b"POST /e HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 100000000\r\n\r\n")
        link.sendall(b" " * (request_body.MAX_BODY + 1))
        assert link.recv(100).startswith(b"HTTP/1.1 413")
    assert refused(edge, Reason.TOO_LARGE) == before + 1


def test_a_body_that_drips_is_refused_after_its_time(edge, monkeypatch):
    monkeypatch.setattr(request_body, "BODY_SECONDS", 0.05)
    before = refused(edge, Reason.BODY_TIMEOUT)
    with socket.create_connection(("127.0.0.1", edge.served.port), timeout=10) as link:
        link.sendall(b"POST /e HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n[")
        assert link.recv(100).startswith(b"HTTP/1.1 408")
    assert refused(edge, Reason.BODY_TIMEOUT) == before + 1


def test_a_sender_who_hangs_up_in_mid_body_is_counted(edge):
    before = refused(edge, Reason.BAD_BODY)
    with socket.create_connection(("127.0.0.1", edge.served.port), timeout=10) as link:
        link.sendall(b"POST /e HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n[")
    wait_until(lambda: refused(edge, Reason.BAD_BODY) == before + 1)


def test_one_refused_event_does_not_take_the_others_with_it(tmp_path):
    with Edge(tmp_path) as edge:
        edge.app.process.tables.rate_limit = _FloodAfter(2)
        assert call(edge, [{**VIEW, "n": "1"}, {**VIEW, "n": "2"}, {**VIEW, "n": "3"}]).status == 204
        assert [event.nonce for event in edge.events()] == [1, 2]
        assert call(edge, [VIEW]).status == 429


class _FloodAfter:
    def __init__(self, admitted: int) -> None:
        self.left = admitted

    def buckets_of(self, _address: bytes) -> tuple[()]:
        return ()

    def admits(self, _buckets: object, *, now_ms: int, cost: float) -> bool:
        self.left -= 1
        return self.left >= 0


def test_a_forgotten_exception_is_a_503_and_not_a_500(edge, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(beacon, "read_beacon", broken)
    assert call(edge, [VIEW]).status == 503


@pytest.mark.parametrize("page", ["https://evil.example/", "about:srcdoc", "", None])
def test_a_withheld_origin_needs_a_page_of_the_site(edge, page):
    view = {**VIEW, "u": page} if page is not None else {name: value for name, value in VIEW.items() if name != "u"}
    answer = call(edge, [view], Origin="null")
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (403, None)


@pytest.mark.parametrize("page", ["/doctors", "about:srcdoc", None])
@pytest.mark.parametrize(("referer", "status"), [("https://clinic.example/a", 204), ("https://evil.example/a", 403)])
def test_where_origin_and_page_are_missing_the_referer_tells_the_site(edge, page, referer, status):
    view = {"s": "clinic", "u": page} if page is not None else {"s": "clinic"}
    assert call(edge, [view], Origin="null", Referer=referer).status == status


@pytest.mark.parametrize(
    ("name", "body", "page"),
    [
        ("half a character", b'[{"s":"clinic","u":"https://clinic.example/a\\ud83d"}]', "/*"),
        ("the other half", b'[{"s":"clinic","u":"https://clinic.example/a\\ude00"}]', "/*"),
        ("a whole character", b'[{"s":"clinic","u":"https://clinic.example/a\\ud83d\\ude00"}]', "/a\U0001f600"),
        ("not UTF-8", b'[{"s":"clinic","u":"https://clinic.example/\xe0"}]', "/*"),
    ],
)
def test_text_that_cannot_be_read_is_mended_and_the_event_is_stored(edge, name, body, page):
    before = len(edge.events())
    assert call(edge, body, Origin="https://clinic.example").status == 204, name
    assert [event.page for event in edge.events()[before:]] == [page]


def test_a_measurement_that_cannot_be_read_refuses_no_other(edge):
    vital = {"k": "vital", "n": "LCP", "v": 1.0}
    bad = [{"k": "mood"}, {"k": "vital", "n": 5}, {"k": "vital", "n": "FID"}, {"k": "resource", "n": "X-ELEMENT"}]
    report = {"s": "clinic", "u": "https://clinic.example/one-bad", "t": [*bad[:2], vital, *bad[2:]]}
    assert call(edge, report, Origin="https://clinic.example").status == 204
    assert [signal.name for signal in edge.signals() if signal.page == "/one-bad"] == ["LCP"]
    for one in bad:
        assert call(edge, {**report, "t": [one]}, Origin="https://clinic.example").status == 400, one


@pytest.mark.parametrize(
    "header", [{"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}, {"X-Moz": "prefetch"}]
)
def test_a_page_that_nobody_has_seen_is_not_counted(edge, header):
    before, counted = len(edge.events()), refused(edge, Reason.NOT_SHOWN)
    assert call(edge, [VIEW], Origin="https://clinic.example", **header).status == 403
    assert len(edge.events()) == before
    assert refused(edge, Reason.NOT_SHOWN) == counted + 1


def test_the_events_of_a_beacon_share_the_one_signature_of_their_request():
    signed = {**HEADERS, b"signature-input": b"sig1=()", b"signature": b"sig1=:AA==:"}
    hits = read_beacon(
        json.dumps([VIEW, VIEW]).encode(),
        {**SCOPE, "method": "POST", "path": "/e", "query_string": b""},
        signed,
        now_ms=1_795_000_000_000,
    )
    assert isinstance(hits, tuple)
    assert hits[0].signed is hits[1].signed is not None
    assert [hit.signed for hit in parse([VIEW, VIEW])] == [None, None]
