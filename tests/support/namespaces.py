"""Hosts of a network on one machine: network namespaces, each joined to this one by a pair of virtual cables."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple


class Host(NamedTuple):
    """A namespace: its name, its address, and the address of this machine as it sees it."""

    name: str
    address: str
    gateway: str

    @property
    def before(self) -> tuple[str, ...]:
        """The words that start a program on this host."""
        return ("ip", "netns", "exec", self.name)


def why_not() -> str:
    """Return why no namespace can be made here, for the reason of a skipped test; empty where one can."""
    if shutil.which("ip") is None:
        return "needs `ip` (package iproute2)"
    name = f"pixel-try-{os.getpid()}"
    made = _ip("netns", "add", name)
    _ip("netns", "del", name)
    return "" if made else "needs the right to make network namespaces (root)"


@contextmanager
def hosts(number: int) -> Iterator[list[Host]]:
    """Lend so many hosts; afterwards they are gone."""
    with ExitStack() as stack:
        made = []
        for place in range(1, number + 1):
            own = f"px{os.getpid()}-{place}"
            net = f"10.213.{os.getpid() % 200 + 20}"
            host = Host(own, f"{net}.{place * 4 + 2}", f"{net}.{place * 4 + 1}")
            assert _ip("netns", "add", own)
            stack.callback(_ip, "netns", "del", own)
            assert _ip("link", "add", f"{own}a", "type", "veth", "peer", "name", f"{own}b", "netns", own)
            stack.callback(_ip, "link", "del", f"{own}a")
            assert _ip("addr", "add", f"{host.gateway}/30", "dev", f"{own}a")
            assert _ip("link", "set", f"{own}a", "up")
            assert _ip("-n", own, "addr", "add", f"{host.address}/30", "dev", f"{own}b")
            assert _ip("-n", own, "link", "set", f"{own}b", "up")
            assert _ip("-n", own, "link", "set", "lo", "up")
            made.append(host)
        yield made


def cut(host: Host, *, joined: bool = False) -> None:
    """Pull the cable of a host, or put it back."""
    assert _ip("link", "set", f"{host.name}a", "up" if joined else "down")


def _ip(*words: str) -> bool:
    return subprocess.run(["ip", *words], capture_output=True, check=False).returncode == 0
