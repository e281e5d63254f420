"""Signals of booking and login over made rows: each fires, does not fire, and its guard holds."""

from __future__ import annotations

from pipeline.settings.model import Settings
from support.server import Rows
from support.suspicion import MadeClient, fired

DAY = 86_400.0
OLD = {"cookie_age": "month"}
NEW = {"visitor_kind": "day", "cookie_state": "new"}


def booking(client: MadeClient, at: float, took: float = 60, **facts: object) -> list[dict[str, object]]:
    """Return a booking that begins at this second: the form, and so many seconds later the page after it."""
    return [
        *client.views([at], ("/booking",), page_role="form", **facts),
        *client.views([at + took], ("/booking/done",), page_role="done", **facts),
    ]


def login(client: MadeClient, seconds: list[float], **facts: object) -> list[dict[str, object]]:
    """Return login pages of a client at these seconds."""
    return client.views(seconds, ("/login",), page_role="login", **facts)


def reset(client: MadeClient, seconds: list[float], **facts: object) -> list[dict[str, object]]:
    """Return pages for a new password of a client at these seconds."""
    return client.views(seconds, ("/password",), page_role="reset", **facts)


def test_a_form_done_in_less_than_eight_seconds_fires(tables: Rows, clickhouse: Settings) -> None:
    robot, autofill, patient = MadeClient(), MadeClient(), MadeClient()
    rows = [*booking(robot, 0, 2), *booking(robot, 100, 3), *booking(autofill, 0, 6), *booking(patient, 0, 45)]
    assert fired(tables, clickhouse, rows, "F45") == {robot.suspect: 3, autofill.suspect: 6}


def test_a_form_mended_after_a_mistake_or_seen_again_by_the_back_button_is_not_fast(
    tables: Rows, clickhouse: Settings
) -> None:
    careless, back = MadeClient(), MadeClient()
    rows = [
        *careless.views([0, 58], ("/booking",), page_role="form"),
        *careless.views([60], ("/booking/done",), page_role="done"),
        *booking(back, 0, 120),
        *booking(back, 130, 2),
    ]
    assert fired(tables, clickhouse, rows, "F45") == {}


def test_many_bookings_of_a_network_in_an_hour_that_has_one_are_a_burst(tables: Rows, clickhouse: Settings) -> None:
    network = {"net_token": "2001:db8::47", "asn": 64_500}
    robots = [MadeClient(network) for _ in range(12)]
    patient, desk = MadeClient(), MadeClient({**network, **OLD})
    before = [row for day in range(1, 8) for row in booking(MadeClient(), -day * DAY)]
    rows = [
        *before,
        *[row for place, client in enumerate(robots) for row in booking(client, 60.0 * place)],
        *booking(patient, 0),
        *booking(desk, 600),
    ]
    assert fired(tables, clickhouse, rows, "F47") == {client.suspect: 12 for client in robots}


def test_no_burst_is_told_where_everybody_books_or_where_the_days_before_are_unknown(
    tables: Rows, clickhouse: Settings
) -> None:
    network = {"net_token": "2001:db8::47", "asn": 64_500}
    company = [row for place in range(8) for row in booking(MadeClient(network), 60.0 * place)]
    assert fired(tables, clickhouse, company, "F47") == {}
    before = [row for day in range(1, 8) for row in booking(MadeClient(), -day * DAY)]
    others = [row for place in range(8) for row in booking(MadeClient({"asn": 64_600 + place}), 60.0 * place)]
    assert fired(tables, clickhouse, [*before, *others], "F47") == {}


def test_three_bookings_of_a_client_fire_and_the_page_after_one_loaded_again_does_not(
    tables: Rows, clickhouse: Settings
) -> None:
    robot, patient, no_form = MadeClient(), MadeClient(), MadeClient()
    rows = [
        *[row for place in range(3) for row in booking(robot, 200.0 * place)],
        *booking(patient, 0),
        *patient.views([500, 5000, 9000], ("/booking/done",), page_role="done"),
        *no_form.views([0, 1, 2, 100, 200], ("/booking/done",), page_role="done"),
    ]
    assert fired(tables, clickhouse, rows, "F48") == {robot.suspect: 3, no_form.suspect: 3}


def test_a_known_cookie_books_at_a_human_pace_and_not_five_times_in_a_minute(
    tables: Rows, clickhouse: Settings
) -> None:
    desk, script = MadeClient(OLD), MadeClient(OLD)
    rows = [
        *[row for place in range(15) for row in booking(desk, 900.0 * place)],
        *[row for place in range(5) for row in booking(script, 12.0 * place, 5)],
    ]
    assert fired(tables, clickhouse, rows, "F48") == {script.suspect: 5}


def test_six_bookings_of_new_clients_of_one_network_fire(tables: Rows, clickhouse: Settings) -> None:
    network = {"net_token": "2001:db8::48"}
    robots = [MadeClient(network) for _ in range(6)]
    desk, elsewhere = MadeClient({**network, **OLD}), [MadeClient({"net_token": "2001:db8::49"}) for _ in range(5)]
    rows = [row for place, client in enumerate([*robots, *elsewhere]) for row in booking(client, 300.0 * place)]
    rows += [row for place in range(15) for row in booking(desk, 900.0 * place)]
    assert fired(tables, clickhouse, rows, "F48b") == {client.suspect: 6 for client in robots}


def test_six_login_pages_in_a_minute_or_twenty_in_an_hour_are_a_loop(tables: Rows, clickhouse: Settings) -> None:
    quick, steady, person = MadeClient(), MadeClient(), MadeClient()
    rows = [
        *login(quick, [0, 10, 20, 30, 40, 50]),
        *login(steady, [170.0 * number for number in range(20)]),
        *login(person, [0, 15, 30, 45, 61, 76, 90, 300]),
    ]
    assert fired(tables, clickhouse, rows, "F49") == {quick.suspect: 6, steady.suspect: 20}


def test_a_reset_after_the_login_pages_is_a_forgotten_password_unless_there_are_too_many(
    tables: Rows, clickhouse: Settings
) -> None:
    forgetful, robot = MadeClient(), MadeClient()
    rows = [
        *login(forgetful, [0, 10, 20, 30, 40, 50]),
        *reset(forgetful, [80]),
        *login(robot, [10.0 * number for number in range(40)]),
        *reset(robot, [500]),
    ]
    assert fired(tables, clickhouse, rows, "F49") == {robot.suspect: 40}


def test_ten_addresses_of_a_provider_on_the_login_page_in_five_minutes_fire(tables: Rows, clickhouse: Settings) -> None:
    robots = [MadeClient({"asn": 64_501, "browser": f"Browser {number}"}) for number in range(12)]
    agents = [MadeClient({"asn": 64_600 + number, "browser": "Odd", "os": "Linux"}) for number in range(11)]
    patients = [MadeClient() for _ in range(40)]
    rows = [
        *[row for place, client in enumerate(robots) for row in login(client, [5.0 * place])],
        *[row for place, client in enumerate(agents) for row in login(client, [3600 + 5.0 * place])],
        *[row for place, client in enumerate(patients) for row in login(client, [300.0 * place])],
    ]
    found = fired(tables, clickhouse, rows, "F50")
    assert found == {**{each.suspect: 12 for each in robots}, **{each.suspect: 11 for each in agents}}


def test_known_cookies_and_a_crowd_of_all_providers_are_no_spread_login(tables: Rows, clickhouse: Settings) -> None:
    shift = [MadeClient({"asn": 64_501, **OLD}) for _ in range(20)]
    crowd = [MadeClient({"asn": 64_700 + place % 2, "browser": f"B{place % 2}"}) for place in range(30)]
    rows = [
        *[row for place, client in enumerate(shift) for row in login(client, [5.0 * place])],
        *[row for place, client in enumerate(crowd) for row in login(client, [7200 + 5.0 * place])],
    ]
    assert fired(tables, clickhouse, rows, "F50") == {}


def test_eight_resets_of_a_network_in_ten_minutes_with_changing_cookies_fire(
    tables: Rows, clickhouse: Settings
) -> None:
    robot = MadeClient(NEW)
    cookies = [MadeClient({"net_token": "2001:db8::51"}) for _ in range(8)]
    one, slow = MadeClient(), MadeClient(NEW)
    staff = [MadeClient({"net_token": "2001:db8::52", **OLD}) for _ in range(9)]
    rows = [
        *reset(robot, [30.0 * number for number in range(9)]),
        *[row for place, client in enumerate(cookies) for row in reset(client, [40.0 * place])],
        *reset(one, [30.0 * number for number in range(9)]),
        *reset(slow, [200.0 * number for number in range(9)]),
        *[row for place, client in enumerate(staff) for row in reset(client, [40.0 * place])],
    ]
    found = fired(tables, clickhouse, rows, "F51")
    assert found == {robot.suspect: 9, **{client.suspect: 8 for client in cookies}}


def test_a_known_front_desk_is_not_too_fast_and_a_known_script_is(tables: Rows, clickhouse: Settings) -> None:
    desk, script = MadeClient(OLD), MadeClient(OLD)
    rows = [
        *[row for place in range(10) for row in booking(desk, 900.0 * place, 3)],
        *[row for place in range(10) for row in booking(script, 20.0 * place, 3)],
    ]
    assert fired(tables, clickhouse, rows, "F45") == {script.suspect: 3}


def test_a_rush_from_the_provider_that_has_most_bookings_and_one_desk_are_no_burst(
    tables: Rows, clickhouse: Settings
) -> None:
    before = [row for day in range(1, 8) for row in booking(MadeClient(), -day * DAY)]
    rush = [row for place in range(10) for row in booking(MadeClient(), 60.0 * place)]
    assert fired(tables, clickhouse, [*before, *rush], "F47") == {}
    tables.clear()
    desk = MadeClient({"asn": 64_500})
    many = [row for place in range(20) for row in booking(desk, 120.0 * place)]
    assert fired(tables, clickhouse, [*before, *many], "F47") == {}


def test_six_logins_in_a_minute_with_the_cookie_of_another_day_are_a_mistyped_password(
    tables: Rows, clickhouse: Settings
) -> None:
    doctor, script = MadeClient(OLD), MadeClient(OLD)
    rows = [
        *login(doctor, [5.0 * number for number in range(8)]),
        *login(script, [5.0 * number for number in range(25)]),
    ]
    assert fired(tables, clickhouse, rows, "F49") == {script.suspect: 25}
