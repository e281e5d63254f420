"""Problems in a database, for tests of those who read them: one of each state, at two sites, on the day of the clinic."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from pipeline.problems import store
from pipeline.problems.problem import Facts, Place, Problem
from pipeline.problems.sentences import sentence
from pipeline.problems.words import Language, date_of
from pipeline.settings.model import Settings

HOUR = timedelta(hours=1)
ZONE = ZoneInfo("UTC")
MUTED = timedelta(days=90)
"""So long the one muted problem is muted."""
USUAL_DAY = {"en": "20 November", "ru": "20 ноября"}


def problem(since: datetime, **changes: Any) -> Problem:
    """Return a page that is silent since an hour; `changes` are those of the problem and of its facts."""
    of_facts = {name: changes.pop(name) for name in Facts.__struct_fields__ if name in changes}
    usual: dict[str, Any] = {"number": "people", "seen": 1, "expected": 130, "of": 0, "days": 30}
    facts = Facts(**{**usual, "works_for": (Place("page", "/"),), **of_facts})
    plain: dict[str, Any] = {
        "id": "0a1b2c3d",
        "site": "clinic",
        "watch": "silent_page",
        "state": "ongoing",
        "place": Place("page", "/doctors"),
        "quiet_until": since - HOUR,
        "since": since,
        "until": None,
        "opened_at": since + HOUR,
        "changed_at": since + 2 * HOUR,
        "muted_until": None,
        "fixed_by": "",
        "lost_low": 96.4,
        "lost": 123.4,
        "lost_high": 151.9,
        "confidence": 23.456,
        "facts": facts,
    }
    return Problem(**{**plain, **changes})


def of_each_state(midnight: datetime) -> list[Problem]:
    """Return what a day left: rows of five problems, of which one was stored twice and one ended on the day before."""
    noon = midnight + 12 * HOUR
    first = problem(
        noon,
        works_for=(Place("page", "/"), Place("page", "/services")),
        changed=("release 1.4", "list tor 2026-11"),
        cause="tag_lost",
    )
    safari = {"watch": "program_lost", "place": Place("browser", "Safari"), "works_for": (Place("browser", "Chrome"),)}
    ended = {"state": "resolved", "confidence": 12.0}
    return [
        msgspec.structs.replace(first, state="open", changed_at=noon + HOUR, lost=40.0),
        first,
        problem(noon - 9 * HOUR, id="1b2c3d4e", site="branch", **safari, **ended, until=noon - 4 * HOUR, lost_low=2.1, lost=7.6, lost_high=12.9),
        problem(noon, id="2c3d4e5f", watch="network_lost", place=Place("network", "AS8359 MTS"), muted_until=midnight + MUTED),
        problem(
            noon - 2 * HOUR, id="3d4e5f60", watch="server_errors", place=Place("page", "/booking"), number="server_error", seen=31, expected=1,
            of=400, state="closed", fixed_by="release 1.4.1", verdict="waiting", lost_low=2_210.0, lost=3_456.0, lost_high=4_999.0,
        ),
        problem(noon, id="4e5f6071", watch="network_lost", place=Place("country", "RU"), state="open", lost_low=0.0, lost=0.4, lost_high=3.0),
        problem(noon - 30 * HOUR, id="5f607182", **safari, **ended, until=midnight - HOUR),
    ]  # fmt: skip


def store_problems(settings: Settings, problems: Iterable[Problem], *, as_of_usual_day: bool = False) -> None:
    """Store them with their sentences; `as_of_usual_day` names the day in the sentences 20 November."""

    def told(one: Problem, language: Language) -> str:
        text = sentence(one, ZONE, language)
        return text.replace(date_of(one.since, ZONE, language), USUAL_DAY[language]) if as_of_usual_day else text

    with store.connected(settings) as client:
        store.write(client, [store.Change(one, told(one, "en"), told(one, "ru")) for one in problems])
