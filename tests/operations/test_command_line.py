"""An error around a command is one line on stderr that names the place, never a traceback."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import __version__
from support.command import command, plain_environment


@pytest.mark.parametrize("arguments", [["ship"], ["clickhouse"], ["collect"]], ids=" ".join)
def test_a_data_directory_that_cannot_be_one_is_named(tmp_path, arguments):
    data = tmp_path / "var"
    data.write_text("a file")
    done = command(data, *arguments)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith(f"clinic-pixel: {data}/")


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_output_that_finds_no_room_ends_with_a_problem(tmp_path, form):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", "report", "--list", "--format", form],
            env=plain_environment(PIXEL_DATA=str(tmp_path / "var")),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, f"clinic-pixel: output: {os.strerror(28)}\n")


def test_a_collector_whose_port_is_taken_does_not_claim_to_collect(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = command(tmp_path / "var", "collect", before=f"import os; os.environ['PIXEL_COLLECTOR__PORT'] = '{port}'")
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert f"127.0.0.1:{port} is in use" in line


def test_the_version_is_one_line(tmp_path):
    done = command(tmp_path / "var", "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"clinic-pixel {__version__}\n", "")
