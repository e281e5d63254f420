"""The report of dead ad blocks: page views after the last impression, and nothing that a forger of impressions could swell."""

from __future__ import annotations

from datetime import datetime, timedelta

from support.publishing import NOON, Answer, Desk, Row, view

MINUTE = timedelta(minutes=1)
LATER = NOON + timedelta(hours=3)


def read(first: int, number: int, at: datetime, page: str = "/", shown: str = "") -> list[Row]:
    """Return a page view of each of so many people, with an impression where the page shows a block."""
    made = []
    for place in range(number):
        moment = at + place * MINUTE
        made.append(view(first + place, moment, page=page, page_host="clinic.example", ad=""))
        if shown:
            facts: Row = {"kind": "impression", "page_host": "clinic.example", "ad": shown}
            made.append(view(first + place, moment, page=page, **facts))
    return made


def blocks(desk: Desk) -> dict[str, Answer]:
    """Publish the report without noise and return its rows by the block."""
    desk.publish("dead_ads", noise=0, grains=["day"])
    return {row["ad"]: row for row in desk.ask("dead_ads")}


def test_the_page_views_after_the_last_impression_tell_how_many_are_missing(desk: Desk) -> None:
    desk.store(read(100, 20, NOON, shown="checkup"), read(200, 30, LATER), read(300, 20, LATER, "/price", "teeth"))
    seen = blocks(desk)
    assert {name: (row["hits"], row["impressions"], row["quiet"], row["lost"]) for name, row in seen.items()} == {
        "checkup": (50, 20, 30, 30),
        "teeth": (20, 20, None, None),
    }
    assert (seen["checkup"]["visitors"], seen["checkup"]["ratio"]) == (50, 40)


def test_a_block_is_not_quiet_while_another_of_its_pages_shows_it(desk: Desk) -> None:
    desk.store(read(100, 20, NOON, shown="checkup"), read(200, 30, LATER), read(300, 40, LATER, "/price", "checkup"))
    seen = blocks(desk)["checkup"]
    assert (seen["hits"], seen["impressions"], seen["quiet"]) == (90, 60, None)


def test_pages_that_never_showed_a_block_and_robots_have_no_part_in_it(desk: Desk) -> None:
    robot = [row | {"robot": "SomeBot", "ad": row["ad"] and "robots-block"} for row in read(300, 9, LATER, shown="x")]
    desk.store(read(100, 20, NOON, shown="checkup"), read(200, 30, LATER, "/price"), robot)
    seen = blocks(desk)
    assert {name: (row["hits"], row["quiet"]) for name, row in seen.items()} == {"checkup": (20, None)}


def test_a_thousand_forged_blocks_of_a_page_neither_hide_a_real_one_nor_multiply_its_page_views(desk: Desk) -> None:
    forged = [
        view(
            9000 + number % 3,
            NOON + number * timedelta(seconds=1),
            page="/",
            kind="impression",
            page_host="clinic.example",
            ad=f"forged-{number}",
        )
        for number in range(1000)
    ]
    desk.store(read(100, 20, NOON, shown="checkup"), read(200, 30, LATER), forged)
    seen = blocks(desk)
    assert (seen["checkup"]["hits"], seen["checkup"]["impressions"], seen["checkup"]["quiet"]) == (50, 20, 30)
    assert len(seen) <= 10
