"""Nothing of a canary is written anywhere: up, down, killed, stopped, logging all it can, behind nginx.

One system runs for the whole module, every process of it with debug logging on; a test may kill its parts and waits
until they are back.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from random import Random, SystemRandom

import pytest
from typer.testing import CliRunner

from pipeline.cli import build_app
from pipeline.database.access import make_passwords
from pipeline.database.client import connect, ping
from pipeline.errors import Fatal, Retryable
from pipeline.privacy_check import run
from pipeline.privacy_check.byte_search import Search
from pipeline.privacy_check.canaries import CONNECTION, draw, marker
from pipeline.privacy_check.places import Searching, search_files, search_metrics, search_tables
from pipeline.privacy_check.requests import plan
from pipeline.privacy_check.run import direct_url, verify
from pipeline.privacy_check.send import send
from pipeline.traffic.replay import new_nonces
from support.command import free_port
from support.nginx import Nginx, shipped
from support.processes import child
from support.system import System
from support.waiting import wait_until

# Loaded by every Python process of the system before its own first line.
LOUD = """\
import logging
logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(name)s %(message)s")
logging.Logger.setLevel = lambda self, level: None  # whoever wants less gets it all
"""


@pytest.fixture(scope="module")
def loud(tmp_path_factory):
    home = tmp_path_factory.mktemp("loud")
    (home / "sitecustomize.py").write_text(LOUD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(home))
        patch.setenv("PYTHONASYNCIODEBUG", "1")
        system = System(home / "system")
        try:
            yield system.start()
        finally:
            system.stop()


@pytest.fixture
def whole(loud):
    """The loud system with every part running."""
    for part in ("collect", "ship", "clickhouse"):
        wait_until(lambda name=part: child(loud, name) is not None, part)
    wait_until(loud.answers, "the collector")
    wait_until(lambda: ping(loud.settings), "ClickHouse")
    return loud


class Attack:
    """Canaries against a system whose parts may die meanwhile."""

    def __init__(self, system: System, url: str = "") -> None:
        random = SystemRandom()
        self.system = system
        self.url = url or system.url
        self.canaries, self.marker = draw(random), marker(random)
        self.requests = plan(self.canaries, system.settings.sites[0], self.marker.text)
        self.since_ns = time.time_ns()
        self.sent = 0
        self.sources = [canary.text for canary in self.canaries if canary.place == CONNECTION]

    def send(self, every: int = 1, first: int = 0) -> None:
        ticket = (self.system.settings.secrets_dir / "replay.ticket").read_text().strip()

        def counted():
            for request in (*self.requests[first:-1:every], self.requests[-1]):
                self.sent += 1
                yield request

        send(counted(), self.url, ticket=ticket, sources=self.sources, first_nonce=new_nonces())

    def search(self, *also: Path, tables: bool = True):
        searching = Searching(Search([*self.canaries, self.marker]))
        roots = [self.system.home, *also]
        search_files(searching, self.system.settings, roots, since_ns=self.since_ns)
        if tables:
            search_tables(searching, self.system.settings, since_ns=self.since_ns)
            search_metrics(searching, direct_url(self.system.settings))
        return searching.proof()


def test_a_running_system_writes_no_canary_and_the_report_says_what_was_searched(whole):
    done = whole.run("verify-privacy", "--also", str(whole.home), "--format", "json")
    report = json.loads(done.stdout)
    assert report["finds"] == []
    assert report["accepted_events"] == report["stored_events"] > 200
    assert report["control_found"] > 1000
    searched = {row["searched"]: row["bytes"] for row in report["searched"]}
    for area in ("spool", "journal", "run", "tables", "ClickHouse data", "ClickHouse data, unpacked", "metrics"):
        assert searched[area] > 0, area
    assert searched["given with --also"] > 0
    assert "nothing found" in done.stderr
    assert "DEBUG" in whole.log.read_text()


@pytest.mark.parametrize(
    ("part", "number"),
    [
        ("collect", signal.SIGTERM),
        ("collect", signal.SIGKILL),
        ("ship", signal.SIGTERM),
        ("ship", signal.SIGKILL),
        ("clickhouse", signal.SIGKILL),
    ],
)
def test_a_part_that_ends_under_attack_writes_no_canary(whole, part, number):
    attack = Attack(whole)
    attack.send(every=4)
    process = child(whole, part)
    with ThreadPoolExecutor(1) as pool:
        before = attack.sent
        under_way = pool.submit(attack.send, every=3, first=1)
        wait_until(lambda: attack.sent > before + 10, "the attack to be under way")
        os.kill(process, number)
        wait_until(lambda: child(whole, part) not in (None, process), f"{part} to be back")
        under_way.result()
    wait_until(whole.answers, "the collector")
    wait_until(lambda: ping(whole.settings), "ClickHouse")
    attack.send(every=9)
    wait_until(lambda: _stored(whole, attack.marker.text), "the last event", seconds=60)
    proof = attack.search()
    assert proof.leaks == ()
    assert proof.area("ClickHouse data, unpacked").marked


def test_a_database_that_hangs_makes_nobody_write_a_canary(whole):
    attack = Attack(whole)
    process = child(whole, "clickhouse")
    os.kill(process, signal.SIGSTOP)
    try:
        attack.send(every=2)
        proof = attack.search(tables=False)
    finally:
        os.kill(process, signal.SIGCONT)
    assert proof.leaks == ()
    assert proof.area("spool").marked
    wait_until(lambda: _stored(whole, attack.marker.text), "the last event")
    assert attack.search().leaks == ()


class Lonely(System):
    """A system whose database is somewhere else and does not answer."""

    def migrated(self) -> bool:
        return True


def test_a_system_without_its_database_writes_no_canary(tmp_path):
    system = Lonely(tmp_path, clickhouse={"url": f"http://127.0.0.1:{free_port()}"})
    make_passwords(system.settings)
    try:
        system.start()
        with pytest.raises(Retryable, match="does not answer"):
            verify(system.settings, SystemRandom())
        done = verify(system.settings, SystemRandom(), also=[system.home], wait=False)
    finally:
        system.stop()
    assert done.leaks == ()
    assert done.sent.events > 200
    assert done.proof.area("spool").marked
    assert done.proof.waiting > 0
    assert done.proof.area("tables").pieces == 0


def test_a_find_is_named_by_place_and_form_and_never_shown(whole, monkeypatch):
    leaked: list[str] = []

    def careless(requests, url, **named):
        given = [value for request in requests for _, value in request.headers]
        address = next(value for value in given if value.startswith("2001:db8:"))
        mail = next(value.removeprefix("Basic ") for value in given if "@" in value)
        leaked.extend((address, mail))
        (whole.settings.run_dir / "notes").write_bytes(b"seen " + ip_address(address).packed.hex().encode())
        with connect(whole.settings, "pixel_writer") as writer:
            row = [datetime.now(UTC), f"bad value {mail}"]
            writer.insert("rejects", [row], column_names=["received_at", "reason"], database="pixel")
        return send(requests, url, **named)

    monkeypatch.setattr(run, "send", careless)
    done = CliRunner().invoke(
        build_app(), ["verify-privacy", "--config", str(whole.config), "--format", "json"], catch_exceptions=False
    )
    (whole.settings.run_dir / "notes").unlink()
    assert done.exit_code == 1
    finds = {(Path(find["where"]).name, find["what"], find["written as"]) for find in json.loads(done.stdout)["finds"]}
    assert ("notes", "IPv6 address", "hexadecimal") in finds
    assert ("pixel.rejects.reason", "e-mail address", "text") in finds
    assert ("data.bin, unpacked", "e-mail address", "text") in finds
    assert not any(text.partition("@")[0] in done.output for text in leaked)


@pytest.mark.parametrize(("count", "finds"), [(1, []), (2, ["packed", "packed"])])
def test_four_bytes_count_only_when_two_addresses_are_found_alike(whole, monkeypatch, count, finds):
    note = whole.settings.run_dir / "bytes"

    def careless(requests, url, **named):
        packed = [ip_address(request.headers[0][1]).packed for request in requests if request.attempt == "X-Real-IP"]
        note.write_bytes(b"\x01" + b"\x02".join(packed[:count]) + b"\x03")
        return send(requests[-1:], url, **named)

    monkeypatch.setattr(run, "send", careless)
    done = verify(whole.settings, SystemRandom(), wait=False)
    note.unlink()
    assert [leak.form for leak in done.leaks] == finds


def test_looking_at_the_wrong_directory_is_no_proof(whole, tmp_path):
    elsewhere = whole.settings.model_copy(update={"data": tmp_path})
    shutil.copytree(whole.settings.secrets_dir, elsewhere.secrets_dir)
    with pytest.raises(Fatal, match="search failed"):
        verify(elsewhere, Random(), wait=True)


def _stored(system: System, ad: str) -> bool:
    try:
        return system.rows("SELECT count() FROM pixel.events WHERE ad = {ad:String}", ad=ad)[0][0] >= 1
    except Retryable:
        return False


@pytest.mark.parametrize(("level", "quiet"), [("emerg", True), ("info", False)])
def test_nginx_as_shipped_writes_no_canary_even_while_the_collector_is_away(whole, tmp_path, level, quiet):
    port, log = free_port(), tmp_path / "clinic-pixel.error.log"
    lines = shipped(tmp_path, whole.settings.collector.port, listen=f"127.0.0.1:{port}", error_log=f"{log} {level}")
    with Nginx(tmp_path, port, lines):
        attack = Attack(whole, f"http://127.0.0.1:{port}")
        attack.send(every=2)
        process = child(whole, "collect")
        os.kill(process, signal.SIGKILL)
        attack.send(every=2, first=1)
        wait_until(lambda: child(whole, "collect") not in (None, process), "the collector to be back")
        wait_until(whole.answers, "the collector")
        attack.send(every=20)
        wait_until(lambda: _stored(whole, attack.marker.text), "the last event")
        proof = attack.search(tmp_path, tables=quiet)
    places = {Path(leak.where).name for leak in proof.leaks}
    assert places == (set() if quiet else {log.name})
