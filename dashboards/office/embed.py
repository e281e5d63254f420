"""The lines to paste, for the choices of the address, and the wait for the first visit that is not one's own.

Rule: the collector's address comes from the settings alone. One in the link would let a stranger's link put a stranger's script on the site.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

from starlette.responses import Response

from dashboards.pages.report import reports
from dashboards.strip import pulse
from dashboards.view import View
from pipeline.embedding.platforms import CONSENTS, PLATFORMS, Choice, chosen_lines
from pipeline.embedding.snippet import PARTS, Lines
from pipeline.reports.run import run

LONGEST: Final = timedelta(hours=24)
"""The view of the last minutes goes back so far."""
MOST_OWN: Final = 20


class Text(NamedTuple):
    """Some lines to paste, told in the language of the page; `id` names their element."""

    id: str
    name: str
    where: str
    text: str


class Wait(NamedTuple):
    """What came since the wait began; `reasons` are keys of texts with their number, the likeliest first."""

    since: datetime
    accepted: int
    own: int
    state: Literal["nothing", "own", "others"]
    reasons: list[tuple[str, int]]


def show(view: View) -> Response:
    """Show the choices and the lines."""
    choice = _choice(view)
    try:
        lines = chosen_lines(view.settings, view.site, choice, view.now.date())
    except ValueError as error:
        view.refuse(400, "bad_choice", error=str(error))
    return view.show(
        "embed.html",
        choice=choice,
        lines=[told(view, each) for each in lines],
        consents=CONSENTS,
        parts=PARTS,
        chosen_parts=choice.technical.split(),
        platforms=list(PLATFORMS),
        is_local=not view.settings.collector.public_url,
    )


def told(view: View, lines: Lines) -> Text:
    """Return the lines with name and place in the language of the page."""
    slug, say = re.sub(r"[^a-z0-9]+", "_", lines.name.lower()), view.words.say
    return Text(f"line_{slug}", say("line_" + slug), say("line_" + slug + "_where"), lines.text)


def wait(view: View) -> Response:
    """Show what came since the wait began; its begin and the number of one's own visits are in the address."""
    since = _since(view)
    if since is None:
        return view.go(view.link("/embed/wait", since=f"{int(view.now.timestamp())}"))
    return view.show("wait.html", wait=waited(view, since, _own(view)), more=f"{min(_own(view) + 1, MOST_OWN)}")


def waited(view: View, since: datetime, own: int) -> Wait:
    """Return what came of the site since a moment; the minute of this moment counts whole."""
    of = next(each for each in reports() if each.view == "technical.now")
    begin = since.replace(second=0, microsecond=0)
    with view.ask("technical") as client:
        table = run(view.settings, of, view.site.id, begin, view.now, client=client)
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    fresh = [row for row in rows if isinstance(row["minute"], datetime) and row["minute"] >= begin]
    here = [row for row in fresh if row["site"] == view.site.id]
    accepted, refused, floods = (
        sum(int(str(row[name] or 0)) for row in here) for name in ("accepted", "refused", "floods")
    )
    elsewhere = sum(int(str(row["accepted"] or 0)) for row in fresh) - accepted
    age = here[-1]["lag"] if here else None
    state: Literal["nothing", "own", "others"] = "others" if accepted > own else "own" if accepted else "nothing"
    reasons = [] if state != "nothing" else _reasons(view, refused, floods, elsewhere, age)
    return Wait(since, accepted, own, state, reasons)


def _reasons(view: View, refused: int, floods: int, elsewhere: int, age: object) -> list[tuple[str, int]]:
    never = not isinstance(age, int) or age >= timedelta(days=7).total_seconds()
    found = [
        ("why_collector", 0, not pulse(view.settings).accepts),
        ("why_local", 0, not view.settings.collector.public_url),
        ("why_flood", floods, floods > 0),
        ("why_refused", refused - floods, refused > floods),
        ("why_other_site", elsewhere, elsewhere > 0 and not view.person.sites),
        ("why_never", 0, never),
        ("why_silent", 0, not never),
        ("why_blocked", 0, True),
        ("why_soon", 0, True),
    ]
    return [(key, number) for key, number, holds in found if holds]


def _choice(view: View) -> Choice:
    asked = view.query
    platform = asked.get("platform", "")
    try:
        sample = float(asked.get("sample") or 1)
    except ValueError:
        sample = -1.0
    if not 0 <= sample <= 1:
        view.refuse(400, "bad_choice", error="sample: 0 … 1")
    return Choice(
        consent=asked.get("consent", ""),
        ads="ads" in asked and not platform,
        technical=" ".join(part for part in PARTS if part in asked),
        sample=sample,
        release=asked.get("release", "")[:64],
        platform=platform,
    )


def _since(view: View) -> datetime | None:
    text = view.query.get("since", "")
    if not re.fullmatch(r"\d{9,11}", text, re.ASCII):
        return None
    since = datetime.fromtimestamp(int(text), UTC)
    return since if view.now - LONGEST < since <= view.now else None


def _own(view: View) -> int:
    text = view.query.get("own", "1")
    return min(int(text), MOST_OWN) if re.fullmatch(r"\d{1,2}", text, re.ASCII) else 1
