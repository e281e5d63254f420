import shutil
from ipaddress import ip_network
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from pipeline.errors import Fatal
from pipeline.event import RawAddress
from pipeline.networks.lookup import NetworkFacts, NetworkTables
from pipeline.settings.model import Settings
from pipeline.settings.sections import AddressList, Networks
from pipeline.settings.site import Site

REAL = Path(__file__).parents[2] / "../shared/data/mmdb-maxmind-test"


def write(path, records):
    writer = MMDBWriter(6, "Test", ipv4_compatible=True)
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    path.parent.mkdir(parents=True, exist_ok=True)
    writer.to_db_file(str(path))
    return path


@pytest.fixture
def country(tmp_path):
    return write(
        tmp_path / "country.mmdb",
        {
            "203.0.113.0/24": {"country": {"iso_code": "RU"}},
            "2001:db8::/32": {"registered_country": {"iso_code": "DE"}},
        },
    )


@pytest.fixture
def asn(tmp_path):
    record = {"autonomous_system_number": 64496, "autonomous_system_organization": "Example Net"}
    return write(tmp_path / "asn.mmdb", {"203.0.113.0/24": record})


def settings(tmp_path, **networks):
    site = Site(id="clinic", hosts=("clinic.example",), own_networks=(ip_network("192.0.2.0/24"),))
    other = Site(id="other", hosts=("other.example",))
    return Settings(data=tmp_path, sites=(site, other), networks=Networks(**networks))


def facts(tables, address, site="clinic"):
    return tables.look_up(RawAddress(address))._replace(
        **({"net_class": "own"} if site in tables.own_sites(RawAddress(address)) else {})
    )


def test_country_and_system_are_looked_up(tmp_path, country, asn):
    tables = NetworkTables.load(settings(tmp_path, country_mmdb=country, asn_mmdb=asn))
    assert facts(tables, "203.0.113.9") == NetworkFacts("RU", 64496, "Example Net", "other")
    assert facts(tables, "2001:db8::1").country == "DE"
    assert facts(tables, "198.51.100.1") == NetworkFacts()


def test_the_clinics_own_network_counts_for_its_site_alone(tmp_path):
    tables = NetworkTables.load(settings(tmp_path))
    assert facts(tables, "192.0.2.9").net_class == "own"
    assert facts(tables, "192.0.2.9", "other").net_class == "other"


def test_missing_files_give_empty_facts(tmp_path):
    tables = NetworkTables.load(settings(tmp_path, country_mmdb=tmp_path / "none.mmdb"))
    assert facts(tables, "203.0.113.9") == NetworkFacts()


def test_lists_that_were_never_built_refuse_to_start(tmp_path):
    lists = (AddressList(net_class="tor", file=tmp_path / "tor.txt"),)
    with pytest.raises(Fatal, match="lists build"):
        NetworkTables.load(settings(tmp_path, lists=lists))


def test_a_built_list_gives_the_class(tmp_path):
    lists = (AddressList(net_class="tor", file=tmp_path / "tor.txt"),)
    write(tmp_path / "lists" / "lists.mmdb", {"203.0.113.0/24": {"net_class": "tor"}})
    tables = NetworkTables.load(settings(tmp_path, lists=lists))
    assert facts(tables, "203.0.113.9").net_class == "tor"


@pytest.mark.parametrize(
    ("word", "spoil", "message"),
    [
        ("no database", lambda path: path.write_bytes(b"hello"), "not a readable MMDB"),
        ("empty", lambda path: path.write_bytes(b""), "not a readable MMDB"),
        ("cut", lambda path: path.write_bytes(path.read_bytes()[:-200]), "not a readable MMDB"),
        ("another kind", lambda path: write(path, {"203.0.113.0/24": {"colour": "red"}}), "has a country"),
        ("a directory", lambda path: (path.unlink(), path.mkdir()), "not a readable MMDB"),
    ],
)
def test_a_broken_database_refuses_to_start_and_is_named(tmp_path, country, word, spoil, message):
    spoil(country)
    with pytest.raises(Fatal, match=message) as fatal:
        NetworkTables.load(settings(tmp_path, country_mmdb=country))
    assert "country.mmdb" in str(fatal.value), word
    assert "networks.country_mmdb" in str(fatal.value), word


FLAT = {"country": "Russia", "country_code": "RU", "asn": "AS64496", "as_name": "Example Net", "as_domain": "e.example"}
"""A record of IPinfo Lite."""


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (FLAT, "RU"),
        ({"country_code": "RU"}, "RU"),
        ({"country": "RU", "country_name": "Russia"}, "RU"),
        ({"country": {"geoname_id": 2017370}, "registered_country": {"iso_code": "RU"}}, "RU"),
        ({"country": "Russia", "country_code": ""}, ""),
        ({"country": {"iso_code": "rus"}, "country_code": 7}, ""),
    ],
)
def test_the_country_is_read_from_nested_and_flat_records(tmp_path, record, expected):
    file = write(tmp_path / "flat.mmdb", {"203.0.113.0/24": record, "192.0.2.0/24": {"country_code": "DE"}})
    tables = NetworkTables.load(settings(tmp_path, country_mmdb=file))
    assert facts(tables, "203.0.113.9").country == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (FLAT, (64496, "Example Net")),
        ({"asn": "64496", "name": "Example Net"}, (64496, "Example Net")),
        ({"asn": "AS99999999999", "as_name": 7}, (0, "")),
    ],
)
def test_the_autonomous_system_is_read_from_flat_records(tmp_path, record, expected):
    file = write(tmp_path / "flat.mmdb", {"203.0.113.0/24": record, "192.0.2.0/24": FLAT})
    found = facts(NetworkTables.load(settings(tmp_path, asn_mmdb=file)), "203.0.113.9")
    assert (found.asn, found.as_org) == expected


@pytest.mark.parametrize(
    ("key", "record", "message"),
    [
        ("country_mmdb", {"country": {"names": {"en": "Russia"}}}, "none of [0-9,]+ records has a country"),
        ("country_mmdb", {"country": "Russia"}, "none of [0-9,]+ records has a country"),
        ("asn_mmdb", {"autonomous_system_number": "unknown"}, "none of [0-9,]+ records has an autonomous system"),
    ],
)
def test_a_database_without_one_usable_record_refuses_to_start_and_is_named(tmp_path, key, record, message):
    file = write(tmp_path / "useless.mmdb", {"203.0.113.0/24": record, "192.0.2.0/24": record})
    with pytest.raises(Fatal, match=rf"useless\.mmdb: networks\.{key}: {message}"):
        NetworkTables.load(settings(tmp_path, **{key: file}))


def test_a_sound_database_with_a_network_wider_than_all_of_ipv4_is_read(tmp_path):
    record = {"country_code": "RU"}
    tables = NetworkTables.load(
        settings(tmp_path, country_mmdb=write(tmp_path / "wide.mmdb", {"203.0.113.0/24": record, "::1:0:0/96": record}))
    )
    assert facts(tables, "203.0.113.9").country == "RU"


def test_every_changed_file_is_taken_and_a_broken_one_is_not(tmp_path, country, asn):
    lists = (AddressList(net_class="tor", file=tmp_path / "tor.txt"),)
    compiled = write(tmp_path / "lists" / "lists.mmdb", {"203.0.113.0/24": {"net_class": "tor"}})
    tables = NetworkTables.load(settings(tmp_path, country_mmdb=country, asn_mmdb=asn, lists=lists))
    write(country, {"203.0.113.0/24": {"country": {"iso_code": "KZ"}}})
    write(compiled, {"203.0.113.0/24": {"net_class": "vpn"}})
    asn.write_bytes(asn.read_bytes()[:-200])
    assert [tables.refresh() for _ in range(3)] == [False, True, False]
    assert facts(tables, "203.0.113.9") == NetworkFacts("KZ", 64496, "Example Net", "vpn")
    assert tables.refused_files == 1
    assert tables.loaded["country_mmdb"] == country.stat().st_mtime_ns / 1e9
    assert tables.loaded["asn_mmdb"] != asn.stat().st_mtime_ns / 1e9


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/data/mmdb-maxmind-test is not here")
@pytest.mark.parametrize(
    "name",
    [
        "GeoIP2-City-Test-Broken-Double-Format",
        "MaxMind-DB-test-broken-pointers-24",
        "MaxMind-DB-test-broken-search-tree-24",
    ],
)
def test_databases_others_broke_on_purpose_are_refused(tmp_path, name):
    shutil.copy(REAL / f"{name}.mmdb", tmp_path / "broken.mmdb")
    with pytest.raises(Fatal, match=r"broken\.mmdb: networks\.country_mmdb"):
        NetworkTables.load(settings(tmp_path, country_mmdb=tmp_path / "broken.mmdb"))


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/data/mmdb-maxmind-test is not here")
def test_databases_of_a_real_vendor_are_read(tmp_path):
    tables = NetworkTables.load(
        settings(tmp_path, country_mmdb=REAL / "GeoLite2-Country-Test.mmdb", asn_mmdb=REAL / "GeoLite2-ASN-Test.mmdb")
    )
    assert facts(tables, "81.2.69.160").country == "GB"
    assert facts(tables, "1.128.0.1").asn == 1221


def test_a_fetched_file_is_in_force_where_none_is_configured_and_is_taken_when_it_appears(tmp_path, country, asn):
    given = settings(tmp_path)
    tables = NetworkTables.load(given)
    assert tables.loaded == {"country_mmdb": 0.0, "asn_mmdb": 0.0, "crawlers": 0.0}
    given.networks_dir.mkdir()
    shutil.copy(country, given.networks_dir / "country.mmdb")
    shutil.copy(asn, given.networks_dir / "asn.mmdb")
    write(given.networks_dir / "crawlers.mmdb", {"203.0.113.8/29": {"net_class": "crawler"}})
    assert [tables.refresh(), tables.refresh()] == [False, True]
    assert facts(tables, "203.0.113.9") == NetworkFacts("RU", 64496, "Example Net", "crawler")
    assert all(tables.loaded.values())


def test_a_configured_file_is_in_force_before_the_fetched_one(tmp_path, country):
    given = settings(tmp_path, country_mmdb=country)
    write(given.networks_dir / "country.mmdb", {"203.0.113.0/24": {"country_code": "DE"}})
    assert facts(NetworkTables.load(given), "203.0.113.9").country == "RU"
    assert facts(NetworkTables.load(settings(tmp_path)), "203.0.113.9").country == "DE"
