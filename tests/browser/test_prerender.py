"""Real prerendering: Debian's Chromium without a driver, because under one it activates no prerendered page."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from support.chromium import CHROMIUM, FLAGS
from support.edge import Edge, Served
from support.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed (Debian package chromium)"),
]

# The page opens its own prerendered link, as a click of a person would, or only says that it could have done so.
START = """<!doctype html><title>start</title>
<script type="speculationrules">{"prerender": [{"urls": ["/target"], "eagerness": "immediate"}]}</script>
<script>
  setTimeout(() => ACTION, 4000);
</script>"""
TARGET = """<!doctype html><title>target</title>
<script>
  navigator.sendBeacon("/said/" + (document.prerendering ? "prerendering" : "loaded"));
  document.addEventListener("prerenderingchange", () => navigator.sendBeacon("/said/activated"));
</script>
<script async src="COLLECTOR/p.js" data-site="clinic"></script>
<p data-pixel-ad="spring-checkup">Реклама</p>"""


class Clinic:
    """A site of two pages, which hears what they say of themselves, and when."""

    def __init__(self, collector: str, action: str) -> None:
        self.said: dict[str, float] = {}
        self._pages = {"start": START.replace("ACTION", action), "target": TARGET.replace("COLLECTOR", collector)}
        self.app = Starlette(
            routes=[
                Route("/said/{word}", self._hear, methods=["POST"]),
                Route("/{page:path}", self._answer),
            ]
        )

    async def _hear(self, request: Request) -> Response:
        self.said.setdefault(request.path_params["word"], monotonic())
        return Response(status_code=204)

    async def _answer(self, request: Request) -> Response:
        page = self._pages.get(request.path_params["page"])
        return Response(status_code=404) if page is None else HTMLResponse(page)


@contextmanager
def browser(profile: Path, url: str) -> Iterator[None]:
    """Open one address in a Chromium with a profile of its own."""
    flags = [flag for flag in FLAGS if flag != "--disable-background-networking"]
    command = [CHROMIUM, "--headless=new", *flags, f"--user-data-dir={profile}", url]
    # A group of its own, because Chromium is many processes.
    with (profile.parent / "chromium.said").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@pytest.fixture
def opened(edge: Edge, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    clinic = Clinic(edge.url, request.param)
    with Served(clinic.app) as served, browser(tmp_path / "profile", served.url + "/start"):
        yield clinic


@pytest.mark.parametrize("opened", ["location.href = '/target'"], indirect=True)
def test_a_prerendered_page_counts_once_at_its_activation_and_its_ad_block_on_its_page(
    edge: Edge, opened: Clinic
) -> None:
    wait_until(lambda: "prerendering" in opened.said, "the prerendering", seconds=60)
    assert edge.events() == []
    wait_until(lambda: "activated" in opened.said, "the activation", seconds=60)
    wait_until(edge.events, "the page view")
    assert monotonic() - opened.said["activated"] < 3  # the page is still open
    wait_until(lambda: len(edge.events()) > 1, "the impression")
    assert [(event.kind, event.page, event.ad) for event in edge.events()] == [
        ("pageview", "/target", ""),
        ("impression", "/target", "spring-checkup"),
    ]
    assert len({event.nonce for event in edge.events()}) == 1
    assert "loaded" not in opened.said


@pytest.mark.parametrize("opened", ["navigator.sendBeacon('/said/stayed')"], indirect=True)
def test_a_prerendered_page_that_nobody_opens_counts_nothing(edge: Edge, opened: Clinic) -> None:
    wait_until(lambda: "prerendering" in opened.said, "the prerendering", seconds=60)
    wait_until(lambda: "stayed" in opened.said, "four seconds on the first page", seconds=60)
    assert edge.events() == []
    assert "activated" not in opened.said
