"""The versions of everything besides the pages that can change a number: lists, databases, parsers, settings, the policy.

Owns the choice of these things and the form of a version: a build date, a package's version, or 12 hex digits of a hash. A
file that cannot be read has no version now: that is a trouble of `doctor`, not a change.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, NamedTuple

import maxminddb
import msgspec

from pipeline import __version__
from pipeline.networks.fetched import CRAWLERS, asn_file, country_file, fetched_file
from pipeline.networks.signed_agents import key_files
from pipeline.settings.model import Settings

PARSERS: Final = (
    "ua-parser",
    "ua-parser-builtins",
    "ua-parser-rs",
    "user-agents",
    "crawler-user-agents",
    "publicsuffixlist",
)
"""The packages whose data decide about names of browsers, robots and sites."""

LEFT_OUT: Final = {"privacy": {"policy_version"}, "clickhouse": {"url"}, "alerts": {"webhook_url", "mail"}}
"""Settings left out of the hash of their section: one has a mark of its own, the others name places that are nobody's business."""


class Thing(NamedTuple):
    """Something that has a version; the columns `kind` and `name` of a mark."""

    kind: str
    name: str


Versions = Mapping[Thing, str]


def versions_now(settings: Settings) -> tuple[dict[Thing, str], set[Thing]]:
    """Return the version of each thing, and the configured things that cannot be read now."""
    found: dict[Thing, str] = {Thing("software", "clinic-pixel"): __version__}
    found |= {Thing("parser", name): said for name in PARSERS if (said := _package(name))}
    found |= {Thing("settings", name): said for name, said in _sections(settings)}
    found[Thing("policy", "privacy policy")] = settings.privacy.policy_version
    unread: set[Thing] = set()
    networks = settings.networks
    databases = [file for file in (networks.country_mmdb, networks.asn_mmdb) if file]
    fetched = (country_file(settings), asn_file(settings), fetched_file(settings, CRAWLERS))
    databases += [file for file in fetched if file not in databases and file.exists()]
    lists = [entry.file for entry in networks.lists] + [file for _, file in key_files(settings)]
    for kind, files, of_file in (
        ("database", databases, _build_date),
        ("list", [*lists, *([networks.referrer_spam] if networks.referrer_spam else [])], _hash_of_file),
    ):
        for name, file in _named(files):
            try:
                found[Thing(kind, name)] = of_file(file)
            except (OSError, ValueError, maxminddb.InvalidDatabaseError):
                unread.add(Thing(kind, name))
    return found, unread


def short_hash(content: bytes) -> str:
    """Return the first 12 hex digits of the SHA-256."""
    return hashlib.sha256(content).hexdigest()[:12]


def _sections(settings: Settings) -> Iterator[tuple[str, str]]:
    for name in type(settings).model_fields:
        if name != "data":
            dumped = settings.model_dump(mode="json", include={name})[name]
            if isinstance(dumped, dict):
                dumped = {key: value for key, value in dumped.items() if key not in LEFT_OUT.get(name, set())}
            yield name, short_hash(msgspec.json.encode(dumped, order="deterministic"))


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _named(files: Sequence[Path]) -> list[tuple[str, Path]]:
    """Return each file under its name, or with its directory's where two have the same."""
    names = Counter(file.name for file in files)
    return [(file.name if names[file.name] == 1 else "/".join(file.parts[-2:]), file) for file in files]


def _build_date(file: Path) -> str:
    with maxminddb.open_database(file, maxminddb.MODE_FILE) as reader:
        return datetime.fromtimestamp(reader.metadata().build_epoch, UTC).date().isoformat()


def _hash_of_file(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:12]
