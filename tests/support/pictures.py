"""The pictures of the docs: starts the product with four made-up weeks of a clinic and writes PNG files, with `python -m support.pictures`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, sync_playwright

from dashboards.access.links import Invitation, Links
from dashboards.access.store import access_file
from pipeline.database.client import working_as
from pipeline.fraud.job import score_days
from pipeline.settings.model import Settings
from pipeline.settings.site import DEMO_SITE
from pipeline.system import locks
from support.system import System
from support.waiting import wait_until

PICTURES: Final = Path(__file__).parents[2] / "docs" / "pictures"
LARGEST: Final = 150 * 1024
STORY: Final[Sequence[str]] = (
    "--history", "28", "--fault", "browser-form", "--attack", "vulnerability-scan", "--attack", "booking-burst",
)  # fmt: skip


def main() -> None:
    """Write all pictures; raises `ValueError` for one of more than `LARGEST` bytes."""
    with tempfile.TemporaryDirectory() as home, lived(Path(home)) as system:
        system.run("publish")
        take(system.settings, PICTURES)


@contextmanager
def lived(home: Path) -> Iterator[System]:
    """Run the product after four weeks of a made-up clinic whose booking form broke for one browser, and which was attacked."""
    system = System(home, sites=[DEMO_SITE.model_dump(mode="json", exclude_defaults=True)])
    try:
        system.start().run("simulate", *STORY)
        system.run("problems", "check")
        wait_until(lambda: _scored(system.settings), "the newest days to be scored", seconds=300, pause=2)
        yield system
    finally:
        system.stop()


def take(settings: Settings, into: Path) -> None:
    """Sign in by a link and write the pictures of dashboards that run."""
    url = f"http://localhost:{settings.dashboards.port}"
    token = Links(access_file(settings)).make(Invitation("", "admin"))
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 720}, color_scheme="light", locale="en-GB")
        page.goto(f"{url}/welcome?token={token}")
        page.fill("[name=name]", "anna")
        for field in ("password", "again"):
            page.fill(f"[name={field}]", "four words nobody guesses")
        page.click("button")
        page.wait_for_selector(".cards")
        _picture(page, into, "overview")
        page.goto(f"{url}/technical")
        page.locator("a[href^='/technical/problems/']", has_text="Completed bookings").first.click()
        page.wait_for_selector("dl.answers")
        _picture(page, into, "problem")
        page.goto(f"{url}/fraud")
        page.locator(".cases a").first.click()
        page.fill("#purpose", "weekly review")
        page.click("main button")
        page.wait_for_selector("#verdict")
        _picture(page, into, "fraud-case")
        page.goto(f"{url}/embed")
        _picture(page, into, "embed")
        page.goto(f"{url}/privacy/requests")
        code = code_of_a_visitor(browser, settings)
        for field, text in {
            "case": "12/2026-4",
            "requester": "M. Petrova",
            "basis": "letter of today",
            "code": code,
        }.items():
            page.fill(f"[name={field}]", text)
        page.click("main form button")
        page.wait_for_selector("h1:has-text('12/2026-4')")
        _picture(page, into, "privacy-request")
        browser.close()


def code_of_a_visitor(browser: Browser, settings: Settings) -> str:
    """Read a page with the pixel and then /privacy, as a visitor does who wants to know; return the code that is shown there."""
    collector = f"http://localhost:{settings.collector.port}"
    visitor = browser.new_context(locale="en-GB")
    page = visitor.new_page()
    for path in ("/", "/doctors", "/contacts"):
        page.request.get(f"{collector}/p.gif?s=clinic&m=js&u={collector}{path}")
    page.goto(f"{collector}/privacy")
    code = page.locator("#request-code").inner_text()
    visitor.close()
    with working_as(settings, "pixel_admin") as client:
        stored = "SELECT count() FROM pixel.events WHERE received_at > now() - INTERVAL 5 MINUTE AND page IN ('/doctors', '/contacts')"
        wait_until(lambda: int(str(client.command(stored))) >= 2, "the visit to be stored", seconds=30)
    return code


def _scored(settings: Settings) -> bool:
    """Score today and yesterday, in which the attacks are; say no while `ship` scores."""
    try:
        score_days(settings, datetime.now(UTC), days=2)
    except locks.Held:
        return False
    return True


def _picture(page: Page, into: Path, name: str) -> None:
    file = into / f"{name}.png"
    page.screenshot(path=file)
    if file.stat().st_size > LARGEST:
        raise ValueError(f"{file.name} has {file.stat().st_size} bytes, more than {LARGEST}")


if __name__ == "__main__":
    main()
