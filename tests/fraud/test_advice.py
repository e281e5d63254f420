"""The advice for a firewall: a rule that would hit a person is never advised as a block, and no rule is by address."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from pipeline.claims.advice import Suggestion, advice
from pipeline.fraud.job import score_day
from pipeline.fraud.store import connected
from pipeline.settings.model import Settings
from support.clinic_day import SINCE, store
from support.command import CLI, environment
from support.server import Rows
from support.suspicion import MadeClient

HOSTING = {"net_class": "datacenter", "asn": 64496, "as_org": "Example Hosting", "country": "NL"}
ATTACKS = ("/.env", "/.git/config", "/.aws/credentials", "/.ssh/id")
Key = tuple[str, str, str]


def attack(client: MadeClient, **facts: object) -> list[dict[str, object]]:
    return client.views(range(6), ATTACKS, attack="dotfile", **facts)


def confirmed(rows: Rows, clickhouse: Settings, made: Iterable[dict[str, object]], decision: str = "confirmed") -> None:
    """Store the rows, score their day, and decide all of its cases."""
    store(clickhouse, list(made))
    with connected(clickhouse) as client:
        score_day(client, clickhouse.sites[0], SINCE.date(), datetime.now(UTC), 1)
        client.command(
            "INSERT INTO pixel.verdicts (decided_at, case_id, site, decision, reason, reviewer)"
            " SELECT now64(3), case_id, 'clinic', {decision:String}, 'seen', 'olga' FROM (SELECT DISTINCT case_id FROM pixel.fraud_cases)",
            parameters={"decision": decision},
        )


def rules(settings: Settings) -> dict[Key, Suggestion]:
    return {(each.form, each.word, each.country): each for each in advice(settings)}


NETWORK, PATH = ("network", "AS64496", "NL"), ("path", "dotfile", "")


def test_a_confirmed_case_of_a_hosting_network_without_people_may_be_blocked(
    tables: Rows, clickhouse: Settings
) -> None:
    scanner, patient = MadeClient(HOSTING), MadeClient()
    confirmed(tables, clickhouse, [*attack(scanner), *patient.views([0, 60])])
    found = rules(clickhouse)
    assert found.keys() == {NETWORK, PATH}
    for each in found.values():
        assert (each.action, each.case_hits, each.people, each.uncounted, each.known) == ("block", 6, 0, 0, 0)
        assert each.suggestion.startswith("A rule may block ")
        assert each.suggestion_ru.startswith("Правило может блокировать ")
    assert "AS64496 (Example Hosting) in NL" in found[NETWORK].suggestion
    assert "/.env, /.git/" in found[PATH].suggestion


@pytest.mark.parametrize("decision", ["innocent", "unsure"])
def test_a_case_that_is_not_confirmed_gives_no_rule(tables: Rows, clickhouse: Settings, decision: str) -> None:
    confirmed(tables, clickhouse, attack(MadeClient(HOSTING)), decision)
    assert rules(clickhouse) == {}


def test_a_verdict_that_was_taken_back_takes_its_rules_along(tables: Rows, clickhouse: Settings) -> None:
    confirmed(tables, clickhouse, attack(MadeClient(HOSTING)))
    assert rules(clickhouse)
    confirmed(tables, clickhouse, [], "innocent")
    assert rules(clickhouse) == {}


def test_a_verdict_counts_under_every_number_that_the_case_has_or_had(tables: Rows, clickhouse: Settings) -> None:
    confirmed(tables, clickhouse, attack(MadeClient(HOSTING)))
    ((case,),) = tables.admin.query("SELECT DISTINCT case_id FROM pixel.fraud_cases").result_rows
    tables.writer.command(
        "INSERT INTO pixel.fraud_cases (day, site, suspect, case_id, aliases, band, computed_at)"
        f" SELECT day, site, 7, 'older', ['{case}'], 'watch', computed_at FROM pixel.fraud_runs WHERE day = '{SINCE.date()}'"
    )
    assert rules(clickhouse).keys() == {NETWORK, PATH}
    tables.writer.command(
        "INSERT INTO pixel.verdicts (decided_at, case_id, site, decision, reason, reviewer)"
        " SELECT now64(3) + 1, 'older', 'clinic', 'innocent', 'seen', 'olga'"
    )
    assert rules(clickhouse) == {}


def test_a_network_from_which_a_person_came_back_is_not_named(tables: Rows, clickhouse: Settings) -> None:
    # The person is an unclear suspect because of the network alone, and even in a confirmed case counts as a person.
    person = MadeClient({**HOSTING, "cookie_age": "week"})
    confirmed(tables, clickhouse, [*attack(MadeClient(HOSTING)), *person.views([3000, 3060], ["/", "/price"])])
    assert rules(clickhouse).keys() == {PATH}


def test_the_network_of_another_country_and_one_that_is_no_hosting_are_not_named(
    tables: Rows, clickhouse: Settings
) -> None:
    person = MadeClient({**HOSTING, "country": "DE", "cookie_age": "week"})
    home = MadeClient()
    confirmed(
        tables, clickhouse, [*attack(MadeClient(HOSTING)), *attack(home), *person.views([3000, 3060], ["/", "/price"])]
    )
    assert rules(clickhouse).keys() == {NETWORK, PATH}


@pytest.mark.parametrize(
    ("facts", "column"),
    [
        ({"attack": "dotfile", "cookie_age": "month"}, "people"),
        ({"attack": "dotfile", "cookie_state": "new", "page_role": "done"}, "people"),
        ({"attack": "dotfile", "cookie_state": "none", "visitor": 0, "visitor_kind": "none"}, "uncounted"),
        ({"attack": "dotfile", "cookie_state": "new", "net_class": "own"}, "known"),
        ({"attack": "dotfile", "cookie_state": "new", "robot": "Googlebot", "net_class": "crawler"}, "known"),
        ({"attack": "dotfile", "cookie_state": "new", "robot": "agent:a", "agent_signed": "verified"}, "known"),
    ],
)
def test_a_rule_that_would_have_hit_somebody_else_is_a_challenge(
    tables: Rows, clickhouse: Settings, facts: dict[str, object], column: str
) -> None:
    other = MadeClient(facts)
    confirmed(tables, clickhouse, [*attack(MadeClient(HOSTING)), *other.views([3000], ["/.well-known"])])
    rule = rules(clickhouse)[PATH]
    assert (rule.action, getattr(rule, column)) == ("challenge", 1)
    assert rule.people + rule.uncounted + rule.known == 1
    assert rule.suggestion.startswith("Challenge, do not block: ")
    assert rule.suggestion_ru.startswith("Проверять, не блокировать: ")
    assert rules(clickhouse)[NETWORK].action == "block"


def test_a_word_of_the_agent_is_named_only_if_the_agent_has_it(tables: Rows, clickhouse: Settings) -> None:
    library = {"robot": "curl", "ua_raw": "curl/8.9", "ivt_reasons": ["declared_robot", "http_library"]}
    general = {"robot": "unlisted library", "ua_raw": "fetchy/1", "ivt_reasons": ["declared_robot", "http_library"]}
    confirmed(tables, clickhouse, [*attack(MadeClient(library)), *attack(MadeClient(general))])
    assert rules(clickhouse).keys() == {PATH, ("agent", "curl", "")}


def test_a_false_name_never_advises_against_the_real_robot(tables: Rows, clickhouse: Settings) -> None:
    false = {"robot": "Googlebot", "ua_raw": "Googlebot/2.1", "ivt_reasons": ["declared_robot", "false_crawler"]}
    real = {"robot": "Googlebot", "ua_raw": "Googlebot/2.1", "net_class": "crawler", "cookie_state": "none"}
    confirmed(tables, clickhouse, [*attack(MadeClient(false)), *MadeClient(real).views(range(5))])
    found = rules(clickhouse)
    assert found.keys() == {PATH, ("false_name", "Googlebot", "")}
    assert found["false_name", "Googlebot", ""].suggestion.startswith(
        'A rule may block agents with the word "Googlebot" from outside of the published addresses of its operator.'
    )


def test_no_rule_names_an_address_a_visitor_or_a_token(tables: Rows, clickhouse: Settings) -> None:
    scanner = MadeClient(HOSTING)
    confirmed(tables, clickhouse, attack(scanner))
    told = repr(advice(clickhouse)).lower()
    hidden = tables.admin.query(
        "SELECT DISTINCT toString(visitor), lower(hex(visitor)), toString(ip_token), toString(net_token) FROM pixel.events"
    ).result_rows
    assert [value for row in hidden for value in row if value in told] == []


def test_the_command_tells_the_advice_in_both_languages(tables: Rows, clickhouse: Settings) -> None:
    def told(*options: str) -> str:
        done = subprocess.run(
            [*CLI, "fraud", "advice", *options],
            env={**environment(clickhouse), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return " ".join((done.stdout + done.stderr).split())

    assert told("--format", "table") == "No confirmed case of the last 28 days gives a rule."
    confirmed(tables, clickhouse, attack(MadeClient(HOSTING)))
    english, russian = (told("--format", "table", "--lang", language) for language in ("en", "ru"))
    assert "A rule may block the hosting network AS64496" in english
    assert "Nothing of this is applied." in english
    assert "Правило может блокировать сеть хостинга AS64496" in russian
    assert "Само ничего не применяется." in russian
    assert {each["action"] for each in json.loads(told("--format", "json"))} == {"block"}
