"""Innocent visitors who share something: an address, a device, or a desk. They look like attacks on ads, forms and logins."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.attackers.scene import SECOND_MS, Client, Scene, minutes
from pipeline.durations import HOUR_MS, MINUTE_MS
from pipeline.traffic.clinic_day import CLINIC
from pipeline.traffic.send import PlannedHit
from pipeline.traffic.visits import DONE, FORM, LOGIN, View


def clinic_nat(scene: Scene) -> Iterator[PlannedHit]:
    """Yield staff and patients in two buildings: one in the clinic's own network, one behind an ordinary provider's address."""
    for place, address in enumerate((CLINIC, scene.home())):
        for number, moment in enumerate(scene.moments(scene.count(28), 8 * HOUR_MS)):
            client = scene.client(f"{place} {number}", address, ("Chrome Windows", "Edge", "")[number % 3])
            yield from scene.reads(client, moment)
            if number % 5 == 0:
                views = scene.chain((LOGIN, "/lk/priemy/"), moment + minutes(20), (8 * SECOND_MS, 40 * SECOND_MS))
                yield from scene.hits(client, views)


def mobile_carrier(scene: Scene) -> Iterator[PlannedHit]:
    """Yield many phones behind one address of a carrier."""
    address = scene.places.carrier()
    for number, moment in enumerate(scene.moments(scene.count(70), 9 * HOUR_MS)):
        family = ("Chrome Android", "Yandex Android", "Safari iPhone")[number % 3]
        yield from scene.reads(scene.client(number, address, family), moment)


def office_proxy(scene: Scene) -> Iterator[PlannedHit]:
    """Yield a company's people, who reach the web through one address in a data centre with one version of a browser."""
    address, browser = scene.server(), scene.browser("Edge")
    for number, moment in enumerate(scene.moments(scene.count(30), 8 * HOUR_MS)):
        yield from scene.reads(Client(scene.jar(number), browser, address), moment)


def kiosk(scene: Scene) -> Iterator[PlannedHit]:
    """Yield a terminal in the hall: one browser that one patient after another uses, some to book."""
    client, moment = scene.client("kiosk", scene.home(), "Chrome Windows"), scene.start_ms
    for number in range(scene.count(24)):
        pages = [("/", "/doctors/", "/doctors/lor/"), ("/", "/price/"), ("/", "/services/", "/services/uzi/")][
            number % 3
        ]
        views = scene.chain(pages, moment, (5 * SECOND_MS, 50 * SECOND_MS))
        if number % 4 == 0:
            views += booked(
                scene, views[-1].at_ms + scene.later(10 * SECOND_MS, 40 * SECOND_MS), scene.base + pages[-1]
            )
        yield from scene.hits(client, views)
        moment = views[-1].at_ms + scene.later(minutes(3), minutes(25))


def waiting_room_screen(scene: Scene) -> Iterator[PlannedHit]:
    """Yield a screen that loads the news again every minute, with the ad blocks of the page."""
    client = scene.client("screen", scene.home(), "Chrome Windows")
    views = []
    for number in range(scene.count(540)):
        moment = scene.start_ms + number * MINUTE_MS + scene.later(0, 400)
        views += [View(moment, "/"), View(moment + scene.later(800, 1_200), "/", ads=("checkup", "vakcina"))]
    yield from scene.hits(client, views)


def family_booking(scene: Scene) -> Iterator[PlannedHit]:
    """Yield a parent who books for four of the family, each with another doctor."""
    client, moment, before = (
        scene.client("parent", scene.home(), "Chrome Android"),
        scene.start_ms,
        "https://yandex.ru/",
    )
    for page in ("/doctors/pediatr/", "/doctors/lor/", "/doctors/terapevt/", "/doctors/kardiolog/"):
        views = scene.chain(("/doctors/", page), moment, (10 * SECOND_MS, 60 * SECOND_MS), before)
        views += booked(scene, views[-1].at_ms + scene.later(15 * SECOND_MS, 70 * SECOND_MS), scene.base + page)
        yield from scene.hits(client, views)
        moment, before = views[-1].at_ms + scene.later(minutes(1), minutes(9)), scene.base + DONE


def front_desk(scene: Scene) -> Iterator[PlannedHit]:
    """Yield a receptionist who books for the people on the telephone, all day, in a branch with an ordinary provider."""
    client, moment = scene.client("desk", scene.home(), "Chrome Windows"), scene.start_ms
    for number in range(scene.count(38)):
        views = booked(scene, moment, scene.base + DONE if number else "")
        yield from scene.hits(client, views)
        moment = views[-1].at_ms + scene.later(minutes(2), minutes(22))


def booked(scene: Scene, moment: int, referrer: str) -> list[View]:
    """Return the views of a form that a person fills."""
    done = moment + scene.later(35 * SECOND_MS, 140 * SECOND_MS)
    return [View(moment, FORM, referrer), View(done, DONE, scene.base + FORM)]
