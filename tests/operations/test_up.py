"""The supervisor as a person meets it: what it says, what it survives, how fast it stops."""

import os
import signal
import socket
import subprocess
from time import monotonic

import pytest

from pipeline.database.client import ping
from pipeline.database.starting import is_starting
from support.command import CLI, free_port, plain_environment
from support.processes import child, children, command_of
from support.system import System
from support.waiting import wait_until


@pytest.fixture
def own_system(tmp_path):
    system = System(tmp_path)
    yield system
    system.stop(signal.SIGKILL)


def test_it_stops_in_order_within_five_seconds_of_ctrl_c(own_system):
    own_system.start()
    own_system.pixel()
    began = monotonic()
    assert own_system.stop(signal.SIGINT) == 0
    assert monotonic() - began < 5
    assert "every accepted event is on disk" in own_system.log.read_text()


def test_a_killed_part_comes_back_and_nothing_accepted_is_lost(own_system):
    own_system.start()
    nonces = own_system.nonces(4)
    for name, nonce in zip(("collect", "ship", "clickhouse"), nonces, strict=False):
        wait_until(lambda part=name: child(own_system, part) is not None, name)
        assert own_system.pixel(n=str(nonce)).status == 200
        first = child(own_system, name)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda part=name, old=first: child(own_system, part) not in (None, old), f"{name} to be back")
        wait_until(own_system.answers, "the collector")
    assert own_system.pixel(n=str(nonces[-1])).status == 200
    wait_until(lambda: ping(own_system.settings), "ClickHouse")
    own_system.wait_for(nonces)
    assert own_system.stored(nonces) == 4


def test_children_end_when_their_supervisor_is_killed(own_system):
    own_system.start()
    wait_until(lambda: child(own_system, "ship") is not None, "ship")
    pids = children(own_system.process.pid)
    assert len(pids) >= 3
    own_system.stop(signal.SIGKILL)
    wait_until(lambda: not any("-m pipeline" in command_of(pid) for pid in pids), "the children to end")


@pytest.mark.parametrize("options", [(), ("--demo",)], ids=["plain", "with the demo clinic"])
def test_no_child_outlives_a_supervisor_that_is_killed_while_clickhouse_is_away(tmp_path, options):
    system = System(tmp_path, clickhouse={"url": f"http://127.0.0.1:{free_port()}"}, demo={"port": free_port()})
    wanted = {"collect", "migrate --wait", *(["demo-site"] if options else [])}
    with system.log.open("ab") as log:
        system.process = subprocess.Popen(
            [*CLI, "up", *options, "--config", str(system.config)], stdout=log, stderr=log, env=plain_environment()
        )
    try:
        wait_until(lambda: all(child(system, part) for part in wanted), f"{wanted}")
        wait_until(system.answers, "the collector")
        pids = children(system.process.pid)
    finally:
        system.stop(signal.SIGKILL)
    wait_until(lambda: not any("-m pipeline" in command_of(pid) for pid in pids), "the children to end")


def test_up_goes_on_when_nobody_reads_what_it_prints(tmp_path):
    system = System(tmp_path, clickhouse={"url": f"http://127.0.0.1:{free_port()}"})
    system.log.touch()
    read, write = os.pipe()
    os.close(read)
    try:
        system.process = subprocess.Popen(
            [*CLI, "up", "--config", str(system.config)],
            stdout=write, stderr=subprocess.DEVNULL, env=plain_environment(),
        )  # fmt: skip
        os.close(write)
        wait_until(system.answers, "the collector")
        first = child(system, "collect")
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: child(system, "collect") not in (None, first), "a new collector")
    finally:
        system.stop(signal.SIGINT)


@pytest.mark.parametrize(
    ("section", "key"), [("collector", "collector.port"), ("clickhouse", "PIXEL_CLICKHOUSE__PORT")]
)
def test_a_port_in_use_is_one_clear_line(tmp_path, section, key):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        system = System(tmp_path, **{section: {"port": port}})
        done = subprocess.run(
            [*CLI, "up", "--config", str(system.config)], capture_output=True, text=True, timeout=60, check=False,
            env=plain_environment(),
        )  # fmt: skip
    lines = [line for line in (done.stdout + done.stderr).splitlines() if str(port) in line and "in use" in line]
    assert done.returncode == 1
    assert len(lines) == 1
    assert key in lines[0]
    assert "Traceback" not in done.stdout + done.stderr


def test_a_second_ship_and_a_second_clickhouse_say_so_in_one_line(own_system):
    own_system.start()
    wait_until(lambda: (own_system.settings.run_dir / "ship.json").exists(), "ship")
    ship = own_system.run("ship", check=False)
    server = own_system.run("clickhouse", check=False)
    for second in (ship, server):
        assert second.returncode == 1
        assert len(second.stderr.strip().splitlines()) == 1
        assert "another" in second.stderr


@pytest.mark.parametrize(
    ("word", "text", "named"),
    [
        ("unknown key", "[collector]\nprot = 1\n", "collector.prot"),
        ("wrong type", "[collector]\nport = 'x'\n", "collector.port"),
        ("no TOML", "[collector\n", "not valid TOML"),
        ("broken network", "[collector]\ntrusted_proxies = ['10.0.0.0/99']\n", "collector.trusted_proxies.0"),
        ("site twice", "[[sites]]\nid='a'\nhosts=['a.b']\n[[sites]]\nid='a'\nhosts=['c.d']\n", "used once"),
        ("site without hosts", "[[sites]]\nid='a'\nhosts=[]\n", "sites.0.hosts"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(tmp_path, word, text, named):
    config = tmp_path / "pixel.toml"
    config.write_text(text)
    done = subprocess.run(
        [*CLI, "collect", "--config", str(config)], capture_output=True, text=True, timeout=60, check=False,
        env=plain_environment(),
    )  # fmt: skip
    assert done.returncode == 1, word
    assert named in done.stderr
    assert str(config) in done.stderr.replace("\n", "")
    assert "Traceback" not in done.stderr


def test_a_misspelt_environment_variable_is_named():
    done = subprocess.run(
        [*CLI, "collect"], capture_output=True, text=True, timeout=60, check=False,
        env=plain_environment(PIXEL_COLECTOR__PORT="1"),
    )  # fmt: skip
    assert done.returncode == 1
    assert "PIXEL_COLECTOR__PORT" in done.stderr


def test_ready_is_said_when_reports_answer(own_system):
    own_system.start()
    wait_until(lambda: "ready after" in own_system.log.read_text(), "the greeting")
    assert "applied: 0001" in own_system.log.read_text().partition("ready after")[0]
    assert not is_starting(own_system.settings)
    assert own_system.run("report", "technical/traffic_by_hour").returncode == 0


def test_a_report_asked_while_up_starts_waits_or_says_so(own_system):
    with own_system.log.open("ab") as log:
        own_system.process = subprocess.Popen(
            [*CLI, "up", "--config", str(own_system.config)], stdout=log, stderr=log, env=plain_environment()
        )
    wait_until(lambda: is_starting(own_system.settings), "the begin")
    asked = []

    def has_answered():
        asked.append(own_system.run("report", "technical/traffic_by_hour", check=False))
        return asked[-1].returncode == 0

    wait_until(has_answered, "an answer", seconds=60)
    failures = [each.stderr for each in asked[:-1]]
    assert all("starting: the database is being prepared" in text for text in failures), failures
    assert not is_starting(own_system.settings)


def test_a_second_up_on_the_same_data_is_refused_in_one_line_and_greets_nobody(own_system):
    own_system.start()
    second = own_system.run("up", check=False)
    assert second.returncode == 1
    assert "another `up` works on this data directory" in second.stderr
    assert "ready" not in second.stdout


def test_clickhouse_that_dies_during_migrate_does_not_stop_the_collector(own_system):
    own_system.start()
    wait_until(lambda: "applied" in own_system.log.read_text(), "the first migration")
    own_system.stop(signal.SIGINT)
    own_system.log.write_text("")
    with own_system.log.open("ab") as log:
        own_system.process = subprocess.Popen(
            [*CLI, "up", "--config", str(own_system.config)], stdout=log, stderr=log, env=plain_environment()
        )
    for _ in range(3):  # until one of the kills comes between the first and the last statement
        wait_until(lambda: child(own_system, "clickhouse") is not None, "ClickHouse")
        wait_until(lambda: ping(own_system.settings), "its answer")
        os.kill(child(own_system, "clickhouse"), signal.SIGKILL)
        wait_until(lambda: not ping(own_system.settings), "its end")
    wait_until(own_system.answers, "the collector")
    assert own_system.pixel().status == 200
    wait_until(lambda: "ready after" in own_system.log.read_text(), "the greeting", seconds=60)
