"""Checks whether the tag works on a page, from its HTML and headers alone.

Owns the list of small checks, each of which adds remarks; a remark of level `problem` makes the command exit with 1.
Pure: the caller has loaded the page. Sources: Referrer Policy (section 3), Content Security Policy Level 3, Mixed
Content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urljoin, urlsplit

from pipeline.embedding.arrival import ORIGIN_ONLY, Loaded, host_of
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
            found.append(Remark("problem", f"site {name!r} is not in the settings: the collector answers 404"))
        elif host not in {bare_host(own) for own in (*known[name].hosts, *known[name].ad_hosts)}:
            text = f"{host} is not among the hosts of site {name}: page paths are not kept, page views of the script are refused"
            found.append(Remark("problem", text))
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
        text = f"the pasted tag is older than the settings: data-keep lacks {', '.join(missing)}, which never arrives; run snippet"
        found.append(Remark("problem", text))
    if extra := sorted(pasted - configured):
        found.append(
            Remark("note", f"data-keep names {', '.join(extra)}, which the settings do not: the collector drops it")
        )
    if site.consent == "explicit" and given.get("data-consent") == "1":
        text = "data-consent=1 is printed: right only if this visitor agreed and no cache keeps the page; else print 0 or wait"
        found.append(Remark("note", text))
    if site.consent == "explicit" and "data-consent" not in given:
        text = "the settings ask for explicit consent, and the tag has no data-consent: nobody is recognised"
        found.append(Remark("problem", text))
    return found


def _other_collector(loaded: Loaded, collector: str) -> list[Remark]:
    if not collector:
        return []
    own = {host_of(loaded.address), host_of(collector)}
    return [
        Remark(
            "note", f"the tag uses {address.partition('?')[0]}, but collector.public_url is {collector}: a wrong name?"
        )
        for address in _addresses(loaded.page)
        if host_of(address) not in own
    ]


def _presence(loaded: Loaded) -> list[Remark]:
    page = loaded.page
    said = "".join(f" {text}" for hint, text in _HINTS.items() if hint in page.hints)
    if page.images and not page.scripts and all(image.noscript for image in page.images):
        text = f"only the <noscript> image is there, and no script: nobody with JavaScript is counted.{said or _MERGED}"
        return [Remark("problem", text)]
    if page.scripts or page.images:
        return [Remark("ok", f"found {len(page.scripts)} script(s) and {len(page.images)} image(s) of the pixel")]
    return [Remark("problem", f"no tag: the HTML has neither a script /p.js nor an image /p.gif.{said}")]


_HINTS: Mapping[Hint, str] = {
    "tag manager": "The page has a tag manager: this check cannot see the tags it adds later.",
    "in a comment": "There is one in a comment.",
    "as text": "There is one as visible text: paste it as HTML, not into a text field.",
    "in noscript": "The script is inside <noscript>, where no browser runs it: paste it outside.",
    "in a template": "There is one inside <template>, which browsers do not show: paste it outside.",
    "AMP": "AMP pages run no script of ours: only an amp-pixel with `u` can count them, and this check does not read it.",
    "copied": "An optimiser copied the script into the page, where it finds neither site nor collector: exclude p.js there.",
}

_MERGED = " Did an optimiser merge it with other scripts? Exclude p.js there."


def _kind(loaded: Loaded) -> list[Remark]:
    kind = loaded.headers.get("content-type", "text/html").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        return []
    return [Remark("problem", f"the address answers {kind[:70]!r}, not an HTML page: browsers run no tag there")]


def _status(loaded: Loaded) -> list[Remark]:
    scripts = {script.attributes["data-status"] for script in loaded.page.scripts if "data-status" in script.attributes}
    images = {image.query["e"] for image in loaded.page.images if image.query.get("e") and not image.noscript}
    if loaded.status < 400:
        wrong = sorted(scripts | images)
        text = "the page answers {} but its tag reports {}: a page that exists would be counted as an error"
        return [Remark("problem", text.format(loaded.status, ", ".join(wrong)))] if wrong else []
    told = scripts | images
    if loaded.status in _WALLS and not (loaded.page.scripts or loaded.page.images):
        text = f"the page answers {loaded.status}: perhaps a firewall refuses this program and not browsers"
        return [Remark("note", text)]
    if str(loaded.status) in told:
        return [Remark("ok", f"the page answers {loaded.status} and its tag reports it")]
    said = f", but {', '.join(sorted(told))} is reported" if told else ", but the tag does not report it"
    return [Remark("problem", f'the page answers {loaded.status}{said}: give the script data-status="{loaded.status}"')]


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
        found.append(Remark("note", "the script is included twice; it counts once, but remove the duplicate"))
    if len(set(sites)) > 1:
        found.append(Remark("note", f"the page is counted for several sites: {', '.join(sorted(set(sites)))[:70]}"))
    for image in _counting_for_all(page):
        if not page.scripts:
            continue
        if image.query.get("e"):
            text = f"the error page is counted twice: remove the image with e={image.query['e']}, and give the script data-status"
        else:
            text = "script and image outside <noscript>: every page view is counted twice"
        found.append(Remark("problem", text))
    if (inside := sum(image.noscript for image in page.images)) > 1:
        found.append(
            Remark("problem", f"{inside} <noscript> images: visitors without JavaScript count as often; keep one")
        )
    if len(_counting_for_all(page)) > 1:
        found.append(Remark("problem", f"{len(_counting_for_all(page))} images: each counts the page view once more"))
    return found


def _counting_for_all(page: Page) -> list[Image]:
    return [image for image in page.images if not image.noscript and not image.query.get("a")]


def _noscript(loaded: Loaded) -> list[Remark]:
    page = loaded.page
    inside = [image for image in page.images if image.noscript]
    found = []
    if inside and page.swapped_by:
        text = f"{page.swapped_by} loads the <noscript> image although JavaScript is on: one visit more; leave the image out"
        found.append(Remark("problem", text))
    if page.scripts and not inside and not page.swapped_by:
        found.append(Remark("note", "no <noscript> image: visitors without JavaScript are not counted"))
    if any(image.query.get("m") == "noscript" for image in page.images if not image.noscript):
        text = "an image with m=noscript is outside <noscript> (removed by an editor?): it counts for everybody"
        found.append(Remark("problem", text))
    return found


def _blocked(loaded: Loaded) -> list[Remark]:
    if loaded.page.scripts or not _counting_for_all(loaded.page):
        return []
    text = "blockers with the list EasyPrivacy stop /p.gif on every host: their users are counted by the script only"
    return [Remark("note", text)]


def _mixed_content(loaded: Loaded) -> list[Remark]:
    if urlsplit(loaded.address).scheme != "https":
        return []
    plain = [address for address in _addresses(loaded.page) if urlsplit(address).scheme == "http"]
    return [Remark("problem", f"mixed content: an https page does not load {address}") for address in plain]


def _same_site(loaded: Loaded) -> list[Remark]:
    own = urlsplit(loaded.address)
    found = {}
    for address in _addresses(loaded.page):
        host = host_of(address)
        if urlsplit(address).scheme == "http" and own.hostname not in ("localhost", "127.0.0.1"):
            found[host] = f"browsers keep no id cookie of {host} over http: visitors are recognised for one day only"
        elif not same_site(host, host_of(loaded.address)):
            found[host] = (
                f"browsers do not return the id cookie to {host}: it is not the same site as {own.hostname}; use a subdomain or"
                " a path proxied by nginx, or visitors are recognised for one day only"
            )
        elif urlsplit(address).scheme != own.scheme:
            found[host] = (
                f"browsers do not return the id cookie to {host} from an http page: serve the page over https, or visitors"
                " are recognised for one day only"
            )
    return [Remark("note", text) for _, text in sorted(found.items())]


def _content_security(loaded: Loaded) -> list[Remark]:
    found = []
    for script in loaded.page.scripts:
        nonce = script.attributes.get("nonce", "")
        reach = urljoin(script.address, "e")
        for kind, address, effect in (
            ("script-src", script.address, "the script will not run"),
            ("connect-src", reach, "the script runs, but its page views are not sent"),
        ):
            permission = allows(loaded.policies, kind, address, loaded.address, nonce, added=script.added)
            if not permission.allowed:
                found.append(
                    Remark("problem", f"Content-Security-Policy {permission.directive}: {effect}; allow {address}")
                )
    if loaded.page.scripts and any(
        "allow-scripts" not in one["sandbox"] for one in loaded.policies if "sandbox" in one
    ):
        found.append(
            Remark("problem", "Content-Security-Policy sandbox: no script runs on the page; add allow-scripts")
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
        if not AD.fullmatch(name):
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
        text = "pages are counted, but the next page of the site does not learn its previous page"
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
