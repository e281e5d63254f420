"""One question: does something answer at an address?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pipeline.system.answers import answer_of, is_ready
from support.command import free_port


class _Service(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.send_header("Location", "/200")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def service() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("status", [200, 302, 503])
def test_every_status_is_an_answer_but_only_200_is_ready(service: str, status: int) -> None:
    answer = answer_of(f"{service}/{status}")
    assert answer is not None
    assert answer.status == status
    assert is_ready(f"{service}/{status}") is (status == 200)


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}/", "http://[::1/", "http://nothing.invalid/"])
def test_where_nothing_answers_there_is_no_answer_and_no_error(address: str) -> None:
    address = address.format(port=free_port())
    assert answer_of(address) is None
    assert not is_ready(address)
