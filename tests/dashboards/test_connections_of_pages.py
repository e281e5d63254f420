"""Raw bytes at the dashboards: a page in the person's language and an end in time, whatever arrives."""

from __future__ import annotations

import logging
import socket
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from dashboards import server
from dashboards.access import store
from dashboards.access.people import Person
from pipeline.settings.model import Settings
from support.dashboards import PASSWORD, Browser, Pages
from support.office import office

HOST = b"Host: localhost\r\nAccept-Language: ru\r\nConnection: close\r\n"


@pytest.fixture(scope="module")
def desk(clickhouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Dashboards that several tests ask."""
    with office(clickhouse, tmp_path_factory.mktemp("raw") / "var") as pages:
        yield pages


def told(desk: Pages, sent: bytes, seconds: float = 15) -> bytes:
    """Send bytes and return all that comes back until the end of the connection."""
    with socket.create_connection(("127.0.0.1", desk.settings.dashboards.port), timeout=seconds) as connection:
        connection.sendall(sent)
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
    return received


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /\xff\xfe%ff?x=\xff%ff HTTP/1.1\r\n" + HOST + b"\r\n", (400, 404)),
        (b"GET /%00?a=%00&a=1&a=2 HTTP/1.1\r\n" + HOST + b"\r\n", (404,)),
        (b"GET /static/%00 HTTP/1.1\r\n" + HOST + b"\r\n", (404,)),
        (b"GET /static/%2e%2e/%2e%2e/pyproject.toml HTTP/1.1\r\n" + HOST + b"\r\n", (404,)),
        (b"GET /static/" + b"a" * 5000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", (404,)),
        (b"GET /sign-in?" + b"a=1&" * 200 + b" HTTP/1.1\r\n" + HOST + b"\r\n", (414,)),
        (b"GET /sign-in?a=" + b"9" * 10_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", (414,)),
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", (414, 404)),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 40_000, (431,)),
        (b"nonsense\r\n\r\n", (400,)),
        (b"POST /sign-in HTTP/1.1\r\n" + HOST + b"Origin: http://localhost\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\na=b", (415,)),
        (b"POST /sign-in HTTP/1.1\r\n" + HOST + b"Origin: http://localhost\r\nContent-Length: 90000\r\n\r\n" + b"a" * 90_000, (413,)),
        (b"POST /sign-in HTTP/1.1\r\n" + HOST + b"Origin: http://localhost\r\n\r\n", (401, 429)),
        (b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nAccept-Language: ru\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", (200,)),
        (b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n", (405,)),
    ],
    ids=range(15),
)  # fmt: skip
def test_bytes_of_any_kind_get_a_page_in_russian(desk: Pages, sent: bytes, status: tuple[int, ...]) -> None:
    answer = told(desk, sent)
    assert int(answer.split(b" ", 2)[1]) in status, answer[:200]
    assert b'<html lang="ru">' in answer or answer.split(b" ", 2)[1] == b"400"
    assert b"Traceback" not in answer


def test_a_request_that_does_not_end_is_left(desk: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 1.0)
    begun = time.monotonic()
    assert told(desk, b"GET / HTTP/1.1\r\nHost: loc") == b""
    assert told(desk, b"") == b""
    assert time.monotonic() - begun < 12


def test_of_fifty_wrong_passwords_at_once_five_are_tried(desk: Pages, caplog: pytest.LogCaptureFixture) -> None:
    desk.people.add(Person("guessed", "ops"), PASSWORD)
    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(50) as threads:
        guesses = [threads.submit(Browser(desk.url).sign_in, "guessed", f"guess {number}") for number in range(50)]
        statuses = [each.result().status for each in guesses]
    assert (statuses.count(401), statuses.count(429)) == (5, 45)
    assert not [each for each in caplog.records if "guess" in each.getMessage()]


def test_a_locked_file_of_people_lets_pages_be_read_and_says_in_russian_why_nobody_can_sign_in(
    desk: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.opened.__wrapped__, "__defaults__", (0.2,))  # type: ignore[attr-defined]
    desk.people.add(Person("locked", "owner"), PASSWORD)
    reader, other = desk.begun("locked"), Browser(desk.url)
    other.cookies["lang"] = "ru"
    with closing(sqlite3.connect(store.access_file(desk.settings))) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert reader.get("/embed").status == 200
        answer = reader.post("/sign-out", {})
        assert (answer.status, "cannot find out who you are" in answer.text) == (503, True)
        refused = other.sign_in("locked", PASSWORD)
        holder.rollback()
    assert refused.status == 429 or (refused.status, "не могут узнать, кто вы" in refused.text) == (503, True)
    assert "access.sqlite: " not in refused.text
