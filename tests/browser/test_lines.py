"""The printed lines, and what programs make of them, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from pipeline.embedding.snippet import Wish, snippet
from support.edge import Served
from support.waiting import wait_until
from support.walk import Walk

REMEMBERED = """<script>
if (document.cookie.includes("consent=yes")) document.querySelector("script[data-site]").dataset.consent = "1";
</script>"""


@pytest.fixture
def pages() -> Iterator[tuple[dict[str, str], Served]]:
    """Pages by name, to be filled, and the site that shows them."""
    texts: dict[str, str] = {}

    def show(request: Request) -> HTMLResponse:
        return HTMLResponse(f"<!doctype html><body>{texts[request.path_params['name']]}<p>page")

    with Served(Starlette(routes=[Route("/{name}", show)])) as served:
        yield texts, served


def lines(walk: Walk, **wish: object) -> dict[str, str]:
    return {name: text for name, _, text in snippet(Wish(site="clinic", collector=walk.edge.url, **wish))}  # type: ignore[arg-type]


def counted(walk: Walk, address: str) -> list[tuple[str, str]]:
    page = walk.context.new_page()
    page.goto(address)
    return [(row.mode, row.page) for row in walk.settled(page)]


def test_a_printed_image_is_loaded_and_a_lazy_one_never(walk: Walk, pages: tuple[dict[str, str], Served]) -> None:
    texts, site = pages
    image = lines(walk)["image without script"]
    texts["images"] = image + image.replace("m=img", "m=server").replace('"eager"', '"lazy"')
    assert counted(walk, f"{site.url}/images") == [("img", "/images")]


@pytest.mark.parametrize(
    ("name", "html"),
    [
        ("module", "{tag}"),
        (
            "shadow",
            "<div id=d></div><script>d.attachShadow({mode: 'open'}).append(document.createElement('p'))</script>",
        ),
    ],
)
def test_a_script_that_is_not_told_its_element_counts_nothing(
    walk: Walk, pages: tuple[dict[str, str], Served], name: str, html: str
) -> None:
    texts, site = pages
    tag = lines(walk)["tag"].replace("<script async", '<script type="module"')
    loader = lines(walk)["tag manager"].replace("document.head.appendChild", "d.shadowRoot.appendChild")
    texts[name] = html.format(tag=tag) if name == "module" else html + loader
    assert counted(walk, f"{site.url}/{name}") == []
    assert walk.errors == []


def test_a_remembered_answer_right_after_the_tag_counts_on_every_page(
    walk: Walk, pages: tuple[dict[str, str], Served]
) -> None:
    texts, site = pages
    tag = lines(walk, consent="explicit")["tag"] + REMEMBERED
    texts |= dict.fromkeys(("one", "two", "three"), tag)
    walk.context.add_cookies([{"name": "consent", "value": "yes", "url": site.url}])
    page = walk.context.new_page()
    for number, name in enumerate(("one", "two", "three"), start=1):
        page.goto(f"{site.url}/{name}")
        walk.after(number, page)

    def told() -> list[str]:
        page.wait_for_timeout(20)  # hands control to the browser's events
        return [request.post_data or "" for request in walk.sent if request.method == "POST"]

    wait_until(lambda: len(told()) == 3)
    assert [('"c":"1"' in text) for text in told()] == [True] * 3


def test_the_manual_shows_the_script_that_repeats_an_answer() -> None:
    manual = (Path(__file__).parents[2] / "docs/embedding.md").read_text()
    assert REMEMBERED in "\n".join(line.removeprefix("  ") for line in manual.splitlines())
