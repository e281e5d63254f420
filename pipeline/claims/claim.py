"""A claim for a refund: the sealed click ids of a confirmed case, opened with the private key, after one line in the audit.

Owns the conditions and their order: the line is on disk before a click id leaves memory. Rules:

* Only the newest verdict counts, under any number that the case has or had, and it must be `confirmed`. If two cases with different
  verdicts joined, a person decides on the joined case first. Landings after the verdict are left out: nobody has looked at them. A refusal is
  audited, too; a malformed request is not, because its text may be anything.
* The rows come from two views (sql/fraud/clicks.sql, claim.sql) that give no client, so no user needs a right on the rows of events.
* A click id ends with its term (`SEALED_DAYS`). One that is not of the form of a click id is left out: a visitor may have written anything there.
* The click ids are in no log and not in the audit.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from clickhouse_connect.driver import Client

from pipeline.audit.actions import Action
from pipeline.audit.log import Audit, Limit
from pipeline.database.client import in_utc, working_as
from pipeline.errors import Fatal
from pipeline.keys.sealed import SEALED_DAYS, opened
from pipeline.settings.ad_names import CLICK_ID_NAMES
from pipeline.settings.model import Settings
from pipeline.system.private_files import open_private

CLICKS: Final = "rollup.fraud_clicks"
CLAIM: Final = "rollup.fraud_claim"
WINDOW: Final = timedelta(hours=1)
MOST_REASONS: Final = 10
QUERY_SECONDS: Final = 300
_KEY_BYTES: Final = 32
_MAX_WORDS: Final = 300
_CASE: Final = re.compile(r"[0-9a-f]{12}")
_CLICK_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.~-]{0,511}")
"""Base64 for addresses and numbers, as all networks use them; no mail address, no formula of a spreadsheet."""


class ClaimRequest(NamedTuple):
    """One well-formed request: a case, the purpose in words, the kind of click id ('' for all), and the user who asks, `who`."""

    case: str
    purpose: str
    network: str
    who: str

    def facts(self) -> dict[str, str]:
        """Return the facts for the audit."""
        return {"case": self.case, "purpose": self.purpose, "network": self.network}


class Click(NamedTuple):
    """One opened click id: its kind, its landings, the campaign and page of the first, and for how many days it can be claimed."""

    network: str
    click_id: str
    first: datetime
    last: datetime
    landings: int
    campaign: Mapping[str, str]
    page: str
    days_left: int


class Claim(NamedTuple):
    """A claim: its clicks, the oldest first, what else is said of the case, and the landings whose click id cannot be told.

    `ended` are over their term, `foreign` are sealed to another key, `odd` are not of the form of a click id; `unclear` are of suspects that are
    unclear by themselves in a case of clearer ones, and may be a person's; `later` came after the verdict.
    """

    case: str
    site: str
    made: datetime
    confirmed: datetime
    clicks: Sequence[Click]
    reasons: Mapping[str, Sequence[str]]
    rules: Sequence[str]
    lists: Sequence[str]
    ended: int
    foreign: int
    odd: int
    unclear: int
    later: int = 0


class _Landing(NamedTuple):
    at: datetime
    network: str
    sealed: str
    campaign: Mapping[str, str]
    page: str
    is_unclear: bool


def read_request(case: str, purpose: str, network: str, *, who: str) -> ClaimRequest:
    """Return the request; raises `ValueError`, which names the option and the expected form."""
    if not _CASE.fullmatch(case):
        raise ValueError(
            "ID: expected the whole number of a case, 12 hexadecimal digits; see `clinic-pixel fraud cases --all`"
        )
    if not purpose.strip() or not purpose.isprintable() or len(purpose) > _MAX_WORDS:
        raise ValueError(f"--purpose: expected one line of up to {_MAX_WORDS} characters")
    if network and network not in CLICK_ID_NAMES:
        raise ValueError(f"--network: expected one of {', '.join(sorted(CLICK_ID_NAMES))}")
    return ClaimRequest(case, purpose, network, who)


def claim(settings: Settings, audit: Audit, request: ClaimRequest, key: Path, *, now: datetime, per_hour: int) -> Claim:
    """Return the claim, after the audit line is on disk.

    Raises `Fatal` where the case is unknown or not confirmed, no click id can be opened, the key cannot be read, the hourly limit is
    reached, or the clock was set back; `Retryable` where ClickHouse is away or the audit cannot be written.
    """
    limit = Limit(frozenset({Action.CLAIM}), per_hour, WINDOW)
    with audit.refusals(Action.CLAIM, request.facts(), now=now, who=request.who):
        audit.refuse_an_old_clock(now)
        private = read_key(key)
        with working_as(settings, "pixel_writer", timeout=QUERY_SECONDS) as client:
            made = _read(client, request, private, now)
        facts = {**request.facts(), "clicks": str(len(made.clicks))}
        audit.record(Action.CLAIM, facts, now=now, who=request.who, limit=limit)
    return made


def read_key(file: Path) -> bytes:
    """Return the private half of a pair of keys; raises `Fatal` where the file is unsafe, missing or no key."""
    try:
        with os.fdopen(open_private(file, os.O_RDONLY), "rb") as stream:
            private = stream.read(_KEY_BYTES + 1)
    except OSError as error:
        raise Fatal(f"{file}: cannot be read: {error.strerror}; expected the file of `keys claim-pair`") from None
    if len(private) != _KEY_BYTES:
        raise Fatal(f"{file}: is no private key; expected {_KEY_BYTES} bytes, the file of `keys claim-pair`")
    return private


def _read(client: Client, request: ClaimRequest, private: bytes, now: datetime) -> Claim:
    asked = f"/* what a claim says */ SELECT * FROM {CLAIM}(case = {{case:String}})"  # noqa: S608 - a view of ours
    said = client.query(asked, parameters={"case": request.case}).result_rows
    if not said:
        raise Fatal(f"case {request.case}: has no rows any more; expected a case of `clinic-pixel fraud cases`")
    site, days = said[0][0], [row[1] for row in said]
    case, *decision = said[0][7:]
    confirmed = _confirmed_at(request.case, *decision)
    landings = [
        each for each in _landings(client, site, case, min(days), max(days)) if request.network in ("", each.network)
    ]
    seen = [each for each in landings if each.at <= confirmed]
    clear = [each for each in seen if not each.is_unclear]
    clicks, foreign, odd = _opened(clear, private, now.astimezone(UTC).date())
    ended, later = sum(not each.sealed for each in clear), len(landings) - len(seen)
    if not clicks:
        raise Fatal(f"case {request.case}: {_why_none(clear, ended, foreign, later, len(seen) - len(clear))}")
    return Claim(
        case,
        site,
        now,
        confirmed,
        clicks,
        {"en": _distinct(row[3] for row in said), "ru": _distinct(row[4] for row in said)},
        sorted({row[5] for row in said}),
        sorted({row[6] for row in said} - {""}),
        ended,
        foreign,
        odd,
        len(seen) - len(clear),
        later,
    )


def _confirmed_at(case: str, state: str, decision: str, is_torn: bool, at: datetime) -> datetime:
    if is_torn:
        raise Fatal(f"case {case}: two cases joined, and only one was confirmed; expected a verdict on the joined case")
    if state != "confirmed":
        raise Fatal(
            f"case {case}: its newest verdict is {decision or 'none'}; expected confirmed: a claim needs a person's verdict"
        )
    return in_utc(at)


def _landings(client: Client, site: str, case: str, first: date, last: date) -> list[_Landing]:
    values = {
        "site": site,
        "case": case,
        "since": datetime.combine(first, datetime.min.time(), UTC),
        "until": datetime.combine(last + timedelta(days=1), datetime.min.time(), UTC),
    }
    query = (
        f"SELECT at, click_kind, sealed, campaign, page, is_unclear FROM {CLICKS}(site = {{site:String}}, case = {{case:String}},"  # noqa: S608 - a view of ours
        " since = {since:DateTime('UTC')}, until = {until:DateTime('UTC')})"
    )
    return [_Landing(in_utc(at), *rest) for at, *rest in client.query(query, parameters=values).result_rows]


def _opened(landings: Sequence[_Landing], private: bytes, today: date) -> tuple[list[Click], int, int]:
    """Return the click ids, and the numbers of landings of another key and of another form."""
    found: dict[tuple[str, str], Click] = {}
    foreign = odd = 0
    for landing in sorted(landings, key=lambda each: each.at):
        if not landing.sealed:
            continue
        try:
            click_id = opened(landing.sealed, private)
        except ValueError:
            foreign += 1
            continue
        if not _CLICK_ID.fullmatch(click_id):
            odd += 1
            continue
        name = (landing.network, click_id)
        if name in found:
            found[name] = found[name]._replace(last=landing.at, landings=found[name].landings + 1)
            continue
        left = SEALED_DAYS - (today - landing.at.date()).days
        found[name] = Click(*name, landing.at, landing.at, 1, dict(landing.campaign), landing.page, left)
    return list(found.values()), foreign, odd


def _why_none(landings: Sequence[_Landing], ended: int, foreign: int, later: int, unclear: int) -> str:
    if not landings and later:
        return f"its {later} paid landings came after the verdict; look at it again, and confirm it if it still holds"
    if not landings and unclear:
        return f"its {unclear} paid landings may be those of a person who shares an address and a browser with the suspects"
    if not landings:
        return "has no paid landing of this network"
    if foreign:
        return f"the key opens no click id; expected the private half to which the {foreign} landings were sealed"
    if ended:
        return f"no click id is left; they end after {SEALED_DAYS} days, and without `fraud.claim_key` none is kept"
    return "no landing has a click id of the usual form"


def _distinct(lists: Iterable[Sequence[str]]) -> list[str]:
    return [*dict.fromkeys(text for texts in lists for text in texts)][:MOST_REASONS]
