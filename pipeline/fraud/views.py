"""The views of the fraud review: of each signal, of the facts of suspects and of a claim, which the worker reads, and those of reviewers.

Owns the rendering of sql/fraud. A signal's view gives one row for each client that has a value, whatever it is, so that the same view
measures what is usual; the threshold is applied by its reader.
"""

from __future__ import annotations

from typing import Final

from pipeline.claims.claim import CLAIM, CLICKS
from pipeline.keys.sealed import SEALED_DAYS
from pipeline.reports.statements import rendered
from pipeline.scoring.rules import all_signals
from pipeline.settings.model import Settings
from sql import FRAUD_DIR, fill, without_comments

SUSPECTS: Final = "rollup.fraud_suspects"
_SIGNAL: Final = """WITH
    {frame},
    measured AS (
        {query}
    )
SELECT client, link, toFloat64(value) AS value, began, ended, evidence FROM measured"""


def view_of(signal: str) -> str:
    """Return the name of the view of a signal."""
    return f"rollup.fraud_{signal}"


def fraud_views(settings: Settings) -> dict[str, str]:
    """Return the statement that makes or replaces each view, by its name; none where the fraud review is off."""
    if not settings.fraud.enabled:
        return {}
    frame = without_comments(_text("frame.sql")).strip().removesuffix(",")
    made = {}
    for signal in all_signals().values():
        body = _SIGNAL.format(frame=frame, query=without_comments(signal.query).strip())
        made[view_of(signal.name)] = rendered(view_of(signal.name), fill(body, {}), settings)
    for name, text in ((SUSPECTS, "suspects.sql"), (CLICKS, "clicks.sql"), (CLAIM, "claim.sql")):
        body = without_comments(_text(text)).replace("$frame", frame)
        made[name] = rendered(name, fill(body, {"sealed_days": str(SEALED_DAYS)}), settings)
    for file in sorted((FRAUD_DIR / "views").glob("*.sql")):
        name = f"fraud.{file.stem}"
        made[name] = rendered(name, fill(without_comments(file.read_text(encoding="utf-8")), {}), settings)
    return made


def _text(name: str) -> str:
    return (FRAUD_DIR / name).read_text(encoding="utf-8")
