"""Attack strings in the query of one page: of them only the kind is stored, so they are counted by views."""

from __future__ import annotations

from pipeline.settings.model import Settings
from support.server import Rows
from support.suspicion import MadeClient, fired


def test_ten_views_of_one_page_with_attack_strings_are_two_attempts_and_nine_are_one(
    tables: Rows, clickhouse: Settings
) -> None:
    ten, nine, door = MadeClient(), MadeClient(), MadeClient()
    rows = [
        *ten.views(range(10), ("/search",), attack="sql"),
        *nine.views(range(9), ("/search",), attack="sql"),
        *door.views(range(30), ("/wp-login.php",), attack="cms_door"),
    ]
    assert fired(tables, clickhouse, rows, "F17") == {ten.suspect: 2}
