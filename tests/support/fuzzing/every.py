"""All parsers, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from support.fuzzing import of_connections, of_disks, of_files, of_hits, of_texts
from support.fuzzing.parser import Parser

EVERY: Final[Mapping[str, Parser]] = {
    parser.name: parser for room in (of_connections, of_hits, of_texts, of_disks, of_files) for parser in room.PARSERS
}
