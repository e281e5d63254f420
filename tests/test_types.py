"""The types themselves: mypy refuses a raw address where only a token may stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.event import Scrubbed

ROOT = Path(__file__).parents[1]
HEADER = """\
from pipeline.event import Event, RawAddress, Token
from pipeline.keys.tokens import DayTokens

def spooled(tokens: DayTokens, address: RawAddress) -> Event:
"""
EVENT = "    return Event(received_ms=0, event_id='', site='', {})\n"

REFUSED = {
    "a raw address as ip_token": EVENT.format("ip_token=address"),
    "a raw address as net_token": EVENT.format("net_token=address"),
    "a plain string as ip_token": EVENT.format("ip_token=str(address)"),
    "a reversed token as ip_token": EVENT.format("ip_token=tokens.reverse(tokens.ip_token(address))"),
    "a plain string made a token": "    return tokens.reverse(str(address))\n",
}
ACCEPTED = {"tokens": EVENT.format("ip_token=tokens.ip_token(address), net_token=tokens.net_token(address)")}


def _mypy(directory: Path, snippets: dict[str, str]) -> dict[str, str]:
    """Return what mypy says of each snippet, '' where nothing."""
    files = {name: directory / f"snippet_{number}.py" for number, name in enumerate(snippets)}
    for name, file in files.items():
        file.write_text(HEADER + snippets[name], encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml")]
    command += ["--cache-dir", str(directory / "cache"), "--no-error-summary", *map(str, files.values())]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert ran.returncode in {0, 1}, ran.stdout + ran.stderr
    said = dict.fromkeys(snippets, "")
    for line in ran.stdout.splitlines():
        for name, file in files.items():
            said[name] += line + "\n" if re.match(rf".*{file.name}:\d+: error", line) else ""
    return said


@pytest.mark.slow
def test_mypy_refuses_a_raw_address_at_the_spool_and_accepts_a_token(tmp_path: Path) -> None:
    said = _mypy(tmp_path, REFUSED | ACCEPTED)
    for name in REFUSED:
        assert re.search(r"incompatible type \"(RawAddress|str)\"; expected \"Token\"", said[name]), name
    for name in ACCEPTED:
        assert said[name] == "", name


def test_every_type_of_redacted_value_fits_its_column() -> None:
    # UInt16: the reader of the spool would refuse an event with a higher bit.
    assert max(Scrubbed) < 1 << 16
