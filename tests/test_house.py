"""Rules of the house that no other test would notice."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from pipeline import __version__
from pipeline.cli import EXTRA_OF
from pipeline.operations.docs import pages

ROOT = Path(__file__).parents[1]
PACKAGES = ("collector", "pipeline", "sql", "dashboards")
ROOMS = [
    file.parent.relative_to(ROOT)
    for top in ("pipeline", "collector")
    for file in sorted(ROOT.glob(f"{top}/*/__init__.py"))
]


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_page_written_from_the_code_is_up_to_date(name):
    assert (ROOT / "docs" / name).read_text() == pages()[name], "run `make docs`"


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "README.md", "docs/architecture.md"])
def test_every_path_that_a_page_for_newcomers_names_is_there(page):
    roots = "|".join((*PACKAGES, "tests", "docs", "bench", "deploy"))
    named = set(re.findall(rf"`((?:{roots})/[\w./-]*\w/?)`", (ROOT / page).read_text()))
    named |= set(re.findall(r"\]\(([\w./-]+)\)", (ROOT / page).read_text()))
    beside = (ROOT / page).parent
    assert named
    assert [name for name in sorted(named) if not ((ROOT / name).exists() or (beside / name).exists())] == []


@pytest.mark.parametrize("room", ROOMS, ids=str)
def test_the_floor_plan_shows_every_room(room):
    assert f"`{room.name}/`" in (ROOT / "docs/architecture.md").read_text()


def lint_imports(tree: Path, *options: str) -> str:
    """Return what import-linter prints of a tree, '' where every contract is kept."""
    # In a process of its own: the linter reconfigures logging and would silence the loggers of other tests.
    command = [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache", *options]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return "" if done.returncode == 0 else " ".join(done.stdout.split())


def test_imports_keep_their_direction():
    assert lint_imports(ROOT) == ""


@pytest.mark.parametrize(
    ("contract", "module", "line", "found"),
    [
        ("packages", "pipeline/pages/page.py", "from collector import metrics", "pipeline.pages.page -> collector"),
        ("floors", "pipeline/spool/records.py", "from pipeline.delivery import plan", "pipeline.spool.records ->"),
        ("floors", "pipeline/networks/address.py", "from pipeline.pages import page", "pipeline.networks.address ->"),
        ("floors", "pipeline/corridor.py", '"""On no floor."""', "pipeline.corridor"),
        ("collector", "collector/http/request.py", "from collector import app", "collector.http.request ->"),
        ("no-database", "collector/metrics.py", "from pipeline.database import client", "collector.metrics ->"),
        ("pure", "pipeline/scrub/redact.py", "import time", "pipeline.scrub.redact -> time"),
        ("pure", "collector/http/body.py", "from os import urandom", "collector.http.body -> os"),
        (
            "pure",
            "pipeline/edge/steps.py",
            "from pipeline.clock import now_ms",
            "pipeline.edge.steps -> pipeline.clock",
        ),
    ],
)
def test_an_import_in_the_wrong_direction_is_found(tmp_path, contract, module, line, found):
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / module).open("a") as file:
        file.write(f"\n{line}\n")
    assert found in lint_imports(tmp_path, "--contract", contract)


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


def without(modules: Iterable[str], code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process that lacks these modules."""
    lacking = f"import sys; sys.modules.update(dict.fromkeys({list(modules)!r}));"
    command = [sys.executable, "-c", lacking + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_collector_host_needs_no_extra():
    done = without(EXTRA_OF, "import collector.app, collector.server; from pipeline.cli import build_app; build_app()")
    assert done.returncode == 0, done.stderr


def test_a_command_without_its_extra_names_it():
    done = without(["clickhouse_connect"], "from pipeline.cli import main; main()", "sql", "SELECT 1")
    assert done.returncode == 1
    assert done.stderr.strip() == "clinic-pixel: this command needs more packages: pip install 'clinic-pixel[ship]'"


def test_doctor_needs_no_extra_but_that_of_the_shipper(tmp_path):
    lacking = [module for module, extra in EXTRA_OF.items() if extra != "ship"]
    code = "import os; os.chdir(sys.argv.pop(1)); from pipeline.cli import main; main()"
    done = without(lacking, code, str(tmp_path), "doctor", "--format", "csv")
    assert done.returncode == 1, done.stderr  # nothing runs there
    assert "clickhouse,problem," in done.stdout


def normal(name: str) -> str:
    """Return a package's name in the form in which names are compared (PyPA, name normalization)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared_packages() -> dict[str, list[str]]:
    """Return the packages of pyproject.toml by extra, '' for those that everybody installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = {"": project["dependencies"], **project["optional-dependencies"]}
    names = {extra: [re.match(r"[\w.-]+", entry)[0] for entry in entries] for extra, entries in lists.items()}
    return {extra: [name for name in found if name != "clinic-pixel"] for extra, found in names.items()}


def imported_modules() -> set[str]:
    """Return the top names of everything that the product imports."""
    found = {"uvloop", "httptools", "chdb"}  # by uvicorn, as our settings of it say; by the text that starts the engine
    nodes = (
        node
        for package in PACKAGES
        for file in ROOT.glob(f"{package}/**/*.py")
        for node in ast.walk(ast.parse(file.read_text()))
    )
    for node in nodes:
        names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        found |= {name.split(".")[0] for name in names}
    return found


@pytest.mark.parametrize(
    ("extra", "package"),
    [(extra, package) for extra, packages in declared_packages().items() if extra != "dev" for package in packages],
)
def test_a_package_is_imported_and_one_of_an_extra_is_known_to_the_command_line(extra, package):
    modules = {
        module for module, packages in packages_distributions().items() if normal(package) in map(normal, packages)
    }
    modules = modules or {package.split("-")[0]}
    # zoneinfo itself loads the data of tzdata where the system has none.
    assert modules & (imported_modules() | {"tzdata"})
    assert (modules & set(EXTRA_OF) != set()) is (extra != "")


def test_no_exception_text_or_log_line_names_what_a_visitor_sent():
    forbidden = re.compile(
        r"(?:log\w*\.\w+|raise \w+)\(.*\b(?:hit\.(?:agent|cookie|page|referrer|peer)|query_string)\b"
    )
    files = [*ROOT.glob("collector/**/*.py"), *ROOT.glob("pipeline/**/*.py")]
    assert len(files) > 40
    assert [file.name for file in files if forbidden.search(file.read_text())] == []


def modules(room: Path) -> list[str]:
    """Return the names of a room's modules, without its commands."""
    return [file.stem for file in room.glob("*.py") if file.stem != "__init__" and not file.stem.endswith("commands")]


@pytest.mark.parametrize("room", ROOMS, ids=str)
def test_a_room_is_small_and_says_what_it_owns_and_who_may_use_it(room):
    assert len(modules(ROOT / room)) <= 9
    said = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text()))
    assert "Owns " in said
    assert "ay use " in " ".join(said.split())


def imported_from(room: str, outside: Iterable[Path]) -> set[str]:
    """Return the modules of a room, in dotted form, that these files import."""
    found: set[str] = set()
    for file in outside:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == room:
                found |= {name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"{room}."):
                found.add(node.module.removeprefix(f"{room}.").split(".")[0])
    return found


@pytest.mark.parametrize("room", ROOMS, ids=str)
def test_others_use_of_a_room_what_it_lists_and_nothing_else(room):
    files = {file for package in PACKAGES for file in ROOT.glob(f"{package}/**/*.py")}
    listed = ast.literal_eval((ROOT / room / "__init__.py").read_text().partition("__all__ = ")[2])
    used = imported_from(".".join(room.parts), files - {*(ROOT / room).rglob("*.py")})
    assert sorted(used) == listed


def locked(name: str) -> dict[str, str]:
    """Return the packages of a lock file, each with the text of its entry."""
    entries = re.split(r"^(?=[a-z0-9])", (ROOT / "deploy/locks" / name).read_text(), flags=re.MULTILINE)
    return {entry.partition("==")[0]: entry for entry in entries if entry.strip()}


@pytest.mark.parametrize("name", ["uv.txt", "collector.txt", "embedded.txt", "everything.txt"])
def test_every_locked_package_has_one_version_and_a_hash_and_no_address(name):
    text = (ROOT / "deploy/locks" / name).read_text()
    assert "://" not in text
    assert [package for package, entry in locked(name).items() if "--hash=sha256:" not in entry] == []


def test_the_lock_holds_every_direct_dependency_within_its_range():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    everything = locked("everything.txt")
    for wanted in (*project["dependencies"], *(one for extra in extras.values() for one in extra)):
        requirement = Requirement(wanted)
        if requirement.name != "clinic-pixel":
            entry = everything[canonicalize_name(requirement.name)]
            version = entry.partition("==")[2].split()[0]
            assert requirement.specifier.contains(version), wanted
    assert locked("collector.txt").keys() <= locked("embedded.txt").keys()
    assert set(locked("embedded.txt").items()) <= set(everything.items())


def test_the_page_of_dependencies_has_every_locked_package_and_no_other():
    page = (ROOT / "docs/dependencies.md").read_text()
    rows = re.findall(r"^\| ([a-z0-9-]+) \| (\d\S*) \| .*? \| (yes)? ?\|$", page, re.MULTILINE)
    collector = locked("collector.txt")
    expected = {
        (name, entry.partition("==")[2].split()[0], "yes" if name in collector else "")
        for name, entry in {**locked("everything.txt"), **locked("uv.txt")}.items()
    }
    assert set(rows) == expected


def test_no_released_version_of_the_changelog_is_newer_than_the_code():
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    released = [Version(heading) for heading in headings[1:]]
    assert released == sorted(released, reverse=True)
    assert all(version <= Version(__version__) for version in released)
