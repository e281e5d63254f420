"""Signals of ads over made rows: each fires, does not fire, and its guard holds."""

from __future__ import annotations

from itertools import count

from pipeline.settings.model import Settings
from support.server import Rows
from support.suspicion import MadeClient, fired

_nonces = count(1)


def showings(
    client: MadeClient, seconds: list[float], *, viewed: bool = True, **facts: object
) -> list[dict[str, object]]:
    """Return impressions of a client at these seconds, each with the page view of its nonce."""
    made = []
    for second in seconds:
        nonce = next(_nonces)
        made += client.views([second], ("/",), **{"kind": "impression", "nonce": nonce, "ad": "top", **facts})
        if viewed:
            made += client.views([second - 0.2], nonce=nonce)
    return made


def clicks(client: MadeClient, seconds: list[float], **facts: object) -> list[dict[str, object]]:
    """Return landings of a client after clicks on the ad block `top`."""
    return client.views(
        seconds, ("/",), **{"paid": True, "campaign": {"utm_content": "top"}, "click_kind": "yclid", **facts}
    )


def test_an_ad_shown_more_than_thirty_times_a_day_is_a_flood_and_repeats_within_thirty_seconds_are_one(
    tables: Rows, clickhouse: Settings
) -> None:
    flood, reader, impatient = MadeClient(), MadeClient(), MadeClient()
    rows = [
        *showings(flood, [float(40 * number**2) for number in range(31)]),
        *showings(reader, [float(40 * number**2) for number in range(30)]),
        *[
            row
            for ad in ("left", "right")
            for row in showings(reader, [float(40 * number**2) for number in range(20)], ad=ad)
        ],
        *showings(impatient, [30 * block + second for block in range(10) for second in range(1, 29, 3)]),
    ]
    assert fired(tables, clickhouse, rows, "F37") == {flood.suspect: 31}


def test_impressions_without_a_page_view_fire_where_other_clients_of_the_browser_have_them(
    tables: Rows, clickhouse: Settings
) -> None:
    forger, blocked = MadeClient(), MadeClient({"browser": "Opera"})
    others = [MadeClient() for _ in range(10)]
    losers = [MadeClient({"browser": "Opera"}) for _ in range(10)]
    often = [120.0 * number for number in range(60)]
    rows = [
        *showings(forger, often[:40]),
        *showings(forger, often[40:], viewed=False, page="/doctors"),
        *showings(blocked, often, viewed=False),
        *[row for client in others for row in showings(client, often[:10])],
        *[row for client in losers for row in showings(client, often[:10], viewed=False)],
    ]
    assert fired(tables, clickhouse, rows, "F38") == {forger.suspect: 20}


def test_an_impression_near_a_view_of_the_same_page_is_no_orphan(tables: Rows, clickhouse: Settings) -> None:
    client = MadeClient()
    others = [MadeClient() for _ in range(10)]
    often = [120.0 * number for number in range(60)]
    rows = [
        *client.views(often, nonce=0),
        *client.views([second + 25 for second in often], kind="impression", ad="top", nonce=0),
        *[row for other in others for row in showings(other, often[:10])],
    ]
    assert fired(tables, clickhouse, rows, "F38") == {}


def test_a_click_on_an_ad_that_was_not_shown_or_only_just_fires(tables: Rows, clickhouse: Settings) -> None:
    forger, hasty, late = MadeClient(), MadeClient(), MadeClient()
    people = [MadeClient() for _ in range(12)]
    rows = [
        *clicks(forger, [0, 100, 200]),
        *showings(hasty, [0, 5000, 10000]),
        *clicks(hasty, [0.4, 5000.4, 10000.4]),
        *showings(late, [0]),
        *clicks(late, [1900, 2000, 2100]),
        *[row for client in people for row in [*showings(client, [0]), *clicks(client, [5, 100, 200])]],
    ]
    assert fired(tables, clickhouse, rows, "F39") == {forger.suspect: 3, hasty.suspect: 3, late.suspect: 3}


def test_a_click_after_an_impression_in_the_same_network_is_in_order(tables: Rows, clickhouse: Settings) -> None:
    network = {"net_token": "2001:db8::5"}
    before_consent, after_consent = MadeClient(network), MadeClient(network)
    people = [MadeClient() for _ in range(12)]
    rows = [
        *showings(before_consent, [0]),
        *clicks(after_consent, [20, 60, 90]),
        *[row for client in people for row in [*showings(client, [0]), *clicks(client, [5])]],
    ]
    assert fired(tables, clickhouse, rows, "F39") == {}


def test_clicks_say_nothing_where_impressions_are_lost_or_the_ad_is_not_the_sites_own(
    tables: Rows, clickhouse: Settings
) -> None:
    people = [MadeClient() for _ in range(12)]
    foreign = MadeClient()
    rows = [
        *showings(MadeClient(), [0]),
        *[row for client in people for row in clicks(client, [5, 100, 200])],
        *clicks(foreign, [0, 100, 200], campaign={"utm_content": "bought elsewhere"}),
    ]
    assert fired(tables, clickhouse, rows, "F39") == {}


def test_a_source_with_too_many_clicks_on_its_impressions_fires_for_those_who_clicked(
    tables: Rows, clickhouse: Settings
) -> None:
    bad, good, usual = "bad.example", "good.example", "news.example"
    fakes = [MadeClient() for _ in range(20)]
    readers = [MadeClient() for _ in range(20)]
    people = [MadeClient() for _ in range(20)]
    seen = MadeClient({"asn": 8359})
    rows = [
        *[row for host in (bad, good) for row in showings(seen, [float(n) for n in range(150)], page_host=host)],
        *showings(seen, [float(n) for n in range(3000)], page_host=usual),
        *[row for client in fakes for row in clicks(client, [0], referrer_host=bad)],
        *[row for client in readers for row in clicks(client, [0], referrer_host=good)],
        *[row for client in readers for row in client.views([30], ("/price",))],
        *[row for client in people for row in clicks(client, [0], referrer_host=usual)],
    ]
    found = fired(tables, clickhouse, rows, "F40")
    assert found.keys() == {client.suspect for client in fakes}
    assert all(0 < value < 0.01 for value in found.values())


def test_a_click_id_that_visitors_of_several_networks_use_fires_and_a_reload_does_not(
    tables: Rows, clickhouse: Settings
) -> None:
    clicker, copies = MadeClient(), [MadeClient() for _ in range(3)]
    patient, early = MadeClient(), MadeClient()
    new = {"visitor_kind": "day", "cookie_state": "new", "visitor": 77_000}
    walker = MadeClient()
    rows = [
        *clicks(clicker, [0], click_token=1),
        *[row for client in copies for row in clicks(client, [700], click_token=1)],
        *clicks(patient, [0, 700, 1400, 2100, 2800, 3500], click_token=2),
        *clicks(early, [0], click_token=3),
        *clicks(MadeClient(), [300], click_token=3),
        *clicks(walker, [0], click_token=4, **new),
        *clicks(walker, [900], click_token=4, net_token="2001:db8::77"),
    ]
    assert fired(tables, clickhouse, rows, "F41") == {client.suspect: 4 for client in copies}


def test_four_paid_clicks_of_a_network_in_a_day_or_three_in_ten_minutes_fire(
    tables: Rows, clickhouse: Settings
) -> None:
    slow, quick, few, reloading = MadeClient(), MadeClient(), MadeClient(), MadeClient()
    hour = 3600.0
    rows = [
        *clicks(slow, [0, hour, 2 * hour, 3 * hour]),
        *clicks(quick, [0, 200, 400]),
        *clicks(few, [0, 700, 1400]),
        *clicks(reloading, [0, 1, 2, 3, 4, 5], click_token=0),
        *clicks(reloading, [100, 200, 300, 400], click_token=9),
    ]
    assert fired(tables, clickhouse, rows, "F42") == {slow.suspect: 4, quick.suspect: 3}


def test_paid_clicks_before_a_booking_page_are_no_repeats(tables: Rows, clickhouse: Settings) -> None:
    patient, robot = MadeClient(), MadeClient()
    rows = [
        *clicks(patient, [0, 600, 1200, 1800]),
        *patient.views([2000], ("/booking",), page_role="form"),
        *robot.views([0], ("/booking",), page_role="form"),
        *clicks(robot, [600, 1200, 1800, 2400]),
    ]
    assert fired(tables, clickhouse, rows, "F42") == {robot.suspect: 4}


def test_of_several_cookies_in_a_network_two_paid_clicks_each_count(tables: Rows, clickhouse: Settings) -> None:
    family = [MadeClient({"net_token": "2001:db8::9"}) for _ in range(2)]
    new = {"visitor_kind": "day", "cookie_state": "new"}
    rows = [
        *clicks(family[0], [0], visitor=91_000, **new),
        *clicks(family[1], [100], visitor=92_000, **new),
        *clicks(family[0], [3600 * number for number in range(1, 9)]),
        *clicks(family[1], [7500]),
    ]
    assert set(fired(tables, clickhouse, rows, "F42").values()) == set()
    third = MadeClient({"net_token": "2001:db8::9"})
    more = fired(tables, clickhouse, clicks(third, [9000, 9100]), "F42")
    assert set(more.values()) == {4}


def test_a_source_of_visits_of_one_page_whose_bookings_were_under_way_fires_for_these_visits_alone(
    tables: Rows, clickhouse: Settings
) -> None:
    stuffed = {"campaign": {"utm_source": "partner"}}
    honest = {"campaign": {"utm_source": "maps"}}
    hidden = [MadeClient({"ua_token": 5}) for _ in range(60)]
    victims = [MadeClient() for _ in range(3)]
    people = [MadeClient() for _ in range(40)]
    rows = [
        *[row for client in hidden for row in client.views([0], ("/",), **stuffed)],
        *[row for client in victims for row in client.views([0, 60], ("/", "/booking"))],
        *[row for client in victims for row in client.views([100], ("/",), **stuffed)],
        *[row for client in victims for row in client.views([103], ("/booking/done",), page_role="done")],
        *[row for client in people for row in client.views([0], ("/",), **honest)],
        *[row for client in people[:5] for row in client.views([90], ("/booking/done",), page_role="done")],
        *[row for client in people[5:15] for row in client.views([30], ("/price",))],
    ]
    assert fired(tables, clickhouse, rows, "F43") == {client.suspect: 63 for client in hidden}


def test_a_source_of_one_page_is_usual_where_the_rest_of_the_site_is_seen_so(
    tables: Rows, clickhouse: Settings
) -> None:
    source = {"campaign": {"utm_source": "partner"}}
    people = [MadeClient() for _ in range(60)]
    rows = [
        *[row for client in people for row in client.views([0], ("/",), **source)],
        *[row for client in people[:2] for row in client.views([3], ("/booking/done",), page_role="done")],
        *[row for _ in range(100) for row in MadeClient().views([0])],
    ]
    assert fired(tables, clickhouse, rows, "F43") == {}


def test_a_page_that_refreshes_itself_is_no_flood_and_impressions_alone_like_a_clock_are(
    tables: Rows, clickhouse: Settings
) -> None:
    screen, robot = MadeClient(), MadeClient()
    often = [60.0 * number for number in range(100)]
    rows = [*showings(screen, often), *showings(screen, [20_000 + second for second in often])]
    rows += showings(robot, often, viewed=False)
    assert fired(tables, clickhouse, rows, "F37") == {robot.suspect: 100}


def test_whoever_has_the_cookie_of_another_day_has_a_blocker_and_no_orphans(tables: Rows, clickhouse: Settings) -> None:
    blocker = MadeClient({"cookie_age": "week"})
    others = [MadeClient() for _ in range(10)]
    often = [120.0 * number for number in range(60)]
    rows = [
        *showings(blocker, often, viewed=False),
        *[row for client in others for row in showings(client, often[:10])],
    ]
    assert fired(tables, clickhouse, rows, "F38") == {}


def test_whoever_reads_on_after_a_shared_link_is_no_sign_of_a_reused_click(tables: Rows, clickhouse: Settings) -> None:
    people = [MadeClient() for _ in range(10)]
    readers = people[1:4]
    rows = [row for place, client in enumerate(people) for row in clicks(client, [700.0 * place], click_token=1)]
    rows += [row for client in readers for row in client.views([9000], ("/price",))]
    found = fired(tables, clickhouse, rows, "F41")
    assert found == {client.suspect: 10 for client in people[4:]}


def test_a_click_id_that_comes_back_after_days_fires_and_a_bookmark_of_one_person_does_not(
    tables: Rows, clickhouse: Settings
) -> None:
    clicker, copies, patient = MadeClient(), [MadeClient({"asn": 64_500 + n}) for n in range(4)], MadeClient()
    rows = [
        *clicks(clicker, [-9 * 86_400.0], click_token=1),
        *[row for client in copies for row in clicks(client, [0], click_token=1)],
        *[row for day in range(9) for row in clicks(patient, [-day * 86_400.0], click_token=2, asn=64_000 + day)],
    ]
    assert fired(tables, clickhouse, rows, "F41") == {client.suspect: 5 for client in copies}


def test_neighbours_who_click_once_each_and_whoever_books_repeat_no_clicks(tables: Rows, clickhouse: Settings) -> None:
    network = {"net_token": "2001:db8::9"}
    neighbours = [MadeClient({**network, "cookie_state": "new"}) for _ in range(12)]
    patient, robot = MadeClient({"ip_token": "2001:db8::7"}), MadeClient({"ip_token": "2001:db8::7"})
    shared = {"net_token": "2001:db8::7"}
    rows = [
        *[row for place, client in enumerate(neighbours) for row in clicks(client, [100.0 * place])],
        *clicks(patient, [0], **shared),
        *patient.views([60], ("/booking",), page_role="form", **shared),
        *clicks(patient, [90], **shared),
        *clicks(robot, [200.0 * number for number in range(1, 8)], cookie_state="new", **shared),
    ]
    assert fired(tables, clickhouse, rows, "F42").keys() == {robot.suspect}
