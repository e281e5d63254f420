"""Personal data: the inventory by clause, the keys with the days to their destruction, the terms of storage, the newest acts of the audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import NamedTuple

from starlette.responses import Response

from dashboards.office.tables import columns, row
from dashboards.pages.answered import Cell
from dashboards.pages.report import reports
from dashboards.view import View
from pipeline.audit.actions import Action
from pipeline.audit.chain import TORN, Entry
from pipeline.audit.log import Audit
from pipeline.database.client import working_as
from pipeline.errors import PixelError
from pipeline.inventory.columns import Column, Place, inventory
from pipeline.inventory.readers import purposes
from pipeline.keys.destruction import held_days
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.holds import blocked_days
from pipeline.keys.listed import Listed, listed
from pipeline.ship.retention import ages
from pipeline.subjects.requests import CLOSED, CaseBook, PersonRequest
from pipeline.system.private_files import may_reach

NEWEST_ACTS = 200
ACTS = frozenset({TORN, *(act.value for act in Action)})
RETENTION_SECONDS = 30
FACTS = frozenset({"approver", "basis", "by", "case", "cause", "fingerprint", "key", "purpose", "reason", "requester"})
"""The facts of an act whose names have a word; any other is shown as the audit has it."""
_IN_RUSSIAN = {
    "in the visitor's browser": "в браузере посетителя",
    "in the place of `backup`": "в папке `backup`",
    "not on disk": "не на диске",
    "in memory only": "только в памяти",
    "all own processes": "все свои процессы",
    "the receiver of the webhook": "получатель webhook",
    "the operator": "оператор",
    "collector": "сборщик",
}
"""The words of the inventory about places and who reads them."""


class Clause(NamedTuple):
    """The columns that one clause of the policy allows."""

    name: str
    rows: Sequence[Sequence[Cell]]


class OpenRequest(NamedTuple):
    """A request that waits for its answer, and the days that are left; below zero it is late."""

    case: PersonRequest
    left: int


def show(view: View) -> Response:
    """Show what waits, and the way to each part."""
    are_ours = may_reach(view.settings.keys_dir)
    keys = _keys(view) if are_ours else []
    living = [key for key in keys if key.state != "destroyed" and key.name.first == key.name.last]
    acts = Audit(view.settings.audit_dir).newest(1)
    return view.show(
        "privacy.html",
        open=open_requests(view),
        are_ours=are_ours,
        keys=len(living),
        oldest=living[0] if living else None,
        next_end=max((living[0].ends - view.now.date()).days, 0) if living else 0,
        head=acts[0][1].seq if acts else 0,
        reports=[each for each in reports() if each.purpose == "privacy" and not each.is_for_tools],
        columns=len(inventory().columns),
    )


def open_requests(view: View) -> list[OpenRequest]:
    """Return the requests that are not closed, the most urgent first."""
    found = CaseBook(view.settings.cases_dir).all()
    waiting = [OpenRequest(each, (each.due - view.now.date()).days) for each in found if each.state not in CLOSED]
    return sorted(waiting, key=lambda each: each.left)


def show_inventory(view: View) -> Response:
    """Show every stored column by the clause that allows it, and the data outside of tables."""
    say = view.words.say
    places = [_place(view, place) for place in inventory().places]
    return view.show(
        "inventory.html",
        clauses=list(_clauses(view)),
        heads=columns(*map(say, ("inventory_means", "inventory_columns", "inventory_kept", "inventory_readers"))),
        places=places,
        place_heads=columns(
            *map(say, ("inventory_path", "inventory_holds", "inventory_clause", "inventory_kept", "inventory_readers"))
        ),
        kept=inventory().plain_words(view.settings.retention, view.language),
    )


def _place(view: View, place: Place) -> Sequence[Cell]:
    path, readers = place.path, place.readers
    if view.language == "ru":
        for english, russian in _IN_RUSSIAN.items():
            path, readers = path.replace(english, russian), readers.replace(english, russian)
    holds = place.ru if view.language == "ru" else place.holds
    return row(path, holds, place.clause, place.term.text(view.settings.retention, view.language), readers)


def _clauses(view: View) -> Iterator[Clause]:
    found: dict[str, dict[tuple[str, str, str], dict[str, list[str]]]] = {}
    for column in inventory().columns:
        by = found.setdefault(column.clause, {}).setdefault(_means(view, column), {})
        by.setdefault(column.table, []).append(column.name)
    for clause in sorted(found):
        rows = [row(means, _listed(tables), *rest) for (means, *rest), tables in found[clause].items()]
        yield Clause(clause, rows)


def _listed(tables: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{table}: {', '.join(names)}" for table, names in tables.items())


def _means(view: View, column: Column) -> tuple[str, str, str]:
    readers = ", ".join(view.words.say("readers_of_" + each) for each in _readers()[column.table, column.name]) or "–"
    return column.group.title[view.language], column.term.text(view.settings.retention, view.language), readers


@cache
def _readers() -> Mapping[tuple[str, str], Sequence[str]]:
    return {(each.table, each.name): purposes(each, reports()) for each in inventory().columns}


def show_keys(view: View) -> Response:
    """Show the keys with their end, and the oldest rows of each table."""
    say, today = view.words.say, view.now.date()
    try:
        held, trouble = blocked_days(view.settings, today), ""
    except PixelError as error:
        held, trouble = frozenset[date](), str(error)
    rows = [_key_row(view, key, is_held=bool(held_days(key.name, held))) for key in reversed(_keys(view))]
    return view.show(
        "keys.html",
        rows=rows,
        heads=columns(*map(say, ("key_name", "key_state", "key_fingerprint", "key_age", "key_end")), numbers=(3,)),
        days=view.settings.retention.keys_days,
        trouble=trouble,
        terms=[row(*each) for each in _terms(view)],
        term_heads=columns(*map(say, ("term_table", "term_setting", "term_oldest", "term_state"))),
    )


def _key_row(view: View, key: Listed, *, is_held: bool) -> Sequence[Cell]:
    today = view.now.date()
    state = "held" if is_held and key.state in ("due", "kept") else key.state.replace(" ", "_")
    age = (today - key.name.first).days if key.name.first <= today else ""
    texts = key.name.text, view.words.say("key_" + state), key.fingerprint, age, _end(view, key, is_held=is_held)
    return row(*texts, numbers=(3,))


def _end(view: View, key: Listed, *, is_held: bool) -> str:
    if key.destroyed is not None:
        return view.words.say("key_was_destroyed", time=view.words.time(key.destroyed, view.site.zone))
    if is_held:
        return view.words.say("key_is_held")
    left = (key.ends - view.now.date()).days
    return view.words.say("key_left", n=left, day=f"{key.ends}") if left > 0 else view.words.say("key_now")


def _terms(view: View) -> Iterator[tuple[str, str, str, str]]:
    retention, say = view.settings.retention, view.words.say
    # The user of role privacy reads counts alone; `doctor` asks for these ages as the same user.
    with working_as(view.settings, "pixel_admin", timeout=RETENTION_SECONDS) as client:
        for age in ages(client, retention):
            state = say(
                "term_empty"
                if age.oldest is None
                else "term_over"
                if age.overdue
                else "term_soon"
                if age.expired
                else "term_within"
            )
            setting = f"{age.life.setting} = {getattr(retention, age.life.setting)}"
            yield age.life.table, setting, f"{age.oldest:%Y-%m-%d}" if age.oldest else "–", state


def show_audit(view: View) -> Response:
    """Show the newest acts, the newest first, and whether the chain is whole."""
    audit = Audit(view.settings.audit_dir)
    head = audit.verify_chain()
    acts = [entry for entry, _ in reversed(audit.newest(NEWEST_ACTS))]
    say = view.words.say
    return view.show(
        "audit.html",
        head=head,
        heads=columns("№", *map(say, ("audit_at", "audit_who", "audit_act", "audit_facts")), numbers=(0,)),
        rows=[_act(view, entry) for entry in acts],
    )


def _act(view: View, entry: Entry) -> Sequence[Cell]:
    say = view.words.say
    names = {name: say("fact_" + name) if name in FACTS else name for name in entry.facts}
    facts = "; ".join(f"{names[name]}: {value}" for name, value in entry.facts.items())
    return row(entry.seq, _moment(view, entry.at), entry.who, _action(view, entry.action), facts, numbers=(0,))


def _action(view: View, word: str) -> str:
    say, known = view.words.say, word.removesuffix("_refused")
    if known not in ACTS:
        return word  # of a later version
    return say("act_refused", act=say("act_of_" + known)) if known != word else say("act_of_" + known)


def _moment(view: View, at: datetime) -> str:
    return view.words.time(at, view.site.zone)


def _keys(view: View) -> list[Listed]:
    return listed(KeyDirectory.of(view.settings), view.now.date(), view.settings.retention.keys_days)
