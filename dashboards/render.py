"""Fills templates: every value is escaped, numbers and times are written as the language writes them.

Owns the Jinja environment and the headers of a page. No page may run a script or style of its own, ask another host, or be framed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from dashboards.words.catalogue import LANGUAGES, Language, Words
from pipeline import __version__

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "cache-control": "no-store",
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


@cache
def templates() -> Environment:
    """Return the templates; a name that a page does not give is an error."""
    made = Environment(
        loader=PackageLoader("dashboards"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["languages"] = LANGUAGES
    made.globals["version"] = __version__
    return made


def page(template: str, language: Language, *, status: int = 200, **values: Any) -> Response:
    """Return a page in a language."""
    words = Words(language)
    text = templates().get_template(template).render(say=words.say, words=words, language=language, **values)
    return HTMLResponse(text, status, headers=dict(HEADERS))


def refusal(language: Language, status: int, text: str) -> Response:
    """Return a page for somebody whom no page knows yet: why nothing was done, and what to do."""
    return page("outside.html", language, status=status, title=text)
