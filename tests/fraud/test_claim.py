"""Claims for refunds: a click id that came in with a hit goes out for a confirmed case, and in no other case."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import pytest
from msgspec.structs import replace

from pipeline.audit.log import Audit, TooMany
from pipeline.claims import forms
from pipeline.claims.claim import read_request
from pipeline.database.client import connect
from pipeline.errors import Fatal
from pipeline.keys.sealed import SEALED_DAYS, new_private_key, opened, public_text, sealer
from pipeline.ship.retention import clear_sealed_clicks
from support.days import MIDNIGHT
from support.refunds import CHEAT, PATIENT, Clinic
from support.server import Rows

DAY = MIDNIGHT.date()
TODAY = datetime.now(UTC).date()
IDS = ("Cj0KCQiA-7_one", "EAIaIQobChMI_two")
LANDINGS = (
    f"/?utm_campaign=implants&gclid={IDS[0]}",
    f"/price?utm_campaign=implants&gclid={IDS[1]}",
    f"/price?utm_campaign=implants&gclid={IDS[1]}",
    "/doctors?yclid=1234567890123456789",
    "/contacts?msclkid=aa11bb22",
)


@pytest.fixture
def clinic(tmp_path: Path, tables: Rows) -> Iterator[Clinic]:
    yield Clinic(tmp_path, tables)
    tables.clear()


@pytest.fixture
def case(clinic: Clinic) -> str:
    """A case of one client that attacked and clicked, beside a patient who clicked."""
    clinic.visit(DAY, LANDINGS)
    clinic.store(clinic.edge(DAY, ["/?gclid=of-a-patient", "/price"], PATIENT))
    return clinic.score()


def test_a_click_id_of_a_hit_comes_out_for_a_confirmed_case_after_one_line_of_audit(clinic: Clinic, case: str) -> None:
    clinic.decide(case, "confirmed")
    made = clinic.claim(case)
    assert {(click.network, click.click_id, click.landings) for click in made.clicks} == {
        ("gclid", IDS[0], 1),
        ("gclid", IDS[1], 2),
        ("yclid", "1234567890123456789", 1),
        ("msclkid", "aa11bb22", 1),
    }
    assert {click.days_left for click in made.clicks} == {SEALED_DAYS - (TODAY - DAY).days}
    assert (made.ended, made.foreign, made.odd, made.unclear) == (0, 0, 0, 0)
    ((entry, _),) = Audit(clinic.settings.audit_dir).entries()
    assert (entry.action, entry.who) == ("claim", "anna")
    assert entry.facts == {"case": case, "purpose": "letter 7 to the network", "network": "", "clicks": "4"}
    assert not any(click.click_id in Audit(clinic.settings.audit_dir).file.read_text() for click in made.clicks)


def test_a_claim_to_one_network_has_its_clicks_alone(clinic: Clinic, case: str) -> None:
    clinic.decide(case, "confirmed")
    assert [click.click_id for click in clinic.claim(case, network="yclid").clicks] == ["1234567890123456789"]
    with pytest.raises(Fatal, match="no paid landing of this network"):
        clinic.claim(case, network="fbclid")


@pytest.mark.parametrize("verdicts", [[], ["innocent"], ["unsure"], ["confirmed", "innocent"], ["confirmed", "unsure"]])
def test_a_case_whose_newest_verdict_is_not_confirmed_gives_nothing(
    clinic: Clinic, case: str, verdicts: list[str]
) -> None:
    for place, verdict in enumerate(verdicts):
        clinic.decide(case, verdict, seconds=place)
    with pytest.raises(
        Fatal, match=f"its newest verdict is {verdicts[-1] if verdicts else 'none'}; expected confirmed"
    ):
        clinic.claim(case)
    assert clinic.audited() == ["claim_refused"]


def test_an_unknown_case_gives_nothing_even_with_a_verdict(clinic: Clinic, case: str) -> None:
    assert case != "0123456789ab"
    clinic.decide("0123456789ab", "confirmed")
    with pytest.raises(Fatal, match="has no rows any more"):
        clinic.claim("0123456789ab")
    assert clinic.audited() == ["claim_refused"]


def test_a_case_that_was_judged_innocent_first_can_be_claimed_once_it_is_confirmed(clinic: Clinic, case: str) -> None:
    clinic.decide(case, "innocent")
    clinic.decide(case, "confirmed", seconds=1)
    assert len(clinic.claim(case).clicks) == 4


@pytest.mark.parametrize("is_cleared", [True, False], ids=["cleared", "before the job ran"])
def test_a_click_id_opens_on_day_60_and_not_on_day_61(clinic: Clinic, *, is_cleared: bool) -> None:
    last, over = (TODAY - timedelta(days=SEALED_DAYS + more) for more in (0, 1))
    for day in (last, over):
        clinic.visit(day, [f"/?gclid=of-{day}"])
    cases = {day: clinic.score(day) for day in (last, over)}
    for each in set(cases.values()):
        clinic.decide(each, "confirmed")
    if is_cleared:
        clear_sealed_clicks(clinic.settings)
    stored = "SELECT count() FROM pixel.events WHERE click_sealed != ''"
    assert clinic.rows.admin.query(stored).result_rows == [(1 if is_cleared else 2,)]
    (click,) = clinic.claim(cases[last]).clicks
    assert (click.click_id, click.days_left) == (f"of-{last}", 0)
    with pytest.raises(Fatal, match="no click id is left; they end after 60 days"):
        clinic.claim(cases[over])
    assert clinic.audited() == ["claim", "claim_refused"]


def test_a_wrong_key_opens_nothing(clinic: Clinic, case: str, tmp_path: Path) -> None:
    clinic.decide(case, "confirmed")
    wrong = tmp_path / "wrong.key"
    wrong.touch(0o600)
    wrong.write_bytes(new_private_key())
    with pytest.raises(Fatal, match="the key opens no click id; expected the private half to which the 5 landings"):
        clinic.claim(case, key=wrong)
    assert clinic.audited() == ["claim_refused"]


def test_a_file_that_is_no_private_key_is_refused(clinic: Clinic, case: str, tmp_path: Path) -> None:
    clinic.decide(case, "confirmed")
    short, wide = tmp_path / "short.key", tmp_path / "wide.key"
    for file, mode, content in ((short, 0o600, b"short"), (wide, 0o644, clinic.private)):
        file.write_bytes(content)
        file.chmod(mode)
    for file, why in (
        (short, "is no private key"),
        (wide, "others can reach it"),
        (tmp_path / "no.key", "cannot be read"),
    ):
        with pytest.raises(Fatal, match=why):
            clinic.claim(case, key=file)
    assert clinic.audited() == ["claim_refused"] * 3


def test_the_31st_claim_within_an_hour_is_refused(clinic: Clinic, case: str) -> None:
    clinic.decide(case, "confirmed")
    now = datetime.now(UTC)
    for _ in range(30):
        clinic.claim(case, now=now)
    with pytest.raises(TooMany):
        clinic.claim(case, now=now + timedelta(minutes=59))
    assert clinic.audited()[-1] == "claim_refused"
    assert len(clinic.claim(case, now=now + timedelta(minutes=61)).clicks) == 4


def test_clicks_of_a_pair_that_was_replaced_are_told_apart(clinic: Clinic, case: str) -> None:
    seal = sealer(public_text(new_private_key()))
    (event,) = clinic.edge(DAY, ["/?gclid=of-the-old-pair"], second=120)
    clinic.store([replace(event, click_sealed=seal("of-the-old-pair"))])
    clinic.decide(case, "confirmed")
    clinic.score()
    made = clinic.claim(case)
    assert (len(made.clicks), made.foreign) == (4, 1)


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "ivan@mail.example", "-2+3", "a b", "<b>"])
def test_a_text_that_is_no_click_id_is_left_out(clinic: Clinic, text: str) -> None:
    clinic.visit(DAY, ["/?gclid=sound", f"/?gclid={quote(text)}"])
    case = clinic.score()
    clinic.decide(case, "confirmed")
    made = clinic.claim(case)
    assert ([click.click_id for click in made.clicks], made.odd) == (["sound"], 1)
    assert text not in forms.csv_text(made) + forms.page_html(made, "en")


def test_a_verdict_counts_under_every_number_that_the_case_has_or_had(clinic: Clinic, case: str) -> None:
    older = "00000000000b"
    clinic.decide(case, "confirmed")
    clinic.rows.writer.command(
        "INSERT INTO pixel.fraud_cases (day, site, suspect, case_id, aliases, band, computed_at)"
        f" SELECT day, site, 7, '{older}', ['{case}'], 'watch', computed_at FROM pixel.fraud_runs WHERE day = '{DAY}'"
    )
    assert [len(clinic.claim(number).clicks) for number in (case, older)] == [4, 4]
    clinic.decide(older, "innocent", seconds=1)
    for number in (case, older):
        with pytest.raises(Fatal, match="only one was confirmed"):
            clinic.claim(number)


def test_a_landing_after_the_verdict_is_left_out_since_nobody_looked_at_it(clinic: Clinic, case: str) -> None:
    noon = datetime.combine(DAY, datetime.min.time(), UTC) + timedelta(hours=12)
    first, all_later = noon + timedelta(seconds=60), noon
    for moment in (all_later, first):
        clinic.decide(case, "confirmed", seconds=round((moment - datetime.now(UTC)).total_seconds()) + 1)
        if moment is all_later:
            with pytest.raises(Fatal, match="its 5 paid landings came after the verdict"):
                clinic.claim(case)
    made = clinic.claim(case)
    assert 1 <= len(made.clicks) < 4
    assert sum(click.landings for click in made.clicks) + made.later == 5
    assert max(click.last for click in made.clicks) <= made.confirmed
    assert f"after the verdict: {made.later}" in forms.page_html(made, "en")


def test_a_landing_that_was_delivered_twice_counts_once(clinic: Clinic) -> None:
    clinic.visit(DAY, [])
    (landing,) = clinic.edge(DAY, ["/?gclid=one"], second=60)
    clinic.store([landing, replace(landing, event_id=str(UUID(int=42)))])
    case = clinic.score()
    clinic.decide(case, "confirmed")
    (click,) = clinic.claim(case).clicks
    assert click.landings == 1


@pytest.mark.parametrize("has_clear", [True, False])
def test_the_clicks_of_an_unclear_suspect_are_left_out_beside_clearer_ones(clinic: Clinic, *, has_clear: bool) -> None:
    clinic.store(clinic.edge(DAY, ["/?gclid=of-an-unclear-one"], PATIENT))
    patient = clinic.rows.admin.query("SELECT visitor FROM pixel.events").result_rows[0][0]
    clinic.visit(DAY, ["/?gclid=of-the-cheat"])
    case = clinic.score()
    member = (
        "INSERT INTO pixel.fraud_cases (day, site, suspect, case_id, visitor, score, band, reasons, reasons_ru, rules_version, computed_at)"
        " SELECT day, site, {suspect:UInt64}, {case:String}, {suspect:UInt64}, 1, 'unclear', [], [], rules_version, computed_at FROM pixel.fraud_cases"
    )
    other = case if has_clear else "00000000000a"
    clinic.rows.writer.command(member, parameters={"suspect": patient, "case": other})
    clinic.decide(other, "confirmed")
    made = clinic.claim(other)
    told = ["of-the-cheat"] if has_clear else ["of-an-unclear-one"]
    assert ([click.click_id for click in made.clicks], made.unclear) == (told, int(has_clear))


def test_a_patient_behind_the_address_and_browser_of_a_cheat_is_not_claimed(clinic: Clinic) -> None:
    clinic.visit(DAY, ["/?gclid=of-the-cheat"])
    landing, later = clinic.edge(DAY, ["/?gclid=of-a-patient", "/doctors"], second=600)
    clinic.store([landing])
    case = clinic.score()
    clinic.decide(case, "confirmed")
    assert len(clinic.claim(case).clicks) == 2
    clinic.store([replace(later, visitor=77, visitor_kind="cookie", cookie_state="returning")])
    with pytest.raises(Fatal, match="its 2 paid landings may be those of a person"):
        clinic.claim(case)


def test_the_clicks_of_a_blocked_person_are_not_claimed(clinic: Clinic, case: str) -> None:
    clinic.decide(case, "confirmed")
    suspect = clinic.rows.admin.query("SELECT visitor FROM pixel.fraud_cases FINAL").result_rows[0][0]
    clinic.rows.block(visitor=suspect)
    with pytest.raises(Fatal, match="has no rows any more"):
        clinic.claim(case)


def test_the_worker_reads_the_clicks_through_the_view_alone_and_readers_not_at_all(clinic: Clinic, case: str) -> None:
    view = f"rollup.fraud_clicks(site = 'clinic', case = '{case}', since = toDateTime('{DAY} 00:00:00', 'UTC'), until = now())"
    found = clinic.rows.writer.query(f"SELECT * FROM {view}")
    assert found.column_names == ("at", "click_kind", "sealed", "campaign", "page", "is_unclear")
    assert len(found.result_rows) == 5
    assert {opened(row[2], clinic.private) for row in found.result_rows} >= set(IDS)
    with pytest.raises(Exception, match="497"):
        clinic.rows.writer.query("SELECT click_sealed FROM pixel.events")
    for user in ("ops", "security", "privacy"):
        client = connect(clinic.settings, user)
        with pytest.raises(Exception, match="497"):
            client.query(f"SELECT * FROM {view}")
        client.close()


def test_no_address_visitor_or_token_is_in_any_output(clinic: Clinic, case: str) -> None:
    clinic.decide(case, "confirmed")
    made = clinic.claim(case)
    texts = [forms.csv_text(made), forms.page_html(made, "en"), forms.page_html(made, "ru"), repr(made)]
    secrets = clinic.rows.admin.query(
        "SELECT DISTINCT toString(visitor), hex(visitor), toString(ip_token), toString(net_token), toString(ua_token), hex(ua_token),"
        " toString(click_token), hex(click_token) FROM pixel.events"
    ).result_rows
    hidden = {value.lower() for row in secrets for value in row if value.strip("0")} | {CHEAT, PATIENT}
    hidden |= {
        row[0] for row in clinic.rows.admin.query("SELECT lower(hex(suspect)) FROM pixel.fraud_cases").result_rows
    }
    assert len(hidden) > 8
    for text in texts:
        assert [value for value in hidden if value in text.lower()] == []
        assert "of-a-patient" not in text


@pytest.mark.parametrize(
    ("case", "purpose", "network", "why"),
    [
        ("x", "p", "", "ID: expected the whole number of a case"),
        ("0123456789AB", "p", "", "ID: expected"),
        ("0123456789ab", " ", "", "--purpose: expected one line"),
        ("0123456789ab", "a\nb", "", "--purpose: expected one line"),
        ("0123456789ab", "p", "ysclid", "--network: expected one of"),
    ],
)
def test_a_malformed_request_names_the_option(case: str, purpose: str, network: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}"):
        read_request(case, purpose, network, who="anna")
