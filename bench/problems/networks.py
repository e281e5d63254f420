"""Files about networks in which the invented people have providers and countries, so that an evaluation needs no fetched file."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path

from mmdb_writer import MMDBWriter
from netaddr import IPSet

from pipeline.networks.fetched import asn_file, country_file
from pipeline.settings.model import Settings
from pipeline.traffic.places import HOSTING, PEOPLE, ROBOTS, SCANNER

_FIRST = int(ip_network("2.0.0.0/16").network_address)
_SIZE = 2**16
_EACH = 2
"""Networks of a provider."""


def write_networks(settings: Settings) -> None:
    """Write the files of countries and autonomous systems where the settings expect them: /16 networks from 2.0.0.0 on."""
    settings.networks_dir.mkdir(parents=True, exist_ok=True)
    countries: dict[str, dict[str, object]] = {}
    systems: dict[str, dict[str, object]] = {}
    begin = _FIRST
    for provider in (*PEOPLE, *ROBOTS.values(), HOSTING, SCANNER):
        for number in provider.systems:
            for _ in range(_EACH):
                network = str(ip_network((begin, 16)))
                countries[network] = {"country_code": provider.country}
                systems[network] = {
                    "autonomous_system_number": number,
                    "autonomous_system_organization": f"Provider {number}",
                }
                begin += _SIZE
    _write(country_file(settings), countries)
    _write(asn_file(settings), systems)


def _write(file: Path, records: Mapping[str, dict[str, object]]) -> None:
    writer = MMDBWriter(6, "Made-up", ipv4_compatible=True)
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(file))
