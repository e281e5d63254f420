"""The cases as a reviewer works on them: the queue, one case with all that is known, and verdicts.

Owns what is asked of the views of reviewers, as `security`, and the rows of `pixel.verdicts`, which are only added. Rules: a verdict is in
the audit before it is stored, and one case is read in full only with a purpose, which is in the audit first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeVar, get_args

from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.audit.actions import Action
from pipeline.audit.log import Audit
from pipeline.claims.switch import refuse_where_off
from pipeline.database.client import code, connect, explain, in_utc
from pipeline.database.starting import missing, once_prepared
from pipeline.errors import Fatal
from pipeline.fraud import store
from pipeline.settings.model import Settings

Decision = Literal["confirmed", "innocent", "unsure", "own_monitor", "known_crawler"]
DECISIONS: Final[tuple[Decision, ...]] = get_args(Decision)
STATES: Final = ("new", "reopened", *DECISIONS)
OPEN: Final = ("new", "reopened")
"""The states that wait for a reviewer."""
BANDS: Final = ("likely", "watch", "unclear")
UNKNOWN_TABLE: Final = 60
QUERY_SECONDS: Final = 60
_NEWEST: Final = "SELECT max(decided_at) FROM pixel.verdicts WHERE case_id IN {cases:Array(String)}"
_DECIDED: Final = {
    "decided_at": "DateTime64(3, 'UTC')",
    "case_id": "String",
    "site": "String",
    "decision": "String",
    "band": "String",
    "aliases": "Array(String)",
    "reason": "String",
    "reviewer": "String",
}
_NEIGHBOURS: Final = """
WITH own AS (SELECT day, ip_token, network, country FROM fraud.suspects WHERE case = {case:String})
SELECT
    case,
    argMax(band, score) AS worst_band,
    max((day, ip_token) IN (SELECT day, ip_token FROM own)) AS is_same_address,
    arraySort(groupUniqArrayIf(network, network != '')) AS networks,
    uniqExact(day) AS days,
    uniqExact(subject) AS subjects
FROM fraud.suspects
WHERE site = {site:String} AND case != {case:String}
    AND ((day, ip_token) IN (SELECT day, ip_token FROM own) OR (day, network, country) IN (SELECT day, network, country FROM own WHERE network != ''))
GROUP BY case
ORDER BY is_same_address DESC, subjects DESC, case
LIMIT 20
"""

Row = Mapping[str, Any]
Answer = TypeVar("Answer")


class Case(NamedTuple):
    """A row of `fraud.cases`, in the order of its columns."""

    case: str
    site: str
    band: str
    score: float
    first_seen: datetime
    last_seen: datetime
    hits: int
    subjects: int
    touched: Sequence[str]
    reasons: Sequence[str]
    reasons_ru: Sequence[str]
    innocent_explanation: Sequence[str]
    innocent_explanation_ru: Sequence[str]
    harm: float
    harm_unit: str
    paid_clicks: int
    state: str
    is_sample: bool
    aliases: Sequence[str]
    rules: str

    @property
    def is_queued(self) -> bool:
        """Whether it waits for a reviewer: an unclear case only where it was drawn by chance."""
        return self.state in OPEN and (self.band != "unclear" or self.is_sample)


class Details(NamedTuple):
    """All that is known of a case: rows of fraud.suspects, the worst first, of fraud.signals and of fraud.verdicts."""

    suspects: Sequence[Row]
    signals: Sequence[Row]
    verdicts: Sequence[Row]


def asked(settings: Settings, ask: Callable[[Client], Answer]) -> Answer:
    """Return the answer of a question to the views, asked as `security`.

    Raises `Fatal` where the review is off or a view is missing, `Retryable` where ClickHouse is unavailable or `up` still starts.
    """
    refuse_where_off(settings)

    def once() -> Answer:
        with _reader(settings) as client:
            return ask(client)

    return once_prepared(settings, once)


@contextmanager
def _reader(settings: Settings) -> Iterator[Client]:
    # ClickHouse ends a slow question after QUERY_SECONDS (its profile) and needs a moment to say so.
    client = connect(settings, "security", timeout=QUERY_SECONDS + 5)
    try:
        yield client
    except ClickHouseError as error:
        if code(error) == UNKNOWN_TABLE:
            raise missing(settings, "fraud.cases") from None
        raise explain(error, settings, "security") from None
    finally:
        client.close()


def rows_of(client: Client, view: str, where: str = "1", **values: object) -> list[Row]:
    """Return the rows of a view of reviewers by the names of its columns."""
    found = client.query(f"SELECT * FROM fraud.{view} WHERE {where}", parameters=values)  # noqa: S608 - words of this room
    return [{name: _plain(value) for name, value in row.items()} for row in found.named_results()]


def all_cases(client: Client) -> list[Case]:
    """Return all cases: those with most harm first, then those that touched a booking or a login; unclear ones last."""
    found = client.query(f"SELECT {', '.join(Case._fields)} FROM fraud.cases")  # noqa: S608 - names of columns
    cases = (Case(*map(_plain, row)) for row in found.result_rows)
    return sorted(cases, key=_urgency)


def _urgency(case: Case) -> tuple[object, ...]:
    reached = {"booking", "login"} & set(case.touched)
    return case.band == "unclear", -case.harm, not reached, -case.score, case.case


def is_scored(client: Client) -> bool:
    """Whether any day was scored."""
    return int(client.query("SELECT count() FROM fraud.runs").result_rows[0][0]) > 0


def chosen_cases(cases: Iterable[Case], *, site: str, band: str, state: str, everything: bool) -> list[Case]:
    """Return the cases that are asked for: the queue, or those of a state or band; `everything` also has decided and unclear ones."""
    return [
        case
        for case in cases
        if (not site or case.site == site)
        and (not band or case.band == band)
        and (not state or case.state == state)
        and (everything or state or (case.state in OPEN if band else case.is_queued))
    ]


def find(cases: Sequence[Case], given: str) -> Case:
    """Return the case whose number, or that of a case that joined it, begins so; raises `LookupError` that says why there is none."""
    start = given.strip().lower()
    found = [case for case in cases if start and any(each.startswith(start) for each in (case.case, *case.aliases))]
    if not found:
        raise LookupError(f"{given!r}: no case has it; see `clinic-pixel fraud cases --all`")
    if len(found) > 1:
        raise LookupError(f"{given!r}: several cases begin with it: {', '.join(case.case for case in found[:5])}")
    return found[0]


def details(client: Client, case: Case) -> Details:
    """Return what is known of a case."""
    suspects, signals, verdicts = (
        rows_of(client, view, "case = {case:String}", case=case.case) for view in ("suspects", "signals", "verdicts")
    )
    return Details(sorted(suspects, key=lambda row: (-row["score"], row["day"], row["subject"])), signals, verdicts)


def neighbours(client: Client, case: Case) -> list[Row]:
    """Return other cases with suspects of the same address, or of the same network and country, on the same days: the closest first."""
    found = client.query(_NEIGHBOURS, parameters={"case": case.case, "site": case.site})
    return [dict(row) for row in found.named_results()]


def path_of(client: Client, case: Case, subject: str) -> list[Row]:
    """Return the first hits of one suspect of a case on its day, in order; who asks has recorded the reading."""
    view = "path(case = {case:String}, subject = {subject:String})"
    return rows_of(client, view, case=case.case, subject=subject)


def note_reading(settings: Settings, case: Case, purpose: str, *, now: datetime, who: str) -> None:
    """Record that somebody reads a case in full, and why; raises `Retryable` where it cannot be recorded."""
    Audit(settings.audit_dir).record(Action.FRAUD_CASE, {"case": case.case, "purpose": purpose}, now=now, who=who)


def decide(settings: Settings, case: Case, decision: Decision, reason: str, *, now: datetime, who: str) -> None:
    """Store a verdict on a case and those that it took in, after it is in the audit; raises `Retryable` or `Fatal` where one of them is not written.

    The newest verdict holds, so one on a clock that is behind would not: it is refused.
    """
    audit = Audit(settings.audit_dir)
    audit.refuse_an_old_clock(now)
    facts = {"case": case.case, "decision": decision, "band": case.band, "reason": reason}
    row = (now, case.case, case.site, decision, case.band, list(case.aliases), reason, who)
    with store.connected(settings) as client:
        ((newest,),) = client.query(_NEWEST, parameters={"cases": [case.case, *case.aliases]}).result_rows
        if now <= in_utc(newest):
            raise Fatal(
                f"case {case.case}: its newest verdict is of {in_utc(newest):%Y-%m-%d %H:%M:%S} UTC, and the clock says"
                f" {now:%Y-%m-%d %H:%M:%S}; expected a later time: set the clock right"
            )
        audit.record(Action.FRAUD_VERDICT, facts, now=now, who=who)
        client.insert("verdicts", [row], list(_DECIDED), database="pixel", column_type_names=list(_DECIDED.values()))


def monitor_lines(case: Case, name: str, suspects: Sequence[Row]) -> str:
    """Return the settings that make the clients of a case the site's own check, as TOML with what must be filled in."""
    clients = ", ".join(sorted({row["client"] for row in suspects if row["client"]})) or "not known"
    networks = (
        ", ".join(sorted({f"{row['network']} ({row['country']})" for row in suspects if row["network"]})) or "not known"
    )
    return f"""\
# Below [[sites]] id = "{case.site}". Remove the # of at least one mark and fill it in; all marks that are there must match. No row holds the
# words of a browser or an address, so they cannot be filled in here. In force after a restart; earlier events keep what they have.
[[sites.monitors]]
name = "{name}"
# A part of its user agent that no browser of a visitor has, such as "UptimeRobot". Seen: {clients}.
# agent = ""
# Or the name of a cookie that only the check sends: the surest mark, where you can set one.
# cookie = ""
# Or its address or network, such as "192.0.2.7/32": ask those who run it. The name of a provider is no address. Seen: {networks}.
# network = ""
"""


def _plain(value: Any) -> Any:
    return in_utc(value) if isinstance(value, datetime) else value
