"""A real browser before the demo clinic and a collector, all on loopback."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright
from starlette.types import ASGIApp

from collector.demo.site import demo_app
from pipeline.embedding.snippet import Wish
from pipeline.settings.site import Site
from support.chromium import ABSENT, CHROMIUM, FLAGS
from support.edge import CLINIC, Edge, Served
from support.walk import COMPARED, Walk

TABLE_HEAD = """# Results of real browsers

Each case is one test of `tests/browser` on the demo clinic, with the tag that `clinic-pixel snippet` prints. The
column "stored" shows the row as it is sent to ClickHouse; in cases whose name begins with "stored", it shows every
column of the row as it was read back from ClickHouse. `BROWSER_TABLE=docs/browsers.md pytest tests/browser` writes
this page. Ports, times and nonces differ from run to run; the tests check them, but this page does not list them.

| case | browser | field | expected | stored |
|---|---|---|---|---|"""


# Not for the whole run: while Playwright is on, its event loop is the thread's and `asyncio.run` fails in other tests.
@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(ABSENT)
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, args=FLAGS, ignore_default_args=["--disable-back-forward-cache"]
    )
    yield browser
    browser.close()


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    with Edge(tmp_path / "var") as edge:
        yield edge


Clinic = Callable[..., Served]


@pytest.fixture
def clinic(edge: Edge) -> Iterator[Clinic]:
    """Serve the demo clinic: `wrap` may put an ASGI application around it, the rest is what the page owner wishes."""
    served: list[Served] = []

    def serve(
        *,
        site: Site = CLINIC,
        collector: str = "",
        wrap: Callable[[ASGIApp], ASGIApp] = lambda app: app,
        **wish: object,
    ) -> Served:
        app = demo_app(Wish(site=site.id, collector=collector or edge.url, **{"ads": True, **wish}))  # type: ignore[arg-type]
        served.append(Served(wrap(app)))
        return served[-1].__enter__()

    yield serve
    for one in served:
        one.__exit__()


@pytest.fixture
def walk(chromium: Browser, edge: Edge, clinic: Clinic, request: pytest.FixtureRequest) -> Iterator[Walk]:
    """A walk through the demo clinic as it is, in a browser without a past."""
    context: BrowserContext = chromium.new_context(viewport={"width": 1100, "height": 700})
    yield Walk(edge, clinic(), context, request.node.name, "Chromium " + chromium.version)
    context.close()


def pytest_sessionfinish() -> None:
    """With BROWSER_TABLE=FILE, write what was expected and stored, field by field."""
    if (name := os.environ.get("BROWSER_TABLE")) and COMPARED:
        rows = [
            f"| {' | '.join(str(cell) or '(empty)' for cell in row)} |"
            for row in sorted(COMPARED, key=lambda row: row[:2])
        ]
        Path(name).write_text("\n".join([TABLE_HEAD, *rows, ""]), encoding="utf-8")
