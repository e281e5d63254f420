"""Checks whether the tag works on a page, from its HTML and headers alone.

Owns the list of small checks, each of which adds remarks; a remark of level `problem` makes the command exit with 1.
Pure: the caller has loaded the page. Sources: Referrer Policy (section 3), Content Security Policy Level 3, Mixed
Content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from urllib.parse import urljoin, urlsplit

from pipeline.embedding.arrival import ORIGIN_ONLY, Loaded, host_of, said
from pipeline.embedding.check_parts import (
    AD,
    Answer,
    Remark,
    judge_image,
    judge_image_answer,
    judge_script,
    judge_script_answer,
)
from pipeline.embedding.csp import allows
from pipeline.embedding.page_html import Hint, Image, Page, Script
from pipeline.host_names import bare_host, same_site
from pipeline.scrub.redact import scrub_ad
from pipeline.settings.site import Site
from pipeline.told import Told


def check(loaded: Loaded) -> list[Remark]:
    """Return the remarks of all checks of the page itself."""
    return [remark for judge in CHECKS for remark in judge(loaded)]


def in_order(found: Iterable[Remark]) -> list[Remark]:
    """Return each remark once, problems first."""
    return sorted(dict.fromkeys(found), key=lambda remark: ("problem", "note", "ok").index(remark.level))


def check_settings(loaded: Loaded, sites: Iterable[Site], collector: str = "") -> list[Remark]:
    """Return the conflicts between the tag and the collector's own settings; `collector` is its address for browsers."""
    known = {site.id: site for site in sites}
    host = bare_host(host_of(loaded.address))
    given = [script.attributes.get("data-site", "") for script in loaded.page.scripts]
    given += [image.query.get("s", "") for image in loaded.page.images]
    found = [remark for script in loaded.page.scripts for remark in _stale(script, known)]
    found += _other_collector(loaded, collector)
    for name in dict.fromkeys(given):
        if name not in known:
            found.append(Remark.of("problem", "site_unknown", site=name))
        elif host not in {bare_host(own) for own in (*known[name].hosts, *known[name].ad_hosts)}:
            found.append(Remark.of("problem", "host_unknown", host=host, site=name))
    return found


def check_answers(loaded: Loaded, answers: Mapping[str, Answer]) -> list[Remark]:
    """Return the remarks on the files of the tag, as they were answered."""
    found = []
    for script in loaded.page.scripts:
        if script.address in answers:
            found += judge_script_answer(loaded, script, answers[script.address])
    for address in files_of(loaded)[1]:
        if address in answers:
            found += judge_image_answer(loaded, address, answers[address])
    return list(dict.fromkeys(found))


def files_of(loaded: Loaded) -> tuple[list[str], list[str]]:
    """Return the addresses of the tag's scripts, and of its images without their query."""
    scripts = [script.address for script in loaded.page.scripts]
    return scripts, list(dict.fromkeys(image.address.partition("?")[0] for image in loaded.page.images))


def _stale(script: Script, known: Mapping[str, Site]) -> list[Remark]:
    site, given = known.get(script.attributes.get("data-site", "")), script.attributes
    if site is None:
        return []
    found = []
    pasted, configured = set(given.get("data-keep", "").replace(",", " ").split()), set(site.kept_parameters)
    if missing := sorted(configured - pasted):
        found.append(Remark.of("problem", "keep_lacks", names=", ".join(missing)))
    if extra := sorted(pasted - configured):
        found.append(Remark.of("note", "keep_extra", names=", ".join(extra)))
    if site.consent == "explicit" and given.get("data-consent") == "1":
        found.append(Remark.of("note", "consent_printed"))
    if site.consent == "explicit" and "data-consent" not in given:
        found.append(Remark.of("problem", "consent_missing"))
    return found


def _other_collector(loaded: Loaded, collector: str) -> list[Remark]:
    if not collector:
        return []
    own = {host_of(loaded.address), host_of(collector)}
    return [
        Remark.of("note", "other_collector", address=address.partition("?")[0], collector=collector)
        for address in _addresses(loaded.page)
        if host_of(address) not in own
    ]


def _presence(loaded: Loaded) -> list[Remark]:
    page = loaded.page
    seen = [said(words) for hint, words in _HINTS.items() if hint in page.hints]
    hints = reduce(lambda first, second: said("hints", first=first, second=second), seen) if seen else ""
    if page.images and not page.scripts and all(image.noscript for image in page.images):
        return [Remark.of("problem", "only_noscript", hints=hints or said("hint_merged"))]
    if page.scripts or page.images:
        return [Remark.of("ok", "found", scripts=len(page.scripts), images=len(page.images))]
    return [Remark.of("problem", "no_tag", hints=hints)]


_HINTS: Mapping[Hint, str] = {
    "tag manager": "hint_tag_manager",
    "in a comment": "hint_in_a_comment",
    "as text": "hint_as_text",
    "in noscript": "hint_in_noscript",
    "in a template": "hint_in_a_template",
    "AMP": "hint_amp",
    "copied": "hint_copied",
}


def _kind(loaded: Loaded) -> list[Remark]:
    kind = loaded.headers.get("content-type", "text/html").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        return []
    return [Remark.of("problem", "not_html", kind=kind[:70])]


def _status(loaded: Loaded) -> list[Remark]:
    scripts = {script.attributes["data-status"] for script in loaded.page.scripts if "data-status" in script.attributes}
    images = {image.query["e"] for image in loaded.page.images if image.query.get("e") and not image.noscript}
    told, status = sorted(scripts | images), loaded.status
    if status < 400:
        return [Remark.of("problem", "error_on_good_page", status=status, told=", ".join(told))] if told else []
    if status in _WALLS and not (loaded.page.scripts or loaded.page.images):
        return [Remark.of("note", "wall", status=status)]
    if str(status) in told:
        return [Remark.of("ok", "error_reported", status=status)]
    if told:
        return [Remark.of("problem", "error_reported_wrong", status=status, told=", ".join(told))]
    return [Remark.of("problem", "error_not_reported", status=status)]


_WALLS = (401, 403, 429, 503)


def _parts(loaded: Loaded) -> list[Remark]:
    page = loaded.page
    found = [remark for script in page.scripts for remark in judge_script(loaded, script)]
    return found + [remark for image in page.images for remark in judge_image(loaded, image)]


def _twice(loaded: Loaded) -> list[Remark]:
    page = loaded.page
    found = []
    sites = [script.attributes.get("data-site", "") for script in page.scripts]
    if len(sites) > len(set(sites)):
        found.append(Remark.of("note", "script_twice"))
    if len(set(sites)) > 1:
        found.append(Remark.of("note", "several_sites", sites=", ".join(sorted(set(sites)))[:70]))
    for image in _counting_for_all(page):
        if not page.scripts:
            continue
        if image.query.get("e"):
            found.append(Remark.of("problem", "error_page_twice", status=image.query["e"]))
        else:
            found.append(Remark.of("problem", "view_twice"))
    if (inside := sum(image.noscript for image in page.images)) > 1:
        found.append(Remark.of("problem", "noscript_images", n=inside))
    if len(_counting_for_all(page)) > 1:
        found.append(Remark.of("problem", "images", n=len(_counting_for_all(page))))
    return found


def _counting_for_all(page: Page) -> list[Image]:
    return [image for image in page.images if not image.noscript and not image.query.get("a")]


def _noscript(loaded: Loaded) -> list[Remark]:
    page = loaded.page
    inside = [image for image in page.images if image.noscript]
    found = []
    if inside and page.swapped_by:
        found.append(Remark.of("problem", "noscript_loaded", by=page.swapped_by))
    if page.scripts and not inside and not page.swapped_by:
        found.append(Remark.of("note", "no_noscript"))
    if any(image.query.get("m") == "noscript" for image in page.images if not image.noscript):
        found.append(Remark.of("problem", "noscript_outside"))
    return found


def _blocked(loaded: Loaded) -> list[Remark]:
    if loaded.page.scripts or not _counting_for_all(loaded.page):
        return []
    return [Remark.of("note", "blockers")]


def _mixed_content(loaded: Loaded) -> list[Remark]:
    if urlsplit(loaded.address).scheme != "https":
        return []
    plain = [address for address in _addresses(loaded.page) if urlsplit(address).scheme == "http"]
    return [Remark.of("problem", "mixed_content", address=address) for address in plain]


def _same_site(loaded: Loaded) -> list[Remark]:
    own = urlsplit(loaded.address)
    found: dict[str, Told] = {}
    for address in _addresses(loaded.page):
        host = host_of(address)
        if urlsplit(address).scheme == "http" and own.hostname not in ("localhost", "127.0.0.1"):
            found[host] = said("cookie_over_http", host=host)
        elif not same_site(host, host_of(loaded.address)):
            found[host] = said("cookie_foreign", host=host, own=own.hostname)
        elif urlsplit(address).scheme != own.scheme:
            found[host] = said("cookie_http_page", host=host)
    return [Remark("note", text) for _, text in sorted(found.items())]


def _content_security(loaded: Loaded) -> list[Remark]:
    found = []
    for script in loaded.page.scripts:
        nonce = script.attributes.get("nonce", "")
        reach = urljoin(script.address, "e")
        for kind, address, words in (
            ("script-src", script.address, "csp_script"),
            ("connect-src", reach, "csp_connect"),
        ):
            permission = allows(loaded.policies, kind, address, loaded.address, nonce, added=script.added)
            if not permission.allowed:
                found.append(Remark.of("problem", words, directive=permission.directive, address=address))
    if loaded.page.scripts and any(
        "allow-scripts" not in one["sandbox"] for one in loaded.policies if "sandbox" in one
    ):
        found.append(Remark.of("problem", "csp_sandbox"))
    for image in loaded.page.images:
        permission = allows(loaded.policies, "img-src", image.address, loaded.address)
        if not permission.allowed:
            origin = image.address.partition("?")[0]
            found.append(Remark.of("problem", "csp_image", directive=permission.directive, origin=origin))
    return found


def _ads(loaded: Loaded) -> list[Remark]:
    found = []
    for name, times in Counter(loaded.page.ads).items():
        if not AD.fullmatch(name):
            found.append(Remark.of("problem", "ad_malformed", given=name[:70]))
        elif scrub_ad(name).scrubbed:
            found.append(Remark.of("problem", "ad_personal", given=name))
        elif times > 1:
            found.append(Remark.of("note", "ad_repeated", given=name, times=times))
    if loaded.page.ads and not loaded.page.scripts:
        found.append(Remark.of("problem", "ad_without_script"))
    return found


def _previous_page(loaded: Loaded) -> list[Remark]:
    if loaded.referrer_policy in ("no-referrer", "origin", "strict-origin"):
        return [Remark.of("note", "referrer_lost", policy=loaded.referrer_policy)]
    if loaded.referrer_policy in ("same-origin", *ORIGIN_ONLY):
        return []
    return [Remark.of("note", "referrer_full", policy=loaded.referrer_policy)]


CHECKS: tuple[Callable[[Loaded], list[Remark]], ...] = (
    _presence,
    _kind,
    _status,
    _parts,
    _twice,
    _noscript,
    _blocked,
    _mixed_content,
    _same_site,
    _content_security,
    _ads,
    _previous_page,
)


def _addresses(page: Page) -> list[str]:
    return list(dict.fromkeys([script.address for script in page.scripts] + [image.address for image in page.images]))
