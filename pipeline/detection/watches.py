"""The watches: the table `sql/problems/watches.toml`, read and checked.

Owns the model `Watch`; the meaning of each field is explained at the top of the table.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sql import PROBLEMS_DIR

FLAGS: Final = (
    "error", "server_error", "reload", "doubled", "storm", "again", "loop", "cookieless", "unreferred", "insecure", "named",
    "further", "cookied", "scripted", "form", "done",
)  # fmt: skip
"""The flags of sql/problems/series.sql, in the order of its bits."""
FAULTS: Final = 10
"""The first so many flags are faults, of which one network has only a few people; the others are parts of all people."""

Direction = Literal["drop", "rise"]


class Watch(BaseModel):
    """One watch; `name` is its key in the table."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str
    kind: Literal["count", "part", "share"]
    number: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    of: str = ""
    dimensions: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    only: Annotated[tuple[str, ...], Field(strict=False)] = ()
    direction: Direction
    factors: Annotated[tuple[float, ...], Field(min_length=1, strict=False)]
    rank: int
    least: int
    floor: float = 0.0
    is_always_wrong: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> Watch:
        known = {"views", "people", "poor", *FLAGS}
        if wrong := [name for name in self.number if name not in known]:
            raise ValueError(f"{self.name}: no number is called {wrong[0]!r}")
        if (self.kind == "share") is not bool(self.of) or self.of not in known | {"", "site"}:
            raise ValueError(f"{self.name}: a share, and nothing else, has `of`: a number or `site`")
        if any((factor < 1) is not (self.direction == "drop") for factor in self.factors):
            raise ValueError(
                f"{self.name}: the factors of a {self.direction} are {'below' if self.direction == 'drop' else 'above'} 1"
            )
        return self


@cache
def all_watches() -> Mapping[str, Watch]:
    """Return the watches by name; raises `ValueError` for a table that cannot be read."""
    tables = tomllib.loads((PROBLEMS_DIR / "watches.toml").read_text(encoding="utf-8"))
    return {name: Watch(name=name, **table) for name, table in tables.items()}
