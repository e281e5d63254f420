"""The table of attacks and bands: what it counts, and that it changes nothing of the page around it."""

from __future__ import annotations

import json
from typing import Any

from bench.fraud import page
from bench.fraud.page import BEGIN, END, PAGE, RESULTS, kept, table, with_table


def result(kind: str, seed: int, best: str, **facts: Any) -> dict[str, Any]:
    usual = {
        "visitors": 200,
        "clients": 4,
        "bands": {best: 1, "none": 3},
        "score": 9.0,
        "beside": 7,
        "signals": ["F13"],
        "others": [],
    }
    return {"kind": kind, "seed": seed, "best": best, "seconds": 1.0, "fired": {}, **usual, **facts}


def lines(results: list[dict[str, Any]]) -> dict[str, list[str]]:
    rows = [line.strip("| ").split(" | ") for line in table(kept(results)).splitlines() if line.startswith("| ")]
    return {row[0]: [cell.strip() for cell in row[1:]] for row in rows}


def test_a_kind_counts_in_the_band_of_its_worst_suspect_and_its_clients_in_their_own() -> None:
    raw = [
        result("scraper-fast", 1, "likely", signals=["F13", "F15"]),
        result("scraper-fast", 2, "watch", signals=["F13", "F20"]),
        result("scraper-fast", 3, "none", bands={"none": 4}, signals=[]),
        result("kiosk", 1, "none", bands={"none": 4}, signals=[]),
    ]
    found = lines(raw)
    assert found["scraper-fast"] == ["1", "1", "", "1", "17%", "F13"]
    assert found["kiosk"][:4] == ["", "", "", "1"]
    assert list(found) == ["kind", "---", "scraper-fast", "kiosk"]


def test_of_one_kind_and_seed_the_last_result_counts() -> None:
    assert lines([result("kiosk", 1, "likely"), result("kiosk", 1, "unclear")])["kiosk"][:4] == ["", "", "1", ""]


def test_suspected_patients_are_counted_and_robots_are_not() -> None:
    others = [{"who": who, "band": "watch"} for who in ("person", "person", "robot", "scanner", "staff")]
    # The same day beside another kind is not another day.
    again = result("kiosk", 1, "none", bands={"none": 4}, others=others[:1])
    said = table(kept([result("clean", 1, "none", clients=0, bands={}, others=others), again]))
    assert "of these 1 days" in said
    assert "of them 2 as person watch, 1 as staff watch" in said
    assert "of them none" in table(kept([result("clean", 1, "none", clients=0, bands={})]))


def test_only_what_is_between_the_markers_is_written() -> None:
    first = with_table("# Fraud\n\nWords.\n", "one")
    assert first == f"# Fraud\n\nWords.\n\n{BEGIN}\none\n{END}\n"
    assert with_table(f"{first}\n## After\n", "two") == f"# Fraud\n\nWords.\n\n{BEGIN}\ntwo\n{END}\n\n## After\n"


def test_the_table_of_the_page_is_that_of_the_committed_results() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    text = PAGE.read_text(encoding="utf-8")
    assert page.with_table(text, table(results)) == text


def test_the_page_says_which_rules_were_measured_and_where_that_is_not_known() -> None:
    new, old = result("kiosk", 1, "none", rules="0123456789ab"), result("kiosk", 2, "none")
    assert "rules that was measured: 0123456789ab;" in table(kept([new]))
    assert "rules that was measured: 0123456789ab, not recorded;" in table(kept([new, old]))
