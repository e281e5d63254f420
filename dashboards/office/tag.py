"""The check of a page: does the tag work on it, what arrives, and the mend of each problem.

Rule: this machine asks only hosts of the person's sites, at their usual ports, and the collector. So nobody reaches through this page what only
this machine can reach (SSRF); an address that two readers could take for two hosts is refused.
"""

from __future__ import annotations

import re
from threading import BoundedSemaphore
from typing import Final
from urllib.parse import urlsplit

from starlette.responses import Response

from dashboards.view import View
from pipeline.embedding.check_page import Checked, check_page
from pipeline.errors import Fatal
from pipeline.host_names import bare_host

_ADDRESS: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[^\s/\\?#@:\[\]]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?(?:[/?][^\s\\]*)?"
)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_AT_ONCE: Final = BoundedSemaphore(2)
_WAIT_SECONDS: Final = 20
LONGEST: Final = 2000
_TOLD: Final = {
    "yes, from the browser": "arrives_by_browser",
    "yes, from the Referer header": "arrives_by_referer",
    "yes, from `u`": "arrives_by_u",
    "yes, printed by the template": "arrives_by_template",
    "no: never loaded": "arrives_never",
    "no: needs the script, or a template that prints `r`": "arrives_needs_script",
}
"""The usual values of `pipeline.embedding.arrival`, with the keys of their texts; a rarer one is shown as it is."""
_NONE: Final = ("none", "none on this page")


def show(view: View) -> Response:
    """Show the form."""
    return _page(view, "", None, "")


def send(view: View) -> Response:
    """Check the page of the form."""
    url = view.form.get("url", "").strip()[: LONGEST + 1]
    if not is_page_of(view, url):
        return _page(view, url[:200], None, "tag_foreign", status=400)
    if not _AT_ONCE.acquire(timeout=_WAIT_SECONDS):
        view.refuse(503, "busy")
    try:
        return _page(view, url, check_page(url, view.settings, may_ask=lambda address: may_ask(view, address)), "")
    except Fatal as error:
        return _page(view, url, None, "tag_failed", error=error.args[0])
    finally:
        _AT_ONCE.release()


def is_page_of(view: View, url: str) -> bool:
    """Return whether an address is a page of the person's sites at a usual port; on this machine, of the demo clinic."""
    found = _ADDRESS.fullmatch(url) if len(url) <= LONGEST else None
    if found is None:
        return False
    host = bare_host(found["host"])
    own = {bare_host(each) for site in view.sites for each in (*site.hosts, *site.ad_hosts)}
    port = int(found["port"] or {"http": 80, "https": 443}[found["scheme"]])
    usual = {view.settings.demo.port} if host in _LOOPBACK else {80, 443}
    return bool(host) and host in own and port in usual


def may_ask(view: View, url: str) -> bool:
    """Return whether a file of the tag may be asked for: at a site of the person, or at the collector."""
    parts, collector = urlsplit(url), urlsplit(view.settings.collector.browser_url)
    is_collector = (parts.scheme, parts.netloc) == (collector.scheme, collector.netloc)
    return is_page_of(view, url) or (bool(_ADDRESS.fullmatch(url)) and is_collector)


def _page(
    view: View, url: str, checked: Checked | None, failed: str, *, error: str = "", status: int = 200
) -> Response:
    usual = f"https://{view.site.hosts[0]}/"
    return view.show(
        "tag.html",
        status=status,
        url=url or usual,
        checked=checked,
        failed=failed,
        error=error,
        told=_TOLD,
        none_there=_NONE,
    )
