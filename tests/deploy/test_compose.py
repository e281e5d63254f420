"""docker compose: every path, variable, user and command of its files exists in the software. No docker engine runs these tests."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from pipeline.cli import build_app
from pipeline.database.access import PASSWORD_FILE, USERS, USERS_OF, hash_variable
from pipeline.database.client import OLDEST
from pipeline.settings.model import Settings, load
from support.units import unit
from support.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]
HERE = ROOT / "deploy" / "compose"
OWN = ("secrets", "migrate", "collect", "ship", "dashboards")
MADE_BY_HAND = ("secrets", "clickhouse.env", "grafana.env")
SETTINGS = Settings(data=Path("/data"))


@cache
def composed() -> dict[str, Any]:
    found: dict[str, Any] = read_yaml(HERE / "compose.yaml")
    return found


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = composed()["services"][name]
    return found


def mounts(name: str) -> dict[str, tuple[str, bool]]:
    """Return source and whether it may be written of each mount, by its target."""
    found = {}
    for mount in service(name)["volumes"]:
        source, target, *mode = mount.split(":")
        found[target] = source, mode != ["ro"]
    return found


def final_stage() -> str:
    return (HERE / "Dockerfile").read_text().rpartition("\nFROM ")[2]


def test_docker_compose_takes_the_file(tmp_path):
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode
    ):
        pytest.skip("docker compose is not installed (Debian packages docker-cli, docker-compose)")
    copied = shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    for name in ("clickhouse.env", "grafana.env"):
        (copied / "compose" / name).touch()
    done = subprocess.run(
        ["docker", "compose", "-f", str(copied / "compose" / "compose.yaml"), "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", OWN)
def test_the_command_exists_and_so_does_each_option(name):
    command, *options = service(name)["command"]
    found = typer.main.get_command(build_app()).commands[command]  # type: ignore[attr-defined]
    assert set(options) <= {option for parameter in found.params for option in parameter.opts}


@pytest.mark.parametrize("name", [*OWN, "clickhouse", "grafana"])
def test_no_container_has_more_rights_than_it_needs(name):
    of = service(name)
    assert (of["read_only"], of["cap_drop"], of["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
    assert all(port.startswith("127.0.0.1:") for port in of.get("ports", []))
    assert not of.get("privileged")
    assert "local" in of["logging"]["driver"]
    if name in OWN:
        assert of["user"] == "10001:10001"
        assert of["ulimits"]["core"] == 0
        assert of["mem_limit"] == of["memswap_limit"], "no swap"
        assert "USER 10001:10001" in final_stage()


@pytest.mark.parametrize("name", ["collect", "ship", "dashboards", "clickhouse", "grafana"])
def test_every_service_that_stays_tells_whether_it_is_well(name):
    assert service(name)["healthcheck"]["test"][0] == "CMD"


def test_the_paths_that_the_health_checks_ask_exist(tmp_path):
    asked = " ".join(service("collect")["healthcheck"]["test"] + service("dashboards")["healthcheck"]["test"])
    assert f":{SETTINGS.collector.port}/health/ready" in asked
    assert f":{SETTINGS.dashboards.port}/sign-in" in asked
    assert str(SETTINGS.run_dir / "ship.json") in " ".join(service("ship")["healthcheck"]["test"])


@pytest.mark.parametrize("name", [*OWN, "clickhouse", "grafana"])
def test_every_file_that_is_mounted_exists(name):
    for source, _ in mounts(name).values():
        if source.startswith("."):
            assert source.removeprefix("./") in MADE_BY_HAND or (HERE / source).exists(), source
        else:
            assert source in composed()["volumes"]


def test_the_containers_have_the_directories_of_the_settings_and_each_its_own():
    of_software = {
        str(value)
        for name in dir(Settings)
        if name.endswith("_dir") and isinstance(value := getattr(SETTINGS, name), Path)
    }
    known = of_software | {"/data/dashboards", "/data/lists"}
    for name in OWN:
        assert {target for target in mounts(name) if target.startswith("/data/")} <= known
    made = set(re.search(r"for name in ([a-z ]+);", final_stage())[1].split())
    assert made == {Path(path).name for path in known - {"/data/clickhouse", "/data/lists/agents"}}


@pytest.mark.parametrize("name", ["collect", "ship", "dashboards", "migrate"])
def test_a_container_writes_where_the_unit_of_systemd_may_write(name):
    written = {
        Path(target).name for target, (_, writes) in mounts(name).items() if writes and target.startswith("/data/")
    }
    of_unit = {Path(path).name for path in unit(name).words("ReadWritePaths")}
    assert written - of_unit <= {"blocks"}  # where no directory is made beforehand, the collector makes it
    assert of_unit <= written
    closed = {Path(path).name for path in unit(name).words("InaccessiblePaths")}
    assert not closed & {Path(target).name for target in mounts(name)}


@pytest.mark.parametrize("name", ["collect", "ship", "dashboards", "migrate"])
def test_a_container_is_handed_the_secrets_of_the_unit_of_systemd(name):
    handed = {given["target"]: composed()["secrets"][given["source"]]["file"] for given in service(name)["secrets"]}
    of_unit = {target: path.relative_to("/var/lib/clinic-pixel") for target, path in unit(name).credentials.items()}
    assert {target: Path(file) for target, file in handed.items()} == of_unit
    assert "CREDENTIALS_DIRECTORY=/run/secrets" in final_stage()
    assert PASSWORD_FILE in handed or name == "collect"
    assert name in USERS_OF or name == "collect"


def test_the_settings_of_the_deployment_are_taken_and_fit_its_network(monkeypatch):
    monkeypatch.delenv("PIXEL_CONFIG", raising=False)
    settings = load(HERE / "pixel.toml")
    assert settings.clickhouse.url == "http://clickhouse:8123"
    network = composed()["networks"]["outside"]["ipam"]["config"][0]
    assert [str(each) for each in settings.collector.trusted_proxies] == [f"{network['gateway']}/32"]
    assert service("collect")["ports"] == [
        f"127.0.0.1:{port}:{port}" for port in (settings.collector.port, settings.dashboards.port)
    ]
    assert composed()["networks"]["inside"]["internal"] is True


def test_clickhouse_is_an_official_image_of_a_version_that_the_software_takes():
    name, _, tag = service("clickhouse")["image"].partition(":")
    assert name == "clickhouse/clickhouse-server"
    assert tuple(int(part) for part in tag.split(".")[:2]) >= OLDEST
    assert service("clickhouse")["networks"] == ["inside"]


def test_the_users_of_clickhouse_get_their_hashes_from_the_variables_that_the_software_prints():
    text = (ROOT / "deploy" / "clickhouse" / "users.d" / "clinic-pixel.xml").read_text()
    assert set(re.findall(r'from_env="(\w+)"', text)) == {hash_variable(user) for user in USERS}


def test_grafana_has_every_variable_of_its_data_sources():
    text = (ROOT / "dashboards" / "grafana" / "datasources.yaml").read_text()
    used = set(re.findall(r"\$__env\{(\w+)\}", text))
    passwords = {name for name in used if name.endswith("_PASSWORD")}
    assert used - passwords == {name for name in service("grafana")["environment"] if name.startswith("CLINIC_PIXEL_")}
    steps = (ROOT / "docs" / "deployment.md").read_text()
    assert all(name in steps for name in passwords)
    provided = read_yaml(ROOT / "dashboards" / "grafana" / "dashboards.yaml")["providers"][0]["options"]["path"]
    assert provided in mounts("grafana")
    assert json.loads((ROOT / "dashboards" / "grafana" / "technical.en.json").read_text())["panels"]


def test_the_image_is_built_from_files_and_extras_that_exist():
    text = (HERE / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        *sources, _ = line.split()
        for source in sources:
            assert (ROOT / source).exists()
            ignored = (ROOT / ".dockerignore").read_text().splitlines()
            assert any(
                source == kept or source.startswith(f"{kept}/")
                for kept in (each[1:] for each in ignored if each[:1] == "!")
            )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = set(re.search(r"\.\[([a-z,]+)\]", text)[1].split(","))
    assert extras <= set(project["optional-dependencies"])
    assert "embedded" not in extras
    assert 'ENTRYPOINT ["clinic-pixel"]' in final_stage()
    assert "clinic-pixel" in project["scripts"]
    variables = dict(re.findall(r"(PIXEL_\w+)=(\S+)", final_stage()))
    assert variables == {"PIXEL_DATA": "/data", "PIXEL_CONFIG": "/etc/clinic-pixel/pixel.toml"}
