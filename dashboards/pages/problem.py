"""One problem: the five answers, the published numbers of its place, who else is concerned, what became of it, and what to do about it.

Rules: a form counts only for the state that its page showed, so who acts second sees what was done first; the same form sent twice counts once.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.responses import Response

from dashboards.access.sessions import Sessions
from dashboards.access.store import access_file, deciding
from dashboards.problems import closer, numbers
from dashboards.problems.fault import Fault, find
from dashboards.problems.life import Step, seen, steps
from dashboards.view import View
from pipeline.problems import life, store
from pipeline.problems.problem import Problem

LONGEST_REASON: Final = 200
MUTE_DAYS: Final = (1, 7, 28, 90)
REASON_ONCE: Final = ("close", "mute")
"""What needs a reason, or the fix; the end of a silence needs none."""


def show(view: View) -> Response:
    """Show one problem; its single pages only after a purpose was given, once in a session."""
    fault = find(view)
    if _wants_paths(view) and not view.session.purpose:
        return view.show("problem_purpose.html", problem=fault, refused="", longest=LONGEST_REASON)
    return _shown(view, fault)


def can_change(view: View) -> bool:
    """Return whether the person may mute and close problems."""
    return view.person.role in ("ops", "admin")


def change(view: View) -> Response:
    """Take a purpose, or mute a problem for some days with a reason, end its silence, or close it as fixed by a mark."""
    fault = find(view)
    if "purpose" in view.form:
        if purpose := _line(view.form["purpose"]):
            Sessions(access_file(view.settings)).give_purpose(view.session, purpose)
            return view.go(f"{view.address}?paths=1")
        return view.show(
            "problem_purpose.html", status=400, problem=fault, refused="no_reason_told", longest=LONGEST_REASON
        )
    if not can_change(view):
        view.refuse(403, "not_yours")
    act, reason, days = view.form.get("do", ""), _line(view.form.get("reason", "")), view.form.get("days", "7")
    if act not in ("close", "mute", "unmute") or (act == "mute" and days not in map(str, MUTE_DAYS)):
        view.refuse(400, "foreign_form")
    if act in REASON_ONCE and not reason:
        return _shown(view, fault, refused=act)
    with deciding(view.settings):
        fault = find(view)
        if view.form.get("seen", "") != seen(fault.life):
            newest = _newest(fault)
            if newest and _is_the_same(view, newest, act, reason):
                return view.go(view.address)  # the form was sent twice
            return view.show("problem_conflict.html", status=409, problem=fault, newest=newest)
        _store(view, fault, act, reason, int(days))
    return view.go(view.address)


def _shown(view: View, fault: Fault, refused: str = "") -> Response:
    with_paths = _wants_paths(view) and bool(view.session.purpose)
    if with_paths:
        closer.note_reading(view, fault)
    with view.ask() as client:
        shown = numbers.numbers_of(view, client, fault)
        tables = closer.tables(view, client, fault, with_paths=with_paths)
    return view.show(
        "problem.html",
        status=400 if refused else 200,
        problem=fault,
        numbers=shown,
        tables=tables,
        with_paths=with_paths,
        around=_around(fault),
        steps=list(reversed(steps(fault.life))),
        seen=seen(fault.life),
        can_change=can_change(view),
        ends={days: view.now + timedelta(days=days) for days in MUTE_DAYS},
        longest=LONGEST_REASON,
        refused=refused,
        given="".join(filter(str.isprintable, view.form.get("reason", "")[:LONGEST_REASON])),
    )


def _wants_paths(view: View) -> bool:
    return view.query.get("paths", "") == "1"


def _line(given: str) -> str:
    """Return what a person wrote as one line, '' where it is empty, too long or not printable."""
    text = " ".join(given.split())
    return text if len(text) <= LONGEST_REASON and text.isprintable() else ""


def _newest(fault: Fault) -> Step | None:
    """Return what a person did last, else the last step of the engine."""
    known = steps(fault.life)
    return next((each for each in reversed(known) if each.is_by_a_person), known[-1] if known else None)


def _is_the_same(view: View, newest: Step, act: str, reason: str) -> bool:
    kind = {"close": "closed", "mute": "muted", "unmute": "unmuted"}[act]
    return (newest.kind, newest.by, newest.text) == (kind, view.person.name, reason if act != "unmute" else "")


def _store(view: View, fault: Fault, act: str, reason: str, days: int) -> None:
    with store.connected(view.settings) as client:
        known = store.newest(client, view.now).get(fault.site, [])
        before = next((each for each in known if each.id == fault.id), None)
        site = view.settings.site(fault.site)
        if before is None or site is None:
            view.refuse(409, "problem_too_old")
        store.write(client, [store.change(site, _changed(view, before, act, reason, days))])


def _changed(view: View, problem: Problem, act: str, reason: str, days: int) -> Problem:
    now = max(view.now, problem.changed_at + timedelta(milliseconds=1))
    if act == "close":
        return life.closed(problem, reason, now, view.person.name)
    until = now + timedelta(days=days) if act == "mute" else now
    return life.muted(problem, _to_the_second(until), reason, now, view.person.name)


def _to_the_second(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


def _around(fault: Fault) -> dict[str, str]:
    """Return the period of the reports beside the problem: from a week before it."""
    since, until = (fault.since - timedelta(days=7)).astimezone(fault.zone), fault.until
    last = (until + timedelta(days=1)).astimezone(fault.zone) if until else None
    return {"site": fault.site, "since": f"{since:%Y-%m-%d}", "until": f"{last:%Y-%m-%d}" if last else ""}
