"""Faults between the hosts of one database: in their keys, their clocks, and the choice of the host that works for all.

Owns the limits. A clock matters: the day of an event's key, its partition and its hour are those of the host that received it. While clocks
differ by seconds, a visitor without a cookie who meets two hosts around midnight (UTC) is two, an event stands in the neighbouring hour, and a day is dropped so
much earlier or later; no event is lost. Two minutes are what the numbers of an hour wait for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from pipeline.hosts.host import Host, Look, name_of, read_look
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.settings.model import Settings
from pipeline.told import Told

SENTENCES: Final = "pipeline.hosts/hosts.toml"
DAYS_AHEAD: Final = 5
"""Keys are copied for so many days in advance: a weekend, and a day on both sides of it to act."""
CLOCK_MS: Final = 5_000
"""Clocks that are synchronised differ by milliseconds."""
IDLE: Final = timedelta(hours=4)
"""The work for all is done hourly or more often; a failed publication is tried again after an hour at most."""


KINDS: Final = (
    "key_missing",
    "keys_differ",
    "several_mint",
    "clock_off",
    "several_evaluate",
    "nobody_evaluates",
    "evaluator_idle",
    "same_name",
    "same_instance",
    "host_silent",
)
"""The kinds that are problems."""


class Finding(NamedTuple):
    """One finding; `about` tells it from others of its kind. One that is no problem is for information."""

    kind: str
    about: str
    text: Told
    is_problem: bool = True


def said(key: str, **values: object) -> Told:
    """Return a sentence of the file."""
    return Told(SENTENCES, key, values)


def findings(look: Look, named: str, retention_days: int) -> Iterator[Finding]:
    """Yield the findings of a look; `named` is the setting `ship.evaluator`, `retention_days` the life of a key."""
    hosts, today = look.reporting, look.at.date()
    yield from _keys(hosts, today, retention_days)
    for host in hosts:
        if abs(host.clock_ms) - host.round_trip_ms / 2 > CLOCK_MS:
            way = said("ahead" if host.clock_ms > 0 else "behind")
            yield Finding(
                "clock_off", host.host, said("clock_off", host=host.host, seconds=abs(host.clock_ms) / 1000, way=way)
            )
    yield from _evaluation(look, named)
    for name in sorted({host.host for host in hosts if [each.host for each in hosts].count(host.host) > 1}):
        yield Finding("same_name", name, said("same_name", host=name))
    if look.twin:
        yield Finding("same_instance", look.twin, said("same_instance", host=look.twin))
    for host in look.hosts:
        if host not in hosts:
            text = said("host_silent", host=host.host, at=host.reported_at)
            yield Finding("host_silent", f"{host.host} {host.reported_at:%Y-%m-%d %H:%M}", text)


def problems_now(settings: Settings, now: datetime) -> list[Finding]:
    """Return the problems as `ship` saw them at its last look, and the keys of coming days that are missing on this host.

    For processes without a database client; without a recent look only the latter.
    """
    found: dict[tuple[str, str], Finding] = {}
    if not settings.collector.mint_keys and settings.keys_dir.exists():
        files = KeyDirectory.of(settings)
        keys = [name.text for name in files.names() if files.lives(name)]
        found = {(one.kind, one.about): one for one in missing_ahead(name_of(settings), keys, now.date())}
    look = read_look(settings.run_dir, now.timestamp())
    if look is not None:
        for one in findings(look, settings.ship.evaluator, settings.retention.keys_days):
            if one.is_problem:
                found.setdefault((one.kind, one.about), one)
    return list(found.values())


def missing_ahead(host: str, keys: Iterable[str], today: date) -> Iterator[Finding]:
    """Yield what is missing of the coming days on a host to which keys are copied."""
    there = set(keys)
    missing: dict[KeyName, date] = {}
    for ahead in range(DAYS_AHEAD + 1):
        day = today + timedelta(days=ahead)
        for name in (KeyName.of_day(day), KeyName.of_year(day), KeyName.of_quarter(day)):
            if name.text not in there:
                missing.setdefault(name, day)
    if missing:
        day = min(missing.values())
        names = ", ".join(name.text for name, first in missing.items() if first == day)
        text = said("key_missing", host=host, keys=names, day=day)
        yield Finding("key_missing", f"{host} {day}", text)


def _keys(hosts: Sequence[Host], today: date, retention_days: int) -> Iterator[Finding]:
    makers = [host for host in hosts if host.mints]
    if len(makers) > 1:
        names = ", ".join(host.host for host in makers)
        yield Finding("several_mint", names, said("several_mint", hosts=names, first=makers[0].host))
    by_key: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for host in hosts:
        if not host.mints:
            yield from missing_ahead(host.host, host.keys, today)
        for key, print_of_key in host.keys.items():
            by_key[key][print_of_key].append(host.host)
    for key, prints in sorted(by_key.items()):
        name = KeyName.parse(key)
        if name is None or name.last < today or len(prints) == 1:
            continue
        hosts_of = "; ".join(f"{', '.join(names)}: {one}" for one, names in sorted(prints.items()))
        source = makers[0].host if len(makers) == 1 else said("the_maker")
        text = said("keys_differ", name=key, hosts=hosts_of, source=source)
        yield Finding("keys_differ", key, text)
    limit = today - timedelta(days=retention_days + 1)
    for host in hosts:
        old = [name for name in map(KeyName.parse, host.keys) if name is not None and name.last < limit]
        if old:
            text = said("keys_kept", host=host.host, n=len(old), oldest=min(old, key=lambda name: name.last).text)
            yield Finding("keys_kept", host.host, text, is_problem=False)


def _evaluation(look: Look, named: str) -> Iterator[Finding]:
    ready, first = [host for host in look.reporting if host.evaluates], look.evaluator
    if not look.reporting:
        return  # no `ship` runs at all, and each host says so of its own
    if first is None:
        text = said("named_away", host=named) if named else said("nobody_evaluates")
        yield Finding("nobody_evaluates", named, text)
        return
    if len(ready) > 1:
        names = ", ".join(host.host for host in ready)
        yield Finding("several_evaluate", names, said("several_evaluate", hosts=names, first=first.host))
    idle = {work: at for work, at in first.worked.items() if look.at - at > IDLE}
    if idle:
        work, at = min(idle.items(), key=lambda item: item[1])
        yield Finding("evaluator_idle", first.host, said("evaluator_idle", host=first.host, work=work, at=at))


def minted(look: Look) -> Mapping[str, str]:
    """Return the fingerprints of the keys of the one other host that makes keys; none where it is this one or not known."""
    makers = [host for host in look.reporting if host.mints]
    return makers[0].keys if len(makers) == 1 and makers[0].instance != look.own else {}
