"""Looks up the facts of an address's network; only the edge does this.

Owns the MMDB readers and the precedence of network classes: the site's own networks, then the address lists in the
order of the settings. Opening is the only I/O; look-ups read memory. A missing file gives empty facts (`doctor`
reports it); a broken one stops the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_network
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

import maxminddb

from pipeline.errors import Fatal
from pipeline.event import NetClass, RawAddress
from pipeline.networks.address import NetworkSet
from pipeline.settings import Settings

_NET_CLASSES = frozenset(get_args(NetClass))
# RFC 1918, RFC 4193: such an address outside of the clinic's own networks is that of a proxy missing in the settings.
_PRIVATE = NetworkSet(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
_WALKED = 50_000  # networks read in order at start, to find a broken tree or pointer; takes a tenth of a second
_PROBES = 4096  # look-ups spread over both address spaces, beyond the networks read in order


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
        country: maxminddb.Reader | None = None,
        asn: maxminddb.Reader | None = None,
        lists: maxminddb.Reader | None = None,
        own: Mapping[str, NetworkSet] | None = None,
    ) -> None:
        self._country, self._asn, self._lists = country, asn, lists
        self._own = dict(own or {})
        self.broken_lookups = 0
        self.private_clients = 0

    @classmethod
    def load(cls, settings: Settings) -> NetworkTables:
        """Open the files of the settings; raises `Fatal` naming the file and the expected content."""
        networks = settings.networks
        return cls(
            country=_open(networks.country_mmdb, "networks.country_mmdb", "country"),
            asn=_open(networks.asn_mmdb, "networks.asn_mmdb", "autonomous_system_number"),
            lists=_open(settings.lists_file, "networks.lists", "net_class") if networks.lists else None,
            own={site.id: NetworkSet(site.own_networks) for site in settings.sites if site.own_networks},
        )

    def own_sites(self, address: RawAddress) -> frozenset[str]:
        """Return the ids of the sites whose own networks hold the address."""
        return frozenset(site for site, networks in self._own.items() if address in networks)

    def look_up(self, address: RawAddress) -> NetworkFacts:
        """Return the facts of the address's network."""
        if address in _PRIVATE and not any(address in own for own in self._own.values()):
            self.private_clients += 1
        country = self._get(self._country, address)
        system = self._get(self._asn, address)
        listed = self._get(self._lists, address).get("net_class", "other")
        return NetworkFacts(
            country=_country_code(country),
            asn=_number(system.get("autonomous_system_number")),
            as_org=str(system.get("autonomous_system_organization", ""))[:100],
            net_class=cast("NetClass", listed) if listed in _NET_CLASSES else "other",
        )

    def _get(self, reader: maxminddb.Reader | None, address: RawAddress) -> Mapping[str, Any]:
        if reader is None or (":" in address and reader.metadata().ip_version == 4):
            return {}
        try:
            record = reader.get(address)
        except (maxminddb.InvalidDatabaseError, ValueError):
            self.broken_lookups += 1
            return {}
        return record if isinstance(record, dict) else {}


def _country_code(record: Mapping[str, Any]) -> str:
    for key in ("country", "registered_country"):
        entry = record.get(key)
        code = entry.get("iso_code") if isinstance(entry, dict) else None
        if isinstance(code, str) and len(code) == 2:
            return code
    return ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**32 else 0


def _open(file: Path | None, key: str, field: str) -> maxminddb.Reader | None:
    if file is None:
        return None
    if not file.exists():
        if key != "networks.lists":
            return None  # doctor reports it; hits are counted without country and network
        raise Fatal(f"{file}: {key}: not built yet; run `clinic-pixel lists build`")
    try:
        reader = maxminddb.open_database(file)
        records = [record for _, record in islice(reader, _WALKED)]  # reading all of them is the check
        useful = any(field in record for record in records if isinstance(record, dict))
        for address in _probes(ipv6=reader.metadata().ip_version == 6):
            reader.get(address)
    except (maxminddb.InvalidDatabaseError, ValueError, OSError) as error:
        raise Fatal(f"{file}: {key} is not a readable MMDB ({type(error).__name__}); expected an intact file") from None
    if not useful:
        raise Fatal(f"{file}: {key}: no record has `{field}` ({reader.metadata().database_type})")
    return reader


def _probes(*, ipv6: bool) -> list[IPv4Address | IPv6Address]:
    step = 2**32 // _PROBES
    found: list[IPv4Address | IPv6Address] = [IPv4Address(place * step + 1) for place in range(_PROBES)]
    if ipv6:
        # Only 2000::/3 is routed; a stride over its first 32 bits reaches every large block.
        found += [IPv6Address((0x2000_0000 + place * (0x2000_0000 // _PROBES)) << 96) for place in range(_PROBES)]
    return found
