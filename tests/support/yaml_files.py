"""YAML files as Prometheus, docker and Grafana read them, by Debian's own library; skips the test where it is not installed."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_PYTHON = Path("/usr/bin/python3")
_READ = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))"


@cache
def read_yaml(file: Path) -> Any:
    """Return the content of a file."""
    has_library = (
        _PYTHON.exists()
        and subprocess.run([_PYTHON, "-c", "import yaml"], check=False, capture_output=True).returncode == 0
    )
    if not has_library:
        pytest.skip("no reader of YAML is installed (Debian package python3-yaml)")
    done = subprocess.run([_PYTHON, "-c", _READ, str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
