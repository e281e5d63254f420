"""The table of faults and proofs names tests that are there, and the page shows it."""

from __future__ import annotations

import ast
from pathlib import Path

from support import fault_page
from support.fault_page import PAGE, ROOT, page, proofs, results
from support.rounds import Line


def names_in(file: Path) -> set[str]:
    """Return the tests and state machines of a file."""
    found = ast.walk(ast.parse(file.read_text()))
    return {node.name for node in found if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def missing(named: dict[str, list[str]]) -> list[str]:
    """Return the named tests that are not there."""
    tests = sorted({test for tests in named.values() for test in tests})
    places = [(test, ROOT / test.partition("::")[0], test.partition("::")[2]) for test in tests]
    return [test for test, file, name in places if not file.exists() or name not in names_in(file)]


def test_every_named_proof_is_there():
    assert missing(proofs()) == []


def test_a_proof_that_was_renamed_is_found():
    assert missing({"a fault": ["tests/faults/test_proofs.py::test_of_yesterday", "tests/gone.py::test_a"]}) == [
        "tests/faults/test_proofs.py::test_of_yesterday",
        "tests/gone.py::test_a",
    ]


def test_every_test_of_this_folder_proves_a_named_fault():
    named = {test for tests in proofs().values() for test in tests}
    here = sorted(Path(__file__).parent.glob("test_*.py"))
    tests = {
        f"tests/faults/{file.name}::{name}"
        for file in here
        if file != Path(__file__)
        for name in names_in(file)
        if name.startswith("test_")
    }
    assert sorted(tests - named) == []


def test_the_page_is_that_of_the_kept_results():
    assert PAGE.read_text() == page(results(), proofs()), "run `python -m support.fault_page` with tests/ on the path"


def test_nothing_was_lost_or_stored_twice_in_the_kept_results():
    assert [line.fault for line in results().values() if line.lost or line.twice] == []


def test_a_long_run_replaces_the_lines_of_its_faults_and_keeps_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(fault_page, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(fault_page, "PAGE", tmp_path / "faults.md")
    (tmp_path / "results.json").write_text("{}")
    fault_page.keep({"a": Line("a", rounds=1), "b": Line("b", rounds=2)})
    fault_page.keep({"a": Line("a", rounds=3)})
    assert [(line.fault, line.rounds) for line in fault_page.results().values()] == [("a", 3), ("b", 2)]
    assert "| a | 3 | 0 |" in (tmp_path / "faults.md").read_text()
