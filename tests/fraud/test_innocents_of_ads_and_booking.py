"""People who look like fraud of ads, booking or login: with all these signals judged, none of them is a likely case."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.fraud.day import Suspect
from pipeline.scoring.rules import all_signals
from pipeline.scoring.score import Sign, scored
from pipeline.settings.model import Settings
from support.clinic_day import store
from support.server import Rows
from support.suspicion import MadeClient, found

Made = list[dict[str, object]]

NAMES = [name for name, signal in all_signals().items() if signal.family in ("A", "B")]
DAY = 86_400.0
OLD = {"cookie_age": "month"}
FIRST = {"visitor_kind": "day", "cookie_state": "new"}
ADDRESS = {"ip_token": "2001:db8::100", "net_token": "2001:db8:1::"}


def booking(client: MadeClient, at: float, took: float, **facts: object) -> Made:
    """Return a booking: the form, and so many seconds later the page after it."""
    return [
        *client.views([at], ("/booking",), page_role="form", **facts),
        *client.views([at + took], ("/booking/done",), page_role="done", **facts),
    ]


def clicks(client: MadeClient, seconds: list[float], **facts: object) -> Made:
    """Return landings after paid clicks."""
    return client.views(
        seconds, ("/",), **{"paid": True, "click_kind": "yclid", "campaign": {"utm_source": "yandex"}, **facts}
    )


def login(client: MadeClient, seconds: list[float], **facts: object) -> Made:
    """Return login pages."""
    return client.views(seconds, ("/login",), page_role="login", **facts)


def other_days() -> Made:
    """Return bookings of the week before, one at each hour of the tests, so that bursts are measured."""
    return [row for day in range(1, 8) for row in booking(MadeClient(), -day * DAY, 60)]


def bands(rows: Rows, settings: Settings, made: Made) -> dict[int, str]:
    """Return the band of each suspect of a day with these rows, as if all signals of ads, booking and login were judged."""
    store(settings, [*other_days(), *made])
    return {suspect.suspect: band(suspect) for suspect in found(rows.writer, *NAMES)}


def band(suspect: Suspect) -> str:
    signs = []
    for each in suspect.signs:
        signal = all_signals()[each.signal]
        signs.append(Sign(signal.model_copy(update={"judged": signal.fingerprint}), each.value))
    return scored(signs, suspect.around).band


def family() -> Made:
    """Three bookings of one address within ten minutes, filled in by the browser, after three clicks on an ad."""
    patient = MadeClient(ADDRESS)
    return [*clicks(patient, [0, 60, 120]), *[row for n in range(3) for row in booking(patient, 200.0 + 150 * n, 6)]]


def family_with_devices() -> Made:
    """Three people of one address who book from a telephone each."""
    return [row for n in range(3) for row in booking(MadeClient(ADDRESS), 200.0 * n, 6)]


def own_desk() -> Made:
    """A front desk in the clinic's own network."""
    desk = MadeClient({"net_class": "own", **OLD})
    return [row for n in range(15) for row in booking(desk, 900.0 * n, 3)]


def desk_elsewhere() -> Made:
    """A front desk at an ordinary provider whose browser fills in much of the form."""
    desk = MadeClient(OLD)
    return [row for n in range(15) for row in booking(desk, 900.0 * n, 3)]


def new_desk_in_a_rush() -> Made:
    """A front desk with a cookie of today that books every minute."""
    desk = MadeClient()
    return [row for n in range(15) for row in booking(desk, 60.0 * n, 3)]


def autofill() -> Made:
    """A returning patient whose browser fills in the form."""
    return booking(MadeClient(OLD), 0, 6)


def office() -> Made:
    """Forty people of one address who clicked on an ad each and read on, and eight of whom booked."""
    people = [MadeClient(ADDRESS) for _ in range(40)]
    rows = [row for n, client in enumerate(people) for row in clicks(client, [100.0 * n])]
    rows += [row for n, client in enumerate(people[:8]) for row in booking(client, 100.0 * n + 20, 7)]
    return rows


def office_of_first_visits() -> Made:
    """The same, but each saw one page only: no cookie came back."""
    people = [MadeClient({**ADDRESS, **FIRST}) for _ in range(40)]
    return [row for n, client in enumerate(people) for row in clicks(client, [100.0 * n])]


def researcher() -> Made:
    """A person who comes by the ad five times in a day and books in the end, or does not."""
    books, leaves = MadeClient(), MadeClient()
    rows = [row for client in (books, leaves) for row in clicks(client, [3000.0 * n for n in range(5)])]
    return rows + booking(books, 16_000, 30)


def newsletter() -> Made:
    """A link with a click id that thirty people open, some of whom book with a filled-in form."""
    people = [MadeClient() for _ in range(30)]
    rows = [row for n, client in enumerate(people) for row in clicks(client, [400.0 * n], click_token=4711)]
    return rows + [row for n, client in enumerate(people[:10]) for row in booking(client, 400.0 * n + 60, 7)]


def forgotten_password() -> Made:
    """Eight attempts in a minute, a reset, and two more attempts."""
    patient = MadeClient()
    return [
        *login(patient, [0, 8, 16, 24, 32, 40, 48, 56, 200, 210]),
        *patient.views([90, 110], ("/password",), page_role="reset"),
    ]


def own_shift() -> Made:
    """Twenty logins in five minutes of the clinic's own network."""
    staff = [MadeClient({"net_class": "own"}) for _ in range(20)]
    return [row for n, client in enumerate(staff) for row in login(client, [14.0 * n, 14.0 * n + 6])]


def shift_elsewhere() -> Made:
    """Twenty logins in five minutes with cookies of other days, of one address and of twenty."""
    here = [MadeClient({**ADDRESS, **OLD}) for _ in range(20)]
    at_home = [MadeClient({"asn": 64_501, **OLD}) for _ in range(20)]
    return [
        row
        for staff in (here, at_home)
        for n, client in enumerate(staff)
        for row in login(client, [14.0 * n, 14.0 * n + 6])
    ]


def vaccination_slot() -> Made:
    """Thirty bookings in half an hour of many providers, and ten of one company."""
    people = [MadeClient({"asn": 64_600 + n % 6}) for n in range(30)]
    company = [MadeClient(ADDRESS) for _ in range(10)]
    return [row for n, client in enumerate([*people, *company]) for row in booking(client, 40.0 * n, 20)]


def busy_new_desk() -> Made:
    """A front desk whose browser forgets its cookies, at an ordinary provider: forms at a human pace, on pages with an ad."""
    desk = MadeClient()
    rows = [row for n in range(20) for row in booking(desk, 300.0 * n + 10 * (n % 3), 25)]
    return rows + desk.views([120.0 * n + 7 * (n % 5) for n in range(60)], kind="impression", ad="top")


def office_without_cookies() -> Made:
    """People of one address whose browsers are alike and refuse cookies: one client, as it seems. They come by the ad and log in."""
    people = MadeClient({**ADDRESS, "visitor_kind": "day", "cookie_state": "refused"})
    rows = clicks(people, [90.0 * n for n in range(40)])
    return rows + login(people, [90.0 * n + 30 for n in range(40)])


def neighbours() -> Made:
    """A street of one network that clicks on an ad, and one of them who books with a filled-in form."""
    street = [MadeClient({**FIRST, "net_token": "2001:db8:1::"}) for _ in range(15)]
    patient = MadeClient({"net_token": "2001:db8:1::"})
    rows = [row for n, client in enumerate(street) for row in clicks(client, [100.0 * n])]
    return [*rows, *clicks(patient, [0]), *booking(patient, 60, 6)]


def letter_to_patients() -> Made:
    """A letter with one click id to the login page, which thirty patients of one provider open within five minutes."""
    patients = [MadeClient({"asn": 64_501}) for _ in range(30)]
    opened = [row for n, client in enumerate(patients) for row in clicks(client, [9.0 * n], click_token=4712)]
    return opened + [row for n, client in enumerate(patients) for row in login(client, [9.0 * n + 4])]


INNOCENTS = [
    busy_new_desk,
    office_without_cookies,
    neighbours,
    letter_to_patients,
    family,
    family_with_devices,
    own_desk,
    desk_elsewhere,
    new_desk_in_a_rush,
    autofill,
    office,
    office_of_first_visits,
    researcher,
    newsletter,
    forgotten_password,
    own_shift,
    shift_elsewhere,
    vaccination_slot,
]


@pytest.mark.parametrize("innocent", INNOCENTS, ids=lambda made: made.__name__)
def test_no_innocent_is_a_likely_case(tables: Rows, clickhouse: Settings, innocent: Callable[[], Made]) -> None:
    assert "likely" not in bands(tables, clickhouse, innocent()).values()


def test_a_robot_that_clicks_and_books_is_a_likely_case_by_these_signals(tables: Rows, clickhouse: Settings) -> None:
    robot = MadeClient()
    made = [row for n in range(6) for row in booking(robot, 30.0 * n, 2)]
    made += clicks(robot, [400.0 + 30 * n for n in range(12)])
    assert bands(tables, clickhouse, made) == {robot.suspect: "likely"}
