"""Junk in the place of a request: every shape gets its answer, is counted, and never holds a connection for ever."""

from __future__ import annotations

import inspect
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from collector import connection, open_connections, process
from collector.connection import Connection
from collector.direct import DirectConnection
from collector.endpoints.pixel import GIF
from collector.open_connections import KEEP_ALIVE_ROUNDS, OpenConnections
from support.edge import Edge
from support.waiting import wait_until

HIT = b"/p.gif?s=clinic&u=https://clinic.example/"
JUNK = {
    "a target of 1 MB": b"GET /p.gif?s=" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "a NUL in the target": b"GET /p.gif\0?s=clinic HTTP/1.1\r\nHost: a\r\n\r\n",
    "raw bytes in the query": b"GET " + HIT + b"\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    "no path": b"GET http://clinic.example HTTP/1.1\r\nHost: a\r\n\r\n",
    "a port out of range": b"GET http://a:99999999/p.gif HTTP/1.1\r\nHost: a\r\n\r\n",
    "a negative length": b"POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n[]",
    "a length of forty digits": b"POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n",
    "two lengths": b"POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n[]",
    "length and chunks": b"POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"POST /e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a CR in a header": b"GET " + HIT + b" HTTP/1.1\r\nHost: a\r\nX: a\rSet-Cookie: b\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
}


@pytest.fixture(params=[DirectConnection, Connection], ids=["direct", "reference"])
def edge(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Edge]:
    with Edge(tmp_path, http=request.param) as running:
        yield running


def connected(edge: Edge) -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", edge.served.port), timeout=15)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def read_gif(peer: socket.socket) -> bytes:
    answer = b""
    while not answer.endswith(GIF):
        piece = peer.recv(65536)
        assert piece, answer
        answer += piece
    return answer


def read_to_end(peer: socket.socket) -> bytes:
    answer = b""
    while piece := peer.recv(65536):
        answer += piece
    return answer


@pytest.mark.parametrize("word", JUNK)
def test_what_is_no_http_gets_the_gif_and_is_counted(edge: Edge, word: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), connected(edge) as peer:
        peer.sendall(JUNK[word])
        answer = read_to_end(peer)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"connection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\n" + GIF)
    assert wait_until(edge.refusals) == {"bad_http": 1}
    assert not edge.events()
    assert not caplog.records


def test_what_stands_before_junk_is_stored(edge: Edge) -> None:
    with connected(edge) as peer:
        peer.sendall(b"GET " + HIT + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_gif(peer).startswith(b"HTTP/1.1 200 OK\r\n")
        peer.sendall(b"junk\r\n\r\n")
        assert read_to_end(peer).startswith(b"HTTP/1.1 400")
    assert len(edge.events()) == 1


@pytest.mark.parametrize("coding", [b"chunked\r\n\r\n-1\r\n\r\n", b"xchunked\r\n\r\n0\r\n\r\n"])
def test_a_beacon_that_goes_wrong_in_its_body_is_counted_once(edge: Edge, coding: bytes) -> None:
    with connected(edge) as peer:
        peer.sendall(b"POST /e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: " + coding)
        read_to_end(peer)
    with connected(edge) as peer:
        peer.sendall(b"junk\r\n\r\n")  # counted after it, so that both are seen
        read_to_end(peer)
    assert wait_until(lambda: "bad_http" in edge.refusals() and edge.refusals()) == {"bad_body": 1, "bad_http": 1}


def test_a_header_without_end_is_cut_off_and_counted(edge: Edge) -> None:
    endless = b"GET " + HIT + b" HTTP/1.1\r\nHost: a\r\nX-Endless: " + b"a" * 64_000_000
    with connected(edge) as peer, pytest.raises(ConnectionError):
        peer.sendall(endless)
    assert wait_until(edge.refusals) == {"bad_http": 1}


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"GET " + HIT,
        b"GET " + HIT + b" HTTP/1.1\r\nHost: a\r\n",
        b"GET " + HIT + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
        b"GET " + HIT + b" HTTP/1.1\r\nHost: a\r\n\r\nGET " + HIT,
        b"GET " + HIT + b" HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
    ids=["nothing", "half a target", "half the headers", "half a body", "a second half request", "another protocol"],
)
def test_a_request_that_never_ends_does_not_hold_its_connection(
    edge: Edge, beginning: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.3)
    with connected(edge) as peer:
        peer.sendall(beginning)
        read_to_end(peer)  # ends because the other side closes


def test_dripping_bytes_do_not_prolong_the_deadline(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.3)

    def dripped() -> bool:
        try:
            peer.sendall(b"a")
        except OSError:
            return True
        return False

    with connected(edge) as peer:
        peer.sendall(b"GET /p.gif?s=clinic&u=")
        wait_until(dripped, seconds=5)


def test_a_connection_between_two_requests_stays_open_past_the_deadline(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.3)
    with connected(edge) as peer, connected(edge) as clock:
        peer.sendall(b"GET " + HIT + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_gif(peer).startswith(b"HTTP/1.1 200")
        read_to_end(clock)  # a whole deadline passes
        peer.sendall(b"GET " + HIT + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_gif(peer).startswith(b"HTTP/1.1 200")


def test_a_connection_without_a_further_request_is_closed_after_the_keep_alive_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "IDLE_SECONDS", 0.02)
    monkeypatch.setattr(open_connections, "KEEP_ALIVE_ROUNDS", 50)
    with Edge(tmp_path) as edge, connected(edge) as silent, connected(edge) as peer:
        peer.sendall(b"GET " + HIT + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_gif(peer).startswith(b"HTTP/1.1 200")
        assert read_to_end(silent) == read_to_end(peer) == b""
        assert wait_until(lambda: len(edge.app.process.connections) == 0)


class Closable:
    """A connection that notes whether it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True

    abort = close


def test_the_keep_alive_time_counts_from_the_last_answer_or_the_beginning_of_the_next_request() -> None:
    register = OpenConnections(100)
    peers = beginning, _, answered, busy = [Closable() for _ in range(4)]
    for peer in peers:
        register.opened(peer)
    register.busy(busy)
    for _ in range(KEEP_ALIVE_ROUNDS - 1):
        register.close_idle()
    register.busy(answered)
    register.idle(answered)
    register.idle(beginning)
    register.close_idle()
    assert [peer.closed for peer in peers] == [False, True, False, False]
    for _ in range(KEEP_ALIVE_ROUNDS):
        register.close_idle()
    assert [peer.closed for peer in peers] == [True, True, True, False]


def test_a_connection_that_has_ended_is_not_the_one_that_makes_room() -> None:
    register = OpenConnections(10)
    ended, idle, *busy = [Closable() for _ in range(9)]
    for peer in (ended, idle):
        register.opened(peer)
    register.ended(ended)
    for peer in busy:
        register.opened(peer)
        register.busy(peer)
    assert not idle.closed
    register.opened(Closable())
    assert idle.closed


EXAMINED = "0.54.0"
"""The version of uvicorn whose source was read for the methods below."""


def test_the_methods_of_uvicorn_that_are_overridden_are_those_of_the_version_examined() -> None:
    assert uvicorn.__version__ == EXAMINED, "read the changes of HttpToolsProtocol, then name the new version here"
    ours = {name for name, each in vars(Connection).items() if callable(each)}
    overridden = ours & {name for name in dir(HttpToolsProtocol) if not name.startswith("__")}
    assert overridden == {
        "_start_asgi_task", "_unsupported_upgrade_warning", "connection_lost", "connection_made", "data_received", "on_headers_complete",
        "on_message_begin", "on_message_complete", "on_response_complete", "pause_writing", "resume_writing",
        "send_400_response",
    }  # fmt: skip
    for name in overridden:
        theirs, mine = (inspect.signature(vars(each)[name]) for each in (HttpToolsProtocol, Connection))
        assert list(theirs.parameters) == list(mine.parameters), name
