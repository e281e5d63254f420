"""The checks of the settings against each other and against their use: what a setting costs that is right by itself.

A check looks at one part and yields its results; `pipeline.operations.doctor` runs it and catches its errors. A value that is
wrong by itself is refused when the settings are read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

from pipeline.database.client import in_utc, ping, working_as
from pipeline.enrich.steps import EnrichTables
from pipeline.errors import Fatal
from pipeline.fraud.copied import CUT_HITS
from pipeline.fraud.measure import UNMEASURED
from pipeline.host_names import readable_host, same_site
from pipeline.networks.fetched import origins_file, read_origins
from pipeline.networks.lists import read_networks
from pipeline.operations.machine_checks import Seen
from pipeline.settings.model import Settings

MEMORY_SHARE = 0.8
"""More of this machine's memory cannot be the database's: collector, shipper and system need the rest."""
LATE_SCORING = timedelta(hours=2)
"""A day is scored again minutes after events arrive, at most ten times as long as the last scoring took."""
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def browsers(settings: Settings) -> Seen:
    """The collector's address for browsers: whether the id cookie comes back."""
    given = settings.collector.public_url
    if not given:
        yield "note", "collector.public_url is not set: `snippet` prints a tag that works on this machine only"
        return
    parts = urlsplit(given)
    host = parts.hostname or ""
    if host in _THIS_MACHINE:
        yield (
            "note",
            f"collector.public_url is {given}, which is this machine for every visitor: no tag reaches the collector",
        )
        return
    if parts.scheme == "http":
        yield (
            "problem",
            f"{given}: browsers keep no id cookie over http, so each visitor is new every day; serve it by https",
        )
    elif not settings.collector.trusted_proxies:
        lost = "nobody gets an id cookie, and all visitors count as one"
        yield (
            "problem",
            (
                f"{given}: a proxy in front must speak https, and collector.trusted_proxies names none: {lost}; name its address,"
                ' such as ["127.0.0.1/32"]'
            ),
        )
    else:
        yield "ok", f"browsers reach the collector at {given}"
    for site in settings.sites:
        if not any(same_site(host, own) for own in site.hosts):
            advice = f"use a subdomain of {readable_host(site.hosts[0])}, or a path on it"
            yield (
                "note",
                (
                    f"{readable_host(host)} is another site than the pages of `{site.id}`: browsers do not send the id cookie back,"
                    f" and each visitor is new every day; {advice}"
                ),
            )


def privacy(settings: Settings) -> Seen:
    """Whether /privacy names the persons and the policy in force."""
    given = settings.privacy
    names = {"operator": given.operator, "contact": given.contact, "policy_url": given.policy_url}
    if missing := [f"privacy.{name}" for name, text in names.items() if not text.strip()]:
        yield "note", f"/privacy does not tell visitors whom they deal with or whom to ask: set {', '.join(missing)}"
    else:
        yield "ok", "/privacy names the operator, a contact and the policy"
    begins = _day(given.policy_version)
    if begins is not None and begins > datetime.now(UTC).date():
        cost = "every event is stored under a policy that is not in force"
        yield (
            "problem",
            f"privacy.policy_version is {given.policy_version}, a day in the future: {cost}; set the version in force",
        )


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
            yield "note", f"{given.url}: passwords and rows go to another machine without encryption; use https"
        return
    memory_mb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    if given.memory_mb > memory_mb * MEMORY_SHARE:
        cost = "the system would end it in the middle of a query"
        yield (
            "problem",
            f"clickhouse.memory_mb is {given.memory_mb:,} and this machine has {memory_mb:,} MB: {cost}; expected less",
        )


def terms(settings: Settings) -> Seen:
    """The life of keys against that of the rows made with them."""
    keys, rows = settings.retention.keys_days, settings.retention.rows_days
    if keys < rows:
        cost = "a person who names an address and a day is not found, and `reveal` and `relink` do not answer"
        yield (
            "note",
            (
                f"keys end after {keys} days and rows after {rows}: for the {rows - keys} days between, {cost}."
                " Set rows_days equal to keys_days, or keep it so if you want just this"
            ),
        )
    else:
        yield "ok", f"keys and rows end together, after {rows} days"
    if keys == 1:
        yield "note", "keys_days = 1: `replay` can send no line of yesterday's log, because its key is gone"


def fraud(settings: Settings) -> Seen:
    """Whether fraud is reviewed, when a day was last scored, and what was cut."""
    if not settings.fraud.enabled:
        yield "note", "fraud.enabled is false: nothing is scored, and there is no fraud view"
        return
    if not ping(settings):
        yield "note", "ClickHouse does not answer, so the last scoring is unknown"
        return
    with working_as(settings, "pixel_admin", timeout=10) as client:
        (count, last, stored), *_ = client.query(_LAST_RUN).result_rows
        cut = client.query(_CUT).result_rows
    if not count:
        yield (
            "note",
            "no day was scored yet; `ship` scores minutes after events arrive, and `clinic-pixel fraud score` does it now",
        )
        return
    last, stored, now = in_utc(last), in_utc(stored), datetime.now(UTC)
    text = f"last scored at {last:%Y-%m-%d %H:%M} UTC, {max(0, (now - last) // timedelta(minutes=1)):,} minutes ago"
    if stored - last > LATE_SCORING:
        yield (
            "problem",
            f"{text}, and events came long after that: is `ship` running? `clinic-pixel fraud score` tells an error",
        )
    else:
        yield "ok", text
    for site, day, names in cut:
        yield "note", f"{site}, {day}: {'; '.join(_cut(names))}"


def _cut(words: Sequence[str]) -> Iterator[str]:
    """Yield what of a scored day was not looked at, in words."""
    unmeasured = [word.removeprefix(UNMEASURED) for word in words if word.startswith(UNMEASURED)]
    if signals := [word for word in words if word != CUT_HITS and not word.startswith(UNMEASURED)]:
        yield f"more clients set off {', '.join(signals)} than are kept; the worst are"
    if unmeasured:
        yield f"{', '.join(unmeasured)} needed too much time or memory and were left out: the scores of this day are too low"
    if CUT_HITS in words:
        yield "of clients with thousands of hits in an hour only the first were looked at"


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
        yield "problem", f"{error}; `ship` would not start"
    for entry in given.lists:
        if next(iter(read_networks(entry.file)), None) is None:
            yield (
                "problem",
                f"{entry.file}: names no network; `lists build` would stop, and the earlier lists stay in force",
            )
