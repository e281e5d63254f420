"""What reviewers read: cases with harm and state, suspects, signals, their health and totals; and who may read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.database.client import connect
from pipeline.fraud.job import score_days
from pipeline.fraud.views import fraud_views, review_views
from pipeline.operations.migrate import migrate
from pipeline.reports.views import view_statements
from pipeline.settings.model import Settings
from pipeline.settings.sections import Fraud
from support.clinic_day import SINCE, SITE, row, store
from support.server import Rows
from support.suspicion import UNEVEN, MadeClient

PAGES = tuple(f"/page-{number}" for number in range(30))
NOW = datetime.now(UTC)
DAY = SINCE.date()


class Desk:
    """A reviewer's view of a day with a scanner that clicked on ads."""

    def __init__(self, rows: Rows, client: Client) -> None:
        self.rows, self.client = rows, client
        self.scanner = MadeClient({"cookie_age": "month"})
        self.hits = self.scanner.views(UNEVEN, PAGES, attack="dotfile", paid=True, click_kind="gclid", page_role="form")

    def all(self, query: str) -> list[tuple[object, ...]]:
        return [tuple(each) for each in self.client.query(query).result_rows]

    def one(self, columns: str, view: str = "cases") -> tuple[object, ...]:
        (found,) = self.all(f"SELECT {columns} FROM fraud.{view}")
        return found

    def score(self, *made: list[dict[str, object]]) -> str:
        """Store rows and score; return the number of the only case."""
        store(self.rows.settings, [each for rows in made for each in rows])
        score_days(self.rows.settings, datetime.now(UTC))
        return str(self.one("case")[0])

    def decide(self, case: str, decision: str, band: str, *, minutes: int = 0) -> None:
        at = NOW + timedelta(minutes=minutes)
        verdict = [at, case, SITE, decision, band, "looked", "olga"]
        names = ["decided_at", "case_id", "site", "decision", "band", "reason", "reviewer"]
        self.rows.writer.insert("verdicts", [verdict], column_names=names, database="pixel")


@pytest.fixture
def desk(tables: Rows, clickhouse: Settings) -> Iterator[Desk]:
    client = connect(clickhouse, "security")
    yield Desk(tables, client)
    client.close()


def later(rows: list[dict[str, object]], days: int = 1) -> list[dict[str, object]]:
    """Return the rows as of a later day."""
    moved = []
    for each in rows:
        at = each["received_at"]
        assert isinstance(at, datetime)
        moved.append({**each, "received_at": at + timedelta(days=days), "epoch": (at + timedelta(days=days)).date()})
    return moved


def test_a_case_tells_what_it_touched_its_reasons_and_its_harm_in_clicks(desk: Desk) -> None:
    desk.score(desk.hits)
    found = desk.one("site, band, score, hits, subjects, touched, harm, harm_unit, paid_clicks, state")
    assert found == (SITE, "likely", 20.0, 12, 1, ["ads", "booking"], 12.0, "clicks", 12, "new")
    reasons, russian, innocent, innocent_ru = desk.one(
        "reasons, reasons_ru, innocent_explanation, innocent_explanation_ru"
    )
    assert "12 attack attempts" in str(reasons)
    assert "12 попыток атаки" in str(russian)
    assert innocent == [
        "A security test that the clinic ordered.",
        "A browser that restores its tabs, a person who opens many links in tabs, an extension that loads pages ahead.",
    ]
    assert "Проверка безопасности" in str(innocent_ru)


def test_harm_is_money_where_the_settings_have_costs(desk: Desk) -> None:
    desk.score(desk.hits, desk.scanner.views([50], paid=True, click_kind="yclid"))
    fraud = Fraud(click_cost={"gclid": 120.5}, currency="RUB")
    migrate(desk.rows.settings.model_copy(update={"fraud": fraud}))
    try:
        assert desk.one("harm, harm_unit, paid_clicks") == (1446.0, "RUB", 13)
    finally:
        migrate(desk.rows.settings)


def test_a_suspect_is_a_hash_with_its_day_and_has_the_token_for_relink(desk: Desk) -> None:
    desk.score(desk.hits, later(desk.hits))
    first, second = desk.all("SELECT subject, ip_token, epoch, day, network FROM fraud.suspects ORDER BY day")
    assert first[0] != second[0]
    assert (first[1], first[2], first[4]) == (desk.hits[0]["ip_token"], DAY, "Rostelecom")
    shown = str(desk.all("SELECT * FROM fraud.suspects") + desk.all("SELECT * FROM fraud.signals"))
    number = desk.scanner.suspect
    assert str(number) not in shown
    assert f"{number:016x}" not in shown.lower()
    joined = (
        "SELECT count() FROM fraud.signals INNER JOIN fraud.suspects USING (case, day, subject) WHERE signal = 'F17'"
    )
    assert desk.all(joined) == [(2,)]


def test_a_case_of_two_days_is_one_row_and_a_newer_run_replaces_the_older(desk: Desk) -> None:
    desk.score(desk.hits, later(desk.hits))
    assert desk.one("hits, subjects") == (24, 1)
    more = desk.scanner.views(range(100, 112), PAGES, attack="dotfile")
    desk.score(more)
    assert desk.one("hits, paid_clicks") == (36, 24)


def test_a_run_that_is_not_finished_is_not_seen(desk: Desk) -> None:
    desk.score(desk.hits)
    desk.rows.writer.command(
        "INSERT INTO pixel.fraud_cases (day, site, suspect, case_id, band, score, computed_at)"
        f" VALUES ('{DAY}', '{SITE}', {desk.scanner.suspect}, 'unfinished', 'likely', 99, now64(3) + 60)"
    )
    assert desk.one("score") == (20.0,)


def test_the_state_is_the_newest_verdict_and_reopens_when_the_band_rises(desk: Desk) -> None:
    case = desk.score(desk.hits)
    desk.decide(case, "unsure", "likely")
    assert desk.one("state") == ("unsure",)
    desk.decide(case, "innocent", "likely", minutes=1)
    assert desk.one("state") == ("innocent",)
    desk.decide(case, "innocent", "watch", minutes=2)
    assert desk.one("state") == ("reopened",)
    desk.decide(case, "confirmed", "watch", minutes=3)
    assert desk.one("state") == ("confirmed",)


def test_a_verdict_under_the_number_of_a_case_that_joined_holds_for_the_joined_one(desk: Desk) -> None:
    case = desk.score(desk.hits)
    desk.decide("newer", "own_monitor", "likely")
    assert desk.one("state") == ("new",)
    desk.rows.writer.command(
        "INSERT INTO pixel.fraud_cases (day, site, suspect, case_id, aliases, band, computed_at)"
        f" SELECT day, site, 7, '{case}', ['newer'], 'unclear', computed_at FROM pixel.fraud_runs WHERE day = '{DAY}'"
    )
    assert desk.one("case, state, aliases") == (case, "own_monitor", ["newer"])
    assert desk.one("case, given_for", "verdicts") == (case, "newer")


def test_scoring_tells_the_number_of_the_case_that_it_takes_in(desk: Desk) -> None:
    other = MadeClient()
    old = desk.score(desk.hits)
    store(desk.rows.settings, later(other.views(UNEVEN[:9], PAGES, attack="dotfile")))
    score_days(desk.rows.settings, datetime.now(UTC))
    (new,) = (str(case) for (case,) in desk.all("SELECT case FROM fraud.cases") if case != old)
    desk.decide(new, "known_crawler", "likely")
    # The first scanner comes back, from the address of the second.
    shared = {name: other.views([0])[0][name] for name in ("ip_token", "net_token")}
    desk.score(later(desk.scanner.views(UNEVEN[:9], PAGES, attack="dotfile", **shared)))
    assert desk.one("case, aliases, state, subjects") == (old, [new], "known_crawler", 2)


def test_two_cases_that_name_each_other_are_one(desk: Desk) -> None:
    desk.score(desk.hits)
    for number, (case, other) in enumerate((("a", "b"), ("b", "a"))):
        desk.rows.writer.command(
            "INSERT INTO pixel.fraud_cases (day, site, suspect, case_id, aliases, band, computed_at)"
            f" SELECT day, site, {number}, '{case}', ['{other}'], 'watch', computed_at FROM pixel.fraud_runs WHERE day = '{DAY}'"
        )
    assert desk.all("SELECT case, subjects FROM fraud.cases WHERE band = 'watch'") == [("a", 2)]


def test_health_counts_what_fired_and_how_it_was_decided(desk: Desk) -> None:
    case = desk.score(desk.hits)
    shown = "SELECT fires_7d, fires_28d, decided, confirmed, flagged, people, is_shadow FROM fraud.signal_health WHERE signal = 'F17'"
    assert desk.all(shown) == [(1, 1, 0, None, 1, 1, False)]
    desk.decide(case, "confirmed", "likely")
    assert desk.all(shown) == [(1, 1, 1, 1.0, 1, 1, False)]
    assert desk.all("SELECT decided FROM fraud.signal_health WHERE signal = 'F27'") == [(0,)]


def test_totals_take_off_robots_then_confirmed_suspects_and_keep_own_networks_apart(desk: Desk) -> None:
    at, paid = SINCE + timedelta(hours=9), {"paid": True, "click_kind": "gclid", "ip_token": "fd00::1"}
    others = [
        row(at, event_id="00000000-0000-0000-0000-000000000001", **paid, visitor=11),
        row(at, event_id="00000000-0000-0000-0000-000000000002", **paid, visitor=12, robot="Googlebot"),
        row(at, event_id="00000000-0000-0000-0000-000000000003", **paid, visitor=13, ivt_reasons=["datacenter"]),
        row(at, event_id="00000000-0000-0000-0000-000000000004", **paid, visitor=14, net_class="own"),
        row(at, event_id="00000000-0000-0000-0000-000000000005", kind="impression", visitor=11, ip_token="fd00::1"),
    ]
    case = desk.score(desk.hits, others)
    columns = "paid_landings, paid_landings_without_givt, paid_landings_valid, own_paid_landings, impressions, impressions_valid"
    assert desk.one(columns, "totals") == (15, 13, 13, 1, 1, 1)
    desk.decide(case, "confirmed", "likely")
    assert desk.one(columns, "totals") == (15, 13, 1, 1, 1, 1)
    desk.decide(case, "innocent", "likely", minutes=1)
    assert desk.one(columns, "totals") == (15, 13, 13, 1, 1, 1)


def test_the_engineer_sees_nothing_of_fraud_and_the_reviewer_no_row(desk: Desk, clickhouse: Settings) -> None:
    desk.score(desk.hits)
    for user in ("ops", "privacy"):
        other = connect(clickhouse, user)
        for name in (*(view.name for view in review_views()), "reports"):
            with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
                other.query(f"SELECT * FROM fraud.{name}")
        other.close()
    for table in ("events", "fraud_cases", "fraud_signals", "fraud_runs", "fraud_normals", "verdicts"):
        with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
            desk.client.query(f"SELECT * FROM pixel.{table}")
    for name in ("rollup.fraud_suspects", "rollup.fraud_F17"):
        with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
            desk.client.query(f"SELECT * FROM {name}(site = 'clinic', since = now(), until = now(), run = now64(3))")


def test_every_column_is_declared_and_described_and_every_view_is_listed(desk: Desk) -> None:
    desk.score(desk.hits)
    listed = {str(name): columns for name, columns in desk.all("SELECT name, columns FROM fraud.reports")}
    for view in review_views():
        told = {str(each[0]): str(each[4]) for each in desk.client.query(f"DESCRIBE fraud.{view.name}").result_rows}
        assert told == {name: meaning for name, (_, meaning) in view.columns.items()}
        assert listed[f"fraud.{view.name}"] == list(told)
        assert re.search("[а-я]", view.question_ru)


def test_without_fraud_review_there_is_no_view_of_it(clickhouse: Settings) -> None:
    off = clickhouse.model_copy(update={"fraud": Fraud(enabled=False)})
    assert fraud_views(off) == {}
    assert [name for name in view_statements(off) if name.startswith("fraud.")] == []
