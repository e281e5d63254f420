"""Turns a `Hit` into `Event`s; the only place that decides the order of the edge's steps.

Owns `EDGE_STEPS`; their look-up tables are in `pipeline.edge.tables`. A step named `put_*` adds facts to the draft, one
named `drop_*` may end the hit with a counted reason; `pipeline.edge.draft` makes the event of them.

Time and the randomness of events are arguments. Only the key files behind `Keyring`, the blocks, the rates, the nonces of signed
programs and the sealing of click ids are outside of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from pipeline.edge.clients import Client, Sender
from pipeline.edge.draft import NO_AD, Draft, day_of, event_of
from pipeline.edge.tables import EdgeTables
from pipeline.errors import Reason, Refused
from pipeline.event import (
    NO_TOKEN,
    Event,
    Hit,
    PageFlag,
)
from pipeline.headers import consent, consistency, cookies
from pipeline.host_names import normal_host
from pipeline.keys.tokens import click_token, cookie_visitor
from pipeline.networks.lookup import NetworkFacts
from pipeline.scrub.redact import scrub_ad
from pipeline.scrub.urls import split_url


class EdgeResult(NamedTuple):
    """The events of one hit and the Set-Cookie header of its answer ('' for none)."""

    events: tuple[Event, ...]
    set_cookie: str


IMPRESSION_COST: Final = 0.05
"""The cost of an ad impression for the rate of its client; a page view costs 1."""
OWN_COST: Final = 0.05
"""The factor for hits from the clinic's own networks (setting `own_networks` of the site)."""


class OverRate(Refused):
    """A hit over its client's rate; carries the network facts that may be counted."""

    def __init__(self, network: NetworkFacts) -> None:
        super().__init__(Reason.FLOOD)
        self.network = network


def put_consent(hit: Hit, draft: Draft, _: EdgeTables) -> None:
    """Decide consent from the privacy signals and the site's kind of consent, before any other step."""
    draft.sent_cookies = cookies.read(hit.cookie, draft.site.wanted_cookies)
    draft.consent = consent.decide(
        gpc=hit.gpc,
        dnt=hit.dnt,
        opted_out=cookies.OPT_OUT_COOKIE in draft.sent_cookies,
        kind=draft.site.settings.consent,
        given=hit.consent,
    )


def put_client(hit: Hit, draft: Draft, tables: EdgeTables) -> None:
    """Put the client's address, in memory only, and whether its browser used https."""
    draft.client = client = tables.client(Sender(hit.peer, hit.forwarded_for, hit.is_replay))
    draft.is_https = uses_https(hit, client)


def put_network_facts(hit: Hit, draft: Draft, _: EdgeTables) -> None:
    """Put country, autonomous system and class: later steps of the pipeline have no address to look them up."""
    facts = draft.client.facts_for(hit.site)
    # With a privacy signal only country and class are kept: a small network could still identify a person.
    draft.network = facts._replace(asn=0, as_org="") if draft.consent.signalled else facts


def put_monitor(hit: Hit, draft: Draft, _: EdgeTables) -> None:
    """Put the name of the site's own check that made the hit; a check is no visitor."""
    draft.monitor = draft.site.monitor(hit.agent, draft.sent_cookies, draft.client.address)
    if draft.monitor:
        draft.consent = draft.consent._replace(identify=False)


def drop_over_rate(hit: Hit, draft: Draft, tables: EdgeTables) -> None:
    """Refuse a client over its rate, before the hit costs more than a look-up.

    A page has few page views and many ad blocks, and the clinic's own network has many people behind one address.
    """
    cost = (IMPRESSION_COST * len(hit.ads) or 1.0) * (OWN_COST if draft.network.net_class == "own" else 1.0)
    if not tables.rate_limit.admits(draft.client.buckets, now_ms=hit.received_ms, cost=cost):
        raise OverRate(draft.network)


def put_page(hit: Hit, draft: Draft, tables: EdgeTables) -> None:
    """Put the page: the tag's `u`, else (also where that cannot be read) the Referer header, which names the page of an image.

    A `u` without host, as templates print it, is on the host that the browser names. A browser that tells only the origin
    of its page has not told the page.
    """
    if hit.page is not None:
        draft.page, draft.page_from = tables.page(hit.site, _with_host(hit.page, hit)), "parameter"
    if not draft.page.host and hit.referer:
        draft.page, draft.page_from = tables.page(hit.site, hit.referer), "referer"
        if draft.page.path == "/" and is_origin_only(hit):
            draft.page = draft.page._replace(path="")
    draft.scrubbed |= draft.page.scrubbed
    if draft.page.sensitive:
        draft.consent = draft.consent._replace(identify=False)


def put_referrer(hit: Hit, draft: Draft, tables: EdgeTables) -> None:
    """Put the previous page, which only the tag's `r` names."""
    if hit.referrer:
        referrer = tables.referrer(hit.site, hit.referrer)
        draft.referrer = referrer._replace(path="") if draft.page.sensitive else referrer
        draft.scrubbed |= referrer.scrubbed


def put_cookies(hit: Hit, draft: Draft, tables: EdgeTables) -> None:
    """Put the id cookie and the site's allow-listed ones; a privacy signal removes an id cookie that is still set."""
    sent = draft.sent_cookies
    if draft.consent.identify and draft.site.cookies:
        draft.kept_cookies, scrubbed = cookies.keep(sent, draft.site.cookies)
        draft.scrubbed |= scrubbed
    if draft.consent.signalled:
        draft.cookie_state = "signal"
        draft.set_cookie = cookies.expire(cookies.ID_COOKIE) if cookies.ID_COOKIE in sent else ""
    elif not draft.consent.identify:
        draft.cookie_state = "none" if draft.page.sensitive or draft.monitor else "refused"
    elif (known := cookies.parse_id(sent.get(cookies.ID_COOKIE, ""), now_s=draft.now_s)) is not None:
        draft.cookie_state, draft.id_secret = "returning", known.secret
        draft.cookie_age = cookies.age(known, now_s=draft.now_s)
    elif cookies.may_set(hit.host, is_https=draft.is_https):
        draft.cookie_state = draft.cookie_age = "new"
        draft.set_cookie = cookies.set_id(cookies.new_id(tables.random(cookies.SECRET_BYTES), now_s=draft.now_s))


def put_tokens(hit: Hit, draft: Draft, tables: EdgeTables) -> None:
    """Replace the address by tokens; without a key for the day or without consent there are none."""
    if not draft.consent.identify:
        return
    tokens = tables.keys.day(draft.epoch, today=draft.today)
    if tokens is None:
        return
    draft.ua_token = tokens.agent(hit.agent)
    address = draft.client.packed
    if address:
        draft.ip_token, draft.net_token = tokens.tokens(address)
    visitor_key = tables.keys.visitor_key(draft.epoch, today=draft.today) if draft.id_secret else None
    if visitor_key is not None:
        draft.visitor, draft.visitor_kind = cookie_visitor(visitor_key, draft.id_secret), "cookie"
    elif address:
        # A browser may never send back a cookie just set; until it does, the day's token counts the client once.
        draft.visitor, draft.visitor_kind = tokens.visitor(address, hit.agent, hit.site), "day"


def put_click(_: Hit, draft: Draft, tables: EdgeTables) -> None:
    """Replace an ad's click id by a token that lives a quarter, and seal it where a claim for a refund may need it.

    Without a visitor nobody could find the row for the person who asks for it, so nothing is sealed then.
    """
    click_id = draft.page.click_id
    if not (click_id and draft.consent.identify):
        return
    key = tables.keys.click_key(draft.epoch, today=draft.today)
    draft.click_token = click_token(key, click_id) if key else 0
    draft.click_sealed = tables.seal(click_id) if tables.seal and draft.visitor else ""


def put_consistency(hit: Hit, draft: Draft, _: EdgeTables) -> None:
    """Compare the parts of a request that must fit together (policy clause 4.1.3)."""
    said = consistency.said_host(hit)
    draft.fetch = consistency.fetch(hit, said)
    if draft.page_from == "parameter" and consistency.has_two_hosts(said, draft.page.host, draft.site.pages):
        draft.page = draft.page._replace(flags=draft.page.flags | PageFlag.TWO_HOSTS)


def drop_blocked(_: Hit, draft: Draft, tables: EdgeTables) -> None:
    """Refuse the hits of a blocked person, so that nothing more is kept of them (policy clause 6.2.4)."""
    if tables.blocks is None or tables.blocks.is_empty:
        return
    if not tables.blocks.are_known:
        raise Refused(Reason.BLOCKS_UNKNOWN)
    if draft.id_secret and tables.blocks.person(draft.id_secret):
        raise Refused(Reason.BLOCKED)
    # Without a token no stored value identifies the address, so there is nothing to block.
    if draft.ip_token != NO_TOKEN and tables.blocks.address(draft.client.address, draft.epoch):
        raise Refused(Reason.BLOCKED)


def put_signature(hit: Hit, draft: Draft, tables: EdgeTables) -> None:
    """Check the signature of a program on its request; only a request that has one pays for it."""
    if hit.signed is not None:
        scheme = "https" if draft.is_https else "http"
        draft.signature = tables.signature(hit.signed, scheme, now_ms=hit.received_ms)


Step = Callable[[Hit, Draft, EdgeTables], None]

EDGE_STEPS: tuple[Step, ...] = (
    put_consent,
    put_client,
    put_network_facts,
    put_monitor,
    drop_over_rate,
    put_page,
    put_referrer,
    put_cookies,
    put_tokens,
    put_click,
    put_consistency,
    drop_blocked,
    put_signature,
)


def run_edge(hit: Hit, tables: EdgeTables, *, now_ms: int) -> EdgeResult:
    """Take one hit through `EDGE_STEPS`; `now_ms` is the clock, the hit's own time may be that of a replayed log.

    Raises `Refused` with the reason to be counted; a hit with ad blocks gives one impression per block.
    """
    draft = take_steps(EDGE_STEPS, hit, tables, now_ms)
    if not hit.ads:
        return EdgeResult((event_of(hit, draft, tables, NO_AD, now_ms),), draft.set_cookie)
    return EdgeResult(tuple(event_of(hit, draft, tables, scrub_ad(ad), now_ms) for ad in hit.ads), draft.set_cookie)


def take_steps(steps: Iterable[Step], hit: Hit, tables: EdgeTables, now_ms: int) -> Draft:
    """Return the draft of a hit after these steps; raises `Refused`."""
    site = tables.sites.get(hit.site)
    if site is None:
        raise Refused(Reason.UNKNOWN_SITE)
    draft = Draft(site, hit.received_ms // 1000, day_of(hit.received_ms), day_of(now_ms))
    for step in steps:
        step(hit, draft, tables)
    return draft


def uses_https(hit: Hit, client: Client) -> bool:
    """Return whether the browser used https: by the header of a trusted proxy, else by the connection."""
    proxied = hit.forwarded_proto and client.peer_is_trusted
    return hit.forwarded_proto == "https" if proxied else hit.scheme == "https"


def _with_host(page: str, hit: Hit) -> str:
    """Return the address of a path on the host of Origin or Referer; another address, or without these, as it is."""
    if not page.startswith("/") or page[1:2] in ("/", "\\"):
        return page
    named = (split_url(said) for said in (hit.origin, hit.referer))
    return next((f"{url.scheme}://{url.host}{page}" for url in named if url.host and url.scheme != "other"), page)


def is_origin_only(hit: Hit) -> bool:
    """Return whether the Referer of a page on another host than the collector's holds no path (Referrer Policy)."""
    url = split_url(hit.referer)
    return url.path in ("", "/") and not url.query and url.host != normal_host(hit.host)
