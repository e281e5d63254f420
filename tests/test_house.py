"""Rules of the house that no other test would notice."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import MEANING, STATUS, Reason
from pipeline.operations.docs import pages

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_page_written_from_the_code_is_up_to_date(name):
    assert (ROOT / "docs" / name).read_text() == pages()[name], "run `make docs`"


def test_every_refusal_has_a_status_and_a_meaning():
    assert set(STATUS) == set(MEANING) == set(Reason)


def test_imports_keep_their_direction():
    # In a process of its own: the linter reconfigures logging and would silence the loggers of other tests.
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("heavy", ["clickhouse_connect", "chdb", "numpy", "pandas"])
def test_a_collector_process_loads_no_database_client(heavy):
    code = f"import sys, collector.app, collector.server; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_the_command_line_starts_without_heavy_imports():
    code = (
        "import sys; from pipeline.cli import build_app; build_app();"
        " sys.exit(any(name in sys.modules for name in ('clickhouse_connect', 'chdb', 'starlette', 'uvicorn')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_no_exception_text_or_log_line_names_what_a_visitor_sent():
    forbidden = re.compile(
        r"(?:log\w*\.\w+|raise \w+)\(.*\b(?:hit\.(?:agent|cookie|page|referrer|peer)|query_string)\b"
    )
    files = [*ROOT.glob("collector/**/*.py"), *ROOT.glob("pipeline/**/*.py")]
    assert len(files) > 40
    assert [file.name for file in files if forbidden.search(file.read_text())] == []


def test_every_module_says_what_it_owns():
    files = [
        file for package in ("collector", "pipeline", "sql", "dashboards") for file in ROOT.glob(f"{package}/**/*.py")
    ]
    silent = [str(file.relative_to(ROOT)) for file in files if not file.read_text().lstrip().startswith('"""')]
    assert silent == []
