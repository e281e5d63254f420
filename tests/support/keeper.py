"""ZooKeeper of Debian, which ClickHouse takes in place of its Keeper: a process of the test's own on loopback."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from support.command import answers, free_port
from support.waiting import wait_until

JAR: Final = Path("/usr/share/java/zookeeper.jar")
_MARK, _MARKED = "/mark-of-a-test", "========"
CONFIG: Final = """\
tickTime=2000
dataDir={data}
clientPort={port}
clientPortAddress=127.0.0.1
admin.enableServer=false
"""


class ZooKeeper(NamedTuple):
    """A server that runs."""

    port: int

    def read(self, paths: Sequence[str]) -> dict[str, str]:
        """Return what is stored under each path; a path that is not there is left out."""
        # The client answers one command after the other and names none of them: a known node is read between two.
        commands = [f"create {_MARK} {_MARKED}", f"get {_MARK}"]
        for path in paths:
            commands += [f"get {path}", f"get {_MARK}"]
        done = subprocess.run(
            [*_java(), "org.apache.zookeeper.ZooKeeperMain", "-server", f"127.0.0.1:{self.port}"],
            input="\n".join([*commands, "quit", ""]),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        _, *told = done.stdout.split(f"{_MARKED}\n")
        assert len(told) == len(paths) + 1, done.stderr
        return {path: text.rstrip("\n") for path, text in zip(paths, told, strict=False) if text}


def why_not() -> str:
    """Return why no ZooKeeper can run here, for the reason of a skipped test; empty where one can."""
    if not JAR.exists():
        return "needs ZooKeeper (package zookeeper)"
    return "" if shutil.which("java") else "needs Java (package zookeeper brings it)"


@contextmanager
def zookeeper(home: Path) -> Iterator[ZooKeeper]:
    """Run a server until the end of the block."""
    home.mkdir(parents=True)
    server = ZooKeeper(free_port())
    config = home / "zoo.cfg"
    config.write_text(CONFIG.format(data=home / "data", port=server.port))
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [*_java(), "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(config)],
            stdout=log,
            stderr=log,
            cwd=home,
        )
    try:
        wait_until(lambda: answers("127.0.0.1", server.port), f"ZooKeeper to listen, see {home}/log", seconds=120)
        yield server
    finally:
        process.kill()
        process.wait(30)


def _java() -> list[str]:
    return ["java", "-Xmx256m", "-cp", f"{JAR}:/usr/share/java/slf4j-nop.jar"]
