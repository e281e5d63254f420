"""Ways in which attackers were not seen: each fires now, does not fire for people, and its guard holds."""

from __future__ import annotations

from pipeline.event import PageFlag
from pipeline.settings.model import Settings
from support.server import Rows
from support.suspicion import MadeClient, fired, found

OLD = {"cookie_age": "month"}
NEW = {"visitor_kind": "day", "cookie_state": "new"}
FOREIGN = {"page_flags": int(PageFlag.TWO_HOSTS)}
MANY = tuple(f"/article-{number}" for number in range(60))
SPAM = {"referrer_kind": "other", "referrer_host": "spam.example"}
Made = list[dict[str, object]]


def first_booking(place: str, agent: int, form: float, done: float, **facts: object) -> tuple[int, Made]:
    """Return a client that came to the form with its first hit, and so has a cookie on the page after it only."""
    there = {"ip_token": place, "ua_token": agent}
    first, then = MadeClient(there | NEW), MadeClient(there | facts)
    rows = first.views([form], ("/booking",), page_role="form")
    return then.suspect, rows + then.views([done], ("/booking/done",), page_role="done")


def test_a_form_that_a_first_hit_opened_is_too_fast_where_the_cookie_of_the_same_browser_books_at_once(
    tables: Rows, clickhouse: Settings
) -> None:
    robot, fast = first_booking("2001:db8::1", 1, 0, 2)
    _, slow = first_booking("2001:db8::2", 1, 0, 90)
    _, of_another_browser = first_booking("2001:db8::3", 1, 0, 2)
    moved = [row | {"ua_token": 2} if row["page_role"] == "form" else row for row in of_another_browser]
    assert fired(tables, clickhouse, [*fast, *slow, *moved], "F45") == {robot: 2}


def test_a_first_form_is_nobodys_where_another_one_was_opened_there_within_the_hour(
    tables: Rows, clickhouse: Settings
) -> None:
    _, hers = first_booking("2001:db8::1", 1, 0, 60)
    _, his = first_booking("2001:db8::1", 1, 58, 3000)
    assert fired(tables, clickhouse, [*hers, *his], "F45") == {}
    _, known = first_booking("2001:db8::2", 1, 0, 2, **OLD)
    assert fired(tables, clickhouse, known, "F45") == {}


def login(client: MadeClient, second: float) -> Made:
    return client.views([second], ("/login",), page_role="login")


def test_a_spread_login_over_the_border_of_five_minutes_is_counted_whole(tables: Rows, clickhouse: Settings) -> None:
    robots = [MadeClient({"asn": 64_501, "browser": f"B{number}"}) for number in range(12)]
    slow = [MadeClient({"asn": 64_502, "browser": f"C{number}"}) for number in range(12)]
    rows = [row for place, client in enumerate(robots) for row in login(client, 3480 + 20.0 * place)]
    rows += [row for place, client in enumerate(slow) for row in login(client, 7000 + 60.0 * place)]
    assert fired(tables, clickhouse, rows, "F50") == {client.suspect: 12 for client in robots}


def test_an_address_that_reads_twenty_pages_with_five_browsers_and_no_cookie_fires(
    tables: Rows, clickhouse: Settings
) -> None:
    def readers(place: str, number: int, **facts: object) -> list[MadeClient]:
        given = {"ip_token": place} | NEW | facts
        return [MadeClient(given | {"ua_token": agent}) for agent in range(number)]

    robots, few = readers("2001:db8::1", 5), readers("2001:db8::2", 4)
    people, refusing = readers("2001:db8::3", 5), readers("2001:db8::4", 5, cookie_state="refused")
    carrier, linked = readers("2001:db8::5", 5, net_class="mobile"), readers("2001:db8::6", 5)
    rows = [
        row
        for group in (robots, few, people, refusing, carrier, linked)
        for place, client in enumerate(group)
        for row in client.views([60.0 * step for step in range(5)], MANY[5 * place : 5 * place + 5])
    ]
    rows += MadeClient({"ip_token": "2001:db8::3"}).views([90])
    rows += linked[0].views([95], referrer_kind="internal")
    assert fired(tables, clickhouse, rows, "F54b") == {client.suspect: 25 for client in robots}


def showings(client: MadeClient, count: int, **facts: object) -> Made:
    """Return impressions that are no clock's."""
    seconds = [60.0 * number + number * 7 % 5 * 5 for number in range(count)]
    return client.views(seconds, kind="impression", ad="top", **facts)


def test_over_a_hundred_showings_weigh_more_only_of_who_stays_with_one_page(tables: Rows, clickhouse: Settings) -> None:
    robot, registrar = MadeClient(), MadeClient()
    rows = [*showings(robot, 150), *robot.views([0]), *showings(registrar, 150), *registrar.views([0, 9, 99], MANY)]
    assert fired(tables, clickhouse, rows, "F37") == {robot.suspect: 150, registrar.suspect: 99}


def test_those_who_booked_are_no_visitors_of_the_source_that_claims_them(tables: Rows, clickhouse: Settings) -> None:
    source = {"campaign": {"utm_source": "partner"}}
    hidden, buyers = [MadeClient() for _ in range(25)], [MadeClient() for _ in range(8)]
    readers = [MadeClient() for _ in range(40)]

    def day(at: float) -> Made:
        rows = [row for client in hidden for row in client.views([0], **source)]
        rows += [row for client in readers for row in client.views([0, 30], MANY)]
        for client in buyers:
            rows += client.views([0, 60], ("/", "/booking"))
            rows += client.views([at], **source)
            rows += client.views([123], ("/done",), page_role="done")
        return rows

    assert set(fired(tables, clickhouse, day(120), "F43")) == {client.suspect for client in hidden}
    tables.clear()
    assert fired(tables, clickhouse, day(90), "F43") == {}, "bookings that the source may have led to"


def test_one_click_of_a_cookie_that_came_back_repeats_nothing(tables: Rows, clickhouse: Settings) -> None:
    there = {"ip_token": "2001:db8::1", "net_token": "2001:db8::"}
    robot, patient = MadeClient(there | NEW), MadeClient(there)
    paid = {"paid": True, "click_kind": "yclid"}
    rows = robot.views([600.0 * number for number in range(12)], **paid) + patient.views([300], **paid)
    assert fired(tables, clickhouse, rows, "F42").keys() == {robot.suspect}


def test_a_bucket_of_rare_hosts_is_no_host_and_a_screen_without_cookies_sends_nobody(
    tables: Rows, clickhouse: Settings
) -> None:
    spammer, bucket, screen = MadeClient(NEW), MadeClient(NEW), MadeClient(NEW)
    uneven = [0, 700, 5000]
    rows = [
        *spammer.views(uneven, **SPAM),
        *bucket.views(uneven, **{**SPAM, "referrer_host": "*.info"}),
        *screen.views([60.0 * number for number in range(100)], **{**SPAM, "referrer_host": "intranet.example"}),
    ]
    assert fired(tables, clickhouse, rows, "F52") == {spammer.suspect: 3}


def test_a_new_spam_domain_is_none_where_its_name_is_a_bucket(tables: Rows, clickhouse: Settings) -> None:
    senders = [MadeClient(NEW | {"ua_token": 5}) for _ in range(25)]
    rows = [row for client in senders for row in client.views([0], **SPAM)]
    in_bucket = [row for client in senders for row in client.views([0], **{**SPAM, "referrer_host": "*.info"})]
    assert fired(tables, clickhouse, in_bucket, "F08") == {}
    tables.clear()
    assert len(fired(tables, clickhouse, rows, "F08")) == 25


def test_cookies_of_one_hit_do_not_hide_each_other_and_those_who_read_on_are_people(
    tables: Rows, clickhouse: Settings
) -> None:
    others = [MadeClient() for _ in range(900)]
    churning = [MadeClient({"ip_token": "2001:db8::1", "asn": 64_500}) for _ in range(25)]
    office = [MadeClient({"ip_token": "2001:db8::2"}) for _ in range(12)]
    rows = [row for client in (*others, *churning) for row in client.views([0])]
    rows += [row for client in office for row in client.views([0, 60], robot="", net_class="datacenter")]
    assert fired(tables, clickhouse, rows, "F30") == {}, "of its provider this is the only address"
    rows = [row | {"asn": 12389} if row["asn"] == 64_500 else row for row in rows]
    tables.clear()
    assert fired(tables, clickhouse, rows, "F30") == {client.suspect: 25 for client in churning}
    here = {suspect.suspect: suspect.people_here for suspect in found(tables.writer, "F30", "F05")}
    assert {here[client.suspect] for client in churning} == {0}
    assert {here[client.suspect] for client in office} == {12}


def test_what_a_foreign_page_sent_beside_a_visit_is_no_attack_of_the_visitor(
    tables: Rows, clickhouse: Settings
) -> None:
    attacks = ("/.env", "/wp-login", "/.git")
    victim, scanner, forger = MadeClient(), MadeClient(), MadeClient()

    def attacked(client: MadeClient, **facts: object) -> Made:
        kinds = ("dotfile", "cms_door", "dotfile")
        return [
            row | {"attack": kind, "status": 404}
            for row, kind in zip(client.views([0, 5, 9], attacks, **facts), kinds, strict=True)
        ]

    trap = {"page_role": "trap", "referrer_kind": "internal"}
    rows = [
        *[row for client in (victim, scanner) for row in client.views([-50, -20], MANY)],
        *attacked(victim, **FOREIGN),
        *attacked(scanner),
        *attacked(forger, fetch="contradict"),
        *victim.views([20], ("/trap",), **FOREIGN, **trap),
        *scanner.views([20], ("/trap",), **trap),
    ]
    assert fired(tables, clickhouse, rows, "F17") == {scanner.suspect: 3, forger.suspect: 3}
    assert fired(tables, clickhouse, [], "F57") == {scanner.suspect: 2, forger.suspect: 2}
    assert fired(tables, clickhouse, [], "F19") == {scanner.suspect: 1}
    told = {suspect.suspect: suspect.foreign for suspect in found(tables.writer, "F17", "F56")}
    assert told == {victim.suspect: "some", scanner.suspect: "none", forger.suspect: "all"}
