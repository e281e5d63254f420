"""The checks of a machine's own files and of its shipper: sites, sitemaps, keys, spool, requests, audit.

A check looks at one part and yields its results; `pipeline.operations.doctor` runs it and catches its errors.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pipeline.alerts.outbox import SinkState, read_outbox
from pipeline.audit.log import Audit
from pipeline.database.starting import begin_of_up
from pipeline.edge.blocks import BlockList
from pipeline.host_names import readable_host
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.ring import Keyring
from pipeline.pages.known import read as read_pages
from pipeline.pages.learn import source_of
from pipeline.settings.model import Settings
from pipeline.settings.site import DEMO_SITE
from pipeline.ship.status import read_status
from pipeline.spool.segments import QUARANTINE, listing, used_bytes
from pipeline.subjects.requests import CaseBook
from pipeline.system.durable_files import LOCAL_FILES, MB

State = Literal["ok", "note", "problem"]
Seen = Iterator[tuple[State, str]]

OLD_SITEMAP_DAYS = 7  # `ship` reads it every day
LAG_SECONDS = 60.0
STARTING_SECONDS = 60.0


def sites(settings: Settings) -> Seen:
    """The configured sites."""
    if settings.sites == (DEMO_SITE,):
        yield "note", "no site is configured; the built-in site `clinic` is used. Add [[sites]] to pixel.toml"
    for site in settings.sites:
        yield "ok", f"{site.id}: {', '.join(map(readable_host, site.hosts))}; consent {site.consent}"


def sitemaps(settings: Settings) -> Seen:
    """Whether the pages of each site's sitemap are known."""
    for site in settings.sites:
        if not site.sitemap:
            continue
        listed = read_pages(settings, site.id)
        if listed is None or listed.source != source_of(site):
            yield (
                "problem",
                f"{site.id}: its sitemap was never learned; run `clinic-pixel pages learn`, or start `ship`",
            )
            continue
        days = (datetime.now(UTC) - listed.learned).days
        text = f"{site.id}: {len(listed.paths):,} public pages"
        if days > OLD_SITEMAP_DAYS:
            yield "problem", f"{text}, {days} days old: `ship` cannot read {listed.source}; see its log"
        else:
            yield "ok", text


def keys(settings: Settings) -> Seen:
    """Today's key, damaged keys and overdue ones."""
    if not settings.keys_dir.exists():
        yield "note", f"{settings.keys_dir}: not there yet; the collector makes it"
        return
    keyring = Keyring(KeyDirectory.of(settings), may_mint=False)
    today = datetime.now(UTC).date()
    living = keyring.files.living()
    state: State = "ok" if keyring.day(today, today=today) is not None else "problem"
    text = f"{len(living)} daily keys exist, the oldest of {living[0]}" if living else "no daily key"
    yield state, text if state == "ok" else f"no key for {today}: {keyring.problem}"
    # A collector that may make keys makes this one for the first ad click.
    if not settings.collector.mint_keys and keyring.click_key(today, today=today) is None:
        yield (
            "problem",
            f"no key for the ad clicks of this quarter: {keyring.problem}; without it a click that is used twice is not found",
        )
    for problem in keyring.damaged().values():
        yield "problem", problem
    overdue = [day for day in living if (today - day).days > settings.retention.keys_days]
    if overdue:
        yield (
            "note",
            f"{len(overdue)} keys are older than {settings.retention.keys_days} days: a block holds them, or `ship` is not running",
        )


def spool(settings: Settings) -> Seen:
    """Space, waiting segments and quarantine."""
    segments = listing(settings.spool_dir) if settings.spool_dir.exists() else []
    used = used_bytes(settings.spool_dir) / MB if segments else 0.0
    data = settings.data if settings.data.exists() else Path()
    free = LOCAL_FILES.free_bytes(data) / MB
    full = used > settings.spool.max_mb * 0.8 or free < settings.spool.min_free_mb * 2
    waiting = sum(segment.state == "seg" for segment in segments)
    text = f"{waiting} segments wait, {used:,.0f} of {settings.spool.max_mb:,} MB used, {free:,.0f} MB free"
    yield "problem" if full else "ok", text + ("; hits will soon be refused with 503" if full else "")
    suspects = sum(segment.state == "suspect" for segment in segments)
    files = sorted((settings.spool_dir / QUARANTINE).glob("*"))
    lost = [file.name for file in files if file.name.endswith((".seg", ".seg.bad"))]
    if lost:
        advice = "`clinic-pixel spool verify` shows them, docs/runbook.md says what they are"
        yield "problem", f"{len(lost)} files with acknowledged events in quarantine, such as {lost[0]}; {advice}"
    aside = len(files) - len(lost)
    if suspects or aside:
        yield "note", f"{suspects} suspect segments and {aside} files in quarantine; see `clinic-pixel spool verify`"


def ship(settings: Settings) -> Seen:
    """Whether the shipper runs, and its last error."""
    status = read_status(settings.data)
    began = begin_of_up(settings)
    if began and time.time() - began < STARTING_SECONDS and not (status and status.at_ms / 1000 > began):
        yield "note", f"`up` began {time.time() - began:,.0f} s ago; `ship` starts when the database is migrated"
        return
    if status is None:
        yield "problem", "`ship` has never run here; start it with `clinic-pixel up` or `ship`"
        return
    age = time.time() - status.at_ms / 1000
    if age > LAG_SECONDS or status.state == "stopped" or not Path(f"/proc/{status.pid}").exists():
        reason = f"; it ended with: {status.error}" if status.error and status.error_ms >= status.at_ms else ""
        yield "problem", f"not running for {age:,.0f} s; {status.pending_segments} segments wait in the spool{reason}"
    elif status.state == "halted" or status.tries:
        yield "problem", f"{status.state}, {status.tries} failed tries: {status.error}"
    else:
        yield (
            "ok",
            f"{status.state}; {status.stored:,} rows stored since its start, {status.pending_segments} segments wait",
        )
    if lost := status.lost_segments:
        names = ", ".join(lost[:5]) + (", ..." if len(lost) > 5 else "")
        loss = f"{len(lost)} segments vanished from the spool before they were shipped, their events are lost: {names}"
        yield "problem", f"{loss}; find out what deletes files there"
    for name, trouble in sorted(status.failed_jobs.items()):
        yield "problem", f"the job '{name}' failed: {trouble}"


def alerts(settings: Settings) -> Seen:
    """Whether alerts reach their sinks."""
    outbox = read_outbox(settings.run_dir)
    waiting = {one.sink: one.waiting for one in outbox.numbers()}
    for sink in settings.alerts.sinks:
        state = outbox.sinks.get(sink, SinkState())
        if state.error:
            yield "problem", f"{sink}: {state.error}; {waiting.get(sink, 0)} alerts wait, {state.tries} failed tries"
        else:
            yield "ok", f"{sink}: {state.delivered} alerts sent"
        if state.lost:
            yield "note", f"{sink}: {state.lost} alerts were given up: it took none for a week, or too many waited"
    if not settings.alerts.sinks:
        yield "ok", "alerts are in the log of `ship` and in /metrics; alerts.sinks names no further way"


def audit(settings: Settings) -> Seen:
    """Whether the chain of the audit is whole."""
    head = Audit(settings.audit_dir).verify_chain()
    yield "ok", f"the chain is unbroken: {head.seq} acts"


def persons(settings: Settings) -> Seen:
    """Whether the requests and blocks of persons can be read."""
    requests = CaseBook(settings.cases_dir).all() if settings.cases_dir.exists() else []
    blocks = BlockList(settings.blocks_dir, KeyDirectory.of(settings)) if settings.blocks_dir.exists() else None
    if blocks is not None and blocks.problem:
        yield "problem", blocks.problem
    else:
        yield "ok", f"{len(requests)} requests of persons can be read, and every block"


def private(settings: Settings) -> Seen:
    """Whether private directories are private."""
    for directory in (settings.keys_dir, settings.secrets_dir, settings.audit_dir):
        if directory.exists() and directory.stat().st_mode & 0o077:
            yield "problem", f"{directory}: others may read it; chmod 0700 {directory}"
    yield "ok", "keys, secrets and audit are private to this user"
