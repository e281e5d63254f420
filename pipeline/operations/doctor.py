"""Examines a machine: each check reports a state and, for a problem, the remedy.

Owns the list `CHECKS`. A check changes nothing, needs no running process but says when one is missing, and never raises:
a failed check is itself a result.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.audit.log import Audit
from pipeline.database.client import address, connect, explain, ping
from pipeline.durations import DAY_SECONDS
from pipeline.errors import PixelError
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.ring import Keyring
from pipeline.networks.lists import is_stale
from pipeline.networks.lookup import NetworkTables
from pipeline.settings import DEMO_SITE, Settings
from pipeline.ship.retention import ages
from pipeline.ship.status import read_status
from pipeline.spool.segments import QUARANTINE, listing, used_bytes
from pipeline.system.answers import answer_of
from pipeline.system.durable_files import LOCAL_FILES, MB

State = Literal["ok", "note", "problem"]
OLD_DATABASE_DAYS = 35  # MaxMind publishes at least weekly; a month-old file has wrong entries for moved networks
LAG_SECONDS = 60.0
PAGE_FAULT_SHARE = 0.01
"""Above this share of all events, unreadable page addresses make the reports by page wrong."""
SWAPPABLE = "clinic_pixel_memory_may_swap 1.0"


class Result(NamedTuple):
    """The result of one check: a problem needs a person, a note is for information."""

    check: str
    state: State
    text: str


def examine(settings: Settings) -> list[Result]:
    """Return the results of all checks, in their order."""
    results: list[Result] = []
    for name, check in CHECKS:
        try:
            results += [Result(name, state, text) for state, text in check(settings)]
        except (PixelError, OSError) as error:
            results.append(Result(name, "problem", str(error)))
        except ClickHouseError as error:
            results.append(Result(name, "problem", str(explain(error, settings, "pixel_admin"))))
    return results


Seen = Iterator[tuple[State, str]]


def _sites(settings: Settings) -> Seen:
    if settings.sites == (DEMO_SITE,):
        yield "note", "no site is configured; the built-in site `clinic` is used. Add [[sites]] to pixel.toml"
    for site in settings.sites:
        yield "ok", f"{site.id}: {', '.join(site.hosts)}; consent {site.consent}"


def _collector(settings: Settings) -> Seen:
    url = f"{settings.collector.url}/health/ready"
    answer = answer_of(url, timeout=2.0)
    if answer is None:
        yield "problem", f"does not answer at {url}; start it with `clinic-pixel up` or `collect`"
        return
    if answer.status == 200:
        yield "ok", "accepts hits"
    else:
        yield "problem", f"answers but is not ready: {answer.data.decode(errors='replace').strip()}"
    figures = answer_of(f"{settings.collector.url}/metrics", timeout=2.0)
    if figures is not None and SWAPPABLE in figures.data.decode(errors="replace").splitlines():
        advice = "run it with MemorySwapMax=0 (deploy/systemd), or switch swap off"
        yield "problem", f"its memory, which holds addresses for minutes, may be written to swap: {advice}"
    else:
        yield "ok", "its memory stays out of swap"


def _proxies(settings: Settings) -> Seen:
    private = sum(value for name, value in _totals(settings) if name == "private_clients")
    if private and not settings.collector.trusted_proxies:
        advice = "all visitors behind a proxy count as one; set collector.trusted_proxies"
        yield "problem", f"{private} clients had private addresses and no proxy is trusted: {advice}"
    else:
        yield "ok", f"{len(settings.collector.trusted_proxies)} trusted proxy network(s)"


def _pages(settings: Settings) -> Seen:
    totals = Counter[str]()
    for name, value in _totals(settings):
        totals[name] += value
    lost, spooled = totals["page_faults"], totals["spooled"]
    if not lost:
        yield "ok", "every page address could be read"
        return
    text = f"{lost:,} of {spooled:,} events have the page /* by an error of the software; see the collector's log"
    yield "problem" if lost > spooled * PAGE_FAULT_SHARE else "note", text


def _keys(settings: Settings) -> Seen:
    if not settings.keys_dir.exists():
        yield "note", f"{settings.keys_dir}: not there yet; the collector makes it"
        return
    keyring = Keyring(KeyDirectory.of(settings), may_mint=False)
    today = datetime.now(UTC).date()
    living = keyring.files.living()
    state: State = "ok" if keyring.day(today, today=today) is not None else "problem"
    text = f"{len(living)} daily keys exist, the oldest of {living[0]}" if living else "no daily key"
    yield state, text if state == "ok" else f"no key for {today}: {keyring.problem}"
    overdue = [day for day in living if (today - day).days > settings.retention.keys_days]
    if overdue:
        yield (
            "note",
            f"{len(overdue)} keys are older than {settings.retention.keys_days} days: a block holds them, or `ship` is not running",
        )


def _networks(settings: Settings) -> Seen:
    NetworkTables.load(settings)
    named = {"country": settings.networks.country_mmdb, "autonomous system": settings.networks.asn_mmdb}
    for what, file in named.items():
        yield _database(what, file)
    if settings.networks.lists:
        stale = is_stale(settings)
        yield (
            ("problem", "address lists changed since they were compiled; run `clinic-pixel lists build`")
            if stale
            else (
                "ok",
                f"{len(settings.networks.lists)} address lists compiled",
            )
        )
    else:
        yield "note", "no address lists: net_class is `other` for all but own networks"


def _database(what: str, file: Path | None) -> tuple[State, str]:
    if file is None:
        return "note", f"no {what} database is configured; the {what} stays empty"
    if not file.exists():
        return "problem", f"{file}: missing; the {what} stays empty"
    age = (time.time() - file.stat().st_mtime) / DAY_SECONDS
    state: State = "ok" if age <= OLD_DATABASE_DAYS else "note"
    return state, f"{what}: {file.name}, {age:.0f} days old"


def _spool(settings: Settings) -> Seen:
    segments = listing(settings.spool_dir) if settings.spool_dir.exists() else []
    used = used_bytes(settings.spool_dir) / MB if segments else 0.0
    data = settings.data if settings.data.exists() else Path()
    free = LOCAL_FILES.free_bytes(data) / MB
    full = used > settings.spool.max_mb * 0.8 or free < settings.spool.min_free_mb * 2
    waiting = sum(segment.state == "seg" for segment in segments)
    text = f"{waiting} segments wait, {used:,.0f} of {settings.spool.max_mb:,} MB used, {free:,.0f} MB free"
    yield "problem" if full else "ok", text + ("; hits will soon be refused with 503" if full else "")
    suspects = sum(segment.state == "suspect" for segment in segments)
    aside = sum(1 for _ in (settings.spool_dir / QUARANTINE).glob("*"))
    if suspects or aside:
        yield "note", f"{suspects} suspect segments and {aside} files in quarantine; see `clinic-pixel spool verify`"


def _ship(settings: Settings) -> Seen:
    status = read_status(settings.data)
    if status is None:
        yield "problem", "`ship` has never run here; start it with `clinic-pixel up` or `ship`"
        return
    age = time.time() - status.at_ms / 1000
    if age > LAG_SECONDS or status.state == "stopped":
        yield "problem", f"not running for {age:,.0f} s; {status.pending_segments} segments wait in the spool"
    elif status.state == "halted" or status.tries:
        yield "problem", f"{status.state}, {status.tries} failed tries: {status.error}"
    else:
        yield (
            "ok",
            f"{status.state}; {status.stored:,} rows stored since its start, {status.pending_segments} segments wait",
        )
    for name, trouble in sorted(status.failed_jobs.items()):
        yield "problem", f"the job '{name}' failed: {trouble}"


def _clickhouse(settings: Settings) -> Seen:
    if not ping(settings):
        yield "problem", f"does not answer at {address(settings)}; accepted events wait in the spool"
        return
    client = connect(settings, "pixel_admin", timeout=10)
    try:
        yield "ok", f"{client.server_version} at {address(settings)}"
        rows = client.query("SELECT count(), min(received_at) FROM pixel.events").result_rows[0]
        yield "ok", f"{rows[0]:,} events" + (f", the oldest of {rows[1]:%Y-%m-%d}" if rows[0] else "")
        unfinished = client.query("SELECT count() FROM system.mutations WHERE NOT is_done").result_rows[0][0]
        if unfinished:
            yield "note", f"{unfinished} mutations (erasure or retention) are not finished"
        yield from _reconciled(client.query(_RECONCILE).result_rows)
    finally:
        client.close()


def _retention(settings: Settings) -> Seen:
    if not ping(settings):
        yield "note", "ClickHouse does not answer, so the age of the stored data is unknown"
        return
    client = connect(settings, "pixel_admin", timeout=30)
    try:
        for age in ages(client, settings.retention):
            if age.oldest is not None:
                setting = age.life.setting
                text = f"{age.life.what}: the oldest of {age.oldest:%Y-%m-%d}, {setting} {getattr(settings.retention, setting)}"
                if age.overdue:
                    yield "problem", f"{text}; more than a month over its term: is `ship` running, is the disk full?"
                else:
                    yield (
                        "note" if age.expired else "ok",
                        text + ("; the next merge deletes it" if age.expired else ""),
                    )
    finally:
        client.close()


# The last two minutes are left out: their segments may not be sealed and shipped yet.
_RECONCILE = """
    SELECT sumIf(value, name = 'offered') AS offered, sumIf(value, name = 'spooled') AS spooled,
        sumIf(value, name = 'refused') AS refused, sumIf(value, name = 'stored') AS stored,
        sumIf(value, name = 'rejected') AS rejected, sumIf(value, name = 'quarantined') AS quarantined
    FROM pixel.counters WHERE minute < now('UTC') - INTERVAL 2 MINUTE"""


def _reconciled(rows: Iterable[Iterable[int]]) -> Seen:
    for offered, spooled, refused, stored, rejected, quarantined in rows:
        if offered == spooled + refused:
            yield "ok", f"offered {offered:,} = spooled {spooled:,} + refused {refused:,}"
        else:
            yield "problem", f"offered {offered:,} is not spooled {spooled:,} + refused {refused:,}"
        pending = spooled - stored - rejected - quarantined
        state: State = "ok" if pending == 0 else "note"
        yield (
            state,
            (
                f"spooled {spooled:,} = stored {stored:,} + rejected {rejected:,} + quarantined {quarantined:,}"
                f" + pending {pending:,}"
            ),
        )


def _audit(settings: Settings) -> Seen:
    head = Audit(settings.audit_dir).verify_chain()
    yield "ok", f"the chain is unbroken: {head.seq} acts"


def _private(settings: Settings) -> Seen:
    for directory in (settings.keys_dir, settings.secrets_dir, settings.audit_dir):
        if directory.exists() and directory.stat().st_mode & 0o077:
            yield "problem", f"{directory}: others may read it; chmod 0700 {directory}"
    yield "ok", "keys, secrets and audit are private to this user"


def _totals(settings: Settings) -> Iterator[tuple[str, int]]:
    for file in settings.run_dir.glob("collector-*.json"):
        for name, *_, value in msgspec.json.decode(file.read_bytes()):
            yield name, value


CHECKS: tuple[tuple[str, Callable[[Settings], Seen]], ...] = (
    ("sites", _sites),
    ("collector", _collector),
    ("proxies", _proxies),
    ("pages", _pages),
    ("keys", _keys),
    ("networks", _networks),
    ("spool", _spool),
    ("ship", _ship),
    ("clickhouse", _clickhouse),
    ("retention", _retention),
    ("audit", _audit),
    ("files", _private),
)
