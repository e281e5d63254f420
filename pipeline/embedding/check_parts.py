"""Judges one script and one image of the tag by their attributes and by the answers of their addresses.

Owns `Remark`, the rules of each attribute and parameter, and the names of programs that rewrite a page on its way. Pure.
Sources: HTML (sections 4.8.4 and 4.12.1), the grammar of the collector's query.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args
from urllib.parse import unquote, urlsplit

from pipeline.embedding.arrival import Loaded, host_of, is_address, is_unfilled, origin_of, page_of
from pipeline.embedding.page_html import OURS, SITE, Image, Script
from pipeline.embedding.snippet import PARTS
from pipeline.event import Mode
from pipeline.scrub.redact import scrub_ad

Level = Literal["ok", "note", "problem"]
_KEEP = re.compile(r"([\w.-]+([\s,]+[\w.-]+)*)?", re.ASCII)
_HASH = re.compile(r"(?i)\b(sha256|sha384|sha512)-([A-Za-z0-9+/]+={0,2})")
AD = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_STATUS = re.compile(r"[1-5][0-9][0-9]", re.ASCII)
PARAMETERS = frozenset("surmeancv")
"""The names that the collector reads; a test compares them with its own."""
_GRAMMAR = (
    ("e", _STATUS, "a status such as 404"),
    ("m", re.compile("|".join(get_args(Mode))), f"one of {', '.join(get_args(Mode))}"),
    ("c", re.compile("[01]"), "0 or 1"),
)
# Type that a program gave the script, so that it runs it later or never -> the program, and its remedy.
_REWRITERS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"rocketlazyload"),
        "WP Rocket runs it at the first touch or key, if ever: exclude p.js from its delay",
    ),
    (
        re.compile(r"[0-9a-f]+-(text/javascript|module)|text/rocketscript"),
        'Cloudflare\'s Rocket Loader: add data-cfasync="false"',
    ),
    (re.compile(r"litespeed/javascript"), 'LiteSpeed Cache runs it late, if ever: add data-no-optimize="1"'),
    (
        re.compile(r"pmdelayedscript"),
        "Perfmatters runs it at the first touch or key, if ever: exclude p.js from its delay",
    ),
    (re.compile(r"nitropack.*"), "NitroPack runs it late, if ever: exclude p.js from its optimisations"),
    (re.compile(r"text/partytown"), "Partytown runs it in a worker, where it cannot see the page: take the type away"),
    (
        re.compile(r"text/plain|text/template|javascript/blocked|text/x-.*"),
        'a consent manager: nobody is counted before consent; load it always and use data-consent, or data-consent="wait"',
    ),
)


class Remark(NamedTuple):
    """One result of a check."""

    level: Level
    text: str


class Answer(NamedTuple):
    """The answer to one request: status, headers and body, or the reason for none; `skipped`: it was not asked."""

    status: int = 0
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""
    failed: str = ""
    skipped: str = ""

    def header(self, name: str) -> str:
        """Return a header by its name in any case, '' without one."""
        return next((value for key, value in self.headers.items() if key.lower() == name), "")

    @property
    def is_ours(self) -> bool:
        """Whether the tag may work with it: a file that is no page, the collector's GIF, or nothing known."""
        kind = self.header("content-type")
        return bool(self.skipped) or kind.startswith("image/gif") or (self.status == 200 and "html" not in kind)


def judge_script(loaded: Loaded, script: Script) -> list[Remark]:
    """Return the remarks on a script's attributes."""
    given = script.attributes
    rules: tuple[tuple[bool, Level, str], ...] = (
        (
            not SITE.fullmatch(given.get("data-site", "")),
            "problem",
            "data-site is missing or malformed: use the site's id",
        ),
        (bool(script.held), "problem", _of_held(script.held)),
        ("nomodule" in given, "problem", "nomodule: no browser of today runs it, drop the attribute"),
        (script.type == "module", "problem", "type=module: the tag is a classic script, drop the type"),
        (script.is_held_by_type, "problem", _of_type(script.type)),
        (
            given.get("data-consent", "0") not in ("0", "1", "wait"),
            "problem",
            "data-consent must be 0, 1 or wait: any other word counts as 0",
        ),
        (
            not _KEEP.fullmatch(given.get("data-keep", "")),
            "problem",
            "data-keep: names of A-Z a-z 0-9 _ . -, separated by commas or spaces; a name with another character is not kept",
        ),
        (
            not _STATUS.fullmatch(given.get("data-status", "404")),
            "problem",
            "data-status must be a status such as 404, else the collector answers 400",
        ),
        (not _is_share(given.get("data-sample", "1")), "problem", "data-sample must be a number from 0 to 1"),
        (
            not set(re.split(r"[\s,]+", given["data-technical"])) <= set(PARTS) if "data-technical" in given else False,
            "problem",
            f"data-technical must be some of {', '.join(PARTS)}",
        ),
        (bool(_hashes(script)), "problem", _of_integrity(loaded, script)),
        ("async" not in given and "defer" not in given, "note", "add async: without it the page waits for the script"),
    )
    return [Remark(level, f"script: {text}") for broken, level, text in rules if broken]


def _of_integrity(loaded: Loaded, script: Script) -> str:
    if _is_foreign(loaded, script) and "crossorigin" not in script.attributes:
        return "integrity without crossorigin: browsers refuse the script of another host now; remove integrity"
    return "integrity pins one version: every other is refused, such as the next update; remove it"


def _is_foreign(loaded: Loaded, script: Script) -> bool:
    return origin_of(loaded.address) != origin_of(script.address)


def _hashes(script: Script) -> dict[str, set[str]]:
    """Return the hashes of the strongest algorithm that `integrity` names; browsers ignore the others."""
    found: dict[str, set[str]] = {}
    for algorithm, digest in _HASH.findall(script.attributes.get("integrity", "")):
        found.setdefault(algorithm.lower(), set()).add(digest)
    return {name: found[name] for name in sorted(found)[-1:]}


def judge_script_answer(loaded: Loaded, script: Script, answer: Answer) -> list[Remark]:
    """Return the remarks on the file that a script's address gives."""
    name = script.address
    if (early := _of_no_answer(name, answer)) is not None:
        return [early]
    if answer.status != 200:
        return [Remark("problem", f"{name} answers {answer.status}: {_remedy(loaded, name)}")]
    if not OURS.search(answer.body.decode("utf-8", "replace")):
        kind = answer.header("content-type").partition(";")[0][:40] or "no type"
        return [Remark("problem", f"{name} answers {kind} that is not our script: {_remedy(loaded, name)}")]
    found = [Remark("ok", f"{name} is served, {len(answer.body):,} bytes")]
    if "javascript" not in answer.header("content-type"):
        found.append(
            Remark("problem", f"{name} is served as {answer.header('content-type')[:40]}: browsers may refuse it")
        )
    for algorithm, digests in _hashes(script).items():
        if b64encode(hashlib.new(algorithm, answer.body).digest()).decode() not in digests:
            found.append(
                Remark("problem", "script: integrity does not fit the file: browsers refuse it now; remove it")
            )
    allowed = answer.header("access-control-allow-origin")
    if (
        "crossorigin" in script.attributes
        and _is_foreign(loaded, script)
        and allowed not in ("*", origin_of(loaded.address))
    ):
        text = "crossorigin, but the file has no Access-Control-Allow-Origin: browsers refuse it; remove crossorigin"
        found.append(Remark("problem", f"script: {text}"))
    return found


def judge_image_answer(loaded: Loaded, address: str, answer: Answer) -> list[Remark]:
    """Return the remarks on the answer that an image's address gives to HEAD."""
    if (early := _of_no_answer(address, answer)) is not None:
        return [early]
    if answer.header("content-type").startswith("image/gif"):
        return [Remark("ok", f"{address} is served")]
    return [Remark("problem", f"{address} answers {answer.status}, no GIF: {_remedy(loaded, address)}")]


def _of_no_answer(address: str, answer: Answer) -> Remark | None:
    if answer.failed:
        return Remark("problem", f"{address} cannot be loaded: {answer.failed}; is the name right?")
    if answer.skipped:
        return Remark("note", f"{address} was not tried: {answer.skipped}")
    if 300 <= answer.status < 400:
        target = answer.header("location")[:200]
        return Remark("problem", f"{address} redirects to {target}, where no page view can follow: use that address")
    return None


def _remedy(loaded: Loaded, address: str) -> str:
    if host_of(address) == host_of(loaded.address):
        return "is the nginx location of `snippet` on this host, and no other location before it?"
    return "is this the collector's address?"


def _of_held(name: str) -> str:
    if name == "typographic quotes":
        return "an editor made the quotes round: paste it as HTML, with straight quotes"
    return f"its address is in {name} and not in src: an optimiser or a consent manager loads it later or never; exclude p.js"


def _of_type(given: str) -> str:
    by = next((text for pattern, text in _REWRITERS if pattern.fullmatch(given)), "")
    by = by or next(
        (text for pattern, text in _REWRITERS if pattern.match(given)), "a consent manager or an optimiser?"
    )
    return f"type={given!r} keeps the browser from running it: {by}"


def _is_share(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False


def judge_image(loaded: Loaded, image: Image) -> list[Remark]:
    """Return the remarks on an image of a page."""
    found = [*_of_query(image), *_of_loading(loaded, image), *_of_other_page(loaded, image)]
    return [Remark(level, f"image: {text}") for level, text in found]


def _of_loading(loaded: Loaded, image: Image) -> Iterator[tuple[Level, str]]:
    if image.held:
        yield (
            "problem",
            f"its address is in {image.held} and not in src: a lazy loader loads it late or never; exclude it there",
        )
    elif image.lazy and image.hidden:
        yield "problem", 'lazy and hidden: no browser ever loads it; add loading="eager", as snippet prints it'
    elif image.lazy:
        yield "problem", 'lazy: it is loaded when somebody scrolls to it; add loading="eager", as snippet prints it'
    if not image.loads:
        return
    page = page_of(loaded, image)
    if page.startswith("no"):
        yield "problem", f"the page is unknown ({page})"
    elif page.startswith("host"):
        yield (
            "problem",
            f'only the host arrives ({page}): add referrerpolicy="no-referrer-when-downgrade", or print `u`',
        )


def _of_query(image: Image) -> Iterator[tuple[Level, str]]:
    query = image.query
    if not SITE.fullmatch(query.get("s", "")):
        yield "problem", "`s` is missing or malformed: use the site's id"
    for name in ("u", "r"):
        if is_unfilled(query.get(name, "")):
            yield "problem", f"the template left {query[name][:40]} in `{name}` as it is"
        elif query.get(name) and not is_address(query[name]):
            yield "problem", f"`{name}` is no full address: expected https://host/path, percent-encoded"
    yield from _of_names(image)
    if query.get("a"):
        yield from _of_ads(query["a"])
    for name, pattern, expected in _GRAMMAR:
        if query.get(name) and not pattern.fullmatch(query[name]):
            yield "problem", f"{name}={query[name][:20]!r}: expected {expected}, else the collector answers 400"


def _of_names(image: Image) -> Iterator[tuple[Level, str]]:
    if any(is_address(image.query.get(name, "")) for name in ("u", "r")) and (lost := set(image.names) - PARAMETERS):
        yield "problem", f"`u` or `r` is not percent-encoded: {', '.join(sorted(lost))[:70]} is lost; encode `&` as %26"
    if any(name.startswith("amp;") for name in image.names):
        yield "problem", "`&` was escaped twice (&amp;amp;): the parameters after it are lost; write &amp; once"
    if twice := sorted(name for name, times in Counter(image.names).items() if times > 1 and name in PARAMETERS):
        yield "problem", f"`{', '.join(twice)}` is given twice: the collector answers 400"


def _of_ads(given: str) -> Iterator[tuple[Level, str]]:
    if not all(AD.fullmatch(name) for name in given.split(",")):
        yield (
            "problem",
            f"ad block id {given[:70]!r}: use 1 to 64 of A-Z a-z 0-9 _ . : -, else the collector answers 400",
        )
    elif any(scrub_ad(name).scrubbed for name in given.split(",")):
        yield "problem", f"ad block id {given[:70]} looks like a person's number or address: stored as `*`"


def _of_other_page(loaded: Loaded, image: Image) -> Iterator[tuple[Level, str]]:
    if not is_address(image.query.get("u", "")):
        return
    told, own = urlsplit(image.query["u"]), urlsplit(loaded.address)
    if (told.scheme, host_of(image.query["u"])) != (own.scheme, host_of(loaded.address)):
        text = f"`u` says {told.scheme}://{told.netloc[:70]}, this page is {own.scheme}://{own.netloc}"
        yield "problem", f"{text}: a proxy that the template does not know?"
    elif _plain(told.path) != _plain(own.path):
        yield "note", "`u` names another page: a copy that a cache kept?"


def _plain(path: str) -> str:
    return unquote(path).rstrip("/")
