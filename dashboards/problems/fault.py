"""One problem as `technical.problems` tells it, however old, with all that its page needs.

Owns the question to `technical.problems`, for the list of problems, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from dashboards.pages import report
from dashboards.view import View
from pipeline.database.client import in_utc
from pipeline.reports.run import run

OLDEST: Final = timedelta(days=25 * 31)
"""Problems are kept for 25 months at most."""
ACTIVE: Final = ("open", "ongoing")
"""States of a problem that goes on."""


class Fault(NamedTuple):
    """A problem; times are UTC, `zone` is that of its site, `life` what became of it (`life.py`)."""

    id: str
    site: str
    zone: ZoneInfo
    watch: str
    state: str
    sentence: str
    since: datetime
    quiet_until: datetime
    until: datetime | None
    muted_until: datetime | None
    dimension: str
    name: str
    also: Sequence[tuple[str, str]]
    works_for: str
    changed: str
    answers: Sequence[tuple[str, str]]
    life: Sequence[Mapping[str, str]]

    @property
    def headline(self) -> str:
        """The first sentence."""
        return headline(self.sentence)

    @property
    def more(self) -> str:
        """What follows the first sentence."""
        return self.sentence.partition(". ")[2]

    @property
    def is_active(self) -> bool:
        """Whether it goes on."""
        return self.state in ACTIVE

    def is_spared(self, name: str) -> bool:
        """Return whether the engine named a part as one without the fault."""
        return f", {name}, " in f", {self.works_for}, "


def find(view: View) -> Fault:
    """Return the problem of the address; raises `PageError` where there is none that the person may see."""
    found = next((row for row in rows(view, OLDEST) if row["problem"] == view.path["id"]), None)
    return _fault(found, view) if found else view.refuse(404, "no_such_problem")


def rows(view: View, age: timedelta) -> Iterator[Mapping[str, Any]]:
    """Yield the problems of so long ago that the person may see, by column, the most costly first."""
    of = next(each for each in report.reports() if each.view == "technical.problems")
    with view.ask("technical") as client:
        # A time is asked for in whole seconds, and what was changed just now must be seen.
        until = datetime.now(UTC) + timedelta(seconds=1)
        table = run(view.settings, of, "", view.now - age, until, client=client)
    for each in table.rows:
        row = dict(zip(table.columns, each, strict=True))
        if view.person.may_see(str(row["site"])):
            yield row


def headline(sentence: str) -> str:
    """Return the first sentence of what is told of a problem."""
    return sentence.partition(". ")[0].removesuffix(".") + "."


def _fault(row: Mapping[str, Any], view: View) -> Fault:
    ending = "_ru" if view.language == "ru" else ""
    site = view.settings.site(row["site"])
    return Fault(
        id=row["problem"],
        site=row["site"],
        zone=site.zone if site else ZoneInfo("UTC"),
        watch=row["kind"],
        state=row["state"],
        sentence=row[f"sentence{ending}"],
        since=in_utc(row["since"]),
        quiet_until=in_utc(row["quiet_until"]),
        until=_time(row["until"]),
        muted_until=_time(row["muted_until"]),
        dimension=row["dimension"],
        name=row["name"],
        also=[(each["dimension"], each["name"]) for each in orjson.loads(row["also_for"] or "[]")],
        works_for=row["works_for"],
        changed=row["changed"],
        answers=orjson.loads(row[f"answers{ending}"] or "[]"),
        life=orjson.loads(row["history"]),
    )


def _time(moment: datetime | None) -> datetime | None:
    return in_utc(moment).astimezone(UTC) if moment else None
