"""The printed nginx lines, in a real nginx: the pixel served from the site's own host."""

from __future__ import annotations

import http.client
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.embedding.snippet import Wish, snippet
from support.command import free_port
from support.waiting import wait_until
from support.walk import Walk

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")


@pytest.fixture
def site(edge, clinic, tmp_path: Path) -> Iterator[str]:
    """The address of the demo clinic behind nginx, its tag at /px/."""
    if NGINX is None:
        pytest.skip("nginx is not installed (Debian package nginx-light)")
    port = free_port()
    url = f"http://localhost:{port}"
    demo = clinic(collector=f"{url}/px")
    wish = Wish(site="clinic", collector=f"{url}/px", upstream=edge.url.replace("localhost", "127.0.0.1"))
    lines = next(text for name, _, text in snippet(wish) if name == "nginx")
    (tmp_path / "nginx.conf").write_text(
        f"""daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;
        events {{}}
        http {{
          access_log off; client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy;
          fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;
          server {{ listen 127.0.0.1:{port}; {lines}
            location / {{ proxy_pass {demo.url.replace("localhost", "127.0.0.1")}; proxy_set_header Host $http_host; }} }}
        }}"""
    )
    process = subprocess.Popen([NGINX, "-c", tmp_path / "nginx.conf", "-e", tmp_path / "error.log"])
    try:
        wait_until(lambda: _answers(port))
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/px/p.js")
        answer = connection.getresponse()
        answer.read()
        connection.close()
    except OSError:
        return False
    return answer.status == 200


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
