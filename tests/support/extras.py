"""A process in which only the packages of some extras can be imported, as in an environment where nothing else is installed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.command import plain_environment
from support.distributions import PACKAGES, ROOT

_RUN = """\
import json, sys
from pathlib import Path
lacking, commands, log = json.loads(sys.stdin.read())
sys.modules.update(dict.fromkeys(lacking))
from pipeline.cli import main
with Path(log).open("w") as file:
    for command in commands:
        sys.argv = ["clinic-pixel", *command]
        sys.stdout = sys.stderr = sys.__stdout__
        print(f"\\0{' '.join(command)}\\0", end="", flush=True)
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        sys.stdout.flush()
        file.write(f"{code or 0}\\n")
"""


def needed(extras: Sequence[str]) -> set[str]:
    """Return the names of all packages that an installation with these extras has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = {"": project["dependencies"], **project["optional-dependencies"]}
    found: set[str] = set()
    waiting = [(Requirement(text), "") for extra in ("", *extras) for text in lists[extra]]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, of_extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": of_extra}):
            continue
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                found.add(name)
                texts = lists[extra] if name == "clinic-pixel" else _requires(name)
                waiting += [(Requirement(text), extra) for text in texts]
    return found


def _requires(name: str) -> Sequence[str]:
    try:
        return requires(name) or ()
    except PackageNotFoundError:  # for another system or Python
        return ()


def lacking(extras: Sequence[str]) -> list[str]:
    """Return the modules of this environment that an installation with these extras does not have."""
    there = needed(extras)
    return sorted(
        module
        for module, packages in packages_distributions().items()
        if module not in PACKAGES and not there & {canonicalize_name(package) for package in packages}
    )


def run(extras: Sequence[str], commands: Sequence[str], folder: Path) -> Iterator[tuple[str, int, str]]:
    """Run commands one after the other in one such process; yields each with its exit code and what it printed."""
    log = folder / "codes"
    done = subprocess.run(
        [sys.executable, "-c", _RUN],
        input=json.dumps([lacking(extras), [command.split() for command in commands], str(log)]),
        env=plain_environment(PIXEL_DATA=str(folder / "var"), COLUMNS="200", PYTHONPATH=str(ROOT)),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    printed = re.split(r"\0(.*?)\0", done.stdout)[1:]
    codes = [int(line) for line in log.read_text().splitlines()]
    assert len(codes) == len(commands), done.stdout
    yield from zip(printed[::2], codes, printed[1::2], strict=True)
