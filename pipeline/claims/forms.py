"""The claim in the form of each ad network: its fields in words, the summary by campaign and day, and the rows of the list.

Owns which fields a network asks for; the words are in words.toml beside it. A cell that a spreadsheet would take for a formula gets an apostrophe.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Final, Literal, NamedTuple

from jinja2 import Environment, StrictUndefined

from pipeline.claims.claim import Claim, Click

Language = Literal["en", "ru"]

COLUMNS: Final = (
    "network",
    "click_id",
    "first_landing_utc",
    "last_landing_utc",
    "landings",
    "campaign",
    "page",
    "days_left",
    "case",
    "rules",
    "lists",
)
_NETWORKS: Final[Mapping[str, str]] = {
    "gclid": "google",
    "gbraid": "google",
    "wbraid": "google",
    "yclid": "yandex",
    "ymclid": "yandex",
}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Line(NamedTuple):
    """One line of the summary: a day, its campaign, the clicks that landed first on it and their landings."""

    day: date
    campaign: str
    clicks: int
    landings: int


class Part(NamedTuple):
    """The claim to one ad network: its name, the fields of its form, a note, the summary if it asks for one, and the clicks."""

    name: str
    fields: Sequence[tuple[str, str]]
    note: str
    summary: Sequence[Line]
    clicks: Sequence[Click]


@cache
def words(language: Language) -> Mapping[str, str]:
    """Return the words of a language by their names."""
    text = files("pipeline.claims").joinpath("words.toml").read_text(encoding="utf-8")
    return {name: str(word) for name, word in tomllib.loads(text)[language].items()}


def parts(claim: Claim, language: Language) -> list[Part]:
    """Return the claims to each ad network."""
    by_network: dict[str, list[Click]] = defaultdict(list)
    for click in claim.clicks:
        by_network[_NETWORKS.get(click.network, click.network)].append(click)
    return [_part(claim, name, clicks, language) for name, clicks in sorted(by_network.items())]


def rows(claim: Claim) -> list[tuple[str | int, ...]]:
    """Return the rows of the list, one for each click id, with the columns `COLUMNS`."""
    return [
        (
            click.network,
            click.click_id,
            _time(click.first),
            _time(click.last),
            click.landings,
            _cell(_campaign(click, "")),
            _cell(click.page),
            click.days_left,
            claim.case,
            " ".join(claim.rules),
            _cell(" ".join(claim.lists)),
        )
        for click in claim.clicks
    ]


def csv_text(claim: Claim) -> str:
    """Return the list as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows(claim))
    return text.getvalue()


def page_html(claim: Claim, language: Language) -> str:
    """Return the printable page: one file without anything to load."""
    source = files("pipeline.claims").joinpath("claim.html").read_text(encoding="utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return page.from_string(source).render(
        language=language,
        words=words(language),
        claim=claim,
        parts=parts(claim, language),
        time=_time,
        campaign=lambda click: _campaign_in_words(click, words(language)),
    )


def _part(claim: Claim, name: str, clicks: Sequence[Click], language: Language) -> Part:
    said = words(language)
    fields = _common(claim, clicks, language)
    if name == "google":
        asked = [
            (said["account"], said["to_fill"]),
            (said["contact"], said["to_fill"]),
            *fields[:2],
            (said["publisher"], said["no_publisher"]),
            *fields[2:],
        ]
        return Part(said[name], asked, said["google_term"], (), clicks)
    if name == "yandex":
        return Part(said[name], fields, said["yandex_note"], summary(clicks, said), clicks)
    return Part(name, fields, said["plain_note"], (), clicks)


def _common(claim: Claim, clicks: Sequence[Click], language: Language) -> list[tuple[str, str]]:
    said = words(language)
    campaigns = dict.fromkeys(_campaign_in_words(click, said) for click in clicks)
    left = [click.days_left for click in clicks]
    versions = [said["rules"].format(rules=", ".join(claim.rules))]
    if claim.lists:
        versions.append(said["lists"].format(lists=", ".join(claim.lists)))
    first, last = min(click.first for click in clicks), max(click.last for click in clicks)
    counted = said["counted"].format(clicks=len(clicks), landings=sum(click.landings for click in clicks))
    return [
        (said["dates"], f"{_time(first)} … {_time(last)}"),
        (said["campaigns"], ", ".join(campaigns)),
        (said["counts"], counted),
        (
            said["days"],
            said["days_left"].format(least=min(left), most=max(left)) if min(left) < max(left) else str(left[0]),
        ),
        (said["pattern"], " ".join(claim.reasons[language])),
        (said["found"], said["how"]),
        (said["versions"], "; ".join(versions)),
    ]


def summary(clicks: Sequence[Click], said: Mapping[str, str]) -> list[Line]:
    """Return the clicks by UTC day and campaign, the oldest day first."""
    found: dict[tuple[date, str], list[Click]] = defaultdict(list)
    for click in clicks:
        found[click.first.date(), _campaign_in_words(click, said)].append(click)
    return [Line(*place, len(each), sum(click.landings for click in each)) for place, each in sorted(found.items())]


def _campaign(click: Click, missing: str) -> str:
    """Return the campaign's own mark, else all marks, else `missing`."""
    marks = click.campaign
    return (
        marks.get("utm_campaign")
        or ", ".join(f"{name}={marks[name]}" for name in sorted(marks) if marks[name])
        or missing
    )


def _campaign_in_words(click: Click, said: Mapping[str, str]) -> str:
    """Return the campaign for a page; a mark of which nothing is kept, `*`, is said so."""
    campaign = _campaign(click, said["no_campaign"])
    return said["hidden_campaign"] if campaign == "*" else campaign


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
