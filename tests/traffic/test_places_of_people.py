"""The invented visitors have addresses of real providers where the files tell them, and of documentation else."""

from __future__ import annotations

from datetime import date
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from pipeline.event import RawAddress
from pipeline.networks.lookup import NetworkTables
from pipeline.settings.model import Settings
from pipeline.settings.sections import Networks
from pipeline.settings.site import DEMO_SITE
from pipeline.traffic.clinic_day import clinic_day
from pipeline.traffic.places import CARRIER, DocumentationPlaces, places
from pipeline.traffic.send import PlannedHit

DAY = date(2026, 11, 18)
DOCUMENTATION = [ip_network(each) for each in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]
NETWORKS = {
    "2.60.0.0/15": (12389, "RU"),
    "5.60.0.0/15": (12389, "NL"),  # the provider's, in another country
    "2.132.0.0/14": (9198, "KZ"),
    "31.173.0.0/18": (31133, "RU"),
    "46.4.0.0/16": (24940, "DE"),
    "77.88.0.0/18": (13238, "RU"),
    "2a02:2208::/29": (6697, "BY"),
    "2a02:50c0::/29": (64496, "KZ"),
}
NAMES = {"Googlebot": (0, "crawler"), "YandexBot": (13238, "other"), "python-requests": (24940, "datacenter")}


def write(file: Path, records: dict[str, dict[str, object]]) -> None:
    writer = MMDBWriter(6, "Test", ipv4_compatible=True)
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(file))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    given = Settings(data=tmp_path)
    given.networks_dir.mkdir()
    write(given.networks_dir / "country.mmdb", {name: {"country_code": place} for name, (_, place) in NETWORKS.items()})
    systems = {name: {"autonomous_system_number": number} for name, (number, _) in NETWORKS.items()}
    write(given.networks_dir / "asn.mmdb", systems)
    robot = {"66.249.64.0/20": {"net_class": "crawler", "robot": "Googlebot"}}
    write(given.networks_dir / "crawlers.mmdb", robot)
    return given


def day(settings: Settings, seed: int = 1) -> list[PlannedHit]:
    return clinic_day(DEMO_SITE, DAY, seed=seed, people=150, places=places(settings)[0])


def test_people_come_from_providers_of_their_countries_and_robots_from_their_operators_and_hosting(
    settings: Settings,
) -> None:
    hits = day(settings)
    tables = NetworkTables.load(settings)
    people = [
        tables.look_up(RawAddress(hit.address)) for hit in hits if hit.person and not hit.person.startswith("staff")
    ]
    assert {(who.asn, who.country) for who in people} == {(12389, "RU"), (31133, "RU"), (9198, "KZ"), (6697, "BY")}
    share = {number: sum(who.asn == number for who in people) / len(people) for number in (12389, 9198)}
    assert share[12389] > 2 * share[9198]
    facts = {name: tables.look_up(RawAddress(next(hit.address for hit in hits if name in hit.agent))) for name in NAMES}
    assert {name: (who.asn, who.net_class) for name, who in facts.items()} == NAMES


def test_the_same_seed_and_files_give_the_same_day(settings: Settings) -> None:
    assert day(settings) == day(settings)
    assert day(settings) != day(settings, seed=2)


def test_the_phones_of_a_carrier_share_an_address(settings: Settings) -> None:
    known, why_not = places(settings)
    assert why_not == ""
    assert known.carrier() == known.carrier()
    assert NetworkTables.load(settings).look_up(RawAddress(known.carrier())).asn in CARRIER.systems


def test_the_provider_of_a_persons_address_is_that_of_the_files(settings: Settings) -> None:
    known, tables = places(settings)[0], NetworkTables.load(settings)
    addresses = {hit.address for hit in day(settings) if hit.person.startswith("person")}
    assert any(":" in address for address in addresses)
    for address in addresses:
        provider, facts = known.provider(address), tables.look_up(RawAddress(address))
        assert provider is not None
        assert facts.asn in provider.systems
        assert facts.country == provider.country
    assert known.provider("192.0.2.10") is None
    assert DocumentationPlaces().provider(next(iter(addresses))) is None


def without_files(settings: Settings) -> Settings:
    (settings.networks_dir / "country.mmdb").unlink()
    return settings


def with_a_broken_file(settings: Settings) -> Settings:
    (settings.networks_dir / "asn.mmdb").write_bytes(b"no database")
    return settings


def with_other_providers(settings: Settings) -> Settings:
    write(settings.networks_dir / "asn.mmdb", {"2.60.0.0/15": {"autonomous_system_number": 64496}})
    return settings


def with_configured_files_that_are_missing(settings: Settings) -> Settings:
    return settings.model_copy(update={"networks": Networks(asn_mmdb=settings.data / "none.mmdb")})


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (without_files, "there is no file"),
        (with_a_broken_file, "cannot be read"),
        (with_other_providers, "know none of"),
        (with_configured_files_that_are_missing, "none.mmdb"),
    ],
)
def test_without_usable_files_the_day_is_of_documentation_and_the_reason_is_said(
    settings: Settings, spoil, reason: str
) -> None:
    known, why_not = places(spoil(settings))
    assert reason in why_not
    hits = clinic_day(DEMO_SITE, DAY, seed=1, people=100, places=known)
    assert all(any(ip_address(hit.address) in network for network in DOCUMENTATION) for hit in hits)
    assert hits == clinic_day(DEMO_SITE, DAY, seed=1, people=100, places=DocumentationPlaces())


def test_a_provider_that_the_files_lack_leaves_its_robot_in_documentation(settings: Settings) -> None:
    write(settings.networks_dir / "asn.mmdb", {"2.60.0.0/15": {"autonomous_system_number": 12389}})
    (settings.networks_dir / "crawlers.mmdb").unlink()
    known, why_not = places(settings)
    assert why_not == ""
    for address in (known.robot("Googlebot", 1), known.robot("YandexBot", 0), known.scanner(), known.carrier()):
        assert any(ip_address(address) in network for network in DOCUMENTATION)
