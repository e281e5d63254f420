"""Carries out a person's requests about their data (policy clause 6.2.4): find, block, unblock, export, erase.

Owns the order of the steps. Rules:

* Every step is in the audit before it is done, with its basis; a refusal is audited, too, and changes nothing.
* Only a request code proves that the rows are the person's. Everybody behind one router has the same address. So rows found
  by address can be counted, and blocked until the matter is checked; they are never exported and never erased.
* The request is written last, except for an erasure, which is on the disk before the first row is deleted (see
  `pipeline.subjects.erasure`); so an interrupted step can be repeated.
* The address itself is only in memory: the request keeps the address's tokens of the requested days.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from pipeline.audit.actions import Action
from pipeline.audit.log import Audit, Limit
from pipeline.edge.blocks import Block, lift_block, put_block
from pipeline.errors import Fatal
from pipeline.event import RawAddress, Token
from pipeline.keys.directory import KeyDirectory
from pipeline.settings.model import Settings
from pipeline.subjects import request_code
from pipeline.subjects.erasure import Erasures, clean_quarantine, unshipped
from pipeline.subjects.findable import notes, tokens_of
from pipeline.subjects.requests import CaseBook, PersonRequest, State, due_day
from pipeline.subjects.rows import SubjectRows, subject_rows

ADDRESSES_PER_HOUR: Final = 20
"""Searches by address in an hour: enough for the requests of persons, too few to search for the visits of many addresses."""

_MOST_DAYS: Final = 366


class Found(NamedTuple):
    """The answer of a search: the number of events per UTC day, and notes on events that it cannot find."""

    case: PersonRequest
    days: list[tuple[date, int]]
    notes: list[str]


class Desk:
    """One operator at work on the requests, at one moment.

    Raises `Fatal` where the audit, the requests or the keys are unsafe. Every method raises `Fatal` for a refusal, which is
    audited, `Retryable` where the disk or ClickHouse fails; the same step may be repeated then.
    """

    def __init__(self, settings: Settings, *, now: datetime, who: str) -> None:
        self.book = CaseBook(settings.cases_dir)
        self._settings = settings
        self._audit = Audit(settings.audit_dir)
        self._keys = KeyDirectory.of(settings)
        self._now = now.astimezone(UTC)
        self._who = who

    def open_by_code(self, number: str, requester: str, basis: str, code: str) -> Found:
        """Open a request for the holder of a request code and find the rows; the same code finds the same request again."""
        facts = {"case": number, "requester": requester, "basis": basis, "by": "request code"}
        with self._step(Action.SUBJECT_FIND, facts):
            try:
                request = request_code.read(code, self._keys.year_key, now=self._now)
            except ValueError as error:
                raise Fatal(f"--code: {error}") from None
            self.book.refuse_replay(number, code, request)
            today = self._now.date()
            case = self._case(number, requester, basis, today - self._rows_live, today)
            case = replace(case, visitors=request.visitors, code=request_code.fingerprint(code), made=request.made)
            return self._find(case, facts)

    def open_by_address(
        self, number: str, requester: str, basis: str, address: RawAddress, first: date, last: date
    ) -> Found:
        """Open a request for the rows of an address on some UTC days and count them."""
        facts = {"case": number, "requester": requester, "basis": basis, "days": f"{first} {last}"}
        with self._step(Action.SUBJECT_FIND_BY_ADDRESS, facts):
            if not first <= last or first > self._now.date() or (last - first).days > _MOST_DAYS:
                raise Fatal(f"--from, --to: expected two days in order, not later than today, {_MOST_DAYS} at most")
            case = self._case(number, requester, basis, first, last)
            case = replace(case, tokens=self._tokens(address, first, min(last, self._now.date())))
            return self._find(case, facts, Action.SUBJECT_FIND_BY_ADDRESS)

    def find(self, number: str, basis: str) -> Found:
        """Find the rows of an open request."""
        facts = {"case": number, "basis": basis}
        with self._step(Action.SUBJECT_FIND, facts):
            return self._find(self.book.working(number), facts)

    def block(self, number: str, basis: str) -> PersonRequest:
        """Hide the rows of a request from every report, refuse new hits, hold the keys of its days."""
        facts = {"case": number, "basis": basis}
        with self._step(Action.SUBJECT_BLOCK, facts):
            case = self._working(number, "open")
            with subject_rows(self._settings) as rows:
                self._record(Action.SUBJECT_BLOCK, {**facts, "requester": case.requester})
                case = replace(case, state="blocked", basis=basis, changed=self._now, blocked=self._now)
                put_block(
                    self._settings.blocks_dir,
                    Block(case=number, visitors=case.visitors, tokens=case.tokens, first=case.first, last=case.last),
                )
                rows.set_block(case, "blocked", self._now)
                rows.hold(self._settings, self._now)
            return self.book.put(case)

    def unblock(self, number: str, basis: str) -> PersonRequest:
        """Show the rows of a request again and close it."""
        facts = {"case": number, "basis": basis}
        with self._step(Action.SUBJECT_UNBLOCK, facts):
            case = self._working(number, "blocked")
            with subject_rows(self._settings) as rows:
                self._record(Action.SUBJECT_UNBLOCK, facts)
                case = replace(case, state="unblocked", basis=basis, changed=self._now, closed=self._now)
                rows.set_block(case, "unblocked", self._now)
                rows.release()
                lift_block(self._settings.blocks_dir, number)
            return self.book.put(case)

    def export(self, number: str, basis: str) -> dict[str, Any]:
        """Return all that is stored of a person, without tokens."""
        facts = {"case": number, "basis": basis}
        with self._step(Action.SUBJECT_EXPORT, facts):
            case = self._proven(number)
            with subject_rows(self._settings) as rows:
                self._record(Action.SUBJECT_EXPORT, facts)
                stored = rows.export(case)
            return {"case": number, "made": self._now, "cannot_be_found": self._notes(case), **stored}

    def erase(self, number: str, basis: str) -> dict[str, str]:
        """Delete a person's rows everywhere and close the request; return the facts in the audit.

        An interrupted erasure is completed by the next try.
        """
        facts = {"case": number, "basis": basis}
        with self._step(Action.SUBJECT_ERASE, facts):
            case = self._proven(number)
            with subject_rows(self._settings) as rows:
                self._record(Action.SUBJECT_ERASE, facts)
                case = replace(case, state="erasing", basis=basis, changed=self._now, closed=self._now)
                self.book.put(case)
                done = self._erase(case, rows)
                if case.blocked is not None:
                    rows.set_block(case, "erased", self._now)
                    rows.release()
            lift_block(self._settings.blocks_dir, number)
            facts |= {"requester": case.requester, **done}
            self._record(Action.SUBJECT_ERASED, facts)
            self.book.put(replace(case, state="erased"))
            return facts

    def _erase(self, case: PersonRequest, rows: SubjectRows) -> dict[str, str]:
        spool, erasures = self._settings.spool_dir, Erasures.of([case])
        waiting = unshipped(spool, erasures)
        counts = rows.erase(case, self._now)
        set_aside = clean_quarantine(spool, erasures)
        return {
            **{f"pixel.{table}": str(count) for table, count in counts.items()},
            "unshipped": str(waiting),
            "quarantined": str(set_aside),
        }

    def _case(self, number: str, requester: str, basis: str, first: date, last: date) -> PersonRequest:
        return PersonRequest(
            case=number,
            requester=requester,
            basis=basis,
            opened=self._now,
            due=due_day(self._now),
            changed=self._now,
            first=first,
            last=last,
        )

    def _find(self, case: PersonRequest, facts: dict[str, str], action: Action = Action.SUBJECT_FIND) -> Found:
        known = self.book.find(case.case)
        if known is not None:
            self.book.working(case.case)
            if (known.code, known.visitors, known.tokens) != (case.code, case.visitors, case.tokens):
                raise Fatal(f"--case: {case.case} is the number of another request; expected an unused number")
            case = known
        with subject_rows(self._settings) as rows:
            limit = Limit(frozenset({Action.SUBJECT_FIND_BY_ADDRESS}), ADDRESSES_PER_HOUR, timedelta(hours=1))
            self._record(action, facts, limit if action == Action.SUBJECT_FIND_BY_ADDRESS else None)
            days = rows.per_day(case)
        if known is None:
            self.book.put(case)
        return Found(case, days, self._notes(case))

    def _notes(self, case: PersonRequest) -> list[str]:
        return notes(case, self._keys, self._now.date(), self._now.date() - self._rows_live)

    def _tokens(self, address: RawAddress, first: date, last: date) -> dict[date, Token]:
        tokens = tokens_of(self._keys, address, first, last)
        if not tokens:
            raise Fatal(
                f"--from, --to: no key of {first} to {last} is left (kept {self._settings.retention.keys_days} days);"
                " events of these days can no longer be found by address"
            )
        return tokens

    def _working(self, number: str, state: State) -> PersonRequest:
        case = self.book.working(number)
        if case.state != state:
            raise Fatal(f"--case: {number} is {case.state}; expected one that is {state}")
        return case

    def _proven(self, number: str) -> PersonRequest:
        case = self.book.working(number)
        if not case.by_code:
            raise Fatal(
                f"--case: {number} was opened by an address, which others may share; expected one opened by a request code"
            )
        return case

    @property
    def _rows_live(self) -> timedelta:
        return timedelta(days=self._settings.retention.rows_days)

    @contextmanager
    def _step(self, action: Action, facts: dict[str, str]) -> Iterator[None]:
        with self.book.locked(), self._audit.refusals(action, facts, now=self._now, who=self._who):
            self._audit.refuse_an_old_clock(self._now)
            yield

    def _record(self, action: Action, facts: dict[str, str], limit: Limit | None = None) -> None:
        self._audit.record(action, facts, now=self._now, who=self._who, limit=limit)
