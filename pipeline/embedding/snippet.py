"""The exact lines a page owner pastes: tag, noscript, images, ad block, CSP, nginx.

Owns `snippet`, one pure function, so that the command line, the embed page and docs/embedding.md print the same lines.
Every value is checked against a grammar or escaped, so the lines are safe to show and to paste.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, NamedTuple, get_args
from urllib.parse import quote, urlsplit

import msgspec

from pipeline.errors import Fatal

Part = Literal["errors", "resources", "vitals"]
PARTS: tuple[Part, ...] = get_args(Part)
# No character that could end an attribute, a CSP directive or a line of nginx.
_ADDRESS = re.compile(r"https?://([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[\w.~%/-]*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The page owner's options; `collector` is its address for browsers, without a slash at the end."""

    site: str
    collector: str
    consent: Literal["implied", "explicit"] = "implied"
    keep: Sequence[str] = ()
    ads: bool = False
    technical: Sequence[Part] = ()
    sample: float = 1.0
    release: str = ""
    upstream: str = "http://127.0.0.1:8080"


class Lines(NamedTuple):
    """Some lines to paste: a short name, where they go, the text."""

    name: str
    where: str
    text: str


def snippet(wish: Wish) -> tuple[Lines, ...]:
    """Return the lines for a page owner, the tag first; raises `Fatal` for a malformed collector address."""
    base = wish.collector.rstrip("/")
    if not _ADDRESS.fullmatch(base):
        raise Fatal(f"collector address: expected something like https://stats.clinic.example, got {wish.collector!r}")
    found = [
        Lines("tag", "once on every page, best right after <body>", f"{_script(wish, base)}\n{_noscript(wish, base)}"),
        Lines(
            "tag manager",
            "as custom HTML on all pages: tag managers drop data- attributes of a plain script",
            _loader(wish, base),
        ),
        Lines(
            "image without script",
            "instead of the tag, where no script is wanted; the page comes from the Referer header",
            _image(base, _query(wish, "img")),
        ),
        Lines(
            "image from a server-side template",
            "instead of the tag; the template replaces {{page}} by the page's own address and {{previous}} by its Referer"
            " header, each percent-encoded",
            _image(base, _query(wish, "server"), "&amp;u={{page}}&amp;r={{previous}}"),
        ),
        Lines(
            "error template",
            "instead of the tag on the 404 page (likewise 403, 500, 503)",
            _image(base, _query(wish, "server", e="404"), "&amp;u={{page}}&amp;r={{previous}}"),
        ),
    ]
    if wish.ads:
        found += [
            Lines(
                "ad block", "around each ad block on pages with the tag", '<div data-pixel-ad="spring-checkup">…</div>'
            ),
            Lines(
                "ad block on a foreign page",
                "inside the ad's HTML where no script is allowed; counts as shown once it is rendered",
                _image(base, _query(wish, "img", a="spring-checkup")),
            ),
        ]
    found += [
        Lines("Content-Security-Policy", "added to the policy of the pages, where they have one", _csp(wish, base)),
        Lines("nginx", "to serve everything from the site's own host; the tag then loads /px/p.js", _nginx(wish)),
    ]
    return tuple(found)


def _given(wish: Wish) -> dict[str, str]:
    given = {"data-site": wish.site}
    if wish.consent == "explicit":
        given["data-consent"] = "0"  # the consent manager sets it to 1
    if wish.keep:
        given["data-keep"] = ",".join(wish.keep)
    if wish.technical:
        given["data-technical"] = ",".join(wish.technical)
        if wish.sample != 1:
            given["data-sample"] = f"{wish.sample:g}"
        if wish.release:
            given["data-release"] = wish.release
    return given


def _script(wish: Wish, base: str) -> str:
    return f"<script async {_attributes({'src': f'{base}/p.js'} | _given(wish))}></script>"


def _loader(wish: Wish, base: str) -> str:
    lines = [f"  tag.setAttribute({_text(name)}, {_text(value)});" for name, value in _given(wish).items()]
    return "\n".join(
        [
            "<script>",
            "(function () {",
            '  var tag = document.createElement("script");',
            *lines,
            f"  tag.src = {_text(f'{base}/p.js')};",
            "  document.head.appendChild(tag);",
            "})();",
            "</script>",
        ]
    )


def _text(value: str) -> str:
    return msgspec.json.encode(value).decode().replace("<", "\\u003c")


def _noscript(wish: Wish, base: str) -> str:
    return f"<noscript>{_image(base, _query(wish, 'noscript'))}</noscript>"


def _query(wish: Wish, mode: str, **more: str) -> dict[str, str]:
    # A consent manager cannot change an image, so on explicit-consent sites the image reports that no consent was given.
    consent = {"c": "0"} if wish.consent == "explicit" else {}
    return {"s": wish.site, "m": mode} | more | consent


def _image(base: str, query: dict[str, str], template: str = "") -> str:
    pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    # A `hidden` image takes no space on the page but is loaded (HTML, section 4.8.4.3).
    # Without a referrerpolicy a browser names only the page's host to another host (Referrer Policy, section 3).
    policy = "" if template else ' referrerpolicy="no-referrer-when-downgrade"'
    return f'<img src="{escape(f"{base}/p.gif?{pairs}")}{template}" alt="" width="1" height="1" hidden{policy}>'


def _attributes(given: dict[str, str]) -> str:
    return " ".join(f'{name}="{escape(value)}"' for name, value in given.items())


def _csp(wish: Wish, base: str) -> str:
    parts = urlsplit(base)
    origin = f"{parts.scheme}://{parts.netloc}"
    return f"script-src {origin}; connect-src {origin}; img-src {origin}"


def _nginx(wish: Wish) -> str:
    return f"""location ~ ^/px/(p\\.js|p\\.gif|e|t\\.js|web-vitals\\.js|privacy.*)$ {{
    rewrite ^/px(/.*)$ $1 break;
    proxy_pass {wish.upstream.rstrip("/")};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header Forwarded "";
    proxy_set_header X-Real-IP "";
    proxy_set_header X-Pixel-Replay "";
    proxy_next_upstream off;
    client_body_timeout 5s;
    client_max_body_size 64k;
    client_body_buffer_size 64k;
    # Both logs would contain addresses: the error log quotes client and request.
    access_log off;
    error_log /var/log/nginx/clinic-pixel.error.log emerg;
}}
# and in pixel.toml, so that the collector trusts the address in X-Forwarded-For:
# [collector]
# trusted_proxies = ["127.0.0.1/32"]"""
