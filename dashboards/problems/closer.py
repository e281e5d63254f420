"""Who else is concerned: published visitors by browser, network and page, a day, before the problem and since.

Owns the comparison. Rules: it is made of published numbers alone, so what they suppress is nowhere here. Pages are groups; the single ones are shown
only to somebody who gave a purpose in this session, and each reading is in the audit before it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Literal, NamedTuple

from clickhouse_connect.driver import Client

from dashboards.charts.bars import lengths
from dashboards.pages.answered import Cell, Column
from dashboards.problems.fault import Fault
from dashboards.problems.numbers import AFTER, BEFORE, midnight, spelled
from dashboards.view import View
from pipeline.audit.actions import Action
from pipeline.audit.log import Audit

Kind = Literal["browsers", "networks", "pages"]
KINDS: Final[tuple[Kind, ...]] = ("browsers", "networks", "pages")
MOST_ROWS: Final = 12
LEAST: Final = 20
"""Of fewer visitors before the problem a change says nothing: the numbers are published with noise."""
OF_PAGES: Final = ("page", "section", "source")
_NAMES: Final = {
    "browsers": ("browser", "key1"),
    "versions": ("version", "concat(key1, ' ', key2)"),
    "networks": ("network", "key1"),
    "sections": ("section", "extract(key1, '^/[^/?]*')"),
    "paths": ("page", "key1"),
}
"""How the rows are named: the dimension of the engine, and the SQL over the keys of the report."""
_COMPARED: Final = """\
SELECT
    name,
    sumIf(number, start < {{begin:DateTime('UTC')}}) AS all_before,
    sumIf(number, start >= {{since:DateTime('UTC')}}) AS all_since,
    days_before,
    days_since
FROM
(
    SELECT
        start,
        {name} AS name,
        number,
        uniqExactIf(start, start < {{begin:DateTime('UTC')}}) OVER () AS days_before,
        uniqExactIf(start, start >= {{since:DateTime('UTC')}}) OVER () AS days_since
    FROM technical.cells
    WHERE site = {{site:String}} AND report = {{report:String}} AND grain = 'day' AND measure = 'visitors'
        AND (start >= {{before:DateTime('UTC')}} AND start < {{begin:DateTime('UTC')}}
            OR start >= {{since:DateTime('UTC')}} AND start < {{until:DateTime('UTC')}})
)
WHERE name != '' AND number IS NOT NULL
GROUP BY name, days_before, days_since
ORDER BY all_before + all_since DESC, name
LIMIT {{most:UInt32}}"""


class Compared(NamedTuple):
    """One table: its title, and why it is empty or has no change yet (`note`)."""

    kind: Kind
    title: str
    note: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    query: str
    has_paths: bool


def tables(view: View, client: Client, fault: Fault, *, with_paths: bool) -> list[Compared]:
    """Return the three tables; with the single pages only where their reading was recorded."""
    return [_table(view, client, fault, kind, with_paths=with_paths and kind == "pages") for kind in KINDS]


def note_reading(view: View, fault: Fault) -> None:
    """Record that somebody reads the single pages of a problem, and why; raises `Retryable` where it cannot be recorded."""
    facts = {"problem": fault.id, "site": fault.site, "purpose": view.session.purpose}
    Audit(view.settings.audit_dir).record(Action.PROBLEM_PATHS, facts, now=view.now, who=view.person.name)


def _table(view: View, client: Client, fault: Fault, kind: Kind, *, with_paths: bool) -> Compared:
    named = {
        "browsers": "versions" if fault.dimension == "version" else "browsers",
        "pages": "paths" if with_paths else "sections",
    }
    dimension, name = _NAMES[named.get(kind, kind)]
    begin = midnight(fault.since, fault.zone)
    # The day of the begin is half good, half bad: it is in neither.
    since = midnight(begin + timedelta(hours=36), fault.zone)
    end = fault.until or view.now
    values: dict[str, object] = {
        "site": fault.site,
        "report": kind,
        "before": midnight(fault.since - BEFORE, fault.zone),
        "begin": begin,
        "since": since,
        "until": min(end, since + 4 * AFTER),
        "most": MOST_ROWS,
    }
    text = _COMPARED.format(name=name)
    found = client.query(text, parameters=values).result_rows
    days_before, days_since = (int(found[0][3]), int(found[0][4])) if found else (0, 0)
    before = [float(row[1] or 0) / days_before if days_before else None for row in found]
    now = [float(row[2] or 0) / days_since if days_since else None for row in found]
    bars = lengths([each if each is not None else 0.0 for each in before])
    say = view.words.say
    note = "problem_nothing_published" if not found else "problem_not_yet" if not days_since else ""
    return Compared(
        kind,
        say("problem_by_" + named.get(kind, kind)),
        say(note) if note else say("problem_compared", before=days_before, since=days_since),
        [
            Column(say("problem_head_" + dimension), "", is_number=False),
            *(Column(say("problem_head_" + each), "", is_number=True) for each in ("before", "since", "change")),
            Column(say("problem_head_evidence"), "", is_number=False),
        ],
        [
            [
                Cell(str(row[0]), is_number=False),
                Cell(_written(view, before[number]), is_number=True, length=bars[number]),
                Cell(_written(view, now[number]), is_number=True),
                Cell(_change(view, float(row[1] or 0), before[number], now[number]), is_number=True),
                Cell(_evidence(view, fault, dimension, str(row[0])), is_number=False),
            ]
            for number, row in enumerate(found)
        ],
        spelled(text, values),
        with_paths,
    )


def _written(view: View, a_day: float | None) -> str:
    return "–" if a_day is None else view.words.written(round(a_day, 1) if a_day < 10 else round(a_day))


def _change(view: View, all_before: float, before: float | None, since: float | None) -> str:
    if not before or since is None or all_before < LEAST:
        return ""
    change = since / before - 1
    return f"{'+' if change > 0 else '−' if change < 0 else ''}{view.words.percent(abs(change))}"


def _evidence(view: View, fault: Fault, dimension: str, name: str) -> str:
    """Return what the engine found about a row: affected, not affected, or nothing."""
    say, alike = view.words.say, OF_PAGES if dimension in OF_PAGES else (dimension,)
    affected = [each for kind, each in ((fault.dimension, fault.name), *fault.also) if kind in alike]
    if name in affected and not (dimension == "section" and fault.dimension in ("page", "source") and name != "/"):
        return say("problem_affected")
    if dimension == "section" and any(each == name or each.startswith(f"{name}/") for each in affected):
        return say("problem_affected_part")
    return say("problem_spared") if fault.is_spared(name) else ""
