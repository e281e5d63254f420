"""The requests that carry canaries: in every header that can hold an address, and in every field.

Owns the list of requests. Pure. A `believed` request names the client in X-Forwarded-For and is sent with the ticket of
a replay, so the collector uses that address as the client's, whatever its `trusted_proxies`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote, urlencode

import msgspec

from pipeline.headers.cookies import ID_COOKIE
from pipeline.privacy_check.canaries import AGENT, FIELDS, FREE_VALUES, UNKNOWN_PATHS, Canary
from pipeline.settings.ad_names import UTM_NAMES
from pipeline.settings.site import Site

BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"
)

NONCE = "NONCE"
"""Placeholder for a request's nonce, a decimal number."""

_PAGES = (
    ("page path", "https://{host}/otvet/{}/"),
    ("page path", "https://{host}/otvet/pismo-{}-itog"),
    ("page query", "https://{host}/otvet?t={}&{}=1"),
    ("page query", "https://{host}/otvet?utm_source={}&utm_medium={}&utm_campaign={}&utm_content={}&utm_term={}"),
    ("page query", "https://{host}/otvet?gclid={}"),
    ("page fragment", "https://{host}/otvet#{}"),
    ("page userinfo", "https://{}:{}@{host}/otvet"),
    ("foreign page", "https://other.example/{}?q={}"),
    ("foreign page", "https://{}/"),
    ("foreign page", "https://[{}]:8080/{}"),
    ("foreign page", "https://{}.other.example/"),
)
_FORWARDED = {
    "X-Forwarded-For": "{}",
    "X-Forwarded-For, IPv4-mapped": "::ffff:{}",
    "X-Forwarded-For, with port": "{}:4711",
    "X-Forwarded-For, brackets and port": "[{}]:4711",
    "X-Forwarded-For, zone id": "{}%eth0",
    "X-Forwarded-For, forged hop": "{}, 127.0.0.1",
    "X-Forwarded-For, with junk": "{}, ' OR 1=1 --",
}
_PROXY_HEADERS = ("True-Client-IP", "CF-Connecting-IP", "X-Client-IP", "X-Cluster-Client-IP", "Forwarded-For", "Via")
_OTHER_PAGES = ("/privacy", "/p.js", "/.well-known/gpc.json", "/health/ready")
_HINTS = ("Sec-CH-UA", "Sec-CH-UA-Mobile", "Sec-CH-UA-Platform")


class Request(NamedTuple):
    """One request: the name of the attempt, its parts, and the number of its events if accepted."""

    attempt: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "GET"
    body: str = ""
    events: int = 0
    believed: bool = False


def plan(canaries: Sequence[Canary], site: Site, marker: str) -> list[Request]:
    """Return the requests; the last two carry the marker, in the page of a measurement and as an ad block."""
    page = f"https://{site.hosts[0]}/otvet/"
    requests = [*_addresses(canaries, site, page), *_agents(canaries, site, page), *_refused(canaries, site)]
    for canary in canaries:
        if canary.place == FIELDS:
            requests += _fields(canary, site)
        elif canary.place == UNKNOWN_PATHS:
            requests += _unknown_paths(canary, site)
        elif canary.place == FREE_VALUES:
            requests += _free_values(canary, site, page)
    signal = {"k": "vital", "n": "LCP", "v": 1.0}
    requests += [
        Request("control", "/e", method="POST", body=_json({"s": site.id, "u": page + marker, "t": [signal]})),
        _pixel("control", site, u=page, a=marker),
    ]
    return requests


def _pixel(attempt: str, site: Site, *headers: tuple[str, str], believed: bool = False, **query: str) -> Request:
    target = "/p.gif?" + urlencode({"s": site.id, "m": "js", **query}) + f"&n={NONCE}"
    return Request(attempt, target, headers, events=1, believed=believed)


def _json(message: object) -> str:
    return msgspec.json.encode(message).decode()


def _addresses(canaries: Sequence[Canary], site: Site, page: str) -> Iterator[Request]:
    for canary in canaries:
        if canary.place in _FORWARDED:
            header = ("X-Forwarded-For", _FORWARDED[canary.place].format(canary.text))
            for signal in ((), (("Sec-GPC", "1"),), (("DNT", "1"), ("Cookie", f"{ID_COOKIE}={canary.text}"))):
                yield _pixel(canary.place, site, header, *signal, believed=True, u=page)
            yield _pixel(canary.place, site, header, u=page)
            yield Request(canary.place, "/metrics", (header,))
        elif canary.place == "Forwarded":
            quoted = f'"[{canary.text}]:4711"' if ":" in canary.text else canary.text
            yield _pixel(canary.place, site, ("Forwarded", f"for={quoted};proto=https;by={quoted}"), u=page)
        elif canary.place == "X-Real-IP":
            yield _pixel(canary.place, site, ("X-Real-IP", canary.text), u=page)
        elif canary.place == "other proxy headers":
            yield _pixel(canary.place, site, *((name, canary.text) for name in _PROXY_HEADERS), u=page)


def _agents(canaries: Sequence[Canary], site: Site, page: str) -> Iterator[Request]:
    for canary in canaries:
        if canary.place == AGENT:
            hints = tuple((name, f'"{canary.text}";v="143"') for name in _HINTS)
            for agent in (
                f"{BROWSER} {canary.text}",
                f"robot-{canary.text}",
                f"curl/8.5 (+{canary.text})",
                canary.text,
            ):
                yield _pixel(AGENT, site, ("User-Agent", agent), *hints, u=page)
            signal = {"k": "vital", "n": "LCP", "v": 1.0}
            body = _json({"s": site.id, "u": page, "t": [signal]})
            yield Request(AGENT, "/e", (("User-Agent", f"robot {canary.text}"), *hints), "POST", body)


def _fields(canary: Canary, site: Site) -> Iterator[Request]:
    cookies = "; ".join(
        f"{name}={canary.text}" for name in (ID_COOKIE, "session", *(allowed.name for allowed in site.cookies))
    )
    own = site.hosts[0]
    for spell in (str, quote, lambda text: quote(quote(text))):
        for attempt, pattern in _PAGES:
            written = pattern.replace("{host}", own).replace("{}", spell(canary.text))
            yield _pixel(attempt, site, u=written, r=written)
            if spell is quote:
                yield _pixel("Referer header", site, ("Referer", written))
    page = f"https://{own}/otvet/"
    yield _pixel("cookie", site, ("Cookie", cookies), u=page)
    yield _pixel("ad block", site, u=page, a=canary.text)
    if canary.parts[0].isdecimal():
        yield _pixel("ad block", site, u=page, a=canary.parts[0])
    yield _pixel("header junk", site, ("X-Junk", canary.text), ("Authorization", f"Basic {canary.text}"), u=page)
    event = {"s": site.id, "u": page + canary.text, "r": page + canary.text, "m": "js", "n": NONCE}
    yield Request("beacon", "/e", (("Content-Type", "text/plain"),), "POST", _json([event]), events=1)
    signals = [
        {"k": "js_error", "n": name, "t": f"Error: {canary.text} is {canary.text}", "f": f"{own}:/{canary.text}.js:1"}
        for name in ("TypeError", canary.text[:60])
    ]
    report = {"s": site.id, "u": page + canary.text, "l": canary.text[:60], "t": signals}
    yield Request("measurement", "/e", (), "POST", _json(report))


def _unknown_paths(canary: Canary, site: Site) -> Iterator[Request]:
    for pattern in ("https://{}/otvet/{}", "https://{}/{}/", "https://{}/pacient/{}/analizy", "https://{}/{}.html"):
        written = pattern.format(site.hosts[0], quote(canary.text))
        yield _pixel(UNKNOWN_PATHS, site, u=written, r=written)
        yield _pixel(UNKNOWN_PATHS, site, ("Referer", written))
    if site.page_parameters:
        pairs = "&".join(f"{name}={quote(canary.text)}" for name in site.page_parameters)
        yield _pixel(UNKNOWN_PATHS, site, u=f"https://{site.hosts[0]}/otvet?{pairs}")


def _free_values(canary: Canary, site: Site, page: str) -> Iterator[Request]:
    names = [*UTM_NAMES, *(own.name for own in site.query)]
    yield _pixel(FREE_VALUES, site, u=f"{page}?" + "&".join(f"{name}={quote(canary.text)}" for name in names))
    yield _pixel(FREE_VALUES, site, u=page, v=canary.text)
    crumbs = "; ".join(f"{own.name}={canary.text}" for own in site.cookies)
    yield _pixel(FREE_VALUES, site, ("Cookie", crumbs or f"session={canary.text}"), u=page)
    said = canary.text.replace("-", " ")
    signals = [
        {
            "k": "js_error",
            "n": "TypeError",
            "t": f"patient {said} not found",
            "f": f"{site.hosts[0]}:app.{canary.text}.js:1",
        },
        {"k": "js_error", "n": canary.text.replace("-", "_"), "t": f"{{name:{said}}}", "f": ""},
    ]
    report = {"s": site.id, "u": page, "l": canary.text, "t": signals}
    yield Request(FREE_VALUES, "/e", (), "POST", _json(report))


def _refused(canaries: Sequence[Canary], site: Site) -> Iterator[Request]:
    for text in [canary.text for canary in canaries if canary.place in ("refused requests", FIELDS)]:
        said, word = quote(text, safe=""), "refused requests"
        header = ("X-Forwarded-For", text)
        yield Request(word, f"/p.gif?s={said}&u={said}", (header,))
        yield Request(word, f"/p.gif?s={site.id}&m={said}&n={said}&e={said}&c={said}", (header,))
        yield Request(word, f"/p.gif?s={site.id}&u={said}&u={said}", (header,))
        yield Request(word, f"/p.gif?s={site.id}&u={said * 800}", (header,))
        yield Request(word, f"/{said}?{said}", (header,))
        yield Request(word, f"/p.gif?s={site.id}", (header, ("X-Pixel-Replay", f"{text} 1")))
        yield Request(word, f"/p.gif?s={site.id}", (header, ("Host", text)))
        yield Request(word, f"/p.gif?s={site.id}", (header, *((f"X-{count}", text) for count in range(70))))
        yield Request(word, "/e", (header, ("Origin", f"https://{text}")), "POST", text)
        yield Request(word, "/e", (header,), "POST", _json({"s": text, "t": [{"k": text}]}))
        yield Request(word, f"/p.gif?s={said}", (header,), "DELETE")
        yield Request(word, f"/p.gif {text} BROKEN", (header,))
        crumbs = (header, ("Cookie", f"{ID_COOKIE}={text}"), ("Referer", f"https://{site.hosts[0]}/{text}"))
        for path in _OTHER_PAGES:
            yield Request("other pages", f"{path}?q={said}", crumbs)
        yield Request("other pages", "/privacy/opt-out", crumbs, "POST", f"q={said}")
