"""The pictures of the docs: starts the product with four made-up weeks of a clinic and writes PNG files, with `python -m support.pictures`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page

from dashboards.access.people import People, Person
from dashboards.access.store import access_file
from pipeline.database.client import working_as
from pipeline.fraud.job import score_days
from pipeline.settings.model import Settings
from pipeline.settings.site import DEMO_SITE, Site
from pipeline.system import locks
from support.chromium import chromium
from support.dashboards import PASSWORD
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
        published = partial(system.run, "publish", check=False)
        wait_until(lambda: published().returncode == 0, "the weeks to be published", seconds=600, pause=2)
        take(system.settings, PICTURES)


@contextmanager
def lived(home: Path, *others: Site, people: int = 300) -> Iterator[System]:
    """Run the product after four weeks of a made-up clinic whose booking form broke for one browser, and which was attacked.

    So many people came on each day; `others` are sites where nobody was.
    """
    system = System(home, sites=[each.model_dump(mode="json", exclude_defaults=True) for each in (DEMO_SITE, *others)])
    try:
        system.start().run("simulate", *STORY, "--people", str(people))
        system.run("problems", "check")
        wait_until(lambda: _scored(system.settings), "the newest days to be scored", seconds=300, pause=2)
        yield system
    finally:
        system.stop()


def take(settings: Settings, into: Path) -> None:
    """Sign in and write the pictures of dashboards that run."""
    url = f"http://localhost:{settings.dashboards.port}"
    People(access_file(settings)).add(Person("anna", "admin", ()), PASSWORD)
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 720}, color_scheme="light", locale="en-GB")
        page.goto(f"{url}/sign-in")
        page.fill("[name=name]", "anna")
        page.fill("[name=password]", PASSWORD)
        page.click("main button")
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


def code_of_a_visitor(browser: Browser, settings: Settings) -> str:
    """Read a page with the pixel and then /privacy, as a visitor does who wants to know; return the code that is shown there."""
    collector = f"http://localhost:{settings.collector.port}"
    visitor = browser.new_context(locale="en-GB")
    page = visitor.new_page()
    with working_as(settings, "pixel_admin") as client:
        stored = partial(
            client.command, "SELECT count() FROM pixel.events WHERE page = '/doctors' AND cookie_state = 'returning'"
        )
        before = int(str(stored()))
        for path in ("/", "/contacts", "/doctors"):
            page.request.get(f"{collector}/p.gif?s=clinic&m=js&u={collector}{path}")
        wait_until(lambda: int(str(stored())) > before, "the visit to be stored", seconds=30)
    page.goto(f"{collector}/privacy")
    code = page.locator("#request-code").inner_text()
    visitor.close()
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
