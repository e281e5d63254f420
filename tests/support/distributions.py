"""Copies of the source tree, and the wheel and the source distribution that are built from them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PACKAGES = ("collector", "dashboards", "pipeline", "sql")


def project() -> dict[str, Any]:
    """Return pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def copy_of_source(target: Path) -> Path:
    """Copy everything that a source distribution is made of, and the tests, which must not get into it."""
    names = project()["tool"]["hatch"]["build"]["targets"]["sdist"]["only-include"]
    for name in (*names, ".gitignore", "tests/support"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / name)
    return target


def build(tree: Path, target: Path, *kinds: str) -> list[Path]:
    """Build a tree as `make dist` does it; returns the files, sorted by name."""
    options = [option for kind in kinds for option in ("--target", kind)]
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(target), *options]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1764400000"}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return sorted(target.iterdir())


def names_in(distribution: Path) -> set[str]:
    """Return the names of all files of a wheel, or of a source distribution without its first folder."""
    if distribution.suffix == ".whl":
        with zipfile.ZipFile(distribution) as wheel:
            return set(wheel.namelist())
    with tarfile.open(distribution) as archive:
        return {member.name.partition("/")[2] for member in archive if member.isfile()}


def names_of_packages(tree: Path) -> set[str]:
    """Return the names of all files that lie in the packages of a tree."""
    files = (file for package in PACKAGES for file in (tree / package).rglob("*"))
    return {str(file.relative_to(tree)) for file in files if file.is_file() and "__pycache__" not in file.parts}


def metadata_of(wheel: Path) -> str:
    """Return the METADATA of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return archive.read(name).decode()
