"""Finds the client's address of a request.

Owns the canonical text form and the walk over trusted proxies. Pure: no look-ups, no I/O.

* `X-Forwarded-For` is read from the right: the first hop that is not a trusted proxy is the client.
* A hop must parse without its port, brackets, zone and quotes; an empty one is none (RFC 9110, section 5.6.1). After a hop that does
  not parse, the client is unknown: the trusted proxy before it is not the client, and its address would make all such
  clients one visitor.
* An IPv4-mapped IPv6 address is the IPv4 address.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from pipeline.event import RawAddress

NO_ADDRESS = RawAddress("")
"""The peer has no address (a Unix socket) and no trusted proxy names one that can be read: no tokens, no look-ups."""

_MAPPED = bytes(10) + b"\xff\xff"
_LONGEST = 64  # brackets, the longest IPv6 text, zone and port; a longer text is not an address


def canonical(text: str) -> RawAddress | None:
    """Return the canonical text of an address written with or without port, brackets and zone; None if it does not parse."""
    text = text.strip().strip('"')
    if not text or len(text) > _LONGEST:
        return None
    if text[0] == "[":
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    text = text.partition("%")[0]
    try:
        if ":" not in text:
            return RawAddress(inet_ntop(AF_INET, inet_pton(AF_INET, text)))
        packed = inet_pton(AF_INET6, text)
    except (OSError, ValueError):
        return None
    if packed[:12] == _MAPPED:
        return RawAddress(inet_ntop(AF_INET, packed[12:]))
    return RawAddress(inet_ntop(AF_INET6, packed))


class NetworkSet:
    """A fixed set of networks; it stores no address.

    Networks are compared as numbers: `ipaddress` would take longer to parse an address than all other work with it.
    """

    def __init__(self, networks: Iterable[IPv4Network | IPv6Network]) -> None:
        self._networks: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for network in networks:
            self._networks[network.version].append((int(network.netmask), int(network.network_address)))

    def __contains__(self, address: RawAddress) -> bool:
        version, family = (6, AF_INET6) if ":" in address else (4, AF_INET)
        networks = self._networks[version]
        if not networks or not address:
            return False
        number = int.from_bytes(inet_pton(family, address))
        return any(number & mask == first for mask, first in networks)


PRIVATE_BLOCKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""RFC 1918, RFC 4193."""

PRIVATE = NetworkSet(map(ip_network, (*PRIVATE_BLOCKS, "127.0.0.0/8", "::1/128")))
"""Networks of machines of one's own, this one included."""


def client_address(
    peer: str, forwarded_for: Sequence[str], trusted: NetworkSet, *, peer_is_trusted: bool = False
) -> RawAddress:
    """Return the client's address, or `NO_ADDRESS`.

    `peer` is the connection's address, `forwarded_for` the entries of X-Forwarded-For from left to right.
    """
    client = canonical(peer) or NO_ADDRESS
    if not (peer_is_trusted or client in trusted):
        return client
    for hop in reversed(forwarded_for):
        if not hop.strip():
            continue
        address = canonical(hop)
        if address is None:
            return NO_ADDRESS
        client = address
        if client not in trusted:
            break
    return client
