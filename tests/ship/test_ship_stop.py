"""`ship` ends when it is told to, once or often."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from support.command import CLI, plain_environment
from support.waiting import wait_until


@pytest.mark.parametrize("round_", range(3))
def test_any_number_of_signals_ends_it_in_order(tmp_path: Path, round_: int) -> None:
    environment = plain_environment(PIXEL_DATA=str(tmp_path), PIXEL_SHIP__POLL_SECONDS="0.001")
    ship = subprocess.Popen([*CLI, "ship"], env=environment, stderr=subprocess.PIPE)
    try:
        wait_until((tmp_path / "run" / "ship.json").exists, "ship to run")
        for _ in range(200):
            if ship.poll() is None:
                os.kill(ship.pid, signal.SIGTERM)
        assert ship.wait(timeout=10) == 0, round_
    finally:
        ship.kill()
        ship.communicate()
