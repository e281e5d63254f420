"""The kept corpus: tests/data/corpus/<parser>/, one file an input, all made up.

`made-*` are ordinary inputs, `found-*` reach code that no other does, and the file of a fault that was mended has its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from support.fuzzing.every import EVERY
from support.fuzzing.parser import Parser, tried

DIRECTORY: Final = Path(__file__).parents[2] / "data" / "corpus"


def inputs(parser: Parser) -> dict[str, bytes]:
    """Return the inputs of a parser by name."""
    return {file.name: file.read_bytes() for file in sorted((DIRECTORY / parser.name).glob("*"))}


def replayed(name: str) -> dict[str, str]:
    """Try all inputs of a parser; return what went wrong, by the name of the input."""
    wrong: dict[str, str] = {}
    for given, data in inputs(EVERY[name]).items():
        try:
            tried(EVERY[name], data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            wrong[given] = f"{type(error).__name__}: {error}"
    return wrong
