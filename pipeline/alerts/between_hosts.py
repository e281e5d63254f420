"""Alerts about faults between the hosts of one database: each has the form of a problem, so that it is told as one.

Owns its identity. Such a problem is of the first site, stands before all problems of sites, and is told once a week as long as it lasts; its end is not told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

from pipeline.alerts.policy import BETWEEN_HOSTS, Told, without_numbers
from pipeline.errors import Fatal
from pipeline.hosts.findings import Finding, problems_now, said
from pipeline.problems.problem import Place, Problem
from pipeline.settings.model import Settings
from pipeline.told import in_language


def told_of_hosts(settings: Settings, now: datetime) -> Iterator[Told]:
    """Yield the findings as `ship` saw them at its last look; none where the directory of the keys is unsafe, which `doctor` names."""
    try:
        found = problems_now(settings, now)
    except Fatal:
        return
    for one in found:
        language = settings.alerts.language
        title = in_language(said(f"title_{one.kind}"), language)
        yield Told(_problem(one, settings.sites[0].id, now), title, in_language(one.text, language))


def _problem(one: Finding, site: str, now: datetime) -> Problem:
    identity = hashlib.sha256(f"{one.kind} {one.about} {now:%G-%V}".encode()).hexdigest()[:8]
    return without_numbers(identity, site, BETWEEN_HOSTS, Place("host", one.about), now)
