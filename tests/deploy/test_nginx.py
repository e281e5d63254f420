"""The nginx configuration that the project ships, in a real nginx: alone, and behind a CDN."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.settings.model import Settings
from support.command import free_port
from support.dashboards import serving
from support.edge import CLINIC, Edge
from support.nginx import CDN as CDN_FILE
from support.nginx import INCLUDE_CDN, PAGES, Nginx, behind, shipped
from support.system import AGENT
from support.waiting import wait_until

CDN = "127.0.0.2"


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    with Edge(tmp_path / "var", sites=(CLINIC,), collector={"trusted_proxies": ["127.0.0.1/32"]}) as edge:
        yield edge


def ask(port: int, path: str, *, source: str = "127.0.0.1", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10, source_address=(source, 0))
    connection.request("GET", path, headers={"User-Agent": AGENT, "Host": "stats.clinic.example", **headers})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_nginx_takes_the_shipped_file_without_a_word(tmp_path):
    port = free_port()
    listen = f"127.0.0.1:{port} ssl http2"
    assert Nginx(tmp_path / "plain", port, shipped(tmp_path, 8080, listen=listen)).complaints() == ""
    included = {INCLUDE_CDN: f"include {CDN_FILE};"}
    with_cdn = shipped(tmp_path, 8080, listen=listen, **included)
    assert Nginx(tmp_path / "cdn", port, with_cdn).complaints() == ""
    for change in ({}, included):
        pages = shipped(tmp_path, 8090, listen=listen, file=PAGES, host="pages.clinic.example", **change)
        assert Nginx(tmp_path / "pages", port, pages).complaints() == ""


def test_a_browser_speaks_http_2(tmp_path, edge):
    port = free_port()
    context = ssl.create_default_context(cafile=None)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    with Nginx(tmp_path / "nginx", port, shipped(tmp_path, edge.served.port, listen=f"127.0.0.1:{port} ssl http2")):
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
        connection.connect()
        assert connection.sock.selected_alpn_protocol() == "h2"
        connection.close()


def test_the_name_of_the_host_leads_to_the_privacy_page_and_nothing_else_is_served(tmp_path, edge):
    port = free_port()
    with Nginx(tmp_path / "nginx", port, shipped(tmp_path, edge.served.port, listen=f"127.0.0.1:{port}")):
        root = ask(port, "/")
        assert (root.status, root.headers["Location"]) == (303, "privacy")
        assert ask(port, "/privacy").status == 200
        assert ask(port, "/p.js").status == 200
        assert [ask(port, path).status for path in ("/metrics", "/health/ready", "/x", "/p.js/")] == [404] * 4


@pytest.mark.parametrize(("is_included", "visitors"), [(True, 3), (False, 1)], ids=["included", "without it"])
def test_behind_a_cdn_each_visitor_is_himself_with_the_included_file(tmp_path, edge, is_included, visitors):
    port, cdn_port = free_port(), free_port()
    changes = behind(tmp_path, f"{CDN}/32 2001:db8::/32") if is_included else {}
    lines = shipped(tmp_path, edge.served.port, listen=f"{CDN}:{port} ssl", **changes)
    origin = Nginx(tmp_path / "nginx", port, lines, address=CDN)
    cdn = f"""server {{
        listen 127.0.0.1:{cdn_port};
        location / {{
            proxy_pass https://{CDN}:{port}; proxy_bind {CDN}; proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
    }}"""
    with origin, Nginx(tmp_path / "cdn", cdn_port, cdn):
        for source in ("127.0.0.11", "127.0.0.12", "127.0.0.13"):
            for spoofed in ("203.0.113.1", "203.0.113.2"):
                path = "/p.gif?s=clinic&m=js&u=https%3A%2F%2Fclinic.example%2F"
                assert ask(cdn_port, path, source=source, **{"X-Forwarded-For": spoofed}).status == 200
    wait_until(lambda: len(edge.events()) == 6)
    assert len({event.visitor for event in edge.events()}) == visitors
    assert {event.https for event in edge.events()} == {True}


def test_the_pages_for_staff_are_served_by_tls_alone_and_no_visitor_names_a_proxy(tmp_path):
    port = free_port()
    public = {"public_url": "https://pages.clinic.example"}
    settings = Settings.model_validate({"data": tmp_path / "var", "dashboards": public})
    context = ssl.create_default_context(cafile=None)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with serving(settings) as pages:
        upstream = int(pages.url.rpartition(":")[2])
        lines = shipped(tmp_path, upstream, listen=f"127.0.0.1:{port} ssl", file=PAGES, host="pages.clinic.example")
        with Nginx(tmp_path / "nginx", port, lines):
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
            forged = {"Host": "pages.clinic.example", "X-Forwarded-Proto": "http", "Forwarded": "proto=http"}
            connection.request("GET", "/sign-in?lang=en", headers=forged)
            answer = connection.getresponse()
            assert (answer.status, b"password" in answer.read()) == (200, True)
            assert "max-age" in answer.headers["Strict-Transport-Security"]
            assert all("secure" in cookie.lower() for cookie in answer.headers.get_all("Set-Cookie") or [])
            connection.request("GET", "/metrics", headers={"Host": "pages.clinic.example"})
            answer = connection.getresponse()
            assert (answer.read() is not None, answer.status) == (True, 404)
            connection.close()
            plain = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            plain.request("GET", "/sign-in", headers={"Host": "pages.clinic.example"})
            assert plain.getresponse().status == 400
            plain.close()
