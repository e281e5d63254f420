"""Turns an event into a row: the last computation before the database.

Owns `ENRICH_STEPS`, the only place that decides their order. Rules: pure (the tables are an argument, no clock, no
file), so a retry gives the same row; for every event the result is exactly one row or one `Rejected`; an exception
never has a text of an event. `drop_*` may end an event, `put_*` adds facts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter

import msgspec

from pipeline.durations import DAY_MS
from pipeline.enrich import hints, labels
from pipeline.enrich.agents import NO_AGENT, AgentFacts, Agents, as_automation
from pipeline.enrich.checks import Rejected, check_event
from pipeline.enrich.labels import Label
from pipeline.enrich.referrers import Referrers, read_spam
from pipeline.enrich.robots import Robots
from pipeline.enrich.rows import HintState, ReferrerKind, Row
from pipeline.errors import Fatal
from pipeline.event import Event, EventColumns
from pipeline.settings import AddressList, Settings

__all__ = ["ENRICH_STEPS", "EnrichTables", "Rejected", "enrich", "time_text"]

CRAWLER_LIST_FRESH_MS = 8 * DAY_MS
"""An older crawler list proves nothing: the operator may have added a range since (fraud catalogue, F04)."""

CACHED_COMPARISONS = 8192

DAY_CHARACTERS = len("2026-11-22")
"""The epoch is the UTC day of receipt: the first characters of that time's text."""

_columns_of = attrgetter(*EventColumns.__struct_fields__)

_is_automation = lru_cache(maxsize=CACHED_COMPARISONS)(hints.is_automation)
_compare = lru_cache(maxsize=CACHED_COMPARISONS)(hints.compare)


@dataclass(frozen=True)
class EnrichTables:
    """The look-up tables of the steps; built once a worker. The caches inside are bounded.

    `crawler_lists` maps a robot's name to the time of the list of its operator's ranges, in Unix milliseconds.
    """

    agents: Agents
    referrers: Referrers
    crawler_lists: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, settings: Settings) -> EnrichTables:
        """Read the files that the settings name; raises `Fatal` that names the setting or file."""
        robots = Robots()
        return cls(
            agents=Agents(robots),
            referrers=Referrers(settings.sites, read_spam(settings.networks.referrer_spam)),
            crawler_lists={
                robot: written_ms
                for entry in settings.networks.lists
                for robot, written_ms in _listed_robots(entry, robots.names).items()
            },
        )


class Draft(msgspec.Struct):
    """The columns computed so far."""

    received_at: str = ""
    agent: AgentFacts = NO_AGENT
    hints: HintState = "none"
    referrer_kind: ReferrerKind = "none"
    ivt_reasons: list[str] = []


Step = Callable[[Event, EnrichTables, Draft], None]


def drop_unstorable(event: Event, _tables: EnrichTables, _draft: Draft) -> None:
    """Reject an event that ClickHouse would refuse, because then it would refuse the whole batch."""
    check_event(event)


def put_time(event: Event, _tables: EnrichTables, draft: Draft) -> None:
    """Put the time of receipt as a text that ClickHouse reads, in UTC."""
    draft.received_at = time_text(event.received_ms)


def put_agent(event: Event, tables: EnrichTables, draft: Draft) -> None:
    """Replace the user agent by its families, device class and robot name; a brand of automation is a robot's word, too."""
    draft.agent = tables.agents.read(event.agent)
    if event.hint_brands and not draft.agent.robot and _is_automation(event.hint_brands[: hints.HINT_LIMIT]):
        draft.agent = as_automation(draft.agent)


def put_hints(event: Event, _tables: EnrichTables, draft: Draft) -> None:
    """Compare the client hints with the user agent."""
    limit = hints.HINT_LIMIT
    draft.hints = _compare(
        draft.agent.claims,
        event.hint_brands[:limit],
        event.hint_mobile[:limit],
        event.hint_platform[:limit],
        # Chromium sends no hints from a page whose scripts are off: missing hints mean nothing there.
        https=event.https and event.mode != "noscript",
    )


def put_referrer(event: Event, tables: EnrichTables, draft: Draft) -> None:
    """Put the kind of the previous page's site."""
    draft.referrer_kind = tables.referrers.kind(event.referrer_host, event.site)


def put_labels(event: Event, tables: EnrichTables, draft: Draft) -> None:
    """Put the labels that follow from lists and from the request alone."""
    found: list[str] = [*draft.agent.labels]
    robot = draft.agent.robot
    if (network := labels.OF_NETWORK.get(event.net_class)) and not (robot and network is Label.DATACENTER):
        found.append(network)
    if robot:
        found += _crawler_labels(robot, event, tables.crawler_lists)
    elif mark := labels.OF_HINTS.get(draft.hints):
        found.append(mark)
    if draft.referrer_kind == "spam":
        found.append(Label.REFERRER_SPAM)
    found.sort(key=labels.ORDER.__getitem__)
    draft.ivt_reasons = found


ENRICH_STEPS: tuple[Step, ...] = (
    drop_unstorable,
    put_time,
    put_agent,
    put_hints,
    put_referrer,
    put_labels,
)
"""The order of enrichment: the check of the event first, then the agent, then the facts derived from it."""


def enrich(event: Event, tables: EnrichTables, batch_id: str) -> Row:
    """Return the complete row of an event; raises `Rejected` for an event that cannot be stored."""
    draft = Draft()
    for step in ENRICH_STEPS:
        step(event, tables, draft)
    return _row(event, draft, batch_id)


def time_text(received_ms: int) -> str:
    """Return Unix milliseconds as `YYYY-MM-DD HH:MM:SS.mmm`, UTC."""
    second, millisecond = divmod(received_ms, 1000)
    return f"{_second_text(second)}.{millisecond:03d}"


@lru_cache(maxsize=1024)
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _row(event: Event, draft: Draft, batch_id: str) -> Row:
    agent = draft.agent
    return Row(
        *_columns_of(event),
        received_at=draft.received_at,
        epoch=draft.received_at[:DAY_CHARACTERS],
        browser=agent.browser,
        browser_major=agent.browser_major,
        os=agent.os,
        os_major=agent.os_major,
        device=agent.device,
        hints=draft.hints,
        robot=agent.robot,
        ua_raw=agent.ua_raw,
        referrer_kind=draft.referrer_kind,
        ivt_reasons=draft.ivt_reasons,
        scrubbed=event.scrubbed | agent.scrubbed,
        batch_id=batch_id,
    )


def _crawler_labels(robot: str, event: Event, lists: Mapping[str, int]) -> tuple[Label, ...]:
    if event.net_class == "crawler":
        return (Label.VERIFIED_CRAWLER,)
    listed_ms = lists.get(robot)
    if listed_ms is None or event.net_class == "own":
        return ()
    return (Label.FALSE_CRAWLER,) if event.received_ms - listed_ms < CRAWLER_LIST_FRESH_MS else ()


def _listed_robots(entry: AddressList, known: frozenset[str]) -> dict[str, int]:
    for robot in entry.robots:
        if entry.net_class != "crawler" or robot not in known:
            raise Fatal(
                f"networks.lists: robots: {robot!r} of {entry.file}:"
                " expected a robot's known name in a list of class crawler"
            )
    if not entry.robots:
        return {}
    try:
        written_ms = entry.file.stat().st_mtime_ns // 1_000_000
    except OSError as error:
        raise Fatal(f"{entry.file}: networks.lists cannot be read: {error.strerror}") from None
    return dict.fromkeys(entry.robots, written_ms)
