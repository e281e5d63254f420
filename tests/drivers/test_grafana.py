"""The dashboards of Grafana: in step with the reports, answered by the real server as the user of their data source."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import urllib3
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.grafana.panels import PLUGIN, files
from dashboards.grafana.questions import SITES, question
from pipeline.database.access import User, read_passwords
from pipeline.reports.catalogue import all_reports
from pipeline.reports.header import Parameter
from pipeline.settings.model import Settings
from support import clinic_day

FOLDER = Path(__file__).parents[2] / "dashboards/grafana"
REPORTS = all_reports()
BOARDS = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.json"))}
PANELS = [
    pytest.param(panel, id=f"{name} {panel['title']}") for name, board in BOARDS.items() for panel in board["panels"]
]
USERS: dict[str, User] = {
    "clinic-pixel-ops": "ops",
    "clinic-pixel-security": "security",
    "clinic-pixel-privacy": "privacy",
}
TRICKS = ["\\", "\\' OR 1=1 --", "') UNION ALL SELECT 1 --", "${site:raw}", "$__fromTime", "a, since=now()", "клиника"]


def percent(value: str) -> str:
    """Return a value as Grafana's format `percentencode` does: encodeURIComponent, and `!'()*` too."""
    return quote(value, safe="-_.~")


def filled(sql: str, site: str) -> str:
    """Return a question with the variable and the macros filled in, first the variable, as Grafana and the plugin do."""
    since, until = (f"toDateTime({time.timestamp():.0f})" for time in (clinic_day.SINCE, clinic_day.UNTIL))
    done = sql.replace("${site:percentencode}", percent(site))
    return done.replace("$__fromTime", since).replace("$__toTime", until)


def asked(settings: Settings, user: User, sql: str) -> tuple[int, dict[str, Any] | str]:
    """Return the status and the answer of the server for a question of the plugin."""
    answer = urllib3.request(
        "POST",
        f"http://127.0.0.1:{settings.clickhouse.port}/?max_execution_time=64&default_format=JSON",
        headers={"X-ClickHouse-User": user, "X-ClickHouse-Key": read_passwords(settings)[user]},
        body=sql.encode(),
    )
    return answer.status, answer.json() if answer.status == 200 else answer.data.decode()


def answered(settings: Settings, user: User, sql: str) -> dict[str, Any]:
    """Return the answer of the server to a question that it must answer."""
    status, answer = asked(settings, user, sql)
    assert status == 200, answer
    assert isinstance(answer, dict)
    return answer


def test_the_files_are_in_step_with_the_headers() -> None:
    expected = files(REPORTS)
    assert sorted(expected) == sorted(BOARDS)
    for name, content in expected.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == content, "run: make docs"


def test_a_changed_header_is_noticed() -> None:
    changed = [
        report.model_copy(update={"en": report.en.model_copy(update={"title": "Another"})}) for report in REPORTS
    ]
    assert files(changed)["fraud.en.json"] != (FOLDER / "fraud.en.json").read_text(encoding="utf-8")
    without = [report.model_copy(update={"columns": dict(list(report.columns.items())[:-1])}) for report in REPORTS]
    assert files(without)["technical.ru.json"] != (FOLDER / "technical.ru.json").read_text(encoding="utf-8")


def test_a_parameter_that_grafana_has_no_variable_for_is_refused() -> None:
    report = REPORTS[0]
    more = report.model_copy(update={"parameters": {**report.parameters, "page": Parameter(type="String")}})
    with pytest.raises(LookupError, match="page: no variable of Grafana"):
        question(more)


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_the_schema_of_grafana_reads_each_dashboard_without_loss(name: str) -> None:
    board = BOARDS[name]
    read = Dashboard.from_json(board)
    assert [panel.title for panel in read.panels or []] == [panel["title"] for panel in board["panels"]]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(set(places)) == len(places)


def test_every_report_but_those_for_tools_has_a_panel_in_both_languages() -> None:
    shown = {(name.split(".")[1], panel["title"]) for name, board in BOARDS.items() for panel in board["panels"]}
    wanted = {
        (language, report.words(language).title)
        for report in REPORTS
        for language in ("en", "ru")
        if not report.is_for_tools
    }
    assert shown == wanted


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_is_answered_for_the_user_of_its_source(native_server: Settings, panel: dict[str, Any]) -> None:
    (target,) = panel["targets"]
    assert target["datasource"] == panel["datasource"]
    answer = answered(native_server, USERS[panel["datasource"]["uid"]], filled(target["rawSql"], clinic_day.SITE))
    columns = {column["name"]: column["type"] for column in answer["meta"]}
    if panel["type"] == "timeseries":
        times = [row["time"] for row in answer["data"]]
        assert "DateTime" in columns["time"]
        assert len(set(times)) == len(times)
        assert all(re.search("Int|Float", kind) for name, kind in columns.items() if name != "time"), columns
        custom = panel["fieldConfig"]["defaults"]["custom"]
        assert custom["spanNulls"] is False
        assert custom["insertNulls"] > 60_000
    if panel["type"] == "barchart":
        assert columns[panel["options"]["xField"]] == "String"
        assert len(columns) == 2


@pytest.mark.parametrize(("language", "alphabet"), [("en", "[a-z]"), ("ru", "[а-яё]")])
def test_every_column_has_its_name_and_meaning_in_the_language(language: str, alphabet: str) -> None:
    for report in REPORTS:
        for panel in BOARDS[f"{report.purpose}.{language}.json"]["panels"]:
            if panel["title"] != report.words(language).title:
                continue
            said = {
                each["matcher"]["options"]: {one["id"]: one["value"] for one in each["properties"]}
                for each in panel["fieldConfig"]["overrides"]
            }
            assert said.keys() >= report.columns.keys()
            assert all(re.search(alphabet, said[name]["displayName"]) for name in report.columns), said
            assert all(re.search(alphabet, said[name]["description"]) for name in report.columns), said


def test_an_hour_of_too_few_visitors_is_a_gap_and_no_zero(native_server: Settings) -> None:
    sql = next(panel for panel in BOARDS["technical.en.json"]["panels"] if panel["title"] == "Traffic by hour")
    answer = answered(native_server, "ops", filled(sql["targets"][0]["rawSql"], clinic_day.SITE))
    seen = [row["visitors"] for row in answer["data"]]
    assert any(seen)
    assert None in seen
    assert 0 not in [int(number) for number in seen if number is not None]


@pytest.mark.parametrize("value", TRICKS)
def test_a_hostile_site_stays_a_text(native_server: Settings, value: str) -> None:
    answer = answered(native_server, "ops", filled("SELECT decodeURLComponent('${site:percentencode}') AS site", value))
    assert answer["data"] == [{"site": value}]
    for report in REPORTS:
        if report.path in ("technical/pages", "technical/now"):
            answer = answered(native_server, "ops", filled(question(report), value))
            assert answer["data"] == []


@pytest.mark.parametrize("quote_as", ["''", "\\'"], ids=["sqlstring", "singlequote"])
def test_the_formats_of_grafana_for_sql_let_a_backslash_out(native_server: Settings, quote_as: str) -> None:
    value = "\\' OR 1=1 -- ".replace("'", quote_as)
    sql = "SELECT count() > 0 AS found FROM technical.reports WHERE name = "
    assert answered(native_server, "ops", f"{sql}'{value}'")["data"] == [{"found": 1}]
    safe = filled(f"{sql}decodeURLComponent('${{site:percentencode}}')", "\\' OR 1=1 -- ")
    assert answered(native_server, "ops", safe)["data"] == [{"found": 0}]


def test_no_question_takes_a_variable_in_another_form() -> None:
    for board in BOARDS.values():
        for panel in board["panels"]:
            sql = panel["targets"][0]["rawSql"]
            rest = sql.replace("decodeURLComponent('${site:percentencode}')", "")
            assert re.findall(r"\$[\w{]+|\[\[", re.sub(r"\$__(from|to)Time\b", "", rest)) == []


def test_the_choice_of_sites_is_answered_where_it_is_asked(native_server: Settings) -> None:
    for user in ("ops", "security"):
        answer = answered(native_server, user, SITES)
        assert {"site": clinic_day.SITE} in answer["data"]
    assert asked(native_server, "privacy", SITES)[0] != 200


@pytest.mark.parametrize(
    ("user", "board"), [("ops", "fraud"), ("ops", "privacy"), ("privacy", "fraud"), ("security", "privacy")]
)
def test_the_database_refuses_the_panels_of_another_role(native_server: Settings, user: User, board: str) -> None:
    for panel in BOARDS[f"{board}.en.json"]["panels"]:
        status, answer = asked(native_server, user, filled(panel["targets"][0]["rawSql"], clinic_day.SITE))
        assert status != 200
        assert "Not enough privileges" in str(answer)


def test_the_provisioned_sources_are_those_of_the_dashboards_and_hold_no_password() -> None:
    text = (FOLDER / "datasources.yaml").read_text(encoding="utf-8")
    uids = re.findall(r"^    uid: (\S+)$", text, re.MULTILINE)
    users = re.findall(r"^      username: (\S+)$", text, re.MULTILINE)
    assert dict(zip(uids, users, strict=True)) == USERS
    assert set(re.findall(r"^    type: (\S+)$", text, re.MULTILINE)) == {PLUGIN}
    passwords = re.findall(r"^      password: (.+)$", text, re.MULTILINE)
    assert passwords == [f"$__env{{CLINIC_PIXEL_{user.upper()}_PASSWORD}}" for user in users]
