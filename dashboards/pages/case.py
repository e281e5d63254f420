"""One case in full: why, what is usual, when, from where, which innocent explanation to rule out; and the verdict on it.

Rules: a case is read only by somebody who gave a purpose in this session, and each reading is in the audit before it is shown. A verdict counts
only for the state of the case that its page showed: who decides second sees what was decided first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

import orjson
from starlette.responses import Response

from dashboards.access.sessions import Sessions
from dashboards.access.store import access_file, deciding
from dashboards.charts.presence import Span, Strip, clock, longest_gap, strips
from dashboards.charts.waterfall import Sign, Waterfall, waterfall
from dashboards.pages import evidence
from dashboards.pages.fraud import asked, cases_of, harm_of, reasons_of, split_reason, zone_of
from dashboards.view import View
from dashboards.words.catalogue import value_title
from pipeline.fraud.sentences import attack, family, measured, number
from pipeline.review import cases as review
from pipeline.review.cases import DECISIONS, OPEN, Case, Details, Row
from pipeline.scoring.rules import all_signals
from pipeline.scoring.score import LIKELY, PRIOR, WATCH, probability

LONGEST_TEXT: Final = 200
MOST_SUSPECTS: Final = 50


class Measured(NamedTuple):
    """A signal of the worst suspect, or of others: its sentence, its value as written beside the usual ones, and the points that count."""

    name: str
    title: str
    kind: str
    sentence: str
    value: str
    p50: str
    p99: str
    own_points: int
    is_shadow: bool
    is_calibrated: bool
    subjects: int


class When(NamedTuple):
    """The days of the suspects, their hours on the wall, and the longest time without any of them."""

    strips: Sequence[Strip]
    left_out: int
    hours: Sequence[int]
    gap: timedelta


def show(view: View) -> Response:
    """Show the case; first the question for the purpose, once in a session."""
    found, case = _find(view)
    if case.case != view.path["id"]:
        return view.go(f"/fraud/cases/{case.case}")
    if not view.session.purpose:
        return view.show("fraud_purpose.html", refused="", longest=LONGEST_TEXT)
    return _shown(view, found, case)


def send(view: View) -> Response:
    """Take the purpose, or a verdict."""
    found, case = _find(view)
    if "purpose" in view.form:
        if purpose := _line(view.form["purpose"]):
            Sessions(access_file(view.settings)).give_purpose(view.session, purpose)
            return view.go(f"/fraud/cases/{case.case}")
        return view.show("fraud_purpose.html", status=400, refused="text_refused", longest=LONGEST_TEXT)
    if not view.session.purpose:
        view.refuse(403, "no_purpose")
    decision, reason = view.form.get("decision", ""), _line(view.form.get("reason", ""))
    if decision not in DECISIONS or not reason:
        return _shown(view, found, case, refused="text_refused" if decision in DECISIONS else "decision_missing")
    with deciding(view.settings):
        (_, case), known = _find(view), _details(view, case)
        if view.form.get("seen", "") != seen(case, known):
            newest = known.verdicts[-1] if known.verdicts else None
            return view.show("fraud_conflict.html", status=409, case=case, newest=newest, **_texts(view, case))
        review.decide(view.settings, case, decision, reason, now=view.now, who=view.person.name)
    return view.go(f"/fraud/cases/{case.case}")


def seen(case: Case, known: Details) -> str:
    """Return what a form carries of the case that its page shows: its band, and the time of the newest verdict."""
    return f"{case.band} {known.verdicts[-1]['decided_at'].isoformat() if known.verdicts else '-'}"


def _find(view: View) -> tuple[list[Case], Case]:
    found = asked(view, lambda client: cases_of(view, client))
    try:
        return found, review.find(found, view.path["id"])
    except LookupError:
        view.refuse(404, "no_such_case")


def _details(view: View, case: Case) -> Details:
    return asked(view, lambda client: review.details(client, case))


def next_of(found: Sequence[Case], case: Case) -> Case | None:
    """Return the case that waits next in the order of the queue, from its begin again after the last one."""
    at = [each.case for each in found].index(case.case)
    return next((each for each in (*found[at + 1 :], *found[:at]) if each.is_queued), None)


def _shown(view: View, found: Sequence[Case], case: Case, refused: str = "") -> Response:
    review.note_reading(view.settings, case, view.session.purpose, now=view.now, who=view.person.name)
    known, near, way = asked(
        view,
        lambda client: (
            known := review.details(client, case),
            review.neighbours(client, case),
            evidence.way(client, case, known.suspects, view.query.get("suspect", "")),
        ),
    )
    if way is None and view.query.get("suspect"):
        view.refuse(404, "no_such_suspect")
    worst = known.suspects[0] if known.suspects else {}
    of_worst = [
        row for row in known.signals if (row["subject"], row["day"]) == (worst.get("subject"), worst.get("day"))
    ]
    names = {row["signal"] for row in of_worst}
    return view.show(
        "case.html",
        status=400 if refused else 200,
        case=case,
        next=next_of(found, case),
        known=known,
        newest=known.verdicts[-1] if known.verdicts else None,
        seen=seen(case, known),
        steps=_waterfall(of_worst, worst),
        signals=_measured(of_worst, known.signals, view),
        others=_measured([row for row in known.signals if row["signal"] not in names], known.signals, view),
        share=min(99, round(100 * probability(case.score))),
        reasons=[split_reason(view, reason) for reason in reasons_of(view, case)],
        title=_title(case),
        innocent=case.innocent_explanation_ru if view.language == "ru" else case.innocent_explanation,
        when=_when(known.suspects, zone_of(view, case.site)),
        senders=evidence.senders(known.suspects),
        sender_days=evidence.days_of(known.suspects),
        neighbours=near,
        way=way,
        letter=evidence.claim_text(view, case, known),
        most=MOST_SUSPECTS,
        lines=review.monitor_lines(case, "own-check", known.suspects) if case.state == "own_monitor" else "",
        decisions=DECISIONS,
        given={name: _printable(view.form.get(name, "")) for name in ("decision", "reason")},
        refused=refused,
        longest=LONGEST_TEXT,
        **_texts(view, case),
    )


def _title(case: Case) -> str:
    if case.state == "confirmed":
        return "case_confirmed_title"
    return "case" if case.band == "unclear" or case.state not in (*OPEN, "unsure") else "case_title"


def _texts(view: View, case: Case) -> dict[str, Any]:
    return {
        "zone": zone_of(view, case.site),
        "harm": harm_of(view, case.harm, case.harm_unit),
        "class_of": lambda net_class: value_title("class", net_class, view.language),
        "role_of": lambda role: value_title("step", role, view.language),
        "attack_of": lambda kind: attack(kind, view.language),
        "country_of": lambda code: view.words.locale.territories.get(code, code),
    }


def _line(given: str) -> str:
    """Return what a person wrote as one line, '' where it is empty, too long or not printable."""
    text = " ".join(given.split())
    return text if len(text) <= LONGEST_TEXT and text.isprintable() else ""


def _printable(given: str) -> str:
    return "".join(filter(str.isprintable, given[:LONGEST_TEXT]))


def _waterfall(signals: Sequence[Row], worst: Row) -> Waterfall:
    known = all_signals()
    signs = [
        Sign(row["signal"], known[row["signal"]].family, row["points"])
        for row in signals
        if row["signal"] in known and not row["is_shadow"]
    ]
    return waterfall(PRIOR, signs, worst.get("families", {}), (PRIOR + WATCH, PRIOR + LIKELY))


def _measured(rows: Sequence[Row], everywhere: Sequence[Row], view: View) -> dict[str, Measured]:
    """Return the signals of rows by name, the weightiest first; of several rows of a signal the worst."""
    made: dict[str, Measured] = {}
    for row in sorted(rows, key=lambda row: (row["is_shadow"], -row["points"], row["signal"])):
        if row["signal"] not in made:
            subjects = {(each["day"], each["subject"]) for each in everywhere if each["signal"] == row["signal"]}
            made[row["signal"]] = _one(row, len(subjects), view)
    return made


def _one(row: Row, subjects: int, view: View) -> Measured:
    signal, language = all_signals().get(row["signal"]), view.language
    value, p50, p99 = (number(row[name], language) for name in ("value", "normal_p50", "normal_p99"))
    title, kind, sentence = row["signal"], "", ""
    if signal is not None:
        words = signal.ru if language == "ru" else signal.en
        title, kind = words.title, family(signal.family, language)
        try:
            sentence = measured(signal.name, row["value"], _evidence(row["evidence"]), language)
        except KeyError:
            sentence = ""
    points = 0 if row["is_shadow"] else row["points"]
    return Measured(
        row["signal"], title, kind, sentence, value, p50, p99, points, row["is_shadow"], row["is_calibrated"], subjects
    )


def _evidence(text: str) -> Mapping[str, str]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return {name: str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _when(suspects: Sequence[Row], zone: Any) -> When:
    spans = [Span(row["first_seen"], row["last_seen"]) for row in suspects]
    days = strips(spans, zone)
    drawn = evidence.MOST_DAYS
    return When(days[-drawn:], max(0, len(days) - drawn), clock(spans, zone), longest_gap(spans))
