"""The series that the engine counts from stored events: each flag, the cap of a network, and counting again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from pipeline.database.client import connect
from pipeline.detection.series import SITE, Slice, Table
from pipeline.detection.watches import FLAGS
from pipeline.event import PageFlag
from pipeline.problems.counting import HISTORY_DAYS, MOST_OF_NETWORK, MOST_OF_PERSON, MOST_READ, SeriesStore
from pipeline.settings.site import Site
from support import clinic_day, measured_day
from support.server import Rows

HOUR = timedelta(hours=1)
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)
CLINIC = Site(id=clinic_day.SITE, hosts=("clinic.example",))
HOME, PAGE = Slice("page", "/"), Slice("page", "/p")
Made = dict[str, Any]
OPTED_OUT: Made = {
    "visitor": 0,
    "visitor_kind": "none",
    "cookie_state": "signal",
    "ip_token": "::",
    "net_token": "::",
}


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def view(person: int, seconds: float = 0, **facts: Any) -> Made:
    """Return one page view of a person with a cookie, at a home connection of their own."""
    own: Made = {
        "visitor": person,
        "visitor_kind": "cookie",
        "cookie_state": "returning",
        "event_id": uuid4(),
        "nonce": uuid4().int % 2**60,
        "net_token": f"2001:db8:{person:x}::",
        "ip_token": f"2001:db8:{person:x}::1",
        "ua_token": 7,
        "page_scheme": "https",
    }
    return clinic_day.row(at(seconds), **(own | facts))


class Counter:
    """The series of the clinic over what is stored."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.client = connect(rows.settings, "pixel_writer")
        self.series = SeriesStore()

    def store(self, *made: Made) -> None:
        for columns in {tuple(each) for each in made}:  # one insert for each set of columns
            clinic_day.store(self.rows.settings, [each for each in made if tuple(each) == columns])

    def count(self, until: datetime = NOON + 2 * HOUR) -> int:
        self.series.look(self.client, self.rows.settings)
        return len(self.series.count(self.client, CLINIC, until))

    def table(self, *made: Made, until: datetime = NOON + 2 * HOUR) -> Table:
        self.store(*made)
        self.count(until)
        return self.series.read(self.client, CLINIC, until)


@pytest.fixture
def counter(tables: Rows) -> Iterator[Counter]:
    """A counter over empty tables."""
    made = Counter(tables)
    yield made
    made.client.close()


def number(table: Table, measure: str, piece: Slice = SITE) -> int:
    return int(table.of(measure, piece).sum())


def test_views_and_people_are_counted_by_hour_and_slice(counter: Counter) -> None:
    table = counter.table(view(1), view(1, 60), view(2, 30, browser="Safari", page="/p"), view(3, 4000))
    assert table.start == NOON
    assert list(table.of("views")) == [3, 1]
    assert list(table.of("people")) == [2, 1]
    assert list(table.of("people", HOME)) == [1, 1]
    assert list(table.of("people", PAGE)) == [1, 0]
    assert list(table.of("people", Slice("browser", "Safari"))) == [1, 0]


def test_every_dimension_of_a_view_is_a_slice(counter: Counter) -> None:
    table = counter.table(
        view(
            1, page="/doctors/1", page_role="form", browser="Safari", browser_major=18, engine="WebKit", os="iOS",
            device="phone", country="RU", asn=12389, as_org="Rostelecom", referrer_kind="search", referrer_host="ya.ru",
        )
    )  # fmt: skip
    slices = {piece for found in table.slices.values() for piece in found}
    assert slices == {
        SITE, Slice("page", "/doctors/1"), Slice("section", "/doctors"), Slice("role", "form"), Slice("browser", "Safari"),
        Slice("version", "Safari 18"), Slice("engine", "WebKit"), Slice("os", "iOS"), Slice("device", "phone"),
        Slice("country", "RU"), Slice("network", "AS12389 Rostelecom"), Slice("referrer", "ya.ru"),
    }  # fmt: skip


def test_what_is_not_known_is_no_slice(counter: Counter) -> None:
    table = counter.table(view(1, browser="", browser_major=0, engine="", os="", device="", country="", asn=0))
    assert {
        "browser",
        "version",
        "engine",
        "os",
        "device",
        "country",
        "network",
        "referrer",
        "source",
        "ad",
    }.isdisjoint(table.slices)


def on_page(person: int, *seconds: float, page: str = "/p", **facts: object) -> list[Made]:
    return [view(person, each, page=page, **facts) for each in seconds]


FLAGGED: dict[str, tuple[list[Made], list[Made]]] = {
    "error": ([view(1, page="/p", status=404)], [view(1, page="/p", status=200), view(2, page="/p", status=503)]),
    "server_error": ([view(1, page="/p", status=503)], [view(1, page="/p", status=404)]),
    "reload": (on_page(1, 0, 5), [*on_page(1, 0, 15), *on_page(2, 0, 1), view(3, 0), view(3, 5, page="/p")]),
    "doubled": (on_page(1, 0, 1), [*on_page(1, 0, 5), view(2, 0), view(2, 1, page="/p")]),
    "storm": (on_page(1, 0, 10, 20, 30, 40), [*on_page(1, 0, 10, 20, 30), *on_page(2, 0, 20, 40, 60, 80)]),
    "again": (on_page(1, 0, 200, 500), [*on_page(1, 0, 200), *on_page(2, 0, 400, 900)]),
    "loop": (
        [view(1, 0), view(1, 5, page="/p"), view(1, 10), view(1, 15, page="/p")],
        [view(1, 0), view(1, 5, page="/p"), view(1, 10), view(1, 60, page="/p"), view(2), view(2, 5, page="/p"), view(2, 9)],
    ),
    "cookieless": ([view(1), view(1, 60, page="/p", cookie_state="new")], [view(1, page="/p", cookie_state="new")]),
    "unreferred": (
        [view(1), view(1, 60, page="/p", referrer_kind="none")],
        [view(1, page="/p"), view(2), view(2, 60, page="/p", referrer_kind="internal", referrer_page="/")],
    ),
    "insecure": ([view(1, page="/p", page_scheme="http")], [view(1, page="/p", page_scheme="https")]),
    "named": (
        [view(1, 60, page="/x", referrer_kind="internal", referrer_page="/p")],
        [view(1, page="/x", referrer_kind="search", referrer_page="")],
    ),
    "further": ([view(1), view(1, 60, page="/p")], [view(1, page="/p"), view(2, page="/p")]),
    "cookied": ([view(1), view(1, 60, page="/p")], [view(1, page="/p"), view(2), view(2, 60, page="/p", cookie_state="refused")]),
    "scripted": ([view(1, page="/p", mode="js")], [view(1, page="/p", mode="img")]),
    "form": ([view(1, page="/p", page_role="form")], [view(1, page="/p", page_role="page"), view(2, page="/p", page_role="done")]),
    "done": ([view(1, page="/p", page_role="done")], [view(1, page="/p", page_role="form")]),
}  # fmt: skip


def test_every_flag_has_an_example() -> None:
    assert tuple(FLAGGED) == FLAGS


@pytest.mark.parametrize("flag", FLAGGED)
def test_a_flag_counts_the_people_who_show_it(counter: Counter, flag: str) -> None:
    table = counter.table(*FLAGGED[flag][0])
    assert number(table, flag, PAGE) == 1


@pytest.mark.parametrize("flag", FLAGGED)
def test_a_flag_is_not_given_to_people_who_only_nearly_show_it(counter: Counter, flag: str) -> None:
    table = counter.table(*FLAGGED[flag][1])
    assert number(table, flag, PAGE) == 0


def test_a_person_counts_once_in_a_flag_however_often(counter: Counter) -> None:
    table = counter.table(*(view(1, 61 * place, status=404) for place in range(MOST_OF_PERSON)))
    assert number(table, "error") == 1
    assert number(table, "views") == MOST_OF_PERSON


def test_a_page_that_is_loaded_again_within_a_minute_is_no_further_view(counter: Counter) -> None:
    table = counter.table(*on_page(1, 0, 30, 59), *on_page(2, 0, 60), *on_page(3, 0), view(3, 10), *on_page(3, 20))
    assert number(table, "views", PAGE) == 1 + 2 + 2
    assert number(table, "views") == 1 + 2 + 3
    assert number(table, "people") == 3


def test_of_a_known_person_at_most_so_many_views_count_in_an_hour_of_a_slice(counter: Counter) -> None:
    more = MOST_OF_PERSON + 3
    table = counter.table(*(view(1, 61 * place) for place in range(more)), *on_page(1, 3540, 3601))
    assert list(table.of("views")) == [MOST_OF_PERSON, 1]
    assert list(table.of("views", HOME)) == [MOST_OF_PERSON, 0]
    assert list(table.of("views", PAGE)) == [1, 1]


def test_of_people_who_cannot_be_told_apart_every_view_counts(counter: Counter) -> None:
    more = MOST_OF_PERSON + 3
    table = counter.table(*(view(0, 61 * place, **OPTED_OUT) for place in range(more)))
    assert number(table, "views") == more
    assert number(table, "people") == 1


def test_the_page_with_a_broken_link_is_the_source_of_an_error(counter: Counter) -> None:
    facts: Made = {"status": 404, "page": "/gone"}
    table = counter.table(
        view(1, referrer_kind="internal", referrer_page="/menu", **facts),
        view(2, referrer_kind="search", referrer_page="", **facts),
        view(3, referrer_kind="internal", referrer_page="/menu", page="/there", status=200),
    )
    assert table.slices["source"] == [Slice("source", "/menu")]
    assert number(table, "error", Slice("source", "/menu")) == 1
    assert number(table, "error", Slice("page", "/gone")) == 2


def test_an_ad_block_that_was_shown_is_no_page_view(counter: Counter) -> None:
    table = counter.table(view(1), view(1, 5, kind="impression", ad="top"), view(2, 9, kind="impression", ad="top"))
    assert number(table, "views") == 1
    assert table.slices["ad"] == [Slice("ad", "top")]
    assert number(table, "people", Slice("ad", "top")) == 2


def test_of_one_network_only_a_few_people_count_in_a_fault(counter: Counter) -> None:
    office: Made = {"net_token": "2001:db8:ffff::", "status": 503}
    forged = [view(person, **office) for person in range(1, 21)]
    table = counter.table(*forged, *(view(person, status=503) for person in range(100, 105)))
    assert number(table, "people") == 25
    assert number(table, "server_error") == MOST_OF_NETWORK + 5


def test_a_part_of_all_people_has_no_such_cap(counter: Counter) -> None:
    office: Made = {"net_token": "2001:db8:ffff::", "page_role": "form"}
    table = counter.table(*(view(person, **office) for person in range(1, 21)))
    assert number(table, "form") == number(table, "scripted") == 20


@pytest.mark.parametrize(
    "facts",
    [{"robot": "Googlebot"}, {"net_class": "own"}, {"attack": "injection"}, {"page_flags": PageFlag.ATTACK}],
    ids=["robots", "staff", "attacks", "old-attacks"],
)
def test_who_is_no_visitor_is_in_no_number(counter: Counter, facts: Made) -> None:
    table = counter.table(view(1), view(2, status=503, **facts))
    assert number(table, "people") == number(table, "views") == 1
    assert number(table, "server_error") == 0


def test_a_client_that_opens_many_missing_pages_is_in_no_number(counter: Counter) -> None:
    probe = [view(2, place, page=f"/{place}.php", status=404) for place in range(12)]
    table = counter.table(view(1), *probe)
    assert number(table, "people") == 1
    assert number(table, "error") == 0


def test_people_without_a_number_are_told_apart_by_what_is_known_of_them(counter: Counter) -> None:
    table = counter.table(
        *(view(0, second, **OPTED_OUT, browser="Chrome", browser_major=142) for second in (0, 600)),
        view(0, 30, **OPTED_OUT, browser="Safari", browser_major=18),
    )
    assert number(table, "views") == 3
    assert number(table, "people") == 2


def test_another_site_is_not_counted(counter: Counter) -> None:
    table = counter.table(view(1), view(2, site="other"))
    assert number(table, "people") == 1


def test_only_what_was_received_before_the_moment_counts(counter: Counter) -> None:
    until = NOON + timedelta(minutes=20)
    table = counter.table(view(1, 600), view(2, 1199), view(3, 1201), until=until)
    assert number(table, "people") == 2
    assert table.until == until
    assert table.elapsed[-1] == pytest.approx(1 / 3)
    later = counter.table(until=NOON + timedelta(minutes=40))
    assert number(later, "people") == 3


def test_an_hour_is_counted_once_and_again_only_when_late_rows_come(counter: Counter) -> None:
    counter.store(view(1), view(2, 4000))
    assert counter.count() == 2
    assert counter.count() == 0
    counter.store(view(3, 20))
    assert counter.count() == 1
    table = counter.table()
    assert list(table.of("people")) == [2, 1]


def test_another_counter_knows_what_the_first_one_counted(counter: Counter) -> None:
    counter.store(view(1), view(2, 4000))
    counter.count()
    counter.series = SeriesStore()
    assert counter.count() == 0


def test_the_series_of_erased_rows_are_gone_after_the_next_count(counter: Counter) -> None:
    counter.table(view(1, page="/p"), view(2, 30))
    counter.rows.age("visitor = 1")
    table = counter.table()
    assert "/p" not in {piece.name for piece in table.slices["page"] if table.of("people", piece).any()}
    assert number(table, "people") == 1
    counter.rows.age("visitor = 2")
    assert counter.table().size == 0


def test_a_page_that_loses_its_last_flag_loses_its_number(counter: Counter) -> None:
    counter.table(view(1, page="/p", status=503), view(2, page="/p"))
    counter.rows.age("visitor = 1")
    table = counter.table()
    assert number(table, "server_error", PAGE) == 0
    assert number(table, "people", PAGE) == 1


def test_a_repeat_of_a_hit_is_counted_once(counter: Counter) -> None:
    once = view(1)
    table = counter.table(once, {**once, "event_id": uuid4(), "received_at": at(1)})
    assert number(table, "views") == 1


def test_a_site_without_rows_has_an_empty_table(counter: Counter) -> None:
    table = counter.table()
    assert table.size == 0
    assert table.slices == {}


def test_only_the_weeks_that_the_engine_learns_from_are_counted(counter: Counter) -> None:
    old = (NOON - timedelta(days=HISTORY_DAYS + 5) - NOON).total_seconds()
    counter.store(view(1, old), view(2))
    assert counter.count() == 1


def test_a_scanner_of_many_pages_is_read_up_to_a_bound_and_faults_come_first(counter: Counter) -> None:
    made = NOON
    names: list[tuple[str, int, Made]] = [(f"/scanned/{place}", 5, {}) for place in range(MOST_READ + 200)] + [
        ("/broken", 1, {"server_error": 1})
    ]
    rows = [[CLINIC.id, made, "page", name, people, people, flags, made] for name, people, flags in names]
    rows.append([CLINIC.id, made, "site", "", 9, 9, {}, made])
    counter.client.insert(
        "series", rows, ["site", "hour", "dimension", "name", "views", "people", "numbers", "counted_at"], database="pixel",
        column_type_names=["String", "DateTime('UTC')", "String", "String", "UInt32", "UInt32", "Map(String, UInt32)", "DateTime64(3, 'UTC')"],
    )  # fmt: skip
    table = counter.series.read(counter.client, CLINIC, NOON + HOUR)
    assert len(table.slices["page"]) == MOST_READ
    assert Slice("page", "/broken") in table.slices["page"]
    assert number(table, "people") == 9


# Measurements of the tag.


def measured(kind: str, load: int, seconds: float = 0, **facts: Any) -> Made:
    return measured_day.measurement(at(seconds), kind, load, **facts)


def store_measured(counter: Counter, *made: Made) -> Table:
    clinic_day.store(counter.rows.settings, made, "technical")
    return counter.table(view(1))


def test_page_loads_with_a_measurement_are_counted_by_its_name(counter: Counter) -> None:
    table = store_measured(
        counter,
        measured("js_error", 1, template="TypeError: x"),
        measured("js_error", 1, 5, template="TypeError: x"),
        measured("js_error", 2, template="TypeError: x"),
        measured("resource", 3, source_host="cdn.example", source_file="/a.js"),
        measured("resource", 4, source_host="cdn.example", source_file=""),
        measured("js_error", 5, template=""),
    )
    assert number(table, "people", Slice("script_error", "TypeError: x")) == 2
    assert set(table.slices["resource"]) == {Slice("resource", "cdn.example /a.js"), Slice("resource", "cdn.example")}
    assert table.slices["script_error"] == [Slice("script_error", "TypeError: x")]
    assert number(table, "people") == 1


@pytest.mark.parametrize(
    ("name", "good"), [("LCP", 4000.0), ("FCP", 3000.0), ("INP", 500.0), ("CLS", 0.25), ("TTFB", 1800.0)]
)
def test_a_load_is_poor_only_above_the_limit_of_its_vital(counter: Counter, name: str, good: float) -> None:
    values = (good, good * 1.01, good * 2)
    table = store_measured(
        counter,
        *(measured("vital", load, name=name, value=value, page="/doctors/1") for load, value in enumerate(values, 1)),
    )
    piece = Slice("vital", f"{name} /doctors")
    assert number(table, "people", piece) == 3
    assert number(table, "poor", piece) == 2


def test_measurements_of_robots_staff_and_other_sites_are_in_no_number(counter: Counter) -> None:
    facts: list[Made] = [{"robot": "Googlebot"}, {"net_class": "own"}, {"site": "other"}]
    table = store_measured(counter, *(measured("js_error", 1, template="x", **each) for each in facts))
    assert "script_error" not in table.slices


def test_measurements_that_come_late_make_their_hour_counted_again(counter: Counter) -> None:
    counter.table(view(1))
    assert counter.count() == 0
    clinic_day.store(counter.rows.settings, [measured("js_error", 1, 30, template="x")], "technical")
    assert counter.count() == 1
    assert number(counter.table(), "people", Slice("script_error", "x")) == 1
