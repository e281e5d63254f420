"""The direct way of a hit beside its reference, the way through ASGI: the same events, counts and answers."""

from __future__ import annotations

import asyncio
import errno
import inspect
import logging
import re
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from collector import process as process_module
from collector.connection import MAX_WAITING, SLICE, Connection
from collector.direct import DirectConnection
from collector.endpoints.pixel import GIF
from collector.http.request import MAX_HEADERS
from collector.open_connections import KEEP_ALIVE_ROUNDS
from pipeline.event import Event
from pipeline.settings.model import Settings
from pipeline.settings.sections import Collector
from support.edge import CLINIC, WAYS, Edge
from support.waiting import until, wait_until
from support.wire import TURNS, Wire

NOW_MS = 1_795_000_000_000
HOST = b"Host: stats.clinic.example\r\n"
PAGE = b"u=https://clinic.example/doctors/"
PLAIN = b"GET /p.gif?s=clinic&" + PAGE + b" HTTP/1.1\r\n" + HOST + b"\r\n"


class Both:
    """The same collector twice, once for each way, in one loop."""

    def __init__(self, data: Path) -> None:
        given = Settings.model_validate(
            {
                "data": data,
                "sites": [CLINIC],
                "collector": Collector(flood_per_minute=0, trusted_proxies=["10.0.0.0/8"]),
            }
        )
        self.loop = asyncio.new_event_loop()
        self.direct, self.reference = Wire(given, DirectConnection), Wire(given, Connection)
        for wire in self.wires:
            self.run(wire.process.start())

    @property
    def wires(self) -> tuple[Wire, Wire]:
        return self.direct, self.reference

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def outcome(self, wire: Wire, pieces: list[bytes], peer: str) -> dict[str, Any]:
        """Return what becomes of a stream of bytes."""
        before, seen = wire.counts(), len(wire.events)
        said, closed = self.run(wire.exchange(pieces, peer))
        added = {key: count - before.get(key, 0) for key, count in wire.counts().items() if count != before.get(key, 0)}
        return {"answers": said, "closed": closed, "events": wire.events[seen:], "counts": added}

    def close(self) -> None:
        for wire in self.wires:
            self.run(wire.process.stop())
        self.loop.close()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process_module, "now_ms", lambda: NOW_MS)
        pair = Both(tmp_path_factory.mktemp("var"))
        yield pair
        pair.close()


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the targets of the hits that went the direct way."""
    seen: list[bytes] = []
    take = DirectConnection._take

    def watched(self: DirectConnection, hit: Any) -> None:
        seen.append(self.url)
        take(self, hit)

    monkeypatch.setattr(DirectConnection, "_take", watched)
    return seen


def test_the_usual_hit_goes_the_direct_way(both: Both, taken: list[bytes]) -> None:
    found = both.outcome(both.direct, [PLAIN, PLAIN], "198.51.100.7")
    assert len(taken) == len(found["events"]) == 2
    assert [answer.endswith(GIF) for answer in found["answers"]] == [True, True]
    assert not found["closed"]


OTHERS = {
    "HEAD": PLAIN.replace(b"GET", b"HEAD"),
    "POST": PLAIN.replace(b"GET", b"POST"),
    "HTTP/1.0 kept open": PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0").replace(HOST, HOST + b"Connection: keep-alive\r\n"),
    "HTTP/2.0": PLAIN.replace(b"HTTP/1.1", b"HTTP/2.0"),
    "HTTP/1.0": PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "close": PLAIN.replace(HOST, HOST + b"Connection: close\r\n"),
    "a body": PLAIN.replace(HOST, HOST + b"Content-Length: 3\r\n") + b"abc",
    "a body of length 0": PLAIN.replace(HOST, HOST + b"Content-Length: 0\r\n"),
    "chunks": PLAIN.replace(HOST, HOST + b"Transfer-Encoding: chunked\r\n") + b"1\r\na\r\n0\r\n\r\n",
    "Expect": PLAIN.replace(HOST, HOST + b"Expect: 100-continue\r\n"),
    "an upgrade": PLAIN.replace(HOST, HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"),
    "Upgrade alone": PLAIN.replace(HOST, HOST + b"Upgrade: h2c\r\n"),
    "a fragment": PLAIN.replace(b"/doctors/", b"/doctors/#top"),
    "a whole address": PLAIN.replace(b"GET /", b"GET http://stats.clinic.example/"),
    "an escaped path": PLAIN.replace(b"/p.gif", b"/%70.gif"),
    "no query": b"GET /p.gif HTTP/1.1\r\n" + HOST + b"\r\n",
    "another path": b"GET /p.gif/?s=clinic HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target over 8 KB": PLAIN.replace(b"/doctors/", b"/" + b"a" * 9000),
    "the beacon": b"POST /e HTTP/1.1\r\n" + HOST + b'Content-Length: 16\r\n\r\n[{"s":"clinic"}] ',
}


@pytest.mark.parametrize("word", OTHERS)
def test_every_other_request_goes_the_reference_way_with_the_same_outcome(
    both: Both, taken: list[bytes], word: str
) -> None:
    direct, reference = (both.outcome(wire, [OTHERS[word]], "198.51.100.7") for wire in both.wires)
    assert taken == []
    assert direct == reference
    assert direct["answers"]


COOKIE = b"Cookie: lang=ru; __Host-px=1.%d.%s\r\n" % (NOW_MS // 86_400_000, b"A" * 22)
HTTPS = b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"
USUAL = {
    "a new visitor gets a cookie": (b"s=clinic&" + PAGE, HTTPS, "10.0.0.1", b"set-cookie: __Host-px="),
    "one who returns": (b"s=clinic&" + PAGE, HTTPS + COOKIE, "10.0.0.1", b"200 OK"),
    "a signal takes the cookie away": (
        b"s=clinic&" + PAGE,
        HTTPS + COOKIE + b"Sec-GPC: 1\r\n",
        "10.0.0.1",
        b"Max-Age=0",
    ),
    "ad blocks": (b"s=clinic&a=top,side&" + PAGE, b"", "192.0.2.1", b"200 OK"),
    "an unknown site": (b"s=nobody", b"", "192.0.2.1", b"404 Not Found"),
    "a bad parameter": (b"s=clinic&m=telepathy", b"", "192.0.2.1", b"400 Bad Request"),
    "a parameter twice": (b"s=clinic&s=clinic", b"", "192.0.2.1", b"400 Bad Request"),
    "two hosts": (b"s=clinic", HOST, "192.0.2.1", b"400 Bad Request"),
    "many headers": (b"s=clinic", b"A: b\r\n" * MAX_HEADERS, "192.0.2.1", b"431"),
    "prefetched": (b"s=clinic", b"Sec-Purpose: prefetch\r\n", "192.0.2.1", b"403 Forbidden"),
    "a replay without the ticket": (b"s=clinic", b"X-Pixel-Replay: a 1\r\n", "192.0.2.1", b"403 Forbidden"),
}


@pytest.mark.parametrize("word", USUAL)
def test_the_direct_way_gives_the_same_answer_byte_for_byte(both: Both, taken: list[bytes], word: str) -> None:
    query, headers, peer, expected = USUAL[word]
    request = b"GET /p.gif?" + query + b" HTTP/1.1\r\n" + HOST + headers + b"\r\n"
    direct, reference = (both.outcome(wire, [request], peer) for wire in both.wires)
    assert direct == reference
    assert expected in direct["answers"][0]
    assert len(taken) == 1


def _parameter(name: str, values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return values.map(lambda value: f"{name}={value}")


PARAMETERS = st.one_of(
    _parameter("s", st.sampled_from(["clinic", "clinic", "nobody", ""])),
    _parameter("u", st.sampled_from(["https://clinic.example/a", "/b", "https%3A%2F%2Fother.example%2F", "%E0", ""])),
    _parameter("u", st.text("ab%2F/.+@0", max_size=30)),
    _parameter("r", st.sampled_from(["https://ya.ru/search?text=a", "https://clinic.example/", ""])),
    _parameter("n", st.text("0123456789%", max_size=22)),
    _parameter("m", st.sampled_from(["js", "img", "noscript", "server", "x"])),
    _parameter("a", st.text("ab,", max_size=8)),
    _parameter("e", st.sampled_from(["404", "200", "x", ""])),
    _parameter("c", st.sampled_from(["0", "1", "2"])),
    st.text("abnsu=&;?%~!$'()*+,/:@", max_size=12),
)
HEADERS = st.one_of(
    st.sampled_from(
        [
            ("Cookie", f"__Host-px=1.{NOW_MS // 86_400_000}.{'B' * 22}"),
            ("Cookie", "__Host-px-out=1"),
            ("Cookie", "lang=ru"),
            ("Sec-GPC", "1"),
            ("DNT", "1"),
            ("User-Agent", "Mozilla/5.0"),
            ("Referer", "https://clinic.example/x"),
            ("Origin", "https://clinic.example"),
            ("X-Forwarded-For", "203.0.113.4, 10.0.0.2"),
            ("X-Forwarded-For", "junk"),
            ("X-Forwarded-Proto", "https"),
            ("Purpose", "prefetch"),
            ("X-Pixel-Replay", "x 1"),
            ("Sec-Fetch-Dest", "image"),
            ("Sec-Fetch-Site", "same-origin"),
            ("Signature-Input", "sig1=()"),
            ("Connection", "keep-alive"),
            ("Connection", "close"),
            ("Connection", "Upgrade"),
            ("Upgrade", "h2c"),
            ("Expect", "100-continue"),
            ("Content-Length", "0"),
            ("Content-Length", "4"),
            ("Transfer-Encoding", "chunked"),
            ("Host", "evil.example"),
        ]
    ),
    st.tuples(st.text("abX-", min_size=1, max_size=8), st.text("ab \t;\xe9~", max_size=12)),
)
REQUESTS = st.builds(
    lambda method, target, query, version, headers: (
        b"%b %b?%b HTTP/%b\r\n%b\r\n"
        % (
            method,
            target,
            "&".join(query).encode("latin-1"),
            version,
            "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1"),
        )
    ),
    st.sampled_from([b"GET"] * 8 + [b"HEAD", b"POST", b"PUT"]),
    st.sampled_from([b"/p.gif"] * 8 + [b"/p.gif/", b"/P.GIF", b"//p.gif", b"http://a/p.gif", b"/e"]),
    st.lists(PARAMETERS, max_size=7),
    st.sampled_from([b"1.1"] * 8 + [b"1.0", b"2.0"]),
    st.lists(HEADERS, max_size=8).map(lambda headers: [("Host", "stats.clinic.example"), *headers]),
)
PEERS = st.sampled_from(["198.51.100.7", "10.0.0.1", "2001:db8::7", "::ffff:192.0.2.1"])
MANY = settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])


@MANY
@given(REQUESTS, PEERS)
@example(PLAIN, "198.51.100.7")
def test_any_request_gives_the_same_events_counts_and_answer_by_both_ways(
    both: Both, request_: bytes, peer: str
) -> None:
    direct, reference = (both.outcome(wire, [request_], peer) for wire in both.wires)
    assert direct == reference


SMUGGLED = b"GET /p.gif?s=clinic&n=666 HTTP/1.1\r\n" + HOST + b"\r\n"
FRAGMENTS = st.sampled_from(
    [
        PLAIN,
        SMUGGLED,
        PLAIN.replace(b"\r\n\r\n", b"\r\n"),
        PLAIN.replace(b"\r\n", b"\n"),
        PLAIN.replace(HOST, b""),
        PLAIN.replace(HOST, HOST + HOST),
        PLAIN.replace(b" HTTP", b"\t HTTP"),
        PLAIN.replace(b"1.1", b"1.0"),
        b"GET /p.gif?s=clinic&n=1 HTTP/1.1\r\n",
        b"GET /p.gif?s=nobody HTTP/1.1\r\n" + HOST + b"\r\n",
        b"HEAD /p.gif?s=clinic HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n",
        b"POST /p.gif?s=clinic HTTP/1.1\r\n" + HOST,
        b"POST /e HTTP/1.1\r\n" + HOST,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        HOST,
        b"Content-Length: %d\r\n" % len(SMUGGLED),
        b"Content-Length: 0\r\n",
        b"Content-Length: +3\r\n",
        b"Content-Length: 3, 4\r\n",
        b"Content-Length:\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: identity, chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
        b" Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n",
        b"Expect: 100-continue\r\n",
        b"X: a\rX-Pixel-Replay: b\r\n",
        b"X: a\nHost: evil.example\r\n",
        b"X\0: a\r\n",
        b"X: a\0\r\n",
        b": a\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"0\r\n\r\n",
        b"3\r\nabc\r\n0\r\n\r\n",
        b"3;a=b\r\nabc\r\n0\r\nHost: evil.example\r\n\r\n",
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED),
        b"fffffffffffffffff\r\n",
        b"\x16\x03\x01\x02\x00",
    ]
)
STREAMS = st.lists(FRAGMENTS, min_size=1, max_size=8).map(b"".join)


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    """Return the pieces of a stream cut at these places and after each empty line."""
    ends = {place % (len(stream) + 1) for place in places} | {found.end() for found in re.finditer(b"\r\n\r\n", stream)}
    return [stream[begin:end] for begin, end in pairwise(sorted(ends | {0, len(stream)}))]


@MANY
@given(STREAMS, st.lists(st.integers(0, 4000), max_size=6))
@example(PLAIN.replace(HOST, HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") + SMUGGLED, [])
@example(PLAIN + SMUGGLED + PLAIN, [10, 200])
def test_a_stream_of_smuggling_shapes_is_cut_into_the_same_requests_by_both_ways(
    both: Both, stream: bytes, places: list[int]
) -> None:
    direct, reference = (both.outcome(wire, cut(stream, places), "198.51.100.7") for wire in both.wires)
    assert direct == reference


@MANY
@given(st.lists(st.one_of(REQUESTS, st.sampled_from([PLAIN, SMUGGLED])), min_size=2, max_size=6).map(b"".join))
@example(PLAIN + SMUGGLED + PLAIN)
@example(PLAIN.replace(HOST, b"") + SMUGGLED + b"junk\r\n\r\n")
def test_requests_in_one_piece_are_answered_in_order_by_both_ways(both: Both, stream: bytes) -> None:
    direct, reference = (both.outcome(wire, [stream], "198.51.100.7") for wire in both.wires)
    if direct["closed"] and direct["answers"][-1].startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type"):
        # Bytes that are not HTTP end the connection at once. The direct way has begun or answered a hit before them by
        # then, where the reference way has not always started the task.
        begun = len(reference["events"])
        assert direct["events"][:begun] == reference["events"]
        assert direct["answers"][-1] == reference["answers"][-1]
        assert all(direct["counts"][key] >= count for key, count in reference["counts"].items())
    else:
        assert direct == reference


def fresh(
    data: Path, http: type[Connection], work: Callable[[Wire], Coroutine[Any, Any, None]], **sections: object
) -> Wire:
    """Run `work` with a new collector process, and stop it."""

    async def scenario() -> Wire:
        wire = Wire(Settings.model_validate({"data": data, "sites": [CLINIC], **sections}), http)
        await wire.process.start()
        await work(wire)
        await wire.process.stop()
        return wire

    return asyncio.run(scenario())


def test_a_group_answers_the_others_when_connections_of_it_are_gone(tmp_path: Path) -> None:
    async def work(wire: Wire) -> None:
        group = [wire.connect() for _ in range(4)]
        for connection, _ in group:
            connection.data_received(PLAIN)
        group[0][1].close()
        group[2][0].connection_lost(None)
        for connection, _ in group:
            await wire.settle(connection)
        assert [transport.written.endswith(GIF) for _, transport in group] == [False, True, False, True]

    wire = fresh(tmp_path, DirectConnection, work)
    assert len(wire.events) == 4
    assert wire.counts() == {("offered", "", ""): 4, ("spooled", "", ""): 4}


@WAYS
def test_a_hit_over_tls_is_one_over_https(tmp_path: Path, http: type[Connection]) -> None:
    async def work(wire: Wire) -> None:
        connection, _ = wire.connect()
        connection.scheme = "https"  # as uvicorn sets it for a transport with TLS
        connection.data_received(PLAIN)
        await wire.settle(connection)

    (event,) = fresh(tmp_path, http, work).events
    assert isinstance(event, Event)
    assert event.https


@WAYS
def test_a_client_that_leaves_while_its_pipelined_requests_are_answered_writes_no_log_line(
    tmp_path: Path, http: type[Connection], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(wire: Wire) -> None:
        monkeypatch.setattr(logging.getLogger("uvicorn"), "propagate", True)
        caplog.set_level(logging.ERROR, "uvicorn.error")
        go_on = slow_disk(wire)
        connection, transport = wire.connect()
        connection.data_received(PLAIN * 3)
        go_on.release()
        await until(lambda: len(wire.events) == 2, "the second hit to be written while the third one waits")
        assert transport.written.count(GIF) == 1
        transport.close()
        connection.connection_lost(None)
        go_on.release(100)
        await until(lambda: not wire.state.tasks)
        assert transport.written.count(GIF) == 1

    wire = fresh(tmp_path, http, work)
    assert wire.counts() == {("offered", "", ""): 2, ("spooled", "", ""): 2}
    assert caplog.records == []


@WAYS
def test_a_shutdown_answers_the_hit_in_flight_and_closes_its_connection(tmp_path: Path, http: type[Connection]) -> None:
    async def work(wire: Wire) -> None:
        connection, transport = wire.connect()
        connection.data_received(PLAIN)
        connection.shutdown()
        assert not transport.closed
        await wire.settle(connection)
        assert b"connection: close\r\n" in transport.written
        assert transport.written.endswith(GIF)
        assert transport.closed

    assert len(fresh(tmp_path, http, work).events) == 1


def test_a_client_that_does_not_read_gets_no_further_answer_until_it_does(tmp_path: Path) -> None:
    async def work(wire: Wire) -> None:
        connection, transport = wire.connect()
        connection.data_received(PLAIN)
        await wire.settle(connection)
        first = len(transport.written)
        connection.pause_writing()
        connection.data_received(PLAIN)
        for _ in range(TURNS):
            await asyncio.sleep(0)
        await until(lambda: wire.counts()["spooled", "", ""] == 2)
        assert len(transport.written) == first
        connection.resume_writing()
        await wire.settle(connection)
        assert len(transport.written) == 2 * first

    fresh(tmp_path, DirectConnection, work)


SECURE = PLAIN.replace(HOST, b"Host: localhost\r\n")


@WAYS
def test_a_hit_that_the_disk_refuses_gets_the_gif_with_503_and_no_cookie(
    tmp_path: Path, http: type[Connection]
) -> None:
    async def work(wire: Wire) -> None:
        def full(_: bytes) -> None:
            raise OSError(errno.ENOSPC, "no room")

        whole, wire.process.spool._writer.write = wire.process.spool._writer.write, full  # type: ignore[method-assign]
        said, closed = await wire.exchange([SECURE, SECURE])
        assert [answer.startswith(b"HTTP/1.1 503 Service Unavailable") for answer in said] == [True, True]
        assert all(answer.endswith(GIF) and b"set-cookie" not in answer for answer in said)
        assert not closed
        wire.process.spool._writer.write = whole  # type: ignore[method-assign]
        await wire.process.spool.upkeep()
        await until(lambda: wire.process.spool.ready)
        said, _ = await wire.exchange([SECURE])
        assert b"set-cookie: __Host-px=1." in said[0]

    wire = fresh(tmp_path, http, work)
    assert wire.counts() == {("offered", "", ""): 3, ("refused", "spool_failed", ""): 2, ("spooled", "", ""): 1}


@WAYS
def test_an_error_that_nobody_foresaw_is_answered_503_counted_and_logged_without_the_visitors_text(
    tmp_path: Path, http: type[Connection], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("https://clinic.example/patients/anna")

    async def work(wire: Wire) -> None:
        monkeypatch.setattr("collector.endpoints.pixel.run_edge", broken)
        said, _ = await wire.exchange([PLAIN])
        assert said[0].startswith(b"HTTP/1.1 503 ")

    wire = fresh(tmp_path, http, work)
    assert wire.counts() == {("offered", "", ""): 1, ("refused", "internal", ""): 1}
    assert "unforeseen ZeroDivisionError at test_direct.py:" in caplog.text
    assert "anna" not in caplog.text


@WAYS
def test_the_keep_alive_time_begins_again_with_every_answer_and_every_first_byte(
    tmp_path: Path, http: type[Connection]
) -> None:
    async def work(wire: Wire) -> None:
        connection, transport = wire.connect()

        def rounds(number: int) -> bool:
            for _ in range(number):
                wire.process.connections.close_idle()
            return transport.closed

        for piece in (PLAIN, PLAIN, PLAIN[:20], PLAIN[20:]):
            connection.data_received(piece)
            await wire.settle(connection)
            assert not rounds(KEEP_ALIVE_ROUNDS - 1)
        assert transport.written.count(GIF) == 3
        assert rounds(1)

    fresh(tmp_path, http, work)


@WAYS
@pytest.mark.parametrize("then", [b"", PLAIN[:20], PLAIN + PLAIN[:20]])
def test_a_connection_with_a_hit_in_flight_is_not_idle_however_slow_the_disk_is(
    tmp_path: Path, http: type[Connection], then: bytes
) -> None:
    async def work(wire: Wire) -> None:
        go_on = slow_disk(wire)
        connection, transport = wire.connect()
        for piece in (PLAIN, then):
            connection.data_received(piece)
        for answered in range(1 + then.count(HOST)):
            await until(lambda answered=answered: transport.written.count(GIF) == answered)
            for _ in range(2 * KEEP_ALIVE_ROUNDS):
                wire.process.connections.close_idle()
            assert not transport.closed
            go_on.release()
        go_on.release(100)
        await wire.settle(connection)
        assert transport.written.endswith(GIF)

    fresh(tmp_path, http, work)


def slow_disk(wire: Wire) -> threading.Semaphore:
    """Let each write of a group wait for one release."""
    go_on, whole = threading.Semaphore(0), wire.process.spool._writer.write

    def write(data: bytes) -> None:
        assert go_on.acquire(timeout=20)
        whole(data)

    wire.process.spool._writer.write = write  # type: ignore[method-assign]
    return go_on


@WAYS
def test_a_connection_is_read_while_few_of_its_requests_wait(tmp_path: Path, http: type[Connection]) -> None:
    async def work(wire: Wire) -> None:
        go_on = slow_disk(wire)
        connection, transport = wire.connect()
        connection.data_received(PLAIN * (MAX_WAITING + 4))
        assert not transport.reads
        go_on.release()
        await until(lambda: GIF in transport.written)
        assert not transport.reads
        go_on.release(100)
        await wire.settle(connection)
        assert transport.reads

    fresh(tmp_path, http, work)


@WAYS
@pytest.mark.parametrize("last", [PLAIN.replace(HOST, HOST + b"Connection: close\r\n"), PLAIN + b"junk\r\n\r\n"])
def test_a_connection_that_closes_when_its_client_has_read_waits_for_the_keep_alive_time_only(
    tmp_path: Path, http: type[Connection], last: bytes
) -> None:
    async def work(wire: Wire) -> None:
        connection, transport = wire.connect()
        connection.data_received(last)
        await wire.settle(connection)
        assert transport.closed
        for aborted in [False] * (KEEP_ALIVE_ROUNDS - 1) + [True]:
            wire.process.connections.close_idle()
            assert transport.aborted == aborted

    fresh(tmp_path, http, work)


@WAYS
@pytest.mark.parametrize("reads", [False, True])
def test_a_client_that_does_not_read_has_the_keep_alive_time_for_it(
    tmp_path: Path, http: type[Connection], reads: bool
) -> None:
    async def work(wire: Wire) -> None:
        connection, transport = wire.connect()
        connection.data_received(PLAIN)
        connection.pause_writing()
        for _ in range(KEEP_ALIVE_ROUNDS - 1):
            wire.process.connections.close_idle()
        assert not transport.aborted
        connection.data_received(PLAIN)
        if reads:
            connection.resume_writing()
        wire.process.connections.close_idle()
        assert transport.aborted == (not reads)
        connection.connection_lost(None)

    fresh(tmp_path, http, work)


@WAYS
def test_a_client_that_sends_thousands_of_hits_at_once_gets_no_more_than_its_turn(
    tmp_path: Path, http: type[Connection]
) -> None:
    request = b"GET /p.gif?s=nobody HTTP/1.1\r\n" + HOST + b"\r\n"

    async def work(wire: Wire) -> None:
        connection, transport = wire.connect()
        connection.data_received(request * 3000)
        for turn in range(1, 20):
            # The loop may begin the second turn of a connection before the sleeper's.
            assert wire.counts().get(("offered", "", ""), 0) <= (turn + 1) * (SLICE // len(request) + 1)
            await asyncio.sleep(0)
        await wire.settle(connection)
        assert transport.written.count(GIF) == 3000

    fresh(tmp_path, http, work)


@WAYS
def test_a_client_over_its_rate_gets_the_gif_with_429(tmp_path: Path, http: type[Connection]) -> None:
    async def work(wire: Wire) -> None:
        said, closed = await wire.exchange([PLAIN] * 3)
        assert [answer[9:12] for answer in said] == [b"200", b"200", b"429"]
        assert said[2].endswith(GIF)
        assert not closed

    wire = fresh(tmp_path, http, work, collector=Collector(flood_burst=2))
    assert wire.counts()["flood", "", "other"] == 1


def test_the_date_of_an_answer_is_that_of_its_second(tmp_path: Path) -> None:
    async def work(wire: Wire) -> None:
        dates = [b"Thu, 01 Jan 1970 00:00:0%d GMT" % second for second in range(3)]
        for date in dates:
            wire.state.default_headers = [(b"date", date)]
            said, _ = await wire.exchange([PLAIN, PLAIN.replace(b"s=clinic", b"s=nobody")])
            assert [b"date: " + date in answer for answer in said] == [True, True]

    fresh(tmp_path, DirectConnection, work)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=15).close()
    except ConnectionError:
        return False
    return True


@WAYS
def test_a_collector_that_ends_writes_and_answers_the_group_in_flight(tmp_path: Path, http: type[Connection]) -> None:
    writing, go_on = threading.Event(), threading.Event()
    with Edge(tmp_path, http=http) as edge:
        writer = edge.app.process.spool._writer
        whole = writer.write

        def slow(data: bytes) -> None:
            writing.set()
            go_on.wait(20)
            whole(data)

        writer.write = slow  # type: ignore[method-assign]
        with ExitStack() as stack:
            peers = [
                stack.enter_context(socket.create_connection(("127.0.0.1", edge.served.port), timeout=15))
                for _ in range(3)
            ]
            for peer in peers:
                peer.sendall(PLAIN)
            assert writing.wait(10)
            wait_until(lambda: edge.app.process.counters.totals().get(("offered", "", "")) == 3)
            edge.served.end_soon()
            wait_until(lambda: not listens(edge.served.port))
            peers[1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peers[1].close()  # by a reset
            go_on.set()
            for peer in (peers[0], peers[2]):
                said = b"".join(iter(lambda peer=peer: peer.recv(65536), b""))  # type: ignore[misc]
                assert said.startswith(b"HTTP/1.1 200 OK\r\n")
                assert b"connection: close\r\n" in said
                assert said.endswith(GIF)
    assert len(edge.events()) == 3


def test_the_methods_of_uvicorn_that_the_direct_way_overrides_are_those_of_the_version_examined() -> None:
    ours = {name for name in vars(DirectConnection) if not name.startswith("__")}
    overridden = {"on_header", "on_headers_complete", "on_message_begin", "on_message_complete"}
    assert ours & set(dir(HttpToolsProtocol)) == overridden
    used = {"disconnected", "keep_alive", "message_event", "more_body", "response_complete"}
    source = inspect.getsource(HttpToolsProtocol)
    assert set(re.findall(r"self\.cycle\.(\w+)", source)) - {"body"} == used, "`body` is for a request with a body"
