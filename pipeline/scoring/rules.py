"""The signals of fraud: the table `sql/fraud/signals.toml` with one file of SQL each, read and checked.

Owns the model `Signal`; the meaning of each field is explained at the top of the table.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.errors import Fatal
from sql import FRAUD_DIR, REPORTS_DIR

Family = Literal["N", "T", "R", "P", "I", "A", "B", "L"]
CAPS: Final[Mapping[str, int]] = {"N": 20, "T": 35, "R": 60, "P": 60, "I": 60, "A": 50, "B": 50, "L": 60}
"""The most points of a family."""
Level = Annotated[tuple[float, int], Field(strict=False)]
"""A value, and the points from it on."""
_FINGERPRINT: Final = r"^([0-9a-f]{12})?$"
CHANGED_THRESHOLDS: Final = REPORTS_DIR / "thresholds.toml"
CHANGES: Final = "fraud_signals"
"""The section of the changed thresholds that is about signals."""
_NAME: Final = re.compile(r"F\d\d[a-z]?")


class Words(BaseModel):
    """The words of a signal in one language; `reason` may name `{value}` and the evidence of the signal."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    title: str
    reason: str
    innocent: str


class Signal(BaseModel):
    """One signal; `name` is its key in the table."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str
    query: str
    """Its SELECT over `hits` (sql/fraud/frame.sql)."""
    family: Family
    worse: Literal["above", "below"]
    levels: Annotated[tuple[Level, ...], Field(min_length=1, strict=False)]
    of: Literal["client", "address", "network"] = "client"
    strong: bool = False
    mobile: bool = True
    roles: Annotated[tuple[str, ...], Field(strict=False)] = ()
    hours: int = 0
    usual: Annotated[tuple[float, float], Field(strict=False)]
    least: bool = False
    judged: str = Field("", pattern=_FINGERPRINT)
    source: str
    en: Words
    ru: Words

    @model_validator(mode="after")
    def _fits_together(self) -> Signal:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name}: expected F, two digits and at most one letter")
        values = [value for value, _ in self.levels]
        points = [points for _, points in self.levels]
        if values != sorted(values, reverse=self.worse == "below") or points != sorted(points) or points[0] <= 0:
            raise ValueError(f"{self.name}: levels begin with the weakest, and a worse value has more points")
        if points[-1] > CAPS[self.family]:
            raise ValueError(f"{self.name}: family {self.family} has at most {CAPS[self.family]} points")
        return self

    def points(self, value: float) -> int:
        """Return the points of a value, 0 for an ordinary one."""
        reached = [
            points for level, points in self.levels if (value >= level if self.worse == "above" else value <= level)
        ]
        return reached[-1] if reached else 0

    @cached_property
    def fingerprint(self) -> str:
        """12 hex digits that change with its table, its words excepted, or its query."""
        table = self.model_dump(exclude={"judged", "en", "ru", "source", "usual", "query"})
        return sha256(f"{json.dumps(table, sort_keys=True)}\n{self.query}".encode()).hexdigest()[:12]

    @property
    def is_shadow(self) -> bool:
        """Whether it is recorded only: it is new, or it changed since it was judged."""
        return self.judged != self.fingerprint


@cache
def all_signals() -> Mapping[str, Signal]:
    """Return the signals in force by name: the shipped ones, changed by sql/reports/thresholds.toml.

    Raises `ValueError` for a table that cannot be read, `Fatal` for a change that does not fit.
    """
    return changed_signals(shipped_signals(), CHANGED_THRESHOLDS)


def changed_signals(signals: Mapping[str, Signal], file: Path) -> Mapping[str, Signal]:
    """Return the signals with the levels that a file of thresholds gives them: a changed one is in shadow by its fingerprint.

    Raises `Fatal` for a signal that there is none of, for another field than `levels`, and for levels that do not fit.
    """
    changes = tomllib.loads(file.read_text(encoding="utf-8")).get(CHANGES, {})
    changed = dict(signals)
    for name, change in changes.items():
        where = f"{file}: [{CHANGES}.{name}]"
        if name not in signals:
            raise Fatal(f"{where}: expected one of {', '.join(signals)}")
        if not isinstance(change, dict) or set(change) != {"levels"}:
            raise Fatal(f"{where}: expected levels = [[value, points], ...] and nothing else")
        try:
            changed[name] = Signal.model_validate(
                {**signals[name].model_dump(), "levels": change["levels"]}, strict=False
            )
        except ValueError as error:
            raise Fatal(f"{where} levels: {error}") from error
    return changed


@cache
def shipped_signals() -> Mapping[str, Signal]:
    """Return the signals as they are shipped, by name; raises `ValueError` for a table that cannot be read."""
    tables = tomllib.loads((FRAUD_DIR / "signals.toml").read_text(encoding="utf-8"))
    files = FRAUD_DIR / "signals"
    return {
        name: Signal(name=name, query=(files / f"{name}.sql").read_text(encoding="utf-8"), **table)
        for name, table in tables.items()
    }


@cache
def rules_version() -> str:
    """Return 12 hex digits that change with any signal and with the frame that all of them read."""
    frame = "".join((FRAUD_DIR / f"{name}.sql").read_text(encoding="utf-8") for name in ("hits", "frame", "long_frame"))
    texts = [signal.fingerprint + signal.judged for signal in all_signals().values()]
    return sha256("\n".join([frame, *texts]).encode()).hexdigest()[:12]
