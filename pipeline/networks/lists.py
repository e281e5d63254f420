"""Compiles the address lists into one MMDB of network classes for the collector.

Owns the grammar of a list file (a line is one network in CIDR form or the number of an autonomous system, `AS12345`;
`#` starts a comment) and the build of `lists.mmdb`. Rules: where lists overlap, the first one in the settings counts; a
line that is neither, or is too wide a network, stops the build; the file is replaced atomically.

A record has the class and the place of its list among the lists. The record of an autonomous system has the address
`networks.lookup.system_address`, in a block that no client can have. Only the build needs the packages of the extra
`lists`; `doctor` reads the list files without them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.errors import Fatal, Retryable
from pipeline.networks.lookup import SYSTEMS, system_address
from pipeline.settings.model import Settings
from pipeline.settings.sections import AddressList
from pipeline.system.durable_files import READABLE, replacing

if TYPE_CHECKING:
    from mmdb_writer import MMDBWriter
    from netaddr import IPSet

WIDEST_IPV4 = 8
"""Shortest prefix: a line with more than a 256th of all IPv4 addresses is a mistake."""

WIDEST_IPV6 = 16
DATABASE_TYPE = "clinic-pixel-networks"

_MAPPED = IPv6Network("::ffff:0:0/96")
_IPV4_PLACE = IPv6Network("::/96")  # an MMDB stores its IPv4 networks here
_SYSTEM = re.compile(r"(?i:AS)([0-9]{1,10})", re.ASCII)


class CompiledList(NamedTuple):
    """The counts of one list: systems and networks as written, and networks after adjacent and overlapping ones are joined."""

    file: Path
    net_class: str
    systems: int
    networks: int
    joined_ipv4: int
    joined_ipv6: int
    ipv4_addresses: int


def build(settings: Settings) -> list[CompiledList]:
    """Compile the configured lists into `settings.lists_file`; raises `Fatal` naming file and line."""
    from mmdb_writer import MMDBWriter  # here, because `doctor` reads lists on hosts without the extra `lists`

    lists = settings.networks.lists
    if not lists:
        raise Fatal("networks.lists: expected at least one address list; see docs/settings.md")
    writer = MMDBWriter(
        ip_version=6, ipv4_compatible=True, database_type=DATABASE_TYPE, languages=["en"], description="Network classes"
    )
    compiled: list[CompiledList] = []
    for place, entry in reversed(list(enumerate(lists))):  # a later insertion wins over an earlier one
        networks = list(read_networks(entry.file))
        if not networks:
            raise Fatal(f"{entry.file}: networks.lists names no network; expected at least one, or no such list")
        joined = _joined(networks)
        writer.insert_network(_as_set(joined), {"net_class": entry.net_class, "place": place})
        compiled.append(_summary(entry, networks, joined))
    _replace(settings.lists_file, writer)
    return compiled[::-1]


def is_stale(settings: Settings) -> bool:
    """Return whether a configured list is newer than the compiled file, or that file is missing."""
    lists = settings.networks.lists
    if not lists:
        return False
    try:
        built = settings.lists_file.stat().st_mtime_ns
        return any(entry.file.stat().st_mtime_ns > built for entry in lists)
    except FileNotFoundError:
        return True


def read_networks(file: Path) -> Iterator[IPv4Network | IPv6Network]:
    """Yield the networks of a list file, IPv4-mapped ones as IPv4, and the addresses of its systems.

    Raises `Fatal` naming file and line.
    """
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                text = line.partition("#")[0].strip()
                if text:
                    yield read_network(text, f"{file}: line {number}")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise Fatal(
            f"{file}: networks.lists cannot be read: {reason}; expected one network in CIDR form or AS number a line"
        ) from None


def read_network(text: str, place: str) -> IPv4Network | IPv6Network:
    """Return the network of a line, or the address of its system; raises `Fatal` that names `place`."""
    if system := _SYSTEM.fullmatch(text):
        if not 0 < int(system[1]) < 2**32:
            raise Fatal(f"{place}: {text!r} is no autonomous system; expected a number from AS1 to AS4294967295")
        return IPv6Network(system_address(int(system[1])))
    try:
        network = ip_network(text)
    except ValueError:
        raise Fatal(
            f"{place}: {text[:60]!r} is not a network; expected one such as 192.0.2.0/24, 2001:db8::/32 or AS64496"
        ) from None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        network = IPv4Network((int(network.network_address) & 0xFFFF_FFFF, network.prefixlen - 96))
    for unused in (_IPV4_PLACE, SYSTEMS):
        if isinstance(network, IPv6Network) and network.overlaps(unused):
            raise Fatal(f"{place}: {text} overlaps {unused}, which has no clients; expected an IPv4 or global network")
    widest = WIDEST_IPV4 if network.version == 4 else WIDEST_IPV6
    if network.prefixlen < widest:
        raise Fatal(f"{place}: {text} is too wide for a list; expected a prefix of /{widest} or longer")
    return network


def _joined(networks: list[IPv4Network | IPv6Network]) -> list[IPv4Network | IPv6Network]:
    version4 = [network for network in networks if isinstance(network, IPv4Network)]
    version6 = [network for network in networks if isinstance(network, IPv6Network)]
    return [*collapse_addresses(version4), *collapse_addresses(version6)]


def _as_set(networks: list[IPv4Network | IPv6Network]) -> IPSet:
    from netaddr import IPNetwork, IPSet

    return IPSet([IPNetwork(str(network)) for network in networks])


def _summary(
    entry: AddressList, networks: list[IPv4Network | IPv6Network], joined: list[IPv4Network | IPv6Network]
) -> CompiledList:
    version4 = [network for network in joined if network.version == 4]
    version6 = [network for network in joined if isinstance(network, IPv6Network) and not network.subnet_of(SYSTEMS)]
    systems = sum(isinstance(network, IPv6Network) and network.subnet_of(SYSTEMS) for network in networks)
    return CompiledList(
        file=entry.file,
        net_class=entry.net_class,
        systems=systems,
        networks=len(networks) - systems,
        joined_ipv4=len(version4),
        joined_ipv6=len(version6),
        ipv4_addresses=sum(network.num_addresses for network in version4),
    )


def _replace(file: Path, writer: MMDBWriter) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file, mode=READABLE) as fd:
            writer.to_db_file(f"/dev/fd/{fd}")  # it accepts a file name only
    except OSError as error:
        raise Retryable(f"{file}: cannot be written: {error.strerror}; the earlier lists stay in force") from None
