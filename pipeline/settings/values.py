"""The values of single settings: the form in which each is of use.

Owns the reading of networks, listening addresses, the collector's address for browsers and path templates. Each function
returns the value in force and raises `ValueError` that says the expected spelling: a value that would never match anything, or
match everything, is refused. No message repeats a value that could hold a password. Pure.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import unquote, urlsplit

from pipeline.host_names import host_setting
from pipeline.settings.ad_names import CLICK_ID_NAMES, UTM_NAMES

AnyNetwork = IPv4Network | IPv6Network

WIDEST = {4: 8, 6: 16}
"""Shortest prefix by version: a wider network is a large part of the internet."""
_OWN_NETWORKS = tuple(map(ip_network, ("10.0.0.0/8", "fc00::/7", "fe80::/10")))
_MAPPED = IPv6Network("::ffff:0:0/96")
_ROUTES = re.compile(r"(p\.gif|e|(p|seen|t|web-vitals)\.js|privacy.*|health|metrics)", re.IGNORECASE)
_PLACE = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})")
_DATABASE = re.compile(
    r"(https?)://([A-Z0-9._-]+|\[[0-9A-F:.]+\])(?::([0-9]{1,5}))?((?:/[A-Z0-9._~-]+)*/?)", re.IGNORECASE | re.ASCII
)
_DATABASE_PORTS = {"http": 8123, "https": 8443}
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
_STAR = re.compile(r"\*(\.[a-z0-9]+)?", re.IGNORECASE)


def network(given: object) -> AnyNetwork:
    """Return a network, an IPv4-mapped one as IPv4: clients have no other form."""
    text = str(given).strip()
    try:
        found = ip_network(text)
    except ValueError:
        raise ValueError(_not_a_network(text)) from None
    if isinstance(found, IPv6Network) and found.subnet_of(_MAPPED):
        found = IPv4Network((int(found.network_address) & 0xFFFF_FFFF, found.prefixlen - 96))
    private = any(own.version == found.version and found.subnet_of(own) for own in _OWN_NETWORKS)  # type: ignore[arg-type]
    if found.prefixlen < WIDEST[found.version] and not private:
        raise ValueError(
            f"{found} is a large part of the internet: strangers would count as yours;"
            f" expected a prefix of /{WIDEST[found.version]} or longer"
        )
    return found


def _not_a_network(text: str) -> str:
    try:
        whole = ip_network(text, strict=False)
    except ValueError:
        return "expected a network such as 192.0.2.0/24 or 2001:db8::/32, or one address such as 192.0.2.7"
    return (
        f"an address inside of a network; expected {whole} for the network, or {text.partition('/')[0]} for the address"
    )


def listening_host(given: str) -> str:
    """Return an address or name of this machine on which a process can listen."""
    try:
        return str(ip_address(given[1:-1] if given.startswith("[") and given.endswith("]") else given))
    except ValueError:
        pass
    try:
        return host_setting(given)
    except ValueError:
        raise ValueError(
            "expected an address of this machine alone, without scheme and port, such as 127.0.0.1;"
            " 0.0.0.0 is every IPv4 address, :: every address"
        ) from None


def browser_address(given: str) -> str:
    """Return the collector's address for browsers, without a slash at its end; '' for none."""
    if not given:
        return ""
    expected = "expected the collector's address such as https://stats.clinic.example or https://clinic.example/px"
    try:
        parts = urlsplit(given.strip())
        port = parts.port
        host = host_setting(parts.hostname or "")
    except ValueError:
        raise ValueError(f"{expected}, in full") from None
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or "?" in given or "#" in given:
        raise ValueError(f"{expected}, with https:// and without user and query")
    path = parts.path.rstrip("/")
    if _ROUTES.fullmatch(path.rpartition("/")[2]):
        raise ValueError(f"{expected}, without the name of a file: the printed tag adds it")
    if not _PLACE.fullmatch(path):
        raise ValueError(f"{expected}; its path may have letters, digits and single slashes")
    return f"{parts.scheme}://{host}{f':{port}' if port is not None else ''}{path}"


def web_address(given: str) -> str:
    """Return an address that a browser can open, '' for none."""
    parts = urlsplit(given)
    if given and (parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", given)):
        raise ValueError("expected an address that a browser can open, such as https://clinic.example/policy")
    return given


def is_this_machine(host: str) -> bool:
    """Return whether a host name or address is the loopback of this machine."""
    return host in _THIS_MACHINE


def webhook_address(given: str) -> str:
    """Return the address of a webhook, '' for none; it may hold a secret in its path, so no message repeats it."""
    if not given:
        return ""
    expected = "expected an address such as https://hooks.example/alerts"
    try:
        parts = urlsplit(given)
        host = server_host(parts.hostname or "")
        known = bool(host) and parts.port != 0
    except ValueError:
        raise ValueError(f"{expected}, in full") from None
    if not known or not re.fullmatch(r"[\x21-\x7e]+", given) or "\\" in given:
        raise ValueError(f"{expected}, without spaces and with Punycode and percent escapes for other letters")
    if "@" in parts.netloc or "#" in given:
        raise ValueError(f"{expected}, without user, password and fragment: the signature proves the sender")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_this_machine(host)):
        raise ValueError(f"{expected}: http is for a receiver on this machine alone")
    return given


def database_address(given: str) -> str:
    """Return the HTTP address of a ClickHouse in its only form: lower case, with a port, without a closing slash."""
    match = _DATABASE.fullmatch(given)
    port = int(match[3] or _DATABASE_PORTS[match[1].lower()]) if match else 0
    if match is None or not 1 <= port <= 65535:
        # The address appears in errors and logs.
        raise ValueError(
            "expected an address such as https://db.example:8443, without user and password:"
            " those are in clickhouse.json of the directory of secrets"
        )
    host = match[2].lower()
    if host.startswith("["):
        host = f"[{ip_address(host[1:-1])}]"
    return f"{match[1].lower()}://{host}:{port}{match[4].rstrip('/')}"


def server_host(given: str) -> str:
    """Return the name or address of a server, '' for none."""
    if not given:
        return ""
    try:
        return str(ip_address(given[1:-1] if given.startswith("[") and given.endswith("]") else given))
    except ValueError:
        pass
    try:
        return host_setting(given)
    except ValueError:
        raise ValueError("expected the name of a server without scheme and port, such as mail.clinic.example") from None


def mail_address(given: str) -> str:
    """Return a mail address in its plain form."""
    if not _MAIL.fullmatch(given):
        raise ValueError("expected a mail address alone, such as ops@clinic.example")
    return given


def optional_mail_address(given: str) -> str:
    """Return a mail address, '' for none."""
    return mail_address(given) if given else ""


def path_template(given: str) -> str:
    """Return a path template, in which `*` is one segment or the name of a file before its ending."""
    if not given.startswith("/") or "//" in given:
        raise ValueError("expected a path that begins with one slash, such as `/doctors/*`, without scheme and host")
    if re.search(r"[?#;\\]", given):
        raise ValueError("expected a path alone: an address is matched without its query and fragment")
    for segment in given.split("/"):
        if "*" in segment and not _STAR.fullmatch(segment):
            raise ValueError(
                "`*` is one whole segment, such as `/doctors/*`; write each beginning of a segment in full"
            )
    return given


def optional_template(given: str) -> str:
    """Return a path template, '' for every path."""
    return path_template(given) if given else ""


def section_template(given: str) -> str:
    """Return the template of a sensitive section, which all paths below it belong to; it may end with one parameter."""
    path, _, parameter = given.partition("?")
    path_template(path)
    if not path.strip("/*") and not parameter:
        raise ValueError("it is every page of the site, and none would have a name; expected the sections of the group")
    return given


def segment_name(given: str) -> str:
    """Return the name of one path segment, decoded."""
    name = unquote(given).strip("/")
    if not name or re.search(r"[\s/*?#%]", name):
        raise ValueError("expected the name of one path segment, such as `vrachi`")
    return name


def cookie_value(given: str) -> str:
    """Return a value as it is in a Cookie header (RFC 6265, 4.1.1)."""
    if not re.fullmatch(r"[!#-+\--:<-\[\]-~]+", given):
        raise ValueError(
            f"{given!r} never arrives in a Cookie header: expected it as the browser sends it, such as `%D0%B4%D0%B0` for `да`"
        )
    return given


def page_parameter(given: str) -> str:
    """Return the name of a parameter that tells pages apart; those of ads follow a person or a campaign."""
    if given.lower() in (*UTM_NAMES, *CLICK_ID_NAMES):
        raise ValueError(f"{given} tells of an ad and not of a page: it would be stored in the address of the page")
    return given


def click_kind(given: str) -> str:
    """Return the name of a parameter that marks a paid click."""
    if given not in CLICK_ID_NAMES:
        raise ValueError(f"no ad network marks clicks with {given!r}; there are: {', '.join(sorted(CLICK_ID_NAMES))}")
    return given


def query_value(given: str) -> str:
    """Return a value of a query parameter as a person reads it."""
    if not given.strip() or given != given.strip() or unquote(given) != given:
        raise ValueError(f"{given!r} never matches: a value is compared decoded; expected {unquote(given).strip()!r}")
    return given
