"""Reviewers at the fraud pages: cases of a made day, and what a browser does with them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.audit.log import Audit
from pipeline.fraud.job import score_days
from pipeline.settings.model import Settings
from support.clinic_day import store
from support.dashboards import Answer, Browser, Pages
from support.server import Rows
from support.suspicion import UNEVEN, MadeClient

WAYS = tuple(f"/page-{number}" for number in range(30))
PURPOSE = "weekly review"


@dataclass
class Desk:
    """A reviewer at the pages, with an audit of their own."""

    pages: Pages
    rows: Rows

    def scored(self, *made: list[dict[str, object]]) -> Desk:
        """Store rows and score their day."""
        score(self.pages.settings, *made)
        return self

    def cases(self, browser: Browser, query: str = "") -> list[dict[str, Any]]:
        """Return the cases as they are downloaded."""
        found: list[dict[str, Any]] = json.loads(browser.get(f"/reports/fraud/cases.json{query}").text)
        return found

    def audited(self) -> list[tuple[str, dict[str, str], str]]:
        """Return the acts with their facts and who did them."""
        return [
            (str(entry.action), dict(entry.facts), entry.who)
            for entry, _ in Audit(self.pages.settings.audit_dir).entries()
        ]

    def verdicts(self) -> list[tuple[object, ...]]:
        """Return the stored verdicts."""
        query = "SELECT decision, band, reason, reviewer FROM pixel.verdicts ORDER BY decided_at"
        return [tuple(row) for row in self.rows.admin.query(query).result_rows]

    def reviewer(self, name: str = "olga") -> Browser:
        """Return the browser of somebody who has given a purpose."""
        browser = self.pages.browser("security", name=name)
        case = self.cases(browser, "?state=all")[0]["case"]
        assert browser.send(f"/fraud/cases/{case}", {"purpose": PURPOSE}).status == 303
        return browser


def score(settings: Settings, *made: list[dict[str, object]]) -> None:
    """Store rows and score their day."""
    store(settings, [each for rows in made for each in rows])
    score_days(settings, datetime.now(UTC))


def busy_day() -> list[list[dict[str, object]]]:
    """Return the rows of a scanner that clicked on ads, of one that did not, and of a client that is unclear."""
    return [clicker(), scanner(), hasty().views(UNEVEN[:9], WAYS)]


def home_of(settings: Settings, directory: Path) -> Path:
    """Make a data directory of a test's own that knows the users of the database; return it."""
    home = directory / "var"
    home.mkdir()
    (home / "secrets").symlink_to(settings.secrets_dir)
    return home


def hasty() -> MadeClient:
    """Return a client whose views of pages in a burst are unclear."""
    return MadeClient({"as_org": "Hosting"})


def clicker(**facts: object) -> list[dict[str, object]]:
    """Return the views of a scanner that clicked on ads and read the booking form."""
    made = MadeClient(facts)
    return made.views(UNEVEN, WAYS, attack="dotfile", paid=True, click_kind="gclid", page_role="form")


def scanner(**facts: object) -> list[dict[str, object]]:
    """Return the views of a scanner."""
    return MadeClient(facts).views(UNEVEN[:9], WAYS, attack="dotfile")


def decided(page: Answer) -> dict[str, str]:
    """Return what the verdict form of a page carries."""
    return dict(re.findall(r'name="(form|seen)" value="([^"]*)"', page.text))


def decide(browser: Browser, case: str, decision: str, reason: str) -> Answer:
    """Open a case and decide on it."""
    page = browser.get(f"/fraud/cases/{case}")
    return browser.post(f"/fraud/cases/{case}", {**decided(page), "decision": decision, "reason": reason})
