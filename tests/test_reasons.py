"""The reasons for which a record is no row are closed lists: each is explained, and nothing else is counted."""

from __future__ import annotations

import ast
from pathlib import Path

from pipeline.reasons import QUARANTINED, REJECTED, QuarantineReason, RejectReason

PIPELINE = Path(__file__).parents[1] / "pipeline"


def test_every_reason_is_explained() -> None:
    assert set(REJECTED) == set(RejectReason)
    assert set(QUARANTINED) == set(QuarantineReason)


def test_neither_spool_nor_enrichment_nor_delivery_names_a_reason_by_a_text_of_its_own() -> None:
    words = {*RejectReason, *QuarantineReason} - {"record", "stuck"}  # words of other things as well
    found = {
        (file.name, node.value)
        for room in ("delivery", "enrich", "spool")
        for file in (PIPELINE / room).glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in words
    }
    assert found == set()
