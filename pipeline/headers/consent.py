"""Decides whether a request may be tied to a person, before anything is written (policy clause 2.1).

Owns the precedence: a signal of the browser (Global Privacy Control, Do Not Track) or the opt-out cookie wins over
everything; then the site's kind of consent. Pure.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pipeline.event import PrivacySignal


class Consent(NamedTuple):
    """The answer: whether visitor and tokens may be made, and why not."""

    identify: bool
    signal: PrivacySignal = "none"

    @property
    def signalled(self) -> bool:
        """Whether the browser sent a privacy signal, or the person opted out."""
        return self.signal != "none"


ALLOWED = Consent(identify=True)
NOT_GIVEN = Consent(identify=False)


def decide(
    *, gpc: bool, dnt: bool, opted_out: bool, kind: Literal["implied", "explicit"], given: bool | None
) -> Consent:
    """Return the decision; `given` is the tag's `c` (None when the tag did not send it).

    Source: Global Privacy Control specification (Sec-GPC), Tracking Preference Expression (DNT), policy clause 2.1.
    """
    if opted_out:
        return Consent(identify=False, signal="opt_out")
    if gpc or dnt:
        return Consent(identify=False, signal="gpc" if gpc else "dnt")
    if given is False or (kind == "explicit" and given is not True):
        return NOT_GIVEN
    return ALLOWED
