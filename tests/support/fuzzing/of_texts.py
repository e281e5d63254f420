"""Texts that visitors and other programs write: addresses of pages, free texts, user agents, signatures, languages."""

from __future__ import annotations

from functools import cache

from pipeline.enrich.agents import STORED_LIMIT, Agents
from pipeline.enrich.hints import claims, compare
from pipeline.enrich.robots import Robots
from pipeline.event import SignedRequest
from pipeline.pages.page import SitePages, read_page, read_referrer
from pipeline.scrub.paths import scrub_path
from pipeline.scrub.redact import scrub_ad, scrub_host, scrub_release, scrub_text
from pipeline.scrub.urls import split_url
from pipeline.settings.site import Site
from pipeline.signatures.check import Nonces, Place, check
from pipeline.signatures.key_set import MOST_KEYS, UnusableKeys, read_keys
from support.fuzzing.parser import ADDRESS, Parser, loose, silent
from support.signing import HOST, NOW_S, TARGET, Program

_CLINIC = SitePages.of(Site(id="clinic", hosts=("clinic.example", "клиника.рф")))
_PROGRAM = Program()


def check_page(data: bytes) -> None:
    """Read the address of a page and of a referrer; a planted client is in none of the stored parts."""
    text = loose(data)
    for raw in (
        text,
        f"https://clinic.example/{text}",
        f"https://clinic.example/{ADDRESS}/{text}",
        f"https://clinic.example/a?ip={ADDRESS}&{text}",
        f"https://{text}@clinic.example/#{ADDRESS}",
    ):
        page, referrer = read_page(raw, _CLINIC), read_referrer(raw, _CLINIC)
        if ADDRESS not in text:
            silent(page.host, page.path, *page.campaign.values(), referrer.host, referrer.path)
        split_url(raw)
        clean = scrub_path(raw)
        assert scrub_path(clean.text).text == clean.text


def check_text(data: bytes) -> None:
    """Scrub a free text: within its limit, the same when it is scrubbed again, and without a planted client."""
    text = loose(data)
    for limit in (40, STORED_LIMIT):
        clean = scrub_text(text, limit).text
        assert len(clean) <= limit
        assert scrub_text(clean, limit).text == clean
    silent(scrub_text(f"{ADDRESS} {text}", 256).text)
    scrub_ad(text[:64])
    scrub_release(text[:64])
    assert scrub_host(scrub_host(text[:253]).text).text == scrub_host(text[:253]).text


@cache
def _agents() -> Agents:
    return Agents(Robots())


def check_agent(data: bytes) -> None:
    """Read a user agent in the first line and its hints in the three after it."""
    agent, brands, mobile, platform, *_ = [*loose(data).split("\n"), "", "", "", ""]
    facts = _agents().read(agent)
    assert len(facts.ua_raw) <= STORED_LIMIT
    compare(claims(agent, facts.browser), brands[:256], mobile[:256], platform[:256], https=True)


def check_signature(data: bytes) -> None:
    """Judge the signature of a request: Signature-Agent, Signature-Input and Signature, a line each."""
    agent, inputs, signatures, *_ = [*data.decode("latin-1").split("\n"), "", "", ""]
    request = SignedRequest(agent, inputs, signatures, authority=HOST, target=TARGET)
    verdict = check(request, [_PROGRAM.signer], [Place(HOST, TARGET)], Nonces(), now_ms=NOW_S * 1000)
    assert verdict.signer in ("", "agent")
    other = [Place("other.example", TARGET)]
    assert check(request, [_PROGRAM.signer], other, Nonces(), now_ms=NOW_S * 1000).state != "verified"


def check_key_set(data: bytes) -> None:
    """Read the keys of a program that signs."""
    try:
        found = read_keys(data)
    except UnusableKeys:
        return
    assert len(found) <= MOST_KEYS


PARSERS = (
    Parser("page_address", check_page),
    Parser("free_text", check_text),
    Parser("user_agent", check_agent),
    Parser("signature", check_signature),
    Parser("key_set", check_key_set),
)
