"""Reads the tag's parts of a page's HTML: our scripts, images and ad blocks, policies in `<meta>`.

Owns the reading only; `pipeline.embedding.check_tag` judges. Pure; any text is read without an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit


@dataclass(slots=True)
class Image:
    """One `<img>` whose address ends in /p.gif; `noscript`: it is inside a `<noscript>`."""

    address: str
    query: dict[str, str]
    referrerpolicy: str
    noscript: bool


@dataclass(slots=True)
class Script:
    """One `<script>` whose address ends in /p.js; `attributes` as in the HTML, names in small letters."""

    address: str
    attributes: dict[str, str]


@dataclass(slots=True)
class Page:
    """The tag's parts of one page."""

    scripts: list[Script] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    ads: list[str] = field(default_factory=list)
    csp: list[str] = field(default_factory=list)
    referrer_policy: str = ""
    tag_manager: bool = False


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
        self._noscript = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "data-pixel-ad" in given:
            self.page.ads.append(given["data-pixel-ad"])
        match tag:
            case "noscript":
                self._noscript = True
            case "base":
                self._base = _resolve(self._base, given.get("href", "")) or self._base
            case "script":
                self._script(given)
            case "img":
                self._image(given)
            case "meta":
                self._meta(given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "noscript":
            self._noscript = False

    def handle_data(self, data: str) -> None:
        # A tag manager's loader: tags it adds later are not in the HTML.
        if "googletagmanager.com/gtm.js" in data or "mc.yandex.ru/metrika" in data:
            self.page.tag_manager = True

    def _script(self, given: dict[str, str]) -> None:
        address = _resolve(self._base, given.get("src", ""))
        if urlsplit(address).path.endswith("/p.js"):
            self.page.scripts.append(Script(address, given))
        if "googletagmanager.com" in address:
            self.page.tag_manager = True

    def _image(self, given: dict[str, str]) -> None:
        address = _resolve(self._base, given.get("src", ""))
        if urlsplit(address).path.endswith("/p.gif"):
            query = dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))
            self.page.images.append(Image(address, query, given.get("referrerpolicy", "").lower(), self._noscript))

    def _meta(self, given: dict[str, str]) -> None:
        if given.get("http-equiv", "").lower() == "content-security-policy":
            self.page.csp.append(given.get("content", ""))
        if given.get("name", "").lower() == "referrer":
            self.page.referrer_policy = given.get("content", "").lower().strip()


def _resolve(base: str, address: str) -> str:
    try:
        resolved = urljoin(base, address.strip()) if address else ""
        return resolved if urlsplit(resolved).port != 0 else ""
    except ValueError:  # no host, no port: a browser would not load it either
        return ""
