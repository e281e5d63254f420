"""A cluster to test against: embedded servers as real shards, each in a process of its own, that reach each other."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline.database.access import PASSWORD_FILE, make_passwords
from pipeline.database.cluster import home_cluster
from pipeline.database.embedded import wait_until_ready
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from support.command import environment, free_port
from support.server import Server

CLUSTER: Final = "clinics"
# Contained, the embedded engine opens no connection; without the file of a cluster it has the rights of a single server.
_SERVE: Final = """
from pipeline.database import embedded
from pipeline.settings.model import load
from pipeline.system.hardening import die_with_parent
made = embedded.access_sql
embedded.access_sql = lambda passwords: made(passwords, cluster=True)
embedded.supported = lambda: False
die_with_parent()
embedded.serve(load(None))
"""
_LISTEN: Final = '<listen_host replace="replace">0.0.0.0</listen_host>'
_ADMIT: Final = """
from pipeline.database import engine_config
engine_config._THIS_MACHINE = "::/0"
"""


class Shard(Server):
    """A server of a cluster; `config` is added to its configuration, and with `anywhere` other hosts may ask it."""

    def __init__(self, data: Path, *, anywhere: bool = False) -> None:
        super().__init__(data, tcp_port=free_port())
        self.config = _LISTEN if anywhere else ""
        self._before = _ADMIT if anywhere else ""

    def start(self) -> Shard:
        """Start the process and wait until it answers."""
        added = self.settings.clickhouse_dir / "config.d" / "cluster.xml"
        added.parent.mkdir(parents=True, exist_ok=True)
        added.write_text(f"<clickhouse>{self.config}</clickhouse>")
        self.process = subprocess.Popen([sys.executable, "-c", self._before + _SERVE], env=environment(self.settings))
        wait_until_ready(self.settings, self.alive)
        return self

    @property
    def url(self) -> str:
        """The address for HTTP."""
        return f"http://127.0.0.1:{self.settings.clickhouse.port}"


class Shards:
    """Servers that know each other as one cluster; `settings` are those of the processes that use it."""

    def __init__(self, home: Path, number: int = 2, *, anywhere: bool = False) -> None:
        self.servers = [Shard(home / f"shard-{place}", anywhere=anywhere) for place in range(1, number + 1)]
        urls = tuple(server.url for server in self.servers)
        self.settings = Settings(data=home / "var", clickhouse=ClickHouse(url=urls[0], cluster=CLUSTER, shards=urls))
        passwords = make_passwords(self.servers[0].settings)
        for server in self.servers[1:]:
            self.give_passwords(server.settings)
        self.give_passwords(self.settings)
        config = remote_servers(
            [server.settings.clickhouse.tcp_port for server in self.servers], passwords["pixel_viewer"]
        )
        for server in self.servers:
            server.config += config

    def give_passwords(self, settings: Settings) -> None:
        """Copy the passwords of the cluster to another data directory."""
        settings.secrets_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy2(self.servers[0].settings.secrets_dir / PASSWORD_FILE, settings.secrets_dir / PASSWORD_FILE)

    def start(self) -> Shards:
        """Start every server."""
        for server in self.servers:
            server.start()
        return self

    def stop(self) -> None:
        """End every server that runs."""
        for server in self.servers:
            server.stop()


def remote_servers(ports: Sequence[int], password: str) -> str:
    """Return the configuration of a cluster whose servers listen on these native ports, the home first."""
    sign_in = f"<user>pixel_viewer</user><password>{password}</password>"
    listed = [f"<shard><replica><host>127.0.0.1</host><port>{port}</port>{sign_in}</replica></shard>" for port in ports]
    home = home_cluster(CLUSTER)
    return f"<remote_servers><{CLUSTER}>{''.join(listed)}</{CLUSTER}><{home}>{listed[0]}</{home}></remote_servers>"
