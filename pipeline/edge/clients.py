"""The client of a request: its address and all facts that are derived from the address alone.

Owns `Client`, which is made once for each client and then cached for minutes, in memory only.
"""

from __future__ import annotations

from typing import NamedTuple

from pipeline.edge.rate_limit import Bucket, RateLimit
from pipeline.event import PackedAddress, RawAddress
from pipeline.keys.tokens import is_ipv4, packed
from pipeline.networks.address import NO_ADDRESS, NetworkSet, canonical, client_address
from pipeline.networks.lookup import NO_FACTS, NetworkFacts, NetworkTables


class Sender(NamedTuple):
    """The sender as a request names it: the connection's address and the text of X-Forwarded-For.

    `is_replay` is True for a replay with a valid ticket: its X-Forwarded-For counts without being in `trusted_proxies`.
    """

    peer: str
    forwarded_for: str
    is_replay: bool


class Client(NamedTuple):
    """The client of a request. `packed` are the 16 bytes of `address`, none where there is no address.

    `version` is 4 or 6, 0 without address; `buckets` are those of its rate.
    `peer_is_trusted` tells whether the request came through a trusted proxy, whose headers count; `own_sites` names the
    sites whose own networks hold the address.
    """

    address: RawAddress
    packed: PackedAddress
    version: int
    buckets: tuple[Bucket, ...]
    peer_is_trusted: bool
    facts: NetworkFacts
    own_sites: frozenset[str]

    def facts_for(self, site: str) -> NetworkFacts:
        """Return the facts of the client's network as one site sees them."""
        return self.facts._replace(net_class="own") if site in self.own_sites else self.facts


NOBODY = Client(NO_ADDRESS, PackedAddress(b""), 0, (), False, NO_FACTS, frozenset())
"""The client of a connection without an address, such as a Unix socket."""


def read_client(sender: Sender, trusted: NetworkSet, networks: NetworkTables, rate_limit: RateLimit) -> Client:
    """Return the client of a request."""
    peer = canonical(sender.peer) or NO_ADDRESS
    is_trusted = sender.is_replay or peer in trusted
    hops = sender.forwarded_for.split(",") if sender.forwarded_for else ()
    if hops and not is_trusted:
        networks.count_untrusted_forward(peer)
    address = client_address(sender.peer, hops, trusted, peer_is_trusted=sender.is_replay)
    if not address:
        return NOBODY._replace(peer_is_trusted=is_trusted)
    block = packed(address)
    return Client(
        address,
        block,
        4 if is_ipv4(block) else 6,
        rate_limit.buckets_of(block),
        is_trusted,
        networks.look_up(address),
        networks.own_sites(address),
    )
