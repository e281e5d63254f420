"""The checks of the running collector: its answers, its figures, and the look-up files that it has in memory.

A check looks at one part and yields its results; `pipeline.operations.doctor` runs it and catches its errors.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import maxminddb
import msgspec

from pipeline.durations import DAY_SECONDS
from pipeline.errors import Fatal
from pipeline.networks.fetched import CRAWLERS, asn_file, build_date, country_file, fetched_file, origin_of
from pipeline.networks.lists import is_stale
from pipeline.networks.loaded_file import FileState
from pipeline.networks.lookup import sources
from pipeline.networks.providers import read_providers
from pipeline.networks.signed_agents import figure_of, key_files
from pipeline.operations.machine_checks import Seen, State, said
from pipeline.settings.model import Settings
from pipeline.settings.sections import SignedAgent
from pipeline.ship.status import read_status
from pipeline.signatures.key_set import UnusableKeys, read_keys
from pipeline.system.answers import answer_of
from pipeline.told import Told

OLD_KEYS_DAYS = 8
OLD_DATABASE_DAYS = 35  # MaxMind publishes at least weekly; a month-old file has wrong entries for moved networks
OLD_FETCHED_DAYS = 90
"""A pinned file is as old as the release of the software; the networks that moved since are few."""
PAGE_FAULT_SHARE = 0.01
"""Above this share of all events, unreadable page addresses make the reports by page wrong."""
PRIVATE_CLIENTS = 10
"""More clients with private addresses than this come through a proxy, not from the clinic itself."""
FORGOTTEN = {"loopback": "proxy_loopback", "loopback_v6": "proxy_loopback", "private": "proxy_private"}
"""By the name in the figures: the words for the place of a proxy that nobody trusts; those of the remedy are `proxy_set_<name>`."""
PREFIX = "clinic_pixel_"
LATE_SECONDS = 60.0


def collector(settings: Settings) -> Seen:
    """Whether the collector answers, accepts hits, stays out of swap and seals its segments."""
    url = f"{settings.collector.url}/health/ready"
    answer = answer_of(url, timeout=2.0)
    if answer is None:
        yield "problem", said("collector_away", url=url)
        return
    if answer.status == 200:
        yield "ok", said("collector_accepts")
    else:
        yield "problem", said("collector_not_ready", reason=answer.data.decode(errors="replace").partition("\n")[0])
    figures = _figures(settings)
    if figures.get("memory_may_swap"):
        yield "problem", said("collector_may_swap")
    elif figures:
        yield "ok", said("collector_no_swap")
    unsealed = figures.get("segment_unsealed_seconds", 0.0)
    if unsealed > settings.spool.segment_seconds + LATE_SECONDS:
        yield "problem", said("collector_unsealed", seconds=unsealed, directory=settings.spool_dir)


def proxies(settings: Settings) -> Seen:
    """Whether a proxy in front is trusted."""
    figures = _figures(settings)
    forgotten = {name: int(figures.get(f"forwards_untrusted_{name}", 0)) for name in FORGOTTEN}
    for name, seen in forgotten.items():
        if seen:
            where, advice = said(FORGOTTEN[name]), said(f"proxy_set_{name}")
            yield "problem", said("proxy_untrusted", seen=seen, where=where, advice=advice)
    private = sum(value for name, value in _totals(settings) if name == "private_clients")
    if private and not settings.collector.trusted_proxies:
        # A few are people of the clinic's own network.
        state: State = "problem" if private > PRIVATE_CLIENTS else "note"
        yield state, said("private_clients", n=private)
    elif not any(forgotten.values()):
        yield "ok", said("proxies", networks=len(settings.collector.trusted_proxies))


def pages(settings: Settings) -> Seen:
    """Whether page addresses can be read."""
    totals = Counter[str]()
    for name, value in _totals(settings):
        totals[name] += value
    lost, spooled = totals["page_faults"], totals["spooled"]
    if not lost:
        yield "ok", said("pages_read")
        return
    text = said("pages_unread", lost=lost, spooled=spooled)
    yield "problem" if lost > spooled * PAGE_FAULT_SHARE else "note", text


def networks(settings: Settings) -> Seen:
    """The look-up files: on disk, and as the running processes have them in memory."""
    in_force = _figures(settings)
    for name, (file, read) in sources(settings).items():
        try:
            read(file)
        except Fatal as error:
            yield "problem", str(error)
        yield from _in_force(file, in_force.get(f"{name}_modified_seconds"), "collector")
    for name, what, file in (
        ("country_mmdb", "what_country", country_file(settings)),
        ("asn_mmdb", "what_asn", asn_file(settings)),
        (CRAWLERS, "what_crawlers", fetched_file(settings, CRAWLERS)),
    ):
        yield _database(settings, said(what), file, in_force.get(f"{name}_modified_seconds"))
    if settings.networks.provider_classes:
        yield "ok", said("providers", reviewed=read_providers().reviewed)
    if not settings.networks.lists:
        yield "note", said("no_own_lists")
    elif is_stale(settings):
        yield "problem", said("lists_stale")
    else:
        yield "ok", said("lists", lists=len(settings.networks.lists))
    for agent, file in key_files(settings):
        yield _agent_keys(agent, file)
        yield from _in_force(file, in_force.get(f"{figure_of(agent)}_modified_seconds"), "collector")
    status = read_status(settings.data)
    if status is not None and status.state != "stopped":
        for name, modified in status.loaded_files.items():
            yield from _in_force(Path(name), modified, "shipper")


def _agent_keys(agent: SignedAgent, file: Path) -> tuple[State, str]:
    remedy = said("put_file" if agent.file else "fetch_lists")
    if not file.exists():
        return "problem", said("agent_keys_missing", file=file, agent=agent.name, remedy=remedy)
    try:
        number = len(read_keys(file.read_bytes()))
    except (UnusableKeys, OSError) as error:
        kind = type(error).__name__
        return "problem", said("agent_keys_unusable", file=file, agent=agent.name, error=kind, remedy=remedy)
    age = (time.time() - file.stat().st_mtime) / DAY_SECONDS
    if not agent.file and age > OLD_KEYS_DAYS:
        return "note", said("agent_keys_old", agent=agent.name, days=age, remedy=remedy)
    return "ok", said("agent_keys", n=number, agent=agent.name, days=age)


def _in_force(file: Path, modified: float | None, process: Literal["collector", "shipper"]) -> Seen:
    """Compare the file that a process has in memory with the one on disk; `modified` is None if no process says."""
    if modified is None:
        return
    state = FileState.of(file)
    if modified == state.modified_ns / 1e9:
        if modified:
            has = said("in_memory", process=said(process), at=_moment(modified))
            yield "ok", said("file_in_force", file=file.name, has=has)
        return
    if modified:
        has = said("in_memory", process=said(process), at=_moment(modified))
    else:
        has = said("no_file_in_memory", process=said(process))
    if state == FileState():
        yield "problem", said("file_missing", file=file, has=has)
    elif time.time() - state.changed_ns / 1e9 < LATE_SECONDS:
        yield "note", said("file_soon", file=file.name, has=has, at=_moment(state.modified_ns / 1e9))
    else:
        yield "problem", said("file_not_taken", file=file.name, has=has, at=_moment(state.modified_ns / 1e9))


def _moment(seconds: float) -> Told:
    return said("moment", at=datetime.fromtimestamp(seconds, UTC))


def _database(settings: Settings, what: Told, file: Path, modified: float | None) -> tuple[State, str]:
    """Tell source, age and licence of a file; `modified` is the time of the file that the collector has, if it says."""
    is_fetched = file.parent == settings.networks_dir
    if not file.exists():
        state: State = "note" if is_fetched else "problem"
        remedy = said("fetch_lists" if is_fetched else "put_file")
        return state, said("database_missing", what=what, file=file, remedy=remedy)
    origin = origin_of(settings, file)
    try:
        day = origin.date if origin else build_date(file)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError):
        return "problem", said("database_unreadable", what=what, file=file)
    age = (datetime.now(UTC).date() - day).days
    known = bool(origin and origin.licence)
    is_old = age > (OLD_FETCHED_DAYS if known else OLD_DATABASE_DAYS)
    return "note" if is_old else "ok", said(
        "database",
        what=what,
        source=origin.source if origin else file.name,
        day=day,
        days=age,
        licence=origin.licence if origin and known else said("licence_unknown"),
        place=said("place_memory" if modified == FileState.of(file).modified_ns / 1e9 else "place_disk"),
        credit=said("credit", attribution=origin.attribution) if origin and origin.attribution else "",
        advice=said("bring_newer") if is_old else "",
    )


def _figures(settings: Settings) -> dict[str, float]:
    """Return the figures without labels of the collector that answers, without `clinic_pixel_`; none if none answers."""
    answer = answer_of(f"{settings.collector.url}/metrics", timeout=2.0)
    lines = answer.data.decode(errors="replace").splitlines() if answer is not None and answer.status == 200 else []
    pairs = (line.removeprefix(PREFIX).split(" ") for line in lines if line.startswith(PREFIX) and "{" not in line)
    return {name: float(value) for name, value in pairs}


def _totals(settings: Settings) -> Iterator[tuple[str, int]]:
    for file in settings.run_dir.glob("collector-*.json"):
        for name, *_, value in msgspec.json.decode(file.read_bytes()):
            yield name, value
