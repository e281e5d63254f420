"""A library that says its name is regular by nature: a fixed rhythm of it is no second proof."""

from __future__ import annotations

import pytest

from pipeline.settings.model import Settings
from support.server import Rows
from support.suspicion import MadeClient, fired

LIBRARY = {"robot": "Wget", "ivt_reasons": ["http_library"], "ua_raw": "Wget/1.20"}
PAGES = ("/", "/price", "/doctors")


@pytest.mark.parametrize(
    ("signal", "seconds"),
    [
        ("F18", range(0, 120, 5)),
        ("F20", range(0, 240, 8)),
        ("F21", range(0, 240, 8)),
        ("F22", range(0, 240, 8)),
        ("F23", range(0, 22 * 3600, 3600)),
    ],
)
def test_a_fixed_rhythm_is_a_sign_of_a_browser_and_not_of_a_library_that_says_its_name(
    signal: str, seconds: range, tables: Rows, clickhouse: Settings
) -> None:
    browser, script = MadeClient(), MadeClient(LIBRARY)
    pages = PAGES if signal in ("F20", "F21") else ("/",)
    if signal == "F23":
        # A day has too few hours after ten o'clock for the other times.
        seconds = range(-10 * 3600, 14 * 3600 - 1, 3600)
    rows = [row for client in (browser, script) for row in client.views(seconds, pages)]
    assert set(fired(tables, clickhouse, rows, signal)) == {browser.suspect}
