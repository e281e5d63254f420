"""Turns an event into a row: the last computation before the database.

Owns `ENRICH_STEPS`, the only place that decides their order, and `EnrichFiles`, the files behind the tables. Rules: the
steps are pure (the tables are an argument, no clock, no file), so a retry gives the same row; for every event the result is exactly one row or one `Rejected`; an exception
never has a text of an event. `drop_*` may end an event, `put_*` adds facts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec

from pipeline.durations import DAY_MS
from pipeline.enrich import hints, labels
from pipeline.enrich.agents import NO_AGENT, AgentFacts, Agents, as_automation, as_monitor, as_signed
from pipeline.enrich.labels import Label
from pipeline.enrich.referrers import Referrers, read_spam
from pipeline.enrich.robots import Robots
from pipeline.enrich.rows import HintState, ReferrerKind, Row
from pipeline.errors import Fatal, PixelError
from pipeline.event import Event, EventColumns, Measurement
from pipeline.networks.fetched import CRAWLERS, origins_file, read_origins
from pipeline.networks.loaded_file import LoadedFile
from pipeline.reasons import RejectReason
from pipeline.settings.model import Settings
from pipeline.settings.sections import AddressList

__all__ = ["ENRICH_STEPS", "EnrichFiles", "EnrichTables", "Rejected", "enrich", "read_agent", "time_text"]

CRAWLER_LIST_FRESH_MS = 8 * DAY_MS
"""An older crawler list proves nothing: the operator may have added a range since (fraud catalogue, F04)."""

CACHED_COMPARISONS = 8192

DAY_CHARACTERS = len("2026-11-22")
"""The epoch is the UTC day of receipt: the first characters of that time's text."""

_columns_of = attrgetter(*EventColumns.__struct_fields__)

_is_automation = lru_cache(maxsize=CACHED_COMPARISONS)(hints.is_automation)
_compare = lru_cache(maxsize=CACHED_COMPARISONS)(hints.compare)
_contradiction = lru_cache(maxsize=CACHED_COMPARISONS)(hints.contradiction)


class Rejected(PixelError):
    """A record that cannot be stored; carries only its reason."""

    def __init__(self, reason: RejectReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class EnrichFiles:
    """The files of the settings that the steps need, kept in memory; raises `Fatal` that names the setting or file."""

    def __init__(self, settings: Settings, robots: Robots) -> None:
        spam = settings.networks.referrer_spam
        self._spam = LoadedFile(spam, read_spam) if spam else None
        self._lists = [
            (entry.robots, LoadedFile(entry.file, _time_of))
            for entry in settings.networks.lists
            if _names_robots(entry, robots.names)
        ]
        self._origins = LoadedFile(origins_file(settings), read_origins)
        self._names = robots.names

    @property
    def spam(self) -> frozenset[str]:
        """The domains of the spam list in force."""
        return self._spam.content if self._spam else frozenset()

    @property
    def crawler_lists(self) -> dict[str, int]:
        """The time of the list in force, in Unix milliseconds, by the name of each of its robots."""
        fetched = self._origins.content.get(CRAWLERS)
        brought = {name: _begin_of(fetched.date) for name in fetched.robots} if fetched else {}
        own = {robot: file.content for names, file in self._lists for robot in names}
        return {name: time for name, time in {**brought, **own}.items() if name in self._names}

    @property
    def loaded(self) -> dict[str, float]:
        """The modification time of each file in force, Unix seconds, by its path."""
        return {str(file.file): file.modified_s for file in self._files()}

    @property
    def refused(self) -> int:
        """The number of changed files that were not taken since the start."""
        return sum(file.refused for file in self._files())

    def look(self) -> bool:
        """Take the files that changed; return whether there was one."""
        return sum(file.look() for file in self._files()) > 0

    def _files(self) -> list[LoadedFile[Any]]:
        return [*([self._spam] if self._spam else []), *(file for _, file in self._lists), self._origins]


@dataclass(frozen=True)
class EnrichTables:
    """The look-up tables of the steps, for one worker. The caches inside are bounded.

    `crawler_lists` maps a robot's name to the time of the list of its operator's ranges, in Unix milliseconds.
    """

    agents: Agents
    referrers: Referrers
    crawler_lists: Mapping[str, int] = field(default_factory=dict)
    files: EnrichFiles | None = None

    @classmethod
    def load(cls, settings: Settings) -> EnrichTables:
        """Read the files that the settings name; raises `Fatal` that names the setting or file."""
        robots = Robots()
        files = EnrichFiles(settings, robots)
        return cls(Agents(robots), Referrers(settings.sites, files.spam), files.crawler_lists, files)

    def renewed(self) -> EnrichTables:
        """Return these tables, or new ones if a file changed since the last call."""
        if self.files is None or not self.files.look():
            return self
        return replace(self, referrers=self.referrers.knowing(self.files.spam), crawler_lists=self.files.crawler_lists)


class Draft(msgspec.Struct):
    """The columns computed so far."""

    received_at: str = ""
    agent: AgentFacts = NO_AGENT
    hints: HintState = "none"
    hints_detail: str = ""
    referrer_kind: ReferrerKind = "none"
    ivt_reasons: list[str] = []


Step = Callable[[Event, EnrichTables, Draft], None]


def drop_unstorable(event: Event, _tables: EnrichTables, _draft: Draft) -> None:
    """Reject an event that ClickHouse would refuse, because then it would refuse the whole batch.

    A number over 64 bits is the one bound that the decoder cannot check; values joined by OR keep any bit above.
    """
    if (event.visitor | event.ua_token | event.click_token | event.nonce) >> 64:
        raise Rejected(RejectReason.BAD_NUMBER)


def put_time(event: Event, _tables: EnrichTables, draft: Draft) -> None:
    """Put the time of receipt as a text that ClickHouse reads, in UTC."""
    draft.received_at = time_text(event.received_ms)


def put_agent(event: Event, tables: EnrichTables, draft: Draft) -> None:
    """Replace the user agent by its families, device class and robot name; a verified signature is a robot's word, too."""
    draft.agent = read_agent(event, tables)
    if event.agent_signed == "verified" and event.signer:
        draft.agent = as_signed(draft.agent, event.signer)


def put_hints(event: Event, _tables: EnrichTables, draft: Draft) -> None:
    """Compare the client hints with the user agent."""
    limit = hints.HINT_LIMIT
    said = draft.agent.claims
    told = event.hint_brands[:limit], event.hint_mobile[:limit], event.hint_platform[:limit]
    # Chromium sends no hints from a page whose scripts are off: missing hints mean nothing there.
    draft.hints = _compare(said, *told, https=event.https and event.mode != "noscript")
    if draft.hints == "contradict":
        draft.hints_detail = _contradiction(said, *told)


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


def enrich(event: Event, tables: EnrichTables, batch_id: str, collector: str = "") -> Row:
    """Return the complete row of an event; raises `Rejected` for an event that cannot be stored."""
    draft = Draft()
    for step in ENRICH_STEPS:
        step(event, tables, draft)
    return _row(event, draft, batch_id, collector)


def read_agent(record: Event | Measurement, tables: EnrichTables) -> AgentFacts:
    """Return the facts of a record's user agent; a brand of automation in the client hints is a robot's word, too, and
    so is the mark of the site's own check.
    """
    facts = tables.agents.read(record.agent)
    if record.hint_brands and not facts.robot and _is_automation(record.hint_brands[: hints.HINT_LIMIT]):
        facts = as_automation(facts)
    return as_monitor(facts, record.monitor) if record.monitor else facts


def time_text(received_ms: int) -> str:
    """Return Unix milliseconds as `YYYY-MM-DD HH:MM:SS.mmm`, UTC."""
    second, millisecond = divmod(received_ms, 1000)
    return f"{_second_text(second)}.{millisecond:03d}"


@lru_cache(maxsize=1024)
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _row(event: Event, draft: Draft, batch_id: str, collector: str) -> Row:
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
        hints_detail=draft.hints_detail,
        engine=agent.engine,
        engine_major=agent.engine_major,
        webview=agent.webview,
        collector=collector,
        batch_id=batch_id,
    )


def _crawler_labels(robot: str, event: Event, lists: Mapping[str, int]) -> tuple[Label, ...]:
    if event.net_class == "crawler":
        return (Label.VERIFIED_CRAWLER,)
    listed_ms = lists.get(robot)
    if listed_ms is None or event.net_class == "own":
        return ()
    return (Label.FALSE_CRAWLER,) if event.received_ms - listed_ms < CRAWLER_LIST_FRESH_MS else ()


def _names_robots(entry: AddressList, known: frozenset[str]) -> bool:
    for robot in entry.robots:
        if entry.net_class != "crawler" or robot not in known:
            raise Fatal(
                f"networks.lists: robots: {robot!r} of {entry.file}:"
                " expected a robot's known name in a list of class crawler"
            )
    return bool(entry.robots)


def _begin_of(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _time_of(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns // 1_000_000
    except OSError as error:
        raise Fatal(f"{file}: networks.lists cannot be read: {error.strerror}") from None
