"""Prints docs/dependencies.md: every locked package with its version and licence, and where it is used.

Run by `make lock`; the licences come from the metadata of the installed packages.
"""

import re
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

LOCKS = Path(__file__).with_name("locks")
HEAD = """\
# Dependencies

Every package that `make setup` installs, with the licence that its metadata names. Versions and hashes are in
`deploy/locks`; `make lock` writes both. A package without a licence here is for another system or Python version than the
one that this page was written on.

| package | version | licence | on a collector host |
|---|---|---|---|
"""


def locked(file: str) -> dict[str, str]:
    """Return name -> version of a lock file."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;]+)", (LOCKS / file).read_text(), re.MULTILINE)
    return dict(found)


def licence(package: str) -> str:
    """Return the licence that a package's metadata names, '' when it is not installed here or names none."""
    try:
        facts = metadata(package)
    except PackageNotFoundError:
        return ""
    classifiers = [
        line.rpartition(" :: ")[2] for line in facts.get_all("Classifier", []) if line.startswith("License ::")
    ]
    text = facts.get("License-Expression") or ", ".join(classifiers) or (facts.get("License") or "").partition("\n")[0]
    return " ".join(text.split())[:80]


def main() -> None:
    """Print the page."""
    collector = locked("collector.txt")
    rows = [
        f"| {name} | {version} | {licence(name)} | {'yes' if name in collector else ''} |"
        for name, version in sorted((locked("everything.txt") | locked("uv.txt")).items())
    ]
    sys.stdout.write(HEAD + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
