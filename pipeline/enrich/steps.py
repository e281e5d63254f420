"""Turns an event into a row: the last computation before the database.

Owns the order of the steps of `enrich` and of `_judge`, and `EnrichFiles`, the files behind the tables. Rules: the steps are
pure (the tables are an argument, no clock, no file), so a retry gives the same row; for every event the result is exactly
one row or one `Rejected`; an exception never has a text of an event. Most events repeat an agent, its hints and a kind of
referrer: the facts that follow from these parts are computed once and cached.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cached_property, lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from pipeline.aged_cache import AgedCache
from pipeline.durations import DAY_MS
from pipeline.enrich import hints, labels
from pipeline.enrich.agents import AGENT_LIMIT, AgentFacts, Agents, as_automation, as_monitor, as_signed
from pipeline.enrich.hints import HINT_LIMIT
from pipeline.enrich.labels import Label
from pipeline.enrich.referrers import Referrers, read_spam
from pipeline.enrich.robots import Robots
from pipeline.enrich.rows import Facts, HintState, ReferrerKind, Row
from pipeline.errors import Fatal, PixelError
from pipeline.event import Event, EventColumns, Measurement, NetClass
from pipeline.networks.fetched import CRAWLERS, origins_file, read_origins
from pipeline.networks.loaded_file import LoadedFile
from pipeline.reasons import RejectReason
from pipeline.settings.model import Settings
from pipeline.settings.sections import AddressList

__all__ = ["EnrichFiles", "EnrichTables", "Rejected", "enrich", "read_agent", "time_text"]

CRAWLER_LIST_FRESH_MS = 8 * DAY_MS
"""An older crawler list proves nothing: the operator may have added a range since (fraud catalogue, F04)."""

CACHED_FACTS = 16_384
"""Different agents with their hints and labels; about 1 KB each, 5 KB at the most."""

DAY_CHARACTERS = len("2026-11-22")
"""The epoch is the UTC day of receipt: the first characters of that time's text."""

_columns_of = attrgetter(*EventColumns.__struct_fields__)

_is_automation = lru_cache(maxsize=CACHED_FACTS)(hints.is_automation)


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

    @cached_property
    def judged(self) -> AgedCache[Said, Judged]:
        """The facts of each combination of the parts of an event, from the agents alone."""
        return AgedCache(lambda said: _judge(said, self.agents), most=CACHED_FACTS)

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


class Said(msgspec.Struct, frozen=True):
    """The parts of an event from which its facts follow. They are the key of a cache, so free texts are cut."""

    agent: str
    hint_brands: str
    hint_mobile: str
    hint_platform: str
    expects_hints: bool
    monitor: str
    signer: str
    net_class: NetClass
    referrer_kind: ReferrerKind


class Judged(NamedTuple):
    """The facts of an event, and the types redacted in its stored agent (bits of `Scrubbed`)."""

    facts: Facts
    scrubbed: int


def enrich(event: Event, tables: EnrichTables, batch_id: str, collector: str = "") -> Row:
    """Return the complete row of an event; raises `Rejected` for an event that cannot be stored."""
    drop_unstorable(event)
    facts, scrubbed = tables.judged[_said(event, tables.referrers)]
    if facts.robot in tables.crawler_lists:
        facts = _against_list(facts, event, tables.crawler_lists[facts.robot])
    time = time_text(event.received_ms)
    added = (time, time[:DAY_CHARACTERS], *facts, event.scrubbed | scrubbed, collector, batch_id)
    columns = (*_columns_of(event), *added)
    return Row(*columns)


def drop_unstorable(event: Event) -> None:
    """Reject an event that ClickHouse would refuse, because then it would refuse the whole batch.

    A number over 64 bits is the one bound that the decoder cannot check; values joined by OR keep any bit above.
    """
    if (event.visitor | event.ua_token | event.click_token | event.nonce) >> 64:
        raise Rejected(RejectReason.BAD_NUMBER)


def _said(event: Event, referrers: Referrers) -> Said:
    return Said(
        event.agent[: AGENT_LIMIT + 1],
        event.hint_brands[:HINT_LIMIT],
        event.hint_mobile[:HINT_LIMIT],
        event.hint_platform[:HINT_LIMIT],
        # Chromium sends no hints from a page whose scripts are off: missing hints mean nothing there.
        event.https and event.mode != "noscript",
        event.monitor,
        event.signer if event.agent_signed == "verified" else "",
        event.net_class,
        referrers.kind(event.referrer_host, event.site),
    )


def _judge(said: Said, agents: Agents) -> Judged:
    agent = read_agent(said, agents)
    if said.signer:
        agent = as_signed(agent, said.signer)
    told = said.hint_brands, said.hint_mobile, said.hint_platform
    state = hints.compare(agent.claims, *told, https=said.expects_hints)
    facts = Facts(
        browser=agent.browser,
        browser_major=agent.browser_major,
        os=agent.os,
        os_major=agent.os_major,
        device=agent.device,
        hints=state,
        robot=agent.robot,
        ua_raw=agent.ua_raw,
        referrer_kind=said.referrer_kind,
        ivt_reasons=_labels(said, agent, state),
        hints_detail=hints.contradiction(agent.claims, *told) if state == "contradict" else "",
        engine=agent.engine,
        engine_major=agent.engine_major,
        webview=agent.webview,
    )
    return Judged(facts, agent.scrubbed)


def _labels(said: Said, agent: AgentFacts, state: HintState) -> tuple[str, ...]:
    """Return the labels that follow from lists and from the request alone, in their order."""
    found: list[str] = [*agent.labels]
    if (network := labels.OF_NETWORK.get(said.net_class)) and not (agent.robot and network is Label.DATACENTER):
        found.append(network)
    if agent.robot and said.net_class == "crawler":
        found.append(Label.VERIFIED_CRAWLER)
    if not agent.robot and (mark := labels.OF_HINTS.get(state)):
        found.append(mark)
    if said.referrer_kind == "spam":
        found.append(Label.REFERRER_SPAM)
    return tuple(sorted(found, key=labels.ORDER.__getitem__))


def _against_list(facts: Facts, event: Event, listed_ms: int) -> Facts:
    """Label a robot whose address is outside of the fresh ranges of its operator."""
    if event.net_class in ("crawler", "own") or event.received_ms - listed_ms >= CRAWLER_LIST_FRESH_MS:
        return facts
    found = sorted((*facts.ivt_reasons, Label.FALSE_CRAWLER), key=labels.ORDER.__getitem__)
    return facts._replace(ivt_reasons=tuple(found))


def read_agent(record: Said | Measurement, agents: Agents) -> AgentFacts:
    """Return the facts of a record's user agent; a brand of automation in the client hints is a robot's word, too, and
    so is the mark of the site's own check.
    """
    facts = agents.read(record.agent)
    if record.hint_brands and not facts.robot and _is_automation(record.hint_brands[:HINT_LIMIT]):
        facts = as_automation(facts)
    return as_monitor(facts, record.monitor) if record.monitor else facts


def time_text(received_ms: int) -> str:
    """Return Unix milliseconds as `YYYY-MM-DD HH:MM:SS.mmm`, UTC."""
    return f"{_second_text(received_ms // 1000)}.{received_ms % 1000:03d}"


@lru_cache(maxsize=1024)
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S")


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
