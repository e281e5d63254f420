"""Checks whether the tag works on a page, from its HTML and headers alone.

Owns the list of small checks, each of which adds remarks; a remark of level `problem` makes the command exit with 1.
Pure: the caller has loaded the page. Sources: Referrer Policy (section 3), Content Security Policy Level 3, Mixed
Content.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple
from urllib.parse import urljoin, urlsplit

from pipeline.embedding.arrival import ORIGIN_ONLY, Loaded, page_of
from pipeline.embedding.csp import allows
from pipeline.embedding.page_html import Page, Script
from pipeline.embedding.snippet import PARTS
from pipeline.host_names import normal_host
from pipeline.scrub.redact import scrub_ad
from pipeline.settings import Site

Level = Literal["ok", "note", "problem"]
_SITE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_KEEP = re.compile(r"([\w.-]+(,[\w.-]+)*)?")
_AD = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)


class Remark(NamedTuple):
    """One result of a check."""

    level: Level
    text: str


def check(loaded: Loaded) -> list[Remark]:
    """Return the remarks of all checks, problems first."""
    found = [remark for judge in CHECKS for remark in judge(loaded)]
    return sorted(found, key=lambda remark: ("problem", "note", "ok").index(remark.level))


def check_settings(loaded: Loaded, sites: Iterable[Site]) -> list[Remark]:
    """Return the conflicts between the tag and the collector's own settings."""
    known = {site.id: site for site in sites}
    host = normal_host(urlsplit(loaded.address).hostname or "").removeprefix("www.")
    given = [script.attributes.get("data-site", "") for script in loaded.page.scripts]
    given += [image.query.get("s", "") for image in loaded.page.images]
    found = []
    for name in dict.fromkeys(given):
        if name not in known:
            found.append(Remark("problem", f"site {name!r} is not in the settings: the collector answers 404"))
        elif host not in {normal_host(own).removeprefix("www.") for own in (*known[name].hosts, *known[name].ad_hosts)}:
            text = f"{host} is not among the hosts of site {name}: page paths are not kept, beacons are refused"
            found.append(Remark("problem", text))
    return found


def _presence(loaded: Loaded) -> list[Remark]:
    page = loaded.page
    if page.scripts or page.images:
        return [Remark("ok", f"found {len(page.scripts)} script(s) and {len(page.images)} image(s) of the pixel")]
    hint = " The page has a tag manager: this check cannot see the tags it adds later." if page.tag_manager else ""
    return [Remark("problem", f"no tag: the HTML has neither a script /p.js nor an image /p.gif.{hint}")]


def _kind(loaded: Loaded) -> list[Remark]:
    kind = loaded.headers.get("content-type", "text/html").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        return []
    return [Remark("problem", f"the address answers {kind[:70]!r}, not an HTML page: browsers run no tag there")]


def _status(loaded: Loaded) -> list[Remark]:
    if loaded.status < 400:
        return []
    told = {image.query.get("e", "") for image in loaded.page.images}
    if str(loaded.status) in told:
        return [Remark("ok", f"the page answers {loaded.status} and its image reports it")]
    return [Remark("problem", f"the page answers {loaded.status}, but no image with e={loaded.status} reports it")]


def _script_attributes(loaded: Loaded) -> list[Remark]:
    return [remark for script in loaded.page.scripts for remark in _attributes_of(script)]


def _attributes_of(script: Script) -> list[Remark]:
    given = script.attributes
    rules: tuple[tuple[bool, Level, str], ...] = (
        (
            not _SITE.fullmatch(given.get("data-site", "")),
            "problem",
            "data-site is missing or malformed: use the site's id",
        ),
        (
            given.get("type", "").lower() == "module",
            "problem",
            "type=module: the tag is a classic script, drop the type",
        ),
        (
            given.get("type", "").lower() not in ("", "module", "text/javascript", "application/javascript"),
            "problem",
            f"type={given.get('type')!r} keeps the browser from running the script (set by a consent manager?)",
        ),
        (
            given.get("data-consent", "0") not in ("0", "1"),
            "problem",
            "data-consent must be 0 or 1, else no hit is stored",
        ),
        (
            not _KEEP.fullmatch(given.get("data-keep", "")),
            "problem",
            "data-keep: names of letters, digits, _ . -, separated by commas without spaces, else hits may be refused",
        ),
        (not _is_share(given.get("data-sample", "1")), "problem", "data-sample must be a number from 0 to 1"),
        (
            not set(re.split(r"[\s,]+", given["data-technical"])) <= set(PARTS) if "data-technical" in given else False,
            "problem",
            f"data-technical must be some of {', '.join(PARTS)}",
        ),
        ("async" not in given and "defer" not in given, "note", "add async: without it the page waits for the script"),
        ("integrity" in given, "problem", "integrity pins one version: the next update would be refused"),
    )
    return [Remark(level, f"script: {text}") for broken, level, text in rules if broken]


def _is_share(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False


def _twice(loaded: Loaded) -> list[Remark]:
    page = loaded.page
    found = []
    if len(page.scripts) > 1:
        found.append(Remark("note", "the script is included twice; it counts once, but remove the duplicate"))
    if page.scripts and any(not image.noscript and not image.query.get("a") for image in page.images):
        found.append(Remark("problem", "script and image outside <noscript>: every page view is counted twice"))
    if page.scripts and not any(image.noscript for image in page.images):
        found.append(Remark("note", "no <noscript> image: visitors without JavaScript are not counted"))
    return found


def _images(loaded: Loaded) -> list[Remark]:
    found = []
    for image in loaded.page.images:
        if not _SITE.fullmatch(image.query.get("s", "")):
            found.append(Remark("problem", "image: `s` is missing or malformed: use the site's id"))
        if page_of(loaded, image).startswith("no"):
            found.append(Remark("problem", f"image: the page is unknown ({page_of(loaded, image)})"))
    return found


def _mixed_content(loaded: Loaded) -> list[Remark]:
    if urlsplit(loaded.address).scheme != "https":
        return []
    plain = [address for address in _addresses(loaded.page) if urlsplit(address).scheme == "http"]
    return [Remark("problem", f"mixed content: an https page does not load {address}") for address in plain]


def _same_site(loaded: Loaded) -> list[Remark]:
    own = urlsplit(loaded.address).hostname or ""
    foreign = {urlsplit(address).hostname or "" for address in _addresses(loaded.page)} - {own}
    return [
        Remark(
            "note",
            f"browsers do not return the id cookie to {host}: it is not the same site as {own}; use a subdomain or a path"
            " proxied by nginx, or visitors are recognised for one day only",
        )
        for host in sorted(foreign)
        if host.split(".")[-2:] != own.split(".")[-2:]
    ]


def _content_security(loaded: Loaded) -> list[Remark]:
    found = []
    for script in loaded.page.scripts:
        nonce = script.attributes.get("nonce", "")
        reach = urljoin(script.address, "e")
        for kind, address, effect in (
            ("script-src", script.address, "the script will not run"),
            ("connect-src", reach, "the script runs, but its beacon is not sent"),
        ):
            permission = allows(loaded.policies, kind, address, loaded.address, nonce)
            if not permission.allowed:
                found.append(
                    Remark("problem", f"Content-Security-Policy {permission.directive}: {effect}; allow {address}")
                )
    for image in loaded.page.images:
        permission = allows(loaded.policies, "img-src", image.address, loaded.address)
        if not permission.allowed:
            origin = image.address.partition("?")[0]
            found.append(Remark("problem", f"Content-Security-Policy {permission.directive}: no image; allow {origin}"))
    return found


def _ads(loaded: Loaded) -> list[Remark]:
    found = []
    for name, times in Counter(loaded.page.ads).items():
        if not _AD.fullmatch(name):
            found.append(Remark("problem", f"ad block id {name[:70]!r}: use 1 to 64 of A-Z a-z 0-9 _ . : -"))
        elif scrub_ad(name).scrubbed:
            found.append(
                Remark("problem", f"ad block id {name} looks like a person's number or address: stored as `*`")
            )
        elif times > 1:
            found.append(Remark("note", f"ad block id {name} is used {times} times: it counts once a page view"))
    if loaded.page.ads and not loaded.page.scripts:
        found.append(Remark("problem", "data-pixel-ad needs the script; without it use an image with `a`"))
    return found


def _previous_page(loaded: Loaded) -> list[Remark]:
    if loaded.referrer_policy in ("no-referrer", "origin", "strict-origin"):
        text = "the next page of the site does not learn its previous page"
        return [Remark("note", f"Referrer-Policy {loaded.referrer_policy}: {text}")]
    if loaded.referrer_policy in ("same-origin", *ORIGIN_ONLY):
        return []
    return [
        Remark(
            "note",
            f"Referrer-Policy {loaded.referrer_policy}: this page sends its full address to other hosts that it links to",
        )
    ]


CHECKS: tuple[Callable[[Loaded], list[Remark]], ...] = (
    _presence,
    _kind,
    _status,
    _script_attributes,
    _twice,
    _images,
    _mixed_content,
    _same_site,
    _content_security,
    _ads,
    _previous_page,
)


def _addresses(page: Page) -> list[str]:
    return list(dict.fromkeys([script.address for script in page.scripts] + [image.address for image in page.images]))
