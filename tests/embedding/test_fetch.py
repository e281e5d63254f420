"""The addresses of a tag are asked, and what they answer is told."""

import base64
import hashlib
import socket
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from typer.testing import CliRunner

from pipeline.cli import build_app
from pipeline.embedding import fetch
from pipeline.embedding.fetch import fetch_files
from support.edge import CLINIC, Edge, Served

TAG = (Path(__file__).parents[2] / "collector/static/p.js").read_bytes()
HASH = "sha384-" + base64.b64encode(hashlib.sha384(TAG).digest()).decode()
OTHER = "sha384-" + base64.b64encode(hashlib.sha384(b"an older tag").digest()).decode()
OPEN = {"access-control-allow-origin": "*"}


def page(request: Request) -> Response:
    given = request.query_params
    base, more = given.get("base", "/px"), given.get("more", "")
    what = f'<script async src="{base}/p.js" data-site="clinic" {more}></script>'
    if given.get("image"):
        what = f'<img src="{base}/p.gif?s=clinic&m=img" referrerpolicy="unsafe-url">'
    return HTMLResponse(f"<body>{what}")


ROUTES = [
    Route("/page", page),
    Route("/px/p.js", lambda _: Response(TAG, media_type="text/javascript", headers=OPEN)),
    Route("/closed/p.js", lambda _: Response(TAG, media_type="text/javascript")),
    Route("/plain/p.js", lambda _: Response(TAG, media_type="text/plain")),
    Route("/home/p.js", lambda _: HTMLResponse("<h1>Clinic</h1>")),
    Route("/home/p.gif", lambda _: HTMLResponse("<h1>Clinic</h1>")),
    Route("/other/p.js", lambda _: Response("alert(1)", media_type="text/javascript")),
    Route("/huge/p.js", lambda _: PlainTextResponse("x" * 300_000)),
    Route("/moved/p.js", lambda _: RedirectResponse("https://stats.clinic.example/p.js", 301)),
]


@pytest.fixture(scope="module")
def site():
    with Served(Starlette(routes=ROUTES)) as served:
        yield served


def findings(address: str, **query: str) -> tuple[int, str]:
    url = f"{address}/page?" + "&".join(f"{name}={value}" for name, value in query.items())
    result = CliRunner().invoke(build_app(), ["check-tag", url, "--format", "json"])
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("/nowhere", "answers 404: is the nginx location"),
        ("/home", "answers text/html that is not our script"),
        ("/other", "answers text/javascript that is not our script"),
        ("/plain", "is served as text/plain"),
        ("/huge", "too long to check"),
        ("/moved", "redirects to https://stats.clinic.example/p.js"),
        ("http://localhost:1", "cannot be loaded: no answer"),
        ("http://stats.klinik.invalid", "there is no host stats.klinik.invalid"),
    ],
)
def test_an_address_that_gives_no_tag_is_a_problem(site, base, said):
    code, output = findings(site.url, base=base)
    assert code == 1
    assert said in output
    assert ('"page": "no: never loaded"' in output) == (base not in ("/other", "/plain"))


def test_the_tag_itself_is_no_problem(site):
    code, output = findings(site.url)
    assert code == 0
    assert "/px/p.js is served" in output


@pytest.mark.parametrize(
    ("base", "more", "said"),
    [
        ("/px", f"integrity='{OTHER}'", "does not fit the file: browsers refuse it now"),
        ("/px", f"integrity='{HASH}'", "pins one version"),
        ("/px", f"integrity='sha256-x{OTHER[8:]} {HASH}'", "pins one version"),
    ],
)
def test_the_integrity_is_computed_from_the_file(site, base, more, said):
    code, output = findings(site.url, base=base, more=more.replace("+", "%2B"))
    assert code == 1
    assert said in output
    assert output.count("script: integrity") == (2 if "not fit" in said else 1)


@pytest.mark.parametrize(("base", "code"), [("/px", 0), ("/closed", 1)])
def test_a_tag_with_crossorigin_needs_the_header_of_another_host(site, base, code):
    with Served(Starlette(routes=ROUTES)) as other:
        found, output = findings(site.url, base=other.url + base, more="crossorigin")
    assert found == code
    assert ("no Access-Control-Allow-Origin" in output) == bool(code)


@pytest.mark.parametrize(("base", "code"), [("collector", 0), ("/nowhere", 1), ("/home", 1)])
def test_an_image_is_asked_without_counting_a_page_view(site, tmp_path, base, code):
    with Edge(tmp_path / "var", sites=(CLINIC,)) as edge:
        found, output = findings(site.url, image="1", base=edge.url if base == "collector" else base)
        assert edge.events() == []
    assert found == code
    assert ("no GIF" in output) == bool(code)


def test_text_of_a_page_is_shown_as_it_is(site):
    url = f"{site.url}/page?more=data-pixel-ad='[/b][red]x'"
    result = CliRunner().invoke(build_app(), ["check-tag", url, "--format", "table"], env={"COLUMNS": "200"})
    assert result.output.count("[/b][red]x") == 2


@pytest.fixture
def names(monkeypatch):
    """Hosts with addresses of our choice; nothing is connected to."""
    known = {
        "clinic.example": "93.184.215.14",
        "stats.clinic.example": "93.184.215.15",
        "inside.example": "10.0.0.5",
        "loop.example": "127.0.0.1",
        "metadata.example": "169.254.169.254",
        "xn--80apagcdp.xn--p1ai": "93.184.215.16",
    }
    asked: list[str] = []

    def look_up(host, port, **_):
        if host not in known:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (known[host], 0))]

    monkeypatch.setattr(fetch.socket, "getaddrinfo", look_up)
    monkeypatch.setattr(fetch, "_asked", lambda _, url, place: asked.append(place) or fetch.Answer(200))
    return asked


@pytest.mark.parametrize("host", ["inside.example", "loop.example", "metadata.example"])
def test_a_public_page_cannot_make_this_machine_ask_its_own_network(names, host):
    (answer,) = fetch_files("https://clinic.example/", [f"https://{host}/p.js"], []).values()
    assert names == []
    assert "private address" in answer.skipped


def test_a_page_of_the_own_network_may_name_it(names):
    fetch_files("http://inside.example/", ["http://loop.example/p.js"], [])
    assert names == ["127.0.0.1"]


def test_the_address_that_was_judged_is_the_one_that_is_asked(names):
    fetch_files("https://clinic.example/", ["https://клиника.рф/p.js"], [])
    assert names == ["93.184.215.16"]


def test_a_page_with_a_thousand_tags_asks_a_few(names):
    fetch_files("https://clinic.example/", [f"https://stats.clinic.example/{n}/p.js" for n in range(1000)], [])
    assert len(names) == fetch.MOST_FILES
