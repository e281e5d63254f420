"""What a reviewer shows to others or looks up beside a case: the way of a suspect, from where it came, the text of a claim, and the advice for a firewall.

Rules: the text of a claim has sums and no client, address or token; a suspect that is unclear by itself is in none of its numbers. A way is read
only by a page that asked for a purpose and recorded the reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from clickhouse_connect.driver import Client
from starlette.responses import Response

from dashboards.pages.fraud import asked, harm_of, reasons_of, zone_of
from dashboards.view import View
from pipeline.claims.advice import Suggestion, suggestions
from pipeline.review import cases as review
from pipeline.review.cases import Case, Details, Row

MOST_STEPS: Final = 60
"""Hits of a page; the view gives 300."""
MOST_DAYS: Final = 28
"""Days that are drawn of a case."""
_SUMS: Final = {"en": " Hits of confirmed cases:", "ru": " Обращений в подтверждённых делах:"}
LONG_GAP: Final = timedelta(minutes=30)
"""A longer time without a hit begins a new visit."""


class Hit(NamedTuple):
    """A hit of the way, and the time since the one before, None at the first."""

    row: Row
    gap: timedelta | None
    is_long: bool
    width: float
    """The gap in hundredths of the longest one."""


class Way(NamedTuple):
    """The way of a suspect on its day: its first hits, how many more there are, the middle gap, and how hints and browser agree."""

    suspect: Row
    hits: Sequence[Hit]
    left_out: int
    middle: timedelta | None
    contradictions: Sequence[str]
    compared: int


class Sender(NamedTuple):
    """Suspects with the same browser, network and country."""

    client: str
    network: str
    country: str
    net_class: str
    days: Sequence[date]
    """The UTC days on which one of them was there, in order."""
    subjects: int
    hits: int


def way(client: Client, case: Case, suspects: Sequence[Row], subject: str) -> Way | None:
    """Return the way of a suspect of the case, of the worst where none is named; None where there is none such."""
    chosen = next((row for row in suspects if subject in ("", row["subject"])), None)
    if chosen is None:
        return None
    rows = review.path_of(client, case, chosen["subject"])
    gaps = [
        None,
        *(later["received_at"] - former["received_at"] for former, later in pairwise(rows)),
    ]
    known = sorted(gap for gap in gaps if gap is not None)
    longest = known[-1] if known else timedelta(0)
    hits = [
        Hit(row, gap, gap is not None and gap > LONG_GAP, round(100 * (gap / longest), 1) if gap and longest else 0.0)
        for row, gap in zip(rows, gaps, strict=True)
    ]
    return Way(
        chosen,
        hits[:MOST_STEPS],
        max(0, chosen["views"] + chosen["impressions"] - min(len(hits), MOST_STEPS)),
        known[len(known) // 2] if known else None,
        sorted({row["hints_detail"] or "?" for row in rows if row["hints"] == "contradict"}),
        sum(row["hints"] in ("agree", "contradict") for row in rows),
    )


def senders(suspects: Sequence[Row]) -> list[Sender]:
    """Return the groups of suspects with the same browser, network and country, the earliest first."""
    groups: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in suspects:
        groups.setdefault((row["client"], row["network"], row["country"], row["net_class"]), []).append(row)
    made = [
        Sender(
            *key,
            sorted({row["day"] for row in rows}),
            len(rows),
            sum(row["views"] + row["impressions"] for row in rows),
        )
        for key, rows in groups.items()
    ]
    return sorted(made, key=lambda sender: (sender.days[0], -sender.hits))


def days_of(suspects: Sequence[Row]) -> list[date]:
    """Return the UTC days from the first suspect to the last one, of many the last ones."""
    found = [row["day"] for row in suspects]
    number = min((max(found) - min(found)).days + 1, MOST_DAYS) if found else 0
    return [max(found) - timedelta(days=number - 1 - place) for place in range(number)]


def claim_text(view: View, case: Case, known: Details) -> str:
    """Return a letter to the network of the ads about a confirmed case, '' for another case or one without a paid click."""
    judged = [row for row in known.suspects if row["band"] != "unclear" and row["paid_clicks"]]
    if case.state != "confirmed" or not judged:
        return ""
    zone, words = zone_of(view, case.site), view.words
    days: dict[date, int] = {}
    for row in judged:
        days[row["day"]] = days.get(row["day"], 0) + row["paid_clicks"]
    clicks, every = sum(days.values()), case.paid_clicks
    lines = [
        words.say("claim_subject", case=case.case, site=case.site),
        "",
        words.say("claim_asks", clicks=words.say("fraud_clicks", n=clicks)),
        *(
            words.say("claim_day", day=words.date(day), clicks=words.say("fraud_clicks", n=days[day]))
            for day in sorted(days)
        ),
        "",
        words.say("claim_senders", n=len(judged), networks=len({row["network"] for row in judged if row["network"]})),
        words.say(
            "claim_hours",
            first=words.time(min(row["first_seen"] for row in judged), zone),
            last=words.time(max(row["last_seen"] for row in judged), zone),
            zone=zone,
        ),
    ]
    if case.harm_unit != "clicks" and case.harm and clicks == every:
        lines.append(words.say("claim_cost", harm=harm_of(view, case.harm, case.harm_unit)))
    if clicks != every:
        lines.append(words.say("claim_left_out", clicks=words.say("fraud_clicks", n=every - clicks)))
    lines += ["", words.say("claim_found"), *(f"- {reason}" for reason in reasons_of(view, case))]
    lines += ["", words.say("claim_decided", day=words.date(known.verdicts[-1]["decided_at"].date()), rules=case.rules)]
    return "\n".join([*lines, words.say("claim_private")])


def show_advice(view: View) -> Response:
    """Show what a firewall could be told about the confirmed cases, and whom else each rule would have hit."""
    rows = [each for each in asked(view, suggestions) if view.person.may_see(each.site)]
    return view.show("fraud_advice.html", rows=rows, rule_of=lambda row: _rule(view, row))


def _rule(view: View, row: Suggestion) -> str:
    """Return the sentence of a rule without its numbers, which have columns of their own."""
    text = row.suggestion_ru if view.language == "ru" else row.suggestion
    return text.partition(_SUMS[view.language])[0].rstrip(". ") + "."
