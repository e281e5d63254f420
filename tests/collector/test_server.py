"""The collector as it is really started: what its process believes, says and could leave behind."""

from __future__ import annotations

import gc
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from collector import server
from collector.server import _listen, begin
from pipeline.errors import Fatal
from pipeline.event import Event
from pipeline.operations.collector_checks import networks, proxies
from pipeline.settings.model import Settings
from pipeline.spool.records import read
from support.command import CLI, free_port, plain_environment
from support.databases import write_countries
from support.signing import AGENT, Program
from support.waiting import wait_until


class Collecting:
    """A running `clinic-pixel collect` with default settings but for its place and the `settings` given."""

    def __init__(self, data: Path, log: Path, workers: int, **settings: str) -> None:
        self.data, self.log, port = data, log, free_port()
        self.url = f"http://127.0.0.1:{port}"
        given = {"PIXEL_DATA": str(data), "PIXEL_COLLECTOR__PORT": str(port), "PIXEL_COLLECTOR__WORKERS": str(workers)}
        self.settings = given | settings
        with log.open("wb") as stream:
            self.process = subprocess.Popen([*CLI, "collect"], env=plain_environment(**self.settings), stderr=stream)
        wait_until(self._answers, seconds=30)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return urllib3.request("GET", f"{self.url}/health/ready", retries=False).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def events(self) -> list[Event]:
        files = [file for file in (self.data / "spool").iterdir() if file.suffix in (".open", ".seg")]
        return [record for file in files for record in read(file) if isinstance(record, Event)]


@pytest.fixture(params=[1, 2], ids=["one process", "two processes"])
def collecting(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Collecting]:
    running = Collecting(tmp_path / "var", tmp_path / "log", request.param)
    yield running
    running.process.terminate()
    running.process.wait(30)


def test_it_believes_no_header_and_tells_nothing_of_a_visitor(collecting: Collecting) -> None:
    headers = {"X-Forwarded-For": "2001:db8::77", "Forwarded": "for=203.0.113.7", "User-Agent": "Visitor/1.0"}
    answer = urllib3.request("GET", f"{collecting.url}/p.gif?s=clinic&u=https://clinic.example/seen", headers=headers)
    assert answer.status == 200
    assert "server" not in answer.headers
    (event,) = collecting.events()
    assert event.ip_version == 4  # the connection's, not the header's
    (line,) = collecting.log.read_text().splitlines()
    assert line.startswith("collecting on ")


def test_a_signed_request_proves_its_name_once_and_its_headers_are_kept_nowhere(tmp_path: Path) -> None:
    program, keys = Program(), tmp_path / "agent.json"
    keys.write_text(json.dumps({"keys": [program.jwk()]}))
    known = json.dumps([{"name": "agent", "url": AGENT, "file": str(keys)}])
    running = Collecting(tmp_path / "var", tmp_path / "log", 1, PIXEL_NETWORKS__SIGNED_AGENTS=known)
    try:
        now = int(time.time())
        authority = running.url.partition("://")[2]
        times = {"created": now - 1, "expires": now + 60}
        signed = program.headers(parameters=times, authority=authority)
        foreign = program.headers(parameters={**times, "nonce": "other"}, authority="other.example")
        for headers in (signed, signed, foreign, {}):
            answer = urllib3.request("GET", f"{running.url}/p.gif?s=clinic", headers={"User-Agent": "A", **headers})
            assert answer.status == 200
        facts = [(event.agent_signed, event.signer) for event in running.events()]
    finally:
        running.process.terminate()
        running.process.wait(30)
    assert facts == [("verified", "agent"), ("failed", ""), ("failed", ""), ("none", "")]
    written = b"".join(file.read_bytes() for file in (tmp_path / "var").rglob("*") if file.is_file())
    assert b"bm9uY2U=" not in written
    assert program.id.encode() not in written


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_it_can_leave_no_core_behind(collecting: Collecting) -> None:
    limits = Path(f"/proc/{collecting.process.pid}/limits").read_text().splitlines()
    (core,) = [line.split() for line in limits if line.startswith("Max core file size")]
    assert core[4:6] == ["0", "0"]


def test_it_answers_after_its_look_up_file_was_cut_in_place_and_doctor_tells_it(tmp_path: Path) -> None:
    file = write_countries(tmp_path / "country.mmdb", "RU")
    running = Collecting(tmp_path / "var", tmp_path / "log", 1, PIXEL_NETWORKS__COUNTRY_MMDB=str(file))
    try:
        settings = Settings.model_validate(
            {
                "data": tmp_path / "var",
                "collector": {"port": running.settings["PIXEL_COLLECTOR__PORT"]},
                "networks": {"country_mmdb": file},
            }
        )
        assert any("the collector has the file of " in text for state, text in networks(settings) if state == "ok")
        os.truncate(file, 0)
        for _ in range(3):
            assert urllib3.request("GET", f"{running.url}/p.gif?s=clinic", retries=False).status == 200
        assert running.process.poll() is None
        told = [text for state, text in networks(settings) if state != "ok"]
        assert any("country.mmdb: networks.country_mmdb is not a readable MMDB" in text for text in told)
        assert any("the collector has the file of " in text for text in told)
    finally:
        running.process.terminate()
        running.process.wait(30)


def test_a_forgotten_proxy_is_told_in_the_operators_words(tmp_path: Path) -> None:
    running = Collecting(tmp_path / "var", tmp_path / "log", 1)
    try:
        port = running.settings["PIXEL_COLLECTOR__PORT"]
        settings = Settings.model_validate({"data": tmp_path / "var", "collector": {"port": port}})
        assert [state for state, _ in proxies(settings)] == ["ok"]
        for number in range(3):
            headers = {"X-Forwarded-For": f"198.51.100.{number}"}
            assert urllib3.request("GET", f"{running.url}/p.gif?s=clinic", headers=headers).status == 200
        ((state, text),) = proxies(settings)
        assert state == "problem"
        assert text.startswith("3 forwarded clients came from a proxy on this machine")
        advice = 'all visitors behind the proxy count as one; set collector.trusted_proxies = ["127.0.0.1/32"]'
        assert advice in text
    finally:
        running.process.terminate()
        running.process.wait(30)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 on this machine")
@pytest.mark.parametrize("host", ["::", "0:0::0"])
def test_the_unspecified_ipv6_address_listens_on_both_families(host: str) -> None:
    with _listen(host, free_port()) as listener:
        port = listener.getsockname()[1]
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, port), timeout=5).close()


@pytest.mark.parametrize("host", ["[::]", "http://localhost", "nowhere.invalid"])
def test_a_host_that_is_no_address_is_refused_by_name(host: str) -> None:
    with pytest.raises(Fatal, match=r"collector\.host: .*" + re.escape(host)):
        _listen(host, free_port())


def test_garbage_collection_never_looks_at_the_tables_of_the_start_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("harden_process", "lock_memory"):
        monkeypatch.setattr(server, name, lambda: None)
    try:
        app = begin(Settings(data=tmp_path), os.getpid())
        assert gc.get_freeze_count() > 0
        assert not any(one is app.process.tables for one in gc.get_objects())
    finally:
        gc.unfreeze()


def test_the_product_answers_the_usual_hit_the_direct_way(collecting: Collecting) -> None:
    request = b"GET /p.gif?s=nobody HTTP/1.1\r\nHost: a\r\n\r\n"
    with socket.create_connection(("127.0.0.1", urllib3.util.parse_url(collecting.url).port or 0), timeout=15) as peer:
        peer.sendall(request + b"junk\r\n\r\n")
        said = b"".join(iter(lambda: peer.recv(65536), b""))
    # The task of the reference way would not have begun before the junk closes the connection.
    assert re.findall(rb"HTTP/1.1 (\d+)", said) == [b"404", b"400"]
