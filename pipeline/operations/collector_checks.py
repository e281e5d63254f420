"""The checks of the running collector: its answers, its figures, and the look-up files that it has in memory.

A check looks at one part and yields its results; `pipeline.operations.doctor` runs it and catches its errors.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

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
from pipeline.operations.machine_checks import Seen, State
from pipeline.settings.model import Settings
from pipeline.settings.sections import SignedAgent
from pipeline.ship.status import read_status
from pipeline.signatures.key_set import UnusableKeys, read_keys
from pipeline.system.answers import answer_of

OLD_KEYS_DAYS = 8
OLD_DATABASE_DAYS = 35  # MaxMind publishes at least weekly; a month-old file has wrong entries for moved networks
OLD_FETCHED_DAYS = 90
"""A pinned file is as old as the release of the software; the networks that moved since are few."""
PAGE_FAULT_SHARE = 0.01
"""Above this share of all events, unreadable page addresses make the reports by page wrong."""
PRIVATE_CLIENTS = 10
"""More clients with private addresses than this come through a proxy, not from the clinic itself."""
BEHIND = "the rate limit refuses many of them, and all visitors behind the proxy count as one"
FORGOTTEN = {
    "loopback": ("a proxy on this machine", 'set collector.trusted_proxies = ["127.0.0.1/32"] and restart it'),
    "loopback_v6": ("a proxy on this machine", 'set collector.trusted_proxies = ["::1/128"] and restart it'),
    "private": (
        "a proxy at a private address",
        "set collector.trusted_proxies to the address of the proxy and restart it",
    ),
}
"""By the name in the figures: the place of a proxy that nobody trusts, and the remedy."""
PREFIX = "clinic_pixel_"
LATE_SECONDS = 60.0


def collector(settings: Settings) -> Seen:
    """Whether the collector answers, accepts hits, stays out of swap and seals its segments."""
    url = f"{settings.collector.url}/health/ready"
    answer = answer_of(url, timeout=2.0)
    if answer is None:
        yield "problem", f"does not answer at {url}; start it with `clinic-pixel up` or `collect`"
        return
    if answer.status == 200:
        yield "ok", "accepts hits"
    else:
        yield "problem", f"answers but is not ready: {answer.data.decode(errors='replace').strip()}"
    figures = _figures(settings)
    if figures.get("memory_may_swap"):
        advice = "run it with MemorySwapMax=0 (deploy/systemd), or switch swap off"
        yield "problem", f"its memory, which holds addresses for minutes, may be written to swap: {advice}"
    elif figures:
        yield "ok", "its memory stays out of swap"
    unsealed = figures.get("segment_unsealed_seconds", 0.0)
    if unsealed > settings.spool.segment_seconds + LATE_SECONDS:
        text = f"the segment that is being written should have been sealed {unsealed:,.0f} s after its begin"
        yield "problem", f"{text}: is {settings.spool_dir} writable, is its disk full?"


def proxies(settings: Settings) -> Seen:
    """Whether a proxy in front is trusted."""
    figures = _figures(settings)
    forgotten = {name: int(figures.get(f"forwards_untrusted_{name}", 0)) for name in FORGOTTEN}
    for name, seen in forgotten.items():
        if seen:
            where, advice = FORGOTTEN[name]
            yield "problem", f"{seen} forwarded clients came from {where}, which is not trusted: {BEHIND}; {advice}"
    private = sum(value for name, value in _totals(settings) if name == "private_clients")
    if private and not settings.collector.trusted_proxies:
        advice = "set collector.trusted_proxies to the addresses of the proxy"
        # A few are people of the clinic's own network.
        state: State = "problem" if private > PRIVATE_CLIENTS else "note"
        yield (
            state,
            f"clients with private addresses: {private}, and no proxy is trusted: if they came through one, {BEHIND}; {advice}",
        )
    elif not any(forgotten.values()):
        yield "ok", f"{len(settings.collector.trusted_proxies)} trusted proxy network(s)"


def pages(settings: Settings) -> Seen:
    """Whether page addresses can be read."""
    totals = Counter[str]()
    for name, value in _totals(settings):
        totals[name] += value
    lost, spooled = totals["page_faults"], totals["spooled"]
    if not lost:
        yield "ok", "every page address could be read"
        return
    text = f"{lost:,} of {spooled:,} events have the page /* by an error of the software; see the collector's log"
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
        ("country_mmdb", "country", country_file(settings)),
        ("asn_mmdb", "autonomous system", asn_file(settings)),
        (CRAWLERS, "ranges of crawlers", fetched_file(settings, CRAWLERS)),
    ):
        yield _database(settings, what, file, in_force.get(f"{name}_modified_seconds"))
    if settings.networks.provider_classes:
        yield "ok", f"built-in table of hosting providers and mobile carriers, reviewed {read_providers().reviewed}"
    if not settings.networks.lists:
        yield "note", "no address lists of your own: net_class knows no vpn, tor and relay"
    elif is_stale(settings):
        yield "problem", "address lists changed since they were compiled; run `clinic-pixel lists build`"
    else:
        yield "ok", f"{len(settings.networks.lists)} address lists compiled"
    for agent, file in key_files(settings):
        yield _agent_keys(agent, file)
        yield from _in_force(file, in_force.get(f"{figure_of(agent)}_modified_seconds"), "collector")
    status = read_status(settings.data)
    if status is not None and status.state != "stopped":
        for name, modified in status.loaded_files.items():
            yield from _in_force(Path(name), modified, "shipper")


def _agent_keys(agent: SignedAgent, file: Path) -> tuple[State, str]:
    remedy = "put the file there" if agent.file else "run `clinic-pixel lists fetch`"
    if not file.exists():
        return "problem", f"{file}: missing; no signature of {agent.name} is verified; {remedy}"
    try:
        number = len(read_keys(file.read_bytes()))
    except (UnusableKeys, OSError) as error:
        return "problem", f"{file}: keys of {agent.name} cannot be read ({type(error).__name__}); {remedy}"
    age = (time.time() - file.stat().st_mtime) / DAY_SECONDS
    if not agent.file and age > OLD_KEYS_DAYS:
        return "note", f"keys of {agent.name} are {age:.0f} days old; {remedy} daily: a withdrawn key is still believed"
    return "ok", f"{number} keys of {agent.name}, {age:.0f} days old"


def _in_force(file: Path, modified: float | None, process: str) -> Seen:
    """Compare the file that a process has in memory with the one on disk; `modified` is None if no process says."""
    if modified is None:
        return
    state = FileState.of(file)
    if modified == state.modified_ns / 1e9:
        if modified:
            yield "ok", f"{file.name}: the {process} has the file of {_moment(modified)} in memory"
        return
    has = f"the {process} has the file of {_moment(modified)} in memory" if modified else f"the {process} has no file"
    if state == FileState():
        yield "problem", f"{file}: is missing; {has}"
    elif time.time() - state.changed_ns / 1e9 < LATE_SECONDS:
        yield (
            "note",
            f"{file.name}: {has}; it takes the file of {_moment(state.modified_ns / 1e9)} within a minute if it can be used",
        )
    else:
        trouble = f"it did not take the file of {_moment(state.modified_ns / 1e9)}; its log says why"
        yield "problem", f"{file.name}: {has}; {trouble}"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _database(settings: Settings, what: str, file: Path, modified: float | None) -> tuple[State, str]:
    """Tell source, age and licence of a file; `modified` is the time of the file that the collector has, if it says."""
    is_fetched = file.parent == settings.networks_dir
    if not file.exists():
        state: State = "note" if is_fetched else "problem"
        remedy = "run `clinic-pixel lists fetch`" if is_fetched else "put the file there"
        return state, f"{what}: no file {file}, so it stays unknown; {remedy}"
    origin = origin_of(settings, file)
    try:
        day = origin.date if origin else build_date(file)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError):
        return "problem", f"{what}: {file} cannot be read"
    age = (datetime.now(UTC).date() - day).days
    known = bool(origin and origin.licence)
    place = "in the collector's memory" if modified == FileState.of(file).modified_ns / 1e9 else "on disk"
    said = (
        f"{origin.source if origin else file.name} of {day}, {age} days old, licence"
        f" {origin.licence if origin and known else 'not known here'}, {place}"
    )
    credit = f"; name the source: {origin.attribution}" if origin and origin.attribution else ""
    is_old = age > (OLD_FETCHED_DAYS if known else OLD_DATABASE_DAYS)
    return "note" if is_old else "ok", f"{what}: {said}{credit}{'; bring a newer one' if is_old else ''}"


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
