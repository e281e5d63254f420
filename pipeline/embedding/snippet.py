"""The exact lines a page owner pastes: tag, noscript, images, ad block, link to /privacy, CSP, nginx.

Owns `snippet`, one pure function, so that the command line, the demo clinic and docs/embedding.md print the same lines.
Every value is checked against a grammar or escaped, so the lines are safe to show and to paste. Every attribute is in quotes,
because minifiers and editors break bare values; every image says `loading="eager"`, because a lazy image that is hidden is
loaded by no browser, and WordPress makes each image lazy that does not say how it is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, NamedTuple, get_args
from urllib.parse import quote

import msgspec

from pipeline.embedding.arrival import origin_of
from pipeline.errors import Fatal

Part = Literal["errors", "resources", "vitals"]
PARTS: tuple[Part, ...] = get_args(Part)
ATTRIBUTES = 'alt="" width="1" height="1" hidden loading="eager"'
# No character that could end an attribute, a CSP directive or a line of nginx.
_ADDRESS = re.compile(r"https?://([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[\w.~%/-]*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The page owner's options; `collector` is its address for browsers, without a slash at the end."""

    site: str
    collector: str
    consent: Literal["implied", "explicit", "wait"] = "implied"
    """`wait`: as `explicit`, and the script holds the page view until the person has answered."""
    keep: Sequence[str] = ()
    ads: bool = False
    technical: Sequence[Part] = ()
    sample: float = 1.0
    release: str = ""
    upstream: str = "http://127.0.0.1:8080"
    decided: str = "YYYY-MM-DD"
    """The day on which the site decided to respect Global Privacy Control."""


class Lines(NamedTuple):
    """Some lines to paste: a short name, where they go, the text."""

    name: str
    where: str
    text: str


def snippet(wish: Wish) -> tuple[Lines, ...]:
    """Return the lines for a page owner, the tag first; raises `Fatal` for a malformed collector address."""
    base = base_of(wish)
    found = [
        Lines("tag", "once on every page, best right after <body>", tag(wish)),
        Lines(
            "tag of an error page",
            "in place of the tag on the 404 page, likewise with 403, 500, 503; two tags on one page count it twice",
            tag(wish, status="404"),
        ),
        Lines(
            "tag manager",
            "as custom HTML on all pages, in place of the tag: tag managers drop data- attributes of a plain script",
            _loader(wish, base),
        ),
        Lines(
            "image without script",
            "in place of the tag, where no script is wanted; the page comes from the Referer header. Content blockers stop more of"
            " these images than of scripts",
            _image(base, query(wish, "img")),
        ),
        Lines(
            "image from a server-side template",
            "in place of the tag, where no script is wanted; the template replaces {{page}} by the page's own address and"
            " {{previous}} by its Referer header, each percent-encoded",
            _image(base, query(wish, "server"), "&amp;u={{page}}&amp;r={{previous}}"),
        ),
        Lines(
            "error template",
            "in place of the tag on an error page of a site without the script",
            _image(base, query(wish, "server", e="404"), "&amp;u={{page}}&amp;r={{previous}}"),
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
                _image(base, query(wish, "img", a="spring-checkup")),
            ),
        ]
    return (*found, *_beside_the_tag(wish, base))


STALE = (
    "The tag repeats settings of the collector: the site's id, `consent`, the query names that it keeps (data-keep) and `public_url`."
    " After a change of one of them, print and paste it again; `clinic-pixel check-tag` compares a page with the settings."
)


def as_html(found: Sequence[Lines]) -> str:
    """Return the lines as a file that may be included as it is: the first text counts, all others are in comments."""
    first, *others = found
    texts = [f"<!-- {first.name}: {first.where} -->\n{first.text}"]
    texts += [f"<!-- {name}: {where}\n\n{text}\n-->" for name, where, text in others]
    return "\n\n".join([*texts, f"<!-- {STALE} -->"])


def base_of(wish: Wish) -> str:
    """Return the collector's address without a slash at the end; raises `Fatal` for a malformed one."""
    base = wish.collector.rstrip("/")
    if not _ADDRESS.fullmatch(base):
        raise Fatal(f"collector address: expected something like https://stats.clinic.example, got {wish.collector!r}")
    return base


def tag(wish: Wish, *, status: str = "") -> str:
    """Return script and noscript image of a page, of an error page if `status` is given."""
    error = {"e": status} if status else {}
    image = _image(base_of(wish), query(wish, "noscript", **error))
    return f"{script(wish, status=status)}\n<noscript>{image}</noscript>"


def _beside_the_tag(wish: Wish, base: str) -> tuple[Lines, ...]:
    return (
        Lines(
            "link to /privacy",
            "in the footer of every page: the visitor's own page, with the button to refuse",
            f'<a href="{escape(base)}/privacy">Статистика и ваши данные</a>',
        ),
        Lines(
            "gpc.json",
            "as /.well-known/gpc.json of the site's own host, if all of the site respects Global Privacy Control; the date is"
            " the day of that decision",
            f'{{"gpc": true, "lastUpdate": {_text(wish.decided)}}}',
        ),
        Lines(
            "Content-Security-Policy",
            "added to the policy of the pages, where they have one. A directive that is there gets the collector's address"
            " only; for one that is missing, write the sources of default-src before the address",
            _csp(base),
        ),
        Lines("nginx", "to serve everything from the site's own host; the tag then loads /px/p.js", _nginx(wish)),
    )


def _given(wish: Wish, status: str = "") -> dict[str, str]:
    given = {"data-site": wish.site}
    if status:
        given["data-status"] = status
    if wish.consent != "implied":
        given["data-consent"] = "0" if wish.consent == "explicit" else "wait"  # the consent manager sets it to 1
    if wish.keep:
        given["data-keep"] = ",".join(wish.keep)
    if wish.technical:
        given["data-technical"] = ",".join(wish.technical)
        if wish.sample != 1:
            given["data-sample"] = f"{wish.sample:g}"
    if wish.release:
        given["data-release"] = wish.release
    return given


def script(wish: Wish, *, status: str = "") -> str:
    """Return the script element."""
    return f"<script async {_attributes({'src': f'{base_of(wish)}/p.js'} | _given(wish, status))}></script>"


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


def query(wish: Wish, mode: str, **more: str) -> dict[str, str]:
    """Return the parameters of an image."""
    # A consent manager cannot change an image, so on explicit-consent sites the image reports that no consent was given.
    consent = {} if wish.consent == "implied" else {"c": "0"}
    return {"s": wish.site, "m": mode} | more | consent


def _image(base: str, given: dict[str, str], template: str = "") -> str:
    pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())
    # A `hidden` image takes no space on the page but is loaded (HTML, section 4.8.4.3).
    # Without a referrerpolicy a browser names only the page's host to another host (Referrer Policy, section 3).
    policy = "" if template else ' referrerpolicy="no-referrer-when-downgrade"'
    return f'<img src="{escape(f"{base}/p.gif?{pairs}")}{template}" {ATTRIBUTES}{policy}>'


def _attributes(given: dict[str, str]) -> str:
    return " ".join(f'{name}="{escape(value)}"' for name, value in given.items())


def _csp(base: str) -> str:
    # A directive replaces default-src: without 'self' it would stop the site's own files.
    sources = f"'self' {origin_of(base)}"
    return f"script-src {sources}; connect-src {sources}; img-src {sources}"


def _nginx(wish: Wish) -> str:
    return f"""# ^~ comes before every location with a pattern, such as one for all files that end with .js
location ^~ /px/ {{
    rewrite ^/px(/(p\\.js|p\\.gif|e|seen\\.js|t\\.js|web-vitals\\.js|privacy.*))$ $1 break;
    return 404;
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
    error_log /dev/null emerg;
}}
# and in pixel.toml, so that the collector trusts the address in X-Forwarded-For:
# [collector]
# trusted_proxies = ["127.0.0.1/32"]"""
