"""Examines a machine: each check reports a state and, for a problem, the remedy.

Owns the list `CHECKS`. A check changes nothing, needs no running process but says when one is missing, and never raises:
a failed check is itself a result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.cluster_check import check as cluster
from pipeline.database.client import explain
from pipeline.errors import PixelError, type_and_place
from pipeline.operations import collector_checks, setting_checks
from pipeline.operations import database_checks as database
from pipeline.operations import machine_checks as machine
from pipeline.operations.machine_checks import Seen, State, said
from pipeline.settings.model import Settings
from pipeline.system.private_files import NotOurs


class Result(NamedTuple):
    """The result of one check: a problem needs a person, a note is for information."""

    check: str
    state: State
    text: str


def examine(settings: Settings, *, not_ours: State = "problem") -> list[Result]:
    """Return the results of all checks, in their order; `not_ours` is the state of what belongs to other users of this machine."""
    results: list[Result] = []
    for name, check in CHECKS:
        try:
            results += [Result(name, state, text) for state, text in check(settings)]
        except (NotOurs, PermissionError) as error:
            text = str(error) if not_ours == "problem" else said("not_ours")
            results.append(Result(name, not_ours, text))
        except (PixelError, OSError) as error:
            results.append(Result(name, "problem", str(error)))
        except ClickHouseError as error:
            results.append(Result(name, "problem", str(explain(error, settings, "pixel_admin"))))
        except Exception as error:  # noqa: BLE001 - the other checks must be seen whatever happens to one
            results.append(Result(name, "problem", said("check_failed", error=type_and_place(error))))
    return results


def examine_cluster(settings: Settings) -> list[Result]:
    """Return what is seen of the servers of a cluster."""
    return [Result("cluster", state, text) for state, text in cluster.examine(settings)]


CHECKS: tuple[tuple[str, Callable[[Settings], Seen]], ...] = (
    ("software", machine.software),
    ("sites", machine.sites),
    ("browsers", setting_checks.browsers),
    ("privacy", setting_checks.privacy),
    ("collector", collector_checks.collector),
    ("proxies", collector_checks.proxies),
    ("pages", collector_checks.pages),
    ("sitemaps", machine.sitemaps),
    ("keys", machine.keys),
    ("clock", machine.clock),
    ("networks", collector_checks.networks),
    ("networks", setting_checks.files),
    ("version", machine.version),
    ("spool", machine.spool),
    ("ship", machine.ship),
    ("engine", database.engine),
    ("clickhouse", setting_checks.clickhouse),
    ("clickhouse", database.clickhouse),
    ("hosts", machine.hosts),
    ("visitors", database.visitors),
    ("fraud", setting_checks.fraud),
    ("terms", setting_checks.terms),
    ("retention", database.retention),
    ("persons", machine.persons),
    ("alerts", machine.alerts),
    ("audit", machine.audit),
    ("files", machine.private),
)
