"""Signals of lists, networks and identity over made rows: each fires, does not fire, and its guard holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

import pytest

from pipeline.event import PageFlag
from pipeline.scoring.rules import all_signals
from pipeline.settings.model import Settings
from support.clinic_day import SINCE, row, store
from support.server import Rows
from support.suspicion import MadeClient, fired, found

PAGES = ("/",)


def test_a_browser_in_a_data_centre_fires_and_a_robot_that_names_itself_there_does_not(
    tables: Rows, clickhouse: Settings
) -> None:
    hosted = MadeClient({"net_class": "datacenter", "as_org": "", "asn": 64500})
    library = MadeClient({"net_class": "datacenter", "robot": "curl", "ivt_reasons": ["http_library"]})
    rows = [*hosted.views([0]), *library.views([0]), *MadeClient().views([0])]
    assert fired(tables, clickhouse, rows, "F05") == {hosted.suspect: 1}
    assert found(tables.writer, "F05")[0].signs[0].evidence == {"network": "AS64500"}


def test_an_empty_or_odd_agent_fires_and_a_browser_does_not(tables: Rows, clickhouse: Settings) -> None:
    empty = MadeClient({"ivt_reasons": ["empty_agent"], "browser": ""})
    odd = MadeClient({"ivt_reasons": ["odd_agent"], "ua_raw": "x" * 200})
    robot = MadeClient({"ivt_reasons": ["declared_robot"], "robot": "GPTBot"})
    rows = [*empty.views([0]), *odd.views([0, 5]), *robot.views([0]), *MadeClient().views([0])]
    assert fired(tables, clickhouse, rows, "F02") == {empty.suspect: 1, odd.suspect: 2}
    shown = {each.suspect: each.signs[0].evidence["agent"] for each in found(tables.writer, "F02")}
    assert shown == {empty.suspect: "-", odd.suspect: "x" * 100}


def test_a_false_crawler_fires_and_a_crawler_that_nobody_checks_does_not(tables: Rows, clickhouse: Settings) -> None:
    false = MadeClient({"robot": "Googlebot", "ivt_reasons": ["declared_robot", "false_crawler"]})
    unchecked = MadeClient({"robot": "GPTBot", "ivt_reasons": ["declared_robot"]})
    rows = [*false.views([0, 9]), *unchecked.views([0]), *MadeClient().views([0])]
    assert fired(tables, clickhouse, rows, "F04") == {false.suspect: 2}


def test_tor_weighs_more_than_a_vpn_and_a_relay_weighs_nothing(tables: Rows, clickhouse: Settings) -> None:
    tor, vpn, relay = (MadeClient({"net_class": name}) for name in ("tor", "vpn", "relay"))
    rows = [*tor.views([0]), *vpn.views([0]), *relay.views([0])]
    assert fired(tables, clickhouse, rows, "F06") == {tor.suspect: 2, vpn.suspect: 1}
    assert {each.signs[0].evidence["kind"] for each in found(tables.writer, "F06")} == {"Tor", "VPN"}


def test_a_controlled_browser_and_a_library_are_two_signals_and_a_check_of_the_site_is_neither(
    tables: Rows, clickhouse: Settings
) -> None:
    controlled = MadeClient({"robot": "HeadlessChrome", "ivt_reasons": ["automation_token"]})
    library = MadeClient({"robot": "python-requests", "ivt_reasons": ["http_library"]})
    check = MadeClient({"robot": "monitor:uptime", "ivt_reasons": ["automation_token", "http_library"]})
    store(clickhouse, [*controlled.views([0]), *library.views([0]), *check.views([0])])
    signs = {each.suspect: [sign.signal for sign in each.signs] for each in found(tables.writer, "F07", "F07b")}
    assert signs == {controlled.suspect: ["F07"], library.suspect: ["F07b"]}


def test_hints_that_contradict_twice_or_always_fire_and_one_of_three_does_not(
    tables: Rows, clickhouse: Settings
) -> None:
    always, twice, once, agreeing = (MadeClient() for _ in range(4))
    false = {"hints": "contradict", "hints_detail": "version: agent 47, hint 143"}
    rows = [
        *always.views([0], **false),
        *twice.views([0, 5], **false),
        *twice.views([9], hints="agree"),
        *once.views([0], **false),
        *once.views([5, 9], hints="agree"),
        *agreeing.views([0, 5], hints="agree"),
    ]
    assert fired(tables, clickhouse, rows, "F10") == {always.suspect: 1, twice.suspect: 2}
    assert found(tables.writer, "F10")[0].signs[0].evidence["detail"] == "version: agent 47, hint 143"


def test_hints_missing_from_all_of_several_hits_fire_and_one_with_hints_clears_the_rest(
    tables: Rows, clickhouse: Settings
) -> None:
    without, once, mixed = (MadeClient() for _ in range(3))
    rows = [
        *without.views([0, 5], hints="missing"),
        *once.views([0], hints="missing"),
        *mixed.views([0, 5], hints="missing"),
        *mixed.views([9], hints="agree"),
    ]
    assert fired(tables, clickhouse, rows, "F10b") == {without.suspect: 2}


def test_fetch_headers_that_contradict_twice_or_always_fire_and_one_of_three_does_not(
    tables: Rows, clickhouse: Settings
) -> None:
    always, twice, once = (MadeClient() for _ in range(3))
    rows = [
        *always.views([0], fetch="contradict"),
        *twice.views([0, 5], fetch="contradict"),
        *twice.views([9], fetch="agree"),
        *once.views([0], fetch="contradict"),
        *once.views([5, 9], fetch="none"),
    ]
    assert fired(tables, clickhouse, rows, "F55") == {always.suspect: 1, twice.suspect: 2}


def test_two_pages_in_one_request_fire_and_other_differences_of_spelling_do_not(
    tables: Rows, clickhouse: Settings
) -> None:
    forged, once, foreign = (MadeClient({"page_host": "clinic.example"}) for _ in range(3))
    rows = [
        *forged.views([0, 5], page_flags=int(PageFlag.TWO_HOSTS | PageFlag.WWW)),
        *once.views([0], page_flags=int(PageFlag.TWO_HOSTS)),
        *once.views([5, 9]),
        *foreign.views([0, 5], page_flags=int(PageFlag.FOREIGN_HOST | PageFlag.ATTACK)),
    ]
    assert fired(tables, clickhouse, rows, "F56") == {forged.suspect: 2}
    assert found(tables.writer, "F56")[0].signs[0].evidence == {"host": "clinic.example", "hits": "2"}


def test_a_browser_of_years_ago_fires_and_a_few_invented_versions_make_nobody_old(
    tables: Rows, clickhouse: Settings
) -> None:
    old, last_year = MadeClient({"browser_major": 112}), MadeClient({"browser_major": 113})
    usual = [MadeClient({"browser_major": 143}) for _ in range(20)]
    invented = [MadeClient({"browser_major": 9000}) for _ in range(19)]
    other = MadeClient({"browser": "Safari", "browser_major": 5})
    rows = [row for client in (old, last_year, other, *usual, *invented) for row in client.views([0])]
    assert fired(tables, clickhouse, rows, "F09") == {old.suspect: 31}
    assert found(tables.writer, "F09")[0].signs[0].evidence == {"browser": "Chrome 112", "newest": "143"}


def test_five_hits_in_half_an_hour_that_return_no_cookie_fire(tables: Rows, clickhouse: Settings) -> None:
    keeping = [MadeClient() for _ in range(8)]
    given = {"cookie_state": "new", "visitor_kind": "day"}
    dropping, few, slow = (MadeClient(given) for _ in range(3))
    refusing = MadeClient({"cookie_state": "refused", "visitor_kind": "day"})
    signalling = MadeClient({"cookie_state": "signal", "visitor_kind": "day"})
    rows = [
        *dropping.views(range(0, 60, 10)),
        *few.views(range(0, 40, 10)),
        *slow.views(range(0, 6000, 1000)),
        *refusing.views(range(0, 60, 10)),
        *signalling.views(range(0, 60, 10)),
        *(row for client in keeping for row in client.views(range(0, 60, 10))),
    ]
    assert fired(tables, clickhouse, rows, "F29") == {dropping.suspect: 6}


def test_cookies_that_never_come_back_are_nothing_at_a_site_that_seldom_sets_one(
    tables: Rows, clickhouse: Settings
) -> None:
    dropping = MadeClient({"cookie_state": "new", "visitor_kind": "day"})
    others = [MadeClient({"cookie_state": "none", "visitor_kind": "day"}) for _ in range(3)]
    rows = [row for client in (dropping, *others) for row in client.views(range(0, 60, 10))]
    assert fired(tables, clickhouse, rows, "F29") == {}


def cookies_of(token: str, number: int, **facts: object) -> list[MadeClient]:
    """Return clients with a cookie each behind one address."""
    return [MadeClient({"ip_token": token, "net_token": token, "ua_token": 7} | facts) for _ in range(number)]


def test_many_cookies_of_one_hit_on_an_address_fire_and_those_of_an_office_do_not(
    tables: Rows, clickhouse: Settings
) -> None:
    others = [MadeClient() for _ in range(900)]
    churning = cookies_of("2001:db8::1", 25)
    staff = cookies_of("2001:db8::2", 25)
    known = cookies_of("2001:db8::3", 25, cookie_age="month")
    carrier = cookies_of("2001:db8::4", 200, net_class="mobile")
    rows = [
        *(row for client in (*others, *churning, *known, *carrier) for row in client.views([0])),
        *(row for client in staff for row in client.views([0, 60])),
    ]
    assert fired(tables, clickhouse, rows, "F30") == {client.suspect: 25 for client in churning}


def test_an_address_of_a_provider_where_all_are_crowded_has_not_many_cookies(
    tables: Rows, clickhouse: Settings
) -> None:
    crowded = [client for place in range(300) for client in cookies_of(f"2001:db8::{place:x}", 25, asn=64500)]
    assert fired(tables, clickhouse, [row for client in crowded for row in client.views([0])], "F30") == {}


def moved(client: MadeClient, asns: Sequence[int], **facts: object) -> list[dict[str, object]]:
    """Return a view each minute, each from a network of its own, of these providers in turn."""
    return [
        row
        for place, asn in enumerate(asns)
        for row in client.views([60 * place], PAGES, asn=asn, net_token=f"2001:db8:{place:x}::", **facts)
    ]


def test_a_cookie_in_five_networks_or_of_three_providers_within_an_hour_fires(
    tables: Rows, clickhouse: Settings
) -> None:
    networks, providers, phone, both, train, relay = (MadeClient() for _ in range(6))
    rows = [
        *moved(networks, [1, 1, 1, 1, 2]),
        *moved(providers, [1, 2, 3]),
        *moved(phone, [1, 2, 1, 2]),
        *moved(both, [1, 2, 1]),
        *moved(both, [3, 4, 3], ip_version=6),
        *moved(train, [1] * 9, net_class="mobile"),
        *moved(relay, [1, 2, 3, 4, 5], net_class="relay"),
    ]
    assert fired(tables, clickhouse, rows, "F31") == {networks.suspect: 5, providers.suspect: 3}


def test_networks_of_different_hours_do_not_add_up(tables: Rows, clickhouse: Settings) -> None:
    traveller = MadeClient()
    rows = [
        row for place in range(6) for row in traveller.views([3600 * place], asn=place, net_token=f"2001:db8:{place}::")
    ]
    assert fired(tables, clickhouse, rows, "F31") == {}


def test_one_cookie_in_two_browsers_fires_and_an_update_or_the_desktop_page_of_a_phone_does_not(
    tables: Rows, clickhouse: Settings
) -> None:
    rotating, back, updated, phone, tablet = (MadeClient({"os": "Windows"}) for _ in range(5))
    rows = [
        *rotating.views([0]),
        *rotating.views([5], browser="Firefox", browser_major=140),
        *back.views([0, 1200], browser_major=142),
        *back.views([10]),
        *updated.views([0, 10], browser_major=142),
        *updated.views([15, 400]),
        *updated.views([16], browser_major=142),
        *phone.views([0], browser="Chrome Mobile", os="Android"),
        *phone.views([5], os="Linux"),
        *tablet.views([0], browser="Mobile Safari", os="iOS"),
        *tablet.views([5], browser="Safari", os="Mac OS X"),
    ]
    assert fired(tables, clickhouse, rows, "F32") == {rotating.suspect: 2, back.suspect: 2}


def test_ten_agents_of_one_address_in_80_seconds_fire_unless_cookies_come_back_to_it(
    tables: Rows, clickhouse: Settings
) -> None:
    def agents(token: str, step: float, **facts: object) -> list[dict[str, object]]:
        given = {"ip_token": token, "cookie_state": "new", "visitor_kind": "day"} | facts
        return [row for place in range(10) for row in MadeClient(given | {"ua_token": place}).views([step * place])]

    rotating = agents("2001:db8::1", 8)
    rows = [
        *rotating,
        *agents("2001:db8::2", 9.5),
        *agents("2001:db8::3", 1),
        *(row for client in cookies_of("2001:db8::3", 2) for row in client.views([0])),
    ]
    assert fired(tables, clickhouse, rows, "F32b") == {int(str(row["visitor"])): 10 for row in rotating}


def test_a_cookie_that_changes_its_country_within_two_hours_fires(tables: Rows, clickhouse: Settings) -> None:
    jumping, flying, private, border, phone = (MadeClient() for _ in range(5))
    abroad = {"country": "BR", "asn": 64500}
    rows = [
        *jumping.views([0]),
        *jumping.views([600], PAGES, **abroad),
        *flying.views([0]),
        *flying.views([7300], PAGES, **abroad),
        *private.views([0]),
        *private.views([600], PAGES, **abroad, net_class="vpn"),
        *border.views([0]),
        *border.views([600], country="KZ"),
        *phone.views([0]),
        *phone.views([600], PAGES, **abroad, net_class="mobile"),
    ]
    assert fired(tables, clickhouse, rows, "F33") == {jumping.suspect: 1}
    assert found(tables.writer, "F33")[0].signs[0].evidence == {"countries": "BR, RU", "minutes": "10"}


def test_a_cookie_at_work_with_two_providers_at_once_fires(tables: Rows, clickhouse: Settings) -> None:
    replayed, moving, twice, phone, dual = (MadeClient({"asn": 1}) for _ in range(5))
    rows = [
        *replayed.views([0, 60, 120]),
        *replayed.views([30, 90, 150], asn=2),
        # After the provider of the evening the one of the morning comes back.
        *moving.views([0, 60, 120, 2000, 2060, 2120]),
        *moving.views([900, 960, 1020], asn=2),
        *twice.views([0, 60, 120]),
        *twice.views([30, 90], asn=2),
        *phone.views([0, 60, 120]),
        *phone.views([30, 90, 150], asn=2, net_class="mobile"),
        *dual.views([0, 60, 120]),
        *dual.views([30, 90, 150], asn=2, ip_version=6),
    ]
    assert fired(tables, clickhouse, rows, "F34") == {replayed.suspect: 2}
    assert found(tables.writer, "F34")[0].signs[0].evidence == {"providers": "AS1, AS2"}


def pool(network: str, number: int, **facts: object) -> list[MadeClient]:
    """Return clients with an address each in one network and the same browser."""
    return [
        MadeClient({"net_token": network, "cookie_state": "new", "visitor_kind": "day"} | facts) for _ in range(number)
    ]


def test_fifteen_addresses_of_a_network_with_one_hit_each_fire(tables: Rows, clickhouse: Settings) -> None:
    rotating = pool("2001:db8:1::", 15)
    known = MadeClient({"net_token": "2001:db8:1::", "cookie_age": "week"})
    others = [
        *pool("2001:db8:2::", 14),
        *pool("2001:db8:3::", 15, net_class="mobile"),
        *pool("2001:db8:4::", 15, net_class="relay"),
        *pool("2001:db8:5::", 15, ip_version=6),
    ]
    busy = pool("2001:db8:6::", 15)
    rows = [
        *(row for client in (*rotating, known, *others) for row in client.views([0])),
        *(row for client in busy for row in client.views([0, 60])),
    ]
    assert fired(tables, clickhouse, rows, "F35") == {client.suspect: 16 for client in rotating}
    assert len({sign.link for each in found(tables.writer, "F35") for sign in each.signs}) == 1


def test_a_rotating_network_gives_at_most_500_members(tables: Rows, clickhouse: Settings) -> None:
    rotating = pool("2001:db8:1::", 520)
    assert len(fired(tables, clickhouse, [row for client in rotating for row in client.views([0])], "F35")) == 500


def sent_by(host: str, number: int, **facts: object) -> list[MadeClient]:
    """Return clients that a foreign host sent."""
    return [MadeClient({"referrer_host": host, "referrer_kind": "other"} | facts) for _ in range(number)]


def test_referrers_on_the_list_weigh_more_than_new_ones_of_the_same_kind(tables: Rows, clickhouse: Settings) -> None:
    listed = sent_by("spam.example", 1, referrer_kind="spam")
    fresh = sent_by("a.fresh.example", 19) + sent_by("b.fresh.example", 1)
    few = sent_by("few.example", 19)
    read = sent_by("read.example", 20)
    varied = [
        client for place in range(20) for client in sent_by("varied.example", 1, ua_token=place, asn=64500 + place)
    ]
    rows = [
        *(row for client in (*listed, *fresh, *few, *read, *varied) for row in client.views([0])),
        *(row for client in read[:2] for row in client.views([60], ("/price",), referrer_kind="internal")),
    ]
    expected = {listed[0].suspect: 2} | {client.suspect: 1 for client in fresh}
    assert fired(tables, clickhouse, rows, "F08") == expected
    assert {each.signs[0].link for each in found(tables.writer, "F08")} == {"spam.example", "fresh.example"}


def test_a_referrer_of_the_week_before_is_no_new_one_and_a_known_person_is_no_member(
    tables: Rows, clickhouse: Settings
) -> None:
    known, fresh = sent_by("known.example", 20), sent_by("fresh.example", 20)
    regular = sent_by("fresh.example", 1, cookie_age="month")
    earlier = row(SINCE - timedelta(days=6), referrer_host="www.known.example", referrer_kind="other")
    older = row(SINCE - timedelta(days=8), referrer_host="fresh.example", referrer_kind="other")
    rows = [earlier, older, *(row for client in (*known, *fresh, *regular) for row in client.views([0]))]
    assert fired(tables, clickhouse, rows, "F08") == {client.suspect: 1 for client in fresh}


def test_one_foreign_referrer_on_one_page_three_times_from_an_address_fires(tables: Rows, clickhouse: Settings) -> None:
    given = {"cookie_state": "new", "visitor_kind": "day"}
    spam = sent_by("spam.example", 3, ip_token="2001:db8::1", **given)
    beside = MadeClient({"ip_token": "2001:db8::1"})
    twice = sent_by("spam.example", 1, **given)
    pages = sent_by("spam.example", 1, **given)
    search = sent_by("search.example", 1, referrer_kind="search", **given)
    reloading = sent_by("spam.example", 1)
    rows = [
        *(row for client in (*spam, beside) for row in client.views([0])),
        *twice[0].views([0, 60]),
        *pages[0].views([0, 60, 120], ("/", "/price", "/doctors")),
        *search[0].views([0, 60, 120]),
        *reloading[0].views([0], PAGES, **given),
        *reloading[0].views(range(60, 600, 60)),
    ]
    assert fired(tables, clickhouse, rows, "F52") == {client.suspect: 3 for client in spam}


def test_a_link_whose_people_read_on_is_real_and_who_read_on_is_no_member(tables: Rows, clickhouse: Settings) -> None:
    given = {"cookie_state": "new", "visitor_kind": "day"}
    partner, spam = sent_by("partner.example", 5, **given), sent_by("spam.example", 6, **given)
    rows = [
        *(row for client in (*partner, *spam) for row in client.views([0, 60, 120])),
        *partner[0].views([180], ("/price",), referrer_kind="internal", referrer_host="clinic.example"),
        *spam[0].views([180], ("/price",), referrer_kind="internal", referrer_host="clinic.example"),
    ]
    assert fired(tables, clickhouse, rows, "F52") == {client.suspect: 3 for client in spam[1:]}


def botnet(agent: int, number: int, **facts: object) -> list[MadeClient]:
    """Return clients of one agent, each in a network of its own, none with a cookie."""
    return [
        MadeClient({"ua_token": agent, "cookie_state": "new", "visitor_kind": "day", "os": "Windows"} | facts)
        for _ in range(number)
    ]


def test_an_agent_in_ten_networks_whose_views_are_errors_or_name_pages_it_never_loaded_fires(
    tables: Rows, clickhouse: Settings
) -> None:
    errors, forged = botnet(1, 5), botnet(1, 5)
    healthy = botnet(1, 1)
    inside = {"referrer_kind": "internal", "referrer_page": "/elsewhere"}
    rows = [
        *(row for client in errors for row in client.views([0, 5, 9], ("/a", "/b", "/c"), status=404)),
        *(row for client in forged for row in client.views([0, 5, 9], ("/d", "/e", "/f"), **inside)),
        *healthy[0].views([0]),
    ]
    assert fired(tables, clickhouse, rows, "F53") == {client.suspect: 11 for client in (*errors, *forged)}
    (link,) = {sign.link for each in found(tables.writer, "F53") for sign in each.signs}
    assert link == "Chrome 143, Windows"


def test_agents_of_people_are_no_botnet(tables: Rows, clickhouse: Settings) -> None:
    pages = ("/a", "/b", "/c")
    few, returning, dead_link, reading = botnet(1, 9), botnet(2, 20), botnet(3, 20), botnet(4, 20)
    keeping = MadeClient({"ua_token": 2})
    rows = [
        *(row for client in (*few, *returning) for row in client.views([0, 5, 9], pages, status=404)),
        *keeping.views([0]),
        *returning[0].views([20], cookie_state="returning"),
        *(row for client in dead_link for row in client.views([0], ("/gone",), status=404)),
        *(
            row
            for client in reading
            for row in client.views([0, 5, 9], pages, referrer_kind="internal", referrer_page="/a")
        ),
    ]
    assert fired(tables, clickhouse, rows, "F53") == {}


@pytest.mark.parametrize("name", sorted(all_signals()))
def test_the_words_of_a_signal_name_its_value_and_its_evidence_alone(name: str) -> None:
    signal = all_signals()[name]
    given = {"value", *re.findall(r"'(\w+)', ", signal.query)}
    for words in (signal.en, signal.ru):
        assert set(re.findall(r"{(\w*)[:}]", words.reason)) <= given
