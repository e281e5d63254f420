"""Reads the tag's parts of a page's HTML: our scripts, images and ad blocks, policies in `<meta>`.

Owns the reading only; `pipeline.embedding.check_tag` judges. A part that an optimiser, a lazy loader or a consent manager
rewrote is found too, with the attribute that now holds its address. Pure; any text is read without an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Literal
from urllib.parse import parse_qsl, urljoin, urlsplit

SITE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_CURLY = "“”„«»″‘’"
# The MIME types of scripts (WHATWG MIME Sniffing, section 4.6).
_SCRIPT_TYPE = re.compile(r"|(text|application)/(x-)?(java|ecma)script|text/(javascript1\.[0-5]|jscript|livescript)")
_MODES = ("img", "noscript", "server")
# The loader for tag managers, and what others write in its place.
_ADDED = re.compile(r"""["']([^"'\s]*/p\.js)["']""")
_SET = re.compile(r"""setAttribute\(\s*["']([\w-]+)["']\s*,\s*["']([^"']*)["']""")
# Of our script, whatever version: the name of its mark.
OURS = re.compile(r"""["']px-["']\s*\+""")
_TURBO = re.compile(r"hotwired|/turbo(links)?[^/]*\.m?js|\bturbolinks\b")

_SITE_IN_CODE = re.compile(r"""data-site=\\?["']?([\w-]+)""")

Hint = Literal["tag manager", "in a comment", "as text", "copied", "in noscript", "in a template", "AMP"]


@dataclass(slots=True)
class Image:
    """One `<img>` of the pixel; `noscript`: it is inside a `<noscript>`; `names`: of its parameters, in their order."""

    address: str
    query: Mapping[str, str]
    names: tuple[str, ...]
    attributes: Mapping[str, str]
    noscript: bool
    held: str = ""
    """The attribute that has the address in place of src."""

    @property
    def referrerpolicy(self) -> str:
        """The image's own policy in small letters."""
        return self.attributes.get("referrerpolicy", "").lower()

    @property
    def lazy(self) -> bool:
        """Whether the browser loads it only near the window."""
        return self.attributes.get("loading", "").strip().lower() == "lazy"

    @property
    def hidden(self) -> bool:
        """Whether the image itself takes no place on the page."""
        return "hidden" in self.attributes or "display:none" in re.sub(
            r"\s", "", self.attributes.get("style", "").lower()
        )

    @property
    def loads(self) -> bool:
        """Whether a browser loads it: a lazy image without a place on the page is never near the window."""
        return not self.held and not (self.lazy and self.hidden)


@dataclass(slots=True)
class Script:
    """One script of ours; `attributes` as in the HTML, names in small letters."""

    address: str
    attributes: Mapping[str, str]
    held: str = ""
    """The attribute that has the address in place of src."""
    added: bool = False
    """Whether a script in the page adds it."""

    @property
    def type(self) -> str:
        """Its type in small letters."""
        return self.attributes.get("type", "").strip().lower()

    @property
    def is_held_by_type(self) -> bool:
        """Whether its type is none of a script, and none of a module."""
        return self.type != "module" and not _SCRIPT_TYPE.fullmatch(self.type)

    @property
    def runs(self) -> bool:
        """Whether a browser runs it."""
        return not self.held and "nomodule" not in self.attributes and bool(_SCRIPT_TYPE.fullmatch(self.type))


@dataclass(slots=True)
class Page:
    """The tag's parts of one page."""

    scripts: list[Script] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    ads: list[str] = field(default_factory=list)
    csp: list[str] = field(default_factory=list)
    referrer_policy: str = ""
    hints: set[Hint] = field(default_factory=set)
    swapped_by: str = ""
    """The program that puts other pages into this one: `Turbo` or `htmx`."""


def read_page_html(html: str, address: str) -> Page:
    """Return the tag's parts of a page; relative addresses are resolved against `address`."""
    reader = _Reader(address)
    reader.feed(html)
    reader.close()
    return reader.page


class _Reader(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self._base = address
        self._inside = ""
        self._inert = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in reversed(attrs)}  # of a repeated one the first counts
        self._inside = tag
        if self._inert not in ("", "noscript"):
            self._without_effect(tag, given)
            return
        self._marks(given)
        match tag:
            case "noscript" | "template" | "textarea" | "title" | "xmp" | "noembed" | "noframes":
                self._inert = tag
            case "base":
                self._base = _resolve(self._base, given.get("href", "")) or self._base
            case "script":
                self._script(given)
            case "img":
                self._image(given)
            case "iframe" if "googletagmanager.com" in given.get("src", ""):
                self.page.hints.add("tag manager")
            case "amp-pixel":
                self.page.hints.add("AMP")
            case "meta":
                self._meta(given)

    def _marks(self, given: dict[str, str]) -> None:
        if "data-pixel-ad" in given:
            self.page.ads.append(given["data-pixel-ad"])
        if "data-turbo-track" in given or "data-turbolinks-track" in given:
            self.page.swapped_by = "Turbo"
        if given.get("hx-boost", given.get("data-hx-boost")) == "true":
            self.page.swapped_by = "htmx"

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""
        if tag == self._inert:
            self._inert = ""

    def _without_effect(self, tag: str, given: dict[str, str]) -> None:
        if tag in ("script", "img") and any("/p.js" in value or "/p.gif?" in value for value in given.values()):
            self.page.hints.add("in a template" if self._inert == "template" else "as text")

    def handle_comment(self, data: str) -> None:
        if "/p.js" in data or "/p.gif?" in data:
            self.page.hints.add("in a comment")

    def handle_data(self, data: str) -> None:
        # A tag manager's loader: tags it adds later are not in the HTML.
        if "googletagmanager.com/gtm.js" in data or "mc.yandex.ru/metrika" in data:
            self.page.hints.add("tag manager")
        if self._inside == "script":
            self._code(data)
        elif "<script" in data and "/p.js" in data:
            self.page.hints.add("as text")

    def _code(self, text: str) -> None:
        if OURS.search(text):
            self.page.hints.add("copied")
        elif (found := _ADDED.search(text)) and (address := _resolve(self._base, found[1])):
            given = dict(_SET.findall(text))
            if site := _SITE_IN_CODE.search(text):
                given.setdefault("data-site", site[1])
            self.page.scripts.append(Script(address, {"async": ""} | given, added=True))
        if _TURBO.search(text):
            self.page.swapped_by = "Turbo"

    def _script(self, given: dict[str, str]) -> None:
        for name, address in self._addresses(given):
            if urlsplit(address).path.endswith("/p.js") or SITE.fullmatch(given.get("data-site", "")):
                if self._inert:
                    self.page.hints.add("in noscript")
                elif address.startswith(("data:", "blob:")):
                    self.page.hints.add("copied")
                else:
                    self.page.scripts.append(Script(address, given, name))
                break
        source = given.get("src", "")
        if "googletagmanager.com" in source:
            self.page.hints.add("tag manager")
        if _TURBO.search(source):
            self.page.swapped_by = "Turbo"

    def _image(self, given: dict[str, str]) -> None:
        for name, address in self._addresses(given):
            parts = urlsplit(address)
            pairs = parse_qsl(parts.query, keep_blank_values=True)
            query = dict(reversed(pairs))
            if parts.path.endswith("/p.gif") or ("s" in query and query.get("m") in _MODES):
                names = tuple(name for name, _ in pairs)
                self.page.images.append(Image(address, query, names, given, bool(self._inert), name))
                break

    def _addresses(self, given: dict[str, str]) -> Iterator[tuple[str, str]]:
        # Optimisers, lazy loaders and consent managers move the address to data-src, data-rocket-src and the like.
        names = [name for name in given if "src" in name and "srcset" not in name]
        for name in sorted(names, key=lambda name: name != "src"):
            plain = given[name].strip().strip(_CURLY)
            if address := _resolve(self._base, plain):
                yield _held(name, is_plain=plain == given[name].strip()), address

    def _meta(self, given: dict[str, str]) -> None:
        if given.get("http-equiv", "").lower() == "content-security-policy":
            self.page.csp.append(given.get("content", ""))
        if given.get("name", "").lower() == "referrer":
            self.page.referrer_policy = given.get("content", "").lower().strip()


def _held(name: str, *, is_plain: bool) -> str:
    if not is_plain:
        return "typographic quotes"
    return "" if name == "src" else name


def _resolve(base: str, address: str) -> str:
    try:
        resolved = urljoin(base, address.strip()) if address else ""
        return resolved if urlsplit(resolved).port != 0 else ""
    except ValueError:  # no host, no port: a browser would not load it either
        return ""
