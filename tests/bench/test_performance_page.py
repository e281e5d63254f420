"""docs/performance.md from results and words."""

import tomllib

from bench import page, results
from bench.figures import Figure, Findings, Table, at_most
from bench.measurements import ALL
from bench.results import Result

WORDS = tomllib.loads(page.WORDS.read_text())
MISSED = Figure("calls.hit", "calls | of a hit", "", (230, 250, 240), at_most(100))
MACHINE = {"processor": "some", "Python": "3.11.7"}
RESULTS = {
    "tag": Result(
        Findings((Figure("tag.gzip_bytes", "the tag", "B", (1198,), at_most(1200)),)), MACHINE, {"runs": "5"}
    ),
    "calls": Result(
        Findings((MISSED,), (Table("top", ("f", "us"), (("put", "3"),)),), ("nginx: absent",)), MACHINE, {"runs": "5"}
    ),
}


def test_the_page_is_that_of_the_committed_results():
    assert page.PAGE.read_text() == page.page(results.read(), WORDS), "run `python -m bench.page`"


def test_every_measurement_has_words():
    assert set(WORDS["measurements"]) == set(ALL)


def test_a_table_has_each_target_met_or_missed():
    text = page.page(RESULTS, WORDS)
    assert "| the tag | 1,198 B |  | <= 1,200 | met |" in text
    assert "| calls \\| of a hit | 240 | 230 to 250 | <= 100 | missed |" in text
    assert "Not measured: nginx: absent." in text
    assert "Top:\n\n| f | us |\n| --- | --- |\n| put | 3 |" in text


def test_a_missed_target_has_the_words_of_a_person():
    words = WORDS | {"missed": {"calls.hit": "it needs a rewrite.", "tag.gzip_bytes": "not shown, because it is met."}}
    text = page.page(RESULTS, words)
    assert "* **calls | of a hit** (240, target <= 100): it needs a rewrite." in text
    assert "not shown" not in text


def test_each_machine_is_described_once():
    assert page.page(RESULTS, WORDS).count("| processor | some |") == 1
    other = RESULTS | {"calls": Result(RESULTS["calls"].findings, MACHINE | {"processor": "other"}, {})}
    text = page.page(other, WORDS)
    assert ("## Machine and effort: tag" in text, "## Machine and effort: calls" in text) == (True, True)


def test_results_survive_the_file(tmp_path):
    file = tmp_path / "results.json"
    file.write_text(results.as_text(RESULTS))
    assert results.read(file) == RESULTS
    assert results.read(tmp_path / "absent.json") == {}
