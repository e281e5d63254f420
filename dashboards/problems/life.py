"""What became of a problem, as steps in order of time: when, what, and by whom; pure.

Owns what a form of the page carries (`seen`): a change of a person counts only for the state that its page showed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

Kind = Literal["named", "ongoing", "resolved", "back", "closed", "muted", "unmuted", "held", "not_held", "unknown"]
BY_PEOPLE: Final = ("closed", "muted", "unmuted")
_NONE: Final = "1970-01-01 00:00:00"
_ACTIVE: Final = ("open", "ongoing")


class Step(NamedTuple):
    """One change; `until` is the end of a silence, `text` the reason or the fix, `by` a person, '' for the engine or where it is not recorded."""

    at: datetime
    kind: Kind
    by: str = ""
    text: str = ""
    until: datetime | None = None

    @property
    def is_by_a_person(self) -> bool:
        """Whether only people make such a change."""
        return self.kind in BY_PEOPLE


def steps(rows: Sequence[Mapping[str, str]]) -> list[Step]:
    """Return the steps of the rows of `history` in `technical.problems`, the oldest first."""
    found: list[Step] = []
    before: Mapping[str, str] = {"state": "", "muted_until": _NONE, "fixed_by": "", "verdict": ""}
    for row in rows:
        found += _between(before, row)
        before = row
    return found


def seen(rows: Sequence[Mapping[str, str]]) -> str:
    """Return what a form carries of the problem that its page shows: whether it goes on, its silence and its fix."""
    if not rows:
        return ""
    newest = rows[-1]
    state = "active" if newest["state"] in _ACTIVE else newest["state"]
    return f"{state} {newest['muted_until']} {newest['fixed_by']}"


def _between(before: Mapping[str, str], row: Mapping[str, str]) -> Iterator[Step]:
    at, was, state = _time(row["at"]), before["state"], row["state"]
    if row["muted_until"] != before["muted_until"]:
        end = _time(row["muted_until"])
        if end > at:
            yield Step(at, "muted", row["by"], row["reason"], end)
        else:
            yield Step(at, "unmuted", row["by"])
    if not was:
        yield Step(at, "named")
    if row["verdict"] != before["verdict"] and row["verdict"] in ("held", "not_held", "unknown"):
        yield Step(at, row["verdict"], text=row["fixed_by"])  # type: ignore[arg-type]  # one of these words
    if state == was or (not was and state in _ACTIVE):
        return
    if state == "closed":
        yield Step(at, "closed", row["by"], row["fixed_by"])
    elif state == "resolved":
        yield Step(at, "resolved")
    elif was in ("resolved", "closed"):
        yield Step(at, "back")
    elif state == "ongoing":
        yield Step(at, "ongoing")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
