"""An error that nobody foresaw in the collector: one log line, the end of the process, and a new one in its place."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from collector.app import Collector
from pipeline.event import Event
from pipeline.settings.model import Settings
from pipeline.spool.records import read
from pipeline.system.faults import EXIT_UNFORESEEN
from pipeline.system.hardening import dumpable
from support.command import CLI, free_port, plain_environment
from support.processes import child, children, command_of
from support.system import System
from support.waiting import wait_until

PLANTED = """\
from pathlib import Path
from pipeline.spool.writer import SegmentWriter

write = SegmentWriter.write

def fail_once(self, data):
    if b"/planted" in data:
        Path({flag!r}).unlink()
        raise ValueError("the text of the visitor")
    write(self, data)

if Path({flag!r}).exists():
    SegmentWriter.write = fail_once
"""


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Plant a fault in every process that is started: writing the page `/planted` fails as long as this file is there."""
    flag, site = tmp_path / "flag", tmp_path / "site"
    site.mkdir()
    flag.touch()
    (site / "sitecustomize.py").write_text(PLANTED.format(flag=str(flag)))
    monkeypatch.setenv("PYTHONPATH", str(site))
    return flag


class Collecting:
    """A running `clinic-pixel collect`."""

    def __init__(self, data: Path, *, workers: int = 1) -> None:
        self.data, self.log, port = data, data.with_name("log"), free_port()
        self.url = f"http://127.0.0.1:{port}"
        given = {"PIXEL_DATA": str(data), "PIXEL_COLLECTOR__PORT": str(port), "PIXEL_COLLECTOR__WORKERS": str(workers)}
        with self.log.open("ab") as stream:
            self.process = subprocess.Popen([*CLI, "collect"], env=plain_environment(**given), stderr=stream)
        wait_until(lambda: self.get("/health/ready") == 200, "the collector to be ready")

    def get(self, path: str) -> int:
        try:
            return urllib3.request("GET", f"{self.url}{path}", retries=False).status
        except urllib3.exceptions.HTTPError:
            return 0

    def hit(self, page: str) -> int:
        return self.get(f"/p.gif?s=clinic&u=https://clinic.example{page}")

    def pages(self) -> list[str]:
        files = [file for file in (self.data / "spool").iterdir() if file.suffix in (".open", ".seg")]
        return [record.page for file in files for record in read(file) if isinstance(record, Event)]

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture
def collecting(tmp_path: Path, planted: Path, request: pytest.FixtureRequest) -> Iterator[Collecting]:
    running = Collecting(tmp_path / "var", workers=getattr(request, "param", 1))
    yield running
    running.end()


def faults(log: Path) -> list[str]:
    return [line for line in log.read_text().splitlines() if "unforeseen" in line]


def test_the_process_answers_503_says_it_in_one_line_and_ends(collecting: Collecting) -> None:
    assert collecting.hit("/kept") == 200
    assert collecting.hit("/planted") == 503
    assert collecting.process.wait(20) == EXIT_UNFORESEEN
    (line,) = faults(collecting.log)
    assert "spool w0: unforeseen ValueError at sitecustomize.py:" in line
    assert len(collecting.log.read_text().splitlines()) == 2  # that it collects, and that it ends
    assert collecting.pages() == ["/kept"]


@pytest.mark.parametrize("collecting", [2], indirect=True)
def test_of_several_processes_only_the_one_with_the_fault_is_replaced(collecting: Collecting) -> None:
    before = set(children(collecting.process.pid))
    assert collecting.hit("/planted") == 503
    wait_until(lambda: len(before - set(children(collecting.process.pid))) == 1, "the process with the fault to end")
    wait_until(lambda: len(set(children(collecting.process.pid)) - before) == 1, "a new process")
    wait_until(lambda: collecting.hit("/after") == 200, "hits to be taken")
    assert len(faults(collecting.log)) == 1
    assert "Traceback" not in collecting.log.read_text()


@pytest.mark.parametrize("collecting", [2], indirect=True)
def test_processes_end_when_the_one_that_started_them_is_killed(collecting: Collecting) -> None:
    started = children(collecting.process.pid)
    assert len(started) >= 2
    os.kill(collecting.process.pid, signal.SIGKILL)
    wait_until(lambda: not any("multiprocessing" in command_of(pid) for pid in started), "the processes to end")


def test_under_up_the_collector_answers_again(tmp_path: Path, planted: Path) -> None:
    system = System(tmp_path)
    try:
        system.start()
        first = child(system, "collect")
        nonces = system.nonces(2)
        assert system.pixel(u="https://clinic.example/kept", n=str(nonces[0])).status == 200
        assert system.pixel(u="https://clinic.example/planted").status == 503
        wait_until(lambda: child(system, "collect") not in (None, first), "a new collector")
        wait_until(system.answers, "the collector to be ready")
        assert system.pixel(u="https://clinic.example/after", n=str(nonces[1])).status == 200
        system.wait_for(nonces)
        assert system.rows("SELECT page FROM pixel.events ORDER BY page") == [("/after",), ("/kept",)]
        assert f"collect ended (exit code {EXIT_UNFORESEEN})" in system.log.read_text()
    finally:
        system.stop()


def test_an_application_that_is_only_built_changes_nothing_of_its_process(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_CORE), dumpable()
    Collector(Settings(data=tmp_path))
    assert (resource.getrlimit(resource.RLIMIT_CORE), dumpable()) == before
