"""Problems with texts, for the tests of alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.alerts.policy import Told
from pipeline.problems.problem import Facts, Place, Problem

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
"""A Wednesday."""


def told(name: str, **given: Any) -> Told:
    """Return an active problem of the site `clinic` that lost 10 people; `title`, `days` and `reopened` are facts of it."""
    facts = Facts(
        number="people",
        seen=2.0,
        expected=12.0,
        of=0.0,
        days=given.pop("days", 30.0),
        reopened=given.pop("reopened", 0),
    )
    title = given.pop("title", f"Title of {name}")
    sentence = given.pop("sentence", f"Sentence of {name}.")
    fields: dict[str, Any] = {
        "id": name,
        "site": "clinic",
        "watch": "silent_page",
        "state": "open",
        "place": Place("page", "/booking"),
        "quiet_until": NOW - timedelta(hours=4),
        "since": NOW - timedelta(hours=3),
        "until": None,
        "opened_at": NOW - timedelta(hours=2),
        "changed_at": NOW - timedelta(hours=2),
        "muted_until": None,
        "fixed_by": "",
        "lost_low": 6.4,
        "lost": 10.0,
        "lost_high": 14.6,
        "confidence": 14.0,
        "facts": facts,
    }
    return Told(Problem(**{**fields, **given}), title, sentence)


def ended(name: str, at: datetime, **given: Any) -> Told:
    """Return a problem that was resolved at a time."""
    return told(name, state="resolved", until=at, changed_at=at, **given)
