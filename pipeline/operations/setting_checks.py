"""The checks of the settings against each other and against their use: what a setting costs that is right by itself.

A check looks at one part and yields its results; `pipeline.operations.doctor` runs it and catches its errors. A value that is
wrong by itself is refused when the settings are read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from urllib.parse import urlsplit

from pipeline.database.client import in_utc, ping, working_as
from pipeline.enrich.steps import EnrichTables
from pipeline.errors import Fatal
from pipeline.fraud.copied import CUT_HITS
from pipeline.fraud.measure import UNMEASURED
from pipeline.host_names import readable_host, same_site
from pipeline.networks.fetched import origins_file, read_origins
from pipeline.networks.lists import read_networks
from pipeline.operations.machine_checks import Seen, said
from pipeline.settings.model import Settings
from pipeline.told import Told

MEMORY_SHARE = 0.8
"""More of this machine's memory cannot be the database's: collector, shipper and system need the rest."""
LATE_SCORING = timedelta(hours=2)
"""A day is scored again minutes after events arrive, at most ten times as long as the last scoring took."""
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def browsers(settings: Settings) -> Seen:
    """The collector's address for browsers: whether the id cookie comes back."""
    given = settings.collector.public_url
    if not given:
        yield "note", said("no_public_url")
        return
    parts = urlsplit(given)
    host = parts.hostname or ""
    if host in _THIS_MACHINE:
        yield "note", said("public_url_is_here", url=given)
        return
    if parts.scheme == "http":
        yield "problem", said("public_url_is_http", url=given)
    elif not settings.collector.trusted_proxies:
        yield "problem", said("proxy_needed", url=given)
    else:
        yield "ok", said("public_url", url=given)
    for site in settings.sites:
        if not any(same_site(host, own) for own in site.hosts):
            own = readable_host(site.hosts[0])
            yield "note", said("foreign_collector", host=readable_host(host), site=site.id, own=own)


def privacy(settings: Settings) -> Seen:
    """Whether /privacy names the persons and the policy in force."""
    given = settings.privacy
    names = {"operator": given.operator, "contact": given.contact, "policy_url": given.policy_url}
    if missing := [f"privacy.{name}" for name, text in names.items() if not text.strip()]:
        yield "note", said("privacy_names_missing", names=", ".join(missing))
    else:
        yield "ok", said("privacy_names")
    begins = _day(given.policy_version)
    if begins is not None and begins > datetime.now(UTC).date():
        yield "problem", said("policy_of_the_future", version=given.policy_version)


def _day(text: str) -> date | None:
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%Y%m%d"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).date()
        except ValueError:
            continue
    return None


def clickhouse(settings: Settings) -> Seen:
    """The way to the database, and the memory of the embedded one."""
    given = settings.clickhouse
    if given.url is not None:
        parts = urlsplit(given.url)
        if parts.scheme == "http" and parts.hostname not in _THIS_MACHINE:
            yield "note", said("database_over_http", url=given.url)
        return
    memory_mb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    if given.memory_mb > memory_mb * MEMORY_SHARE:
        yield "problem", said("memory_too_large", given=given.memory_mb, there=memory_mb)


def terms(settings: Settings) -> Seen:
    """The life of keys against that of the rows made with them."""
    keys, rows = settings.retention.keys_days, settings.retention.rows_days
    if keys < rows:
        yield "note", said("keys_end_first", keys=keys, rows=rows, between=rows - keys)
    else:
        yield "ok", said("terms_agree", rows=rows)
    if keys == 1:
        yield "note", said("keys_of_one_day")


def fraud(settings: Settings) -> Seen:
    """Whether fraud is reviewed, when a day was last scored, and what was cut."""
    if not settings.fraud.enabled:
        yield "note", said("fraud_off")
        return
    if not ping(settings):
        yield "note", said("scoring_unknown")
        return
    with working_as(settings, "pixel_admin", timeout=10) as client:
        (count, last, stored), *_ = client.query(_LAST_RUN).result_rows
        cut = client.query(_CUT).result_rows
    if not count:
        yield "note", said("never_scored")
        return
    last, stored, now = in_utc(last), in_utc(stored), datetime.now(UTC)
    text = said("scored", at=last, minutes=max(0, (now - last) // timedelta(minutes=1)))
    if stored - last > LATE_SCORING:
        yield "problem", said("scored_late", scored=text)
    else:
        yield "ok", text
    for site, day, names in cut:
        what = reduce(lambda first, second: said("cut_both", first=first, second=second), _cut(names))
        yield "note", said("cut", site=site, day=day, what=what)


def _cut(words: Sequence[str]) -> Iterator[Told]:
    """Yield what of a scored day was not looked at, in words."""
    unmeasured = [word.removeprefix(UNMEASURED) for word in words if word.startswith(UNMEASURED)]
    if signals := [word for word in words if word != CUT_HITS and not word.startswith(UNMEASURED)]:
        yield said("cut_clients", signals=", ".join(signals))
    if unmeasured:
        yield said("cut_signals", signals=", ".join(unmeasured))
    if CUT_HITS in words:
        yield said("cut_hits")


# An event from the future, which another check names, is no later arrival.
_LAST_RUN = """
    SELECT count(), max(computed_at), (SELECT max(received_at) FROM pixel.events WHERE received_at <= now64(3, 'UTC'))
    FROM pixel.fraud_runs"""
_CUT = "SELECT site, day, cut FROM pixel.fraud_runs FINAL WHERE notEmpty(cut) AND day >= today() - 6 ORDER BY day DESC, site LIMIT 7"


def files(settings: Settings) -> Seen:
    """The files of `ship` and of `lists build`, which other checks do not read."""
    given = settings.networks
    try:
        read_origins(origins_file(settings))
        if given.referrer_spam or any(entry.robots for entry in given.lists):
            EnrichTables.load(settings)
    except Fatal as error:
        yield "problem", said("ship_would_not_start", error=error)
    for entry in given.lists:
        if next(iter(read_networks(entry.file)), None) is None:
            yield "problem", said("list_is_empty", file=entry.file)
