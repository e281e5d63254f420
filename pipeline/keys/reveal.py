"""The two audited reversals of a token: to its address, and to the same address's tokens on other days.

Owns the conditions, the limit and the order: the audit line is on disk before the answer leaves memory. Rules:

* One token per call, with case, basis (policy clause 5.3) and an approver who is not the user who asks.
* `relink` returns tokens only: security can follow one suspect across days and never sees the address.
* A refusal because of key, limit or clock is audited, too. A malformed request is not, because its text may be anything.
* The answer itself is never written anywhere.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from socket import AF_INET6, inet_ntop
from typing import Final, NamedTuple

from pipeline.audit.actions import Action
from pipeline.audit.log import Audit, Limit
from pipeline.errors import Fatal
from pipeline.event import NO_TOKEN, RawAddress, Token
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.keys.tokens import DayTokens, packed

WINDOW: Final = timedelta(hours=1)
_CASE: Final = re.compile(r"\w[\w./№-]{0,63}")
_MAX_WORDS: Final = 300


class RevealRequest(NamedTuple):
    """One well-formed request: a token of the day `epoch`, case, basis, approver, and the user who asks, `who`."""

    token: Token
    epoch: date
    case: str
    basis: str
    approver: str
    who: str

    def facts(self) -> dict[str, str]:
        """Return the facts for the audit."""
        return {
            "token": self.token,
            "epoch": self.epoch.isoformat(),
            "case": self.case,
            "basis": self.basis,
            "approver": self.approver,
        }


def read_request(token: str, epoch: date, case: str, basis: str, approver: str, *, who: str) -> RevealRequest:
    """Return the request; raises `ValueError`, which names the option and the expected form, never the given token."""
    if ":" not in token or token == NO_TOKEN:
        raise ValueError("--token: expected one ip_token in the form of an IPv6 address, as a fraud report shows it")
    try:
        canonical = Token(inet_ntop(AF_INET6, packed(token)))
    except ValueError:
        raise ValueError("--token: expected one ip_token in the form of an IPv6 address") from None
    if not _CASE.fullmatch(case):
        raise ValueError("--case: expected a case number of up to 64 letters, digits and ./-№")
    for option, words in (("--basis", basis), ("--approver", approver)):
        if not words.strip() or not words.isprintable() or len(words) > _MAX_WORDS:
            raise ValueError(f"{option}: expected one line of up to {_MAX_WORDS} characters")
    if approver.strip().casefold() in {name.casefold() for name in who.split(" as ")}:
        raise ValueError(f"--approver: expected another person than {who}, the user who asks")
    return RevealRequest(canonical, epoch, case, basis, approver, who)


def reveal(files: KeyDirectory, audit: Audit, request: RevealRequest, *, now: datetime, per_hour: int) -> RawAddress:
    """Return the address behind a token, after the audit line is on disk.

    Raises `Fatal` where the day's key is destroyed or missing, the hourly limit is reached, the clock was set back or
    the token is of another day; `Retryable` where the audit cannot be written.
    """
    return _address(files, audit, Action.REVEAL, request, now, per_hour)


def relink(
    files: KeyDirectory, audit: Audit, request: RevealRequest, *, now: datetime, per_hour: int
) -> list[tuple[date, Token]]:
    """Return the tokens of the same address on the other days whose keys exist, oldest first, without the address.

    Raises what `reveal` raises.
    """
    address = _address(files, audit, Action.RELINK, request, now, per_hour)
    today = now.astimezone(UTC).date()
    days = [day for day in files.living() if day != request.epoch and day <= today]
    return [(day, _tokens(files, day).ip_token(address)) for day in days]


def _address(
    files: KeyDirectory, audit: Audit, action: Action, request: RevealRequest, now: datetime, per_hour: int
) -> RawAddress:
    limit = Limit(frozenset({Action.REVEAL, Action.RELINK}), per_hour, WINDOW)
    with audit.refusals(action, request.facts(), now=now, who=request.who):
        audit.refuse_an_old_clock(now)
        tokens = _tokens(files, request.epoch)
        audit.record(action, request.facts(), now=now, who=request.who, limit=limit)
    address = tokens.reverse(request.token)
    if not _is_plausible(address):
        raise Fatal(f"--token: no ip_token of {request.epoch}; expected the epoch and the ip_token of one row")
    return address


def _tokens(files: KeyDirectory, epoch: date) -> DayTokens:
    name = KeyName.of_day(epoch)
    key = files.read(name)
    if key is not None:
        return DayTokens(key)
    tombstone = files.tombstone(name)
    if tombstone is None:
        raise Fatal(f"{files.file(name)}: missing; expected a day of `clinic-pixel keys list`")
    raise Fatal(
        f"the key of {epoch} was destroyed on {tombstone.at:%Y-%m-%d %H:%M}; its tokens cannot be reversed any more"
    )


def _is_plausible(address: RawAddress) -> bool:
    # The cipher has no integrity check. A token of another day decrypts to random bits: never to a mapped IPv4 address, and
    # seven times out of eight to no IPv6 address that can reach a server.
    place = ip_address(address)
    return place.version == 4 or place.is_loopback or not (place.is_reserved or place.is_multicast)
