"""The switch of the fraud review, for every command of the group `fraud`."""

from __future__ import annotations

from pipeline.errors import Fatal
from pipeline.settings.model import Settings


def refuse_where_off(settings: Settings) -> None:
    """Raise `Fatal` where the fraud review is switched off."""
    if not settings.fraud.enabled:
        raise Fatal(
            "fraud.enabled is false in the settings: nothing is scored, and there is no fraud view (docs/legal-mapping.md, 4.1.3)"
        )
