"""Each extra is enough for its commands, and a command without its extra names the one to install."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from pipeline.cli import EXTRA_OF
from support.command import free_port, plain_environment
from support.distributions import ROOT
from support.extras import lacking, needed, run
from support.waiting import wait_until

ADVICE = "clinic-pixel: this command needs more packages: pip install 'clinic-pixel[{}]'"
NO_COLLECTOR = "no collector answers at "
NO_LISTS = "networks.lists: expected at least one address list"
NO_ENGINE = ADVICE.format("embedded") + ", or set PIXEL_CLICKHOUSE__URL"


WORKS = {
    "": ("--version", "keys list", "subject list", "simulate --fault list", "snippet"),
    "ship": (
        "migrate --print", "migrate --grants sql", "doctor --format json", "snippet", "report --list",
        "connect ops --format json",
    ),
    "dashboards": ("user list", "snippet", "doctor --format json"),
}  # fmt: skip
"""Extra -> commands that do all of their work without a database."""

LACKS = {
    "": {
        "ship": "ship", "doctor": "ship", "migrate --print": "ship", "report --list": "ship",
        "problems list": "ship", "fraud cases": "ship", "verify-privacy": "ship", "lists build": "lists",
        "lists fetch": "lists", "dashboards": "dashboards", "user list": "dashboards", "up": "embedded",
        "clickhouse": "embedded",
    },
    "ship": {"dashboards": "dashboards", "up": "embedded", "lists build": "lists"},
    "lists": {"ship": "ship", "dashboards": "dashboards", "up": "embedded"},
    "dashboards": {"lists fetch": "lists", "up": "embedded", "clickhouse": "embedded"},
}  # fmt: skip
"""Extra -> command -> the extra that it asks for."""


@pytest.mark.parametrize("extra", WORKS)
def test_the_commands_of_an_extra_work_with_its_packages_alone(tmp_path, extra):
    for command, code, printed in run([extra] if extra else [], WORKS[extra], tmp_path):
        assert "needs more packages" not in printed, command
        assert "Traceback" not in printed, command
        assert code in ((0, 1) if command.startswith("doctor") else (0,)), (command, printed)


@pytest.mark.parametrize("extra", LACKS)
def test_a_command_without_its_extra_says_in_one_line_which_one_to_install(tmp_path, extra):
    wanted = LACKS[extra]
    for command, code, printed in run([extra] if extra else [], list(wanted), tmp_path):
        line = NO_ENGINE if wanted[command] == "embedded" else ADVICE.format(wanted[command])
        assert (code, printed.strip()) == (1, line), command


def test_each_extra_is_enough_for_its_own_commands(tmp_path):
    tried = {("verify",): ("verify-privacy", NO_COLLECTOR), ("lists",): ("lists build", NO_LISTS)}
    for extras, (command, answer) in tried.items():
        ((_, _, printed),) = run(extras, [command], tmp_path)
        assert answer in printed


@pytest.mark.parametrize("extra", ["", "ship", "lists", "verify", "dashboards", "embedded"])
def test_an_extra_brings_the_modules_that_the_command_line_says_it_brings(extra):
    missing = set(lacking([extra] if extra else []))
    assert {module for module, named in EXTRA_OF.items() if named == extra} & missing == set()
    assert ("chdb" in missing) is (extra != "embedded")
    assert ("clickhouse_connect" in missing) is (extra in {"", "lists"})
    assert "pytest" in missing, "what is for developers is in no extra"
    assert needed([extra] if extra else []) >= needed([])


def test_a_collector_without_any_extra_stores_a_hit_and_loads_no_database_client(tmp_path):
    port = free_port()
    code = f"import sys; sys.modules.update(dict.fromkeys({lacking([])!r})); from pipeline.cli import main; main()"
    settings = {"PIXEL_DATA": str(tmp_path / "var"), "PIXEL_COLLECTOR__PORT": str(port), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", code, "collect"],
        cwd=tmp_path,
        env=plain_environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            wait_until(lambda: process.poll() is not None or _answers(port), "the collector", seconds=120)
            url = f"http://127.0.0.1:{port}/p.gif?s=clinic&u=https://clinic.example/"
            with urllib.request.urlopen(url, timeout=10) as answer:
                assert answer.status == 200
        finally:
            process.terminate()
            printed = process.communicate(timeout=60)[0]
    assert "Traceback" not in printed
    assert [file for file in Path(tmp_path / "var" / "spool").rglob("*") if file.is_file() and file.stat().st_size]


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
