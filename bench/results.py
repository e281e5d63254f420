"""`results.json`: the findings of each measurement, with the machine and the effort that they were made with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bench.figures import Figure, Findings

FILE = Path(__file__).with_name("results.json")


@dataclass(frozen=True, slots=True)
class Result:
    """The findings of one measurement and the facts about its run."""

    findings: Findings
    machine: Mapping[str, str]
    effort: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        return {"machine": dict(self.machine), "effort": dict(self.effort)} | self.findings.as_json()

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Self:
        return cls(Findings.from_json(given), given["machine"], given["effort"])


def read(file: Path = FILE) -> dict[str, Result]:
    """Return the results by measurement, none when the file is missing."""
    if not file.exists():
        return {}
    return {name: Result.from_json(given) for name, given in json.loads(file.read_text()).items()}


def as_text(results: Mapping[str, Result]) -> str:
    return json.dumps({name: result.as_json() for name, result in results.items()}, indent=1) + "\n"


def by_key(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Return every figure by its key."""
    return {figure.key: figure for result in results.values() for figure in result.findings.figures}
