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

from pipeline.embedding.arrival import Loaded, host_of, is_address, is_unfilled, origin_of, page_of, said
from pipeline.embedding.page_html import OURS, SITE, Image, Script
from pipeline.embedding.snippet import PARTS
from pipeline.event import Mode
from pipeline.scrub.redact import scrub_ad
from pipeline.told import Told

Level = Literal["ok", "note", "problem"]
_KEEP = re.compile(r"([\w.-]+([\s,]+[\w.-]+)*)?", re.ASCII)
_HASH = re.compile(r"(?i)\b(sha256|sha384|sha512)-([A-Za-z0-9+/]+={0,2})")
AD = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_STATUS = re.compile(r"[1-5][0-9][0-9]", re.ASCII)
PARAMETERS = frozenset("surmeancv")
"""The names that the collector reads; a test compares them with its own."""
_GRAMMAR = (
    ("e", _STATUS, said("a_status")),
    ("m", re.compile("|".join(get_args(Mode))), said("one_of", names=", ".join(get_args(Mode)))),
    ("c", re.compile("[01]"), said("zero_or_one")),
)
# Type that a program gave the script, so that it runs it later or never -> the words for the program and its remedy.
_REWRITERS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"rocketlazyload"), "by_rocket"),
    (re.compile(r"[0-9a-f]+-(text/javascript|module)|text/rocketscript"), "by_cloudflare"),
    (re.compile(r"litespeed/javascript"), "by_litespeed"),
    (re.compile(r"pmdelayedscript"), "by_perfmatters"),
    (re.compile(r"nitropack.*"), "by_nitropack"),
    (re.compile(r"text/partytown"), "by_partytown"),
    (re.compile(r"text/plain|text/template|javascript/blocked|text/x-.*"), "by_consent"),
)


class Remark(NamedTuple):
    """One result of a check."""

    level: Level
    text: str

    @classmethod
    def of(cls, level: Level, key: str, **values: object) -> Remark:
        """Return a result with a sentence of `check-tag`."""
        return cls(level, said(key, **values))


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
    is_misspelled = "data-technical" in given and not set(re.split(r"[\s,]+", given["data-technical"])) <= set(PARTS)
    rules: tuple[tuple[bool, Level, Told], ...] = (
        (not SITE.fullmatch(given.get("data-site", "")), "problem", said("script_site")),
        (bool(script.held), "problem", _of_held(script.held)),
        ("nomodule" in given, "problem", said("script_nomodule")),
        (script.type == "module", "problem", said("script_module")),
        (script.is_held_by_type, "problem", _of_type(script.type)),
        (given.get("data-consent", "0") not in ("0", "1", "wait"), "problem", said("script_consent")),
        (not _KEEP.fullmatch(given.get("data-keep", "")), "problem", said("script_keep")),
        (not _STATUS.fullmatch(given.get("data-status", "404")), "problem", said("script_status")),
        (not _is_share(given.get("data-sample", "1")), "problem", said("script_sample")),
        (is_misspelled, "problem", said("script_technical", parts=", ".join(PARTS))),
        (bool(_hashes(script)), "problem", _of_integrity(loaded, script)),
        ("async" not in given and "defer" not in given, "note", said("script_async")),
    )
    return [Remark.of(level, "of_script", text=text) for broken, level, text in rules if broken]


def _of_integrity(loaded: Loaded, script: Script) -> Told:
    is_refused = _is_foreign(loaded, script) and "crossorigin" not in script.attributes
    return said("integrity_foreign" if is_refused else "integrity_pins")


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
        return [Remark.of("problem", "file_status", name=name, status=answer.status, remedy=_remedy(loaded, name))]
    if not OURS.search(answer.body.decode("utf-8", "replace")):
        kind = answer.header("content-type").partition(";")[0][:40] or said("no_type")
        return [Remark.of("problem", "file_not_ours", name=name, kind=kind, remedy=_remedy(loaded, name))]
    found = [Remark.of("ok", "script_served", name=name, size=len(answer.body))]
    if "javascript" not in answer.header("content-type"):
        found.append(Remark.of("problem", "script_type", name=name, kind=answer.header("content-type")[:40]))
    for algorithm, digests in _hashes(script).items():
        if b64encode(hashlib.new(algorithm, answer.body).digest()).decode() not in digests:
            found.append(Remark.of("problem", "of_script", text=said("integrity_differs")))
    allowed = answer.header("access-control-allow-origin")
    if (
        "crossorigin" in script.attributes
        and _is_foreign(loaded, script)
        and allowed not in ("*", origin_of(loaded.address))
    ):
        found.append(Remark.of("problem", "of_script", text=said("crossorigin_refused")))
    return found


def judge_image_answer(loaded: Loaded, address: str, answer: Answer) -> list[Remark]:
    """Return the remarks on the answer that an image's address gives to HEAD."""
    if (early := _of_no_answer(address, answer)) is not None:
        return [early]
    if answer.header("content-type").startswith("image/gif"):
        return [Remark.of("ok", "image_served", address=address)]
    remedy = _remedy(loaded, address)
    return [Remark.of("problem", "image_not_ours", address=address, status=answer.status, remedy=remedy)]


def _of_no_answer(address: str, answer: Answer) -> Remark | None:
    if answer.failed:
        return Remark.of("problem", "file_failed", address=address, reason=answer.failed)
    if answer.skipped:
        return Remark.of("note", "file_skipped", address=address, reason=answer.skipped)
    if 300 <= answer.status < 400:
        return Remark.of("problem", "file_redirects", address=address, target=answer.header("location")[:200])
    return None


def _remedy(loaded: Loaded, address: str) -> Told:
    return said("remedy_nginx" if host_of(address) == host_of(loaded.address) else "remedy_address")


def _of_held(name: str) -> Told:
    return said("held_quotes") if name == "typographic quotes" else said("held_script", name=name)


def _of_type(given: str) -> Told:
    by = next((words for pattern, words in _REWRITERS if pattern.fullmatch(given)), "")
    by = by or next((words for pattern, words in _REWRITERS if pattern.match(given)), "by_somebody")
    return said("held_by_type", given=given, by=said(by))


def _is_share(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False


def judge_image(loaded: Loaded, image: Image) -> list[Remark]:
    """Return the remarks on an image of a page."""
    found = [*_of_query(image), *_of_loading(loaded, image), *_of_other_page(loaded, image)]
    return [Remark.of(level, "of_image", text=text) for level, text in found]


def _of_loading(loaded: Loaded, image: Image) -> Iterator[tuple[Level, Told]]:
    if image.held:
        yield "problem", said("image_held", name=image.held)
    elif image.lazy and image.hidden:
        yield "problem", said("image_lazy_hidden")
    elif image.lazy:
        yield "problem", said("image_lazy")
    if not image.loads:
        return
    page = page_of(loaded, image)
    if page.startswith("no"):
        yield "problem", said("image_page_unknown", page=page)
    elif page.startswith("host"):
        yield "problem", said("image_page_host", page=page)


def _of_query(image: Image) -> Iterator[tuple[Level, Told]]:
    query = image.query
    if not SITE.fullmatch(query.get("s", "")):
        yield "problem", said("image_site")
    for name in ("u", "r"):
        if is_unfilled(query.get(name, "")):
            yield "problem", said("image_unfilled", given=query[name][:40], name=name)
        elif query.get(name) and not is_address(query[name]):
            yield "problem", said("image_no_address", name=name)
    yield from _of_names(image)
    if query.get("a"):
        yield from _of_ads(query["a"])
    for name, pattern, expected in _GRAMMAR:
        if query.get(name) and not pattern.fullmatch(query[name]):
            yield "problem", said("grammar", name=name, given=query[name][:20], expected=expected)


def _of_names(image: Image) -> Iterator[tuple[Level, Told]]:
    if any(is_address(image.query.get(name, "")) for name in ("u", "r")) and (lost := set(image.names) - PARAMETERS):
        yield "problem", said("not_encoded", lost=", ".join(sorted(lost))[:70])
    if any(name.startswith("amp;") for name in image.names):
        yield "problem", said("escaped_twice")
    if twice := sorted(name for name, times in Counter(image.names).items() if times > 1 and name in PARAMETERS):
        yield "problem", said("given_twice", names=", ".join(twice))


def _of_ads(given: str) -> Iterator[tuple[Level, Told]]:
    if not all(AD.fullmatch(name) for name in given.split(",")):
        yield "problem", said("image_ad", given=given[:70])
    elif any(scrub_ad(name).scrubbed for name in given.split(",")):
        yield "problem", said("ad_personal", given=given[:70])


def _of_other_page(loaded: Loaded, image: Image) -> Iterator[tuple[Level, Told]]:
    if not is_address(image.query.get("u", "")):
        return
    told, own = urlsplit(image.query["u"]), urlsplit(loaded.address)
    if (told.scheme, host_of(image.query["u"])) != (own.scheme, host_of(loaded.address)):
        text = f"{told.scheme}://{told.netloc[:70]}"
        yield "problem", said("other_host", told=text, own=f"{own.scheme}://{own.netloc}")
    elif _plain(told.path) != _plain(own.path):
        yield "note", said("other_page")


def _plain(path: str) -> str:
    return unquote(path).rstrip("/")
