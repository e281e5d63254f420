"""Two hosts of one database with real processes: the same keys give the same tokens, and no mistake with keys, clocks or names loses an event."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3

from pipeline.hosts.evaluator import look_now
from pipeline.settings.model import Settings
from support.command import CLI, free_port, plain_environment
from support.server import Rows
from support.system import AGENT
from support.waiting import wait_until

pytestmark = pytest.mark.slow

ADDRESSES = [f"198.51.100.{number}" for number in range(1, 6)]
TWO_HOURS = 7_200


class RunningHost:
    """One host: a collector, a shipper and a data directory of its own, on an existing ClickHouse."""

    def __init__(self, home: Path, rows: Rows, name: str, *, mints: bool = False) -> None:
        self.rows, self.data, self.port = rows, home / name, free_port()
        self.data.mkdir()
        shutil.copytree(rows.settings.secrets_dir, self.data / "secrets")
        self.given = {
            "PIXEL_DATA": str(self.data),
            "PIXEL_CLICKHOUSE__URL": f"http://127.0.0.1:{rows.settings.clickhouse.port}",
            "PIXEL_COLLECTOR__PORT": str(self.port),
            "PIXEL_COLLECTOR__NAME": name,
            "PIXEL_COLLECTOR__MINT_KEYS": str(mints).lower(),
            "PIXEL_COLLECTOR__TRUSTED_PROXIES": '["127.0.0.1/32"]',
            "PIXEL_SPOOL__SEGMENT_SECONDS": "0.3",
            "PIXEL_SHIP__POLL_SECONDS": "0.1",
        }
        self.ahead_seconds = 0
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def keys(self) -> Path:
        return self.data / "keys"

    def start(self, *names: str) -> RunningHost:
        """Start these processes, `collect` and `ship` without names; the clock of the host is `ahead_seconds` ahead."""
        ahead = f"import time; now = time.time_ns; time.time_ns = lambda: now() + {self.ahead_seconds} * 10**9"
        for name in names or ("collect", "ship"):
            with (self.data / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    [sys.executable, "-c", f"{ahead}\nfrom pipeline.cli import main; main()", name],
                    env=plain_environment(**self.given),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
        if "collect" in (names or ("collect",)):
            wait_until(lambda: self.ready()[0], "the collector to answer", seconds=120)
        return self

    def stop(self, *names: str) -> None:
        for name in names or tuple(self.processes):
            process = self.processes.pop(name)
            process.send_signal(signal.SIGTERM)
            process.wait(60)

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [*CLI, *arguments],
            env=plain_environment(**self.given),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return done.stdout + done.stderr

    def ready(self) -> tuple[int, str]:
        """Return status and text of /health/ready, 0 without an answer."""
        try:
            answer = urllib3.request("GET", f"http://127.0.0.1:{self.port}/health/ready", retries=False)
        except urllib3.exceptions.HTTPError:
            return 0, ""
        return answer.status, answer.data.decode()

    def hit(self, nonce: int, address: str) -> int:
        fields = {"s": "clinic", "u": "https://clinic.example/", "m": "js", "n": str(nonce)}
        headers = {"User-Agent": AGENT, "X-Forwarded-For": address}
        url = f"http://127.0.0.1:{self.port}/p.gif"
        return urllib3.request("GET", url, fields=fields, headers=headers, retries=False).status

    def reported(self, settings: Settings) -> bool:
        return any(host.host == self.given["PIXEL_COLLECTOR__NAME"] for host in look_now(settings).hosts)


class Pair:
    """Host `a` makes keys, host `b` has copies; `sent` has each acknowledged nonce with its host and address."""

    def __init__(self, home: Path, rows: Rows) -> None:
        self.rows = rows
        self.a = RunningHost(home, rows, "a", mints=True)
        self.b = RunningHost(home, rows, "b")
        self.sent: set[int] = set()

    def copy_keys(self) -> None:
        """Copy the keys as rsync does: each under another name first, with its mode, then in place."""
        self.b.keys.mkdir(mode=0o700, exist_ok=True)
        for file in self.a.keys.glob("*.key"):
            arriving = self.b.keys / f".{file.name}.Xy12"
            shutil.copy2(file, arriving)
            arriving.rename(self.b.keys / file.name)

    def hit_both(self) -> range:
        """Send a hit of each address to both hosts, first all of `a`; return their nonces."""
        first = len(self.sent) + 1
        nonces = range(first, first + 2 * len(ADDRESSES))
        for nonce, address in zip(nonces, ADDRESSES * 2, strict=True):
            host = self.a if nonce < first + len(ADDRESSES) else self.b
            assert host.hit(nonce, address) == 200
            self.sent.add(nonce)
        return nonces

    def stored(self, nonces: range, what: str) -> list[tuple[Any, ...]]:
        """Wait until hits are stored, and return an expression over them by host."""
        inside = f"nonce >= {nonces.start} AND nonce < {nonces.stop}"
        count = f"SELECT count() FROM pixel.events WHERE {inside}"
        wait_until(lambda: self.rows.admin.query(count).result_rows[0][0] >= len(nonces), "the hits", seconds=120)
        query = f"SELECT substring(collector, 1, 1) AS host, {what} FROM pixel.events WHERE {inside} GROUP BY host ORDER BY host"
        return [tuple(row) for row in self.rows.admin.query(query).result_rows]

    def tokens(self, nonces: range) -> list[set[str]]:
        """Return the tokens of the addresses at each host."""
        return [set(map(str, tokens)) for _, tokens in self.stored(nonces, "groupArray(toString(ip_token))")]

    def nothing_is_lost_and_nothing_is_twice(self) -> bool:
        rows = self.rows.admin.query(
            "SELECT nonce, count() FROM pixel.events WHERE nonce != 0 GROUP BY nonce"
        ).result_rows
        return {nonce for nonce, _ in rows} == self.sent and all(number == 1 for _, number in rows)


@pytest.fixture(name="pair")
def two_hosts(tables: Rows, tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path, tables)
    try:
        yield pair
    finally:
        for host in (pair.a, pair.b):
            for process in host.processes.values():
                process.kill()
                process.wait()
        tables.clear()


def test_two_hosts_with_copied_keys_write_one_pseudonym_and_a_renamed_one_stays_the_same(pair: Pair) -> None:
    assert "made" in pair.a.command("keys", "mint", "--days", "14", "--format", "csv")
    pair.copy_keys()
    pair.a.start()
    wait_until(lambda: pair.a.reported(pair.rows.settings), "the report of a", seconds=120)
    pair.b.start()
    wait_until(lambda: pair.b.reported(pair.rows.settings), "the report of b", seconds=120)
    of_a, of_b = pair.tokens(pair.hit_both())
    assert len(of_a) == len(ADDRESSES)
    assert of_a == of_b
    assert "several hosts would look for problems, score and publish: a, b. Only a does" in pair.b.command("doctor")
    pair.b.stop()
    pair.b.given |= {"PIXEL_COLLECTOR__NAME": "c", "PIXEL_SHIP__EVALUATOR": "a"}
    pair.b.start()
    wait_until(lambda: pair.b.reported(pair.rows.settings), "the report of c", seconds=120)
    told = pair.b.command("doctor")
    assert "hosts: a, c; a looks for problems, scores and publishes; clocks differ by at most" in told
    pair.hit_both()
    wait_until(pair.nothing_is_lost_and_nothing_is_twice, "every hit once", seconds=120)


def test_a_late_key_and_a_wrong_key_cost_tokens_and_no_event_and_are_named(pair: Pair) -> None:
    today = datetime.now(UTC).date()
    pair.a.command("keys", "mint", "--days", "14")
    pair.copy_keys()
    late, wrong = pair.b.keys / f"{today}.key", os.urandom(32)
    late.unlink()
    pair.a.start()
    wait_until(lambda: pair.a.reported(pair.rows.settings), "the report of a", seconds=120)
    pair.b.start()
    status, said = pair.b.ready()
    assert (status, f"{today}.key: missing, and this process may not make it" in said) == (503, True)
    assert f"hosts: b has no key {today}, which is needed from {today} (UTC) on" in said
    of_a, of_b = pair.tokens(pair.hit_both())
    assert len(of_a) == len(ADDRESSES)
    assert of_b == {"::"}, "events are kept without tokens, and no other key is made"
    assert not late.exists()

    late.write_bytes(wrong)
    late.chmod(0o600)
    wait_until(lambda: pair.b.ready()[0] == 200, "the collector to be ready with the key of today", seconds=60)
    of_a, of_b = pair.tokens(pair.hit_both())
    assert len(of_b) == len(ADDRESSES)
    assert not of_a & of_b, "a visitor of both counts twice"
    pair.b.stop("ship")
    pair.b.start("ship")
    differ = f"hosts have different keys {today} ("
    wait_until(lambda: differ in pair.b.ready()[1], "the different key to be named", seconds=120)
    assert pair.b.ready()[0] == 200, "a collector that can keep hits is not taken out for it"
    assert differ in pair.a.command("doctor")
    assert f"на узлах разные ключи {today} (" in pair.a.command("doctor", "--lang", "ru")

    pair.copy_keys()

    def is_right() -> bool:
        of_a, of_b = pair.tokens(pair.hit_both())
        return of_a == of_b

    wait_until(is_right, "the right key to be in force, without a restart", seconds=120)
    pair.b.stop("ship")
    pair.b.start("ship")
    wait_until(lambda: differ not in pair.b.ready()[1], "the finding to end", seconds=120)
    wait_until(pair.nothing_is_lost_and_nothing_is_twice, "every hit once", seconds=120)


def test_a_clock_two_hours_ahead_is_named_and_loses_no_event(pair: Pair) -> None:
    pair.a.command("keys", "mint", "--days", "14")
    pair.copy_keys()
    pair.b.ahead_seconds = TWO_HOURS
    pair.a.start()
    pair.b.start()
    wait_until(lambda: pair.b.reported(pair.rows.settings), "the report of b", seconds=120)
    nonces = pair.hit_both()
    (_, of_a), (_, of_b) = pair.stored(nonces, "avg(toUnixTimestamp64Milli(received_at)) / 1000")
    assert abs(of_b - of_a - TWO_HOURS) < 300
    days = pair.stored(nonces, "countIf(epoch = toDate(received_at)) = count()")
    assert [agree for _, agree in days] == [1, 1], "key, day and partition are those of one clock"
    (seconds,) = [host.clock_ms / 1000 for host in look_now(pair.rows.settings).hosts if host.host == "b"]
    assert abs(seconds - TWO_HOURS) < 60
    told = pair.a.command("doctor")
    assert re.search(r"the clock of b is 7,[12]\d\d\.\d s ahead of that of ClickHouse", " ".join(told.split()))
    assert pair.nothing_is_lost_and_nothing_is_twice()
