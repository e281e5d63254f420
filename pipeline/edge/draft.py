"""The results of the edge's steps for one hit, and the event that is made of them.

Owns `Draft` and its conversion. Of the results only the draft holds the address; `event_of` copies only tokens and derived facts,
and `Event` has no field that could take an address. Pure: time and randomness are arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Final

import msgspec

from pipeline.durations import DAY_MS
from pipeline.edge.clients import NOBODY, Client
from pipeline.edge.tables import EdgeTables, SiteTables
from pipeline.event import (
    NO_TOKEN,
    ConsentSaid,
    CookieAge,
    CookieState,
    Event,
    Fetch,
    Hit,
    PageFrom,
    Token,
    VisitorKind,
)
from pipeline.headers import consent
from pipeline.networks.lookup import NO_FACTS, NetworkFacts
from pipeline.pages.page import PageFacts, ReferrerFacts
from pipeline.scrub.redact import Clean, scrub_release
from pipeline.signatures.check import NOTHING, Verdict

NO_PAGE = PageFacts("", "", "other", 0, 0, 0, {}, False, "", False)
NO_REFERRER = ReferrerFacts("", "", 0, False)
NO_AD = Clean("", 0)
_CONSENT_SAID: Final[Mapping[bool | None, ConsentSaid]] = {None: "unknown", True: "given", False: "refused"}


class Draft(msgspec.Struct):
    """The results of the steps so far; made for one hit and then dropped."""

    site: SiteTables
    now_s: int
    epoch: date
    today: date
    consent: consent.Consent = consent.NOT_GIVEN
    sent_cookies: dict[str, str] = {}
    kept_cookies: dict[str, str] = {}
    cookie_state: CookieState = "none"
    set_cookie: str = ""
    id_secret: str = ""
    client: Client = NOBODY
    is_https: bool = False
    network: NetworkFacts = NO_FACTS
    page: PageFacts = NO_PAGE
    page_from: PageFrom = "none"
    referrer: ReferrerFacts = NO_REFERRER
    monitor: str = ""
    scrubbed: int = 0
    visitor: int = 0
    visitor_kind: VisitorKind = "none"
    ip_token: Token = NO_TOKEN
    net_token: Token = NO_TOKEN
    ua_token: int = 0
    click_token: int = 0
    click_sealed: str = ""
    cookie_age: CookieAge = "none"
    fetch: Fetch = "none"
    signature: Verdict = NOTHING


def event_of(hit: Hit, draft: Draft, tables: EdgeTables, ad: Clean, now_ms: int) -> Event:
    """Return the event of a hit, or of one of its ad blocks (`NO_AD`: of the page view), after all steps."""
    page, referrer, network = draft.page, draft.referrer, draft.network
    return Event(
        received_ms=hit.received_ms,
        taken_ms=now_ms if hit.is_replay else 0,
        event_id=uuid7(hit.received_ms, tables.random(10)),
        site=hit.site,
        kind="impression" if ad.text else "pageview",
        mode=hit.mode,
        policy=tables.policy,
        visitor=draft.visitor,
        visitor_kind=draft.visitor_kind,
        cookie_state=draft.cookie_state,
        cookies=draft.kept_cookies,
        ip_token=draft.ip_token,
        net_token=draft.net_token,
        ip_version=draft.client.version,
        country=network.country,
        asn=network.asn,
        as_org=network.as_org,
        net_class=network.net_class,
        ua_token=draft.ua_token,
        agent=hit.agent,
        hint_brands=hit.hint_brands,
        hint_mobile=hit.hint_mobile,
        hint_platform=hit.hint_platform,
        monitor=draft.monitor,
        https=draft.is_https,
        page_host=page.host,
        page=page.path,
        page_flags=page.flags,
        attack=page.attack,
        page_scheme=page.scheme,
        page_from=draft.page_from,
        status=hit.status,
        campaign=page.campaign,
        paid=page.paid,
        click_token=draft.click_token,
        ad=ad.text,
        referrer_host=referrer.host,
        referrer_page=referrer.path,
        nonce=hit.nonce,
        scrubbed=draft.scrubbed | ad.scrubbed,
        dropped_params=page.dropped_params,
        page_role=page.role,
        release=scrub_release(hit.release),
        click_kind=page.click_kind,
        click_sealed=draft.click_sealed,
        fetch=draft.fetch,
        privacy_signal=draft.consent.signal,
        consent=_CONSENT_SAID[hit.consent],
        cookie_age=draft.cookie_age,
        agent_signed=draft.signature.state,
        signer=draft.signature.signer if draft.signature.state == "verified" else "",
    )


def day_of(unix_ms: int) -> date:
    """Return the UTC day, which is the key epoch, of a Unix time in milliseconds."""
    return _day(unix_ms // DAY_MS)


@lru_cache(maxsize=16)
def _day(unix_day: int) -> date:
    return date.fromordinal(date(1970, 1, 1).toordinal() + unix_day)


def uuid7(received_ms: int, random: bytes) -> str:
    """Return a UUID version 7 (RFC 9562, section 5.7) from milliseconds and 10 random bytes."""
    time, drawn = f"{received_ms:012x}", random.hex()
    return f"{time[:8]}-{time[8:]}-7{drawn[1:4]}-{'89ab'[random[2] >> 4 & 3]}{drawn[5:8]}-{drawn[8:]}"
