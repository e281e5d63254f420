"""Measurements with tiny numbers: real processes, real load."""

import os
import shutil
import signal
import sys

import pytest

from bench.effort import Effort
from bench.measurements import calls, collector
from bench.processes import cpu_seconds, family, memory_mb, running

WITH_WRK = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed (Debian package wrk)")


@WITH_WRK
@pytest.mark.slow
def test_a_collector_is_measured_beside_an_empty_app(tmp_path):
    findings = collector.guarded(Effort(tmp_path, runs=1, seconds=1))
    medians = {figure.key: figure.median for figure in findings.figures}
    assert medians["collector.empty.cpu_us"] > 0
    assert medians["collector.fsync.cpu_ratio"] > 0
    assert medians["collector.adversarial.cpu_ratio"] > 1


def test_a_measurement_without_its_program_is_skipped_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert collector.measure(Effort(tmp_path)).skipped == ("collector: wrk is not installed",)


def test_calls_are_counted_exactly():
    def work():
        for number in range(10):
            abs(number)
            str.upper("a")

    assert calls.counted(work) == calls.counted(work) == 22  # with `work` and `setprofile` itself


def test_a_program_is_ended_with_its_block_and_counts_its_children(tmp_path):
    ready = tmp_path / "ready"
    child = "import time; time.sleep(60)"
    code = f"import subprocess, sys, pathlib; p = subprocess.Popen([sys.executable, '-c', {child!r}]); pathlib.Path({str(ready)!r}).touch(); p.wait()"
    with running([sys.executable, "-c", code], ready=ready.exists) as program:
        processes = family(program.pid)
        assert len(processes) == 2
        assert program.memory_mb() > memory_mb(program.pid) > 1
        for pid in processes[1:]:
            os.kill(pid, signal.SIGTERM)
    assert cpu_seconds(program.pid) == 0.0


def test_a_program_that_does_not_start_ends_the_run():
    with pytest.raises(SystemExit, match="not ready"), running([sys.executable, "-c", "0"], url="http://127.0.0.1:9"):
        pass
