"""The rules of Prometheus: promtool takes them, each fires and keeps quiet where it should, and rests on what the software exports."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import urllib3
from prometheus_client.parser import text_string_to_metric_families

from pipeline.alerts.gauges import Gauges, SinkNumbers, write_gauges
from pipeline.errors import Reason
from pipeline.hosts.findings import KINDS
from pipeline.ship.status import ShipStatus, status_path, write_status
from support.edge import CLINIC, Edge
from support.waiting import wait_until
from support.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
SCRAPE = ROOT / "deploy" / "prometheus" / "prometheus.yml"
HOST = 'instance="127.0.0.1:8080", job="clinic-pixel"'
DAY = 24 * 60  # minutes

# Alert -> the series (name with labels, values of each minute) with which it fires and with which it keeps quiet.
FIRES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "CollectorDown": ({"up": "0x{end}"}, {"up": "1x{end}"}),
    "CollectorNotReady": ({"clinic_pixel_ready": "0x{end}"}, {"clinic_pixel_ready": "1x{end}"}),
    "HitsFail": (
        {'clinic_pixel_refused_total{reason="spool_full"}': "0+3x{end}"},
        {'clinic_pixel_refused_total{reason="unknown_site"}': "0+3x{end}"},
    ),
    "SpoolFills": ({"clinic_pixel_spool_room_bytes": "5e8x{end}"}, {"clinic_pixel_spool_room_bytes": "5e9x{end}"}),
    "ShipSilent": ({"clinic_pixel_ship_seen_seconds": "0x{end}"}, {"clinic_pixel_ship_seen_seconds": "0+60x{end}"}),
    "ShipHalted": ({"clinic_pixel_ship_halted": "1x{end}"}, {"clinic_pixel_ship_halted": "0x{end}"}),
    "ShipBehind": ({"clinic_pixel_ship_oldest_seconds": "1x{end}"}, {"clinic_pixel_ship_oldest_seconds": "0x{end}"}),
    "SegmentsLost": ({"clinic_pixel_ship_lost_segments": "1x{end}"}, {"clinic_pixel_ship_lost_segments": "0x{end}"}),
    "JobFails": ({'clinic_pixel_ship_failed_job{task="copy the audit"}': "1x{end}"}, {}),
    "KeysRunOut": (
        {"clinic_pixel_key_days_left": "2x{end}", "clinic_pixel_mints_keys": "0x{end}"},
        {"clinic_pixel_key_days_left": "1x{end}", "clinic_pixel_mints_keys": "1x{end}"},
    ),
    "KeysOverdue": ({"clinic_pixel_keys_overdue": "1x{end}"}, {"clinic_pixel_keys_overdue": "0x{end}"}),
    "HostsDisagree": (
        {"clinic_pixel_hosts_keys_differ": "1x{end}"},
        {f"clinic_pixel_hosts_{kind}": "0x{end}" for kind in KINDS},
    ),
    "FloodRefused": (
        {'clinic_pixel_flood_total{net_class="other"}': "0+10x{end}", "clinic_pixel_offered_total": "0+100x{end}"},
        {'clinic_pixel_flood_total{net_class="other"}': "0+1x{end}", "clinic_pixel_offered_total": "0+100x{end}"},
    ),
    "NoHits": ({"clinic_pixel_offered_total": "7x{end}"}, {"clinic_pixel_offered_total": "7+1x{end}"}),
    "ProblemsNotEvaluated": (
        {"clinic_pixel_problems_evaluated_seconds": "0x{end}"},
        {"clinic_pixel_problems_evaluated_seconds": "0+60x{end}"},
    ),
    "AlertsGivenUp": (
        {'clinic_pixel_alerts_total{sink="mail",result="lost"}': "0+1x{end}"},
        {'clinic_pixel_alerts_total{sink="mail",result="delivered"}': "0+1x{end}"},
    ),
    "AlertsWait": (
        {'clinic_pixel_alerts_waiting{sink="mail"}': "2x{end}"},
        {'clinic_pixel_alerts_waiting{sink="mail"}': "0x{end}"},
    ),
    "MemoryMaySwap": ({"clinic_pixel_memory_may_swap": "1x{end}"}, {"clinic_pixel_memory_may_swap": "0x{end}"}),
    "FilesRefused": (
        {"clinic_pixel_lookup_files_refused_total": "0+1x{end}"},
        {"clinic_pixel_lookup_files_refused_total": "0x{end}"},
    ),
    "PagesUnread": (
        {"clinic_pixel_page_faults_total": "0+1x{end}"},
        {"clinic_pixel_page_faults_total": "0x{end}"},
    ),
}


def rules() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_yaml(RULES)["groups"][0]["rules"]
    return found


def rule_of(alert: str) -> dict[str, Any]:
    return next(rule for rule in rules() if rule["alert"] == f"ClinicPixel{alert}")


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=120)


def test_promtool_takes_the_rules():
    done = promtool("check", "rules", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(FIRES)} rules found" in done.stdout


def test_promtool_takes_the_scrape_configuration_with_the_rules(tmp_path):
    given = SCRAPE.read_text().replace("/etc/prometheus/clinic-pixel-alerts.yml", str(RULES))
    (tmp_path / "prometheus.yml").write_text(given)
    done = promtool("check", "config", str(tmp_path / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"SUCCESS: {len(FIRES)} rules found" in done.stdout


def test_each_alert_fires_and_keeps_quiet(tmp_path):
    tests = []
    for alert, cases in FIRES.items():
        end = 3 * DAY if alert == "KeysOverdue" else 180
        for series, fires in zip(cases, (True, False), strict=True):
            tests.append(
                {
                    "interval": "1m",
                    "name": f"{alert} {'fires' if fires else 'keeps quiet'}",
                    "input_series": [_series(name, values.format(end=end)) for name, values in series.items()],
                    "promql_expr_test": [
                        {
                            "expr": f'count(ALERTS{{alertname="ClinicPixel{alert}", alertstate="firing"}}) or vector(0)',
                            "eval_time": f"{end}m",
                            "exp_samples": [{"labels": "{}", "value": 1 if fires else 0}],
                        }
                    ],
                }
            )
    (tmp_path / "tests.yml").write_text(
        json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "5m", "tests": tests})
    )
    done = promtool("test", "rules", str(tmp_path / "tests.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def _series(name: str, values: str) -> dict[str, str]:
    bare, brace, labels = name.partition("{")
    return {"series": f"{bare}{{{HOST}{', ' + labels[:-1] if brace else ''}}}", "values": values}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Name and labels of every figure of a running collector whose ship has spoken, as Prometheus stores them."""
    data = tmp_path_factory.mktemp("exported") / "var"
    with Edge(data, sites=(CLINIC,)) as edge:
        told = ShipStatus(1, at_ms=1, failed_jobs={"copy the audit": "x"})
        write_status(status_path(data), told)
        write_gauges(
            edge.settings.run_dir, Gauges(1.0, (("clinic", "w", "open", 1),), (SinkNumbers("mail", 1, 0, 0, 0),))
        )
        urllib3.request("GET", f"{edge.url}/p.gif?s=nobody&u=https%3A%2F%2Fx.example%2F")
        totals = edge.settings.run_dir
        wait_until(lambda: any("refused" in file.read_text() for file in totals.glob("collector-*.json")))
        text = urllib3.request("GET", f"{edge.url}/metrics").data.decode()
    found: dict[str, set[str]] = {"up": set()}
    for family in text_string_to_metric_families(text):
        found.setdefault(family.name + ("_total" if family.type == "counter" else ""), set())
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize("alert", FIRES)
def test_the_alert_rests_on_figures_that_the_software_exports(exported, alert):
    rule = rule_of(alert)
    used = set(re.findall(r"\b(?:clinic_pixel_\w+|up)\b", rule["expr"]))
    assert used
    assert used <= set(exported)
    for name, labels in re.findall(r"\b(clinic_pixel_\w+)\{(\w+)[=~!]", rule["expr"]):
        assert labels in exported[name]


def test_the_check_of_figures_bites(exported):
    assert "clinic_pixel_ship_seen" not in exported
    assert len([name for name in exported if name.startswith("clinic_pixel_ship_")]) >= 9


@pytest.mark.parametrize("alert", FIRES)
def test_the_alert_has_an_entry_in_the_runbook_and_words_for_a_person(alert):
    rule = rule_of(alert)
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert {"summary", "description", "runbook_url"} == set(rule["annotations"])
    file, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / file).read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert anchor in anchors


def test_no_entry_of_the_runbook_is_left_without_its_alert():
    headings = set(re.findall(r"^### (ClinicPixel\w+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE))
    assert headings == {rule["alert"] for rule in rules()} == {f"ClinicPixel{alert}" for alert in FIRES}


def test_every_refusal_for_a_fault_of_ours_is_told():
    expression = next(rule["expr"] for rule in rules() if rule["alert"] == "ClinicPixelHitsFail")
    told = set(re.search(r'reason=~"([^"]+)"', expression)[1].split("|"))
    assert told == {reason.value for reason in Reason if reason.status >= 500}
