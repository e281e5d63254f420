"""Address lists: what is compiled, which list wins, what is refused."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import maxminddb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from typer.testing import CliRunner

from pipeline import cli
from pipeline.errors import Fatal, Retryable
from pipeline.event import RawAddress
from pipeline.networks.lists import _as_set, _joined, build, is_stale, read_networks
from pipeline.networks.lookup import NetworkTables
from pipeline.networks.providers import read_providers
from pipeline.settings.model import Settings
from pipeline.settings.sections import AddressList, Networks

SHARED = Path(__file__).parents[2] / "../shared/data/lists"


def _settings(directory: Path, **files: str) -> Settings:
    """Return settings with one list a keyword, named for its class, in order."""
    entries = []
    for name, text in files.items():
        file = directory / f"{name}.txt"
        file.write_text(text, "utf-8")
        entries.append(AddressList.model_validate({"net_class": name.rstrip("_"), "file": file}))
    return Settings(data=directory / "var", networks=Networks(lists=tuple(entries)))


def _class(settings: Settings, address: str) -> str:
    return NetworkTables.load(settings).look_up(RawAddress(address)).net_class


def test_an_address_gets_the_class_of_its_list(tmp_path: Path) -> None:
    settings = _settings(
        tmp_path,
        crawler="# ranges of a crawler\n\n192.0.2.0/25  # first half\n2001:db8:1::/48\n",
        tor="198.51.100.7\n2001:db8::7\n",
    )
    build(settings)
    assert [_class(settings, address) for address in ("192.0.2.1", "192.0.2.127", "2001:db8:1::5")] == ["crawler"] * 3
    assert [_class(settings, address) for address in ("198.51.100.7", "2001:db8::7")] == ["tor"] * 2
    assert [_class(settings, address) for address in ("192.0.2.128", "198.51.100.8", "2001:db8:2::1")] == ["other"] * 3


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.0/24", "192.0.2.16/28"),  # the first surrounds the second
        ("192.0.2.16/28", "192.0.0.0/16"),  # and the other way round
        ("2001:db8:0:10::/64", "2001:db8::/32"),
        ("2001:db8::/32", "2001:db8:0:10::/64"),
    ],
)
def test_where_lists_overlap_the_first_one_counts(tmp_path: Path, first: str, second: str) -> None:
    settings = _settings(tmp_path, crawler=first, datacenter=second)
    build(settings)
    for network in (first, second):
        for place in (0, -1):
            address = ip_network(network)[place]
            expected = "crawler" if address in ip_network(first) else "datacenter"
            assert _class(settings, str(address)) == expected


_SMALL4 = st.builds(lambda host, size: ip_network((host & (0xFF << size) | 0xC0000200, 32 - size)), st.integers(0, 255), st.integers(0, 8))  # fmt: skip


@given(st.lists(st.lists(_SMALL4, min_size=1, max_size=6), min_size=1, max_size=3))
def test_the_tree_answers_as_a_plain_search_through_the_lists_would(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[IPv4Network]]
) -> None:
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True)
    for place in reversed(range(len(groups))):
        writer.insert_network(_as_set(_joined([*groups[place]])), {"place": place})
    file = tmp_path_factory.getbasetemp() / "small.mmdb"
    writer.to_db_file(str(file))
    with maxminddb.open_database(file) as reader:
        for address in IPv4Network("192.0.2.0/24"):
            plain = next((n for n, group in enumerate(groups) if any(address in network for network in group)), None)
            found = reader.get(address)
            assert (found["place"] if isinstance(found, dict) else None) == plain


def test_the_counts_tell_what_was_joined(tmp_path: Path) -> None:
    settings = _settings(tmp_path, vpn="192.0.2.0/25\n192.0.2.128/25\n192.0.2.7\n2001:db8::/32\n")
    (entry,) = build(settings)
    assert (entry.networks, entry.joined_ipv4, entry.joined_ipv6, entry.ipv4_addresses) == (4, 1, 1, 256)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("junk", "is not a network"),
        ("192.0.2.1/24", "is not a network"),  # host bits: which of the two was meant?
        ("192.0.2.0/33", "is not a network"),
        ("192.0.2.0/24 192.0.3.0/24", "is not a network"),
        ("AS", "is not a network"),
        ("AS0", "is no autonomous system"),
        ("AS4294967296", "is no autonomous system"),
        ("100::7", "has no clients"),  # the place of autonomous systems
        ("0.0.0.0/0", "too wide"),
        ("8.0.0.0/7", "too wide"),
        ("::/0", "has no clients"),
        ("::/16", "has no clients"),
        ("::192.0.2.1", "has no clients"),
        ("2000::/3", "too wide"),
        ("::ffff:0:0/96", "too wide"),
    ],
)
def test_a_malformed_line_stops_the_build_and_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    settings = _settings(tmp_path, vpn="192.0.2.0/24\n")
    build(settings)
    before = settings.lists_file.read_bytes()
    broken = _settings(tmp_path, vpn=f"192.0.2.0/24\n# fine so far\n{line}\n")
    with pytest.raises(Fatal, match=rf"vpn\.txt: line 3: .*{complaint}.*expected"):
        build(broken)
    assert settings.lists_file.read_bytes() == before
    assert [path.name for path in settings.lists_file.parent.iterdir()] == ["lists.mmdb"]


def test_a_mapped_network_is_the_ipv4_network(tmp_path: Path) -> None:
    file = tmp_path / "mapped.txt"
    file.write_text("::ffff:192.0.2.0/120\n2001:db8::/32\n", "utf-8")
    assert list(read_networks(file)) == [IPv4Network("192.0.2.0/24"), IPv6Network("2001:db8::/32")]


def _with_systems(directory: Path, settings: Settings, **systems: int) -> NetworkTables:
    """Return the tables of settings whose addresses have these autonomous systems; `x192_0_2_1` is an address."""
    writer = MMDBWriter(6, "Test", ipv4_compatible=True)
    for address, number in systems.items():
        record = {"autonomous_system_number": number, "autonomous_system_organization": "Example"}
        writer.insert_network(IPSet([address[1:].replace("_", ".")]), record)
    settings.networks_dir.mkdir(parents=True, exist_ok=True)
    writer.to_db_file(str(settings.networks_dir / "asn.mmdb"))
    return NetworkTables.load(settings)


def test_a_line_with_an_autonomous_system_gives_its_addresses_the_class(tmp_path: Path) -> None:
    settings = _settings(tmp_path, vpn="as64496 # a provider\nAS64497\n198.51.100.0/24\n")
    (entry,) = build(settings)
    assert (entry.systems, entry.networks, entry.joined_ipv4, entry.joined_ipv6) == (2, 1, 1, 0)
    tables = _with_systems(tmp_path, settings, x192_0_2_1=64496, x192_0_2_2=64497, x192_0_2_3=64498)
    classes = [tables.look_up(RawAddress(f"192.0.2.{last}")).net_class for last in (1, 2, 3)]
    assert classes == ["vpn", "vpn", "other"]


def test_of_a_system_and_a_network_the_earlier_list_counts(tmp_path: Path) -> None:
    for first, second, expected in (("AS64496", "192.0.2.0/24", "vpn"), ("192.0.2.0/24", "AS64496", "vpn")):
        settings = _settings(tmp_path, vpn=first, tor=second)
        build(settings)
        tables = _with_systems(tmp_path, settings, x192_0_2_1=64496)
        assert tables.look_up(RawAddress("192.0.2.1")).net_class == expected, first


def test_the_built_in_table_counts_after_the_operators_lists_and_can_be_switched_off(tmp_path: Path) -> None:
    hoster, carrier, mixed = 24940, 25159, 8359
    settings = _settings(tmp_path, vpn="192.0.2.0/30\n")
    build(settings)
    systems = {"x192_0_2_1": hoster, "x192_0_2_5": hoster, "x192_0_2_6": carrier, "x192_0_2_7": mixed}
    tables = _with_systems(tmp_path, settings, **systems)
    found = [tables.look_up(RawAddress(f"192.0.2.{last}")).net_class for last in (1, 5, 6, 7)]
    assert found == ["vpn", "datacenter", "mobile", "other"]
    off = settings.networks.model_copy(update={"provider_classes": False})
    tables = NetworkTables.load(settings.model_copy(update={"networks": off}))
    assert [tables.look_up(RawAddress(f"192.0.2.{last}")).net_class for last in (1, 5, 6)] == ["vpn", "other", "other"]


def test_the_built_in_table_names_every_system_once_and_no_mixed_carrier() -> None:
    table = read_providers()
    numbers = [number for provider in table.provider for number in provider.systems]
    assert len(set(numbers)) == len(numbers) > 130
    assert {8359, 3216, 8402, 12714, 20632, 12389, 15169, 13335}.isdisjoint(numbers)
    assert set(table.classes.values()) == {"datacenter", "mobile"}
    assert len({provider.name for provider in table.provider}) == len(table.provider)
    assert all(list(provider.systems) == sorted(provider.systems) for provider in table.provider)
    assert date(2026, 11, 1) < table.reviewed <= datetime.now(UTC).date()


def test_a_list_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = Settings(networks=Networks(lists=(AddressList(net_class="vpn", file=tmp_path / "absent.txt"),)))
    with pytest.raises(Fatal, match=r"absent\.txt: networks\.lists cannot be read: No such file"):
        build(missing)
    binary = _settings(tmp_path, vpn="")
    (tmp_path / "vpn.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Fatal, match="not UTF-8 text"):
        build(binary)


def test_a_list_without_a_network_is_refused_and_the_earlier_lists_stay(tmp_path: Path) -> None:
    settings = _settings(tmp_path, vpn="192.0.2.0/24\n")
    build(settings)
    before = settings.lists_file.read_bytes()
    with pytest.raises(Fatal, match=r"vpn\.txt: networks\.lists names no network"):
        build(_settings(tmp_path, vpn="# the download failed\n"))
    assert settings.lists_file.read_bytes() == before


def test_without_lists_there_is_nothing_to_build(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="expected at least one address list"):
        build(Settings(data=tmp_path))


def test_a_full_disk_leaves_the_lists_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _settings(tmp_path, vpn="192.0.2.0/24\n")
    build(settings)
    before = settings.lists_file.read_bytes()

    def full(_writer: MMDBWriter, _name: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MMDBWriter, "to_db_file", full)
    with pytest.raises(Retryable, match="No space left on device"):
        build(_settings(tmp_path, tor="192.0.2.0/24\n"))
    assert settings.lists_file.read_bytes() == before
    assert [path.name for path in settings.lists_file.parent.iterdir()] == ["lists.mmdb"]


def test_a_newer_list_makes_the_compiled_file_stale(tmp_path: Path) -> None:
    settings = _settings(tmp_path, vpn="192.0.2.0/24\n")
    assert is_stale(settings)
    build(settings)
    built = settings.lists_file.stat().st_mtime_ns
    os.utime(tmp_path / "vpn.txt", ns=(built - 1, built - 1))
    assert not is_stale(settings)
    os.utime(tmp_path / "vpn.txt", ns=(built + 1, built + 1))
    assert is_stale(settings)
    assert not is_stale(Settings(data=tmp_path))


def test_the_command_tells_what_each_list_brought(tmp_path: Path) -> None:
    (tmp_path / "vpn.txt").write_text("192.0.2.0/24\n", "utf-8")
    config = tmp_path / "pixel.toml"
    config.write_text(
        f'data = "{tmp_path / "var"}"\n[[networks.lists]]\nnet_class = "vpn"\nfile = "{tmp_path / "vpn.txt"}"\n',
        "utf-8",
    )
    result = CliRunner().invoke(cli.build_app(), ["lists", "build", "--config", str(config), "--format", "json"])
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert (row["net_class"], row["systems"], row["networks"], row["ipv4_addresses"]) == ("vpn", 0, 1, 256)
    assert (tmp_path / "var/lists/lists.mmdb").exists()


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="the public lists are not beside the checkout")
def test_the_public_lists_compile_and_answer(tmp_path: Path) -> None:
    files = [
        *(("crawler", file) for file in sorted((SHARED / "verified-crawler-ips").glob("*.ips"))),
        ("relay", SHARED / "datacenter/apple-private-relay.txt"),
        ("vpn", SHARED / "datacenter/x4bnet-vpn-ipv4.txt"),
        ("datacenter", SHARED / "datacenter/x4bnet-datacenter-ipv4.txt"),
        ("datacenter", SHARED / "datacenter/x4bnet-datacenter-ipv6.txt"),
    ]
    entries = tuple(AddressList.model_validate({"net_class": net_class, "file": file}) for net_class, file in files)
    settings = Settings(data=tmp_path, networks=Networks(lists=entries))
    compiled = build(settings)
    assert sum(entry.networks for entry in compiled) > 60_000
    tables = NetworkTables.load(settings)
    for net_class, file in files:
        sample = list(read_networks(file))[::97]
        classes = {tables.look_up(RawAddress(str(network.network_address))).net_class for network in sample}
        assert "other" not in classes
        if net_class == "crawler":
            assert classes == {"crawler"}
    assert tables.look_up(RawAddress("192.0.2.1")).net_class == "other"
