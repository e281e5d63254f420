"""The views of a published report: sums of published spans, and the order of their rows."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from pipeline.pages import known as page_lists
from pipeline.reports import catalogue, run
from pipeline.reports.header import REST
from support import clinic_day
from support.publishing import publish_exactly
from support.server import Rows


def test_small_rows_come_after_the_others_and_the_row_of_the_dropped_cells_after_them(tables: Rows) -> None:
    links = {"referrer_kind": "internal", "status": 404, "visitor_kind": "cookie"}
    seen = {"/a": 9, "/b": 6, "/c": 2} | dict.fromkeys(("/d", "/e", "/f", "/g", "/h"), 1)
    rows = [
        clinic_day.row(
            clinic_day.SINCE, visitor=100 * place + person, referrer_page=source, page="/gone", asn=person + 1, **links
        )
        | {"event_id": uuid.uuid4()}
        for place, (source, people) in enumerate(seen.items(), 1)
        for person in range(people)
    ]
    clinic_day.store(tables.settings, rows)
    page_lists.write(tables.settings, clinic_day.SITE, "test", seen, datetime.now(UTC))
    publish_exactly(tables.settings)
    page_lists.file_of(tables.settings, clinic_day.SITE).unlink()
    report = catalogue.find("broken_links", catalogue.all_reports())
    table = run.run(tables.settings, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL)
    assert [(row[0], row[3]) for row in table.rows] == [("/a", 9), ("/b", 6), ("/c", None), (REST, None)]
