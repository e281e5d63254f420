"""The demo clinic: every page answers, carries its tag, and asks nothing of anybody but itself and the collector."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import urllib3

from collector.demo.content import DOCTORS, SERVICES
from collector.demo.site import demo_app
from pipeline.embedding.snippet import Wish
from pipeline.settings.model import Settings
from pipeline.settings.site import DEMO_SITE
from support.command import environment, free_port
from support.edge import Served
from support.waiting import wait_until

COLLECTOR = "http://localhost:8080"
PAGES = [
    *(
        "/",
        "/en",
        "/doctors",
        "/services",
        "/prices",
        "/print",
        "/partner",
        "/booking",
        "/booking/done",
        "/login",
        "/my",
    ),
    *("/my/week", "/my/doctors"),
    *(f"/doctors/{doctor.slug}" for doctor in DOCTORS),
    *(f"/services/{service.slug}" for service in SERVICES),
]


@pytest.fixture(scope="module")
def demo() -> Iterator[Served]:
    with Served(demo_app(Wish(site="clinic", collector=COLLECTOR, ads=True))) as served:
        yield served


def load(demo: Served, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", demo.url + path, headers=headers)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_answers_and_carries_its_tag(demo, path):
    page = load(demo, path)
    assert page.status == 200
    assert f'="{COLLECTOR}/p.' in page.data.decode()


@pytest.mark.parametrize("path", [*PAGES, "/nowhere", "/static/clinic.css", "/static/my.js", "/static/mark.svg"])
def test_a_page_asks_nothing_of_other_hosts(demo, path):
    others = set(re.findall(r"(?:https?:)?//[a-z0-9.-]+(?::\d+)?", load(demo, path).data.decode()))
    assert others <= {COLLECTOR, "http://www.w3.org"}  # the namespace of SVG is a name and not an address


def test_a_page_leads_to_what_a_visitor_may_know_and_decide(demo):
    assert f'href="{COLLECTOR}/privacy"' in load(demo, "/services/hiv").data.decode()


@pytest.mark.parametrize("path", ["/nowhere", "/doctors/nobody", "/services/none"])
def test_a_missing_page_tells_its_status_in_its_image(demo, path):
    page = load(demo, path, Referer="https://ya.ru/search?text=hiv")
    text = page.data.decode()
    assert page.status == 404
    assert "m=server&amp;e=404&amp;u=http%3A%2F%2Flocalhost%3A" in text
    assert "r=https%3A%2F%2Fya.ru%2Fsearch%3Ftext%3Dhiv" in text
    assert "p.js" not in text


def test_what_is_typed_into_a_form_does_not_come_back_in_an_address(demo):
    fields = {"name": "Иванов", "phone": "79123456789"}
    done = urllib3.request("POST", demo.url + "/booking", fields=fields, redirect=False)
    assert (done.status, done.headers["Location"]) == (303, "/booking/done")


def test_the_sensitive_services_are_those_of_the_demo_settings():
    assert {f"/services/{service.slug}" for service in SERVICES if service.sensitive} == {
        path for paths in DEMO_SITE.sensitive.values() for path in paths
    }


def test_the_command_serves_the_clinic(tmp_path):
    port = free_port()
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "demo-site"]
    given = environment(Settings(data=tmp_path)) | {"PIXEL_DEMO__PORT": str(port)}
    with subprocess.Popen(command, env=given, cwd=tmp_path) as process:
        try:
            assert "Берег" in wait_until(lambda: _page(port), seconds=30)
        finally:
            process.terminate()


def _page(port: int) -> str:
    try:
        return urllib3.request("GET", f"http://127.0.0.1:{port}/", retries=False).data.decode()
    except urllib3.exceptions.HTTPError:
        return ""


def test_the_sitemap_lists_public_pages_that_answer(demo):
    text = load(demo, "/sitemap.xml").data.decode()
    listed = re.findall(r"<loc>([^<]+)</loc>", text)
    assert {f"{demo.url}/doctors/{doctor.slug}" for doctor in DOCTORS} < set(listed)
    assert {urllib3.request("GET", page).status for page in listed} == {200}
    assert not [page for page in listed if "/my" in page or "/login" in page]
