"""MMDB files of a few networks."""

from __future__ import annotations

from pathlib import Path

from mmdb_writer import MMDBWriter
from netaddr import IPSet


def write_countries(file: Path, country: str) -> Path:
    """Write a file in which 203.0.113.0/24 and 127.0.0.0/8 are of this country; return it."""
    writer = MMDBWriter(6, "Test", ipv4_compatible=True)
    writer.insert_network(IPSet(["203.0.113.0/24", "127.0.0.0/8"]), {"country": {"iso_code": country}})
    writer.to_db_file(str(file))
    return file
