"""A clinic with a claim key: hits through the real edge and the real enrichment into stored rows, scored days, and verdicts."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import msgspec

from pipeline.audit.log import Audit
from pipeline.claims.claim import Claim, claim, read_request
from pipeline.delivery.plan import COLUMNS
from pipeline.edge.steps import run_edge
from pipeline.edge.tables import EdgeTables
from pipeline.enrich.steps import enrich
from pipeline.event import Event, Hit
from pipeline.fraud import store
from pipeline.fraud.job import score_day
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.ring import Keyring
from pipeline.keys.sealed import new_private_key, public_text
from pipeline.networks.lookup import NetworkTables
from pipeline.settings.model import Settings
from pipeline.settings.sections import Fraud
from pipeline.settings.site import Site
from support.days import MIDNIGHT
from support.server import Rows
from support.shipping import plain_tables

SITE = Site(id="clinic", hosts=("clinic.example",))
DAY = MIDNIGHT.date()
CHEAT, PATIENT = "198.51.100.7", "203.0.113.9"
AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"
)
ATTACKS = ("/.env", "/.git/config", "/wp-login.php", "/.aws/credentials")


class Clinic:
    """A clinic with its own keys, claim key and audit, on the shared ClickHouse."""

    def __init__(self, home: Path, rows: Rows) -> None:
        self.rows = rows
        self.key = home / "claims.key"
        self.private = new_private_key()
        self.key.touch(0o600)
        self.key.write_bytes(self.private)
        self.settings: Settings = rows.settings.model_copy(
            update={
                "data": home / "var",
                "sites": (SITE,),
                "fraud": Fraud(claim_key=public_text(self.private)),
            }
        )
        shutil.copytree(rows.settings.secrets_dir, self.settings.secrets_dir)
        self.keyring = Keyring(KeyDirectory(self.settings.keys_dir), may_mint=True)
        loaded = EdgeTables.load(self.settings, self.keyring, os.urandom)
        self.tables = replace(loaded, networks=NetworkTables())
        self._nonce = 0

    def edge(self, day: date, pages: Iterable[str], peer: str = CHEAT, *, second: int = 0) -> list[Event]:
        """Return the events of one client's page views from noon of a day on, a second apart."""
        noon = datetime.combine(day, time(12), UTC)
        made: list[Event] = []
        for place, page in enumerate(pages):
            self._nonce += 1
            ms = int((noon + timedelta(seconds=second + place)).timestamp() * 1000)
            hit = Hit(
                received_ms=ms,
                peer=peer,
                scheme="https",
                host="stats.clinic.example",
                agent=AGENT,
                site=SITE.id,
                page=f"https://clinic.example{page}",
                mode="img",
                nonce=self._nonce,
            )
            made += run_edge(hit, self.tables, now_ms=ms).events
        return made

    def store(self, events: Iterable[Event]) -> None:
        """Store events as `ship` does, except for the batches."""
        rows = [enrich(event, plain_tables(), str(uuid.uuid4())) for event in events]
        body = b"\n".join(msgspec.json.encode(row) for row in rows)
        self.rows.writer.raw_insert("pixel.events", COLUMNS["events"], body, fmt="JSONCompactEachRow")

    def visit(self, day: date, landings: Iterable[str], peer: str = CHEAT) -> None:
        """Store the landings of a client that attacks, too: a likely case."""
        self.store([*self.edge(day, ATTACKS, peer), *self.edge(day, landings, peer, second=60)])

    def score(self, day: date = DAY) -> str:
        """Score a day, and return the id of its only case."""
        with store.connected(self.settings) as client:
            score_day(client, SITE, day, datetime.now(UTC), 1)
        rows = self.rows.admin.query(
            "SELECT DISTINCT case_id FROM pixel.fraud_cases FINAL WHERE day = {day:Date}", parameters={"day": day}
        ).result_rows
        ((case,),) = rows
        return str(case)

    def decide(self, case: str, decision: str, *, seconds: int = 0) -> None:
        """Store a verdict, so many seconds from now."""
        self.rows.writer.command(
            "INSERT INTO pixel.verdicts (decided_at, case_id, site, decision, reason, reviewer)"
            " SELECT now64(3) + {seconds:Int32}, {case:String}, 'clinic', {decision:String}, 'seen', 'olga'",
            parameters={"case": case, "decision": decision, "seconds": seconds},
        )

    def claim(
        self, case: str, *, network: str = "", key: Path | None = None, now: datetime | None = None, per_hour: int = 30
    ) -> Claim:
        """Claim as the command does."""
        request = read_request(case, "letter 7 to the network", network, who="anna")
        return claim(
            self.settings,
            Audit(self.settings.audit_dir),
            request,
            key or self.key,
            now=now or datetime.now(UTC),
            per_hour=per_hour,
        )

    def audited(self) -> list[str]:
        """Return the actions of the audit, oldest first."""
        return [entry.action for entry, _ in Audit(self.settings.audit_dir).entries()]
