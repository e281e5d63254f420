"""Shared parts of the tests of delivery."""

from __future__ import annotations

import pytest

from pipeline.enrich.steps import EnrichTables
from support.shipping import plain_tables


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load enrichment's tables once for all workers: half a second each adds up."""
    monkeypatch.setattr(EnrichTables, "load", lambda _settings: plain_tables())
