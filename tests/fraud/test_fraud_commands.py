"""`clinic-pixel fraud`, as a reviewer types it."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pipeline.audit.log import Audit
from pipeline.cli import build_app
from pipeline.errors import Fatal
from pipeline.fraud.job import LOCK, Scoring, score_days
from pipeline.operations import doctor
from pipeline.settings.model import Settings
from pipeline.settings.sections import Fraud
from pipeline.system import locks
from support.clinic_day import store
from support.server import Rows
from support.suspicion import UNEVEN, MadeClient

PAGES = tuple(f"/page-{number}" for number in range(30))


@dataclass
class Reviewer:
    """Somebody at a terminal, with an audit of their own."""

    config: Path
    settings: Settings
    rows: Rows

    def types(self, *words: str, columns: int = 80, language: str = "en_US.UTF-8") -> Result:
        """Type a command of `fraud`."""
        environment = {
            "LC_ALL": language,
            "COLUMNS": str(columns),
            "NO_COLOR": "1",
            "PIXEL_CONFIG": str(self.config),
            "PIXEL_FRAUD__ENABLED": str(self.settings.fraud.enabled).lower(),
        }
        return CliRunner().invoke(build_app(), ["fraud", *words], env=environment)

    def reads(self, *words: str) -> Any:
        """Type a command and return its JSON."""
        result = self.types(*words, "--format", "json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def sees(self, *words: str, **how: Any) -> str:
        """Type a command and return its words as a terminal shows them."""
        result = self.types(*words, "--format", "table", **how)
        assert result.exit_code == 0, result.output
        return text_of(result)

    def audited(self) -> list[tuple[str, dict[str, str]]]:
        return [(entry.action, dict(entry.facts)) for entry, _ in Audit(self.settings.audit_dir).entries()]


def text_of(result: Result) -> str:
    """Return the output in one line, without the frame of an error."""
    return " ".join(result.output.replace("│", " ").split())


@pytest.fixture
def reviewer(tables: Rows, tmp_path: Path) -> Reviewer:
    """A reviewer of a database without rows."""
    home = tmp_path / "var"
    settings = tables.settings.model_copy(update={"data": home})
    home.mkdir()
    (home / "secrets").symlink_to(tables.settings.secrets_dir)
    config = tmp_path / "pixel.toml"
    config.write_text(
        f'data = "{home}"\n[clickhouse]\nport = {settings.clickhouse.port}\n[[sites]]\nid = "clinic"\nhosts = ["clinic.example"]\n',
        encoding="utf-8",
    )
    return Reviewer(config, settings, tables)


@pytest.fixture
def busy(reviewer: Reviewer) -> Reviewer:
    """A reviewer of a day with a scanner that clicked on ads, one that did not, and a client that is unclear."""
    made = [
        *MadeClient().views(UNEVEN[:9], PAGES, attack="dotfile"),
        *MadeClient().views(UNEVEN, PAGES, attack="dotfile", paid=True, click_kind="gclid", page_role="form"),
        *MadeClient({"as_org": "Hosting"}).views(UNEVEN[:9], PAGES),
        *MadeClient().views((0, 7, 31, 40, 44, 90, 130, 141, 200), PAGES),
    ]
    store(reviewer.settings, made)
    score_days(reviewer.settings, datetime.now(UTC))
    return reviewer


def test_score_scores_what_changed_and_lists_what_waits(reviewer: Reviewer) -> None:
    store(reviewer.settings, MadeClient().views(UNEVEN[:9], PAGES, attack="dotfile"))
    first = reviewer.types("score", "--format", "table")
    assert first.exit_code == 0
    assert "days scored: 1" in text_of(first)
    assert "9 attack attempts within 10 minutes" in text_of(first)
    assert "nothing changed since the last scoring" in reviewer.types("score").output


def test_score_of_one_site_scores_no_other(reviewer: Reviewer) -> None:
    with reviewer.config.open("a", encoding="utf-8") as file:
        file.write('[[sites]]\nid = "branch"\nhosts = ["branch.example"]\n')
    for site in ("clinic", "branch"):
        store(reviewer.settings, MadeClient().views(UNEVEN[:9], PAGES, attack="dotfile", site=site))
    scored = "SELECT DISTINCT site FROM pixel.fraud_runs ORDER BY site"
    listed = reviewer.reads("score", "--site", "branch")
    assert [case["site"] for case in listed] == ["branch"]
    assert reviewer.rows.admin.query(scored).result_rows == [("branch",)]
    assert len(reviewer.reads("score")) == 2
    assert reviewer.rows.admin.query(scored).result_rows == [("branch",), ("clinic",)]


def test_score_waits_for_nobody(reviewer: Reviewer) -> None:
    reviewer.settings.run_dir.mkdir(parents=True)
    with locks.locked(reviewer.settings.run_dir / LOCK):
        result = reviewer.types("score")
    assert isinstance(result.exception, Fatal)
    assert "`ship` scores right now" in str(result.exception)


def test_the_queue_begins_with_the_most_harm_and_says_what_was_drawn_by_chance(busy: Reviewer) -> None:
    queue = busy.reads("cases")
    assert [(case["harm"], case["band"], case["is_sample"]) for case in queue] == [
        (12.0, "likely", False),
        (0.0, "likely", False),
        (0.0, "unclear", True),
    ]
    assert "* drawn by chance among unclear cases" in busy.sees("cases")
    assert "unclear*" in busy.sees("cases")
    assert "All of one case: clinic-pixel fraud case ID --purpose TEXT" in busy.sees("cases")
    russian = busy.sees("cases", columns=160, language="ru_RU.UTF-8")
    assert "главная причина" in russian
    assert "12 попыток атаки за 10 минут" in russian


def test_the_queue_of_a_narrow_terminal_has_its_facts_below_each_other(busy: Reviewer) -> None:
    lines = busy.types("cases", "--format", "table").output.splitlines()
    head = next(line for line in lines if line.startswith("case"))
    facts = [line for line in lines if re.match(r"[0-9a-f]{12}  ", line)]
    assert len(facts) == 3
    for word, cell in (("band", "likely"), ("state", "new"), ("harm", "12 paid clicks")):
        assert facts[0].index(cell) == head.index(word)
    assert all(len(line) <= 80 for line in lines)


def test_of_cases_without_paid_clicks_one_that_reached_a_booking_or_login_is_first(reviewer: Reviewer) -> None:
    made = [
        *MadeClient().views(UNEVEN, PAGES, attack="dotfile", page_role="login"),
        *MadeClient().views(UNEVEN, PAGES, attack="traversal"),
        *MadeClient().views(UNEVEN, PAGES, attack="sql"),
        *MadeClient({"as_org": "Hosting"}).views(UNEVEN[:9], PAGES, page_role="form"),
    ]
    store(reviewer.settings, made)
    score_days(reviewer.settings, datetime.now(UTC))
    found = [(case["band"] == "unclear", case["touched"]) for case in reviewer.reads("cases")]
    assert found == [(False, ["login"]), (False, []), (False, []), (True, ["booking"])]


def test_the_queue_can_be_asked_for_a_band_a_state_and_a_site(busy: Reviewer) -> None:
    worst, other, _ = (case["case"] for case in busy.reads("cases"))
    assert busy.types("verdict", other[:6], "innocent", "--reason", "a test").exit_code == 0
    assert other not in [case["case"] for case in busy.reads("cases")]
    assert [case["case"] for case in busy.reads("cases", "--state", "innocent")] == [other]
    assert [case["case"] for case in busy.reads("cases", "--band", "likely")] == [worst]
    assert len(busy.reads("cases", "--all")) == 3
    assert busy.reads("cases", "--site", "clinic", "--state", "unsure") == []
    assert "No case is like this." in busy.sees("cases", "--state", "unsure")


def test_a_name_that_is_not_known_is_answered_with_the_names_there_are(busy: Reviewer) -> None:
    for words, said in (
        (("cases", "--site", "x"), "no site 'x' in the settings; there are: clinic"),
        (("cases", "--state", "x"), "expected one of new, reopened, confirmed"),
        (("cases", "--band", "x"), "expected one of likely, watch, unclear"),
        (("case", "zzz", "--purpose", "looks"), "no case has it; see `clinic-pixel fraud cases --all`"),
        (("verdict", "zzz", "innocent", "--reason", "x"), "no case has it"),
        (("verdict", "zzz", "guilty", "--reason", "x"), "'guilty' is not one of"),
    ):
        result = busy.types(*words)
        assert result.exit_code == 2
        assert said in text_of(result)


def test_a_case_is_read_with_a_purpose_that_is_in_the_audit(busy: Reviewer) -> None:
    case = busy.reads("cases")[0]["case"]
    for purpose in ("", "  ", "a\x07b", "x" * 201):
        refused = busy.types("case", case, "--purpose", purpose)
        assert refused.exit_code == 2
        assert "expected 1 to 200 printable characters" in text_of(refused)
    assert busy.types("case", case).exit_code == 2
    assert busy.audited() == []
    page = busy.sees("case", case[:7], "--purpose", "weekly review")
    assert busy.audited() == [("fraud_case", {"case": case, "purpose": "weekly review"})]
    for words in (
        "12 attack attempts within 10 minutes",
        "Usual: 0, as for 99 of 100 clients (shipped value, not yet calibrated).",
        "F17: A security test that the clinic ordered.",
        "Points of the worst suspect: 20, so 88% that it is no ordinary visitor, by the points alone",
        "from: the value that counts",
        "A pixel sees no mouse, no contents of forms",
        "Usual values are shipped ones until the site has its own",
        f"clinic-pixel fraud verdict {case} DECISION",
        f"clinic-pixel fraud claim {case}",
        "F17 Attack strings",
        "shipped value",
        "none yet",
    ):
        assert words in page
    russian = busy.sees("case", case, "--purpose", "x", "--lang", "ru")
    assert "Сначала исключите невинные объяснения" in russian
    assert "innocent (не нарушение)" in russian


def test_a_case_is_one_object_for_a_program(busy: Reviewer) -> None:
    case = busy.reads("cases")[0]["case"]
    found = busy.reads("case", case, "--purpose", "x")
    assert (found["case"], found["harm"], len(found["suspects"]), found["verdicts"]) == (case, 12.0, 1, [])
    assert {row["signal"] for row in found["signals"]} == {"F13", "F17"}
    assert found["suspects"][0]["families"]["R"] == 60
    assert "expected table or json" in text_of(busy.types("case", case, "--purpose", "x", "--format", "csv"))


def test_a_case_is_not_shown_where_the_audit_cannot_be_written(busy: Reviewer) -> None:
    case = busy.reads("cases")[0]["case"]
    busy.settings.audit_dir.mkdir(mode=0o700)
    (busy.settings.audit_dir / "audit.log").mkdir()
    result = busy.types("case", case, "--purpose", "x")
    assert result.exit_code != 0
    assert "suspects" not in result.output


def test_verdicts_are_added_and_kept_with_the_band_and_the_reviewer(busy: Reviewer) -> None:
    case = busy.reads("cases")[0]["case"]
    assert busy.types("verdict", case, "unsure", "--reason", "asked the agency").exit_code == 0
    assert busy.types("verdict", case, "confirmed", "--reason", "the agency  agrees").exit_code == 0
    told = busy.reads("case", case, "--purpose", "x")
    assert told["state"] == "confirmed"
    history = [(row["decision"], row["band"], row["reason"]) for row in told["verdicts"]]
    assert history == [("unsure", "likely", "asked the agency"), ("confirmed", "likely", "the agency agrees")]
    who = {entry.who for entry, _ in Audit(busy.settings.audit_dir).entries()}
    assert {row["reviewer"] for row in told["verdicts"]} == who
    action, facts = busy.audited()[1]
    assert action == "fraud_verdict"
    assert facts == {"case": case, "decision": "confirmed", "band": "likely", "reason": "the agency agrees"}
    assert busy.types("verdict", case, "confirmed", "--reason", " ").exit_code == 2


def test_a_verdict_on_a_clock_that_is_behind_is_refused_since_the_older_one_would_hold(busy: Reviewer) -> None:
    case = busy.reads("cases")[0]["case"]
    busy.rows.writer.command(
        "INSERT INTO pixel.verdicts (decided_at, case_id, site, decision, band, reason, reviewer)"
        f" SELECT now64(3) + 90, '{case}', 'clinic', 'confirmed', 'likely', 'another host', 'olga'"
    )
    result = busy.types("verdict", case, "innocent", "--reason", "it was our own test")
    assert isinstance(result.exception, Fatal)
    assert "expected a later time: set the clock right" in str(result.exception)
    assert busy.audited() == []
    busy.rows.clear("verdicts")
    assert busy.types("verdict", case, "innocent", "--reason", "it was our own test").exit_code == 0


def test_register_monitor_prints_lines_for_the_settings_and_records_the_verdict(busy: Reviewer) -> None:
    case = busy.reads("cases")[2]["case"]
    result = busy.types("register-monitor", case, "--name", "uptime")
    assert result.exit_code == 0
    assert tomllib.loads(result.stdout) == {"sites": {"monitors": [{"name": "uptime"}]}}
    assert "Seen: Hosting (RU)" in result.stdout
    (found,) = busy.reads("cases", "--state", "own_monitor")
    assert found["case"] == case
    assert busy.types("register-monitor", case, "--name", "Up time").exit_code == 2


def test_health_and_totals_are_tables_on_a_terminal_and_rows_for_a_program(busy: Reviewer) -> None:
    case = busy.reads("cases")[0]["case"]
    busy.types("verdict", case, "confirmed", "--reason", "x")
    attack = next(row for row in busy.reads("health") if row["signal"] == "F17")
    assert (attack["fires_28d"], attack["decided"], attack["confirmed"]) == (2, 1, 1.0)
    assert "F17 Attack strings 2 2 1 100% 0% 0/2" in busy.sees("health")
    assert "F17 Строки атаки 2 2 1" in busy.sees("health", language="ru_RU.UTF-8")
    (day,) = busy.reads("totals")
    assert (day["paid_landings"], day["paid_landings_valid"]) == (12, 0)
    assert "No GIVT: without robots" in busy.sees("totals")
    assert "Без GIVT" in busy.sees("totals", columns=120, language="ru_RU.UTF-8")


def test_before_the_first_scoring_every_command_says_so(reviewer: Reviewer) -> None:
    assert "`ship` has not scored a day yet" in text_of(reviewer.types("cases"))
    assert reviewer.reads("totals") == []
    assert "No ad view and no paid landing" in reviewer.sees("totals")
    for words in (
        ("case", "a", "--purpose", "x"),
        ("verdict", "a", "unsure", "--reason", "x"),
        ("register-monitor", "a"),
    ):
        result = reviewer.types(*words)
        assert isinstance(result.exception, Fatal)
        assert "`ship` has not scored a day yet" in str(result.exception)
    assert reviewer.audited() == []


def test_where_the_review_is_off_nothing_is_scored_and_every_command_says_why(busy: Reviewer) -> None:
    busy.settings = busy.settings.model_copy(update={"fraud": Fraud(enabled=False)})
    tables = ("fraud_cases", "fraud_signals", "fraud_runs", "fraud_normals", "fraud_hits")
    busy.rows.clear(*tables)
    left = "INSERT INTO pixel.fraud_hits (site, received_at) VALUES ('clinic', now64(3))"  # of a scoring that broke off
    busy.rows.writer.command(left)
    Scoring()(busy.settings)
    for table in tables:
        assert busy.rows.admin.query(f"SELECT count() FROM pixel.{table}").result_rows == [(0,)]
    for words in (
        ("score",),
        ("cases",),
        ("health",),
        ("totals",),
        ("case", "a", "--purpose", "x"),
        ("verdict", "a", "unsure", "--reason", "x"),
        ("register-monitor", "a"),
        ("claim", "0123456789ab", "--key", "no.key", "--purpose", "x"),
        ("advice",),
    ):
        result = busy.types(*words)
        assert isinstance(result.exception, Fatal), words
        assert "fraud.enabled is false" in str(result.exception)


def test_doctor_tells_the_last_scoring_its_age_and_what_was_cut(busy: Reviewer) -> None:
    def told() -> list[tuple[str, str]]:
        return [(each.state, each.text) for each in doctor.examine(busy.settings) if each.check == "fraud"]

    ((state, text),) = told()
    assert state == "ok"
    assert text.startswith("last scored at ")
    assert text.endswith(" minutes ago")
    busy.rows.writer.command(
        "INSERT INTO pixel.fraud_runs (day, site, computed_at, cut) VALUES (today(), 'clinic', now64(3), ['F13', 'F05'])"
    )
    assert told()[1] == (
        "note",
        f"clinic, {datetime.now(UTC).date()}: more clients set off F13, F05 than are kept; the worst are",
    )
    busy.rows.clear("fraud_runs")
    assert [state for state, _ in told()] == ["note"]
    assert "no day was scored yet" in told()[0][1]
    busy.rows.writer.command(
        "INSERT INTO pixel.fraud_runs (day, site, computed_at) VALUES (today() - 9, 'clinic', now64(3) - INTERVAL 9 DAY)"
    )
    assert told()[0][0] == "problem"
    busy.settings = busy.settings.model_copy(update={"fraud": Fraud(enabled=False)})
    assert told() == [("note", "fraud.enabled is false: nothing is scored, and there is no fraud view")]
