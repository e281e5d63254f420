"""Debian's Chromium, driven by Playwright.

Owns its place and how it is started: no connection of its own, and no name resolves but those of this machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM: Final = Path("/usr/bin/chromium")
FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]
ABSENT: Final = f"{CHROMIUM} is not installed (Debian package chromium)"
needs_chromium = pytest.mark.skipif(not CHROMIUM.exists(), reason=ABSENT)
"""The mark of a module or test that cannot run without it."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Lend a browser. Not for a whole run: while it lasts, Playwright's event loop is the thread's, and `asyncio.run` fails in other tests."""
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
