"""The sample of docs/dashboards.md in a real nginx: it asks a small service who signed on, and the dashboards believe nothing else."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path

import pytest

from dashboards.access.people import Person
from pipeline.settings.model import Settings
from pipeline.settings.sections import Dashboards
from support.command import free_port
from support.dashboards import PASSWORD, Browser
from support.nginx import Nginx
from support.office import office

SAMPLE = Path(__file__).parents[2] / "docs" / "dashboards.md"
HEADER = "X-Auth-Request-User"


class SignOn(BaseHTTPRequestHandler):
    """In place of oauth2-proxy: a cookie names the person, as its session would."""

    def do_GET(self) -> None:
        """Answer 202 with the name, else 401; any page of its own is its form."""
        found = re.search(r"proxied=(\w+)", self.headers.get("cookie", ""))
        is_question = self.path == "/oauth2/auth"
        self.send_response((202 if found else 401) if is_question else 200)
        if found:
            self.send_header(HEADER, found[1])
        body = b"" if is_question else b"form of the proxy"
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def front(clickhouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of nginx with the sample, in front of dashboards that know anna and the administrator root."""
    home, port = tmp_path_factory.mktemp("front"), free_port()
    sample = re.search(r"```nginx\n(location = /oauth2/auth.*?)```", SAMPLE.read_text(), re.DOTALL)
    assert sample
    own = Dashboards(
        sign_on_header=HEADER,
        trusted_proxies=(ip_network("127.0.0.1/32"),),
        public_url=f"http://pages.localhost:{port}",
    )
    asked = ThreadingHTTPServer(("127.0.0.1", 0), SignOn)
    threading.Thread(target=asked.serve_forever, daemon=True).start()
    with office(clickhouse, home / "var", dashboards=own) as pages:
        for name, role in (("anna", "ops"), ("root", "admin")):
            pages.people.add(Person(name, role), PASSWORD)  # type: ignore[arg-type]
        lines = sample[1].replace("127.0.0.1:4180", f"127.0.0.1:{asked.server_port}")
        lines = lines.replace("127.0.0.1:8090", f"127.0.0.1:{pages.settings.dashboards.port}")
        with Nginx(home / "nginx", port, f"server {{ listen 127.0.0.1:{port}; {lines} }}") as nginx:
            assert nginx.complaints() == ""
            yield f"http://localhost:{port}"
    asked.shutdown()
    asked.server_close()


def person(front: str, name: str) -> Browser:
    """Return the browser of somebody whom the proxy knows."""
    browser = Browser(front)
    browser.cookies["proxied"] = name
    return browser


def test_who_signed_on_at_the_proxy_is_in_and_can_send_a_form(front: str) -> None:
    browser = person(front, "anna")
    page = browser.get("/technical")
    assert (page.status, "Sign out anna" in page.words) == (200, True)
    assert browser.send("/embed/check", {"url": "https://foreign.example/"}).status == 400, (
        "taken, and refused for its address"
    )


def test_who_did_not_sign_on_there_gets_its_form_and_no_page_of_ours(front: str) -> None:
    assert Browser(front).get("/technical").text == "form of the proxy"


def test_a_name_that_is_not_known_here_is_refused(front: str) -> None:
    assert person(front, "nobody").get("/").status == 403


@pytest.mark.parametrize(
    "name", [HEADER, HEADER.lower(), HEADER.upper(), HEADER.replace("-", "_"), "X-Auth_Request-User"]
)
def test_a_browser_that_sends_the_header_itself_is_who_the_proxy_says(front: str, name: str) -> None:
    answer = person(front, "anna").get("/privacy", **{name: "root"})
    assert answer.status == 404, "root would see this page, anna does not"
    assert Browser(front).get("/privacy", **{name: "root"}).text == "form of the proxy"


def test_the_name_that_the_proxy_takes_out_for_the_connection_is_no_way_past_it(front: str) -> None:
    answer = person(front, "anna").get("/privacy", **{"Connection": HEADER, HEADER: "root"})
    assert answer.status == 404
