"""The finder on stored rows: what it proposes of a day, what it leaves alone, and what it tells."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import IPv6Address
from itertools import count
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import build_app
from pipeline.database.client import connect
from pipeline.review.finder_commands import jumps_of
from pipeline.scoring.finder import Combination
from pipeline.settings.model import Settings
from support.clinic_day import SINCE, row, store
from support.server import Rows

DAY = SINCE.date()
NETWORKS = ((12389, "RU", 90), (8359, "RU", 40), (25513, "RU", 25), (3320, "DE", 4))
BROWSERS = (("Chrome", 142, 0.45), ("Chrome", 141, 0.1), ("Safari", 18, 0.25), ("Yandex Browser", 25, 0.2))
SEEDS = 6
Made = list[dict[str, object]]
_numbers = count(1)


def clients(number: int, browser: tuple[str, int], network: tuple[int, str], back: int = 0, **facts: object) -> Made:
    """Return one page view of each of so many new clients, on the day or so many days before it."""
    made = []
    for _ in range(number):
        here = next(_numbers)
        made.append(
            row(
                SINCE - timedelta(days=back) + timedelta(hours=10, seconds=here % 3600),
                event_id=uuid.uuid4(),
                visitor=here,
                ip_token=str(IPv6Address(2**120 + here)),
                browser=browser[0],
                browser_major=browser[1],
                asn=network[0],
                country=network[1],
                **facts,
            )
        )
    return made


def quiet(seed: int, *, days: int = 28, update: bool = False) -> Made:
    """Return the day and those before it: fewer people at weekends, and chance; with `update` half of Chrome 142 is 143 on the day."""
    draw = random.Random(seed)
    made: Made = []
    for back in range(days + 1):
        weekday = 0.5 if (DAY - timedelta(days=back)).weekday() > 4 else 1
        for asn, country, size in NETWORKS:
            for name, major, share in BROWSERS:
                number = sum(draw.random() < share * weekday for _ in range(size))
                new = sum(draw.random() < 0.5 for _ in range(number)) if update and not back and major == 142 else 0
                made += clients(number - new, (name, major), (asn, country), back)
                made += clients(new, (name, 143), (asn, country), back)
    return made


@pytest.fixture
def security(tables: Rows, clickhouse: Settings) -> Iterator[Rows]:
    yield tables
    tables.clear("events")


def test_quiet_weeks_and_an_updated_browser_propose_nothing(security: Rows, clickhouse: Settings) -> None:
    for seed in range(SEEDS):
        made = quiet(seed, update=seed % 2 == 1)
        store(clickhouse, [{**each, "site": f"seed{seed}"} for each in made])
    reader = connect(clickhouse, "security")
    found = {seed: jumps_of(reader, f"seed{seed}", DAY) for seed in range(SEEDS)}
    reader.close()
    assert found == {seed: ([], None) for seed in range(SEEDS)}


def test_a_crowd_is_proposed_with_its_counts_and_no_small_number(security: Rows, clickhouse: Settings) -> None:
    crowd = clients(57, ("Chrome", 120), (60781, "NL"), paid=True)
    crowd += clients(3, ("Chrome", 120), (60781, "NL"), cookie_age="month")
    hidden = clients(40, ("Chrome", 119), (12389, "RU"))
    store(clickhouse, [*quiet(1, update=True), *crowd, *hidden])
    reader = connect(clickhouse, "security")
    found, _ = jumps_of(reader, "clinic", DAY)
    lines = reader.query("SELECT * FROM fraud.finder(site = 'clinic', day = {day:Date})", parameters={"day": DAY})
    told = {each["asn"]: each for each in lines.named_results() if each["browser"] == "Chrome 120"}
    assert {each["clients"] >= 20 for each in lines.named_results()} == {True}
    reader.close()
    assert [each.combination for each in found] == [
        Combination("NL", "Chrome 120", 60781),
        Combination("RU", "Chrome 119", 12389),
    ]
    first = found[0].counted
    assert (first.clients, first.people, first.touched, first.in_case) == (60, None, 57, None)
    assert told[60781]["before"] == [0] * 28
    assert found[0].tried > len(lines.result_rows)


def test_the_command_tells_a_crowd_in_both_languages_and_a_young_site_why_there_is_none(
    security: Rows, tmp_path: Path
) -> None:
    settings = security.settings
    (tmp_path / "secrets").symlink_to(settings.secrets_dir)
    config = tmp_path / "pixel.toml"
    config.write_text(
        f'data = "{tmp_path}"\n[clickhouse]\nport = {settings.clickhouse.port}\n'
        '[[sites]]\nid = "clinic"\nhosts = ["clinic.example"]\n[[sites]]\nid = "young"\nhosts = ["young.example"]\n',
        encoding="utf-8",
    )
    crowd = clients(60, ("Chrome", 120), (60781, "NL"), paid=True)
    young = [{**each, "site": "young"} for each in [*quiet(2, days=9), *crowd]]
    for number, each in enumerate(young):
        each["event_id"] = uuid.UUID(int=number + 1)
    store(settings, [*quiet(2), *crowd, *young])

    def types(*words: str, language: str = "en_US.UTF-8") -> str:
        environment = {"LC_ALL": language, "COLUMNS": "160", "NO_COLOR": "1", "PIXEL_CONFIG": str(config)}
        result = CliRunner().invoke(build_app(), ["fraud", "finder", "--day", str(DAY), *words], env=environment)
        assert result.exit_code == 0, result.output
        return result.stdout if "json" in words else " ".join(result.output.split())

    (told,) = json.loads(types("--format", "json"))
    assert (told["site"], told["country"], told["browser"], told["asn"], told["clients"]) == (
        *("clinic", "NL", "Chrome 120", 60781, 60),
    )
    assert told["people"] is None
    english, russian = types("--format", "table"), types("--format", "table", language="ru_RU.UTF-8")
    assert "AS60781" in english
    assert "A place to look, not a suspicion" in english
    assert "site young" in english
    assert "rows of 9 of the 28 days before are stored" in english
    assert "Это место, куда стоит посмотреть, а не подозрение" in russian
    assert "no country, browser and network jumped" in types("--site", "young", "--format", "table")


def test_a_day_that_is_not_over_or_no_day_is_refused(security: Rows) -> None:
    for day in ("2999-01-01", "yesterday"):
        result = CliRunner().invoke(build_app(), ["fraud", "finder", "--day", day])
        assert result.exit_code != 0


def test_nobody_but_the_reviewer_reads_the_combinations(security: Rows, clickhouse: Settings) -> None:
    for user in ("ops", "privacy"):
        other = connect(clickhouse, user)
        with pytest.raises(Exception, match="497"):
            other.query("SELECT * FROM fraud.finder(site = 'clinic', day = yesterday())")
        other.close()
