"""A program that proves its name with a signature is known, not suspected; a failed signature proves nothing."""

from __future__ import annotations

from pipeline.settings.model import Settings
from support.server import Rows
from support.suspicion import MadeClient, fired

PAGES = ("/", "/price", "/doctors", "/booking")
CONTROLLED = ["declared_robot", "automation_token"]


def booking(client: MadeClient, **facts: object) -> list[dict[str, object]]:
    """Return a quick way through the pages to a booking, by a controlled browser."""
    reasons = {"ivt_reasons": CONTROLLED, **facts}
    return [
        *client.views(range(9), PAGES, **reasons),
        *client.views([10], ["/booking"], page_role="form", **reasons),
        *client.views([11], ["/booking/done"], page_role="done", **reasons),
    ]


def test_a_signed_agent_that_books_for_a_patient_is_never_suspected(tables: Rows, clickhouse: Settings) -> None:
    signed, controlled, failed = MadeClient(), MadeClient(), MadeClient()
    rows = [
        *booking(signed, robot="agent:chatgpt", agent_signed="verified"),
        *booking(controlled, robot="HeadlessChrome"),
        *booking(failed, robot="HeadlessChrome", agent_signed="failed"),
    ]
    assert fired(tables, clickhouse, rows, "F13").keys() == {controlled.suspect, failed.suspect}
