"""What a page may consist of, whatever was stored or asked: a parser that lists every piece that we did not write."""

from __future__ import annotations

from html.parser import HTMLParser

MARK = "x-evil"
MARKUP = f"'\"><{MARK} onmouseover=alert(1)><script>alert(1)</script>{{{{7*7}}}}"
"""A value that leaves an attribute, opens an element and a script, and is a template."""
LEADING = {"href", "src", "action", "formaction", "content"}
SCRIPT = {"src": "/static/pages.js", "defer": None}


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.foreign: list[str] = []
        self.forms: list[tuple[str, list[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if len(given) != len(attrs):
            self.foreign.append(f"<{tag}> has an attribute twice")
        if tag in (MARK, "style", "iframe", "object", "embed", "base") or (tag == "script" and given != SCRIPT):
            self.foreign.append(f"<{tag} {given}>")
        for name, value in attrs:
            if name.startswith("on") or name in ("style", "srcdoc") or MARK in name:
                self.foreign.append(f"<{tag} {name}>")
            if name in LEADING and any(word in (value or "").lower() for word in ("javascript:", "data:")):
                self.foreign.append(f"<{tag} {name}={value!r}>")
            if name in ("src", "action", "formaction") and not (value or "").startswith("/"):
                self.foreign.append(f"<{tag} {name}={value!r}>")
        if tag == "form":
            self.forms.append((given.get("method") or "get", []))
        if tag in ("input", "select", "textarea", "button") and given.get("name") and self.forms:
            self.forms[-1][1].append(given["name"] or "")


def foreign(text: str) -> list[str]:
    """Return the elements and attributes of a page that no template of ours has."""
    return _read(text).foreign


def fields(text: str, method: str) -> set[str]:
    """Return the names of all fields of a page's forms of a method."""
    return {name for of, names in _read(text).forms if of == method for name in names}


def _read(text: str) -> _Page:
    page = _Page()
    page.feed(text)
    page.close()
    return page
