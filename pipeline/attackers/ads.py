"""Attacks on ads: clicks that are paid and are no interest, views of ads that nobody sees, partners who claim other people's bookings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipeline.attackers.scene import SECOND_MS, Scene, minutes
from pipeline.traffic.send import PlannedHit
from pipeline.traffic.visits import CAMPAIGN, DONE, FORM, View

SEARCH: Final = "https://yandex.ru/"
_LANDING: Final = "/akcii/" + CAMPAIGN
_PARTNER: Final = "utm_source=kupon-partner&utm_medium=affiliate&admitad_uid="


def click_id_reuse(scene: Scene) -> Iterator[PlannedHit]:
    """Yield landings with one paid click's id from many networks."""
    landing = f"{_LANDING}&yclid={scene.click_id()}"
    for number, moment in enumerate(scene.moments(scene.count(14), minutes(180))):
        client = scene.client(number, scene.server() if number % 3 == 0 else scene.home())
        again = moment + scene.later(minutes(2), minutes(8))
        yield from scene.hits(client, [View(moment, landing, SEARCH), View(again, landing, SEARCH)])


def repeat_paid_clicks(scene: Scene) -> Iterator[PlannedHit]:
    """Yield the clicks of one competitor, who empties the cookies after each and reads nothing."""
    address = scene.home()
    for number, moment in enumerate(scene.moments(scene.count(14), minutes(240))):
        client = scene.client(number, address, ("Chrome Windows", "Yandex Windows")[number % 2])
        yield from scene.hits(client, [View(moment, f"{_LANDING}&yclid={scene.click_id()}", SEARCH)])


def impression_flood(scene: Scene) -> Iterator[PlannedHit]:
    """Yield one browser that shows the same ad blocks again and again to nobody."""
    client, moment, views = scene.client("screen", scene.home(), "Chrome Windows"), scene.start_ms, []
    for _ in range(scene.count(160)):
        views += [View(moment, "/"), View(moment + scene.later(700, 1_500), "/", ads=("checkup", "vakcina"))]
        moment += scene.later(32 * SECOND_MS, 55 * SECOND_MS)
    yield from scene.hits(client, views)


def cookie_stuffing(scene: Scene) -> Iterator[PlannedHit]:
    """Yield a partner whose hidden frames land in other people's browsers, some of them seconds before a booking."""
    coupon = "https://kupon-partner.example/"
    for number, moment in enumerate(scene.moments(scene.count(40), minutes(300))):
        hidden = View(moment, f"/?{_PARTNER}{scene.click_id()}", coupon)
        yield from scene.hits(scene.client(f"hidden {number}", scene.home()), [hidden])
    for number, moment in enumerate(scene.moments(scene.count(8), minutes(300))):
        views = scene.chain(("/", "/services/", FORM), moment, (minutes(0.4), minutes(2)), SEARCH)
        booked = views[-1].at_ms + scene.later(40 * SECOND_MS, 120 * SECOND_MS)
        stuffed = View(booked - scene.later(SECOND_MS, 4 * SECOND_MS), f"/?{_PARTNER}{scene.click_id()}", coupon)
        done = View(booked, DONE, scene.base + FORM)
        yield from scene.hits(scene.client(f"buyer {number}", scene.home()), [*views, stuffed, done])


def referrer_spam(scene: Scene) -> Iterator[PlannedHit]:
    """Yield views whose only purpose is the referrer, which the owner of the site will read in a report."""
    agents = [scene.browser("Chrome Windows") for _ in range(2)]
    for number in range(4):
        client = scene.stranger(scene.server() if number % 2 else scene.home())
        for moment in scene.moments(scene.count(9), minutes(200)):
            views = [View(moment, "/", "https://besplatniy-trafik.example/seo/")]
            yield from scene.hits(type(client)("", agents[number % 2], client.address), views)
