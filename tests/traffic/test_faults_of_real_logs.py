"""Three real access logs through the real endpoint: no report names a page of theirs that is not broken for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from pipeline.publish.publisher import Publisher
from pipeline.reports.header import REST
from pipeline.system import locks
from support.system import System
from support.waiting import wait_until

DATA = Path(__file__).parents[2] / "../shared/data"
FAULTS = ("error_pages", "broken_links", "server_errors", "dead_links", "reload_storms", "loops", "silent_pages")


NO_PAGES = (
    "image", "settings", "site", "discountLabel", "ajaxFilter", "province", "amp-helper-frame.html", "m/productImage",
    "m/prepareSearch",
)  # fmt: skip
"""Images and snippets of the shop that have no file ending."""


class Log(NamedTuple):
    """A log, the hosts of its site, the time of its last hit, and paths that are no pages (truth-logs.md)."""

    site: str
    hosts: tuple[str, ...]
    last: str
    no_pages: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        return DATA / f"weblog-{self.site}" / "access.log"


LOGS = (
    Log("elastic-2015", ("semicomplete.com",), "21:05:59"),
    Log("almhuette-2019", ("almhuette-raith.at",), "14:45:03"),
    Log(
        "zanbil-2019",
        ("zanbil.ir", "m.zanbil.ir"),
        "01:07:09",
        tuple(f"/{path}*" for path in NO_PAGES),
    ),
)

pytestmark = pytest.mark.skipif(
    not all(log.file.exists() for log in LOGS), reason="the three logs of ../shared/data are not here"
)


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of its own in which each log is a site, its last day is yesterday, and every closed day is published."""
    sites = [{"id": log.site, "hosts": list(log.hosts)} for log in LOGS]
    running = System(tmp_path_factory.mktemp("logs"), sites=sites).start()
    try:
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        for log in LOGS:
            excluded = [option for pattern in log.no_pages for option in ("--exclude", pattern)]
            running.run("replay", str(log.file), "--site", log.site, "--as-of", f"{yesterday}T{log.last}", *excluded)
        wait_until(lambda: _publish(running), "the days of the logs to be published", seconds=540)
        yield running
    finally:
        running.stop()


def _publish(system: System) -> bool:
    now = datetime.now(UTC)
    try:
        Publisher(system.settings).run(now, now, wait=False)
    except locks.Held:
        return False
    return True


def named(system: System, report: str, log: Log) -> list[str]:
    """Return the first key of each row that a person gets who asks the report for all days of a log."""
    asked = system.run("report", report, "--site", log.site, "--since", "9d", "--format", "json").stdout
    keys = [str(next(iter(row.values()))) for row in json.loads(asked)]
    return [key for key in keys if key != REST]


def test_the_logs_have_errors_of_people_and_of_scanners_to_name(replayed: System) -> None:
    errors = "SELECT site, count() FROM pixel.events WHERE status >= 400 AND robot = '' GROUP BY site"
    counted = dict(replayed.rows(errors))
    assert all(counted[log.site] >= 30 for log in LOGS), counted
    assert all(named(replayed, "pages", log) for log in LOGS)


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.site)
@pytest.mark.parametrize("report", FAULTS)
def test_no_report_of_faults_names_a_page_of_a_real_log(report: str, log: Log, replayed: System) -> None:
    assert named(replayed, report, log) == []
