"""The advice for a firewall: what a rule could say about the confirmed cases, and whom else it would have hit.

Owns the query on `fraud.advice` (sql/fraud/views/advice.sql), as the reader `security`. Nothing is ever applied by this product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from clickhouse_connect.driver import Client

from pipeline.database.client import working_as
from pipeline.settings.model import Settings

ADVICE: Final = "fraud.advice"


class Suggestion(NamedTuple):
    """One rule: its site, form and words, whom it would have hit in 28 days, and its sentence in both languages."""

    site: str
    action: Literal["block", "challenge"]
    form: Literal["network", "path", "agent", "false_name"]
    word: str
    country: str
    as_org: str
    examples: str
    case_hits: int
    people: int
    uncounted: int
    known: int
    suggestion: str
    suggestion_ru: str


def advice(settings: Settings) -> Sequence[Suggestion]:
    """Return the suggestions of all sites; raises `Retryable` when ClickHouse is unavailable, `Fatal` when it refuses."""
    with working_as(settings, "security") as client:
        return suggestions(client)


def suggestions(client: Client) -> Sequence[Suggestion]:
    """Return the suggestions of all sites, asked with a client of the reader `security`."""
    query = f"/* advice */ SELECT {', '.join(Suggestion._fields)} FROM {ADVICE}"  # noqa: S608 - a view of ours
    return [Suggestion(*row) for row in client.query(query).result_rows]
