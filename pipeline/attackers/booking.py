"""Attacks on the appointments and on the patient's account: bookings that nobody keeps, and guessed passwords."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.attackers.scene import RESET, SECOND_MS, Client, Scene, beside, minutes
from pipeline.traffic.send import PlannedHit
from pipeline.traffic.visits import DONE, FORM, LOGIN, View


def booking_burst(scene: Scene) -> Iterator[PlannedHit]:
    """Yield bookings of one hosting network that fill the calendar within half an hour; each has new cookies."""
    first = scene.server()
    for number, moment in enumerate(scene.moments(scene.count(26), minutes(28))):
        client = scene.client(number, beside(first, number % 5), "Chrome Windows")
        yield from scene.hits(client, _booking(scene, moment, 9 * SECOND_MS, 25 * SECOND_MS))


def fast_forms(scene: Scene) -> Iterator[PlannedHit]:
    """Yield forms that a program fills within two seconds, each from another home."""
    for number, moment in enumerate(scene.moments(scene.count(12), minutes(150))):
        yield from scene.hits(scene.client(number, scene.home()), _booking(scene, moment, 900, 2_400))


def spread_login(scene: Scene) -> Iterator[PlannedHit]:
    """Yield guessed passwords from many addresses with one agent, and at last the page for a lost password."""
    browser = scene.browser("Chrome Windows")
    first = scene.server()
    for number in range(scene.count(42)):
        address = beside(first, number) if number % 2 else scene.server()
        moment = scene.start_ms + scene.later(0, minutes(4))
        tries = [moment + place * scene.later(4 * SECOND_MS, 20 * SECOND_MS) for place in range(1 + number % 3)]
        views = [View(at_ms, LOGIN, scene.base + LOGIN if place else "") for place, at_ms in enumerate(tries)]
        if number % 4 == 0:
            views.append(View(tries[-1] + scene.later(3 * SECOND_MS, 9 * SECOND_MS), RESET, scene.base + LOGIN))
        yield from scene.hits(Client("", browser, address), views)


def _booking(scene: Scene, moment: int, shortest_ms: int, longest_ms: int) -> list[View]:
    return [View(moment, FORM), View(moment + scene.later(shortest_ms, longest_ms), DONE, scene.base + FORM)]
