"""The command line as a person meets it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def command(data: Path, *arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run `clinic-pixel` over the directory `data`, after the Python statements `before`."""
    code = f"{before}\nfrom pipeline.cli import main; main()"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIXEL_")}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=kept | {"PIXEL_DATA": str(data), "COLUMNS": "200"},
        cwd=data.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
