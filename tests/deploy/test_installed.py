"""The built wheel in environments where nothing else is, outside of the source tree: each extra, with pipx, without network.

These tests install hundreds of megabytes, so they run only with INSTALL_TESTS=1.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from pipeline import __version__
from support.command import free_port
from support.distributions import ROOT, build
from support.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("INSTALL_TESTS"), reason="INSTALL_TESTS is not set: installs packages"),
]

JOURNEY = ROOT / "tests" / "support" / "installed_journey.py"
UV = Path(sys.executable).with_name("uv")
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIXEL_", "VIRTUAL_ENV"))}
OFFLINE = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
"""A command in a namespace of its own, where nothing but loopback is."""


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build(ROOT, folder, "wheel")
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    return next(dist.glob("*.whl"))


def run(*command: str | Path, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)), cwd=cwd, env=PLAIN | more, capture_output=True, text=True, check=False, timeout=1800
    )


def installed(wheel: Path, extra: str, folder: Path) -> Path:
    """Install the wheel with one extra into an environment of its own; return the program."""
    for command in (
        ("venv", "--quiet", "--python", sys.executable, "env"),
        ("pip", "install", "--quiet", "--python", "env", f"{wheel}[{extra}]" if extra else wheel),
    ):
        done = run(UV, *command, cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder / "env" / "bin" / "clinic-pixel"


def walked(seen: dict[str, Any]) -> None:
    """Assert that the first minutes of a newcomer went well."""
    assert seen["hit"] == "GIF89a"
    assert {name: seen["counted"][name] for name in ("offered", "spooled", "stored")} == {
        "offered": 1, "spooled": 1, "stored": 1,
    }  # fmt: skip
    assert "<title>Choose a name and a password" in seen["page"]
    assert f'version="{__version__}"' in seen["metrics"]
    for command, said in seen["commands"].items():
        assert "Traceback" not in said["err"], command
        assert said["code"] == 0, (command, said["err"], said["out"][-2000:])
        assert said["out"], command
    assert str(ROOT) not in json.dumps(seen), "the source tree is read"


def test_pipx_installs_it_and_a_newcomer_sees_the_first_hit_in_an_empty_folder(wheel, tmp_path):
    assert run(UV, "venv", "--quiet", "--python", sys.executable, "pipx", cwd=tmp_path).returncode == 0
    assert run(UV, "pip", "install", "--quiet", "--python", "pipx", "pipx", cwd=tmp_path).returncode == 0
    places = {
        "PIPX_HOME": str(tmp_path / "home"),
        "PIPX_BIN_DIR": str(tmp_path / "bin"),
        "PIPX_MAN_DIR": str(tmp_path / "man"),
    }
    done = run(
        tmp_path / "pipx/bin/pipx", "install", "--python", sys.executable, f"{wheel}[embedded]", cwd=tmp_path, **places
    )
    assert done.returncode == 0, done.stderr
    (tmp_path / "clinic").mkdir()
    done = run(sys.executable, JOURNEY, tmp_path / "bin/clinic-pixel", cwd=tmp_path / "clinic")
    assert done.returncode == 0, done.stderr
    walked(json.loads(done.stdout))


def test_a_wheelhouse_installs_and_runs_without_network(dist, tmp_path):
    if run(*OFFLINE, "true", cwd=tmp_path).returncode:
        pytest.skip("no network namespace may be made here (unshare and ip of util-linux and iproute2, as root)")
    house = tmp_path / "wheelhouse"
    done = run(sys.executable, ROOT / "deploy/wheelhouse.py", dist, house, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr
    assert f"Python {sys.version_info[0]}.{sys.version_info[1]}:" in (house / "README.txt").read_text()
    assert run(sys.executable, "-m", "venv", "env", cwd=tmp_path).returncode == 0
    alone = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    offline = ("--no-index", "--find-links", ".", "--require-hashes", "--requirement", "requirements.txt")
    done = run(*OFFLINE, tmp_path / "env/bin/pip", "install", "--quiet", *offline, cwd=house, **alone)
    assert done.returncode == 0, done.stderr
    (tmp_path / "clinic").mkdir()
    done = run(*OFFLINE, sys.executable, JOURNEY, tmp_path / "env/bin/clinic-pixel", cwd=tmp_path / "clinic")
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    walked(seen)
    results = json.loads(seen["commands"]["doctor --format json"]["out"])
    missing = [each["text"] for each in results if each["check"] == "networks" and "stays unknown" in each["text"]]
    assert len(missing) == 3
    for file in (house / "networks").glob("*.whl"):
        done = run(
            *OFFLINE, tmp_path / "env/bin/clinic-pixel", "lists", "fetch", "--from", file, cwd=tmp_path / "clinic"
        )
        assert done.returncode == 0, done.stderr
    assert {file.name for file in (tmp_path / "clinic/var/networks").glob("*.mmdb")} == {
        "asn.mmdb", "country.mmdb", "crawlers.mmdb",
    }  # fmt: skip


def test_a_collector_host_collects_with_the_bare_wheel(wheel, tmp_path):
    program, port = installed(wheel, "", tmp_path), free_port()
    assert list(tmp_path.glob("env/lib/*/site-packages/clickhouse_connect")) == []
    with subprocess.Popen(
        [program, "collect"], cwd=tmp_path, env=PLAIN | {"PIXEL_COLLECTOR__PORT": str(port)}
    ) as process:
        try:

            def collects() -> bool:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5) as answer:
                        return bool(answer.status == 200)
                except OSError:
                    return False

            wait_until(collects, "the collector", seconds=120)
            url = f"http://127.0.0.1:{port}/p.gif?s=clinic&u=https://clinic.example/"
            with urllib.request.urlopen(url, timeout=20) as answer:
                assert answer.read().startswith(b"GIF89a")
        finally:
            process.terminate()
    assert [file for file in (tmp_path / "var/spool").rglob("*") if file.is_file() and file.stat().st_size]


@pytest.mark.parametrize(
    ("extra", "works", "asks_for"),
    [
        ("", ["keys list", "subject list"], {"doctor": "ship", "dashboards": "dashboards", "up": "embedded"}),
        ("ship", ["migrate --print", "snippet", "report --list"], {"dashboards": "dashboards", "lists build": "lists"}),
        ("lists", ["lists fetch --help"], {"report --list": "ship", "user list": "dashboards"}),
        ("verify", ["migrate --print"], {"lists build": "lists", "clickhouse": "embedded"}),
        ("dashboards", ["user list", "migrate --print"], {"lists fetch": "lists", "up": "embedded"}),
    ],
)
def test_an_extra_alone_runs_its_commands_and_names_the_extra_of_the_others(wheel, tmp_path, extra, works, asks_for):
    program = installed(wheel, extra, tmp_path)
    for command in works:
        done = run(program, *command.split(), cwd=tmp_path)
        assert done.returncode == 0, (command, done.stderr)
    for command, wanted in asks_for.items():
        done = run(program, *command.split(), cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), (command, done.stderr)
        assert re.search(rf"pip install 'clinic-pixel\[{wanted}\]'", done.stderr), (command, done.stderr)
