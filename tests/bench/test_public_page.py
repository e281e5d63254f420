"""The tables of the public data: what they count, and that they are those of the committed results."""

from __future__ import annotations

import json
from typing import Any

from bench.fraud.page import PAGE
from bench.fraud.public_page import BEGIN, BY_EYE, END, RESULTS, kept, tables, with_tables
from bench.fraud.truth_logs import ELASTIC

RESULT: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
EYE: dict[str, Any] = json.loads(BY_EYE.read_text(encoding="utf-8"))


def test_the_tables_of_the_page_are_those_of_the_committed_results() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert with_tables(text, tables(RESULT, EYE)) == text


def test_only_what_is_between_the_markers_is_written() -> None:
    first = with_tables("# Fraud\n", "one")
    assert first == f"# Fraud\n\n{BEGIN}\none\n{END}\n"
    assert with_tables(f"{first}\n## After\n", "two") == f"# Fraud\n\n{BEGIN}\ntwo\n{END}\n\n## After\n"


def test_the_bands_of_the_clients_that_a_person_named_are_counted_and_the_missed_ones_have_a_reason() -> None:
    row = {"what": "x", "robot": "", "points": 1, "signals": {}}
    rows = {name: {**row, "band": band} for name, band in (("S1", "unclear"), ("S2", "likely"), ("I1", "none"))}
    log = {"hits": 9, "suspects": 3, "bands": {"unclear": 1, "watch": 0, "likely": 1}, "gates": {}, "rows": rows}
    said = tables({**RESULT, "logs": {ELASTIC: log}}, EYE)
    assert f"| {ELASTIC} | suspicious | 1 |  | 1 |  |" in said
    assert f"| {ELASTIC} | innocent |  |  |  | 1 |" in said
    assert f"* {ELASTIC} S1, x (unclear): 37 pages in 17 hours" in said


def test_the_cases_that_a_reviewer_would_act_on_are_counted() -> None:
    case = {"band": "likely", "members": 2, "signals": ["F17"], "what": "a scan"}
    said = tables(RESULT, {"log": [{**case, "act": "yes"}, {**case, "act": "no: a person"}]})
    assert "1 of 2 cases: yes" in said
    assert "| log | 2 | likely | 2 | F17 | a scan | no: a person |" in said


def test_nothing_of_a_single_client_is_kept() -> None:
    row = {"what": "x", "robot": "", "band": "none", "points": 0, "signals": {}, "reasons": ["/secret"], "case": "c"}
    log = {
        "log": "a",
        "hits": 1,
        "suspects": 1,
        "bands": {},
        "gates": {},
        "rows": {"S1": row},
        "groups": {},
        "cases": ["/secret"],
    }
    scanner = {"views": 1, "band": "none", "points": 0, "signals": {}, "reasons": ["/secret"]}
    raw = {"agents": {}, "sessions": {}, "scanners": {"tool": scanner}, "crowdsec": {}}
    assert "/secret" not in json.dumps(kept(raw, [log]))
