"""The client of ClickHouse: what its module does to the process that imports it."""

from __future__ import annotations

import subprocess
import sys


def test_importing_it_changes_no_logging() -> None:
    code = "import logging, pipeline.database.client; print(logging.getLogger('clickhouse_connect').level)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "0\n"
