"""The table of the watches is read, and a row that makes no sense is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.detection.watches import FAULTS, FLAGS, Watch, all_watches
from sql import PROBLEMS_DIR

GOOD: dict[str, Any] = {
    "name": "made_up",
    "kind": "share",
    "number": ["error"],
    "of": "people",
    "dimensions": ["page"],
    "direction": "rise",
    "factors": [3.0],
    "rank": 1,
    "least": 5,
}


def test_every_watch_of_the_table_is_read() -> None:
    text = (PROBLEMS_DIR / "watches.toml").read_text(encoding="utf-8")
    assert list(all_watches()) == re.findall(r"^\[(\w+)\]$", text, flags=re.MULTILINE)
    assert len(all_watches()) >= 20


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"number": ["mood"]}, "no number is called 'mood'"),
        ({"of": ""}, "a share, and nothing else, has `of`"),
        ({"of": "mood"}, "a share, and nothing else, has `of`"),
        ({"kind": "count"}, "a share, and nothing else, has `of`"),
        ({"factors": [0.5]}, "the factors of a rise are above 1"),
        ({"direction": "drop"}, "the factors of a drop are below 1"),
        ({"factors": []}, "factors"),
        ({"dimensions": []}, "dimensions"),
        ({"number": []}, "number"),
        ({"kind": "guess"}, "kind"),
        ({"colour": "red"}, "colour"),
        ({"least": "five"}, "least"),
    ],
)
def test_a_watch_that_makes_no_sense_is_refused(change: dict[str, Any], complaint: str) -> None:
    assert Watch(**GOOD).name == "made_up"
    with pytest.raises(ValidationError, match=re.escape(complaint)):
        Watch(**{**GOOD, **change})


def test_the_flags_have_the_order_of_the_bits_of_the_query() -> None:
    text = (PROBLEMS_DIR / "series.sql").read_text(encoding="utf-8")
    bits = re.search(r"\[\n(.*?)\n\s+\], range\((\d+)\)\)\) AS flags", text, flags=re.DOTALL)
    assert bits is not None
    lines = [line.strip().removesuffix(",") for line in bits[1].splitlines()]
    assert len(lines) == len(FLAGS) == int(bits[2])
    known = {
        "named": "false",
        "storm": "storm_at",
        "again": "again_at",
        "scripted": "mode = 'js'",
        "insecure": "page_scheme = 'http'",
    }
    for flag, words in known.items():
        assert words in lines[FLAGS.index(flag)]


def test_the_capped_flags_are_the_faults() -> None:
    assert set(FLAGS[FAULTS:]) == {"named", "further", "cookied", "scripted", "form", "done"}
