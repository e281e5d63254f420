"""One bad file in the collector's directories: it starts, says what is wrong, and goes on by itself when the file is good."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import urllib3

from support.command import CLI, free_port, plain_environment
from support.waiting import wait_until


def days_from_now(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"


@contextmanager
def collecting(data: Path, log: Path) -> Iterator[str]:
    port = free_port()
    environment = plain_environment(PIXEL_DATA=str(data), PIXEL_COLLECTOR__PORT=str(port))
    with log.open("wb") as stream:
        process = subprocess.Popen([*CLI, "collect"], env=environment, stderr=stream)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def get(url: str) -> tuple[int, str]:
    try:
        answer = urllib3.request("GET", url, retries=False, timeout=5)
    except urllib3.exceptions.HTTPError:
        return 0, ""
    return answer.status, answer.data.decode(errors="replace")


def plant(data: Path, name: str, content: bytes = b"") -> Path:
    file = data / name
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.write_bytes(content)
    file.chmod(0o600)
    return file


@pytest.mark.parametrize(
    "name", [f"keys/{days_from_now(1)}.key", "keys/visitor-2099.key", f"keys/{days_from_now(-3)}.key"]
)
@pytest.mark.parametrize("content", [b"", bytes(32), b"half"], ids=["empty", "zeros", "half"])
def test_a_damaged_key_of_another_day_is_an_alarm_and_no_obstacle(tmp_path: Path, name: str, content: bytes) -> None:
    plant(tmp_path / "var", name, content)
    with collecting(tmp_path / "var", tmp_path / "log") as url:
        wait_until(lambda: get(f"{url}/health/ready")[0] == 200, "the collector")
        assert get(f"{url}/p.gif?s=clinic&u=https://clinic.example/")[0] == 200
    assert name in (tmp_path / "log").read_text()


def test_a_damaged_key_of_today_stops_the_start_in_one_line(tmp_path: Path) -> None:
    plant(tmp_path / "var", f"keys/{days_from_now(0)}.key")
    environment = plain_environment(PIXEL_DATA=str(tmp_path / "var"), PIXEL_COLLECTOR__PORT=str(free_port()))
    ended = subprocess.run([*CLI, "collect"], env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert "not a complete key" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_an_unreadable_block_refuses_every_hit_says_why_and_heals_by_itself(tmp_path: Path) -> None:
    file = plant(tmp_path / "var", "blocks/a.json")
    with collecting(tmp_path / "var", tmp_path / "log") as url:
        status, text = wait_until(lambda: (found := get(f"{url}/health/ready"))[0] and found, "the collector")
        assert status == 503
        assert "a.json: not a block" in text
        assert get(f"{url}/p.gif?s=clinic&u=https://clinic.example/")[0] == 503
        assert 'refused_total{reason="blocks_unknown"} 1.0' in wait_until(
            lambda: "blocks_unknown" in (text := get(f"{url}/metrics")[1]) and text, "the count"
        )
        file.unlink()
        wait_until(lambda: get(f"{url}/health/ready")[0] == 200, "the collector to be ready")
        assert get(f"{url}/p.gif?s=clinic&u=https://clinic.example/")[0] == 200


@pytest.mark.parametrize("name", ["spool/junk", "spool/w7-0-0.seg", "run/collector-w0.json", "spool/quarantine/x"])
def test_planted_files_elsewhere_are_no_obstacle(tmp_path: Path, name: str) -> None:
    plant(tmp_path / "var", name)
    with collecting(tmp_path / "var", tmp_path / "log") as url:
        wait_until(lambda: get(f"{url}/health/ready")[0] == 200, "the collector")
        assert get(f"{url}/p.gif?s=clinic&u=https://clinic.example/")[0] == 200
