"""The addresses of the invented people and robots: of real providers where the files about networks tell them.

Owns the shares of the providers, and the search for their networks. Documentation addresses (RFC 5737, RFC 3849) have no
network and no country, so without the files the reports can name none. The same seed and the same files give the same
addresses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from random import Random
from typing import Final, NamedTuple, Protocol

import maxminddb

from pipeline.networks.fetched import CRAWLERS, asn_file, country_file, fetched_file
from pipeline.networks.lookup import country_code, system_number
from pipeline.settings.model import Settings

MOST_NETWORKS: Final = 12
"""The networks of one provider that are used."""
_STEP4 = 2 ** (32 - 18)
_STEP6 = 2 ** (128 - 29)  # the registry of Europe gives its members /29
_REGION6 = IPv6Network("2a00::/12")

Network = IPv4Network | IPv6Network


class Provider(NamedTuple):
    """The country, the autonomous systems and the share of a provider among the people."""

    country: str
    systems: tuple[int, ...]
    share: int


PEOPLE: Final = (
    Provider("RU", (12389, 42610), 24),  # Rostelecom
    Provider("RU", (8359, 25513), 16),  # MTS
    Provider("RU", (8402, 3216, 16345), 12),  # Beeline
    Provider("RU", (31133, 25159, 12714), 12),  # MegaFon
    Provider("RU", (12958, 41330), 8),  # T2
    Provider("RU", (12772, 9049), 4),  # ER-Telecom
    Provider("RU", (20485,), 3),  # TransTeleCom
    Provider("KZ", (9198,), 8),  # Kazakhtelecom
    Provider("KZ", (29355, 21299), 5),  # Kcell, Kar-Tel
    Provider("BY", (6697,), 6),  # Beltelecom
    Provider("BY", (42772,), 2),  # A1
)
CARRIER: Final = Provider("RU", (31133, 25159), 0)
"""Many of its phones share one address."""
ROBOTS: Final = {"YandexBot": Provider("RU", (13238, 208398, 200350), 0)}
"""Robots whose operators publish no ranges."""
HOSTING: Final = Provider("DE", (24940, 51167), 0)
SCANNER: Final = Provider("NL", (14061, 60781), 0)


class Places(Protocol):
    """The addresses of the invented visitors."""

    def carrier(self) -> str:
        """Return the address that many phones share."""
        ...

    def person(self, random: Random, number: int) -> str:
        """Return the address of a person's device."""
        ...

    def home(self, random: Random) -> str:
        """Return an address of a home."""
        ...

    def robot(self, agent: str, place: int) -> str:
        """Return the address of a robot with this agent, `place` of all robots."""
        ...

    def scanner(self) -> str:
        """Return the address of the scanner."""
        ...

    def hosting(self, random: Random) -> str:
        """Return an address of a server for rent."""
        ...

    def provider(self, address: str) -> Provider | None:
        """Return the provider of one of the people's addresses, None where no file tells it."""
        ...


class DocumentationPlaces:
    """Addresses that nobody has."""

    def carrier(self) -> str:
        """See `Places`."""
        return "203.0.113.77"

    def person(self, random: Random, number: int) -> str:
        """See `Places`."""
        if random.random() < 0.15:
            return f"2001:db8:{number:x}::{random.randrange(1, 0xFFFF):x}"
        return self.home(random)

    def home(self, random: Random) -> str:
        """See `Places`."""
        return f"198.51.100.{random.randrange(1, 255)}"

    def robot(self, agent: str, place: int) -> str:
        """See `Places`."""
        return f"198.51.100.{240 + place}"

    def scanner(self) -> str:
        """See `Places`."""
        return "203.0.113.200"

    def hosting(self, random: Random) -> str:
        """See `Places`."""
        return f"203.0.113.{random.randrange(130, 190)}"

    def provider(self, address: str) -> None:
        """See `Places`: documentation addresses have none."""


@dataclass(frozen=True, slots=True)
class PublicPlaces:
    """Addresses of real providers; `version6` has the providers that have such networks, `crawlers` robots by name."""

    version4: Mapping[Provider, Sequence[Network]]
    version6: Mapping[Provider, Sequence[Network]]
    crawlers: Mapping[str, Sequence[Network]]
    _nowhere: Places = field(default_factory=DocumentationPlaces)

    def carrier(self) -> str:
        """See `Places`."""
        return _fixed(self.version4[CARRIER]) if CARRIER in self.version4 else self._nowhere.carrier()

    def person(self, random: Random, number: int) -> str:
        """See `Places`."""
        if self.version6 and random.random() < 0.15:
            return _address(random, _picked(random, self.version6))
        return self.home(random)

    def home(self, random: Random) -> str:
        """See `Places`."""
        return _address(random, _picked(random, self.version4))

    def robot(self, agent: str, place: int) -> str:
        """See `Places`."""
        named = [networks for name, networks in self.crawlers.items() if name in agent]
        named += [self.version4.get(provider, ()) for name, provider in ROBOTS.items() if name in agent]
        networks = next((found for found in named if found), None) or self.version4.get(HOSTING)
        return _fixed(networks) if networks else self._nowhere.robot(agent, place)

    def scanner(self) -> str:
        """See `Places`."""
        networks = self.version4.get(SCANNER) or self.version4.get(HOSTING)
        return _fixed(networks) if networks else self._nowhere.scanner()

    def hosting(self, random: Random) -> str:
        """See `Places`."""
        known = [self.version4[who] for who in (HOSTING, SCANNER) if who in self.version4]
        return _address(random, random.choice(known)) if known else self._nowhere.hosting(random)

    def provider(self, address: str) -> Provider | None:
        """See `Places`."""
        found = ip_address(address)
        known = self.version6 if found.version == 6 else self.version4
        return next((who for who, networks in known.items() if any(found in network for network in networks)), None)


def places(settings: Settings) -> tuple[Places, str]:
    """Return the addresses for this machine's files, and the reason where they are of documentation, else ''."""
    countries, systems = country_file(settings), asn_file(settings)
    if missing := [file for file in (countries, systems) if not file.exists()]:
        return DocumentationPlaces(), f"there is no file {missing[0]}; run `clinic-pixel lists fetch`"
    try:
        version4, version6 = _networks_of_providers(countries, systems)
        crawlers = _networks_of_crawlers(fetched_file(settings, CRAWLERS))
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        return DocumentationPlaces(), f"the files cannot be read ({type(error).__name__}); see `clinic-pixel doctor`"
    if not any(provider in version4 for provider in PEOPLE):
        return DocumentationPlaces(), "the files about networks know none of the invented people's providers"
    return PublicPlaces(version4, version6, crawlers), ""


Found = dict[Provider, list[Network]]


def _networks_of_providers(countries: Path, systems: Path) -> tuple[Found, Found]:
    """Return the networks of the providers, of IPv4 and of IPv6: asking each /18 or /29 once finds their wide ones."""
    wanted: defaultdict[int, list[Provider]] = defaultdict(list)
    for provider in (*PEOPLE, CARRIER, *ROBOTS.values(), HOSTING, SCANNER):
        for number in provider.systems:
            wanted[number].append(provider)
    found: tuple[Found, Found] = ({}, {})
    with maxminddb.open_database(countries) as country, maxminddb.open_database(systems) as system:
        for address in _asked(ipv6=system.metadata().ip_version == 6):
            record, length = system.get_with_prefix_len(address)
            for provider in wanted.get(system_number(record), ()) if isinstance(record, dict) else ():
                place, network = country.get(address), ip_network((address, length), strict=False)
                known = found[address.version == 6].setdefault(provider, [])
                is_there = isinstance(place, dict) and country_code(place) == provider.country
                if is_there and len(known) < MOST_NETWORKS and network not in known:
                    known.append(network)
    version4, version6 = ({who: networks for who, networks in part.items() if networks} for part in found)
    return version4, {who: networks for who, networks in version6.items() if who.share}


def _asked(*, ipv6: bool) -> Iterator[IPv4Address | IPv6Address]:
    # The last eighth of IPv4 has no clients, and its first block no networks.
    for place in range(2**24, 224 * 2**24, _STEP4):
        yield IPv4Address(place)
    if ipv6:
        begin = int(_REGION6.network_address)
        for place in range(begin, begin + _REGION6.num_addresses, _STEP6):
            yield IPv6Address(place)


def _networks_of_crawlers(file: Path) -> dict[str, list[Network]]:
    found: defaultdict[str, list[Network]] = defaultdict(list)
    if file.exists():
        with maxminddb.open_database(file) as reader:
            for network, record in reader:
                name = record.get("robot") if isinstance(record, dict) else None
                if isinstance(name, str):
                    found[name].append(network)
    return dict(found)


def _picked(random: Random, known: Mapping[Provider, Sequence[Network]]) -> Sequence[Network]:
    people = [provider for provider in PEOPLE if provider in known]
    return known[random.choices(people, weights=[provider.share for provider in people])[0]]


def _address(random: Random, networks: Sequence[Network]) -> str:
    network = random.choice(networks)
    return str(network[random.randrange(1, max(2, network.num_addresses - 1))])


def _fixed(networks: Sequence[Network]) -> str:
    network = networks[len(networks) // 2]
    return str(network[min(77, network.num_addresses - 1)])
