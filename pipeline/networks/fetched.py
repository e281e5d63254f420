"""The files that `lists fetch` brought, and the files in force: the configured one of a kind, else the fetched one.

Owns their names and `networks.toml` beside them, which says of each where it comes from. Rules: the description is
written last, and it speaks only for a file with the same SHA-256; an operator's own file has no description.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import maxminddb
import msgspec

from pipeline.errors import Fatal
from pipeline.settings.model import Settings
from pipeline.system.durable_files import READABLE, replace

COUNTRY: Final = "country"
ASN: Final = "asn"
CRAWLERS: Final = "crawlers"

_HEAD = "# Written by `clinic-pixel lists fetch`: the files of this directory and their origin.\n"


class Origin(msgspec.Struct, frozen=True):
    """The origin of a fetched file; `date` is the day of its data, `robots` the robots whose ranges it has.

    `licence` is '' if it is not known, `attribution` is '' if the licence asks for none.
    """

    source: str
    version: str
    date: date
    licence: str
    attribution: str
    sha256: str
    robots: tuple[str, ...] = ()


def fetched_file(settings: Settings, name: str) -> Path:
    """Return the place of a fetched file."""
    return settings.networks_dir / f"{name}.mmdb"


def country_file(settings: Settings) -> Path:
    """Return the file that tells countries; it may be missing."""
    return settings.networks.country_mmdb or fetched_file(settings, COUNTRY)


def asn_file(settings: Settings) -> Path:
    """Return the file that tells autonomous systems; it may be missing."""
    return settings.networks.asn_mmdb or fetched_file(settings, ASN)


def origins_file(settings: Settings) -> Path:
    """Return the place of the descriptions."""
    return settings.networks_dir / "networks.toml"


def read_origins(file: Path) -> dict[str, Origin]:
    """Return the descriptions by name, none if there is no file; raises `Fatal` for a file that is no such description."""
    try:
        return msgspec.convert(tomllib.loads(file.read_text("utf-8")), dict[str, Origin])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # of TOML, of UTF-8, of msgspec
        raise Fatal(f"{file}: cannot be read ({type(error).__name__}); run `clinic-pixel lists fetch`") from None


def write_origins(settings: Settings, new: Mapping[str, Origin]) -> None:
    """Add descriptions to the file, or replace those with the same name."""
    file = origins_file(settings)
    try:
        known = read_origins(file)
    except Fatal:
        known = {}
    tables = [f"\n[{name}]\n{_table(origin)}" for name, origin in sorted({**known, **new}.items())]
    replace(file, (_HEAD + "".join(tables)).encode(errors="replace"), mode=READABLE)


def origin_of(settings: Settings, file: Path) -> Origin | None:
    """Return the description of a file, None if it has none or is another file by now."""
    if file.parent != settings.networks_dir:
        return None
    try:
        origin = read_origins(origins_file(settings)).get(file.stem)
        return origin if origin and origin.sha256 == sha256(file) else None
    except (Fatal, OSError):
        return None


def build_date(file: Path) -> date:
    """Return the day on which an MMDB was built; raises what the reader raises for a file that is none."""
    with maxminddb.open_database(file, maxminddb.MODE_FILE) as reader:
        return datetime.fromtimestamp(reader.metadata().build_epoch, UTC).date()


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _table(origin: Origin) -> str:
    values = msgspec.structs.asdict(origin)
    return "".join(f"{name} = {_value(value)}\n" for name, value in values.items())


def _value(value: object) -> str:
    # A string of JSON is one of TOML, but for this one character.
    return str(value) if isinstance(value, date) else json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
