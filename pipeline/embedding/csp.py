"""Content-Security-Policy for a tag: may a page load its script, send its page views, show its image?

Owns the reading of policies and the matching of sources (Content Security Policy Level 3, sections 2.2 and 6.7). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from pipeline.host_names import normal_host

_FALLBACK: Mapping[str, tuple[str, ...]] = {
    "script-src": ("script-src-elem", "script-src", "default-src"),
    "connect-src": ("connect-src", "default-src"),
    "img-src": ("img-src", "default-src"),
}
_PORTS = {"http": 80, "https": 443}

Policy = Mapping[str, Sequence[str]]


class Permission(NamedTuple):
    """Whether every policy allows the request, otherwise the directive that forbids it."""

    allowed: bool
    directive: str = ""


def read_policies(headers: Iterable[str]) -> tuple[Policy, ...]:
    """Return the policies of header values (or of `<meta>` contents), each as directive -> sources."""
    policies: list[Policy] = []
    for text in ",".join(headers).split(","):
        policy: dict[str, Sequence[str]] = {}
        for directive in text.split(";"):
            name, *sources = directive.split() or [""]
            if name:
                policy.setdefault(name.lower(), sources)
        if policy:
            policies.append(policy)
    return tuple(policies)


def allows(
    policies: Iterable[Policy], kind: str, address: str, page: str, nonce: str = "", *, added: bool = False
) -> Permission:
    """Return whether `page` may use `address` as `kind` (`script-src`, `connect-src`, `img-src`).

    `nonce` is the script element's. `added` scripts were added by a script that runs: under `'strict-dynamic'` they may run, too.
    Hashes are not computed, because they apply to inline scripts.
    """
    for policy in policies:
        name = next((name for name in _FALLBACK[kind] if name in policy), None)
        if name is not None and not _allowed(policy[name], kind, urlsplit(address), urlsplit(page), nonce, added):
            return Permission(allowed=False, directive=name)
    return Permission(allowed=True)


def _allowed(
    sources: Sequence[str], kind: str, address: SplitResult, page: SplitResult, nonce: str, added: bool
) -> bool:
    if kind == "script-src":
        if nonce and f"'nonce-{nonce}'" in sources:
            return True
        if "'strict-dynamic'" in (source.lower() for source in sources):
            return added  # then only nonces and hashes count
    return any(_matches(source, address, page) for source in sources)


def _matches(source: str, address: SplitResult, page: SplitResult) -> bool:
    folded = source.lower()
    if folded == "*":
        return address.scheme in ("http", "https")
    if folded == "'self'":
        return _host(address) == _host(page) and (_port(address) == _port(page) or not (address.port or page.port))
    if folded.startswith("'"):
        return False
    if folded.endswith(":"):
        return _scheme_fits(folded[:-1], address.scheme)
    try:
        given = urlsplit(source if "://" in source else f"//{source}")
    except ValueError:
        return False
    return (
        _scheme_fits(given.scheme or page.scheme, address.scheme)
        and _host_fits(given.netloc.partition(":")[0].lower(), _host(address))
        and _port_fits(given.netloc.partition(":")[2], address)
        and _path_fits(given.path, address.path)
    )


def _scheme_fits(given: str, scheme: str) -> bool:
    return scheme == given or (given == "http" and scheme == "https")


def _host_fits(given: str, host: str) -> bool:
    return host.endswith(given[1:]) and host != given[2:] if given.startswith("*.") else host == given or given == "*"


def _port_fits(given: str, address: SplitResult) -> bool:
    return given == "*" or _port(address) == (int(given) if given.isdecimal() else _PORTS.get(address.scheme))


def _path_fits(given: str, path: str) -> bool:
    return path.startswith(given) if given.endswith("/") or not given else path == given


def _host(address: SplitResult) -> str:
    # A policy has no other form of a host than A-labels.
    return normal_host(address.hostname or "") or (address.hostname or "")


def _port(address: SplitResult) -> int | None:
    return address.port or _PORTS.get(address.scheme)
