"""Innocent visitors whose network, browser or way through the site is unusual. They look like stolen cookies, scrapers and forged hits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pipeline.attackers.scene import PAGES, SECOND_MS, Client, Scene, minutes
from pipeline.attackers.shared_places import booked
from pipeline.durations import HOUR_MS
from pipeline.traffic.send import PlannedHit
from pipeline.traffic.visits import CAMPAIGN, LOGIN, Browser, View, browser_on


def roaming_patient(scene: Scene) -> Iterator[PlannedHit]:
    """Yield one phone on a journey: the carrier, a hotel, the network of another town, all within hours."""
    client = scene.client("phone", scene.places.carrier(), "Safari iPhone")
    for address in (client.address, scene.home(), client.address, scene.home(), scene.places.person(scene.random, 7)):
        start = scene.start_ms + scene.later(0, minutes(12))
        yield from scene.reads(replace(client, address=address), start)
        scene = replace(scene, start_ms=scene.start_ms + scene.later(minutes(55), minutes(110)))


def vpn_user(scene: Scene) -> Iterator[PlannedHit]:
    """Yield a person whose VPN is on, then off for the booking, then on again in another country."""
    client, moment = scene.client("person", scene.server(), "Firefox"), scene.start_ms
    for address in (client.address, client.address, scene.home(), scene.server()):
        views = scene.chain(
            ("/", "/services/", "/price/"), moment, (12 * SECOND_MS, 70 * SECOND_MS), "https://www.google.com/"
        )
        yield from scene.hits(replace(client, address=address), views)
        moment = views[-1].at_ms + scene.later(minutes(2), minutes(18))
    yield from scene.hits(client, booked(scene, moment, scene.base + "/price/"))


def browser_update(scene: Scene) -> Iterator[PlannedHit]:
    """Yield people whose browser updates itself between two visits of one day."""
    for number, moment in enumerate(scene.moments(scene.count(6), 3 * HOUR_MS)):
        family = ("Chrome Windows", "Edge", "Firefox")[number % 3]
        older, newer = browser_on(family, scene.day, 2.4), browser_on(family, scene.day, 0.05)
        client = Client(scene.jar(number), older, scene.home())
        yield from scene.reads(client, moment)
        yield from scene.reads(replace(client, browser=newer), moment + scene.later(HOUR_MS, 3 * HOUR_MS))


def shared_link(scene: Scene) -> Iterator[PlannedHit]:
    """Yield the link of an ad that one person clicked and sent to the family and to friends, who read on."""
    landing = f"/akcii/{CAMPAIGN}&yclid={scene.click_id()}"
    for number, moment in enumerate(scene.moments(scene.count(6), 4 * HOUR_MS)):
        client = scene.client(number, scene.home(), ("Chrome Android", "Safari iPhone", "Yandex Android")[number % 3])
        entry = "" if number else "https://yandex.ru/"
        views = scene.chain(
            (landing, "/price/", "/contacts/")[: 2 + number % 2], moment, (9 * SECOND_MS, 60 * SECOND_MS), entry
        )
        yield from scene.hits(client, views)


def screen_reader(scene: Scene) -> Iterator[PlannedHit]:
    """Yield a blind person who goes through many pages with the keyboard, back and forth, and books at last."""
    client = scene.client("person", scene.home(), "Firefox")
    pages = []
    for page in scene.random.sample(PAGES[1:25], k=min(13, scene.count(13))):
        pages += [page, page.rsplit("/", 2)[0] + "/" if page.count("/") > 2 else "/"]
    views = scene.chain(("/", *pages), scene.start_ms, (2 * SECOND_MS, 26 * SECOND_MS), "https://yandex.ru/")
    yield from scene.hits(client, [*views, *booked(scene, views[-1].at_ms + minutes(0.7), scene.base + pages[-1])])


def translator(scene: Scene) -> Iterator[PlannedHit]:
    """Yield people who read the site through a translating proxy, whose host is the page's."""
    host = scene.site.hosts[0].replace(".", "-") + ".translate.goog"
    for number, moment in enumerate(scene.moments(scene.count(5), 5 * HOUR_MS)):
        client = scene.client(number, scene.home(), ("Chrome Android", "Chrome Windows", "Safari iPhone")[number % 3])
        client = replace(client, headers={"Referer": f"https://{host}/"})
        for hit in scene.reads(client, moment):
            hit.query["u"] = hit.query["u"].replace(scene.site.hosts[0], host)
            hit.query["r"] = hit.query.get("r", "").replace(scene.site.hosts[0], host)
            yield hit


def link_checker(scene: Scene) -> Iterator[PlannedHit]:
    """Yield the clinic's own check of its links, a program that says who it is and meets some dead ones."""
    agent = "LinkChecker/10.6 (+https://linkchecker.github.io/linkchecker/)"
    client, moment, views = Client("", Browser("", 0, "", agent, {}), scene.server()), scene.start_ms, []
    for number, page in enumerate((*PAGES, LOGIN, "/services/mrt-staraya/", "/news/staraya/")):
        status = 404 if page.endswith("staraya/") else 0
        views.append(View(moment + number * 700 + scene.later(0, 500), page, scene.base + "/", status, mode="img"))
    yield from scene.hits(client, views)
