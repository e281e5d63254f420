"""The one form of a host name, in which names are stored and compared.

Owns `normal_host`: small letters and A-labels (Punycode), without port and final dot. The labels are those of a browser
(UTS 46, as in the URL Standard), in which `straße` is not `strasse`. `host_setting` is for names that an operator wrote: it
takes nothing but a name. Pure.
"""

from __future__ import annotations

import re
from functools import cache
from ipaddress import IPv6Address
from urllib.parse import unquote

import ada_url
from publicsuffixlist import PublicSuffixList

_PORT = re.compile(r":\d*$")
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_LONGEST_HOST = 253
_AROUND_HOST = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*:(?!\d))?[/\\]*(?:[^/\\?#]*@)?(?:\*\.)?([^/\\?#]*)", re.DOTALL)
_FOREIGN = re.compile(r"[\s/\\?#@%*,;:]")


def normal_host(host: str) -> str:
    """Return the host in its stored form, '' when it is not a host name."""
    host = _PORT.sub("", host)
    if host.startswith("[") and host.endswith("]"):
        return host.lower()
    if "%" in host:
        host = unquote(host, errors="replace")
    if not host.isascii():
        try:
            host = ada_url.idna_to_ascii(host).decode("ascii")  # empty where a browser refuses it
        except UnicodeError:
            return ""
    host = host.lower().removesuffix(".")
    return host if len(host) <= _LONGEST_HOST and _NAME.fullmatch(host) else ""


def readable_host(host: str) -> str:
    """Return a host for people: `xn--80apagcdp.xn--p1ai` is `клиника.рф`."""
    return (ada_url.idna_to_unicode(host) or host) if "xn--" in host and host.isascii() else host


def bare_host(host: str) -> str:
    """Return a host in its stored form without `www.`, which the hosts of a site include."""
    return normal_host(host).removeprefix("www.")


def same_site(host: str, other: str) -> bool:
    """Return whether browsers take two hosts for one site and send the cookies of one to the other.

    Both are in their stored form. Source: HTML Standard, "same site", by the public suffix list with its private part.
    """
    if host == other:
        return True
    return not _is_address(host) and (_suffixes().privatesuffix(host) or host) == _suffixes().privatesuffix(other)


def host_setting(given: str) -> str:
    """Return the stored form of a host that an operator wrote; raises `ValueError` that says the expected spelling."""
    host = _exact(given)
    if host:
        return host
    around = _AROUND_HOST.match(given)
    meant = _exact(f"[{given}]") or (_exact(_PORT.sub("", around[1].strip())) if around else "")
    example = f"`{readable_host(meant)}`" if meant else "`clinic.example`"
    if "*" in given:
        raise ValueError(
            f"expected each host by its full name, not a pattern, such as {example} (its `www.` is included)"
        )
    raise ValueError(f"expected a host name alone, without scheme, port, path and spaces, such as {example}")


def _is_address(host: str) -> bool:
    return host.startswith("[") or host.rpartition(".")[2].isdecimal()


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def _exact(given: str) -> str:
    """Return the stored form of a text that is a host and nothing else, else ''; an IPv6 address is in brackets."""
    if not given.startswith("["):
        return "" if _FOREIGN.search(given) else normal_host(given)
    try:
        return f"[{IPv6Address(given[1:-1]).compressed}]" if given.endswith("]") and "%" not in given else ""
    except ValueError:
        return ""
