"""Looks up the facts of an address's network; only the edge does this.

Owns the MMDB readers, the forms of their records, and the precedence of network classes: the site's own networks, then
the address lists in the order of the settings, the fetched ranges of crawlers, the built-in table of providers. `load` and
`refresh` are the only I/O; look-ups read memory. A missing file gives empty facts (`doctor` reports it) until it is there;
a broken or useless one stops the start, and later leaves the earlier one in force.

Two forms of records are read: nested as in MaxMind's files, and flat as in IPinfo's.
"""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

import maxminddb

from pipeline.errors import Fatal
from pipeline.event import NetClass, RawAddress
from pipeline.networks.address import PRIVATE_BLOCKS, NetworkSet
from pipeline.networks.fetched import CRAWLERS, asn_file, country_file, fetched_file
from pipeline.networks.loaded_file import LoadedFile
from pipeline.networks.providers import read_providers
from pipeline.networks.signed_agents import SignedAgents
from pipeline.settings.model import Settings

_NET_CLASSES = frozenset(get_args(NetClass))
# Such an address outside of the clinic's own networks is that of a proxy missing in the settings.
_PRIVATE = NetworkSet(map(ip_network, PRIVATE_BLOCKS))
_NEAR = {
    "loopback": NetworkSet([ip_network("127.0.0.0/8")]),
    "loopback_v6": NetworkSet([ip_network("::1/128")]),
    # Besides the private ones: RFC 6598, RFC 3927, RFC 4291; balancers of cloud providers have such addresses.
    "private": NetworkSet(map(ip_network, (*PRIVATE_BLOCKS, "100.64.0.0/10", "169.254.0.0/16", "fe80::/10"))),
}
"""The networks from which only a proxy of the operator's own would forward a visitor's address, by their name in figures."""
SYSTEMS = IPv6Network("100::/64")
"""The discard-only block (RFC 6666): compiled lists have their autonomous systems here, by number."""
_WALKED = 5_000  # networks read in order at each loading, to find a broken tree or pointer
_PROBES = 4096  # look-ups spread over both address spaces, beyond the networks read in order


_BROKEN = (maxminddb.InvalidDatabaseError, ValueError, LookupError, TypeError, RecursionError, struct.error)
"""What the reader raises for a broken file."""
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_SYSTEM = re.compile(r"(?:AS)?([0-9]{1,10})", re.ASCII)

Database = LoadedFile[maxminddb.Reader | None]
Record = Mapping[str, Any]


class NetworkFacts(NamedTuple):
    """Country ('' unknown, ISO 3166-1 alpha-2), autonomous system (0 unknown) and class of an address's network."""

    country: str = ""
    asn: int = 0
    as_org: str = ""
    net_class: NetClass = "other"


NO_FACTS = NetworkFacts()


class NetworkTables:
    """The look-ups of one collector process."""

    def __init__(
        self,
        *,
        country: Database | None = None,
        asn: Database | None = None,
        lists: Database | None = None,
        crawlers: Database | None = None,
        providers: Mapping[int, NetClass] | None = None,
        own: Mapping[str, NetworkSet] | None = None,
        signed_agents: SignedAgents | None = None,
    ) -> None:
        self._country, self._asn, self._lists, self._crawlers = country, asn, lists, crawlers
        self._providers = dict(providers or {})
        self._own = dict(own or {})
        self.signed_agents = signed_agents or SignedAgents()
        self.broken_lookups = 0
        self.private_clients = 0
        self.untrusted_forwards = dict.fromkeys(_NEAR, 0)

    @classmethod
    def load(cls, settings: Settings) -> NetworkTables:
        """Read the files of the settings; raises `Fatal` naming the file and the expected content."""
        files = {name: LoadedFile(file, read) for name, (file, read) in sources(settings).items()}
        return cls(
            country=files.get("country_mmdb"),
            asn=files.get("asn_mmdb"),
            lists=files.get("lists"),
            crawlers=files.get("crawlers"),
            providers=read_providers().classes if settings.networks.provider_classes else None,
            own={site.id: NetworkSet(site.own_networks) for site in settings.sites if site.own_networks},
            signed_agents=SignedAgents.load(settings),
        )

    def refresh(self) -> bool:
        """Take the files that changed; return whether there was one. It reads files, so call it outside of the event loop."""
        are_keys_new = self.signed_agents.refresh()
        return sum(file.look() for file in self._databases().values()) > 0 or are_keys_new

    @property
    def loaded(self) -> dict[str, float]:
        """The modification time of each file in force, Unix seconds, by the name of its setting; 0 for a missing file."""
        return {name: file.modified_s for name, file in self._files().items()}

    @property
    def refused_files(self) -> int:
        """The number of changed files that were not taken since the start."""
        return sum(file.refused for file in self._files().values())

    def _files(self) -> dict[str, LoadedFile[Any]]:
        return {**self._databases(), **self.signed_agents.files}

    def _databases(self) -> dict[str, Database]:
        named = {
            "country_mmdb": self._country,
            "asn_mmdb": self._asn,
            "lists": self._lists,
            "crawlers": self._crawlers,
        }
        return {name: file for name, file in named.items() if file is not None}

    def count_untrusted_forward(self, peer: RawAddress) -> None:
        """Count a forwarded header that is not believed, if its sender looks like a proxy that the settings forgot."""
        if any(peer in own for own in self._own.values()):
            return  # a web proxy of the clinic's own people
        for name, networks in _NEAR.items():
            self.untrusted_forwards[name] += peer in networks

    def own_sites(self, address: RawAddress) -> frozenset[str]:
        """Return the ids of the sites whose own networks hold the address."""
        return frozenset(site for site, networks in self._own.items() if address in networks)

    def look_up(self, address: RawAddress) -> NetworkFacts:
        """Return the facts of the address's network."""
        if address in _PRIVATE and not any(address in own for own in self._own.values()):
            self.private_clients += 1
        system = self._get(self._asn, address)
        asn = system_number(system)
        return NetworkFacts(
            country=country_code(self._get(self._country, address)),
            asn=asn,
            as_org=_organisation(system),
            net_class=self._net_class(address, asn),
        )

    def _net_class(self, address: RawAddress, asn: int) -> NetClass:
        listed = [self._get(self._lists, address)]
        if asn and self._lists:
            listed.append(self._get(self._lists, RawAddress(str(system_address(asn)))))
        first = min(listed, key=_place)
        return _class_in(first) or _class_in(self._get(self._crawlers, address)) or self._providers.get(asn, "other")

    def _get(self, database: Database | None, address: RawAddress) -> Record:
        reader = database.content if database else None
        if reader is None or (":" in address and reader.metadata().ip_version == 4):
            return {}
        try:
            record = reader.get(address)
        except _BROKEN:
            self.broken_lookups += 1
            return {}
        return record if isinstance(record, dict) else {}


def country_code(record: Record) -> str:
    """Return the country of a record, '' if it tells none."""
    for key in ("country", "registered_country"):
        entry = record.get(key)
        if isinstance(entry, dict) and (code := _code(entry.get("iso_code"))):
            return code
    return _code(record.get("country_code")) or _code(record.get("country"))


def _code(value: object) -> str:
    code = value.upper() if isinstance(value, str) else ""
    return code if _COUNTRY.fullmatch(code) else ""


def system_number(record: Record) -> int:
    """Return the number of the autonomous system of a record, 0 if it tells none."""
    value = record.get("autonomous_system_number", record.get("asn"))
    if isinstance(value, str) and (written := _SYSTEM.fullmatch(value)):
        value = int(written[1])
    return value if isinstance(value, int) and 0 <= value < 2**32 else 0


def _organisation(record: Record) -> str:
    name = record.get("autonomous_system_organization", record.get("as_name", record.get("name")))
    return name[:100] if isinstance(name, str) else ""


def _class_in(record: Record) -> NetClass | None:
    listed = record.get("net_class")
    return cast("NetClass", listed) if listed in _NET_CLASSES else None


def _place(record: Record) -> int:
    # The files of earlier versions have no places.
    place = record.get("place", 0) if record else None
    return place if isinstance(place, int) else sys.maxsize


def system_address(number: int) -> IPv6Address:
    """Return the address under which compiled lists have an autonomous system."""
    return SYSTEMS[number]


def sources(settings: Settings) -> dict[str, tuple[Path, Callable[[Path], maxminddb.Reader | None]]]:
    """Return each file in force by the name of its setting (`crawlers` has none), and the function that reads it."""
    crawlers = fetched_file(settings, CRAWLERS)
    found: dict[str, tuple[Path, Callable[[Path], maxminddb.Reader | None]]] = {
        "country_mmdb": (country_file(settings), read_countries),
        "asn_mmdb": (asn_file(settings), read_systems),
        "crawlers": (crawlers, partial(_read, "crawlers", "a `net_class`", _class_in)),
    }
    if settings.networks.lists:
        found["lists"] = settings.lists_file, partial(_read, "lists", "a `net_class`", _class_in)
    return found


def read_countries(file: Path) -> maxminddb.Reader | None:
    """Return the reader of a file with countries, None if it is missing; raises `Fatal` for another or a broken one."""
    return _read("country_mmdb", "a country (`country.iso_code` or `country_code`)", country_code, file)


def read_systems(file: Path) -> maxminddb.Reader | None:
    """Return the reader of a file with autonomous systems, None if it is missing; raises `Fatal` as `read_countries`."""
    expected = "an autonomous system (`autonomous_system_number` or `asn`)"
    return _read("asn_mmdb", expected, system_number, file)


def _read(key: str, expected: str, fact: Callable[[Record], object], file: Path) -> maxminddb.Reader | None:
    if not file.exists():
        if key != "lists":
            return None  # doctor reports it; hits are counted without country and network
        raise Fatal(f"{file}: networks.lists: not built yet; run `clinic-pixel lists build`")
    try:
        reader = maxminddb.open_database(file, maxminddb.MODE_MEMORY)
        records = list(islice(_walk(reader), _WALKED))  # reading all of them is the check
        records += [reader.get(address) for address in _probes(ipv6=reader.metadata().ip_version == 6)]
    except (*_BROKEN, OSError) as error:
        raise Fatal(
            f"{file}: networks.{key} is not a readable MMDB ({type(error).__name__}); expected an intact file"
        ) from None
    if not any(fact(record) for record in records if isinstance(record, dict)):
        kind = reader.metadata().database_type
        raise Fatal(f"{file}: networks.{key}: none of {len(records):,} records has {expected} ({kind})")
    return reader


def _walk(reader: maxminddb.Reader) -> Iterator[object]:
    try:
        for _, record in reader:
            yield record
    except UnicodeDecodeError:
        raise
    except ValueError:
        return  # the reader cannot name some networks of sound files, such as one wider than all of IPv4


def _probes(*, ipv6: bool) -> list[IPv4Address | IPv6Address]:
    step = 2**32 // _PROBES
    found: list[IPv4Address | IPv6Address] = [IPv4Address(place * step + 1) for place in range(_PROBES)]
    if ipv6:
        # Only 2000::/3 is routed; a stride over its first 32 bits reaches every large block.
        found += [IPv6Address((0x2000_0000 + place * (0x2000_0000 // _PROBES)) << 96) for place in range(_PROBES)]
    return found
