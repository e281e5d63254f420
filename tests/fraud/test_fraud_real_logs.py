"""Real logs under the fraud review: nobody innocent is *likely*, and the clients that attack are.

The truth about each client is `../shared/data/truth-logs.md`, read from the raw lines by a person, not by the product.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.fraud import truth_logs as truth
from bench.fraud.logs import TRUTH_FILE, judge, scored_log
from pipeline.settings.model import Settings
from support.server import Rows

MISSED = {
    truth.ELASTIC: {"S1", "S4", "S6", "S7"},
    truth.ALMHUETTE: {"S12", "S19"},
}
"""Clients that should be watched and are not, each for the reason in `truth_logs.WHY_NOT`."""
SHARED = Path(__file__).parents[2] / "../shared/data"


def judged(name: str, settings: Settings) -> dict[str, Any]:
    """Store and score a log, and compare it with the truth."""
    if not (SHARED / name / "access.log").exists() or not (SHARED / TRUTH_FILE).exists():
        pytest.skip(f"../shared/data/{name} is not here")
    log = scored_log(settings, SHARED, name)
    found = judge(log, truth.read_truth(SHARED / TRUTH_FILE).get(name, {}))
    assert found["stored"] == found["hits"]
    return found


@pytest.mark.parametrize("name", [truth.ELASTIC, truth.ALMHUETTE])
def test_no_innocent_client_is_likely_and_the_suspicious_ones_are_watched_but_for_known_misses(
    name: str, tables: Rows, clickhouse: Settings
) -> None:
    found = judged(name, clickhouse)
    assert sorted(found["rows"]) == sorted([*(f"I{n}" for n in range(1, 21)), *(f"S{n}" for n in range(1, 21))])
    assert [row for row, of in found["rows"].items() if not of["suspects"]] == []
    assert found["gates"]["innocent_likely"] == []
    assert found["gates"]["innocent_watch"] in ([], ["I2"]), "a download tool that says its name may be watched"
    assert set(found["gates"]["missing"]) <= MISSED[name]
    low = {row for row, of in found["rows"].items() if row.startswith("S") and of["band"] in ("none", "unclear")}
    assert low <= set(truth.WHY_NOT[name]), "a suspicious client below watch has its reason in the docs"
    watched = [of for row, of in found["rows"].items() if row.startswith("S") and row not in low]
    assert all(of["reasons"] for of in watched)


def test_the_third_log_of_people_who_shop_has_no_likely_case(tables: Rows, clickhouse: Settings) -> None:
    found = judged(truth.ZANBIL, clickhouse)
    assert found["bands"]["likely"] == 0
    assert found["bands"]["watch"] <= 6


def test_the_rows_of_a_truth_are_read_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / TRUTH_FILE
    file.write_text(
        "## weblog-a (May)\n### Most suspicious\n| S1 | scanner | 192.0.2.x | 1 / 1 | no agent | F02 |\n"
        "```tsv\nS1\t2015-05-18T21:05:02Z\t/wp-login.php\n```\n"
        "## weblog-b\n| I1 | reader | 192.0.2.x | 2 / 2 | reads | nothing |\n",
        encoding="utf-8",
    )
    assert truth.read_truth(file) == {
        "weblog-a": {"S1": truth.Truth("scanner", "no agent", ((1431983102, "/wp-login.php"),))},
        "weblog-b": {"I1": truth.Truth("reader", "reads", ())},
    }
