"""Decides whether a request may be tied to a person, before anything is written (policy clause 2.1).

Owns the precedence: a signal of the browser (Global Privacy Control, Do Not Track) or the opt-out cookie wins over
everything; then the site's kind of consent. Pure.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Consent(NamedTuple):
    """The answer: whether visitor and tokens may be made, and why not."""

    identify: bool
    signalled: bool


ALLOWED = Consent(identify=True, signalled=False)
NOT_GIVEN = Consent(identify=False, signalled=False)
SIGNALLED = Consent(identify=False, signalled=True)


def decide(
    *, gpc: bool, dnt: bool, opted_out: bool, kind: Literal["implied", "explicit"], given: bool | None
) -> Consent:
    """Return the decision; `given` is the tag's `c` (None when the tag did not send it).

    Source: Global Privacy Control specification (Sec-GPC), Tracking Preference Expression (DNT), policy clause 2.1.
    """
    if gpc or dnt or opted_out:
        return SIGNALLED
    if given is False or (kind == "explicit" and given is not True):
        return NOT_GIVEN
    return ALLOWED
