"""The checks of a machine's own files, of its shipper and of the hosts beside it: sites, sitemaps, keys, hosts, spool, requests, audit.

A check looks at one part and yields its results; `pipeline.operations.doctor` runs it and catches its errors.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pipeline import __version__
from pipeline.alerts.outbox import SinkState, read_outbox
from pipeline.audit.log import Audit
from pipeline.database.client import ping
from pipeline.database.starting import begin_of_up
from pipeline.edge.blocks import BlockList
from pipeline.host_names import readable_host
from pipeline.hosts import findings
from pipeline.hosts.evaluator import look_now
from pipeline.keys import proven_time
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.ring import Keyring
from pipeline.pages.known import read as read_pages
from pipeline.pages.learn import source_of
from pipeline.settings.model import Settings
from pipeline.settings.site import DEMO_SITE
from pipeline.ship.status import LAG_SECONDS, read_status
from pipeline.spool.segments import QUARANTINE, listing, used_bytes
from pipeline.subjects.requests import CaseBook
from pipeline.system.durable_files import LOCAL_FILES, MB
from pipeline.system.private_files import others_reach
from pipeline.told import Told
from pipeline.upgrades import stamp

State = Literal["ok", "note", "problem"]
Seen = Iterator[tuple[State, str]]
SENTENCES = "pipeline.operations/doctor.toml"

OLD_SITEMAP_DAYS = 7  # `ship` reads it every day
STARTING_SECONDS = 60.0


def said(key: str, **values: object) -> Told:
    """Return a sentence of `doctor`."""
    return Told(SENTENCES, key, values)


def software(_: Settings) -> Seen:
    """The versions of this software and of Python."""
    yield "ok", said("software", version=__version__, python=platform.python_version())


def sites(settings: Settings) -> Seen:
    """The configured sites."""
    if settings.sites == (DEMO_SITE,):
        yield "note", said("no_site")
    for site in settings.sites:
        hosts = ", ".join(map(readable_host, site.hosts))
        yield "ok", said("site", site=site.id, hosts=hosts, consent=said(f"consent_{site.consent}"))


def sitemaps(settings: Settings) -> Seen:
    """Whether the pages of each site's sitemap are known."""
    for site in settings.sites:
        if not site.sitemap:
            continue
        listed = read_pages(settings, site.id)
        if listed is None or listed.source != source_of(site):
            yield "problem", said("sitemap_never", site=site.id)
            continue
        days = (datetime.now(UTC) - listed.learned).days
        if days > OLD_SITEMAP_DAYS:
            yield "problem", said("sitemap_old", site=site.id, pages=len(listed.paths), days=days, source=listed.source)
        else:
            yield "ok", said("sitemap", site=site.id, pages=len(listed.paths))


def keys(settings: Settings) -> Seen:
    """Today's key, damaged keys and overdue ones."""
    if not settings.keys_dir.exists():
        yield "note", said("no_keys_yet", directory=settings.keys_dir)
        return
    keyring = Keyring(KeyDirectory.of(settings), may_mint=False)
    today = datetime.now(UTC).date()
    living = keyring.files.living()
    if keyring.day(today, today=today) is None:
        yield "problem", said("no_key_of_today", today=today, problem=keyring.problem)
    else:
        yield "ok", said("keys", n=len(living), oldest=living[0]) if living else said("no_daily_key")
    # A collector that may make keys makes this one for the first ad click.
    if not settings.collector.mint_keys and keyring.click_key(today, today=today) is None:
        yield "problem", said("no_click_key", problem=keyring.problem)
    for problem in keyring.damaged().values():
        yield "problem", problem
    overdue = [day for day in living if (today - day).days > settings.retention.keys_days]
    if overdue:
        yield "note", said("keys_overdue", n=len(overdue), most=settings.retention.keys_days)


def hosts(settings: Settings) -> Seen:
    """Whether the hosts of this database agree; while it is away, whether keys of coming days are missing here."""
    here = [one for one in findings.problems_now(settings, datetime.now(UTC)) if one.kind == "key_missing"]
    if not ping(settings):
        yield from (("problem", one.text) for one in here)
        yield "note", findings.said("hosts_unknown")
        return
    look = look_now(settings)
    told = {(one.kind, one.about): one for one in here}
    found = findings.findings(look, settings.ship.evaluator, settings.retention.keys_days)
    told |= {(one.kind, one.about): one for one in found}
    for one in told.values():
        yield "problem" if one.is_problem else "note", one.text
    if not look.reporting:
        yield "note", findings.said("nobody_reports")
    elif look.evaluator is not None and not any(one.is_problem for one in told.values()):
        names = ", ".join(host.host for host in look.reporting)
        ms = max(abs(host.clock_ms) for host in look.reporting)
        yield "ok", findings.said("hosts_agree", hosts=names, evaluator=look.evaluator.host, ms=ms)


def clock(settings: Settings) -> Seen:
    """Whether the time of this machine goes on evenly: keys and days end by it."""
    before = proven_time.read(settings)
    if before is None:
        return
    now = proven_time.judged(before, proven_time.Clock.now())
    if now.jumped:
        jump = timedelta(seconds=abs(round(now.jumped)))
        key = "clock_ahead" if now.jumped > 0 else "clock_back"
        yield "problem", said(key, jump=str(jump), until=now.believed_at)
    else:
        yield "ok", said("clock_even")


def spool(settings: Settings) -> Seen:
    """Space, waiting segments and quarantine."""
    segments = listing(settings.spool_dir) if settings.spool_dir.exists() else []
    used = used_bytes(settings.spool_dir) / MB if segments else 0.0
    data = settings.data if settings.data.exists() else Path()
    free = LOCAL_FILES.free_bytes(data) / MB
    full = used > settings.spool.max_mb * 0.8 or free < settings.spool.min_free_mb * 2
    waiting = sum(segment.state == "seg" for segment in segments)
    text = said("spool", waiting=waiting, used=used, most=settings.spool.max_mb, free=free)
    yield ("problem", said("spool_full", spool=text)) if full else ("ok", text)
    suspects = sum(segment.state == "suspect" for segment in segments)
    files = sorted((settings.spool_dir / QUARANTINE).glob("*"))
    lost = [file.name for file in files if file.name.endswith((".seg", ".seg.bad"))]
    if lost:
        yield "problem", said("quarantined_segments", n=len(lost), name=lost[0])
    aside = len(files) - len(lost)
    if suspects or aside:
        yield "note", said("quarantined", suspects=suspects, aside=aside)


def ship(settings: Settings) -> Seen:
    """Whether the shipper runs, and its last error."""
    status = read_status(settings.data)
    began = begin_of_up(settings)
    if began and time.time() - began < STARTING_SECONDS and not (status and status.at_ms / 1000 > began):
        yield "note", said("ship_waits", seconds=time.time() - began)
        return
    if status is None:
        yield "problem", said("ship_never")
        return
    age = time.time() - status.at_ms / 1000
    if age > LAG_SECONDS or status.state == "stopped" or not Path(f"/proc/{status.pid}").exists():
        text = said("ship_stopped", seconds=age, waiting=status.pending_segments)
        is_reason = status.error and status.error_ms >= status.at_ms
        yield "problem", said("ship_ended", stopped=text, error=status.error) if is_reason else text
    elif status.state == "halted" or status.tries:
        state = said(f"ship_state_{status.state}")
        yield "problem", said("ship_fails", state=state, tries=status.tries, error=status.error)
    else:
        state = said(f"ship_state_{status.state}")
        yield "ok", said("ship_runs", state=state, stored=status.stored, waiting=status.pending_segments)
    if lost := status.lost_segments:
        names = ", ".join(lost[:5]) + (", ..." if len(lost) > 5 else "")
        yield "problem", said("segments_lost", n=len(lost), names=names)
    for name, trouble in sorted(status.failed_jobs.items()):
        yield "problem", said("job_failed", name=name, trouble=trouble)


def alerts(settings: Settings) -> Seen:
    """Whether alerts reach their sinks."""
    outbox = read_outbox(settings.run_dir)
    waiting = {one.sink: one.waiting for one in outbox.numbers()}
    for sink in settings.alerts.sinks:
        state = outbox.sinks.get(sink, SinkState())
        if state.error:
            late = waiting.get(sink, 0)
            yield "problem", said("sink_fails", sink=sink, error=state.error, waiting=late, tries=state.tries)
        else:
            yield "ok", said("sink_works", sink=sink, sent=state.delivered)
        if state.lost:
            yield "note", said("alerts_lost", sink=sink, lost=state.lost)
    if not settings.alerts.sinks:
        yield "ok", said("no_sinks")


def version(settings: Settings) -> Seen:
    """Whether spool and journal are of this version or an older one."""
    found = stamp.stamp_of(settings.data)
    if found.format > stamp.FORMAT:
        yield "problem", said("data_newer", version=found.version, directory=settings.data)
    else:
        yield "ok", said("data_known")


def audit(settings: Settings) -> Seen:
    """Whether the chain of the audit is whole."""
    head = Audit(settings.audit_dir).verify_chain()
    yield "ok", said("audit", acts=head.seq)


def persons(settings: Settings) -> Seen:
    """Whether the requests and blocks of persons can be read."""
    requests = CaseBook(settings.cases_dir).all() if settings.cases_dir.exists() else []
    blocks = BlockList(settings.blocks_dir, KeyDirectory.of(settings)) if settings.blocks_dir.exists() else None
    if blocks is not None and blocks.problem:
        yield "problem", blocks.problem
    else:
        yield "ok", said("persons", requests=len(requests))


def private(settings: Settings) -> Seen:
    """Whether private directories are private."""
    for directory in (settings.keys_dir, settings.secrets_dir, settings.audit_dir):
        if directory.exists() and others_reach(directory, directory.stat()):
            yield "problem", said("not_private", directory=directory)
    yield "ok", said("private")
