"""Machines that open one-time links are told apart from people, and no person is taken for one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline.publish.counting import QUERY
from support.days import MIDNIGHT
from support.publishing import DAY, NOON, SITE, Answer, Desk, Row, view

SECOND = timedelta(seconds=1)
HOSTING: Row = {"net_class": "datacenter", "asn": 64496}
NOBODY: Row = {"visitor": 0, "visitor_kind": "none", "ip_token": "::", "ua_token": 0}


def opens(client: int, *after: float, **facts: object) -> list[Row]:
    """Return the opens of a link by a client without a cookie, so many seconds after noon."""
    here: Row = {"visitor_kind": "day", "cookie_state": "new", "ip_token": f"::{client}", "ua_token": client}
    link: Row = {"page": "/cancel/*", "page_role": "cancel"}
    rows = [view(client, NOON + at * SECOND, **here, **link) for at in after]
    return [row | facts for row in rows]


PEOPLE: dict[str, list[list[Row]]] = {
    "opens it at home and leaves": [opens(1000, 0)],
    "clicks twice in the message": [opens(1010, 0, 0.3)],
    "reloads a slow page": [opens(1020, 0, 8, 16, 24)],
    "confirms, and cancels a minute later": [opens(1030, 0, page="/confirm/*", page_role="confirm"), opens(1030, 60)],
    "uses a VPN": [opens(1040, 0, net_class="vpn")],
    "reads on, in an office behind a hosting network": [
        opens(1050, 0, **HOSTING),
        opens(1050, 90, page="/contacts", page_role="", referrer_kind="internal", referrer_page="/cancel/*", **HOSTING),
    ],
    "read before, in an office behind a hosting network": [
        opens(1060, 0, page="/doctors", page_role="", referrer_kind="search", **HOSTING),
        opens(1060, 600, **HOSTING),
    ],
    "was here before: the cookie comes back": [
        opens(1070, 0, **HOSTING, visitor_kind="cookie", cookie_state="returning", cookie_age="week"),
    ],
    "reloads in an office, and then the cookie comes back": [
        opens(1080, 0, **HOSTING),
        opens(1080, 5, **HOSTING, visitor=77, visitor_kind="cookie", cookie_state="returning"),
    ],
    "opens it in webmail, whose address is the referrer": [opens(1090, 0, **HOSTING, referrer_kind="mail")],
    "asks for privacy, behind a hosting network": [opens(1100, 0, **HOSTING, **NOBODY, cookie_state="signal")],
    "refused the cookie, behind a hosting network": [opens(1110, 0, **HOSTING, **NOBODY, cookie_state="refused")],
}  # fmt: skip
MACHINES: dict[str, list[Row]] = {
    "from a hosting network": opens(2000, 0, **HOSTING),
    "from a hosting network, twice": opens(2010, 0, 2, **HOSTING),
    "from a hosting network, both links of a message": opens(2020, 0, **HOSTING)
    + opens(2020, 1, page="/confirm/*", page_role="confirm", **HOSTING),
    "from an unknown network, three times in two seconds": opens(2030, 0, 1, 2),
}


def as_other_clients(rows: list[Row], times: int) -> list[Row]:
    """Return the rows again, each time of another client."""
    made = []
    for number in range(times):
        for row in rows:
            moved: Row = {"received_at": row["received_at"] + number * 300 * SECOND}  # type: ignore[operator]
            if row["visitor"]:
                moved |= {"visitor": row["visitor"] + number, "ip_token": f"{row['ip_token']}:{number:x}"}  # type: ignore[operator]
            made.append(row | moved)
    return made


def counted(desk: Desk) -> tuple[int, int]:
    """Return opens and machines of the day as counted, before noise and thresholds."""
    values = {"site": SITE, "since": MIDNIGHT, "until": MIDNIGHT + DAY, "grain": "day", "k0": 1, "k1": 2}
    rows = desk.rows.writer.query(QUERY.format(name="one_time_links"), parameters=values).named_results()
    numbers = [row["numbers"] for row in rows]
    return sum(each[0] for each in numbers), sum(each[1] for each in numbers)


@pytest.mark.parametrize("who", PEOPLE)
def test_no_person_is_counted_as_a_machine(who: str, desk: Desk) -> None:
    desk.store(*(as_other_clients(rows, 20) for rows in PEOPLE[who]))
    number, machines = counted(desk)
    assert number >= 4, "all rows without a visitor are one person, of whom four opens count"
    assert machines == 0


@pytest.mark.parametrize("what", MACHINES)
def test_a_machine_is_counted_with_all_its_opens(what: str, desk: Desk) -> None:
    desk.store(as_other_clients(MACHINES[what], 20))
    assert counted(desk) == (20 * len(MACHINES[what]), 20 * len(MACHINES[what]))


def test_headless_opens_of_hosting_networks_are_told_among_twenty_people(desk: Desk) -> None:
    twenty = [row for rows in PEOPLE.values() for group in rows for row in as_other_clients(group, 2)]
    people = {(row["ip_token"], row["visitor"]) for row in twenty}
    assert len(people) >= 20
    desk.store(twenty, as_other_clients(opens(2000, 0, **HOSTING), 34))
    desk.know("/cancel/*", "/confirm/*")
    assert counted(desk)[1] == 34
    desk.publish("one_time_links", noise=0, grains=["day"])
    rows: dict[str, Answer] = {row["page"]: row for row in desk.ask("one_time_links")}
    assert (rows["/cancel/*"]["machines"], rows["/cancel/*"]["role"]) == (34, "cancel")
    assert rows["/cancel/*"]["opens"] > 54


def test_declared_robots_count_apart_and_previews_of_a_shared_link_nowhere(desk: Desk) -> None:
    desk.store(
        as_other_clients(opens(1000, 0), 9),
        as_other_clients(opens(3000, 0, robot="MailScanner", **HOSTING), 7),
        as_other_clients(opens(4000, 0, robot="TelegramBot", ivt_reasons=["robot_preview"], **HOSTING), 8),
    )
    desk.publish("one_time_links", noise=0, grains=["day"])
    (row,) = desk.ask("one_time_links")
    assert (row["opens"], row["machines"], row["robots"]) == (9, None, 7)


def test_a_page_without_such_a_role_is_no_one_time_link(desk: Desk) -> None:
    desk.store(as_other_clients(opens(2000, 0, page_role="form", **HOSTING), 20))
    desk.publish("one_time_links", noise=0, grains=["day"])
    assert desk.ask("one_time_links") == []
