"""Is anyone cheating: the cases that wait, what is left of the numbers without invalid traffic, and how good the signals are.

Owns the filters of the queue and the toggle between gross and net. Nobody is called more than suspected before a person decided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import Any, Final, NamedTuple, TypeVar

import orjson
from clickhouse_connect.driver import Client
from starlette.responses import Response

from dashboards.charts.net import NETS
from dashboards.charts.net import measures as measures_of
from dashboards.pages.report import csv_of, file_of
from dashboards.view import QUERY_SECONDS, View
from pipeline.errors import TooSlow
from pipeline.fraud.sentences import family, marked, without_usual
from pipeline.review import cases as review
from pipeline.review.cases import BANDS, STATES, Case, Row
from pipeline.scoring.rules import all_signals
from pipeline.settings.site import Site

SECONDS: Final = QUERY_SECONDS
"""A question of a page; a command may take longer."""
MOST_CASES: Final = 100
"""Cases of a page; the download has all of them."""
SEEN: Final[Mapping[str, timedelta]] = {"24h": timedelta(days=1), "7d": timedelta(days=7), "28d": timedelta(days=28)}
"""How long ago a case of the queue was last seen at most."""
_SIGNS: Final = "SELECT DISTINCT case, signal FROM fraud.signals WHERE NOT is_shadow"
PERIODS: Final[Mapping[str, int]] = {"7d": 7, "28d": 28}
"""The view of totals has four weeks of UTC days."""
Answer = TypeVar("Answer")


class Sum(NamedTuple):
    """Paid clicks of cases, and their harm by its unit: a currency, or clicks where the settings have no costs."""

    cases: int
    clicks: int
    harm: Mapping[str, float]


def asked(view: View, question: Callable[[Client], Answer]) -> Answer:
    """Return the answer of the views of reviewers; raises `PageError` where the review is off, or a question takes longer than a page waits."""
    if not view.settings.fraud.enabled:
        view.refuse(404, "fraud_off")

    def bounded(client: Client) -> Answer:
        client.set_client_setting("max_execution_time", SECONDS)
        client.set_client_setting("cancel_http_readonly_queries_on_client_close", 1)
        return question(client)

    try:
        return review.asked(view.settings, bounded)
    except TooSlow:
        view.refuse(504, "fraud_slow")


def cases_of(view: View, client: Client) -> list[Case]:
    """Return the cases of the person's sites, those with most harm first."""
    return [case for case in review.all_cases(client) if view.person.may_see(case.site)]


def summed(cases: Iterable[Case]) -> Sum:
    """Return the sum of cases."""
    harm: dict[str, float] = defaultdict(float)
    number = clicks = 0
    for case in cases:
        number, clicks = number + 1, clicks + case.paid_clicks
        harm[case.harm_unit] += case.harm
    return Sum(number, clicks, harm)


def waiting(cases: Sequence[Case]) -> tuple[Sum, Sum]:
    """Return the sums of the cases that wait for a reviewer: suspected ones, and unclear ones that were drawn by chance."""
    queued = [case for case in cases if case.is_queued]
    return summed(case for case in queued if case.band != "unclear"), summed(
        case for case in queued if case.band == "unclear"
    )


def harm_of(view: View, amount: float, unit: str) -> str:
    """Return harm in words: paid clicks, or money where the settings have costs."""
    if unit == "clicks":
        return view.words.say("fraud_clicks", n=int(amount))
    return f"{view.words.written(amount)} {unit}".strip()


def reasons_of(view: View, case: Case) -> Sequence[str]:
    """Return the reasons of a case in the language of the page."""
    return case.reasons_ru if view.language == "ru" else case.reasons


def split_reason(view: View, reason: str) -> tuple[str, str]:
    """Return what was measured, and what is usual, '' where the reason does not say it; a star marks a shipped value."""
    measured = without_usual(reason, view.language)
    return measured, marked(reason[len(measured) :], view.language).strip()


def show(view: View) -> Response:
    """Show the answer in words, the numbers without invalid traffic, and the queue."""
    site, days, net, chosen = _chosen_site(view), _days(view), _net(view), _filter(view)
    found, listed, runs, rows = asked(
        view,
        lambda client: (
            found := cases_of(view, client),
            chosen(found, client),
            review.rows_of(client, "runs"),
            _totals(view, client, site),
        ),
    )
    of_site = [case for case in found if site in ("", case.site)]
    runs = [run for run in runs if view.person.may_see(run["site"]) and site in ("", run["site"])]
    suspected, unclear = waiting(of_site)
    return view.show(
        "fraud.html",
        listed=listed[:MOST_CASES],
        left_out=max(0, len(listed) - MOST_CASES),
        suspected=suspected,
        unclear=unclear,
        confirmed=summed(case for case in of_site if case.state == "confirmed"),
        scored=max((run["scored_at"] for run in runs), default=None),
        cut=sorted({name for run in runs if run["day"] >= days[0] for name in run["cut"]}),
        measures=measures_of(rows, runs, days, net),
        net=net,
        **_texts(view),
    )


def show_totals(view: View) -> Response:
    """Show the numbers of each day: gross, without declared robots, and without confirmed cases."""
    site, days, net = _chosen_site(view), _days(view), _net(view)
    rows, runs = asked(view, lambda client: (_totals(view, client, site), review.rows_of(client, "runs")))
    runs = [run for run in runs if view.person.may_see(run["site"]) and site in ("", run["site"])]
    shown = [row for row in rows if row["day"] in days]
    return view.show(
        "fraud_totals.html", rows=shown, measures=measures_of(rows, runs, days, net), net=net, **_texts(view)
    )


def show_signals(view: View) -> Response:
    """Show for each signal how often it fires, what reviewers decided, and whether it hits people."""
    rows = asked(view, lambda client: review.rows_of(client, "signal_health"))
    order = sorted(rows, key=lambda row: (row["is_shadow"], -row["fires_28d"], row["signal"]))
    return view.show("fraud_signals.html", rows=order, title="title_ru" if view.language == "ru" else "title")


def download(view: View) -> Response:
    """Answer with the cases of the filters, the totals or the signals, as CSV or JSON, with all columns of their view."""
    name, form = view.path["name"], view.path["form"]
    if form not in ("csv", "json") or name not in ("cases", "totals", "signals"):
        view.refuse(404, "no_such_report")
    columns, rows = _table(view, name)
    if form == "json":
        return file_of(
            orjson.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=str), "application/json"
        )
    flat = [tuple(" | ".join(each) if isinstance(each, list | tuple) else each for each in row) for row in rows]
    return file_of(csv_of(columns, flat), "text/csv")


def _table(view: View, name: str) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    site = _chosen_site(view)
    if name == "cases":
        chosen = _filter(view)
        return Case._fields, [
            tuple(each) for each in asked(view, lambda client: chosen(cases_of(view, client), client))
        ]
    if name == "totals":
        days = _days(view)
        rows = [row for row in asked(view, lambda client: _totals(view, client, site)) if row["day"] in days]
    else:
        rows = asked(view, lambda client: review.rows_of(client, "signal_health"))
    return tuple(rows[0]) if rows else (), [tuple(row.values()) for row in rows]


def _filter(view: View) -> Callable[[Sequence[Case], Client], list[Case]]:
    """Return what keeps the cases of the address's filters; raises `PageError` for a filter that is none."""
    site, band, state = _chosen_site(view), _one_of(view, "band", BANDS), _one_of(view, "state", (*STATES, "all"))
    kind, seen = _one_of(view, "family", _families()), _one_of(view, "seen", tuple(SEEN))

    def chosen(found: Sequence[Case], client: Client) -> list[Case]:
        given, everything = "" if state == "all" else state, state == "all"
        kept = review.chosen_cases(found, site=site, band=band, state=given, everything=everything)
        if seen:
            kept = [case for case in kept if case.last_seen >= view.now - SEEN[seen]]
        if not kind:
            return kept
        known = all_signals()
        signs = client.query(_SIGNS).result_rows
        of_kind = {case for case, name in signs if name in known and known[name].family == kind}
        return [case for case in kept if case.case in of_kind]

    return chosen


def _families() -> tuple[str, ...]:
    return tuple(dict.fromkeys(signal.family for signal in all_signals().values() if not signal.is_shadow))


def _texts(view: View) -> dict[str, Any]:
    return {
        "bands": BANDS,
        "states": STATES,
        "families": {kind: family(kind, view.language) for kind in _families()},
        "seens": tuple(SEEN),
        "nets": tuple(NETS),
        "periods": tuple(PERIODS),
        "harm_of": lambda amount, unit: harm_of(view, amount, unit),
        "reasons_of": lambda case: [split_reason(view, reason) for reason in reasons_of(view, case)],
        "zone_of": lambda site: zone_of(view, site),
    }


def zone_of(view: View, site: str) -> Any:
    """Return the time zone of a site, UTC for one that is no longer in the settings."""
    found = view.settings.site(site)
    return found.zone if isinstance(found, Site) else UTC


def _chosen_site(view: View) -> str:
    return view.site.id if view.query.get("site") else ""


def _one_of(view: View, name: str, known: Sequence[str], otherwise: str = "") -> str:
    given = view.query.get(name) or otherwise
    return given if given in ("", *known) else view.refuse(400, "bad_filter")


def _net(view: View) -> str:
    return _one_of(view, "net", tuple(NETS), "gross")


def _days(view: View) -> list[date]:
    number, today = PERIODS[_one_of(view, "since", tuple(PERIODS), "7d")], view.now.astimezone(UTC).date()
    return [today - timedelta(days=number - 1 - place) for place in range(number)]


def _totals(view: View, client: Client, site: str) -> list[Row]:
    rows = review.rows_of(client, "totals", "{site:String} = '' OR site = {site:String}", site=site)
    return [row for row in rows if view.person.may_see(row["site"])]
