"""The claim in the forms of the ad networks, as CSV, and as a page to print; and the whole way through the running product."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipeline.claims import forms
from pipeline.claims.claim import Claim, Click
from pipeline.fraud.job import score_days
from pipeline.fraud.store import connected
from pipeline.keys.sealed import new_private_key, public_text
from support.system import System

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def click(network: str, click_id: str, *, hours: int = 0, campaign: str = "implants", **facts: object) -> Click:
    marks = {"utm_campaign": campaign} if campaign else {}
    at = AT + timedelta(hours=hours)
    return Click(network, click_id, at, at, 1, marks, "/price", 58)._replace(**facts)  # type: ignore[arg-type]


def claim_of(*clicks: Click, **facts: object) -> Claim:
    reasons = {"en": ["9 page views within 10 seconds."], "ru": ["За 10 секунд просмотров: 9."]}
    plain = Claim("0123456789ab", "clinic", AT, AT, clicks, reasons, ["abcdef012345"], ["2026-11-19"], 0, 0, 0, 0)
    return plain._replace(**facts)  # type: ignore[arg-type]


class Tags(HTMLParser):
    """The names and addresses of all elements of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.loaded: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.loaded += [str(value) for name, value in attrs if name in ("src", "href", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("kind", ["gclid", "gbraid", "wbraid"])
def test_a_claim_to_google_has_the_fields_of_its_form(kind: str) -> None:
    made = claim_of(click(kind, "a"), click(kind, "b", hours=30, campaign="braces", days_left=59, landings=2))
    (part,) = forms.parts(made, "en")
    fields = dict(part.fields)
    assert part.name == "Google Ads"
    assert fields["Customer id of the account"] == fields["Contact e-mail"] == "(please fill in)"
    assert fields["Date range, UTC"] == "2026-11-20 09:30:00 … 2026-11-21 15:30:00"
    assert fields["Campaigns"] == "implants, braces"
    assert fields["Clicks and landings"] == "clicks: 2; landings: 3"
    assert fields["Days left"] == "58 for the oldest click, 59 for the newest"
    assert fields["What is suspicious"] == "9 page views within 10 seconds."
    assert fields["Rules and lists"] == "rules abcdef012345; lists 2026-11-19"
    assert "a person of the clinic looked at the case and confirmed it" in fields["How it was found"]
    assert "no click that is older than 60 days" in part.note


def test_days_left_are_told_once_where_all_clicks_are_of_one_day() -> None:
    (part,) = forms.parts(claim_of(click("gclid", "a"), click("gclid", "b", hours=1)), "en")
    assert dict(part.fields)["Days left"] == "58"


def test_a_campaign_of_which_nothing_is_kept_is_said_so_on_the_page_and_stays_a_star_in_the_list() -> None:
    made = claim_of(click("yclid", "a", campaign="*"))
    assert "(mark not kept)" in forms.page_html(made, "en")
    assert "(метка не сохранена)" in forms.page_html(made, "ru")
    assert next(csv.DictReader(io.StringIO(forms.csv_text(made))))["campaign"] == "*"


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_claim_to_yandex_is_a_summary_by_campaign_and_day_without_a_promise(language: forms.Language) -> None:
    clicks = [click("yclid", "1"), click("yclid", "2", hours=1), click("yclid", "3", hours=24, campaign="", landings=4)]
    (part,) = forms.parts(claim_of(*clicks), language)
    none = forms.words(language)["no_campaign"]
    assert [tuple(line) for line in part.summary] == [
        (date(2026, 11, 20), "implants", 2, 2),
        (date(2026, 11, 21), none, 1, 4),
    ]
    assert {"en": "promises no refund", "ru": "не обещает возврата"}[language] in part.note


def test_another_network_gets_a_plain_list_and_each_network_its_own_part() -> None:
    made = claim_of(click("msclkid", "m"), click("gclid", "g"), click("yclid", "1"), click("wbraid", "w"))
    found = {part.name: [each.click_id for each in part.clicks] for part in forms.parts(made, "en")}
    assert found == {"Google Ads": ["g", "w"], "msclkid": ["m"], "Yandex Direct": ["1"]}
    assert forms.parts(claim_of(click("msclkid", "m")), "en")[0].summary == ()


def test_the_list_is_csv_whose_cells_are_no_formulas() -> None:
    text = forms.csv_text(claim_of(click("gclid", "a", campaign="=1+1"), click("gclid", "b", page="@x")))
    first, second = csv.DictReader(io.StringIO(text))
    assert tuple(first) == forms.COLUMNS
    assert (first["click_id"], first["campaign"], first["page"]) == ("a", "'=1+1", "/price")
    assert second["page"] == "'@x"
    assert (first["days_left"], first["rules"], first["lists"]) == ("58", "abcdef012345", "2026-11-19")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_page_loads_nothing_and_shows_markup_as_text(language: forms.Language) -> None:
    made = claim_of(click("yclid", "1", campaign="<script>alert(1)</script>"), ended=3)
    page = Tags(forms.page_html(made, language))
    assert not {"script", "img", "link", "form", "iframe"} & set(page.names)
    assert page.loaded == []
    assert "<script>alert(1)</script>" in page.text
    for said in (
        made.reasons[language][0],
        forms.words(language)["title"],
        "0123456789ab",
        "58",
        "2026-11-20 09:30:00",
    ):
        assert said in page.text
    assert forms.words(language)["left_out_said"].format(ended=3, foreign=0, odd=0, unclear=0, later=0) in page.text


def test_both_languages_have_the_same_words() -> None:
    english, russian = forms.words("en"), forms.words("ru")
    assert english.keys() == russian.keys()
    assert all(english.values())
    assert all(russian.values())


@pytest.mark.slow
def test_a_click_id_goes_from_a_request_to_the_files_of_a_claim(tmp_path: Path) -> None:
    private = new_private_key()
    key = tmp_path / "claims.key"
    key.touch(0o600)
    key.write_bytes(private)
    running = System(tmp_path / "home", fraud={"claim_key": public_text(private)})
    out, page = tmp_path / "list.csv", tmp_path / "claim.html"
    try:
        running.start()
        nonces = running.nonces(4)
        pages = ("/.env", "/.git/config", "/.aws/credentials", "/price?gclid=Cj0KCQiA_end-to-end")
        for nonce, path in zip(nonces, pages, strict=True):
            assert running.pixel(u=f"https://clinic.example{path}", n=str(nonce), address="198.51.100.7").status == 200
        running.wait_for(nonces)
        score_days(running.settings, datetime.now(UTC))
        ((case,),) = running.rows("SELECT DISTINCT case_id FROM pixel.fraud_cases FINAL")
        asked = ("fraud", "claim", case, "--key", str(key), "--purpose", "refund of November", "--out", str(out))
        early = running.run(*asked, "--page", str(page), check=False)
        assert (early.returncode, out.exists(), page.exists()) == (1, False, False)
        assert "its newest verdict is none" in early.stderr
        with connected(running.settings) as client:
            client.command(
                f"INSERT INTO pixel.verdicts (decided_at, case_id, site, decision, reason, reviewer)"
                f" VALUES (now64(3), '{case}', 'clinic', 'confirmed', 'seen', 'olga')"
            )
        running.run(*asked, "--page", str(page), "--lang", "ru")
        again = running.run(*asked, check=False)
        assert "exists; expected the name of a new file" in again.stderr
        log = (running.settings.audit_dir / "audit.log").read_text()
    finally:
        running.stop()
    (row,) = csv.DictReader(io.StringIO(out.read_text()))
    assert (row["network"], row["click_id"], row["days_left"]) == ("gclid", "Cj0KCQiA_end-to-end", "60")
    assert "Cj0KCQiA_end-to-end" in page.read_text()
    assert 'lang="ru"' in page.read_text()
    assert {file.stat().st_mode & 0o777 for file in (out, page)} == {0o600}
    assert (log.count('"claim"'), log.count('"claim_refused"')) == (1, 1)
    assert "end-to-end" not in log
    assert "198.51.100" not in out.read_text() + page.read_text() + log
