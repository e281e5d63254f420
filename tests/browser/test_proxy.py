"""The printed nginx lines, in a real nginx: the pixel served from the site's own host."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.embedding.snippet import Wish, snippet
from support.command import free_port
from support.nginx import Nginx
from support.walk import Walk


@pytest.fixture
def site(edge, clinic, tmp_path: Path) -> Iterator[str]:
    """The address of the demo clinic behind nginx, its tag at /px/."""
    port = free_port()
    url = f"http://localhost:{port}"
    demo = clinic(collector=f"{url}/px")
    wish = Wish(site="clinic", collector=f"{url}/px", upstream=edge.url.replace("localhost", "127.0.0.1"))
    lines = next(text for name, _, text in snippet(wish) if name == "nginx")
    static = r"location ~* \.(js|gif|png|css)$ { root /nonexistent; }"  # as most sites have one
    demo_url = demo.url.replace("localhost", "127.0.0.1")
    rest = f"location / {{ proxy_pass {demo_url}; proxy_set_header Host $http_host; }}"
    with Nginx(tmp_path / "nginx", port, f"server {{ listen 127.0.0.1:{port}; {static} {lines}\n{rest} }}"):
        yield url


def test_script_from_the_sites_own_host(chromium, edge, clinic, site, request):
    with chromium.new_context() as context:
        walk = Walk(edge, clinic(), context, request.node.name, "Chromium " + chromium.version)
        page = context.new_page()
        page.goto(site + "/doctors")
        walk.recognised()
        page.goto(site + "/print")
        script, image = walk.after(2, page)
        walk.compare(script, mode="js", page="/doctors", page_from="parameter", cookie_state="new")
        walk.compare(
            image, mode="img", page="/print", page_from="referer", cookie_state="returning", visitor_kind="cookie"
        )


def test_nothing_else_of_the_collector_is_served(site):
    port = int(site.rpartition(":")[2])
    for path in ("/px/metrics", "/px/health/ready", "/px/", "/px/p.js/../metrics"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 404, path
        answer.read()
        connection.close()
