"""The harness in every test of this folder, and the table at the end of a long run."""

from __future__ import annotations

import pytest

from support import fault_page
from support import rounds as harness
from support.rounds import LONG, SEED, Line, Rounds

TABLE = pytest.StashKey[dict[str, Line]]()


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> Rounds:
    """The rounds of this test, booked in the table of the whole run."""
    table = request.config.stash.setdefault(TABLE, {})
    return Rounds(request.node.name, table)


def pytest_report_header() -> str:
    """Tell the seed at the top of every run."""
    return f"faults: SEED={SEED}{' (long)' if LONG else ''}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the rounds of each fault left; a long run also keeps it."""
    table = terminalreporter.config.stash.get(TABLE, {})
    if table:
        terminalreporter.section(f"faults, SEED={SEED}")
        terminalreporter.write_line(harness.as_text(table))
        if LONG:
            fault_page.keep(table)
