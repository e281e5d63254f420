"""A free value is stored when enough people brought it; until then it is a star, and so are the words of errors."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from pipeline.edge.steps import run_edge
from pipeline.edge.tables import EdgeTables
from pipeline.edge.technical import RawMeasurement, run_technical_edge
from pipeline.enrich.rows import Row, TechnicalRow
from pipeline.enrich.steps import EnrichTables, enrich
from pipeline.enrich.technical import enrich_measurement
from pipeline.errors import Refused
from pipeline.event import Hit, Measurement
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.keys.ring import Keyring
from pipeline.marks.releases import read_releases, releases_file
from pipeline.settings.model import Settings
from pipeline.settings.site import AllowedValue, Site
from pipeline.ship.shared_values import KINDS, MOST, PEOPLE, REPORTS, SharedValues, vocabulary
from support.shipping import event as an_event
from support.shipping import plain_tables

TODAY = datetime.now(UTC).date()
CANARIES = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parents[1] / "data/canaries.tsv").read_text(encoding="utf-8").splitlines()[1:]
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with the keys of today."""
    made = Settings(
        data=tmp_path / "var",
        sites=(
            Site(
                id="clinic",
                hosts=("clinic.example",),
                query=(AllowedValue(name="utm_source", values=("yandex",)), AllowedValue(name="tab", values=("a",))),
                cookies=(AllowedValue(name="lang", values=("ru", "en")),),
            ),
        ),
    )
    Keyring(KeyDirectory.of(made), may_mint=True).mint_ahead(TODAY, 2)
    return made


def view(visitor: int, campaign: dict[str, str], **facts: Any) -> Row:
    """Return the row of a page view of this visitor."""
    plain = enrich(an_event(1), plain_tables(), "")
    who = {"visitor_kind": "cookie", "site": "clinic", "epoch": str(TODAY), "net_class": "other", "robot": ""}
    return msgspec.structs.replace(plain, visitor=visitor, campaign=campaign, **(who | facts))


def brought(values: SharedValues, visitors: int, **facts: Any) -> str:
    """Return what is stored for the last of so many visitors with one campaign."""
    stored = [values.event(view(each + 1, {"utm_campaign": "osen"}, **facts)) for each in range(visitors)]
    return stored[-1].campaign["utm_campaign"]


@pytest.mark.parametrize("kind", ["cookie", "day"])
def test_the_fifth_visitor_makes_a_campaign_known(settings: Settings, kind: str) -> None:
    values = SharedValues(settings)
    assert brought(values, PEOPLE - 1, visitor_kind=kind) == "*"
    assert brought(values, PEOPLE, visitor_kind=kind) == "osen"
    assert values.event(view(99, {"utm_campaign": "osen"})).campaign == {"utm_campaign": "osen"}
    assert values.event(view(99, {"utm_term": "osen"})).campaign == {"utm_term": "*"}


def test_one_person_makes_nothing_known_on_however_many_days(settings: Settings) -> None:
    values = SharedValues(settings)
    for day in range(20):
        epoch = str(TODAY - timedelta(days=min(day, (TODAY - date(TODAY.year, 1, 1)).days)))
        for visitor, kind in ((day + 100, "day"), (7, "cookie"), (0, "none")):
            row = view(visitor, {"utm_content": "mk"}, visitor_kind=kind, epoch=epoch)
            assert values.event(row).campaign == {"utm_content": "*"}


@pytest.mark.parametrize(("release", "before"), [("2.4.1", "2.4.1"), ("spring-build", "*")])
def test_the_fifth_visitor_makes_a_release_known(settings: Settings, release: str, before: str) -> None:
    values = SharedValues(settings)
    rows = [view(each + 1, {}, release=release) for each in range(PEOPLE)]
    assert [values.event(row).release for row in rows] == [before] * (PEOPLE - 1) + [release]
    assert values.event(view(99, {}, release=release, site="other")).release == before
    values.save()
    assert read_releases(releases_file(settings)) == {"clinic": {release: rows[-1].received_at}}
    assert SharedValues(settings).event(view(99, {}, release=release)).release == release


@pytest.mark.parametrize("release", ["2.4.1", "spring-build"])
def test_a_release_is_not_known_from_one_visitor_or_one_kind_of_browser(settings: Settings, release: str) -> None:
    values = SharedValues(settings)
    for _ in range(2 * REPORTS):
        values.event(view(7, {}, release=release))
        values.measurement(error("", kind="vital", release=release))
    values.event(view(8, {}, release="*"))
    values.save()
    assert not releases_file(settings).exists()


def test_reports_from_many_kinds_of_browser_make_a_release_known(settings: Settings) -> None:
    values = SharedValues(settings)
    for number in range(REPORTS):
        row = error("", kind="vital", release="spring-build", browser=f"Browser {number % KINDS}")
        stored = values.measurement(row).release
    assert stored == "spring-build"
    values.save()
    assert list(read_releases(releases_file(settings))["clinic"]) == ["spring-build"]


@pytest.mark.parametrize("facts", [{"robot": "Googlebot"}, {"net_class": "datacenter"}, {"visitor": 0}], ids=str)
def test_robots_scanners_and_nobody_do_not_count(settings: Settings, facts: dict[str, Any]) -> None:
    values = SharedValues(settings)
    for each in range(30):
        row = msgspec.structs.replace(view(each + 1, {"utm_content": "mk"}), **facts)
        assert values.event(row).campaign == {"utm_content": "*"}


def test_the_values_of_the_settings_and_usual_sources_are_known_at_once(settings: Settings) -> None:
    row = view(1, {"utm_source": "yandex", "tab": "a", "utm_medium": "cpc", "utm_term": "mk"})
    kept = {"utm_source": "yandex", "tab": "a", "utm_medium": "cpc", "utm_term": "*"}
    assert SharedValues(settings).event(row).campaign == kept


def test_the_counts_outlive_a_restart_and_no_value_is_in_the_file(settings: Settings) -> None:
    values = SharedValues(settings)
    brought(values, PEOPLE - 1)
    values.measurement(error("patient Safiullina"))
    values.save()
    text = (settings.run_dir / "values.json").read_text()
    assert json.loads(text)["year"] == TODAY.year
    assert not [word for word in ("osen", "utm", "safiullina", "patient") if word in text.lower()]
    assert (settings.run_dir / "values.json").stat().st_mode & 0o777 == 0o600
    assert SharedValues(settings).event(view(5, {"utm_campaign": "osen"})).campaign == {"utm_campaign": "osen"}


@pytest.mark.parametrize("content", [b"", b"{", b'{"year":1,"values":{"a":7}}'])
def test_a_damaged_file_costs_counts_and_nothing_else(
    settings: Settings, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    settings.run_dir.mkdir(parents=True)
    (settings.run_dir / "values.json").write_bytes(content)
    assert brought(SharedValues(settings), PEOPLE) == "osen"
    assert "values are counted anew" in caplog.text


def test_without_the_key_of_the_year_nothing_is_known_and_a_new_year_begins_anew(settings: Settings) -> None:
    values = SharedValues(settings)
    assert brought(values, PEOPLE) == "osen"
    assert brought(values, PEOPLE, epoch=f"{TODAY.year - 1}-06-01") == "*"
    files = KeyDirectory.of(settings)
    next_year = date(TODAY.year + 1, 1, 1)
    files.create(KeyName.of_year(next_year), secrets.token_bytes(32))
    assert brought(values, PEOPLE - 1, epoch=str(next_year)) == "*"
    assert brought(values, PEOPLE, epoch=str(next_year)) == "osen"


def test_a_flood_of_values_pushes_out_unknown_ones_only(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST == 100_000
    monkeypatch.setattr("pipeline.ship.shared_values.MOST", 10)
    values = SharedValues(settings)
    assert brought(values, PEOPLE) == "osen"
    for each in range(100):
        values.event(view(1, {"utm_term": f"term{each}"}))
    assert brought(values, 1) == "osen"
    assert len(values._values) <= 10


def error(template: str, **facts: Any) -> TechnicalRow:
    """Return the row of an error with this template."""
    plain = enrich_measurement(_measurement(), plain_tables(), "")
    return msgspec.structs.replace(plain, template=template, received_at=f"{TODAY} 10:00:00.000", **facts)


def _measurement(**facts: Any) -> Measurement:
    known = dict.fromkeys(("country", "source", "release", "page_host", "page", "agent"), "")
    hints = dict.fromkeys(("hint_brands", "hint_mobile", "hint_platform"), "")
    return Measurement(
        received_ms=int(datetime.now(UTC).timestamp() * 1000), event_id=str(secrets.token_hex(16)), site="clinic",
        kind="js_error", name="TypeError", template="", value=0.0, **{**known, **hints, **facts},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("template", "stored"),
    [
        ("Cannot read properties of undefined (reading <text>)", None),
        ("getElementById is not a function", None),
        ("patient Gulnara Safiullina not found", "* * * not found"),
        ("{name:Safiullina}", "{name:*}"),
        ("user=<n> born <n> marta", "user=<n> * <n> *"),
        ("cartTotals is not defined", "* is not defined"),
        ("Запись Иванова не найдена", "* * не найдена"),
    ],
)
def test_a_word_of_an_error_is_of_the_vocabulary_or_a_star(
    settings: Settings, template: str, stored: str | None
) -> None:
    assert SharedValues(settings).measurement(error(template)).template == (template if stored is None else stored)


def test_a_word_that_many_reports_bring_is_known(settings: Settings) -> None:
    values = SharedValues(settings)
    kinds = [{"browser": f"b{number}"} for number in range(KINDS)]
    for number in range(REPORTS - 1):
        row = error("cartTotals is not defined", release="r-7", **kinds[number % KINDS])
        assert values.measurement(row).template == "* is not defined"
        assert values.measurement(error("bonnyToken is not defined")).template == "* is not defined"
    last = values.measurement(error("cartTotals is not defined", release="r-7"))
    assert (last.template, last.release) == ("cartTotals is not defined", "r-7")
    assert values.measurement(error("bonnyToken is not defined")).template == "* is not defined", "one browser alone"


@pytest.mark.parametrize(
    ("release", "stored"), [("2.4.1", "2.4.1"), ("v2.0-rc1", "v2.0-rc1"), ("2.4.1-ivanova", "*"), ("20417", "*")]
)
def test_a_release_is_a_version_or_common(settings: Settings, release: str, stored: str) -> None:
    assert SharedValues(settings).measurement(error("", kind="vital", release=release)).release == stored


def test_the_class_of_an_error_holds_no_name(settings: Settings) -> None:
    values = SharedValues(settings)
    assert values.measurement(error("", name="ChunkLoadError")).name == "ChunkLoadError"
    assert values.measurement(error("", name="SafiullinaError")).name == "Error"


def test_the_vocabulary_is_words_in_small_letters() -> None:
    assert len(vocabulary()) > 1000
    assert {"undefined", "null", "function", "не", "ошибка"} <= vocabulary()
    assert all(word.isalpha() and word == word.lower() for word in vocabulary())


COME_THROUGH = {
    "91827": "the id of an ad block, which the site itself gives",
    "vlasenkova": "the same",
    "muradyan": "the same",
    "kostyunin": "a surname alone, in the name of a foreign host",
    "dzhioeva": "a rare first name in the agent of a robot",
}


BY_CHANCE = frozenset(
    ["event_id", "received_at", "epoch", "visitor", "ip_token", "net_token", "ua_token", "click_token", "batch_id"]
)
"""Columns whose digits come from keys, randomness and the clock; they may hold any short number."""


@pytest.mark.parametrize(("place", "text", "core"), CANARIES)
def test_no_canary_reaches_a_row(settings: Settings, place: str, text: str, core: str) -> None:
    stored = "\n".join(
        f"{name}: {getattr(row, name)}"
        for row in _stored(settings, place, text)
        for name in row.__struct_fields__
        if name not in BY_CHANCE
    ).lower()
    assert (core in stored) is (core in COME_THROUGH), stored


def _stored(settings: Settings, place: str, text: str) -> list[Any]:
    """Return the row that the edge, enrichment and the count of values make of an input with this text."""
    edge = EdgeTables.load(settings, Keyring(KeyDirectory.of(settings), may_mint=True), secrets.token_bytes)
    enriching, values = EnrichTables.load(settings), SharedValues(settings)
    now = int(datetime.now(UTC).timestamp() * 1000)
    page = "https://clinic.example/uslugi"
    if place.startswith("error") or place in ("release", "source_file"):
        raw = RawMeasurement(
            "js_error",
            text if place == "error_name" else "TypeError",
            text if place == "error_message" else "",
            f"clinic.example:{text}:1" if place == "source_file" else "",
            0.0,
        )
        release = text if place == "release" else ""
        sent = Hit(page=page, received_ms=now, peer="192.0.2.1", site="clinic", release=release)
        try:
            (made,) = run_technical_edge(sent, [raw], edge, now_ms=now)
        except Refused:
            return []
        return [values.measurement(enrich_measurement(made, enriching, ""))]
    changes: dict[str, dict[str, Any]] = {
        "utm": {
            "page": f"{page}?"
            + "&".join(f"utm_{each}={quote(text, safe='%')}" for each in ("medium", "campaign", "content", "term"))
        },
        "query": {"page": f"{page}?tab={quote(text, safe='%')}"},
        "cookie": {"cookie": f"{text}; lang={text.partition('=')[2]}"},
        "agent": {"agent": text},
        "host": {"page": f"https://{text}/a", "referrer": f"https://{text}/b"},
        "ad": {"ads": (text,)},
        "referrer": {"referrer": text},
    }
    sent: Hit = Hit(**({"page": page, "received_ms": now, "peer": "192.0.2.1", "site": "clinic"} | changes[place]))
    rows = [enrich(each, enriching, "") for each in run_edge(sent, edge, now_ms=now).events]
    assert all(isinstance(each, Row) for each in rows)
    return [values.event(each) for each in rows]
