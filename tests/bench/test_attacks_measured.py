"""The measurement of attacks and look-alikes: real rows, scored by the product, and told apart by their nonces."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bench.fraud.attacks import CLEAN, AttackedClinic, Ground
from pipeline.database.client import connect
from pipeline.settings.model import Settings
from pipeline.traffic.places import DocumentationPlaces
from support.server import Rows


@pytest.mark.slow
def test_the_suspects_of_a_kind_are_told_from_those_of_another_and_of_the_clinic(
    tables: Rows, clickhouse: Settings
) -> None:
    admin = connect(clickhouse, "pixel_migrator")
    day = datetime.now(UTC).date() - timedelta(days=1)
    clinic = AttackedClinic(Ground(clickhouse, DocumentationPlaces(), day, 20, 1), admin)
    scan, kiosk = clinic.judged(["vulnerability-scan", "kiosk"])
    assert (scan["kind"], scan["clients"], scan["rows"]) == ("vulnerability-scan", 1, 70)
    # One browser that keeps its cookie: its first hit has none.
    assert (kiosk["kind"], kiosk["clients"]) == ("kiosk", 2)
    assert scan["fired"]["F17"] == 1
    assert "F17" not in kiosk["fired"]
    assert sum(kiosk["bands"].values()) == 2
    # The next kind finds nothing of the one before.
    clean = clinic.judged([CLEAN])[0]
    assert (clean["clients"], clean["bands"], clean["fired"]) == (0, {}, {})
    stored = admin.query("SELECT countIf(nonce >= 1099511627776), count() FROM pixel.events").result_rows[0]
    admin.close()
    assert stored[0] == 0
    assert stored[1] > 50
